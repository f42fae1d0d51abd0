/*
 * Public keys as tokens hold them, made into SubjectPublicKeyInfo. Modules write the
 * same point in three ways; what it is follows from its length, never from trying.
 */
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/der.h"
#include "token/token_internal.h"

#define RSA_MAX 2048 /* bytes of a modulus */

/* RFC 8017 A.1, RFC 5480 2.1.1, RFC 8410 3: content octets. */
static const uint8_t oid_rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const uint8_t oid_ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
static const uint8_t oid_ed25519[] = { 0x2b, 0x65, 0x70 };

#define OID(x) bytes_of(x, sizeof(x))

/* CKA_EC_PARAMS: the DER of a curve's OID, or the name that PKCS#11 3.0 allows for Edwards. */
static const struct curve {
	enum alg_kind kind;
	size_t point; /* bytes of an uncompressed point, or of an Edwards one */
	size_t n;
	uint8_t params[16];
} curves[] = {
	{ KEY_P256, 65, 10, { 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 } },
	{ KEY_P384, 97, 7, { 0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22 } },
	{ KEY_P521, 133, 7, { 0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x23 } },
	{ KEY_ED25519, 32, 5, { 0x06, 3, 0x2b, 0x65, 0x70 } },
	{ KEY_ED25519,
	  32,
	  14,
	  { 0x13, 12, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9' } },
};

static const struct curve *curve_of(struct bytes params)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (bytes_eq(params, bytes_of(curves[i].params, curves[i].n)))
			return &curves[i];
	return NULL;
}

struct bytes token_curve_params(enum alg_kind kind)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (curves[i].kind == kind)
			return bytes_of(curves[i].params, curves[i].n);
	return BYTES_NONE;
}

/* Raw, in an OCTET STRING, or (PKCS#11 3.0 for Edwards) in a BIT STRING. */
static bool point_of(struct bytes v, const struct curve *c, struct bytes *ret)
{
	struct bytes in = v;
	struct der_item item;

	if (v.n == c->point) {
		*ret = v;
		return true;
	}
	if (!der_next(&in, &item) || in.n != 0)
		return false;
	*ret = item.value;
	if (item.tag == DER_BIT_STRING && ret->n > 0 && ret->p[0] == 0)
		*ret = bytes_skip(*ret, 1);
	else if (item.tag != DER_OCTET_STRING)
		return false;
	return ret->n == c->point;
}

/* DER wants the shortest form, and a zero before a high bit. */
static void put_unsigned(struct buf *out, struct bytes v)
{
	struct buf b = BUF_INIT;

	while (v.n > 1 && v.p[0] == 0)
		v = bytes_skip(v, 1);
	if (v.n == 0 || (v.p[0] & 0x80) != 0)
		buf_add_byte(&b, 0);
	buf_add_bytes(&b, v);
	der_put(out, DER_INTEGER, buf_bytes(&b));
	buf_free(&b);
}

static void put_bits(struct buf *out, struct bytes v)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, 0);
	buf_add_bytes(&b, v);
	der_put(out, DER_BIT_STRING, buf_bytes(&b));
	buf_free(&b);
}

static bool rsa_spki(struct token *t, CK_OBJECT_HANDLE o, struct buf *out)
{
	struct buf n = BUF_INIT, e = BUF_INIT, key = BUF_INIT;
	bool ok = token_attribute(t, o, CKA_MODULUS, RSA_MAX, &n) && n.n > 0 &&
		  token_attribute(t, o, CKA_PUBLIC_EXPONENT, RSA_MAX, &e) && e.n > 0;

	if (ok) {
		size_t pair = der_open(&key, DER_SEQUENCE), whole, alg;

		put_unsigned(&key, buf_bytes(&n));
		put_unsigned(&key, buf_bytes(&e));
		der_close(&key, pair);
		whole = der_open(out, DER_SEQUENCE);
		alg = der_open(out, DER_SEQUENCE);
		der_put(out, DER_OID, OID(oid_rsa));
		der_put(out, DER_NULL, BYTES_NONE);
		der_close(out, alg);
		put_bits(out, buf_bytes(&key));
		der_close(out, whole);
	}
	buf_free(&n);
	buf_free(&e);
	buf_free(&key);
	return ok;
}

static bool ec_spki(struct token *t, CK_OBJECT_HANDLE o, bool edwards, struct buf *out)
{
	struct buf params = BUF_INIT, value = BUF_INIT;
	const struct curve *c = NULL;
	struct bytes point;
	bool ok;

	if (token_attribute(t, o, CKA_EC_PARAMS, 64, &params))
		c = curve_of(buf_bytes(&params));
	ok = c != NULL && (c->kind == KEY_ED25519) == edwards &&
	     token_attribute(t, o, CKA_EC_POINT, 512, &value) &&
	     point_of(buf_bytes(&value), c, &point);
	if (ok) {
		size_t whole = der_open(out, DER_SEQUENCE), alg = der_open(out, DER_SEQUENCE);

		if (edwards) {
			der_put(out, DER_OID, OID(oid_ed25519));
		} else {
			der_put(out, DER_OID, OID(oid_ec));
			buf_add_bytes(out, buf_bytes(&params));
		}
		der_close(out, alg);
		put_bits(out, point);
		der_close(out, whole);
	}
	buf_free(&params);
	buf_free(&value);
	return ok;
}

EVP_PKEY *token_read_public(struct token *t, CK_OBJECT_HANDLE o)
{
	struct buf v = BUF_INIT, spki = BUF_INIT;
	CK_KEY_TYPE type = (CK_KEY_TYPE)-1;
	const unsigned char *p;
	EVP_PKEY *key = NULL;
	bool ok = false;

	if (token_attribute(t, o, CKA_KEY_TYPE, sizeof(type), &v) && v.n == sizeof(type))
		memcpy(&type, v.p, sizeof(type));
	if (type == CKK_RSA)
		ok = rsa_spki(t, o, &spki);
	else if (type == CKK_EC || type == CKK_EC_EDWARDS)
		ok = ec_spki(t, o, type == CKK_EC_EDWARDS, &spki);
	if (!ok) { /* PKCS#11 2.40 has the whole in one attribute; few modules fill it */
		buf_clear(&spki);
		ok = token_attribute(t, o, CKA_PUBLIC_KEY_INFO, 8192, &spki) && spki.n > 0;
	}
	p = spki.p;
	if (ok)
		key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	if (key != NULL && (p != spki.p + spki.n || !token_type_fits(t, o, alg_of_key(key).kind))) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	buf_free(&v);
	buf_free(&spki);
	return key;
}

static int slot_keys(struct token *t, size_t slot, const struct uri *u, struct token_keys *k,
		     struct err *err)
{
	CK_OBJECT_HANDLE *found = NULL;
	size_t n = 0;
	int r = token_search(t, slot, CKO_PUBLIC_KEY, u, &found, &n, err);

	if (r != 0)
		return r;
	k->v = xreallocarray(k->v, k->n + n + 1, sizeof(k->v[0]));
	for (size_t i = 0; i < n; i++) {
		struct token_key *key = &k->v[k->n++];

		key->slot_index = slot;
		token_names(t, found[i], &key->id, &key->id_n, &key->label);
		key->key = token_read_public(t, found[i]);
	}
	free(found);
	return 0;
}

int token_public_keys(struct token *t, const struct uri *u, struct token_keys *ret, struct err *err)
{
	struct token_keys k = { NULL, 0 };
	int r = 0;

	for (size_t i = 0; i < t->slots_n && r == 0; i++)
		if (u == NULL || token_slot_matches(&t->slots[i], u))
			r = slot_keys(t, i, u, &k, err);
	if (r != 0)
		token_keys_free(&k);
	else
		*ret = k;
	return r;
}

void token_keys_free(struct token_keys *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].id);
		free(k->v[i].label);
		EVP_PKEY_free(k->v[i].key);
	}
	free(k->v);
	*k = (struct token_keys){ NULL, 0 };
}
