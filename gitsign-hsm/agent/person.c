/*
 * Asking the owner for a yes. This process asks, never the one that wants the signature:
 * its yes would be worth nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/os.h"
#include "base/proc.h"
#include "consent.h"

#define ASK_MS (5 * 60 * 1000)
#define LINE_MAX_ 2048

static int said_no(struct err *err)
{
	return err_set(err, ERR_BAD, "not signed: the answer was not yes");
}

/* --- pinentry: the Assuan protocol (gnupg's doc, "Assuan") ---------------------- */

/* One command, one OK; *no: it answered with an error, which is a no or a timeout. */
static int assuan(struct proc_pipe *p, struct bytes command, bool *no, struct err *err)
{
	struct buf line = BUF_INIT;
	bool eof = false;
	int r = command.n > 0 ? proc_pipe_write(p, command, err) : 0;

	*no = false;
	do {
		r = r == 0 ? proc_pipe_line(p, LINE_MAX_, &line, &eof, err) : r;
	} while (r == 0 && !eof && (line.n == 0 || line.p[0] == 'S' || line.p[0] == '#'));
	if (r == 0 && eof)
		r = err_set(err, ERR_IO, "pinentry ended");
	if (r == 0 && !bytes_starts(buf_bytes(&line), BYTES_LIT("OK")))
		*no = true;
	buf_free(&line);
	return r;
}

static void add_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '%' || *text == '\r' || *text == '\n')
			buf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
		else
			buf_add_byte(out, (uint8_t)*text);
}

static int converse(struct proc_pipe *p, const struct asker *a, const char *question, bool *no,
		    struct err *err)
{
	struct buf b = BUF_INIT;
	bool ignored;
	int r = assuan(p, BYTES_NONE, &ignored, err);

	if (r == 0 && a->tty[0] != '\0') {
		buf_addf(&b, "OPTION ttyname=%s\n", a->tty);
		r = assuan(p, buf_bytes(&b), &ignored, err);
	}
	buf_clear(&b);
	buf_add_str(&b, "SETDESC ");
	add_escaped(&b, question);
	buf_add_byte(&b, '\n');
	if (r == 0)
		r = assuan(p, buf_bytes(&b), &ignored, err);
	if (r == 0)
		r = assuan(p, BYTES_LIT("SETOK Sign\n"), &ignored, err);
	if (r == 0)
		r = assuan(p, BYTES_LIT("SETCANCEL Do not sign\n"), &ignored, err);
	if (r == 0)
		r = assuan(p, BYTES_LIT("CONFIRM\n"), no, err);
	buf_free(&b);
	return r;
}

/* ERR_IO: it could not ask. */
static int by_pinentry(const char *path, const struct asker *a, const char *question,
		       struct err *err)
{
	const char *argv[] = { path, NULL };
	const struct proc_opts opts = { .timeout_ms = ASK_MS };
	struct proc_pipe *p = NULL;
	bool no = false;
	int r = proc_pipe_open(argv, &opts, &p, err);

	if (r == 0)
		r = converse(p, a, question, &no, err);
	proc_pipe_close(p, NULL);
	if (r != 0)
		return err_set(err, ERR_IO, "pinentry cannot ask");
	return no ? said_no(err) : 0;
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

static const char *pinentry(const struct agent_config *c)
{
	if (c->pinentry != NULL)
		return c->pinentry;
	return getenv("DISPLAY") != NULL || getenv("WAYLAND_DISPLAY") != NULL ? "pinentry" : NULL;
}

int person_agrees(const struct agent_config *c, const struct asker *a, const char *question,
		  struct err *err)
{
	const char *program = pinentry(c);
	int r = program != NULL ? by_pinentry(program, a, question, err) : ERR_IO;

	if (r != ERR_IO)
		return r;
	if (a->tty[0] != '\0')
		return by_terminal(a, question, err);
	return err_set(err, ERR_PIN,
		       "the agent wants a yes before it signs this, and there is neither a "
		       "terminal nor a pinentry to ask on: run git in a terminal, or see "
		       "hsm.pinentry and hsm.confirm in gitsign-hsm-agent(1)");
}
