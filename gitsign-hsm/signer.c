#include "signer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/pem.h"
#include "sig/cms.h"

#define CHAIN_MAX 8
#define PIN_PROMPT_MS (5 * 60 * 1000)

struct signer {
	const struct settings *settings;
	struct token *token;
	struct candidates candidates;
	const struct candidate *key;
	bool logged_in;
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

static int choose(struct signer *s, const char *key, struct err *err)
{
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
	r = candidates_load(s->token, want.kind == SELECT_URI ? &want.uri : NULL, os_now(),
			    &s->candidates, err);
	if (r == 0)
		r = candidates_pick(&s->candidates, &want, has_fallback ? &fallback : NULL, &s->key,
				    err);
out:
	selector_free(&want);
	selector_free(&fallback);
	return r;
}

int signer_open(const struct settings *settings, const char *key, const struct os_stdio *io,
		struct signer **ret, struct err *err)
{
	struct token_config cfg = signer_token_config(settings, io);
	struct signer *s = xcalloc(1, sizeof(*s));
	int r;

	s->settings = settings;
	r = token_open(&cfg, &s->token, err);
	if (r == 0)
		r = choose(s, key, err);
	if (r != 0) {
		signer_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void signer_close(struct signer *s)
{
	if (s == NULL)
		return;
	candidates_free(&s->candidates);
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

static int get_pin(void *ctx, const struct token_slot *slot, struct secret *pin, struct err *err)
{
	const struct signer *s = ctx;
	char prompt[128];

	snprintf(prompt, sizeof(prompt), "PIN for token \"%s\"%s: ", slot->label,
		 slot->pin_final_try   ? " (LAST TRY before it locks)"
		 : slot->pin_count_low ? " (a wrong PIN was entered before)"
				       : "");
	return pin_get(&s->settings->pin_source, prompt, PIN_PROMPT_MS, pin, err);
}

static int login(struct signer *s, struct err *err)
{
	bool stored = s->settings->pin_source.kind != PIN_PROMPT;
	int r;

	if (s->logged_in)
		return 0;
	r = token_login(s->token, s->key->object->slot_index, get_pin, s, stored, err);
	s->logged_in = r == 0;
	return r;
}

static int token_signer(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig,
			struct err *err)
{
	struct signer *s = ctx;
	const struct token_object *o = s->key->object;

	return token_sign(s->token, o->slot_index, bytes_of(o->id, o->id_n), s->key->cert->key, h,
			  tbs, sig, err);
}

/* Intermediates that stand on the same token. */
static size_t chain(const struct signer *s, struct bytes *out, size_t max)
{
	struct cert_list pool = { NULL, 0 };
	const struct cert *found[CHAIN_MAX];
	size_t n;

	pool.v = xcalloc(s->candidates.n + 1, sizeof(pool.v[0]));
	for (size_t i = 0; i < s->candidates.n; i++) {
		const struct candidate *c = &s->candidates.v[i];

		if (c->cert != NULL && c->cert->is_ca && c->slot == s->key->slot)
			pool.v[pool.n++] = c->cert;
	}
	n = cert_chain_for(s->key->cert, &pool, found, max < CHAIN_MAX ? max : CHAIN_MAX);
	for (size_t i = 0; i < n; i++)
		out[i] = bytes_of(found[i]->der, found[i]->der_n);
	free(pool.v);
	return n;
}

/*
 * A token's answer is not believed: a fault, or a certificate that does not
 * belong to the key, would otherwise be written into history.
 */
static int check_own(const struct signer *s, struct bytes der, struct bytes payload,
		     struct err *err)
{
	struct bytes leaf = bytes_of(s->key->cert->der, s->key->cert->der_n);
	struct cms_key *key = NULL;
	struct cms cms;
	int r = cms_parse(der, &cms, err);

	if (r == 0) {
		r = cms_key_new(s->key->cert->key, &key, err);
		if (r == 0)
			r = cms_check(&cms, &payload, 1, leaf, key, err);
		cms_key_free(key);
		cms_free(&cms);
	}
	if (r != 0) {
		err_prefix(err, "the token's signature does not verify (does the certificate "
				"belong to the key?); nothing was signed");
		return err != NULL ? (err->code = ERR_TOKEN) : ERR_TOKEN;
	}
	return 0;
}

int signer_sign(struct signer *s, struct bytes payload, int64_t now, struct buf *pem,
		enum alg_hash *hash, struct err *err)
{
	struct bytes further[CHAIN_MAX];
	struct cms_input in = {
		.payload = { payload },
		.leaf = bytes_of(s->key->cert->der, s->key->cert->der_n),
		.chain = further,
		.signing_time = now,
		.signer = { token_signer, s },
	};
	struct buf der = BUF_INIT;
	int r = login(s, err);

	in.chain_n = chain(s, further, CHAIN_MAX);
	if (r == 0)
		r = cms_sign(&in, &der, err);
	if (r == 0)
		r = check_own(s, buf_bytes(&der), payload, err);
	if (r == 0) {
		pem_write(pem, PEM_SIGNED_MESSAGE, buf_bytes(&der));
		*hash = alg_hash_for(s->key->cert->alg);
	}
	buf_free(&der);
	return r;
}
