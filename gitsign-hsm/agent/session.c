/*
 * One connection to the private socket. What it may ask for: a signature over a git
 * object that this process has parsed, and a word of control. The bytes that the token
 * signs are made here, never taken from a client.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "base/wire.h"
#include "consent.h"
#include "gitsign-hsm/make.h"
#include "gitsign-hsm/select.h"
#include "gitsign-hsm/settings.h"
#include "gitsign-hsm/status.h"
#include "keeper.h"

#define SEND_MS REPLY_SEND_MS
#define PIN_MS (5 * 60 * 1000)
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
	bool reminded, touch_asked; /* once; and not yet answered */
	bool forwarded;
	bool elsewhere; /* refused, and the client may sign without us */
	char key[2 * 32 + 1];
	struct agent_ask ask;
	struct asker asker;
	struct facts facts;
	struct audit_entry entry;
	struct confirm_ask consent;
	struct keeper_request q;
	struct keeper_login login;
};

/* The answer to the reminder comes before any other. */
static void take_touch(struct job *j)
{
	struct secret ignored;

	if (j->touch_asked && take_answer(j->fd, AGENT_KIND_TOUCH, &ignored, NULL) == 0)
		secret_free(&ignored);
	j->touch_asked = false;
}

/* Whoever gives a PIN sees what for. */
static int client_pin(void *ctx, const char *prompt, struct secret *pin, struct err *err)
{
	struct job *j = ctx;
	_cleanup_free_ char *what = confirm_text(&j->facts, j->ask.where);
	_cleanup_free_ char *text = xasprintf("%s\n%s", what, prompt);
	int r;

	take_touch(j);
	r = question(j->fd, AGENT_KIND_PIN, text, err);
	return r != 0 ? r : take_answer(j->fd, AGENT_KIND_PIN, pin, err);
}

int session_own_pin(void *ctx, const char *prompt, struct secret *pin, struct err *err)
{
	_cleanup_free_ char *text = xasprintf("%s\n%s", (const char *)ctx, prompt);

	return pin_get(&server_config()->own.pin_source, text, PIN_MS, pin, err);
}

static int own_pin(void *ctx, const char *prompt, struct secret *pin, struct err *err)
{
	const struct job *j = ctx;
	_cleanup_free_ char *what = confirm_text(&j->facts, j->ask.where);

	return session_own_pin(what, prompt, pin, err);
}

static void client_touch(void *ctx)
{
	struct job *j = ctx;

	if (j->reminded)
		return;
	j->reminded = true;
	j->touch_asked = question(j->fd, AGENT_KIND_TOUCH, TOKEN_REMINDER, NULL) == 0;
}

static int raw(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err)
{
	struct job *j = ctx;
	bool given = j->login.given;
	int r = keeper_sign(&j->q, h, tbs, sig, &j->login, err);

	j->login.given = given;
	j->login.asked |= given; /* the PIN showed what for, as that of a signature does */
	return r;
}

/* Once more when somebody has been asked, which may have taken a while. */
static int in_force(const struct cert *c, int64_t now, struct err *err)
{
	char why[64];

	if (!select_in_force(c, now, why, sizeof(why)))
		return err_set(err, ERR_KEY, "the certificate: %s", why);
	return 0;
}

static void log_refusal(struct audit_entry *e, const struct err *err)
{
	e->result = "refused";
	e->reason = err->text;
	(void)audit_write(server_config()->log, e, NULL);
}

/* Who comes while another has the prepared key does without. */
static int put_together(struct job *j, struct keeper_key *k, int64_t now, struct buf *armor,
			enum alg_hash *h, struct err *err)
{
	struct cms_signer signer = { raw, j };
	bool ours = pthread_mutex_trylock(&k->checking) == 0;
	int r = make_signature(k->leaf, ours ? k->check : NULL, k->chain, k->chain_n,
			       j->ask.payload, now, signer, armor, h, err);

	if (ours)
		pthread_mutex_unlock(&k->checking);
	return r;
}

/* Everything between a choice of key and the signature, of which the log is a part. */
static int sign_as(struct job *j, struct keeper_key *k, struct buf *armor, struct buf *status,
		   struct err *err)
{
	const struct agent_config *c = server_config();
	char hex[OID_HEX_MAX];
	enum alg_hash h;
	struct oid id;
	int64_t now;
	int r = confirm_ask(c, &j->consent, &j->entry.reason, err);

	now = os_now();
	if (r == 0)
		r = in_force(k->leaf, now, err);
	if (r == 0)
		r = put_together(j, k, now, armor, &h, err);
	if (r == 0)
		r = confirm_made(c, &j->consent, j->q.stored, &j->login, &j->entry.reason, err);
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

/* A module is code: only root's, or one that the user's configuration names, is loaded for
 * whoever comes to the socket. */
static int check_module(const char *module, struct err *err)
{
	const char *named = gitconf_get(&server_config()->conf, "hsm.module");
	struct err why = ERR_INIT;

	if (module == NULL || (named != NULL && strcmp(named, module) == 0) ||
	    os_path_trusted(module, 0, &why) == 0)
		return 0;
	return err_set(err, ERR_CONFIG,
		       "the agent loads modules that only root can change, or the one that "
		       "hsm.module of the user's configuration named when it started (gitsign-hsm "
		       "agent stop): %s",
		       why.text);
}

static int sign_by(struct job *j, const struct settings *s, const char *config, struct buf *armor,
		   struct buf *status, struct err *err)
{
	struct keeper_key *k = NULL;
	struct buf key = BUF_INIT;
	int r;

	j->entry.key = j->key;
	j->q = (struct keeper_request){
		.module = s->module,
		.module_args = s->module_args,
		.config = config,
		.key = j->ask.key,
		.timeout_ms = s->timeout_ms,
		.stored = s->pin_source.kind != PIN_PROMPT,
		.pin = j->forwarded ? own_pin : client_pin,
		.slow = j->forwarded ? NULL : client_touch,
		.ctx = j,
	};
	j->consent = (struct confirm_ask){ .facts = &j->facts,
					   .asker = &j->asker,
					   .where = j->ask.where,
					   .always = j->forwarded };
	r = keeper_choose(&j->q, &k, &j->login, err);
	/* The client may see what we do not: its environment, and the module's there, is another. */
	j->elsewhere = r == ERR_KEY && !j->forwarded;
	if (r == 0) {
		text_hex(&key, bytes_of(k->leaf->sha256, sizeof(k->leaf->sha256)), false);
		snprintf(j->key, sizeof(j->key), "%s", buf_str(&key));
		j->consent.key = j->key;
		confirm_login(&j->consent, j->q.stored, &j->login);
		r = sign_as(j, k, armor, status, err);
	}
	keeper_key_put(k);
	buf_free(&key);
	return r;
}

static int sign(struct job *j, struct buf *armor, struct buf *status, struct err *err)
{
	const struct agent_config *c = server_config();
	struct settings s = { .conf = GITCONF_INIT };
	int r;

	if (j->forwarded) {
		r = sign_by(j, &c->own, c->own_text, armor, status, err);
	} else {
		r = settings_parse(bytes_str(j->ask.config), &s, err);
		if (r == 0) {
			r = check_module(s.module, err);
			j->elsewhere = r != 0;
		}
		if (r == 0)
			r = sign_by(j, &s, j->ask.config, armor, status, err);
		settings_free(&s);
	}
	if (r != 0)
		log_refusal(&j->entry, err);
	return r;
}

static void refuse(struct buf *out, enum agent_kind kind, int code, const struct err *err)
{
	begin(out, AGENT_EXT_SIGN, kind);
	wire_put_u32(out, (uint32_t)code);
	wire_put_text(out, err->text);
}

static void sign_parsed(struct job *j, struct buf *out)
{
	struct buf armor = BUF_INIT, status = BUF_INIT;
	struct err err = ERR_INIT;
	int r = sign(j, &armor, &status, &err);

	take_touch(j);
	if (r == 0) {
		begin(out, AGENT_EXT_SIGN, AGENT_KIND_SIGNED);
		wire_put_string(out, buf_bytes(&armor));
		wire_put_string(out, buf_bytes(&status));
	} else {
		refuse(out, j->elsewhere ? AGENT_KIND_ELSEWHERE : AGENT_KIND_REFUSED, r, &err);
	}
	buf_free(&armor);
	buf_free(&status);
}

void session_sign(int fd, struct bytes body, bool forwarded, struct buf *out)
{
	struct job j = { .fd = fd, .forwarded = forwarded };
	struct err err = ERR_INIT;

	if (!asker_of(fd, &j.asker) || !agent_ask_get(body, &j.ask)) {
		err_set(&err, ERR_INPUT, "a strange request");
		j.entry.asker = &j.asker;
		log_refusal(&j.entry, &err);
		buf_add_byte(out, AGENT_EXTENSION_FAILURE);
		return;
	}
	if (forwarded) /* ssh itself reads there */
		j.asker.tty[0] = '\0';
	j.entry = (struct audit_entry){ .asker = &j.asker,
					.where = j.ask.where,
					.purpose = agent_purpose_name(j.ask.purpose) };
	if (facts_read(j.ask.purpose, j.ask.payload, &j.facts, &err) == 0) {
		sign_parsed(&j, out);
	} else {
		log_refusal(&j.entry, &err);
		refuse(out, AGENT_KIND_ELSEWHERE, (int)err.code, &err);
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

static void reply(int fd, struct buf *frame, struct buf *out)
{
	struct bytes in = buf_bytes(frame), name;
	uint8_t message;

	if (!wire_byte(&in, &message) || message != AGENT_EXTENSION || !wire_string(&in, &name))
		buf_add_byte(out, AGENT_FAILURE);
	else if (bytes_eq_str(name, AGENT_EXT_SIGN))
		session_sign(fd, in, false, out);
	else if (bytes_eq_str(name, AGENT_EXT_CONTROL))
		reply_control(in, out);
	else
		buf_add_byte(out, AGENT_FAILURE);
}

/* Only objects to sign are so large. They can be signed without us. */
static void reply_no_room(int fd, struct buf *in, struct buf *out)
{
	struct err err = ERR_INIT;
	struct asker asker;
	struct audit_entry e = { .asker = &asker };

	(void)in;
	err_set(&err, ERR_IO,
		"the agent has other large requests in hand, and no room for this one: try again");
	if (asker_of(fd, &asker))
		log_refusal(&e, &err);
	refuse(out, AGENT_KIND_ELSEWHERE, ERR_IO, &err);
}

/* What a large request has left is not kept for the next one. */
static void shrink(struct buf *b)
{
	if (b->cap > ROOM_FREE)
		buf_free(b);
}

bool session_serve(int fd, size_t max, session_reply_fn *answer, struct buf *in, struct buf *out)
{
	struct room room;
	bool closed, sent = false;
	size_t n;
	int r = agent_recv_head(fd, max, REQUEST_MS, &n, &closed, NULL);

	if (r != 0)
		return false;
	if (room_take(&room, fd, n, ROOM_MS)) {
		r = agent_recv_body(fd, n, BODY_MS, in, NULL);
	} else {
		r = agent_recv_skip(fd, n, BODY_MS, NULL);
		answer = reply_no_room;
	}
	if (r == 0) {
		room_here(&room);
		server_busy(true);
		buf_clear(out);
		answer(fd, in, out);
		sent = agent_send(fd, buf_bytes(out), REPLY_SEND_MS, NULL) == 0;
		server_busy(false);
	}
	shrink(in);
	shrink(out);
	room_give(&room);
	return sent;
}

void session_run(int fd)
{
	struct buf in = BUF_INIT, out = BUF_INIT;

	while (session_serve(fd, AGENT_FRAME_MAX, reply, &in, &out))
		;
	buf_free(&in);
	buf_free(&out);
}
