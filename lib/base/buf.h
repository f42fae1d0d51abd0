/*
 * A growing buffer that owns its bytes. It always keeps a NUL behind them,
 * so `(char *)b.p` is a C string when the content has no NUL. A buffer that
 * would pass BUF_MAX, or for which there is no memory, ends the process:
 * input is bounded where it is read, not here.
 */
#ifndef GH_BASE_BUF_H
#define GH_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define BUF_MAX ((size_t)1 << 30)

struct buf {
	uint8_t *p;
	size_t n;
	size_t cap;
};

#define BUF_INIT { NULL, 0, 0 }

void buf_free(struct buf *b);              /* releases; the buffer is empty and usable */
void buf_clear(struct buf *b);             /* n = 0, memory kept */
void buf_grow(struct buf *b, size_t more); /* of buf_reserve(), where there is not the room */
void buf_add_bytes(struct buf *b, struct bytes v);
void buf_add_str(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
const char *buf_str(const struct buf *b); /* never NULL */
char *buf_detach(struct buf *b);          /* the bytes as an owned C string */

/* Room for more; n unchanged. */
static inline uint8_t *buf_reserve(struct buf *b, size_t more)
{
	if (more >= b->cap - b->n) /* the NUL */
		buf_grow(b, more);
	b->p[b->n] = 0;
	return b->p + b->n;
}

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	uint8_t *to = buf_reserve(b, n);

	if (n > 0)
		memcpy(to, p, n);
	b->n += n;
	b->p[b->n] = 0;
}

static inline void buf_add_byte(struct buf *b, uint8_t c)
{
	*buf_reserve(b, 1) = c;
	b->p[++b->n] = 0;
}

static inline struct bytes buf_bytes(const struct buf *b)
{
	return bytes_of(b->p, b->n);
}

#endif
