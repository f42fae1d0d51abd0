#include "base/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"

#define BACKLOG 128
#define CONNECT_S 10 /* who listens and is stopped lets a full queue wait for ever */

/* A directory where nobody else can replace what is ours: `shared` allows /tmp's kind. */
static bool parent_ok(const char *path, bool shared)
{
	struct stat st;

	if (path == NULL || path[0] != '/' || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return false;
	if (st.st_uid != geteuid() && !(shared && st.st_uid == 0))
		return false;
	return (st.st_mode & 022) == 0 || (shared && (st.st_mode & S_ISVTX) != 0);
}

static void name_dir(struct buf *out)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	char run[40];

	snprintf(run, sizeof(run), "/run/user/%u", (unsigned)geteuid());
	if (!parent_ok(base, false))
		base = parent_ok(run, false) ? run : NULL;
	if (base != NULL) {
		buf_addf(out, "%s/gitsign-hsm", base);
		return;
	}
	base = getenv("TMPDIR");
	buf_addf(out, "%s/gitsign-hsm-%u", parent_ok(base, true) ? base : "/tmp",
		 (unsigned)geteuid());
}

/* Judged by lstat(): in a sticky directory nobody can replace what is ours. */
static int judge_dir(const char *path, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(path));
	struct stat st;

	if (lstat(path, &st) != 0)
		return err_errno(err, ERR_IO, "cannot use %s", shown);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 07777) != 0700)
		return err_set(err, ERR_CONFIG,
			       "%s must be a directory of yours with mode 0700, for sockets and "
			       "locks: remove it, or set XDG_RUNTIME_DIR",
			       shown);
	return 0;
}

int rundir_path(bool create, struct buf *out, struct err *err)
{
	struct buf path = BUF_INIT;
	int r;

	name_dir(&path);
	if (create)
		(void)mkdir(buf_str(&path), 0700); /* whatever stands there is judged */
	r = judge_dir(buf_str(&path), err);
	if (r == 0)
		buf_add_bytes(out, buf_bytes(&path));
	buf_free(&path);
	return r;
}

static int path_of(const char *name, bool create, struct buf *out, struct err *err)
{
	int r = rundir_path(create, out, err);

	if (r == 0)
		buf_addf(out, "/%s", name);
	return r;
}

/* flock() has no deadline; the holder may be waiting for a person. */
static int wait_lock(int fd, int timeout_ms)
{
	int64_t end = os_monotonic_ms() + timeout_ms;
	int pause = 1;

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (os_monotonic_ms() >= end) {
			errno = EWOULDBLOCK;
			return -1;
		}
		(void)poll(NULL, 0, pause);
		pause = pause < 25 ? pause * 2 : 25;
	}
	return 0;
}

int rundir_lock(const char *name, int timeout_ms, int *ret, struct err *err)
{
	struct buf path = BUF_INIT;
	int r = path_of(name, true, &path, err), fd = -1;

	if (r == 0) {
		fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			r = err_errno(err, ERR_IO, "cannot open %s", buf_str(&path));
	}
	if (r == 0 && wait_lock(fd, timeout_ms) != 0) {
		if (errno != EWOULDBLOCK)
			r = err_errno(err, ERR_IO, "cannot lock %s", buf_str(&path));
		close(fd);
		fd = -1;
	}
	buf_free(&path);
	if (r == 0)
		*ret = fd;
	return r;
}

bool rundir_peer_ours(int fd)
{
	struct ucred c;
	socklen_t n = sizeof(c);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0 && n == sizeof(c) &&
	       c.uid == geteuid();
}

static int address(const char *path, struct sockaddr_un *a, struct err *err)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a->sun_path))
		return err_set(err, ERR_CONFIG, "%s: too long for a socket: set XDG_RUNTIME_DIR",
			       path);
	memcpy(a->sun_path, path, strlen(path));
	return 0;
}

static int make_socket(const char *path, int flags, struct sockaddr_un *a, int *fd, struct err *err)
{
	int r = address(path, a, err);

	if (r == 0)
		*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (r == 0 && *fd < 0)
		r = err_errno(err, ERR_IO, "no socket can be had");
	return r;
}

/* `flags`: SOCK_NONBLOCK, or 0. */
static int connect_path(const char *path, int flags, int *ret, struct err *err)
{
	const struct timeval wait = { .tv_sec = CONNECT_S };
	struct sockaddr_un a;
	int fd, r = make_socket(path, flags, &a, &fd, err);

	if (r != 0)
		return r;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)); /* connect()'s too */
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		r = err_errno(err, ERR_IO, "nobody answers at %s", path);
	else if (!rundir_peer_ours(fd))
		r = err_set(err, ERR_CONFIG, "%s belongs to another user", path);
	if (r != 0)
		close(fd);
	else
		*ret = fd;
	return r;
}

int rundir_connect_path(const char *path, int *fd, struct err *err)
{
	return connect_path(path, 0, fd, err);
}

static int listen_at(const char *path, int *ret, struct err *err)
{
	struct sockaddr_un a;
	int fd, r = make_socket(path, SOCK_NONBLOCK, &a, &fd, err);

	if (r != 0)
		return r;
	(void)unlink(path); /* of one that was killed */
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, BACKLOG) != 0) {
		r = err_errno(err, ERR_IO, "cannot listen at %s", path);
		close(fd);
	} else {
		*ret = fd;
	}
	return r;
}

static int connect_name(const char *name, int flags, int *fd, struct err *err)
{
	struct buf path = BUF_INIT;
	int r = path_of(name, false, &path, err);

	if (r == 0)
		r = connect_path(buf_str(&path), flags, fd, err);
	buf_free(&path);
	return r;
}

int rundir_connect(const char *name, int *fd, struct err *err)
{
	return connect_name(name, 0, fd, err);
}

int rundir_connect_now(const char *name, int *fd, struct err *err)
{
	return connect_name(name, SOCK_NONBLOCK, fd, err);
}

int rundir_listen(const char *name, int *fd, struct err *err)
{
	struct buf path = BUF_INIT;
	int r = path_of(name, true, &path, err);

	if (r == 0)
		r = listen_at(buf_str(&path), fd, err);
	buf_free(&path);
	return r;
}

void rundir_remove(const char *name)
{
	struct buf path = BUF_INIT;

	if (path_of(name, false, &path, NULL) == 0)
		(void)unlink(buf_str(&path));
	buf_free(&path);
}

struct rundir_file rundir_file(const char *name)
{
	struct rundir_file none = { .number = 0 };
	struct buf path = BUF_INIT;
	struct stat st;
	bool there = path_of(name, false, &path, NULL) == 0 && lstat(buf_str(&path), &st) == 0;

	buf_free(&path);
	return there ? (struct rundir_file){ st.st_dev, st.st_ino } : none;
}

bool rundir_has(const char *name)
{
	return rundir_file(name).number != 0;
}
