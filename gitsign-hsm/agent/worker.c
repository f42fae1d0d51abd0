/*
 * The child that has the module loaded. It chooses keys and signs bytes; it can be
 * killed at any time, and is, when a call into the module does not come back.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"
#include "base/os.h"
#include "base/wire.h"
#include "gitsign-hsm/signer.h"

#define KEYS_MAX 32
#define FOREVER_MS INT32_MAX
#define SEND_MS 30000

struct chosen {
	char *config, *key;
	struct settings settings;
	struct signer *signer;
};

static struct token *token;
static struct chosen *keys[KEYS_MAX];
static size_t keys_n;
static bool pin_given;           /* since it was last cleared */
static bool by_store, by_person; /* who has logged in here */

static void forget(struct chosen *c)
{
	signer_close(c->signer);
	settings_free(&c->settings);
	free(c->config);
	free(c->key);
	free(c);
}

/* Each client waits as long as its own configuration says. */
static int open_token(const struct settings *s, struct err *err)
{
	struct os_stdio io = { -1, WORKER_WORDS_FD };
	struct token_config cfg = signer_token_config(s, &io);

	cfg.deadline_prefix = "";
	cfg.many = true;
	if (token == NULL)
		return token_open(&cfg, &token, err);
	token_set_timeout(token, s->timeout_ms);
	return 0;
}

/* A certificate that is not in force any more is forgotten: there may be a new one. */
static struct chosen *known(const char *config, const char *key)
{
	char why[64];

	for (size_t i = 0; i < keys_n; i++) {
		if (strcmp(keys[i]->config, config) != 0 || strcmp(keys[i]->key, key) != 0)
			continue;
		if (select_in_force(signer_cert(keys[i]->signer), os_now(), why, sizeof(why)))
			return keys[i];
		forget(keys[i]);
		keys[i] = keys[--keys_n];
		break;
	}
	return NULL;
}

static int ask_pin(void *ctx, const struct token_slot *slot, struct secret *pin, struct err *err);
static void logged_in(bool stored);

/* *refused: a PIN was sent and not taken. */
static int choose(const char *config, const char *key, bool stored, struct signer **ret,
		  bool *refused, struct err *err)
{
	const struct signer_pin pin = { ask_pin, NULL, stored };
	struct chosen *c = known(config, key);
	bool login = false;
	int r;

	if (c != NULL) {
		*ret = c->signer;
		return open_token(&c->settings, err);
	}
	c = xcalloc(1, sizeof(*c));
	c->config = xstrdup(config);
	c->key = xstrdup(key);
	r = settings_parse(bytes_str(config), &c->settings, err);
	if (r == 0)
		r = open_token(&c->settings, err);
	pin_given = false;
	if (r == 0)
		r = signer_choose(&c->settings, token, key, &pin, &login, &c->signer, err);
	*refused = r == ERR_PIN && pin_given;
	if (login)
		logged_in(stored);
	if (r != 0) {
		forget(c);
		return r;
	}
	if (keys_n == KEYS_MAX)
		forget(keys[--keys_n]);
	keys[keys_n++] = c;
	*ret = c->signer;
	return 0;
}

static void put_question(struct buf *out, const struct token_slot *slot)
{
	struct buf text = BUF_INIT;

	buf_add_byte(out, WORKER_PIN);
	buf_addf(&text, "%s\n%s\n%s", slot->manufacturer, slot->serial, slot->label);
	wire_put_string(out, buf_bytes(&text));
	buf_clear(&text);
	signer_pin_prompt(&text, slot);
	wire_put_string(out, buf_bytes(&text));
	buf_free(&text);
}

/* Asks the parent; the module's deadline stands still meanwhile. */
static int ask_pin(void *ctx, const struct token_slot *slot, struct secret *pin, struct err *err)
{
	struct buf b = BUF_INIT;
	struct secret s;
	struct bytes in, text;
	uint8_t message;
	uint32_t code;
	int r;

	(void)ctx;
	put_question(&b, slot);
	r = agent_send(WORKER_FD, buf_bytes(&b), SEND_MS, err);
	buf_free(&b);
	if (r == 0)
		r = agent_recv_secret(WORKER_FD, FOREVER_MS, &s, err);
	if (r != 0)
		return r;
	in = bytes_of(s.p, s.n);
	if (!wire_byte(&in, &message) || message != WORKER_PIN || !wire_u32(&in, &code) ||
	    !wire_string(&in, &text) || in.n != 0)
		r = err_set(err, ERR_INTERNAL, "a strange answer instead of a PIN");
	else if (code != 0)
		r = err_set(err, code <= ERR_INTERNAL ? (enum err_code)code : ERR_PIN, "%.*s",
			    (int)text.n, (const char *)text.p);
	if (r != 0) {
		secret_free(&s);
		return r;
	}
	memmove(s.p, text.p, text.n);
	mem_wipe(s.p + text.n, s.n - text.n);
	s.n = text.n;
	*pin = s;
	pin_given = true;
	return 0;
}

static void put_key(struct buf *out, const struct signer *s)
{
	const struct cert *leaf = signer_cert(s);
	struct bytes chain[8];
	size_t n = signer_chain(s, chain, 8);

	buf_add_byte(out, WORKER_KEY);
	buf_add_byte(out, signer_asks(s));
	buf_add_byte(out, pin_given);
	buf_add_byte(out, by_store && !by_person);
	wire_put_u32(out, (uint32_t)n + 1);
	wire_put_string(out, bytes_of(leaf->der, leaf->der_n));
	for (size_t i = 0; i < n; i++)
		wire_put_string(out, chain[i]);
}

/* A PIN pad is a person, whatever the client says of its own PINs. */
static void logged_in(bool stored)
{
	if (stored && pin_given)
		by_store = true;
	else
		by_person = true;
}

/*
 * *asked: a PIN was given for this; not at a pad, which shows nobody what for. *refused: a PIN was sent and not taken. A session that was logged in and is not any
 * more is a lost one: ERR_TOKEN, so that a new process asks for the PIN.
 */
static int raw(struct signer *s, bool stored, enum alg_hash hash, struct bytes tbs, struct buf *sig,
	       bool *asked, bool *refused, struct err *err)
{
	bool before = false, logs_in = signer_logs_in(s);
	int r;

	pin_given = false;
	r = signer_login(s, ask_pin, NULL, stored, &before, err);
	*refused = r == ERR_PIN && pin_given;
	if (r != 0)
		return r;
	if (logs_in)
		logged_in(stored);
	*asked = pin_given;
	pin_given = false; /* a key may ask for it again */
	r = signer_raw(s, hash, tbs, sig, err);
	*asked = *asked || pin_given;
	*refused = r == ERR_PIN && pin_given;
	if (r == ERR_PIN && before && !pin_given)
		r = (int)(err->code = ERR_TOKEN);
	return r;
}

static int put_signature(struct buf *out, struct signer *s, bool stored, struct bytes in,
			 bool *refused, struct err *err)
{
	struct buf sig = BUF_INIT;
	struct bytes tbs;
	uint32_t hash;
	bool asked;
	int r;

	if (!wire_u32(&in, &hash) || !wire_string(&in, &tbs) || in.n != 0 || hash > HASH_SHA512)
		return err_set(err, ERR_INTERNAL, "a strange request");
	r = raw(s, stored, (enum alg_hash)hash, tbs, &sig, &asked, refused, err);
	if (r == 0) {
		buf_add_byte(out, WORKER_SIG);
		buf_add_byte(out, asked);
		buf_add_byte(out, by_store && !by_person);
		wire_put_string(out, buf_bytes(&sig));
	}
	buf_free(&sig);
	return r;
}

static int handle(struct bytes in, struct buf *out, bool *refused, struct err *err)
{
	char *config = NULL, *key = NULL;
	struct signer *s = NULL;
	uint8_t message = 0, stored = 0;
	int r;

	(void)wire_byte(&in, &message);
	if (message == WORKER_PING) {
		buf_add_byte(out, WORKER_PING);
		return token != NULL ? token_ping(token, err) : 0;
	}
	if (!wire_text(&in, &config) || !wire_text(&in, &key) || !wire_byte(&in, &stored))
		r = err_set(err, ERR_INTERNAL, "a strange request");
	else
		r = choose(config, key, stored != 0, &s, refused, err);
	if (r == 0 && message == WORKER_OPEN)
		put_key(out, s);
	else if (r == 0)
		r = put_signature(out, s, stored != 0, in, refused, err);
	free(config);
	free(key);
	return r;
}

int worker_main(void)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	bool closed = false;

	while (agent_recv(WORKER_FD, AGENT_SSH_FRAME_MAX, FOREVER_MS, &in, &closed, NULL) == 0) {
		struct err err = ERR_INIT;
		bool refused = false;
		int r;

		buf_clear(&out);
		r = handle(buf_bytes(&in), &out, &refused, &err);
		if (r != 0) {
			buf_clear(&out);
			buf_add_byte(&out, refused ? WORKER_REFUSED : WORKER_ERROR);
			wire_put_u32(&out, (uint32_t)r);
			wire_put_text(&out, err.text);
		}
		if (agent_send(WORKER_FD, buf_bytes(&out), SEND_MS, NULL) != 0)
			break;
	}
	while (keys_n > 0)
		forget(keys[--keys_n]);
	token_close(token);
	_exit(0); /* without the exit handlers of a module, which may hang */
}
