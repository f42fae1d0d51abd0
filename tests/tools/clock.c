/*
 * A clock that goes wrong: loaded before a program (LD_PRELOAD), it adds GH_CLOCK seconds
 * to the time of day, or as many as stand in the file that GH_CLOCK names (/path), at each look.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static time_t offset(void)
{
	const char *v = getenv("GH_CLOCK");
	char text[32];

	if (v != NULL && v[0] == '/') {
		int fd = open(v, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

		if (fd >= 0)
			close(fd);
		text[n > 0 ? n : 0] = '\0';
		v = text;
	}
	return v ? (time_t)strtoll(v, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);

	if (rc == 0 && id == CLOCK_REALTIME)
		ts->tv_sec += offset();
	return rc;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
