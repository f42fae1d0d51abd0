/*
 * One connection to the socket that ssh's programs use: ssh-add -l, ssh, ssh-keygen -Y
 * sign, lock and unlock. Whoever reaches it gets signatures over SSH logins and allowed
 * SSHSIG blobs only: over other bytes they would be commits, tokens or TLS sessions.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wire.h"
#include "consent.h"
#include "keeper.h"
#include "token/agent_ssh.h"

struct request {
	struct asker asker;
	struct keeper_request q;
	struct keeper_login login;
	struct keeper_key *key;
	struct buf blob; /* of the key */
	char fingerprint[2 * 32 + 1];
	struct facts facts;
	struct audit_entry entry;
};

static void begin(struct request *r, char *what)
{
	const struct agent_config *c = server_config();

	r->facts = (struct facts){ .purpose = AGENT_NOTHING, .text = what };
	r->entry = (struct audit_entry){ .asker = &r->asker, .purpose = "ssh" };
	r->q = (struct keeper_request){
		.module = c->own.module,
		.module_args = c->own.module_args,
		.config = c->own_text,
		.timeout_ms = c->own.timeout_ms,
		.stored = c->own.pin_source.kind != PIN_PROMPT,
		.pin = session_own_pin,
	};
}

static void end(struct request *r)
{
	keeper_key_put(r->key);
	buf_free(&r->blob);
	facts_free(&r->facts);
}

/* The i-th of hsm.sshKey into r->key and r->blob. */
static int open_key(struct request *r, size_t i, struct err *err)
{
	int rc;

	keeper_key_put(r->key);
	r->key = NULL;
	buf_clear(&r->blob);
	r->q.key = server_config()->keys[i];
	rc = keeper_choose(&r->q, &r->key, &r->login, err);
	if (rc == 0 && !ssh_key_blob(r->key->leaf->key, &r->blob))
		rc = err_set(err, ERR_KEY, "ssh knows no such keys");
	return rc;
}

/* A key that cannot be had is left out, as is everything while we are locked. */
static void list(struct buf *out)
{
	struct request r = { .key = NULL };
	struct buf keys = BUF_INIT;
	uint32_t n = 0;

	begin(&r, NULL);
	for (size_t i = 0; i < server_config()->keys_n && !lock_is(); i++) {
		if (open_key(&r, i, NULL) != 0)
			continue;
		wire_put_string(&keys, buf_bytes(&r.blob));
		wire_put_text(&keys, r.key->leaf->subject);
		n++;
	}
	buf_add_byte(out, AGENT_IDENTITIES);
	wire_put_u32(out, n);
	buf_add_bytes(out, buf_bytes(&keys));
	buf_free(&keys);
	end(&r);
}

static int find_key(struct request *r, struct bytes blob, struct err *err)
{
	struct err why = ERR_INIT;
	struct buf fp = BUF_INIT;

	for (size_t i = 0; i < server_config()->keys_n; i++) {
		int rc = open_key(r, i, &why);

		if (rc == ERR_PIN) /* locked */
			return err_set(err, rc, "%s", why.text);
		if (rc != 0 || !bytes_eq(buf_bytes(&r->blob), blob))
			continue;
		text_hex(&fp, bytes_of(r->key->leaf->sha256, 32), false);
		snprintf(r->fingerprint, sizeof(r->fingerprint), "%s", buf_str(&fp));
		r->entry.key = r->fingerprint;
		buf_free(&fp);
		return 0;
	}
	return err_set(err, ERR_KEY, "no key of hsm.sshKey is the one that is asked for");
}

static bool space_allowed(struct bytes space)
{
	const struct agent_config *c = server_config();

	for (size_t i = 0; i < c->spaces_n; i++)
		if (bytes_eq_str(space, c->spaces[i]))
			return true;
	return false;
}

/* What the bytes are; everything else is refused. */
static int judge(struct request *r, struct bytes data, struct bytes blob, const char *alg,
		 struct err *err)
{
	struct ssh_request q = ssh_request_parse(data, blob);
	_cleanup_free_ char *shown = NULL;

	if (q.kind == SSH_LOGIN) {
		r->entry.purpose = "ssh login";
		shown = text_escaped(q.user);
		r->facts.text = xasprintf("ssh login as \"%s\"", shown);
		return bytes_eq_str(q.alg, alg)
			       ? 0
			       : err_set(err, ERR_INPUT, "it announces another algorithm");
	}
	if (q.kind == SSH_SIGNATURE) {
		r->entry.purpose = "sshsig";
		shown = text_escaped(q.space);
		r->facts.text = xasprintf("SSH signature, namespace \"%s\"", shown);
		return space_allowed(q.space)
			       ? 0
			       : err_set(err, ERR_BAD,
					 "the namespace \"%s\" is not one of hsm.sshNamespace",
					 shown);
	}
	return err_set(
		err, ERR_BAD,
		"the bytes are neither an SSH login with this key nor an SSHSIG: not signed");
}

static bool is_good(EVP_PKEY *key, enum alg_hash h, struct bytes data, struct bytes sig)
{
	bool pure = alg_of_key(key).kind == KEY_ED25519;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL &&
		  EVP_DigestVerifyInit(ctx, NULL, pure ? NULL : alg_hash_md(h), NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, sig.p, sig.n, data.p, data.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static int sign_bytes(struct request *r, const char *alg, enum alg_hash h, struct bytes data,
		      struct buf *out, struct err *err)
{
	struct buf sig = BUF_INIT;
	int rc = keeper_sign(&r->q, h, data, &sig, &r->login, err);

	if (rc == 0 && (!is_good(r->key->leaf->key, h, data, buf_bytes(&sig)) ||
			!ssh_signature_put(out, r->key->leaf->key, alg, buf_bytes(&sig))))
		rc = err_set(err, ERR_TOKEN, "the token's signature does not verify");
	buf_free(&sig);
	return rc;
}

static int sign(struct request *r, struct bytes in, struct buf *out, struct err *err)
{
	struct confirm_ask ask = { .facts = &r->facts, .asker = &r->asker, .where = "" };
	struct bytes blob, data;
	const char *alg;
	enum alg_hash h;
	uint32_t flags;
	int rc;

	if (!wire_string(&in, &blob) || !wire_string(&in, &data) || !wire_u32(&in, &flags) ||
	    in.n != 0)
		return err_set(err, ERR_INPUT, "a strange request");
	rc = find_key(r, blob, err);
	if (rc == 0 && !ssh_key_alg(r->key->leaf->key, flags, &alg, &h))
		rc = err_set(err, ERR_KEY, "RSA with SHA-1 is not signed");
	if (rc == 0)
		rc = judge(r, data, blob, alg, err);
	if (rc != 0)
		return rc;
	ask.key = r->fingerprint;
	confirm_login(&ask, r->q.stored, &r->login);
	r->q.ctx = r->facts.text;
	rc = confirm_ask(server_config(), &ask, &r->entry.reason, err);
	if (rc == 0)
		rc = sign_bytes(r, alg, h, data, out, err);
	if (rc == 0)
		rc = confirm_made(server_config(), &ask, r->q.stored, &r->login, &r->entry.reason,
				  err);
	return rc;
}

static void reply_sign(int fd, struct bytes in, struct buf *out)
{
	struct request r = { .key = NULL };
	struct buf sig = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	if (!asker_of(fd, &r.asker)) {
		buf_add_byte(out, AGENT_FAILURE);
		return;
	}
	begin(&r, NULL);
	rc = sign(&r, in, &sig, &err);
	r.entry.result = rc == 0 ? "signed" : "refused";
	if (rc != 0)
		r.entry.reason = err.text;
	if (audit_write(server_config()->log, &r.entry, NULL) != 0)
		rc = ERR_IO;
	buf_add_byte(out, rc == 0 ? AGENT_SIGNATURE : AGENT_FAILURE);
	if (rc == 0)
		wire_put_string(out, buf_bytes(&sig));
	server_used();
	buf_free(&sig);
	end(&r);
}

static void reply_lock(struct buf *frame, bool lock, struct buf *out)
{
	struct bytes in = bytes_skip(buf_bytes(frame), 1), text;
	struct secret s;
	int rc = ERR_INPUT;

	if (wire_string(&in, &text) && in.n == 0 && text.n <= SECRET_MAX && secret_new(&s) == 0) {
		memcpy(s.p, text.p, text.n);
		s.n = text.n;
		rc = lock ? lock_set(&s, NULL) : lock_clear(&s, NULL);
		secret_free(&s);
	}
	mem_wipe(frame->p, frame->n);
	buf_add_byte(out, rc == 0 ? AGENT_SUCCESS : AGENT_FAILURE);
}

static void refuse_forward(int fd, struct bytes body, struct buf *out)
{
	static const char why[] = "the agent at the other end does not sign git objects for "
				  "others: hsm.agentForward there is not confirm";
	struct audit_entry e = { .result = "refused", .reason = why };
	struct agent_ask ask = { .purpose = AGENT_NOTHING };
	struct asker asker;

	if (agent_ask_get(body, &ask)) {
		e.where = ask.where;
		e.purpose = agent_purpose_name(ask.purpose);
	}
	e.asker = &asker;
	if (asker_of(fd, &asker))
		(void)audit_write(server_config()->log, &e, NULL);
	agent_ask_free(&ask);
	buf_add_byte(out, AGENT_EXTENSION_RESPONSE);
	wire_put_text(out, AGENT_EXT_SIGN);
	buf_add_byte(out, AGENT_KIND_REFUSED);
	wire_put_u32(out, ERR_CONFIG);
	wire_put_text(out, why);
}

/* Git objects too, where the owner said so: each one is asked for. */
static void reply_extension(int fd, struct bytes in, struct buf *out)
{
	struct bytes name;

	if (!wire_string(&in, &name) || !bytes_eq_str(name, AGENT_EXT_SIGN)) {
		buf_add_byte(out, AGENT_FAILURE); /* OpenSSH's own are not needed */
	} else if (server_config()->forward) {
		session_sign(fd, in, true, out);
	} else {
		refuse_forward(fd, in, out);
	}
}

static void reply(int fd, struct buf *frame, struct buf *out)
{
	struct bytes in = buf_bytes(frame);
	uint8_t message = 0;

	(void)wire_byte(&in, &message);
	switch (message) {
	case AGENT_LIST:
		list(out);
		break;
	case AGENT_SIGN:
		reply_sign(fd, in, out);
		break;
	case AGENT_LOCK:
	case AGENT_UNLOCK:
		reply_lock(frame, message == AGENT_LOCK, out);
		break;
	case AGENT_EXTENSION:
		reply_extension(fd, in, out);
		break;
	default: /* keys are not added or removed here */
		buf_add_byte(out, AGENT_FAILURE);
	}
}

void ssh_run(int fd)
{
	size_t max = server_config()->forward ? AGENT_FRAME_MAX : AGENT_SSH_FRAME_MAX;
	struct buf in = BUF_INIT, out = BUF_INIT;

	while (session_serve(fd, max, reply, &in, &out))
		;
	buf_free(&in);
	buf_free(&out);
}
