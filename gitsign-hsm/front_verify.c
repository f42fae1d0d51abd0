#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/handover.h"
#include "base/rundir.h"
#include "deliver.h"
#include "front.h"
#include "settings.h"
#include "token/agent.h"

#define ACCEPT_MS 250 /* one that is stopped, or only starting, is not waited for */

extern char **environ;

/* A name of one of our descriptors, which means something else to another process. */
static bool is_own(const char *path)
{
	return (strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0) ||
	       strncmp(path, "/proc/", 6) == 0;
}

/* As git calls it; with descriptors of other numbers the sibling goes on itself. */
static bool can_hand_over(const struct args *a)
{
	return a->status_fd <= STDERR_FILENO && strcmp(a->data, "-") == 0 &&
	       !is_own(a->signature) && handover_unlimited();
}

/* Waits for bytes; false: none came in the time, or the other side has ended. */
static bool receive(int fd, uint8_t *to, size_t n, int timeout_ms)
{
	while (n > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;
		int ready = poll(&p, 1, timeout_ms);

		if (ready < 0 && errno == EINTR)
			continue;
		got = ready == 1 ? recv(fd, to, n, 0) : -1;
		if (got <= 0)
			return false;
		to += got;
		n -= (size_t)got;
	}
	return true;
}

static bool offer(int fd, char **argv)
{
	struct buf program = BUF_INIT, place = BUF_INIT, b = BUF_INIT;
	uint8_t kind = 0;
	bool ok = front_sibling("direct", &program, NULL) == 0 &&
		  handover_place(buf_str(&program), &place);

	if (ok) {
		handover_put(&b, buf_str(&place), argv, environ);
		ok = handover_send(fd, buf_bytes(&b), NULL) == 0 &&
		     receive(fd, &kind, 1, ACCEPT_MS) && kind == HANDOVER_ACCEPTED;
	}
	buf_free(&program);
	buf_free(&place);
	buf_free(&b);
	return ok;
}

/* True: it is done, or was begun: then nobody else may do it, for something may have been said. */
static bool go(int fd, int dir, int *status)
{
	const int fds[HANDOVER_FDS] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, dir };
	struct err err = ERR_INIT;
	uint8_t kind = 0, end;

	if (!handover_give(fd, fds, HANDOVER_FDS))
		return false;
	if (receive(fd, &kind, 1, -1) && kind == HANDOVER_ELSEWHERE)
		return false;
	if (kind == HANDOVER_EXITED && receive(fd, &end, 1, -1)) {
		*status = end;
		return true;
	}
	err_set(&err, ERR_IO, "cannot verify: the agent's verifier ended before it was done");
	deliver_error(STDERR_FILENO, &err);
	*status = ERR_IO;
	return true;
}

static void start_agent(void)
{
	struct buf program = BUF_INIT;

	if (front_sibling("agent", &program, NULL) == 0)
		agent_start_behind(buf_str(&program));
	buf_free(&program);
}

bool front_verify(char **argv, const struct args *a, int *status)
{
	struct settings s = { .conf = GITCONF_INIT };
	enum settings_agent agent;
	bool done;
	int fd, dir;

	/* What is wrong with the configuration, the sibling says: it reads it too. */
	if (!can_hand_over(a) || settings_load(&s, NULL) != 0)
		return false;
	agent = s.agent;
	settings_free(&s);
	if (agent == SETTINGS_AGENT_OFF || agent == SETTINGS_AGENT_SSH)
		return false;
	if (rundir_connect_now(HANDOVER_SOCKET, &fd, NULL) != 0) {
		if (agent == SETTINGS_AGENT_AUTO)
			start_agent();
		return false;
	}
	dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	done = dir >= 0 && offer(fd, argv) && go(fd, dir, status);
	if (dir >= 0)
		close(dir);
	close(fd);
	return done;
}
