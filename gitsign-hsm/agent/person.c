/*
 * Asking the owner for a yes. This process asks, never the one that wants the signature:
 * its yes would be worth nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/os.h"
#include "consent.h"

#define ASK_MS (5 * 60 * 1000)

static int said_no(struct err *err)
{
	return err_set(err, ERR_BAD, "not signed: the answer was not yes");
}

/* --- the terminal --------------------------------------------------------------- */

static int read_yes(int tty, struct err *err)
{
	int64_t until = os_monotonic_ms() + ASK_MS;
	char line[16] = "";
	size_t n = 0;

	while (n == 0 || line[n - 1] != '\n') {
		struct pollfd p = { .fd = tty, .events = POLLIN };
		int64_t left = until - os_monotonic_ms();
		ssize_t got = 0;

		if (left <= 0)
			return err_set(err, ERR_PIN, "nobody answered on the terminal");
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		got = read(tty, line + n, sizeof(line) - 1 - n);
		if (got <= 0)
			return said_no(err);
		n += (size_t)got;
		if (n == sizeof(line) - 1)
			return said_no(err);
	}
	line[n] = '\0';
	if (strcasecmp(line, "y\n") == 0 || strcasecmp(line, "yes\n") == 0)
		return 0;
	return said_no(err);
}

static int by_terminal(const struct asker *a, const char *question, struct err *err)
{
	int tty = open(a->tty, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct buf text = BUF_INIT;
	struct stat st;
	int r;

	if (tty < 0 || fstat(tty, &st) != 0 || st.st_rdev != a->tty_dev || !isatty(tty)) {
		if (tty >= 0)
			close(tty);
		return err_set(err, ERR_PIN,
			       "the terminal of the program that asks cannot be used");
	}
	buf_addf(&text, "%s\ngitsign-hsm: sign this? [y/N] ", question);
	(void)tcflush(tty, TCIFLUSH); /* what was typed before the question does not count */
	r = os_write_all(tty, buf_bytes(&text), "the terminal", err);
	if (r == 0)
		r = read_yes(tty, err);
	buf_free(&text);
	close(tty);
	return r;
}

int person_agrees(const struct agent_config *c, const struct asker *a, const char *question,
		  struct err *err)
{
	bool there = false;
	int r = pin_confirm(c->pinentry, question, ASK_MS, &there, err);

	if (there) {
		if (r != 0)
			err_prefix(err, "not signed");
		return r;
	}
	if (a->tty[0] != '\0')
		return by_terminal(a, question, err);
	return err_set(err, ERR_PIN,
		       "the agent wants a yes before it signs this, and there is neither a "
		       "terminal nor a pinentry to ask on: run git in a terminal, or see "
		       "hsm.pinentry and hsm.confirm in gitsign-hsm-agent(1)");
}
