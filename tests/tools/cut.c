/*
 * A file that becomes shorter while somebody reads it: loaded before a program
 * (LD_PRELOAD), it cuts each pack to one page as soon as all of it is mapped.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void cut(int fd, size_t n)
{
	char link[64], path[4096];
	struct stat st;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 5 || fstat(fd, &st) < 0 || (uint64_t)st.st_size != n)
		return;
	path[len] = '\0';
	if (strcmp(path + len - 5, ".pack") == 0 && truncate(path, 4096) < 0)
		perror(path);
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	void *p = (void *)syscall(SYS_mmap, at, n, prot, flags, fd, from);

	if (p != MAP_FAILED && fd >= 0 && from == 0)
		cut(fd, n);
	return p;
}
