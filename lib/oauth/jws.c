#include "oauth/jws.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/pem.h"
#include "oauth/json.h"

static const struct jws_alg algs[] = {
	{ "RS256", KEY_RSA, HASH_SHA256, false },
	{ "PS256", KEY_RSA, HASH_SHA256, true },
	{ "ES256", KEY_P256, HASH_SHA256, false },
	{ "ES384", KEY_P384, HASH_SHA384, false },
	{ "ES512", KEY_P521, HASH_SHA512, false },
	{ "EdDSA", KEY_ED25519, HASH_SHA512, false },
	{ "Ed25519", KEY_ED25519, HASH_SHA512, false },
};

static bool offers(const json_t *offered, const char *name)
{
	if (offered == NULL)
		return true;
	for (size_t i = 0; i < json_array_size(offered); i++) {
		const json_t *v = json_array_get(offered, i);

		if (json_is_string(v) && strcmp(json_string_value(v), name) == 0)
			return true;
	}
	return false;
}

const struct jws_alg *jws_alg_for(enum alg_kind kind, const json_t *offered)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].kind == kind && offers(offered, algs[i].name))
			return &algs[i];
	return NULL;
}

void jws_base64url(struct secret *out, struct bytes v)
{
	struct buf b = BUF_INIT;

	/* Once, so that no copy stays behind when it grows. */
	buf_reserve(&b, (v.n + 2) / 3 * 4 + 1);
	base64_encode(&b, v);
	while (b.n > 0 && b.p[b.n - 1] == '=')
		b.n--;
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] == '+' || b.p[i] == '/')
			b.p[i] = b.p[i] == '+' ? '-' : '_';
	secret_add(out, b.p, b.n);
	mem_wipe(b.p, b.cap);
	buf_free(&b);
}

bool jws_ecdsa_raw(struct bytes der, size_t half, struct buf *out)
{
	const unsigned char *p = der.p;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	uint8_t *raw = buf_reserve(out, 2 * half);
	bool ok = pair != NULL && p == der.p + der.n &&
		  BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, (int)half) == (int)half &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + half, (int)half) == (int)half;

	if (ok)
		out->n += 2 * half;
	ECDSA_SIG_free(pair);
	return ok;
}

static size_t ecdsa_half(enum alg_kind kind)
{
	switch (kind) {
	case KEY_P256:
		return 32;
	case KEY_P384:
		return 48;
	case KEY_P521:
		return 66;
	default:
		return 0;
	}
}

static void add_json(struct secret *out, const json_t *v)
{
	struct secret text = SECRET_NONE;

	json_write(&text, v);
	jws_base64url(out, bytes_of(text.p, text.n));
	secret_free(&text);
}

static void add_header(struct secret *out, const struct jws_alg *alg, const char *typ,
		       const char *kid)
{
	json_t *head = json_pack("{s:s, s:s*, s:s*}", "alg", alg->name, "typ", typ, "kid", kid);

	add_json(out, head);
	json_decref(head);
}

int jws_make(struct secret *out, const struct jws_alg *alg, const char *typ, const char *kid,
	     const json_t *claims, const struct jws_signer *signer, struct err *err)
{
	struct secret text = SECRET_NONE;
	struct buf sig = BUF_INIT, raw = BUF_INIT;
	size_t half = ecdsa_half(alg->kind);
	int r;

	add_header(&text, alg, typ, kid);
	secret_add_str(&text, ".");
	add_json(&text, claims);
	r = signer->sign(signer->ctx, alg, bytes_of(text.p, text.n), &sig, err);
	if (r == 0 && half > 0 && !jws_ecdsa_raw(buf_bytes(&sig), half, &raw))
		r = err_set(err, ERR_TOKEN, "the token's signature is no ECDSA signature");
	if (r == 0) {
		secret_add_str(&text, ".");
		jws_base64url(&text, half > 0 ? buf_bytes(&raw) : buf_bytes(&sig));
		secret_add(out, text.p, text.n);
	}
	secret_free(&text);
	buf_free(&sig);
	buf_free(&raw);
	return r;
}
