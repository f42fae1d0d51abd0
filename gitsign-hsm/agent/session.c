/*
 * One connection to the private socket. What it may ask for: a signature over a git
 * object that this process has parsed, and a word of control. The bytes that the token
 * signs are made here, never taken from a client.
 */
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "base/wire.h"
#include "consent.h"
#include "gitsign-hsm/make.h"
#include "gitsign-hsm/settings.h"
#include "gitsign-hsm/status.h"
#include "keeper.h"

#define REQUEST_MS (60 * 60 * 1000)
#define SEND_MS 30000
#define ANSWER_MS (6 * 60 * 1000)

static void begin(struct buf *b, const char *extension, enum agent_kind kind)
{
	buf_clear(b);
	buf_add_byte(b, AGENT_EXTENSION_RESPONSE);
	wire_put_text(b, extension);
	buf_add_byte(b, (uint8_t)kind);
}

static int question(int fd, enum agent_kind kind, const char *text, struct err *err)
{
	struct buf b = BUF_INIT;
	int r;

	begin(&b, AGENT_EXT_SIGN, kind);
	wire_put_text(&b, text);
	r = agent_send(fd, buf_bytes(&b), SEND_MS, err);
	buf_free(&b);
	return r;
}

static int take_answer(int fd, enum agent_kind kind, struct secret *s, struct err *err)
{
	uint32_t code;
	int r = agent_recv_secret(fd, ANSWER_MS, s, err);

	if (r != 0)
		return r;
	if (!agent_answer_get(s, kind, &code))
		r = err_set(err, ERR_INPUT, "a strange answer from the client");
	else if (code != 0)
		r = err_set(err, code <= ERR_INTERNAL ? (enum err_code)code : ERR_PIN, "%s", s->p);
	if (r != 0)
		secret_free(s);
	return r;
}

struct job {
	int fd;
	bool touch_asked;
	struct agent_ask ask;
	struct asker asker;
	struct facts facts;
	struct audit_entry entry;
	struct confirm_ask consent;
	struct keeper_request q;
};

/* Whoever gives a PIN sees what for. */
static int client_pin(void *ctx, const char *prompt, struct secret *pin, struct err *err)
{
	const struct job *j = ctx;
	_cleanup_free_ char *what = confirm_text(&j->facts, j->ask.where);
	_cleanup_free_ char *text = xasprintf("%s\n%s", what, prompt);
	int r = question(j->fd, AGENT_KIND_PIN, text, err);

	return r != 0 ? r : take_answer(j->fd, AGENT_KIND_PIN, pin, err);
}

static void client_touch(void *ctx)
{
	struct job *j = ctx;

	j->touch_asked =
		question(j->fd, AGENT_KIND_TOUCH,
			 "gitsign-hsm: the token has not answered yet: does it want to be touched?",
			 NULL) == 0;
}

static int raw(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err)
{
	struct job *j = ctx;

	return keeper_sign(&j->q, h, tbs, sig, err);
}

static int in_force(const struct cert *c, int64_t now, struct err *err)
{
	if (now < c->not_before || now > c->not_after)
		return err_set(err, ERR_KEY, "the certificate is not within its validity");
	return 0;
}

static void log_refusal(struct audit_entry *e, const struct err *err)
{
	e->result = "refused";
	e->reason = err->text;
	(void)audit_write(server_config()->log, e, NULL);
}

/* Everything between a choice of key and the signature, of which the log is a part. */
static int sign_as(struct job *j, const struct keeper_key *k, struct buf *armor, struct buf *status,
		   struct err *err)
{
	const struct agent_config *c = server_config();
	struct cms_signer signer = { raw, j };
	int64_t now = os_now();
	char hex[OID_HEX_MAX];
	enum alg_hash h;
	struct oid id;
	int r = in_force(k->leaf, now, err);

	if (r == 0)
		r = confirm_ask(c, &j->consent, &j->entry.reason, err);
	if (r == 0)
		r = make_signature(k->leaf, k->chain, k->chain_n, j->ask.payload, now, signer,
				   armor, &h, err);
	if (r != 0)
		return r;
	facts_object(&j->facts, j->ask.payload, buf_bytes(armor), &id);
	j->entry.object = id.n > 0 ? oid_hex(&id, hex) : NULL;
	j->entry.result = "signed";
	r = audit_write(c->log, &j->entry, err);
	j->entry.object = NULL;
	if (r != 0)
		return r;
	confirm_signed(c, &j->consent, j->entry.reason, &id);
	status_signed(status, k->leaf, h, now);
	return 0;
}

static int sign(struct job *j, struct buf *armor, struct buf *status, struct err *err)
{
	struct settings s = { .conf = GITCONF_INIT };
	struct keeper_key *k = NULL;
	struct buf key = BUF_INIT;
	int r = settings_parse(bytes_str(j->ask.config), &s, err);

	if (r != 0)
		return r;
	j->q = (struct keeper_request){ s.module,   s.module_args, j->ask.config,
					j->ask.key, s.timeout_ms,  s.pin_source.kind != PIN_PROMPT,
					client_pin, client_touch,  j };
	j->consent = (struct confirm_ask){
		.facts = &j->facts, .asker = &j->asker, .where = j->ask.where, .stored = j->q.stored
	};
	r = keeper_choose(&j->q, &k, &j->consent.pin_follows, err);
	if (r == 0) {
		text_hex(&key, bytes_of(k->leaf->sha256, sizeof(k->leaf->sha256)), false);
		j->consent.key = j->entry.key = buf_str(&key);
		j->consent.pin_follows = j->consent.pin_follows && !j->q.stored;
		r = sign_as(j, k, armor, status, err);
	}
	if (r != 0)
		log_refusal(&j->entry, err);
	keeper_key_put(k);
	buf_free(&key);
	settings_free(&s);
	return r;
}

static void refuse(struct buf *out, enum agent_kind kind, int code, const struct err *err)
{
	begin(out, AGENT_EXT_SIGN, kind);
	if (kind == AGENT_KIND_REFUSED)
		wire_put_u32(out, (uint32_t)code);
	wire_put_text(out, err->text);
}

static void sign_parsed(struct job *j, struct buf *out)
{
	struct buf armor = BUF_INIT, status = BUF_INIT;
	struct secret ignored;
	struct err err = ERR_INIT;
	int r = sign(j, &armor, &status, &err);

	if (j->touch_asked && take_answer(j->fd, AGENT_KIND_TOUCH, &ignored, NULL) == 0)
		secret_free(&ignored);
	if (r == 0) {
		begin(out, AGENT_EXT_SIGN, AGENT_KIND_SIGNED);
		wire_put_string(out, buf_bytes(&armor));
		wire_put_string(out, buf_bytes(&status));
	} else {
		refuse(out, AGENT_KIND_REFUSED, r, &err);
	}
	buf_free(&armor);
	buf_free(&status);
}

static void reply_sign(int fd, struct bytes body, struct buf *out)
{
	struct job j = { .fd = fd };
	struct err err = ERR_INIT;

	if (!asker_of(fd, &j.asker) || !agent_ask_get(body, &j.ask)) {
		buf_add_byte(out, AGENT_EXTENSION_FAILURE);
		return;
	}
	j.entry = (struct audit_entry){ .asker = &j.asker,
					.where = j.ask.where,
					.purpose = agent_purpose_name(j.ask.purpose) };
	if (facts_read(j.ask.purpose, j.ask.payload, &j.facts, &err) == 0) {
		sign_parsed(&j, out);
	} else {
		log_refusal(&j.entry, &err);
		refuse(out, AGENT_KIND_ELSEWHERE, 0, &err);
	}
	server_used();
	facts_free(&j.facts);
	agent_ask_free(&j.ask);
}

static int control(struct bytes verb, struct bytes argument, struct buf *text, struct err *err)
{
	if (bytes_eq_str(verb, "status"))
		server_status(bytes_eq_str(argument, "json"), text);
	else if (bytes_eq_str(verb, "stop"))
		server_stop();
	else if (bytes_eq_str(verb, "lock"))
		return lock_set(NULL, err);
	else if (bytes_eq_str(verb, "unlock"))
		return lock_clear(NULL, err);
	else
		return err_set(err, ERR_USAGE, "the agent does not know this word");
	return 0;
}

static void reply_control(struct bytes body, struct buf *out)
{
	struct bytes verb, argument;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	int r;

	if (!wire_string(&body, &verb) || !wire_string(&body, &argument) || body.n != 0) {
		buf_add_byte(out, AGENT_EXTENSION_FAILURE);
		return;
	}
	r = control(verb, argument, &text, &err);
	begin(out, AGENT_EXT_CONTROL, r == 0 ? AGENT_KIND_TEXT : AGENT_KIND_REFUSED);
	if (r == 0) {
		wire_put_string(out, buf_bytes(&text));
	} else {
		wire_put_u32(out, (uint32_t)r);
		wire_put_text(out, err.text);
	}
	buf_free(&text);
}

static void reply(int fd, struct bytes in, struct buf *out)
{
	struct bytes name;
	uint8_t message;

	buf_clear(out);
	if (!wire_byte(&in, &message) || message != AGENT_EXTENSION || !wire_string(&in, &name))
		buf_add_byte(out, AGENT_FAILURE);
	else if (bytes_eq_str(name, AGENT_EXT_SIGN))
		reply_sign(fd, in, out);
	else if (bytes_eq_str(name, AGENT_EXT_CONTROL))
		reply_control(in, out);
	else
		buf_add_byte(out, AGENT_FAILURE);
}

static bool serve_one(int fd, struct buf *in, struct buf *out)
{
	bool closed, sent;

	if (agent_recv(fd, AGENT_FRAME_MAX, REQUEST_MS, in, &closed, NULL) != 0)
		return false;
	server_busy(true);
	reply(fd, buf_bytes(in), out);
	sent = agent_send(fd, buf_bytes(out), SEND_MS, NULL) == 0;
	server_busy(false);
	return sent;
}

void session_run(int fd)
{
	struct buf in = BUF_INIT, out = BUF_INIT;

	while (serve_one(fd, &in, &out))
		;
	buf_free(&in);
	buf_free(&out);
}
