/*
 * The threads that wait for clients and serve them. To start one for each client would cost
 * as much as the token's own part of a signature, so a few stay for the next ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "base/rundir.h"

#define SESSIONS_MAX 64 /* a door: who is let in by one does not fill the other */
#define WAITING_MAX 4
#define STACK ((size_t)512 << 10)

struct door {
	int listener;
	session_fn *run;
	pthread_mutex_t turn; /* one waits for a client, the others for their turn */
	size_t waiting;       /* both; under `lock`, and so are... */
	size_t sessions;      /* ...those who are served */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct door doors[2] = {
	{ .turn = PTHREAD_MUTEX_INITIALIZER },
	{ .turn = PTHREAD_MUTEX_INITIALIZER },
};
static size_t doors_n;
static bool closed;
static int end[2] = { -1, -1 }; /* hangs up when it is */

bool clients_thread(void *(*run)(void *), void *arg)
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

/* Without a descriptor or memory to be had, not as fast as a processor can. */
static void pause_a_moment(void)
{
	const struct timespec t = { 0, 100000000 };

	nanosleep(&t, NULL);
}

/* The next client, or -1: the end. */
static int take_client(struct door *d)
{
	for (;;) {
		struct pollfd p[2] = { { d->listener, POLLIN, 0 }, { end[0], 0, 0 } };
		int fd;

		if (poll(p, 2, -1) > 0 && p[1].revents != 0)
			return -1;
		/* cppcheck-suppress nullPointer */
		fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && rundir_peer_ours(fd))
			return fd;
		if (fd >= 0)
			close(fd);
		else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			pause_a_moment();
	}
}

static bool come(struct door *d)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = !closed && d->waiting < WAITING_MAX;
	if (ok)
		d->waiting++;
	pthread_mutex_unlock(&lock);
	return ok;
}

static void *attend(void *arg);

/* Goes from the door; the last one sends for another. *serve: the client is not one too many. */
static void go(struct door *d, bool *serve)
{
	bool another;

	pthread_mutex_lock(&lock);
	*serve = !closed && d->sessions < SESSIONS_MAX;
	if (*serve)
		d->sessions++;
	another = --d->waiting == 0 && !closed;
	if (another)
		d->waiting++;
	pthread_mutex_unlock(&lock);
	if (!another || clients_thread(attend, d))
		return;
	pthread_mutex_lock(&lock);
	d->waiting--; /* whoever is served now comes back */
	pthread_mutex_unlock(&lock);
}

static void *attend(void *arg)
{
	struct door *d = arg;
	bool serve;

	do {
		int fd;

		pthread_mutex_lock(&d->turn);
		fd = take_client(d);
		pthread_mutex_unlock(&d->turn);
		if (fd < 0)
			break;
		go(d, &serve);
		if (serve)
			d->run(fd);
		close(fd);
		pthread_mutex_lock(&lock);
		d->sessions -= serve;
		pthread_mutex_unlock(&lock);
	} while (come(d));
	return NULL;
}

int clients_serve(int listener, session_fn *run, struct err *err)
{
	struct door *d = &doors[doors_n];

	if (end[0] < 0 && pipe2(end, O_CLOEXEC) != 0)
		return err_errno(err, ERR_IO, "no pipe can be had");
	d->listener = listener;
	d->run = run;
	d->waiting = 1;
	if (!clients_thread(attend, d))
		return err_set(err, ERR_INTERNAL, "no thread can be started");
	doors_n++;
	return 0;
}

void clients_end(void)
{
	pthread_mutex_lock(&lock);
	closed = true;
	pthread_mutex_unlock(&lock);
	close(end[1]);
	/* Whoever is at a door is away from it when its turn is ours. */
	for (size_t i = 0; i < doors_n; i++) {
		pthread_mutex_lock(&doors[i].turn);
		pthread_mutex_unlock(&doors[i].turn);
	}
}
