/*
 * gitsign-hsm agent: keeps a token's session open between signatures.
 *
 * Starts by itself when hsm.agent is auto, holds a lock so that only one runs, and
 * ends when nobody has asked for a while: with it everything that it knew.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "base/opt.h"
#include "base/os.h"
#include "base/rundir.h"

#define IDLE_MS (15 * 60 * 1000)
#define LIFETIME_MS ((int64_t)8 * 60 * 60 * 1000)
#define TICK_MS 10000
#define PING_S 10
#define SESSIONS_MAX 64
#define STACK ((size_t)512 << 10)
#define END_MS 3000
#define READY_FD 3

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t sessions_n;
static int64_t started, last_used;
static bool stopping;
static int wake[2] = { -1, -1 };
static char *dir;

void agent_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_mutex_unlock(&lock);
	(void)!write(wake[1], "", 1);
}

void agent_status(struct buf *out)
{
	size_t signatures, n = keeper_count(&signatures);

	buf_addf(out, "running as process %ld, version %s\nsocket: %s/%s\n", (long)getpid(),
		 GH_VERSION, dir, AGENT_SOCKET);
	buf_addf(out, "modules open: %zu, signatures by them: %zu\n", n, signatures);
	buf_addf(out, "ends after 15 minutes without use, or in %lld minutes\n",
		 (long long)((started + LIFETIME_MS - os_monotonic_ms()) / 60000));
}

/* --- sockets ----------------------------------------------------------------- */

/* The other one may be about to listen. */
static void wait_for_other(void)
{
	for (int i = 0; i < 500; i++) {
		struct timespec t = { 0, 10000000 };
		int fd;

		if (rundir_connect(AGENT_SOCKET, &fd, NULL) == 0) {
			close(fd);
			return;
		}
		nanosleep(&t, NULL);
	}
}

/* --- sessions ------------------------------------------------------------------ */

static void count_out(void)
{
	pthread_mutex_lock(&lock);
	sessions_n--;
	last_used = os_monotonic_ms();
	pthread_mutex_unlock(&lock);
}

static void *session(void *arg)
{
	int fd = (int)(intptr_t)arg;

	session_run(fd);
	close(fd);
	count_out();
	(void)!write(wake[1], "", 1);
	return NULL;
}

static bool start_thread(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	ok = pthread_create(&thread, &attr, run, arg) == 0;
	pthread_attr_destroy(&attr);
	return ok;
}

static bool count_in(void)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = sessions_n < SESSIONS_MAX;
	if (ok)
		sessions_n++;
	last_used = os_monotonic_ms();
	pthread_mutex_unlock(&lock);
	return ok;
}

static void take_client(int listener)
{
	/* cppcheck-suppress nullPointer */
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!rundir_peer_ours(fd) || !count_in()) {
		close(fd);
		return;
	}
	if (start_thread(session, (void *)(intptr_t)fd))
		return;
	count_out();
	close(fd);
}

static bool over(void)
{
	int64_t now = os_monotonic_ms();
	bool r;

	pthread_mutex_lock(&lock);
	r = stopping || now >= started + LIFETIME_MS ||
	    (sessions_n == 0 && now >= last_used + IDLE_MS);
	pthread_mutex_unlock(&lock);
	return r;
}

static void drain(int fd)
{
	char some[64];

	while (read(fd, some, sizeof(some)) > 0)
		;
}

/* By itself: it may have to wait for somebody at a PIN prompt, or for a token. */
static void *ping(void *arg)
{
	struct timespec t = { PING_S, 0 };

	for (;;) {
		nanosleep(&t, NULL);
		keeper_ping();
	}
	return arg;
}

static void loop(int listener)
{
	while (!over()) {
		struct pollfd p[2] = { { listener, POLLIN, 0 }, { wake[0], POLLIN, 0 } };
		int n = poll(p, 2, TICK_MS);

		if (n > 0 && p[1].revents != 0)
			drain(wake[0]);
		if (n > 0 && p[0].revents != 0)
			take_client(listener);
	}
}

/* Who is being served is served to the end, when that is near. */
static void wait_sessions(void)
{
	int64_t until = os_monotonic_ms() + END_MS;

	for (;;) {
		struct pollfd p = { wake[0], POLLIN, 0 };
		size_t n;

		pthread_mutex_lock(&lock);
		n = sessions_n;
		pthread_mutex_unlock(&lock);
		if (n == 0 || os_monotonic_ms() >= until)
			return;
		if (poll(&p, 1, 100) > 0)
			drain(wake[0]);
	}
}

static int serve(bool tell, struct err *err)
{
	int listener, r = rundir_listen(AGENT_SOCKET, &listener, err);

	if (r != 0)
		return r;
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
		return err_errno(err, ERR_IO, "no pipe can be had");
	started = last_used = os_monotonic_ms();
	if (!start_thread(ping, NULL))
		return err_set(err, ERR_INTERNAL, "no thread can be started");
	if (tell)
		close(READY_FD);
	loop(listener);
	rundir_remove(AGENT_SOCKET);
	close(listener);
	wait_sessions();
	_exit(0); /* the threads that are left go with us; the children see us go */
}

/* git's own variables were for the program that started us. */
static void forget_git(void)
{
	static const char *const keep[] = { "GIT_CONFIG_GLOBAL=", "GIT_CONFIG_SYSTEM=",
					    "GIT_CONFIG_NOSYSTEM=" };
	extern char **environ;
	size_t to = 0;

	for (size_t i = 0; environ != NULL && environ[i] != NULL; i++) {
		bool git = strncmp(environ[i], "GIT_", 4) == 0;

		for (size_t k = 0; git && k < sizeof(keep) / sizeof(keep[0]); k++)
			if (strncmp(environ[i], keep[k], strlen(keep[k])) == 0)
				git = false;
		if (!git)
			environ[to++] = environ[i];
	}
	if (environ != NULL)
		environ[to] = NULL;
}

static int run(bool tell, struct err *err)
{
	struct buf path = BUF_INIT;
	int lock_fd = -1; /* held until we end */
	int r = rundir_path(true, &path, err);

	if (r != 0)
		return r;
	dir = buf_detach(&path);
	r = rundir_lock(AGENT_LOCK_FILE, 0, &lock_fd, err);
	if (r == 0 && lock_fd < 0) {
		if (!tell)
			return err_set(err, ERR_USAGE, "an agent is running already");
		wait_for_other();
		return 0;
	}
	if (r == 0 && chdir("/") != 0)
		r = err_errno(err, ERR_IO, "cannot leave the directory");
	forget_git();
	return r != 0 ? r : serve(tell, err);
}

static int control(const char *verb, struct err *err)
{
	struct buf out = BUF_INIT;
	int r = agent_control(verb, "", &out, err);

	if (r == 0 && out.n > 0)
		fputs(buf_str(&out), stdout);
	buf_free(&out);
	return r;
}

static const struct opt options[] = { { 0, NULL, NULL, NULL, OPT_FLAG, NULL } };
static const struct opt_command command = {
	"gitsign-hsm agent [status | stop]",
	"Keeps the session with a token open, so that a PIN is asked for once. Runs in the "
	"foreground; hsm.agent = auto starts it by itself.",
	options,
	NULL,
	0,
	1,
};

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	bool help = false;
	int r;

	os_start();
	if (argc == 2 && strcmp(argv[1], "--worker") == 0)
		return worker_main();
	if (argc == 2 && strcmp(argv[1], "--started") == 0)
		return run(true, &err);
	r = opt_parse(&command, &argc, &argv, &help, &err);
	if (r == 0 && help)
		return 0;
	if (r == 0 && argc == 0)
		r = run(false, &err);
	else if (r == 0 && (strcmp(argv[0], "status") == 0 || strcmp(argv[0], "stop") == 0))
		r = control(argv[0], &err);
	else if (r == 0)
		r = err_set(&err, ERR_USAGE, "usage: %s", command.usage);
	if (r != 0)
		fprintf(stderr, "gitsign-hsm: %s\n", err.text);
	return r;
}
