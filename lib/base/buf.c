#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

static _Noreturn void too_large(void)
{
	static const char text[] = "gitsign-hsm: a buffer would pass 1 GiB\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored;
	_exit(ERR_INTERNAL);
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	if (b->p)
		b->p[0] = 0;
}

void buf_grow(struct buf *b, size_t more)
{
	size_t need, cap = b->cap + b->cap / 2;

	if (more > BUF_MAX || b->n > BUF_MAX - more)
		too_large();
	need = b->n + more + 1; /* the NUL */
	if (cap < need)
		cap = need < 64 ? 64 : need;
	b->p = xreallocarray(b->p, cap, 1);
	b->cap = cap;
}

void buf_add_bytes(struct buf *b, struct bytes v)
{
	buf_add(b, v.p, v.n);
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	char *room = (char *)buf_reserve(b, 64);
	size_t have = b->cap - b->n;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(room, have, fmt, ap);
	if (n >= 0 && (size_t)n >= have) {
		room = (char *)buf_reserve(b, (size_t)n);
		n = vsnprintf(room, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	if (n < 0)
		too_large();
	b->n += (size_t)n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

const char *buf_str(const struct buf *b)
{
	if (!b->p)
		return "";
	/* Who filled reserved room by hand may have overwritten the NUL. */
	if (b->p[b->n] != 0)
		b->p[b->n] = 0;
	return (const char *)b->p;
}

char *buf_detach(struct buf *b)
{
	char *s;

	buf_reserve(b, 0);
	s = (char *)b->p;
	*b = (struct buf)BUF_INIT;
	return s;
}
