/*
 * The protection of secrets taken away (LD_PRELOAD): a program that asks for no core dumps, or for
 * pages to be left out of them, is not heard.
 */
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int op, ...)
{
	unsigned long v[4];
	va_list ap;

	va_start(ap, op);
	for (int i = 0; i < 4; i++)
		v[i] = va_arg(ap, unsigned long);
	va_end(ap);
	return op == PR_SET_DUMPABLE ? 0 : (int)syscall(SYS_prctl, op, v[0], v[1], v[2], v[3]);
}

int setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
	return what == RLIMIT_CORE ? 0 : (int)syscall(SYS_prlimit64, 0, what, limit, NULL);
}

int madvise(void *p, size_t n, int advice)
{
	return advice == MADV_DONTDUMP ? 0 : (int)syscall(SYS_madvise, p, n, advice);
}
