/*
 * Memory for large requests: so much for all, and for one of each process. Who has room and does
 * not send loses it when somebody else waits.
 */
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "agent.h"
#include "base/os.h"

#define TOTAL (4 * AGENT_FRAME_MAX)
#define LATE_MS 4000 /* what comes over a UNIX socket is here in hundredths of that */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct room *first; /* who has room and who waits for it, oldest first */
static size_t taken;

static pid_t peer(int fd)
{
	struct ucred c = { .pid = 0 };
	socklen_t n = sizeof(c);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0 ? c.pid : 0;
}

static bool has(pid_t pid)
{
	for (const struct room *o = first; o != NULL; o = o->next)
		if (o->in && o->pid == pid)
			return true;
	return false;
}

/* In turn; but who waits for its own earlier request holds up nobody else. */
static bool may(const struct room *r)
{
	if (has(r->pid))
		return false;
	for (const struct room *o = first; o != r; o = o->next)
		if (!o->in && !has(o->pid))
			return false;
	return r->n <= TOTAL - taken;
}

static void join(struct room *r)
{
	struct room **at = &first;

	while (*at != NULL)
		at = &(*at)->next;
	*at = r;
}

static bool is_late(const struct room *o, int64_t now)
{
	return o->in && !o->here && !o->out && now >= o->since + LATE_MS;
}

/* A process that is late is not waited for again: its other requests go with that one. */
static void turn_out(pid_t pid)
{
	for (struct room *o = first; o != NULL; o = o->next)
		if (o->pid == pid && !o->here) {
			o->out = true;
			(void)shutdown(o->fd, SHUT_RDWR);
		}
	pthread_cond_broadcast(&changed);
}

/* When to look again. */
static int64_t turn_out_late(int64_t now)
{
	int64_t next = INT64_MAX;

	for (const struct room *o = first; o != NULL; o = o->next) {
		if (is_late(o, now))
			turn_out(o->pid);
		else if (o->in && !o->here && !o->out && o->since + LATE_MS < next)
			next = o->since + LATE_MS;
	}
	return next;
}

static void leave(struct room *r)
{
	struct room **at = &first;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (r->in)
		taken -= r->n;
	r->in = false;
	pthread_cond_broadcast(&changed);
}

/* Until something has changed, or that time. */
static void wait_change(int64_t at)
{
	const struct timespec t = { at / 1000, at % 1000 * 1000000 };

	(void)pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &t);
}

/* Who waits for its own earlier request only has nobody turned out. */
static void wait_turn(struct room *r, int64_t until)
{
	int64_t now, next;

	while (!may(r) && !r->out && (now = os_monotonic_ms()) < until) {
		next = has(r->pid) ? INT64_MAX : turn_out_late(now);
		wait_change(next < until ? next : until);
	}
	r->in = !r->out && may(r);
	r->since = os_monotonic_ms();
}

bool room_take(struct room *r, int fd, size_t n, int wait_ms)
{
	int64_t until = os_monotonic_ms() + wait_ms;

	*r = (struct room){ .n = n, .fd = fd };
	if (n <= ROOM_FREE)
		return true;
	r->pid = peer(fd);
	pthread_mutex_lock(&lock);
	join(r);
	wait_turn(r, until);
	if (r->in)
		taken += n;
	else
		leave(r);
	pthread_mutex_unlock(&lock);
	return r->in;
}

void room_here(struct room *r)
{
	if (!r->in)
		return;
	pthread_mutex_lock(&lock);
	r->here = true;
	pthread_mutex_unlock(&lock);
}

void room_give(struct room *r)
{
	if (!r->in)
		return;
	pthread_mutex_lock(&lock);
	leave(r);
	pthread_mutex_unlock(&lock);
}
