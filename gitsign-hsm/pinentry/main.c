/*
 * libexec/gitsign-hsm/pinentry: asks a person through pinentry (the Assuan protocol of
 * GnuPG's pinentry manual), so that no program that has a PKCS#11 module loaded forks.
 *
 *	pinentry pin [PROGRAM]      the PIN on standard output, without a newline
 *	pinentry confirm [PROGRAM]  yes or no as exit status
 *
 * What is asked comes on standard input. Exit status: 0; ERR_BAD: no; ERR_PIN:
 * cancelled or too late; ERR_CONFIG: there is no pinentry that can show itself.
 */
#include <assuan.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/os.h"

#define TEXT_MAX 8192
#define TIMEOUT_S "300"

static const char *const known[] = { "/usr/bin/pinentry", "/usr/local/bin/pinentry",
				     "/opt/homebrew/bin/pinentry" };

static const char *find_program(const char *named)
{
	if (named != NULL)
		return access(named, X_OK) == 0 ? named : NULL;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (access(known[i], X_OK) == 0)
			return known[i];
	return NULL;
}

static gpg_error_t on_data(void *ctx, const void *p, size_t n)
{
	struct secret *s = ctx;

	if (n > s->cap - s->n)
		return gpg_error(GPG_ERR_TOO_LARGE);
	memcpy(s->p + s->n, p, n);
	s->n += n;
	return 0;
}

static gpg_error_t command(assuan_context_t a, const char *line)
{
	return assuan_transact(a, line, NULL, NULL, NULL, NULL, NULL, NULL);
}

/* An option that a pinentry does not know is no fault. */
static void option(assuan_context_t a, const char *name, const char *value)
{
	_cleanup_free_ char *line = NULL;

	if (value == NULL || value[0] == '\0')
		return;
	line = xasprintf("OPTION %s=%s", name, value);
	if (strlen(line) < ASSUAN_LINELENGTH - 2 && strpbrk(line, "\r\n") == NULL)
		(void)command(a, line);
}

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Percent-escaped, and cut to a line of the protocol. */
static void describe(struct buf *out, struct bytes text)
{
	buf_add_str(out, "SETDESC ");
	for (size_t i = 0; i < text.n && out->n < ASSUAN_LINELENGTH - 8; i++) {
		uint8_t c = text.p[i];

		if (c < 0x20 || c == '%')
			buf_addf(out, "%%%02X", c);
		else
			buf_add_byte(out, c);
	}
}

static gpg_error_t ask(assuan_context_t a, bool pin, struct bytes text, struct secret *s)
{
	struct buf desc = BUF_INIT;
	gpg_error_t e;

	if (has_terminal()) {
		option(a, "ttyname", "/dev/tty");
		option(a, "ttytype", getenv("TERM"));
	}
	describe(&desc, text);
	(void)command(a, "SETTITLE gitsign-hsm");
	(void)command(a, "SETTIMEOUT " TIMEOUT_S);
	e = command(a, buf_str(&desc));
	buf_free(&desc);
	if (e != 0)
		return e;
	if (!pin)
		return command(a, "CONFIRM");
	(void)command(a, "SETPROMPT PIN:");
	assuan_begin_confidential(a);
	e = assuan_transact(a, "GETPIN", on_data, s, NULL, NULL, NULL, NULL);
	assuan_end_confidential(a);
	return e;
}

static int outcome(gpg_error_t e, bool pin)
{
	switch (gpg_err_code(e)) {
	case GPG_ERR_NO_ERROR:
		return 0;
	case GPG_ERR_NOT_CONFIRMED:
		return pin ? ERR_PIN : ERR_BAD;
	case GPG_ERR_CANCELED:
	case GPG_ERR_FULLY_CANCELED:
		return pin ? ERR_PIN : ERR_BAD;
	case GPG_ERR_TIMEOUT:
	case GPG_ERR_TOO_LARGE:
		return ERR_PIN;
	default: /* no terminal, no display, not a pinentry at all */
		return ERR_CONFIG;
	}
}

static int run(bool pin, const char *program, struct bytes text, struct secret *s)
{
	const char *argv[] = { program, NULL };
	assuan_fd_t keep[] = { STDERR_FILENO, ASSUAN_INVALID_FD };
	assuan_context_t a = NULL;
	gpg_error_t e = assuan_new(&a);

	if (e == 0)
		e = assuan_pipe_connect(a, program, argv, keep, NULL, NULL, 0);
	if (e == 0)
		e = ask(a, pin, text, s);
	assuan_release(a);
	return outcome(e, pin);
}

int main(int argc, char **argv)
{
	struct buf text = BUF_INIT;
	struct secret s = SECRET_NONE;
	struct err err = ERR_INIT;
	const char *program;
	bool pin;
	int r;

	os_start();
	assuan_set_gpg_err_source(GPG_ERR_SOURCE_USER_1);
	if (argc < 2 || argc > 3 ||
	    (strcmp(argv[1], "pin") != 0 && strcmp(argv[1], "confirm") != 0)) {
		fputs("gitsign-hsm: this program is run by gitsign-hsm\n", stderr);
		return ERR_USAGE;
	}
	pin = strcmp(argv[1], "pin") == 0;
	program = find_program(argc > 2 ? argv[2] : NULL);
	if (program == NULL || secret_new(&s) != 0)
		return ERR_CONFIG;
	r = os_read_all(STDIN_FILENO, TEXT_MAX, "the question", &text, &err);
	if (r == 0)
		r = run(pin, program, buf_bytes(&text), &s);
	if (r == 0 && pin)
		r = os_write_all(STDOUT_FILENO, bytes_of(s.p, s.n), "the PIN", &err);
	secret_free(&s);
	buf_free(&text);
	return r;
}
