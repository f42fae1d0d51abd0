#include "base/deadline.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* What the handler needs stands still when the timer runs. */
static struct {
	char text[DEADLINE_TEXT_MAX];
	size_t n;
	int status;
} end;

/* Whoever should read it may have stopped reading: that must not keep us. */
static void over(int signal_number)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	(void)signal_number;
	if (poll(&p, 1, 1000) > 0 && write(STDERR_FILENO, end.text, end.n) < 0)
		_exit(end.status);
	_exit(end.status);
}

int deadline_set(long seconds, const char *text, int status, struct err *err)
{
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	const struct itimerval timer = { { 0, 0 }, { seconds, 0 } };
	struct sigaction act = { .sa_handler = over };
	sigset_t alarm_only;
	size_t n = strlen(text);

	if (n > sizeof(end.text))
		return err_set(err, ERR_INTERNAL, "a deadline's text of %zu bytes", n);
	if (setitimer(ITIMER_REAL, &never, NULL) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot limit the time");
	memcpy(end.text, text, n);
	end.n = n;
	end.status = status;
	sigfillset(&act.sa_mask);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	if (sigaction(SIGALRM, &act, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &alarm_only, NULL) < 0 ||
	    setitimer(ITIMER_REAL, &timer, NULL) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot limit the time");
	return 0;
}
