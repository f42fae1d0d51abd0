/* Does a signature cover a payload? The mathematics is OpenSSL's. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/der.h"
#include "base/mem.h"
#include "sig/cms.h"

struct cms_key {
	struct alg_key alg;
	EVP_PKEY *key;
	EVP_PKEY_CTX *verify[HASH_SHA512 + 1]; /* set up at first use */
	EVP_MD_CTX *digest;
	EVP_MD_CTX *whole; /* of a kind that hashes by itself; set up at first use */
	struct buf tbs;
	struct buf leaf; /* the certificate whose digests are kept */
	struct {
		bool there;
		uint8_t md[HASH_MAX_SIZE];
	} of_leaf[HASH_SHA512 + 1];
};

int cms_key_new(EVP_PKEY *key, struct cms_key **ret, struct err *err)
{
	struct cms_key *k;
	struct alg_key alg = alg_of_key(key);

	if (alg.kind == KEY_OTHER)
		return err_set(err, ERR_BAD, "a public key of a kind that is not known here");
	k = xcalloc(1, sizeof(*k));
	k->alg = alg;
	k->digest = EVP_MD_CTX_new();
	if (k->digest == NULL || EVP_PKEY_up_ref(key) != 1) {
		cms_key_free(k);
		return err_set(err, ERR_INTERNAL, "no memory for a key");
	}
	k->key = key;
	*ret = k;
	return 0;
}

void cms_key_free(struct cms_key *k)
{
	if (k == NULL)
		return;
	for (int h = 0; h <= HASH_SHA512; h++)
		EVP_PKEY_CTX_free(k->verify[h]);
	EVP_MD_CTX_free(k->digest);
	EVP_MD_CTX_free(k->whole);
	buf_free(&k->tbs);
	buf_free(&k->leaf);
	EVP_PKEY_free(k->key);
	free(k);
}

static bool digest(struct cms_key *k, enum alg_hash h, const struct bytes *v, size_t n,
		   uint8_t out[HASH_MAX_SIZE])
{
	const EVP_MD *md = alg_hash_fetched(h);
	bool ok = md != NULL && EVP_DigestInit_ex(k->digest, md, NULL) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = v[i].n == 0 || EVP_DigestUpdate(k->digest, v[i].p, v[i].n) == 1;
	return ok && EVP_DigestFinal_ex(k->digest, out, NULL) == 1;
}

static EVP_PKEY_CTX *context(struct cms_key *k, enum alg_hash h)
{
	EVP_PKEY_CTX *c = k->verify[h];

	if (c != NULL)
		return c;
	c = EVP_PKEY_CTX_new(k->key, NULL);
	if (c == NULL || EVP_PKEY_verify_init(c) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(c, alg_hash_md(h)) != 1) {
		EVP_PKEY_CTX_free(c);
		return NULL;
	}
	k->verify[h] = c;
	return c;
}

static bool positive_int(struct der_item i)
{
	return i.value.n > 0 && !(i.value.p[0] & 0x80) &&
	       !(i.value.n > 1 && i.value.p[0] == 0 && !(i.value.p[1] & 0x80)) &&
	       !(i.value.n == 1 && i.value.p[0] == 0);
}

/* Ecdsa-Sig-Value (RFC 3279 2.2.3) in DER, so that one signature has one form. */
static bool ecdsa_shape(struct bytes sig)
{
	struct der_item seq, r, s;

	return der_take(&sig, DER_SEQUENCE, &seq) && sig.n == 0 &&
	       der_take(&seq.value, DER_INTEGER, &r) && der_take(&seq.value, DER_INTEGER, &s) &&
	       seq.value.n == 0 && positive_int(r) && positive_int(s);
}

static bool shape(const struct cms *c, const struct cms_key *k)
{
	if (k->alg.kind == KEY_RSA)
		return c->family == KEY_RSA && c->signature.n == (size_t)EVP_PKEY_get_size(k->key);
	if (k->alg.kind == KEY_ED25519)
		return c->family == KEY_ED25519 && c->signature.n == 64;
	return c->family == KEY_P256 && ecdsa_shape(c->signature);
}

/* What stands under the signature: the attributes with the tag of a SET OF. */
static void to_be_signed(const struct cms *c, uint8_t *tag, struct bytes pieces[2])
{
	*tag = DER_SET;
	pieces[0] = bytes_of(tag, 1);
	pieces[1] = bytes_skip(c->signed_attrs_whole, 1);
}

/* Ready for one check: a kept context without naming its key again, at a third of the price. */
static EVP_MD_CTX *whole_context(struct cms_key *k)
{
	bool first = k->whole == NULL;

	if (first)
		k->whole = EVP_MD_CTX_new();
	if (k->whole != NULL &&
	    EVP_DigestVerifyInit(k->whole, NULL, NULL, NULL, first ? k->key : NULL) == 1)
		return k->whole;
	EVP_MD_CTX_free(k->whole);
	k->whole = NULL;
	return NULL;
}

static bool verify_ed25519(const struct cms *c, struct cms_key *k)
{
	EVP_MD_CTX *ctx = whole_context(k);

	buf_clear(&k->tbs);
	buf_add_byte(&k->tbs, DER_SET);
	buf_add_bytes(&k->tbs, bytes_skip(c->signed_attrs_whole, 1));
	return ctx != NULL &&
	       EVP_DigestVerify(ctx, c->signature.p, c->signature.n, k->tbs.p, k->tbs.n) == 1;
}

static bool verify(const struct cms *c, struct cms_key *k)
{
	uint8_t d[HASH_MAX_SIZE], tag;
	struct bytes pieces[2];
	EVP_PKEY_CTX *ctx;
	bool ok;

	if (!shape(c, k))
		return false;
	if (k->alg.kind == KEY_ED25519) {
		ok = verify_ed25519(c, k);
	} else {
		to_be_signed(c, &tag, pieces);
		ctx = context(k, c->hash);
		ok = ctx != NULL && digest(k, c->hash, pieces, 2, d) &&
		     EVP_PKEY_verify(ctx, c->signature.p, c->signature.n, d,
				     alg_hash_size(c->hash)) == 1;
	}
	if (!ok)
		ERR_clear_error();
	return ok;
}

static bool same_digest(struct cms_key *k, enum alg_hash h, const struct bytes *v, size_t n,
			struct bytes wanted)
{
	uint8_t d[HASH_MAX_SIZE];

	return wanted.n == alg_hash_size(h) && digest(k, h, v, n, d) &&
	       memcmp(d, wanted.p, wanted.n) == 0;
}

/* A key comes with one certificate nearly always: its digests are made once. */
static bool is_digest_of(struct cms_key *k, enum alg_hash h, struct bytes leaf, struct bytes wanted)
{
	if (!bytes_eq(buf_bytes(&k->leaf), leaf)) {
		memset(k->of_leaf, 0, sizeof(k->of_leaf));
		buf_clear(&k->leaf);
		buf_add_bytes(&k->leaf, leaf);
	}
	if (!k->of_leaf[h].there)
		k->of_leaf[h].there = digest(k, h, &leaf, 1, k->of_leaf[h].md);
	return k->of_leaf[h].there && wanted.n == alg_hash_size(h) &&
	       memcmp(k->of_leaf[h].md, wanted.p, wanted.n) == 0;
}

/* Both kinds of ESS attribute, where they are there, must name this certificate. */
static bool same_certificate(const struct cms *c, struct cms_key *k, struct bytes leaf)
{
	if (c->ess_hash != HASH_NONE && !is_digest_of(k, c->ess_hash, leaf, c->ess_cert_hash))
		return false;
	return c->ess_v1_hash.n == 0 || is_digest_of(k, HASH_SHA1, leaf, c->ess_v1_hash);
}

int cms_check(const struct cms *c, const struct bytes *payload, size_t payload_n, struct bytes leaf,
	      struct cms_key *key, struct err *err)
{
	if (!same_digest(key, c->hash, payload, payload_n, c->message_digest))
		return err_set(err, ERR_BAD, "the signature is over other content");
	if (!same_certificate(c, key, leaf))
		return err_set(err, ERR_BAD, "the signature names another certificate as its own");
	if (!verify(c, key))
		return err_set(err, ERR_BAD,
			       "the signature does not verify with the key of the "
			       "certificate it names");
	return 0;
}
