#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "base/mem.h"
#include "base/text.h"

/* Each line is a system call in every program's start: keep them few. */
void os_start(void)
{
	const struct rlimit none = { 0, 0 };

	/* open() takes the lowest free number: a closed 0, 1 or 2 would become a
	 * token's socket that an error message is then written to. What stands in for
	 * it fails as it did: a signature into the void must not look delivered. */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", (fd == 0 ? O_WRONLY : O_RDONLY) | O_NOCTTY) != fd)
			_exit(ERR_INTERNAL);
	signal(SIGPIPE, SIG_IGN);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	umask(077);
}

void os_memory_returns(size_t bytes)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_THRESHOLD, (int)bytes);
#else
	(void)bytes;
#endif
}

int64_t os_now(void)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec;
}

int64_t os_monotonic_ms(void)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Whoever started us may have left a descriptor non-blocking: wait, don't fail. */
static bool try_again(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (errno == EINTR)
		return true;
	if (errno != EAGAIN)
		return false;
	poll(&p, 1, -1);
	return true;
}

#define READ_ROOM ((size_t)16384)

int os_read_all(int fd, size_t max, const char *what, struct buf *out, struct err *err)
{
	size_t before = out->n, got = 0, room = READ_ROOM;
	struct stat st;
	int rc = 0;

	/* A file comes in one piece, where it does not grow meanwhile. Those of /proc say 0. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		room = (uint64_t)st.st_size < max ? (size_t)st.st_size + 1 : max + 1;
	for (;;) {
		uint8_t *to;
		ssize_t n;

		if (room > max - got)
			room = max - got + 1; /* one more, to see that there is more */
		to = buf_reserve(out, room);
		n = read(fd, to, room);
		if (n == 0)
			break;
		if (n < 0) {
			if (try_again(fd, POLLIN))
				continue;
			rc = err_errno(err, ERR_IO, "cannot read %s", what);
			break;
		}
		got += (size_t)n;
		out->n += (size_t)n;
		if (got > max) {
			rc = err_set(err, ERR_INPUT, "%s has more than %zu bytes", what, max);
			break;
		}
		room -= (size_t)n;
		if (room == 0) /* what is left will do to see the end */
			room = got < READ_ROOM ? READ_ROOM : got;
	}
	if (rc)
		out->n = before;
	if (out->p)
		out->p[out->n] = 0;
	return rc;
}

int os_write_all(int fd, struct bytes v, const char *what, struct err *err)
{
	while (v.n > 0) {
		ssize_t n = write(fd, v.p, v.n);

		if (n < 0 && try_again(fd, POLLOUT))
			continue;
		if (n < 0)
			return err_errno(err, ERR_IO, "cannot write %s", what);
		v = bytes_skip(v, (size_t)n);
	}
	return 0;
}

/* A path for an error text or a command to copy: quoted when it has to be. */
static char *shown(const char *path)
{
	char *plain = text_escaped(bytes_str(path));
	char *quoted;

	if (plain[0] != '-' &&
	    !plain[strspn(plain, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%")])
		return plain;
	quoted = xasprintf("'%s'", plain);
	free(plain);
	return quoted;
}

static int judge_file(const char *path, const struct stat *st, enum os_file_rule rule,
		      struct err *err)
{
	uid_t we = geteuid();
	mode_t mode = st->st_mode & 07777;

	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_CONFIG, "%s is not a regular file", path);
	if (rule == OS_FILE_ANY)
		return 0;
	if (st->st_uid != we && (rule == OS_FILE_SECRET || st->st_uid != 0))
		return err_set(err, ERR_CONFIG,
			       "%s belongs to user id %u, not to us: run as that user, or "
			       "chown %u %s",
			       path, (unsigned)st->st_uid, (unsigned)we, path);
	if (rule == OS_FILE_SECRET && mode != 0400 && mode != 0600)
		return err_set(err, ERR_CONFIG,
			       "%s holds a secret, but has mode %04o: chmod 600 %s", path,
			       (unsigned)mode, path);
	if (mode & 022)
		return err_set(err, ERR_CONFIG, "%s can be written by others: chmod go-w %s", path,
			       path);
	return 0;
}

static int open_failed(const char *path, struct err *err)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
	case EACCES:
	case EPERM:
	case ELOOP:
	case ENAMETOOLONG:
	case ENXIO: /* a socket */
		return err_errno(err, ERR_CONFIG, "cannot open %s", path);
	}
	return err_errno(err, ERR_IO, "cannot open %s", path);
}

int os_file_read(const char *path, enum os_file_rule rule, size_t max, struct buf *out,
		 struct err *err)
{
	_cleanup_free_ char *name = shown(path);
	struct stat st;
	int rc, fd;

	/* Non-blocking: a FIFO in the place of a file must not hang us. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return open_failed(name, err);
	if (fstat(fd, &st) < 0)
		rc = err_errno(err, ERR_IO, "cannot look at %s", name);
	else
		rc = judge_file(name, &st, rule, err);
	if (!rc)
		rc = os_read_all(fd, max, name, out, err);
	close(fd);
	return rc;
}

/* Makes what open(), write(), rename() did outlast a power cut. */
static int sync_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir =
		!slash ? xstrdup(".") : xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	if (rc < 0 && errno == EINVAL) /* a file system that has no such thing */
		rc = 0;
	close(fd);
	return rc;
}

int os_file_replace(const char *path, struct bytes content, mode_t mode, struct err *err)
{
	_cleanup_free_ char *name = shown(path);
	_cleanup_free_ char *temp = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(temp, O_CLOEXEC);
	int rc = 0;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_IO,
			       "cannot write %s: its directory is not there: make it first", name);
	if (fd < 0)
		return err_errno(err, ERR_IO, "cannot create a file beside %s", name);
	rc = os_write_all(fd, content, name, err);
	if (!rc && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		rc = err_errno(err, ERR_IO, "cannot write %s", name);
	if (close(fd) < 0 && !rc)
		rc = err_errno(err, ERR_IO, "cannot write %s", name);
	if (!rc && rename(temp, path) < 0)
		rc = err_errno(err, ERR_IO, "cannot replace %s", name);
	if (rc) {
		unlink(temp);
		return rc;
	}
	if (sync_dir_of(path) < 0)
		return err_errno(err, ERR_IO, "cannot sync the directory of %s", name);
	return 0;
}

static int open_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

/* The copies that are out now; -1: none. */
static struct os_stdio hidden = { -1, -1 };

/*
 * Close-on-exec does not help when a library forks and does not execute: its
 * child would keep the pipes open, and whoever reads them would wait for it.
 */
static void close_hidden(void)
{
	if (hidden.out >= 0)
		close(hidden.out);
	if (hidden.err >= 0)
		close(hidden.err);
}

static void watch_forks(void)
{
	static bool done;

	if (!done)
		done = pthread_atfork(NULL, NULL, close_hidden) == 0;
}

int os_stdout_end(const char *program, int status)
{
	/* An error of before stays with the stream, its number does not. */
	bool now = fflush(stdout) != 0;

	if (!now && !ferror(stdout))
		return status;
	fprintf(stderr, "%s: the result could not be written%s%s\n", program, now ? ": " : "",
		now ? strerror(errno) : "");
	return status <= 1 ? ERR_IO : status;
}

int os_stdio_hide(struct os_stdio *ret, struct err *err)
{
	struct os_stdio s = { -1, -1 };
	int null;

	fflush(stdout);
	fflush(stderr);
	null = open_null();
	s.out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	s.err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (null < 0 || s.out < 0 || s.err < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0) {
		int rc = err_errno(err, ERR_IO, "cannot move standard output away");

		os_stdio_restore(&s);
		if (null > 2)
			close(null);
		return rc;
	}
	if (null > 2)
		close(null);
	watch_forks();
	hidden = *ret = s;
	return 0;
}

void os_stdio_restore(struct os_stdio *s)
{
	/* What the library left in stdio's buffers belongs to /dev/null too. */
	fflush(stdout);
	fflush(stderr);
	if (s->out >= 0) {
		dup2(s->out, STDOUT_FILENO);
		close(s->out);
	}
	if (s->err >= 0) {
		dup2(s->err, STDERR_FILENO);
		close(s->err);
	}
	hidden = *s = (struct os_stdio){ -1, -1 };
}

void os_check_leaks(void)
{
#ifdef __SANITIZE_ADDRESS__
	__lsan_do_leak_check();
#endif
}

void os_exit(int status)
{
	os_check_leaks(); /* exit() would have done it */
	_exit(status);
}

int os_self_dir(struct buf *out, struct err *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	const char *slash;

	if (n < 0)
		return err_errno(err, ERR_INTERNAL,
				 "cannot find the running program (is /proc there?)");
	slash = n < (ssize_t)sizeof(path) ? memrchr(path, '/', (size_t)n) : NULL;
	if (!slash)
		return err_set(err, ERR_INTERNAL, "the path of the running program is too long");
	buf_add(out, path, slash == path ? 1 : (size_t)(slash - path));
	return 0;
}

size_t os_processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
#endif
	return n > 0 ? (size_t)n : 1;
}
