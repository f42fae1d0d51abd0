/*
 * measure OUTPUT COMMAND...: runs it and writes "processor-seconds wall-seconds
 * peak-anonymous-KiB" to OUTPUT. Ends as it does. Anonymous memory is looked at every
 * two milliseconds: what is mapped of packs is not the program's.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long anonymous(pid_t pid)
{
	static const char key[] = "RssAnon:";
	char path[64], text[4096], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, key);
	return at ? strtol(at + sizeof(key) - 1, NULL, 10) : 0;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	double start = now();
	struct rusage used;
	long peak = 0;
	int status;
	pid_t pid;
	FILE *f;

	if (argc < 3 || posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ)) {
		fputs("usage: measure OUTPUT COMMAND...\n", stderr);
		return 2;
	}
	while (wait4(pid, &status, WNOHANG, &used) == 0) {
		long n = anonymous(pid);

		peak = n > peak ? n : peak;
		nanosleep(&pause, NULL);
	}
	f = fopen(argv[1], "w");
	if (!f)
		return 2;
	fprintf(f, "%.6f %.6f %ld\n", seconds(used.ru_utime) + seconds(used.ru_stime), now() - start,
		peak);
	fclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
