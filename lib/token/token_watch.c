#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "token/pin.h"
#include "token/token_internal.h"

#define REMIND_MS 1000

struct watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct timespec until, remind_at;
	bool remind;      /* whoever sits at the terminal has not been told yet */
	const char *call; /* NULL: no call is under way */
	bool idle;        /* the thread waits for a call, not for a time */
	bool stop;
	int timeout_ms;
	int fd;
	char *prefix, *module;
};

static struct timespec later(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static bool passed(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > t->tv_sec || (now.tv_sec == t->tv_sec && now.tv_nsec >= t->tv_nsec);
}

__attribute__((noreturn)) static void give_up(const struct watch *w)
{
	char line[1024];
	int n = snprintf(line, sizeof(line),
			 "%sthe PKCS#11 module %.500s did not answer within %d seconds (%s); "
			 "nothing was signed. Is the token plugged in, and is another program "
			 "using it?\n",
			 w->prefix, w->module, (w->timeout_ms + 999) / 1000, w->call);

	if (w->fd >= 0 && n > 0 && (size_t)n < sizeof(line)) {
		ssize_t done = write(w->fd, line, (size_t)n);
		(void)done; /* nobody is left to tell */
	}
	_exit(ERR_TOKEN);
}

static void remind(struct watch *w)
{
	w->remind = false;
	pin_tty_say(TOKEN_REMINDER);
}

static void *run(void *arg)
{
	struct watch *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		w->idle = w->call == NULL;
		if (w->idle)
			pthread_cond_wait(&w->changed, &w->lock);
		else if (passed(&w->until))
			give_up(w);
		else if (w->remind && passed(&w->remind_at))
			remind(w);
		else
			pthread_cond_timedwait(&w->changed, &w->lock,
					       w->remind ? &w->remind_at : &w->until);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void release(struct watch *w)
{
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w->prefix);
	free(w->module);
	free(w);
}

static int timeout_of(int ms)
{
	return ms > 0 ? ms : TOKEN_TIMEOUT_MS;
}

int watch_start(const struct token_config *cfg, const char *module, struct watch **ret,
		struct err *err)
{
	struct watch *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	w->timeout_ms = timeout_of(cfg->timeout_ms);
	w->fd = cfg->deadline_fd;
	w->remind = cfg->remind && w->timeout_ms > REMIND_MS;
	w->prefix = xstrdup(cfg->deadline_prefix != NULL ? cfg->deadline_prefix : "");
	w->module = xstrdup(module);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are for the main thread: it restores the terminal. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0) {
		release(w);
		return err_set(err, ERR_INTERNAL, "no thread can be started: %s", strerror(r));
	}
	*ret = w;
	return 0;
}

void watch_stop(struct watch *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	release(w);
}

/* Woken, for it may be waiting until a time that is too late for the next call. */
void watch_set_timeout(struct watch *w, int timeout_ms)
{
	pthread_mutex_lock(&w->lock);
	if (w->timeout_ms != timeout_of(timeout_ms)) {
		w->timeout_ms = timeout_of(timeout_ms);
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
}

void watch_begin(struct watch *w, const char *call)
{
	pthread_mutex_lock(&w->lock);
	w->until = later(w->timeout_ms);
	w->remind_at = later(REMIND_MS);
	w->call = call;
	/* Else it wakes at an earlier call's time, and sees this one: waking it for
	 * each of the hundred calls of a signature would cost two switches each. */
	if (w->idle)
		pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* The thread is not woken: it sees for itself that no call is under way. */
void watch_end(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	w->call = NULL;
	pthread_mutex_unlock(&w->lock);
}
