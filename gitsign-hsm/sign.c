/*
 * git's contract for a signer (git gpg-interface.c, sign_buffer_gpg): the
 * payload on standard input to its end, the armored signature on standard
 * output, a SIG_CREATED line on the status descriptor, exit 0. git believes exit
 * 0 and that line even when the signature is empty or torn: so the signature is
 * made, verified and written whole before the line is written.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/proc.h"
#include "base/text.h"
#include "gpgsm.h"
#include "signer.h"
#include "status.h"

#define PAYLOAD_MAX ((size_t)512 << 20)

static void say(int fd, const struct err *e)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "gitsign-hsm: %s\n", e->text);
	(void)os_write_all(fd, buf_bytes(&line), "standard error", NULL);
	buf_free(&line);
}

static int refuse_openpgp(struct err *err)
{
	return err_set(err, ERR_CONFIG,
		       "git asked for an OpenPGP signature, this program makes X.509 ones; type:\n"
		       "  git config gpg.format x509\n"
		       "  git config gpg.x509.program gitsign-hsm");
}

/* Everything that stands between a payload and the two things git reads. */
static int make(const struct settings *s, const struct args *a, const struct os_stdio *io,
		struct bytes payload, struct buf *pem, struct buf *status, struct err *err)
{
	struct signer *signer = NULL;
	int64_t now = os_now();
	enum alg_hash hash;
	int r;

	if (settings_is_openpgp(s))
		return refuse_openpgp(err);
	r = signer_open(s, a->user, io, &signer, err);
	if (r == 0)
		r = signer_sign(signer, payload, now, pem, &hash, err);
	if (r == 0)
		status_signed(status, signer_cert(signer), hash, now);
	signer_close(signer);
	return r;
}

static int deliver(const struct args *a, const struct os_stdio *io, const struct buf *pem,
		   const struct buf *status, struct err *err)
{
	int fd = a->status_fd == 1 ? io->out : a->status_fd == 2 ? io->err : a->status_fd;
	int r;

	if (pem->n == 0 || pem->p[pem->n - 1] != '\n')
		return err_set(err, ERR_INTERNAL, "an empty or torn signature; nothing was signed");
	r = os_write_all(io->out, buf_bytes(pem), "the signature", err);
	/* A full disk may speak up only now. */
	if (r == 0 && fd != io->out && close(io->out) != 0)
		r = err_errno(err, ERR_IO, "writing the signature");
	if (r == 0 && fd >= 0)
		r = os_write_all(fd, buf_bytes(status), "the status", err);
	return r;
}

/* Before descriptors are moved: a number that is free now may be ours later. */
static int check_status_fd(const struct args *a, struct err *err)
{
	if (a->status_fd >= 0 && fcntl(a->status_fd, F_GETFD) < 0)
		return err_errno(err, ERR_IO, "--status-fd=%d", a->status_fd);
	return 0;
}

/*
 * git before 2.40 keeps what a signer says to itself when it fails. Then the reason
 * goes to the terminal too. The module is finalised: a child may be run.
 */
static void tell_terminal(const struct os_stdio *io, const struct err *e)
{
	const char *argv[] = { "git", "--version", NULL };
	struct buf said = BUF_INIT;
	struct proc_opts opts = { .timeout_ms = 5000 };
	int status = -1, major = 0, minor = 0, tty;

	if (getenv("GIT_EXEC_PATH") == NULL || isatty(io->err) ||
	    (tty = open("/dev/tty", O_WRONLY | O_CLOEXEC | O_NOCTTY)) < 0)
		return;
	if (proc_run(argv, &opts, &said, &status, NULL) == 0 && status == 0 &&
	    sscanf(buf_str(&said), "git version %d.%d", &major, &minor) == 2 &&
	    (major < 2 || (major == 2 && minor < 40)))
		say(tty, e);
	buf_free(&said);
	close(tty);
}

int gpgsm_sign(const struct args *a)
{
	struct buf payload = BUF_INIT, pem = BUF_INIT, status = BUF_INIT;
	struct os_stdio io = { STDOUT_FILENO, STDERR_FILENO };
	struct settings s = { .conf = GITCONF_INIT };
	struct err err = ERR_INIT;
	int r;

	/* To its end, before anything can fail: git may still be writing. */
	r = os_read_all(STDIN_FILENO, PAYLOAD_MAX, "what is to be signed", &payload, &err);
	if (r == 0)
		r = settings_load(&s, &err);
	if (r == 0)
		r = check_status_fd(a, &err);
	if (r == 0)
		r = os_stdio_hide(&io, &err);
	if (r == 0)
		r = make(&s, a, &io, buf_bytes(&payload), &pem, &status, &err);
	if (r == 0)
		r = deliver(a, &io, &pem, &status, &err);
	if (r != 0) {
		say(io.err, &err);
		tell_terminal(&io, &err);
	}
	settings_free(&s);
	buf_free(&payload);
	buf_free(&pem);
	buf_free(&status);
	return r;
}
