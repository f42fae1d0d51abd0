/* Starting an agent. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/rundir.h"
#include "base/wire.h"
#include "token/agent.h"

#define START_MS 20000
#define AGAIN_S 5

extern char **environ;

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

/* A socket pair: agent_recv() waits with a deadline. */
static int wait_ready(int fd, struct err *err)
{
	struct buf said = BUF_INIT;
	struct bytes in, text;
	struct err ignored;
	bool closed = false;
	uint32_t code;
	int r = agent_recv(fd, ERR_TEXT_MAX + 64, START_MS, &said, &closed, &ignored);

	in = buf_bytes(&said);
	if (closed)
		r = 0;
	else if (r != 0 || !wire_u32(&in, &code) || !wire_string(&in, &text) || code == 0 ||
		 code > ERR_INTERNAL)
		r = err_set(err, ERR_IO, "the agent does not come up");
	else
		r = err_set(err, (enum err_code)code, "the agent: %.*s", (int)text.n,
			    (const char *)text.p);
	buf_free(&said);
	return r;
}

/* One that cannot come up is not tried for each object that is verified: a try is written into
 * the lock's file, for its time of change. */
static bool tried_lately(int lock)
{
	struct stat st;
	int64_t age;

	if (fstat(lock, &st) != 0)
		return true;
	age = os_now() - (int64_t)st.st_mtim.tv_sec;
	return (st.st_size > 0 && age >= 0 && age < AGAIN_S) || pwrite(lock, "\n", 1, 0) != 1;
}

void agent_start_behind(const char *program)
{
	int fd = -1, lock, ends[2];
	pid_t pid;
	bool lately;

	/* One that systemd has the socket of is woken up by this. */
	if (rundir_connect_now(AGENT_SOCKET, &fd, NULL) == 0) {
		close(fd);
		return;
	}
	if (rundir_lock(AGENT_LOCK_FILE, 0, &lock, NULL) != 0 || lock < 0)
		return;
	lately = tried_lately(lock);
	close(lock);
	if (lately || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	(void)spawn(program, ends[1], &pid);
	close(ends[0]);
	close(ends[1]);
}

int agent_start(const char *program, struct err *err)
{
	int ends[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return err_errno(err, ERR_IO, "the agent cannot be started");
	errno = spawn(program, ends[1], &pid);
	r = errno != 0 ? err_errno(err, ERR_IO, "the agent cannot be started") : 0;
	close(ends[1]);
	if (r == 0)
		r = wait_ready(ends[0], err);
	close(ends[0]);
	return r;
}
