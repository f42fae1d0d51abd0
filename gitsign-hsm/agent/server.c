/* The sockets, a thread for each connection, and when it all ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "consent.h"
#include "base/os.h"
#include "base/rundir.h"
#include "base/text.h"
#include "given.h"
#include "keeper.h"

#define TICK_MS 3000 /* systemd's agent waits for ours: PLACE_MS * PLACE_TRIES are longer */
#define PING_S 10
#define END_MS 3000
#define PLACE_MS 20
#define PLACE_TRIES 500

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t busy_n;
static int64_t started, last_used;
static bool stopping, unreachable;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER; /* when it is */
static int wake[2] = { -1, -1 };
static char *dir;
static struct agent_config config;
/* The files of the sockets that we made; number 0: systemd's, or none. */
static struct rundir_file own, own_ssh;

void server_busy(bool busy)
{
	bool awaited;

	pthread_mutex_lock(&lock);
	if (busy)
		busy_n++;
	else
		busy_n--;
	awaited = stopping && !busy;
	pthread_mutex_unlock(&lock);
	if (awaited)
		(void)!write(wake[1], "", 1);
}

void server_used(void)
{
	pthread_mutex_lock(&lock);
	last_used = os_monotonic_ms();
	pthread_mutex_unlock(&lock);
}

/* Until nobody reaches us: who asks after the reply is to meet the next agent. */
void server_stop(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_MS / 1000;
	pthread_mutex_lock(&lock);
	stopping = true;
	(void)!write(wake[1], "", 1);
	while (!unreachable && pthread_cond_timedwait(&left, &lock, &until) == 0)
		;
	pthread_mutex_unlock(&lock);
}

static void tell_unreachable(void)
{
	pthread_mutex_lock(&lock);
	unreachable = true;
	pthread_cond_broadcast(&left);
	pthread_mutex_unlock(&lock);
}

const struct agent_config *server_config(void)
{
	return &config;
}

static void status_json(struct buf *out, size_t modules, size_t signatures, int64_t left_s)
{
	buf_addf(out, "{\"pid\":%ld,\"version\":\"%s\",\"socket\":", (long)getpid(), GH_VERSION);
	text_json(out, bytes_str(dir));
	out->n--; /* the quote */
	buf_addf(out,
		 "/%s\",\"locked\":%s,\"modules\":%zu,\"signatures\":%zu,"
		 "\"verifier\":%ld,",
		 AGENT_SOCKET, lock_is() ? "true" : "false", modules, signatures,
		 (long)verifier_pid());
	if (config.ssh) {
		buf_add_str(out, "\"ssh\":");
		text_json(out, bytes_str(dir));
		out->n--;
		buf_addf(out, "/%s\",", AGENT_SSH_SOCKET);
	}
	buf_addf(out, "\"idle\":%lld,\"left\":%lld,\"log\":", (long long)(config.idle_ms / 1000),
		 (long long)left_s);
	text_json(out, bytes_str(config.log));
	buf_add_str(out, "}\n");
}

void server_status(bool json, struct buf *out)
{
	size_t signatures, n = keeper_count(&signatures);
	int64_t left_s = (started + config.lifetime_ms - os_monotonic_ms()) / 1000;
	_cleanup_free_ char *log = text_escaped(bytes_str(config.log));

	if (json) {
		status_json(out, n, signatures, left_s);
		return;
	}
	buf_addf(out, "running as process %ld, version %s%s\nsocket: %s/%s\nlog: %s\n",
		 (long)getpid(), GH_VERSION, lock_is() ? ", locked" : "", dir, AGENT_SOCKET, log);
	if (config.ssh)
		buf_addf(out, "socket for ssh: %s/%s\n", dir, AGENT_SSH_SOCKET);
	buf_addf(out, "modules open: %zu, signatures by them: %zu\n", n, signatures);
	if (verifier_pid() != 0)
		buf_addf(out, "verifier: process %ld\n", (long)verifier_pid());
	buf_addf(out, "ends after %lld minutes without use, or in %lld minutes\n",
		 (long long)(config.idle_ms / 60000), (long long)(left_s / 60));
}

/* --- sockets ----------------------------------------------------------------- */

/*
 * The lock of the one agent. *fd is -1 when another one answers; one that holds the lock and
 * does not is about to listen, or to end: then its place is ours.
 */
static int take_place(bool given, int *fd, struct err *err)
{
	for (int i = 0; i < PLACE_TRIES; i++) {
		int other, r = rundir_lock(AGENT_LOCK_FILE, PLACE_MS, fd, err);

		if (r != 0 || *fd >= 0)
			return r;
		/* A socket that was given answers for itself. */
		if (!given && rundir_connect(AGENT_SOCKET, &other, NULL) == 0) {
			close(other);
			return 0;
		}
	}
	return err_set(err, ERR_IO, "another agent neither answers nor ends");
}

/* --- the end ------------------------------------------------------------------- */

static bool still_ours(const char *name, const struct rundir_file *file)
{
	struct rundir_file now = rundir_file(name);

	return file->number != 0 && now.number == file->number && now.device == file->device;
}

/* systemd's sockets may take the place of ours, or the directory go with its session: an agent
 * that nobody reaches is in the way of the next one. */
static bool is_lost(void)
{
	return (own.number != 0 && !still_ours(AGENT_SOCKET, &own)) ||
	       (own_ssh.number != 0 && !still_ours(AGENT_SSH_SOCKET, &own_ssh));
}

static bool over(void)
{
	int64_t now = os_monotonic_ms();
	bool r;

	if (is_lost())
		return true;

	pthread_mutex_lock(&lock);
	r = stopping || now >= started + config.lifetime_ms ||
	    (busy_n == 0 && now >= last_used + config.idle_ms);
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

static void loop(void)
{
	bool soon = config.idle_ms < TICK_MS || config.lifetime_ms < TICK_MS;
	int tick = soon ? 1000 : TICK_MS;

	while (!over()) {
		struct pollfd p = { wake[0], POLLIN, 0 };

		if (poll(&p, 1, tick) > 0)
			drain(wake[0]);
	}
}

/* Who is being served is served to the end, when that is near. */
static void wait_busy(void)
{
	int64_t until = os_monotonic_ms() + END_MS;

	for (;;) {
		struct pollfd p = { wake[0], POLLIN, 0 };
		size_t n;

		pthread_mutex_lock(&lock);
		stopping = true;
		n = busy_n;
		pthread_mutex_unlock(&lock);
		if (n == 0 || os_monotonic_ms() >= until)
			return;
		if (poll(&p, 1, 100) > 0)
			drain(wake[0]);
	}
}

static int own_sockets(const struct given *given, int *listener, int *ssh, struct err *err)
{
	int r = 0;

	if (given->ssh >= 0 && !config.ssh)
		return err_set(err, ERR_CONFIG,
			       "systemd has a socket for ssh, and no key is for it: name one in "
			       "hsm.sshKey, or disable gitsign-hsm-agent-ssh.socket");
	*listener = given->agent;
	*ssh = given->ssh;
	if (*listener < 0) {
		r = rundir_listen(AGENT_SOCKET, listener, err);
		if (r == 0)
			own = rundir_file(AGENT_SOCKET);
	}
	if (r == 0 && *ssh < 0 && config.ssh) {
		r = rundir_listen(AGENT_SSH_SOCKET, ssh, err);
		if (r == 0)
			own_ssh = rundir_file(AGENT_SSH_SOCKET);
	}
	return r;
}

/* systemd's sockets stay where they are: the next client starts the next agent. */
static void close_sockets(int listener, int ssh)
{
	if (still_ours(AGENT_SOCKET, &own))
		rundir_remove(AGENT_SOCKET);
	close(listener);
	if (ssh < 0)
		return;
	if (still_ours(AGENT_SSH_SOCKET, &own_ssh))
		rundir_remove(AGENT_SSH_SOCKET);
	close(ssh);
}

static int serve(bool tell, const struct given *given, struct err *err)
{
	int listener, ssh, r = own_sockets(given, &listener, &ssh, err);

	if (r == 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
		r = err_errno(err, ERR_IO, "no pipe can be had");
	if (r != 0)
		return r;
	started = last_used = os_monotonic_ms();
	if (!clients_thread(ping, NULL))
		return err_set(err, ERR_INTERNAL, "no thread can be started");
	r = clients_serve(listener, session_run, err);
	if (r == 0 && ssh >= 0)
		r = clients_serve(ssh, ssh_run, err);
	if (r == 0)
		r = verifier_listen(err);
	if (r != 0)
		return r;
	if (tell)
		close(READY_FD);
	loop();
	clients_end();
	close_sockets(listener, ssh);
	tell_unreachable();
	verifier_end();
	wait_busy();
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

int server_run(bool tell, struct err *err)
{
	struct buf path = BUF_INIT;
	int lock_fd = -1; /* held until we end */
	struct given given;
	int r = given_sockets(&given, err);

	if (r == 0)
		r = rundir_path(true, &path, err);
	if (r != 0)
		return r;
	dir = buf_detach(&path);
	r = take_place(given.agent >= 0, &lock_fd, err);
	if (r == 0 && lock_fd < 0)
		return tell ? 0 : err_set(err, ERR_USAGE, "an agent is running already");
	if (r == 0 && chdir("/") != 0)
		r = err_errno(err, ERR_IO, "cannot leave the directory");
	forget_git();
	signal(SIGXFSZ, SIG_IGN); /* a limit of files is told like a full disk */
	os_memory_returns(ROOM_FREE);
	if (r == 0)
		r = config_load(&config, err);
	if (r == 0)
		r = audit_check(config.log, err);
	return r != 0 ? r : serve(tell, &given, err);
}
