#include "record/push.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/process.h"
#include "base/text.h"

#define ANCESTORS_MAX 32
#define ARGS_MAX 65536

/* "BOOT:NAMESPACE:"; NULL where /proc does not tell of the processes that we see. */
static char *system_here(void)
{
	_cleanup_(buf_free) struct buf boot = BUF_INIT;
	char self[32], space[64];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);
	ssize_t k = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);
	uint64_t pid, number;

	if (n <= 0 || !text_parse_u64(bytes_of(self, (size_t)n), &pid) || pid != (uint64_t)getpid())
		return NULL;
	if (k < 7 || strncmp(space, "pid:[", 5) != 0 || space[k - 1] != ']' ||
	    !text_parse_u64(bytes_of(space + 5, (size_t)k - 6), &number))
		return NULL;
	if (os_file_read("/proc/sys/kernel/random/boot_id", OS_FILE_ANY, 64, &boot, NULL) ||
	    boot.n != 37)
		return NULL;
	return xasprintf("%.36s:%llu:", buf_str(&boot), (unsigned long long)number);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "git-receive-pack DIR", "git receive-pack DIR". */
static bool is_receive_pack(pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%ld/cmdline", (long)pid);
	_cleanup_(buf_free) struct buf args = BUF_INIT;
	const char *at, *end, *name;

	if (os_file_read(path, OS_FILE_ANY, ARGS_MAX, &args, NULL))
		return false;
	at = buf_str(&args);
	end = at + args.n;
	name = base_name(at);
	if (strcmp(name, "git-receive-pack") == 0)
		return true;
	while (strcmp(name, "git") == 0 && (at += strlen(at) + 1) < end)
		if (strcmp(at, "receive-pack") == 0)
			return true;
	return false;
}

char *push_here(void)
{
	_cleanup_free_ char *here = system_here();
	pid_t pid = getppid();
	struct process p;

	for (int i = 0; here && i < ANCESTORS_MAX && pid > 0; i++, pid = p.parent) {
		if (!process_read(pid, &p))
			return NULL;
		if (is_receive_pack(pid))
			return xasprintf("%s%ld:%llu", here, (long)pid, p.start);
	}
	return NULL;
}

bool push_is_over(const char *push)
{
	_cleanup_free_ char *here = system_here();
	size_t n = here ? strlen(here) : 0;
	uint64_t pid, start;
	const char *colon;
	struct process p;

	if (!here || strncmp(push, here, n) != 0)
		return false;
	colon = strchr(push + n, ':');
	if (!colon || !text_parse_u64(bytes_of(push + n, (size_t)(colon - push) - n), &pid) ||
	    !text_parse_u64(bytes_str(colon + 1), &start) || pid == 0 || pid > INT32_MAX)
		return false;
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return true;
	return process_read((pid_t)pid, &p) && p.start != start;
}
