/*
 * One connection to the private socket. What it may ask for: a signature over a git
 * object that this process has parsed, and a word of control. The bytes that the token
 * signs are made here, never taken from a client.
 */
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "base/os.h"
#include "base/wire.h"
#include "gitsign-hsm/make.h"
#include "gitsign-hsm/settings.h"
#include "gitsign-hsm/status.h"
#include "object/object.h"

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
	struct keeper_request q;
};

static int client_pin(void *ctx, const char *prompt, struct secret *pin, struct err *err)
{
	const struct job *j = ctx;
	int r = question(j->fd, AGENT_KIND_PIN, prompt, err);

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

static int hash_bytes(struct bytes payload, size_t at)
{
	return payload.n > at + 64 && payload.p[at + 40] != '\n' ? 32 : 20;
}

/* Strictly an object of the kind that was named, without a signature in it. */
static int check_payload(const struct agent_ask *a, struct err *err)
{
	struct object_commit c;
	struct object_tag t;
	struct object_push_cert p;
	bool is_signed = false;
	int r;

	if (a->purpose == AGENT_COMMIT) {
		r = object_parse_commit(a->payload, (uint8_t)hash_bytes(a->payload, 5), &c, err);
		if (r == 0) {
			is_signed = c.signature.n > 0;
			object_commit_free(&c);
		}
	} else if (a->purpose == AGENT_TAG) {
		r = object_parse_tag(a->payload, (uint8_t)hash_bytes(a->payload, 7), &t, err);
		if (r == 0) {
			is_signed = t.signature.n > 0;
			object_tag_free(&t);
		}
	} else {
		r = object_parse_push_cert(a->payload, &p, err);
		if (r == 0) {
			is_signed = p.signature.n > 0;
			object_push_cert_free(&p);
		}
	}
	if (r == 0 && is_signed)
		r = err_set(err, ERR_INPUT, "it is signed already");
	if (r != 0)
		err_prefix(err, "the agent signs git objects only, and this is no %s",
			   agent_purpose_name(a->purpose));
	return r;
}

static int in_force(const struct cert *c, int64_t now, struct err *err)
{
	if (now < c->not_before || now > c->not_after)
		return err_set(err, ERR_KEY, "the certificate is not within its validity");
	return 0;
}

static int sign(struct job *j, const struct agent_ask *a, const struct settings *s,
		struct buf *armor, struct buf *status, struct err *err)
{
	struct cms_signer signer = { raw, j };
	struct keeper_key *k = NULL;
	int64_t now = os_now();
	enum alg_hash h;
	int r;

	j->q = (struct keeper_request){
		s->module,  s->module_args, a->config,
		a->key,     s->timeout_ms,  s->pin_source.kind != PIN_PROMPT,
		client_pin, client_touch,   j
	};
	r = keeper_choose(&j->q, &k, err);
	if (r == 0)
		r = in_force(k->leaf, now, err);
	if (r == 0)
		r = make_signature(k->leaf, k->chain, k->chain_n, a->payload, now, signer, armor,
				   &h, err);
	if (r == 0)
		status_signed(status, k->leaf, h, now);
	keeper_key_put(k);
	return r;
}

static void reply_sign(int fd, struct bytes body, struct buf *out)
{
	struct buf armor = BUF_INIT, status = BUF_INIT;
	struct settings s = { .conf = GITCONF_INIT };
	struct secret ignored;
	struct agent_ask a;
	struct job j = { .fd = fd };
	struct err err = ERR_INIT;
	int r;

	if (!agent_ask_get(body, &a)) {
		buf_add_byte(out, AGENT_EXTENSION_FAILURE);
		return;
	}
	r = check_payload(&a, &err);
	begin(out, AGENT_EXT_SIGN, r != 0 ? AGENT_KIND_ELSEWHERE : AGENT_KIND_SIGNED);
	if (r == 0) {
		r = settings_parse(bytes_str(a.config), &s, &err);
		if (r == 0)
			r = sign(&j, &a, &s, &armor, &status, &err);
		if (j.touch_asked && take_answer(fd, AGENT_KIND_TOUCH, &ignored, NULL) == 0)
			secret_free(&ignored);
		if (r == 0) {
			wire_put_string(out, buf_bytes(&armor));
			wire_put_string(out, buf_bytes(&status));
		} else {
			begin(out, AGENT_EXT_SIGN, AGENT_KIND_REFUSED);
			wire_put_u32(out, (uint32_t)r);
			wire_put_text(out, err.text);
		}
	} else {
		wire_put_text(out, err.text);
	}
	settings_free(&s);
	agent_ask_free(&a);
	buf_free(&armor);
	buf_free(&status);
}

static void reply_control(struct bytes body, struct buf *out)
{
	struct bytes verb, argument;
	struct buf text = BUF_INIT;

	if (!wire_string(&body, &verb) || !wire_string(&body, &argument) || body.n != 0)
		verb = BYTES_NONE;
	if (bytes_eq_str(verb, "status")) {
		agent_status(&text);
	} else if (bytes_eq_str(verb, "stop")) {
		agent_stop();
	} else {
		buf_add_byte(out, AGENT_EXTENSION_FAILURE);
		return;
	}
	begin(out, AGENT_EXT_CONTROL, AGENT_KIND_TEXT);
	wire_put_string(out, buf_bytes(&text));
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

void session_run(int fd)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	bool closed;

	while (agent_recv(fd, AGENT_FRAME_MAX, REQUEST_MS, &in, &closed, NULL) == 0) {
		reply(fd, buf_bytes(&in), &out);
		if (agent_send(fd, buf_bytes(&out), SEND_MS, NULL) != 0)
			break;
	}
	buf_free(&in);
	buf_free(&out);
}
