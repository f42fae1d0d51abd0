/* Starting an agent. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include "token/agent.h"

#define START_MS 20000

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
