/*
 * git's contract for a signer (git gpg-interface.c, sign_buffer_gpg): the
 * payload on standard input to its end, the armored signature on standard
 * output, a SIG_CREATED line on the status descriptor, exit 0. git believes exit
 * 0 and that line even when the signature is empty or torn: so the signature is
 * made, verified and written whole before the line is written.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "deliver.h"
#include "foreign.h"
#include "gpgsm.h"
#include "signer.h"
#include "status.h"

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
	const char *key = settings_key_for(s, payload, a->user);
	struct signer *signer = NULL;
	int64_t now = os_now();
	enum alg_hash hash;
	int r;

	if (settings_is_openpgp(s))
		return refuse_openpgp(err);
	if (s->agent == SETTINGS_AGENT_SSH)
		return foreign_sign(s, key, payload, now, pem, status, err);
	r = signer_open(s, key, io, &signer, err);
	if (r == 0)
		r = signer_sign(signer, payload, now, pem, &hash, err);
	if (r == 0)
		status_signed(status, signer_cert(signer), hash, now);
	signer_close(signer);
	return r;
}

int gpgsm_sign(const struct args *a)
{
	struct buf payload = BUF_INIT, pem = BUF_INIT, status = BUF_INIT;
	struct os_stdio io = { STDOUT_FILENO, STDERR_FILENO };
	struct settings s = { .conf = GITCONF_INIT };
	struct err err = ERR_INIT;
	int r;

	/* To its end, before anything can fail: git may still be writing. */
	r = os_read_all(STDIN_FILENO, DELIVER_PAYLOAD_MAX, "what is to be signed", &payload, &err);
	if (r == 0)
		r = settings_load(&s, &err);
	if (r == 0)
		r = deliver_check_fd(a->status_fd, &err);
	if (r == 0)
		r = os_stdio_hide(&io, &err);
	if (r == 0)
		r = make(&s, a, &io, buf_bytes(&payload), &pem, &status, &err);
	if (r == 0)
		r = deliver(a->status_fd, &io, buf_bytes(&pem), buf_bytes(&status), &err);
	if (r != 0)
		deliver_error(io.err, &err);
	settings_free(&s);
	buf_free(&payload);
	buf_free(&pem);
	buf_free(&status);
	return r;
}
