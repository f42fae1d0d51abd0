/* Memory for large requests: so much for all, and for one of each process. */
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "agent.h"
#include "base/os.h"

#define TOTAL (4 * AGENT_FRAME_MAX)

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

static struct timespec from_now(int ms)
{
	int64_t at = os_monotonic_ms() + ms;

	return (struct timespec){ at / 1000, at % 1000 * 1000000 };
}

bool room_take(struct room *r, int fd, size_t n, int wait_ms)
{
	struct timespec until = from_now(wait_ms);
	int rc = 0;

	*r = (struct room){ .n = n };
	if (n <= ROOM_FREE)
		return true;
	r->pid = peer(fd);
	pthread_mutex_lock(&lock);
	join(r);
	while (!may(r) && rc == 0)
		rc = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
	r->in = may(r);
	if (r->in)
		taken += n;
	else
		leave(r);
	pthread_mutex_unlock(&lock);
	return r->in;
}

void room_give(struct room *r)
{
	if (!r->in)
		return;
	pthread_mutex_lock(&lock);
	leave(r);
	pthread_mutex_unlock(&lock);
}
