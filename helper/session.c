/*
 * credential-session: the memory of a session. Tokens stand in locked pages and nowhere
 * else; it answers one user on a socket in a directory of mode 0700, and ends when it has
 * held nothing for a minute, has not been asked for eight hours, or the directory is gone
 * (as after the logout).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/rundir.h"
#include "base/text.h"
#include "cred/tokens.h"
#include "cred/wire.h"
#include "helper/session.h"
#include "helper/say.h"
#include "helper/store_internal.h"

#define CLIENTS_MAX 64
#define CLIENT_MS 5000
#define EMPTY_MS (60 * 1000)
#define LOOK_MS 30000 /* how often it looks for its own socket */
#define IDLE_MS ((int64_t)8 * 3600 * 1000)

struct client {
	int fd; /* -1: free */
	struct secret in, out;
	size_t sent;
	int64_t until;
};

static struct client clients[CLIENTS_MAX];
static volatile sig_atomic_t stop;

static void on_signal(int n)
{
	(void)n;
	stop = 1;
}

static void drop(struct client *c)
{
	close(c->fd);
	secret_free(&c->in);
	secret_free(&c->out);
	*c = (struct client){ .fd = -1 };
}

static void accept_one(int listener)
{
	/* cppcheck-suppress nullPointer */
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (size_t i = 0; i < CLIENTS_MAX && rundir_peer_ours(fd); i++) {
		if (clients[i].fd >= 0)
			continue;
		clients[i].fd = fd;
		clients[i].until = os_monotonic_ms() + CLIENT_MS;
		return;
	}
	close(fd);
}

/* Takes what is there; false: it is to be dropped. */
static bool take(struct client *c)
{
	uint8_t some[4096];
	ssize_t n = read(c->fd, some, sizeof(some));
	size_t size;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	secret_add(&c->in, some, (size_t)n);
	mem_wipe(some, (size_t)n);
	if (c->in.n < CRED_FRAME_HEAD)
		return true;
	size = cred_frame_size(bytes_of(c->in.p, c->in.n));
	if (size == 0 || c->in.n > size)
		return false;
	if (c->in.n == size)
		memory_answer(bytes_of(c->in.p, c->in.n), &c->out);
	return true;
}

static bool give(struct client *c)
{
	ssize_t n = write(c->fd, c->out.p + c->sent, c->out.n - c->sent);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->sent += (size_t)n;
	return c->sent < c->out.n;
}

static int64_t nearest(int64_t deadline)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients[i].fd >= 0 && clients[i].until < deadline)
			deadline = clients[i].until;
	return deadline;
}

static void serve(struct pollfd *p, int64_t now)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &clients[i];
		bool keep = true;

		if (c->fd < 0 || p[i].fd != c->fd)
			continue;
		if (p[i].revents != 0)
			keep = c->out.n > 0 ? give(c) : take(c);
		if (!keep || now >= c->until)
			drop(c);
	}
}

static void loop(int listener, int64_t empty_ms)
{
	struct pollfd p[CLIENTS_MAX + 1];
	int64_t used = os_monotonic_ms();

	while (!stop) {
		int64_t now = os_monotonic_ms();
		int64_t end = used + (memory_expire(os_now()) > 0 ? IDLE_MS : empty_ms);
		int64_t wait = nearest(end < now + LOOK_MS ? end : now + LOOK_MS) - now;

		if (now >= end || !rundir_has(STORE_SOCKET))
			return;
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			p[i] = (struct pollfd){ .fd = clients[i].fd,
						.events = clients[i].out.n > 0 ? POLLOUT : POLLIN };
		p[CLIENTS_MAX] = (struct pollfd){ .fd = listener, .events = POLLIN };
		if (poll(p, CLIENTS_MAX + 1, wait > 0 ? (int)wait : 0) < 0)
			continue; /* a signal */
		now = os_monotonic_ms();
		serve(p, now);
		if (p[CLIENTS_MAX].revents != 0) {
			used = now;
			accept_one(listener);
		}
	}
}

static void catch_signals(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &sa, NULL);
}

static int leave_terminal(struct err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (setsid() < 0 || chdir("/") != 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0)
		return err_errno(err, ERR_IO, "cannot leave the terminal");
	return 0;
}

/*
 * In a child; `ready` is closed when it listens. The peer that clients see is the
 * process that called listen().
 */
static int run(int64_t empty_ms, int ready, struct err *err)
{
	int lock = -1, listener = -1;
	int r = rundir_lock(STORE_SOCKET_LOCK, 0, &lock, err);

	if (r != 0 || lock < 0)
		return r; /* another one listens, or is about to */
	r = rundir_listen(STORE_SOCKET, &listener, err);
	if (r == 0)
		r = leave_terminal(err);
	if (r != 0)
		return r;
	(void)!write(ready, "", 1);
	close(ready);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		clients[i].fd = -1;
	catch_signals();
	loop(listener, empty_ms);
	memory_wipe();
	rundir_remove(STORE_SOCKET);
	return 0;
}

/* Whoever started us waits for this process to end: until the daemon listens. */
static int wait_ready(int from, pid_t daemon)
{
	int status = 0;
	char c;

	if (read(from, &c, 1) == 1)
		return 0;
	while (waitpid(daemon, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ERR_INTERNAL;
}

static int start(int64_t empty_ms, struct err *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return err_errno(err, ERR_IO, "no process can be had");
	if (pid > 0) {
		close(ends[1]);
		_exit(wait_ready(ends[0], pid));
	}
	close(ends[0]);
	return run(empty_ms, ends[1], err);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	uint64_t empty_ms = EMPTY_MS;
	int r;

	os_start();
	if (argc > 1 && !text_parse_u64(bytes_str(argv[1]), &empty_ms)) {
		say("usage: credential-session [MILLISECONDS to stay without a token]");
		return ERR_USAGE;
	}
	r = start((int64_t)(empty_ms < INT32_MAX ? empty_ms : INT32_MAX), &err);
	if (r != 0)
		say(err.text);
	return r;
}
