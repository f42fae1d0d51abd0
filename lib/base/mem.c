#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

/* Without exit handlers: half-written standard output must not be flushed. */
static _Noreturn void out_of_memory(void)
{
	static const char text[] = "gitsign-hsm: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored;
	_exit(ERR_INTERNAL);
}

static void *must(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

void *xmalloc(size_t n)
{
	return must(malloc(n ? n : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size ? size : 1));
}

void *xreallocarray(void *p, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		out_of_memory();
	return must(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
	return must(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return must(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return s;
}

void mem_wipe(void *p, size_t n)
{
	if (p && n)
		explicit_bzero(p, n);
}

/* Whole pages: locking, dumping and forking are told apart by page only. */
static size_t secret_pages(size_t cap)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (cap + 1 + page - 1) / page * page;
}

static int secret_map(struct secret *s, size_t cap)
{
	size_t size = secret_pages(cap);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	/* RLIMIT_MEMLOCK may be nothing, and old kernels lack the advice: still a page. */
	(void)mlock(p, size);
	(void)madvise(p, size, MADV_DONTDUMP);
	(void)madvise(p, size, MADV_WIPEONFORK);
	*s = (struct secret){ .p = p, .n = 0, .cap = cap };
	return 0;
}

int secret_new(struct secret *s)
{
	return secret_map(s, SECRET_MAX);
}

void secret_free(struct secret *s)
{
	if (!s || !s->p)
		return;
	mem_wipe(s->p, secret_pages(s->cap));
	munmap(s->p, secret_pages(s->cap));
	*s = (struct secret){ NULL, 0, 0 };
}

static void secret_grow(struct secret *s, size_t want)
{
	struct secret more;
	/* all of the pages that are taken anyway */
	size_t cap = secret_pages(want < 2 * s->cap ? 2 * s->cap : want) - 1;

	if (want > SECRET_GROWN_MAX || secret_map(&more, cap) != 0)
		out_of_memory();
	if (s->n > 0)
		memcpy(more.p, s->p, s->n);
	more.n = s->n;
	secret_free(s);
	*s = more;
}

void secret_add(struct secret *s, const void *p, size_t n)
{
	if (n > SECRET_GROWN_MAX)
		out_of_memory();
	if (!s->p || n > s->cap - s->n)
		secret_grow(s, s->n + n);
	if (n > 0)
		memcpy(s->p + s->n, p, n);
	s->n += n;
	s->p[s->n] = '\0';
}

void secret_add_str(struct secret *s, const char *text)
{
	secret_add(s, text, strlen(text));
}
