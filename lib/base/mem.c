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
static size_t secret_pages(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (SECRET_MAX + 1 + page - 1) / page * page;
}

int secret_new(struct secret *s)
{
	size_t size = secret_pages();
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	/* RLIMIT_MEMLOCK may be nothing, and old kernels lack the advice: still a page. */
	(void)mlock(p, size);
	(void)madvise(p, size, MADV_DONTDUMP);
	(void)madvise(p, size, MADV_WIPEONFORK);
	*s = (struct secret){ .p = p, .n = 0, .cap = SECRET_MAX };
	return 0;
}

void secret_free(struct secret *s)
{
	if (!s || !s->p)
		return;
	mem_wipe(s->p, secret_pages());
	munmap(s->p, secret_pages());
	*s = (struct secret){ NULL, 0, 0 };
}
