/* From a certificate's key to a signature in the form that X.509 uses. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/der.h"
#include "token/token_internal.h"

#define KEYS_MAX 64 /* private keys under one CKA_ID */

static int find_keys(struct token *t, size_t slot, struct bytes id, CK_OBJECT_HANDLE *keys,
		     size_t *n, struct err *err)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	_cleanup_free_ uint8_t *copy = NULL;
	CK_ATTRIBUTE like[2] = { { CKA_CLASS, &class, sizeof(class) } };
	int r = token_session(t, slot, err);

	if (r != 0)
		return r;
	copy = xmalloc(id.n + 1);
	if (id.n > 0)
		memcpy(copy, id.p, id.n);
	like[1] = (CK_ATTRIBUTE){ CKA_ID, copy, id.n };
	return token_find(t, like, 2, keys, KEYS_MAX, n, err);
}

bool token_type_fits(struct token *t, CK_OBJECT_HANDLE o, enum alg_kind kind)
{
	struct buf v = BUF_INIT;
	CK_KEY_TYPE type = (CK_KEY_TYPE)-1;

	if (token_attribute(t, o, CKA_KEY_TYPE, sizeof(type), &v) && v.n == sizeof(type))
		memcpy(&type, v.p, sizeof(type));
	buf_free(&v);
	return type == (kind == KEY_RSA ? CKK_RSA : kind == KEY_ED25519 ? CKK_EC_EDWARDS : CKK_EC);
}

static bool modulus_differs(struct token *t, CK_OBJECT_HANDLE o, EVP_PKEY *key)
{
	struct buf v = BUF_INIT;
	BIGNUM *have = NULL, *want = NULL;
	bool differs = false;

	if (token_attribute(t, o, CKA_MODULUS, SIG_MAX_SIZE, &v) && v.n > 0 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &want) == 1) {
		have = BN_bin2bn(v.p, (int)v.n, NULL);
		differs = have == NULL || BN_cmp(have, want) != 0;
	}
	BN_free(have);
	BN_free(want);
	buf_free(&v);
	return differs;
}

/* CKA_PUBLIC_KEY_INFO is a DER SubjectPublicKeyInfo; most modules leave it empty, and to
 * start OpenSSL's encoders for that costs as much as four signatures. */
static bool info_differs(struct token *t, CK_OBJECT_HANDLE o, EVP_PKEY *key)
{
	struct buf v = BUF_INIT;
	unsigned char *want = NULL;
	bool differs = false;
	int n;

	if (token_attribute(t, o, CKA_PUBLIC_KEY_INFO, 8192, &v) && v.n > 0) {
		n = i2d_PUBKEY(key, &want);
		differs = n <= 0 || !bytes_eq(buf_bytes(&v), bytes_of(want, (size_t)n));
	}
	OPENSSL_free(want);
	buf_free(&v);
	return differs;
}

/* With several private keys under one id those whose public part is another are out. */
static int find_fitting(struct token *t, size_t slot, struct bytes id, EVP_PKEY *key,
			CK_OBJECT_HANDLE *keys, size_t *ret, struct err *err)
{
	enum alg_kind kind = alg_of_key(key).kind;
	size_t n = 0, fit = 0;
	int r = find_keys(t, slot, id, keys, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (token_type_fits(t, keys[i], kind) && !info_differs(t, keys[i], key) &&
		    !(kind == KEY_RSA && modulus_differs(t, keys[i], key)))
			keys[fit++] = keys[i];
	*ret = fit;
	return r;
}

/* A certificate may have been written beside a key without its CKA_ID: *id is that of the public
 * key that is the certificate's, as long as it was when there is none. */
static int find_public(struct token *t, size_t slot, EVP_PKEY *key, struct buf *id, struct err *err)
{
	CK_OBJECT_HANDLE *found = NULL;
	size_t n = 0;
	bool there = false;
	int r = token_search(t, slot, CKO_PUBLIC_KEY, NULL, &found, &n, err);

	for (size_t i = 0; r == 0 && i < n && !there; i++) {
		EVP_PKEY *public = token_read_public(t, found[i]);

		there = public != NULL && EVP_PKEY_eq(public, key) == 1;
		if (there)
			token_id(t, found[i], id);
		EVP_PKEY_free(public);
	}
	free(found);
	return r;
}

/* The one private key of a certificate, and by which CKA_ID. */
static int find_key(struct token *t, size_t slot, struct bytes id, EVP_PKEY *key,
		    struct buf *ret_id, CK_OBJECT_HANDLE *ret, struct err *err)
{
	CK_OBJECT_HANDLE keys[KEYS_MAX];
	size_t fit = 0;
	int r;

	buf_clear(ret_id);
	buf_add_bytes(ret_id, id);
	r = find_fitting(t, slot, id, key, keys, &fit, err);
	if (r == 0 && fit == 0)
		r = find_public(t, slot, key, ret_id, err);
	if (r == 0 && fit == 0 && !bytes_eq(buf_bytes(ret_id), id))
		r = find_fitting(t, slot, buf_bytes(ret_id), key, keys, &fit, err);
	if (r != 0)
		return r;
	if (fit == 0)
		return err_set(err, ERR_KEY,
			       "token \"%s\" has the certificate, but no private key that belongs "
			       "to it (with its CKA_ID, or that of its public key, and usable "
			       "after the PIN was given)",
			       t->slots[slot].label);
	if (fit > 1)
		return err_set(err, ERR_KEY,
			       "token \"%s\" has %zu private keys with the certificate's CKA_ID: "
			       "give them different ids",
			       t->slots[slot].label, fit);
	*ret = keys[0];
	return 0;
}

/* RFC 8017 9.2: the DER of DigestInfo. */
static void digest_info(struct buf *out, enum alg_hash h, struct bytes digest)
{
	size_t whole = der_open(out, DER_SEQUENCE), alg = der_open(out, DER_SEQUENCE);

	der_put(out, DER_OID, alg_hash_oid(h));
	der_put(out, DER_NULL, BYTES_NONE);
	der_close(out, alg);
	der_put(out, DER_OCTET_STRING, digest);
	der_close(out, whole);
}

static bool wants_pin(struct token *t, CK_OBJECT_HANDLE key)
{
	struct buf v = BUF_INIT;
	bool wants =
		token_attribute(t, key, CKA_ALWAYS_AUTHENTICATE, 8, &v) && v.n == 1 && v.p[0] != 0;

	buf_free(&v);
	return wants;
}

void token_last_forget(struct token *t)
{
	EVP_PKEY_free(t->last.key);
	buf_free(&t->last.id);
	buf_free(&t->last.key_id);
	t->last.key = NULL;
}

/* The key of token_sign() into t->last. */
static int use_key(struct token *t, size_t slot, struct bytes id, EVP_PKEY *key, struct err *err)
{
	struct token_last *l = &t->last;
	int r = token_session(t, slot, err);

	if (r != 0 ||
	    (l->key != NULL && bytes_eq(buf_bytes(&l->id), id) && EVP_PKEY_eq(l->key, key) == 1))
		return r;
	token_last_forget(t);
	r = find_key(t, slot, id, key, &l->key_id, &l->handle, err);
	if (r != 0)
		return r;
	if (EVP_PKEY_up_ref(key) != 1)
		return err_set(err, ERR_INTERNAL, "a key cannot be kept");
	l->key = key;
	buf_add_bytes(&l->id, id);
	l->wants_pin = wants_pin(t, l->handle);
	return 0;
}

/* Tokens that declare the attribute and refuse the login (Luna) sign without it: only
 * what a PIN was told ends the signature. */
static int authenticate(struct token *t, struct err *err)
{
	struct err why = ERR_INIT;
	CK_RV rv = CKR_OK;
	int r = token_login_again(t, &rv, &why);

	if (r == 0 || rv == CKR_USER_TYPE_INVALID || rv == CKR_FUNCTION_NOT_SUPPORTED ||
	    rv == CKR_OPERATION_NOT_INITIALIZED)
		return 0;
	return err_set(err, why.code, "%s", why.text);
}

static int init_sign(struct token *t, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, bool again,
		     struct err *err)
{
	CK_RV rv = TOKEN_CALL(t, C_SignInit, t->session, mechanism, key);

	if (rv == CKR_OK || (again && rv == CKR_OPERATION_ACTIVE))
		return 0;
	return ckr_error(err, t, "C_SignInit", rv);
}

static int call_sign(struct token *t, CK_MECHANISM *mechanism, struct buf *data, uint8_t *raw,
		     CK_ULONG *raw_n, struct err *err)
{
	CK_OBJECT_HANDLE key = t->last.handle;
	CK_ULONG room = *raw_n;
	bool asked = t->last.wants_pin;
	CK_RV rv;
	int r = init_sign(t, mechanism, key, false, err);

	if (r == 0 && asked)
		r = authenticate(t, err);
	if (r != 0)
		return r;
	rv = TOKEN_CALL(t, C_Sign, t->session, data->p, data->n, raw, raw_n);
	/* Some keys want it and do not say so. */
	if (rv == CKR_USER_NOT_LOGGED_IN && !asked) {
		*raw_n = room;
		r = init_sign(t, mechanism, key, true, err);
		if (r == 0)
			r = authenticate(t, err);
		if (r != 0)
			return r;
		rv = TOKEN_CALL(t, C_Sign, t->session, data->p, data->n, raw, raw_n);
	}
	secret_free(&t->pin); /* not kept for longer than the first signature */
	return rv == CKR_OK ? 0 : ckr_error(err, t, "C_Sign", rv);
}

static int bad_length(struct err *err, const struct token *t, CK_ULONG n)
{
	return err_set(err, ERR_TOKEN,
		       "%s: the signature has %lu bytes, which does not fit the key; nothing was "
		       "signed",
		       t->module, n);
}

/* Leading zero bytes are cut by some modules, and wanted by X.509. */
static int from_rsa(const struct token *t, EVP_PKEY *key, const uint8_t *raw, CK_ULONG n,
		    struct buf *sig, struct err *err)
{
	int size = EVP_PKEY_get_size(key);

	if (size <= 0 || n == 0 || n > (CK_ULONG)size)
		return bad_length(err, t, n);
	for (CK_ULONG i = n; i < (CK_ULONG)size; i++)
		buf_add_byte(sig, 0);
	buf_add(sig, raw, n);
	return 0;
}

/* PKCS#11 2.3.1: r and s, each as long as the order; X.509 wants Ecdsa-Sig-Value. */
static int from_ecdsa(const struct token *t, EVP_PKEY *key, const uint8_t *raw, CK_ULONG n,
		      struct buf *sig, struct err *err)
{
	size_t half = (size_t)(EVP_PKEY_get_bits(key) + 7) / 8;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = NULL, *s = NULL;
	unsigned char *der = NULL;
	int der_n = -1;

	if (n != 2 * half) {
		ECDSA_SIG_free(pair);
		return bad_length(err, t, n);
	}
	r = BN_bin2bn(raw, (int)half, NULL);
	s = BN_bin2bn(raw + half, (int)half, NULL);
	if (pair != NULL && r != NULL && s != NULL && !BN_is_zero(r) && !BN_is_zero(s) &&
	    ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL; /* they are the pair's now */
		der_n = i2d_ECDSA_SIG(pair, &der);
	}
	if (der_n > 0)
		buf_add(sig, der, (size_t)der_n);
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	if (der_n <= 0)
		return err_set(err, ERR_TOKEN, "%s: the token's signature is no ECDSA signature",
			       t->module);
	return 0;
}

/* RFC 8032 5.1.6: 64 bytes in PKCS#11 and in X.509 alike. */
static int from_eddsa(const struct token *t, const uint8_t *raw, CK_ULONG n, struct buf *sig,
		      struct err *err)
{
	if (n != 64)
		return bad_length(err, t, n);
	buf_add(sig, raw, n);
	return 0;
}

static CK_MECHANISM_TYPE mechanism_for(enum alg_kind kind)
{
	return kind == KEY_RSA ? CKM_RSA_PKCS : kind == KEY_ED25519 ? CKM_EDDSA : CKM_ECDSA;
}

static CK_MECHANISM_TYPE hashing(enum alg_hash h)
{
	return h == HASH_SHA256   ? CKM_SHA256_RSA_PKCS
	       : h == HASH_SHA384 ? CKM_SHA384_RSA_PKCS
	       : h == HASH_SHA512 ? CKM_SHA512_RSA_PKCS
				  : CKM_VENDOR_DEFINED;
}

/* What the mechanism wants to see of `tbs`. */
static bool prepare(const CK_MECHANISM *m, enum alg_hash h, struct bytes tbs, struct buf *out)
{
	uint8_t digest[HASH_MAX_SIZE];

	/* RFC 8419 3.1: PureEdDSA, over the bytes themselves; and what hashes by itself. */
	if (m->mechanism == CKM_EDDSA || m->mechanism == hashing(h)) {
		buf_add_bytes(out, tbs);
		return true;
	}
	if (!alg_digest(h, &tbs, 1, digest))
		return false;
	if (m->mechanism == CKM_RSA_PKCS)
		digest_info(out, h, bytes_of(digest, alg_hash_size(h)));
	else
		buf_add(out, digest, alg_hash_size(h));
	return true;
}

static int sign_with(struct token *t, size_t slot_index, struct bytes id, EVP_PKEY *key,
		     CK_MECHANISM *mechanism, enum alg_hash h, struct bytes tbs, struct buf *sig,
		     struct err *err)
{
	struct alg_key alg = alg_of_key(key);
	uint8_t raw[SIG_MAX_SIZE];
	struct buf data = BUF_INIT;
	CK_ULONG raw_n = sizeof(raw);
	int r;

	if (alg.kind == KEY_OTHER)
		return err_set(err, ERR_KEY, "%s keys cannot sign", alg_key_name(alg));
	r = use_key(t, slot_index, id, key, err);
	if (r != 0)
		return r;
	if (!prepare(mechanism, h, tbs, &data))
		return err_set(err, ERR_INTERNAL, "no digest can be made");
	r = call_sign(t, mechanism, &data, raw, &raw_n, err);
	buf_free(&data);
	if (r != 0) {
		token_last_forget(t);
		return r;
	}
	if (raw_n > sizeof(raw))
		return bad_length(err, t, raw_n);
	if (alg.kind == KEY_ED25519)
		return from_eddsa(t, raw, raw_n, sig, err);
	return alg.kind == KEY_RSA ? from_rsa(t, key, raw, raw_n, sig, err)
				   : from_ecdsa(t, key, raw, raw_n, sig, err);
}

int token_sign(struct token *t, size_t slot_index, struct bytes id, EVP_PKEY *key, enum alg_hash h,
	       struct bytes tbs, struct buf *sig, struct err *err)
{
	CK_MECHANISM mechanism = { mechanism_for(alg_of_key(key).kind), NULL, 0 };
	struct err first = ERR_INIT;
	int r = sign_with(t, slot_index, id, key, &mechanism, h, tbs, sig, &first);

	/* tpm2-pkcs11 makes CKM_RSA_PKCS of a decryption, which a key that only signs may
	 * not do; it has mechanisms that hash by themselves. */
	if (r != 0 && r != ERR_PIN && mechanism.mechanism == CKM_RSA_PKCS &&
	    token_has_mechanism(t, slot_index, hashing(h), CKF_SIGN)) {
		mechanism.mechanism = hashing(h);
		r = sign_with(t, slot_index, id, key, &mechanism, h, tbs, sig, NULL);
	}
	return r == 0 ? 0 : err_set(err, first.code, "%s", first.text);
}

static const struct {
	enum alg_hash h;
	CK_MECHANISM_TYPE hash;
	CK_RSA_PKCS_MGF_TYPE mgf;
} pss[] = {
	{ HASH_SHA256, CKM_SHA256, CKG_MGF1_SHA256 },
	{ HASH_SHA384, CKM_SHA384, CKG_MGF1_SHA384 },
	{ HASH_SHA512, CKM_SHA512, CKG_MGF1_SHA512 },
};

int token_sign_pss(struct token *t, size_t slot_index, struct bytes id, EVP_PKEY *key,
		   enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err)
{
	CK_RSA_PKCS_PSS_PARAMS params = { .sLen = alg_hash_size(h) };
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_PSS, &params, sizeof(params) };

	for (size_t i = 0; i < sizeof(pss) / sizeof(pss[0]); i++) {
		if (pss[i].h == h) {
			params.hashAlg = pss[i].hash;
			params.mgf = pss[i].mgf;
		}
	}
	if (alg_of_key(key).kind != KEY_RSA || params.hashAlg == 0)
		return err_set(err, ERR_KEY, "RSASSA-PSS wants an RSA key and SHA-2");
	return sign_with(t, slot_index, id, key, &mechanism, h, tbs, sig, err);
}
