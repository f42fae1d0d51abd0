/*
 * The verifier (gitsign-hsm/verifier.h): a process of its own, started by the first request
 * to verify and replaced when it ends. A thread waits for one or the other.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "base/handover.h"
#include "base/os.h"
#include "base/rundir.h"
#include "keeper.h"

#define PAUSE_MS 1000 /* between two starts */
#define MISSING_MAX 3 /* times; once it may just be replaced */

static int listener = -1;
static _Atomic pid_t pid;

static int spawn(int theirs, pid_t *started)
{
	static char zero[] = "gitsign-hsm-verifier", mode[] = "--verifier";
	const int fds[2] = { listener, theirs };
	struct buf program = BUF_INIT;
	int r = os_self_dir(&program, NULL);

	if (r == 0) {
		buf_add_str(&program, "/direct");
		r = child_spawn(buf_str(&program), zero, mode, fds, started);
	}
	buf_free(&program);
	return r;
}

/* One that was stopped would have everybody wait for it. What its children have begun does not
 * need it. */
static int wait_end(pid_t started)
{
	int status = 0;

	for (;;) {
		if (waitpid(started, &status, WUNTRACED) < 0 && errno == EINTR)
			continue;
		if (!WIFSTOPPED(status))
			return status;
		kill(started, SIGKILL);
	}
}

/* From a start to an end; false: it cannot verify at all, or is not there any more. */
static bool run_one(void)
{
	static int missing;
	pid_t started = 0;
	int ends[2], status = 0, r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return true;
	r = spawn(ends[1], &started);
	missing = r == ENOENT ? missing + 1 : 0;
	if (r == 0) {
		close(ends[1]);
		atomic_store(&pid, started);
		status = wait_end(started);
		atomic_store(&pid, 0);
	} else {
		close(ends[1]);
	}
	close(ends[0]);
	return missing < MISSING_MAX && (!WIFEXITED(status) || WEXITSTATUS(status) == 0);
}

static void *attend(void *arg)
{
	for (bool able = true; able;) {
		struct pollfd p = { listener, POLLIN, 0 };
		int64_t start, left;

		if (poll(&p, 1, -1) <= 0)
			continue;
		start = os_monotonic_ms();
		able = run_one();
		while (able && (left = start + PAUSE_MS - os_monotonic_ms()) > 0)
			(void)poll(NULL, 0, (int)left);
	}
	/* Who connected would wait in vain each time. */
	rundir_remove(HANDOVER_SOCKET);
	close(listener);
	return arg;
}

int verifier_listen(struct err *err)
{
	int r = rundir_listen(HANDOVER_SOCKET, &listener, err);

	if (r == 0 && !clients_thread(attend, NULL))
		r = err_set(err, ERR_INTERNAL, "no thread can be started");
	return r;
}

pid_t verifier_pid(void)
{
	return atomic_load(&pid);
}

void verifier_end(void)
{
	rundir_remove(HANDOVER_SOCKET);
}
