/* The directory of the sockets, and connections to them. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "token/agent.h"

#define START_MS 20000

extern char **environ;

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
	if (parent_ok(base, false)) {
		buf_addf(out, "%s/gitsign-hsm", base);
		return;
	}
	if (parent_ok(run, false)) {
		buf_addf(out, "%s/gitsign-hsm", run);
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
		return err_errno(err, ERR_IO, "no agent: %s", shown);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 07777) != 0700)
		return err_set(err, ERR_CONFIG,
			       "%s must be a directory of yours with mode 0700, for the agent's "
			       "sockets: remove it, or set XDG_RUNTIME_DIR",
			       shown);
	return 0;
}

int agent_dir(bool create, struct buf *out, struct err *err)
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

bool agent_peer(int fd, uid_t *uid, pid_t *pid)
{
	struct ucred c;
	socklen_t n = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0 || n != sizeof(c))
		return false;
	*uid = c.uid;
	*pid = c.pid;
	return true;
}

static int connect_to(const char *path, int *ret, struct err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	uid_t uid;
	pid_t pid;
	int fd, r = 0;

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(err, ERR_IO, "no agent: the path of its socket is too long");
	memcpy(a.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, ERR_IO, "no socket can be had");
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		r = err_errno(err, ERR_IO, "no agent answers");
	else if (!agent_peer(fd, &uid, &pid) || uid != geteuid())
		r = err_set(err, ERR_CONFIG, "the agent belongs to another user");
	if (r != 0) {
		close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

int agent_connect(const char *name, int *fd, struct err *err)
{
	struct buf path = BUF_INIT;
	int r = agent_dir(false, &path, err);

	if (r == 0) {
		buf_add_str(&path, name);
		r = connect_to(buf_str(&path), fd, err);
	}
	buf_free(&path);
	return r;
}

/* Its end of the pipe is 3; it closes it when it answers, or ends. */
static int spawn(const char *program, int ready, pid_t *pid)
{
	static char zero[] = "gitsign-hsm-agent", mode[] = "--started";
	char *argv[] = { zero, mode, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc != 0)
		return rc;
	posix_spawnattr_init(&attr);
	rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	for (int fd = 0; fd <= 2 && rc == 0; fd++)
		rc = posix_spawn_file_actions_addopen(&fa, fd, "/dev/null", O_RDWR, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, ready, 3);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&fa, 4);
	if (rc == 0)
		rc = posix_spawn(pid, program, &fa, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

int agent_start(const char *program, struct err *err)
{
	struct buf ignored = BUF_INIT;
	bool closed = false;
	int ends[2], rc;
	pid_t pid;

	/* A socket pair: agent_recv() waits with a deadline. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return err_errno(err, ERR_IO, "the agent cannot be started");
	rc = spawn(program, ends[1], &pid);
	close(ends[1]);
	if (rc == 0)
		(void)agent_recv(ends[0], 1, START_MS, &ignored, &closed, NULL);
	close(ends[0]);
	buf_free(&ignored);
	if (rc != 0) {
		errno = rc;
		return err_errno(err, ERR_IO, "the agent cannot be started");
	}
	if (!closed)
		return err_set(err, ERR_IO, "the agent does not come up");
	return 0;
}
