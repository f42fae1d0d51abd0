/*
 * Memory. Running out of it ends the process with ERR_INTERNAL: every
 * program of the project refuses by ending with a status other than 0.
 */
#ifndef GH_BASE_MEM_H
#define GH_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t size);
/* Grows an array: count * size is checked for overflow. */
void *xreallocarray(void *p, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Overwrites memory in a way the compiler may not leave out. */
void mem_wipe(void *p, size_t n);

/*
 * A secret (a PIN, an access token): its own pages, locked against swap where the limits
 * allow, left out of core dumps and of children. secret_free() wipes it.
 */
struct secret {
	char *p;    /* NUL-terminated for convenience; may hold NUL inside */
	size_t n;   /* length without the final NUL */
	size_t cap; /* room, without the final NUL */
};

#define SECRET_MAX 1024

int secret_new(struct secret *s); /* room for SECRET_MAX; 0, or -1 when no page can be had */
void secret_free(struct secret *s);
/*
 * Appends. A secret that is all zero or too small gets new pages, and the old
 * ones are wiped. No memory, or more than SECRET_GROWN_MAX, ends the process.
 */
void secret_add(struct secret *s, const void *p, size_t n);
void secret_add_str(struct secret *s, const char *text);

#define SECRET_GROWN_MAX ((size_t)4 << 20)
#define SECRET_NONE { NULL, 0, 0 }

/* `_cleanup_(fn)` runs fn(&variable) at the end of the scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void mem_freep(void *p)
{
	extern void free(void *);
	free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(mem_freep)

#endif
