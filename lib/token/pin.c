/* PINs: read straight into memory that is locked and wiped, never into a copy. */
#include "token/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"

#define FD_TIMEOUT_MS 60000

int pin_source_parse(const char *text, struct pin_source *ret, struct err *err)
{
	struct pin_source s = { .kind = PIN_PROMPT, .fd = -1 };
	uint64_t fd;

	if (text == NULL || text[0] == '\0' || strcmp(text, "prompt") == 0) {
		*ret = s;
		return 0;
	}
	if (strncmp(text, "file:/", 6) == 0) {
		s.kind = PIN_FILE;
		s.path = text + 5;
	} else if (strncmp(text, "fd:", 3) == 0 && text_parse_u64(bytes_str(text + 3), &fd) &&
		   fd >= 3 && fd < 1024 * 1024) {
		s.kind = PIN_FD;
		s.fd = (int)fd;
	} else {
		/* Not repeated: somebody may have written the PIN itself. */
		return err_set(err, ERR_CONFIG,
			       "hsm.pinSource must be prompt, file:/absolute/path or fd:N "
			       "(N from 3 up)");
	}
	*ret = s;
	return 0;
}

/* Reads until the end of file, or with `line` until a newline. */
static int read_secret(int fd, bool line, int64_t until, struct secret *s, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - os_monotonic_ms();
		int ready;
		ssize_t n;

		if (left <= 0)
			return err_set(err, ERR_PIN, "no PIN came in time");
		ready = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (ready == 0 || (ready < 0 && errno == EINTR))
			continue;
		if (ready < 0)
			return err_errno(err, ERR_PIN, "cannot wait for the PIN");
		/* One byte at a time: what stands behind the line is not ours. */
		n = read(fd, s->p + s->n, line ? 1 : s->cap - s->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_PIN, "cannot read the PIN");
		if (n == 0)
			return 0;
		s->n += (size_t)n;
		if (line && s->p[s->n - 1] == '\n')
			return 0;
		if (s->n == s->cap)
			return err_set(err, ERR_PIN, "the PIN is longer than %zu bytes", s->cap - 1);
	}
}

static int finish(struct secret *s, struct err *err)
{
	if (s->n > 0 && s->p[s->n - 1] == '\n')
		s->n--;
	if (s->n > 0 && s->p[s->n - 1] == '\r')
		s->n--;
	s->p[s->n] = '\0';
	if (s->n == 0)
		return err_set(err, ERR_PIN, "the PIN is empty: nothing was sent to the token");
	if (memchr(s->p, '\0', s->n) != NULL)
		return err_set(err, ERR_PIN, "the PIN has a NUL byte in it");
	return 0;
}

static int from_file(const char *path, struct secret *s, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(path));
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0)
		return err_errno(err, ERR_PIN, "cannot open the PIN file %s", shown);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = err_set(err, ERR_PIN, "the PIN file %s is no regular file", shown);
	else if (st.st_uid != geteuid())
		r = err_set(err, ERR_PIN, "the PIN file %s belongs to another user", shown);
	else if ((st.st_mode & 07177) != 0)
		r = err_set(err, ERR_PIN,
			    "the PIN file %s is open to others: type  chmod 600 %s", shown, shown);
	else
		r = read_secret(fd, false, os_monotonic_ms() + FD_TIMEOUT_MS, s, err);
	close(fd);
	return r;
}

/* --- the terminal ---------------------------------------------------------- */

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
			return err_set(err, ERR_PIN, "the PIN is longer than %zu bytes", s->cap - 1);
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

static int from_prompt(const char *prompt, int timeout_ms, struct secret *s, struct err *err)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int r;

	if (tty < 0)
		return err_set(err, ERR_PIN,
			       "a PIN is needed and there is no terminal to ask on: run git in a "
			       "terminal, or keep the PIN in a file of mode 600 and type\n"
			       "  git config --global hsm.pinSource file:/path/to/that/file");
	r = with_echo_off(tty, prompt, timeout_ms, s, err);
	close(tty);
	return r;
}

int pin_get(const struct pin_source *src, const char *prompt, int timeout_ms, struct secret *ret,
	    struct err *err)
{
	struct secret s;
	int r;

	if (secret_new(&s) != 0)
		return err_set(err, ERR_INTERNAL, "no memory can be had for the PIN");
	switch (src->kind) {
	case PIN_FILE:
		r = from_file(src->path, &s, err);
		break;
	case PIN_FD:
		r = read_secret(src->fd, true, os_monotonic_ms() + FD_TIMEOUT_MS, &s, err);
		if (r != 0)
			err_prefix(err, "hsm.pinSource = fd:%d", src->fd);
		break;
	case PIN_PROMPT:
		r = from_prompt(prompt, timeout_ms, &s, err);
		break;
	default:
		r = err_set(err, ERR_INTERNAL, "no source of a PIN");
	}
	if (r == 0)
		r = finish(&s, err);
	if (r != 0) {
		secret_free(&s);
		return r;
	}
	*ret = s;
	return 0;
}
