/*
 * A borrowed view of bytes: owns nothing, is never NUL-terminated.
 * An empty view may have a NULL pointer.
 */
#ifndef GH_BASE_BYTES_H
#define GH_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *p;
	size_t n;
};

#define BYTES_NONE ((struct bytes){ NULL, 0 })
#define BYTES_LIT(s) ((struct bytes){ (const uint8_t *)("" s), sizeof(s) - 1 })

static inline struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){ (const uint8_t *)p, n };
}

static inline struct bytes bytes_str(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, strlen(s) };
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool bytes_eq_str(struct bytes a, const char *s)
{
	return bytes_eq(a, bytes_str(s));
}

static inline bool bytes_starts(struct bytes a, struct bytes prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* The view without its first `n` bytes; `n` must not exceed a.n. */
static inline struct bytes bytes_skip(struct bytes a, size_t n)
{
	return bytes_of(a.p + n, a.n - n);
}

/* Byte order, a shorter prefix first: <0, 0, >0. */
static inline int bytes_cmp(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

#endif
