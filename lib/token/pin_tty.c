/* A PIN typed on the terminal: no echo, which comes back whatever happens. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/os.h"
#include "token/pin.h"
#include "token/pin_internal.h"

static const int stops[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM };
#define STOPS_N (sizeof(stops) / sizeof(stops[0]))

static volatile sig_atomic_t got_signal;

static void on_signal(int s)
{
	got_signal = s;
}

static void say(int tty, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t k = write(tty, text, n);

		if (k <= 0)
			return;
		text += k;
		n -= (size_t)k;
	}
}

static int read_line(int tty, int timeout_ms, struct secret *s, struct err *err)
{
	int64_t until = os_monotonic_ms() + timeout_ms;

	while (got_signal == 0) {
		struct pollfd p = { .fd = tty, .events = POLLIN };
		int64_t left = until - os_monotonic_ms();
		ssize_t n;

		if (left <= 0)
			return err_set(err, ERR_PIN, "no PIN was entered within %d seconds",
				       timeout_ms / 1000);
		/* A signal between the test above and poll() is seen after a second. */
		if (poll(&p, 1, left > 1000 ? 1000 : (int)left) <= 0)
			continue;
		n = read(tty, s->p + s->n, s->cap - s->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, ERR_PIN, "no PIN was entered");
		s->n += (size_t)n;
		if (s->p[s->n - 1] == '\n')
			return 0;
		if (s->n == s->cap)
			return err_set(err, ERR_PIN, "the PIN is longer than %zu bytes",
				       s->cap - 1);
	}
	return err_set(err, ERR_PIN, "interrupted while the PIN was asked for");
}

static int with_echo_off(int tty, const char *prompt, int timeout_ms, struct secret *s,
			 struct err *err)
{
	struct sigaction act, old[STOPS_N];
	struct termios was, quiet;
	int r;

	if (tcgetattr(tty, &was) != 0)
		return err_errno(err, ERR_PIN, "cannot switch the terminal's echo off");
	memset(&act, 0, sizeof(act));
	act.sa_handler = on_signal; /* no SA_RESTART: poll() has to come back */
	got_signal = 0;
	for (size_t i = 0; i < STOPS_N; i++)
		sigaction(stops[i], &act, &old[i]);
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0) {
		r = err_errno(err, ERR_PIN, "cannot switch the terminal's echo off");
	} else {
		say(tty, prompt);
		r = read_line(tty, timeout_ms, s, err);
		(void)tcsetattr(tty, TCSAFLUSH, &was);
		say(tty, "\n");
	}
	for (size_t i = 0; i < STOPS_N; i++)
		sigaction(stops[i], &old[i], NULL);
	if (got_signal != 0) {
		mem_wipe(s->p, s->n);
		raise(got_signal);
	}
	return r;
}

int pin_from_tty(const char *prompt, int timeout_ms, struct secret *s, bool *there, struct err *err)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int r;

	*there = tty >= 0;
	if (tty < 0)
		return err_set(err, ERR_PIN, "there is no terminal to ask on");
	r = with_echo_off(tty, prompt, timeout_ms, s, err);
	close(tty);
	return r;
}

void pin_tty_say(const char *text)
{
	int tty = open("/dev/tty", O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (tty < 0)
		return;
	(void)!write(tty, text, strlen(text));
	(void)!write(tty, "\n", 1);
	close(tty);
}
