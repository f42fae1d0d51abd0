#include "signer.h"

#include <stdlib.h>
#include <string.h>

#include "cert_files.h"
#include "make.h"

#define PIN_PROMPT_MS (5 * 60 * 1000)

struct signer {
	const struct settings *settings;
	struct token *token;
	bool owns_token;
	struct candidates candidates;
	const struct candidate *key;
	struct cert_list further; /* of hsm.chain */
};

struct token_config signer_token_config(const struct settings *s, const struct os_stdio *io)
{
	return (struct token_config){
		.module = s->module,
		.module_args = s->module_args,
		.timeout_ms = s->timeout_ms,
		.deadline_fd = io->err,
		.deadline_prefix = "gitsign-hsm: ",
	};
}

/* A refusal lists what else there is; a signature wants what stands above its certificate. */
static int pick(struct signer *s, const struct selector *want, const struct selector *fallback,
		int64_t now, struct err *err)
{
	struct candidates *c = &s->candidates;
	int r = candidates_pick(c, want, fallback, &s->key, err);

	candidates_parse(c, r == 0 ? s->key->cert : NULL, now);
	return r == 0 ? 0 : candidates_pick(c, want, fallback, &s->key, err);
}

static int choose(struct signer *s, const char *key, struct err *err)
{
	int64_t now = os_now();
	struct selector want = { .kind = SELECT_ANY }, fallback = { .kind = SELECT_ANY };
	const char *standard = s->settings->key;
	bool has_fallback = standard != NULL && standard[0] != '\0';
	int r;

	if (key == NULL || key[0] == '\0')
		key = standard;
	r = selector_parse(key, &want, err);
	if (r != 0)
		return r;
	if (has_fallback && (r = selector_parse(standard, &fallback, err)) != 0) {
		err_prefix(err, "hsm.key");
		goto out;
	}
	r = candidates_load(s->settings, s->token, &want, now, &s->candidates, err);
	if (r == 0)
		r = cert_files_load(s->settings, "hsm.chain", &s->further, err);
	if (r == 0)
		r = pick(s, &want, has_fallback ? &fallback : NULL, now, err);
out:
	selector_free(&want);
	selector_free(&fallback);
	return r;
}

void signer_pin_prompt(struct buf *out, const struct token_slot *slot)
{
	buf_addf(out, "PIN for token \"%s\"%s: ", slot->label,
		 slot->pin_final_try   ? " (LAST TRY before it locks)"
		 : slot->pin_count_low ? " (a wrong PIN was entered before)"
				       : "");
}

static int get_pin(void *ctx, const struct token_slot *slot, struct secret *pin, struct err *err)
{
	const struct signer *s = ctx;
	struct buf prompt = BUF_INIT;
	int r;

	signer_pin_prompt(&prompt, slot);
	r = pin_get(&s->settings->pin_source, buf_str(&prompt), PIN_PROMPT_MS, pin, err);
	buf_free(&prompt);
	return r;
}

bool signer_shy_token(const struct token *t, size_t *slot)
{
	size_t n, found = 0;
	const struct token_slot *v = token_slots(t, &n);

	for (size_t i = 0; i < n; i++)
		if (v[i].login_required) {
			*slot = i;
			found++;
		}
	return found == 1;
}

/* YubiHSM 2 shows nothing at all without a login. */
static int choose_shy(struct signer *s, const char *key, const struct signer_pin *pin, bool *login,
		      struct err *err)
{
	struct err first = ERR_INIT;
	size_t slot;
	int r = choose(s, key, &first);

	if (r != ERR_KEY || s->candidates.n > 0 || pin == NULL ||
	    !signer_shy_token(s->token, &slot) || token_logged_in(s->token, slot))
		return r == 0 ? 0 : err_set(err, first.code, "%s", first.text);
	candidates_free(&s->candidates);
	cert_list_free(&s->further);
	r = token_login(s->token, slot, pin->get, pin->ctx != NULL ? pin->ctx : s, pin->stored,
			err);
	if (r != 0)
		return r;
	*login = true;
	return choose(s, key, err);
}

int signer_choose(const struct settings *settings, struct token *token, const char *key,
		  const struct signer_pin *pin, bool *login, struct signer **ret, struct err *err)
{
	struct signer *s = xcalloc(1, sizeof(*s));
	int r;

	s->settings = settings;
	s->token = token;
	r = choose_shy(s, key, pin, login, err);
	if (r != 0) {
		signer_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

int signer_open(const struct settings *settings, const char *key, const struct os_stdio *io,
		struct signer **ret, struct err *err)
{
	struct token_config cfg = signer_token_config(settings, io);
	struct signer_pin pin = { get_pin, NULL, settings->pin_source.kind != PIN_PROMPT };
	struct token *token;
	bool login;
	int r;

	cfg.remind = true;
	r = token_open(&cfg, &token, err);
	if (r != 0)
		return r;
	r = signer_choose(settings, token, key, &pin, &login, ret, err);
	if (r != 0)
		token_close(token);
	else
		(*ret)->owns_token = true;
	return r;
}

void signer_close(struct signer *s)
{
	if (s == NULL)
		return;
	candidates_free(&s->candidates);
	cert_list_free(&s->further);
	if (s->owns_token)
		token_close(s->token);
	free(s);
}

const struct cert *signer_cert(const struct signer *s)
{
	return s->key->cert;
}

const struct candidate *signer_candidate(const struct signer *s)
{
	return s->key;
}

bool signer_is_only(const struct signer *s)
{
	struct selector want = { .kind = SELECT_SHA256 };
	struct candidates all = { .n = 0 };
	const struct candidate *ignored;
	struct err err = ERR_INIT;
	bool only;

	memcpy(want.digest, s->key->cert->sha256, sizeof(want.digest));
	only = candidates_load(s->settings, s->token, &want, os_now(), &all, &err) == 0 &&
	       candidates_pick(&all, &want, NULL, &ignored, &err) == 0;
	candidates_free(&all);
	return only;
}

/* Intermediates that stand on the same token, or in hsm.chain. */
size_t signer_chain(const struct signer *s, struct bytes *out, size_t max)
{
	struct cert_list pool = { NULL, 0 };
	const struct cert *found[MAKE_CHAIN_MAX];
	size_t n;

	pool.v = xcalloc(s->candidates.n + s->further.n + 1, sizeof(pool.v[0]));
	for (size_t i = 0; i < s->candidates.n; i++) {
		const struct candidate *c = &s->candidates.v[i];

		if (c->cert != NULL && c->cert->is_ca && c->slot == s->key->slot)
			pool.v[pool.n++] = c->cert;
	}
	for (size_t i = 0; i < s->further.n; i++)
		pool.v[pool.n++] = s->further.v[i];
	n = cert_chain_for(s->key->cert, &pool, found, max < MAKE_CHAIN_MAX ? max : MAKE_CHAIN_MAX);
	for (size_t i = 0; i < n; i++)
		out[i] = bytes_of(found[i]->der, found[i]->der_n);
	free(pool.v);
	return n;
}

bool signer_logs_in(const struct signer *s)
{
	return s->key->slot->login_required &&
	       !token_logged_in(s->token, s->key->object->slot_index);
}

bool signer_asks(const struct signer *s)
{
	return signer_logs_in(s) && !s->key->slot->protected_path;
}

int signer_login(struct signer *s, signer_pin_fn *pin, void *ctx, bool stored, bool *before,
		 struct err *err)
{
	size_t slot = s->key->object->slot_index;

	*before = token_logged_in(s->token, slot);
	return token_login(s->token, slot, pin, ctx, stored, err);
}

int signer_raw(struct signer *s, enum alg_hash h, struct bytes tbs, struct buf *sig,
	       struct err *err)
{
	const struct token_object *o = s->key->object;

	return token_sign(s->token, o->slot_index, bytes_of(o->id, o->id_n), s->key->cert->key, h,
			  tbs, sig, err);
}

static int token_signer(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig,
			struct err *err)
{
	struct signer *s = ctx;
	bool before, stored = s->settings->pin_source.kind != PIN_PROMPT;
	int r = signer_login(s, get_pin, s, stored, &before, err);

	return r != 0 ? r : signer_raw(s, h, tbs, sig, err);
}

int signer_sign(struct signer *s, struct bytes payload, int64_t now, struct buf *pem,
		enum alg_hash *hash, struct err *err)
{
	struct bytes further[MAKE_CHAIN_MAX];
	struct cms_signer raw = { token_signer, s };

	return make_signature(s->key->cert, NULL, further, signer_chain(s, further, MAKE_CHAIN_MAX),
			      payload, now, raw, pem, hash, err);
}
