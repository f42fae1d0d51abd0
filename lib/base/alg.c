#include "base/alg.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const struct hash_row {
	const char *name;
	size_t size;
	int gpg;
	struct bytes oid;
} hashes[] = {
	[HASH_NONE] = { "none", 0, 0, { NULL, 0 } },
	[HASH_SHA1] = { "sha1", 20, 2, { (const uint8_t *)"\x2b\x0e\x03\x02\x1a", 5 } },
	[HASH_SHA256] = { "sha256", 32, 8,
			  { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9 } },
	[HASH_SHA384] = { "sha384", 48, 9,
			  { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9 } },
	[HASH_SHA512] = { "sha512", 64, 10,
			  { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9 } },
};

#define RSA(n) { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x01" n, 9 }
#define ECDSA(n) { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x04\x03" n, 8 }

static const struct {
	struct bytes oid;
	enum alg_kind family;
	enum alg_hash hash;
} signatures[] = {
	{ RSA("\x0b"), KEY_RSA, HASH_SHA256 },
	{ RSA("\x0c"), KEY_RSA, HASH_SHA384 },
	{ RSA("\x0d"), KEY_RSA, HASH_SHA512 },
	{ RSA("\x01"), KEY_RSA, HASH_NONE }, /* rsaEncryption: after the ones that name a digest */
	{ ECDSA("\x02"), KEY_P256, HASH_SHA256 },
	{ ECDSA("\x03"), KEY_P256, HASH_SHA384 },
	{ ECDSA("\x04"), KEY_P256, HASH_SHA512 },
	{ { (const uint8_t *)"\x2b\x65\x70", 3 }, KEY_ED25519, HASH_SHA512 },
};
#define SIGNATURES (sizeof(signatures) / sizeof(signatures[0]))

void alg_start_verifier(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS, NULL);
}

static enum alg_kind kind_of_curve(const EVP_PKEY *key)
{
	char name[64];
	size_t n = 0;
	int nid;

	if (!EVP_PKEY_get_group_name(key, name, sizeof(name), &n))
		return KEY_OTHER;
	nid = OBJ_txt2nid(name);
	return nid == NID_X9_62_prime256v1 ? KEY_P256
	       : nid == NID_secp384r1	   ? KEY_P384
	       : nid == NID_secp521r1	   ? KEY_P521
					   : KEY_OTHER;
}

struct alg_key alg_of_key(const EVP_PKEY *key)
{
	struct alg_key k = { KEY_OTHER, 0 };

	if (key == NULL)
		return k;
	k.bits = EVP_PKEY_get_bits(key);
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		k.kind = KEY_RSA;
		break;
	case EVP_PKEY_EC:
		k.kind = kind_of_curve(key);
		break;
	case EVP_PKEY_ED25519:
		k.kind = KEY_ED25519;
		break;
	default:
		break;
	}
	return k;
}

enum alg_hash alg_hash_for(struct alg_key key)
{
	switch (key.kind) {
	case KEY_RSA:
	case KEY_P256:
		return HASH_SHA256;
	case KEY_P384:
		return HASH_SHA384;
	case KEY_P521:
	case KEY_ED25519:
		return HASH_SHA512;
	default:
		return HASH_NONE;
	}
}

size_t alg_hash_size(enum alg_hash h)
{
	return hashes[h].size;
}

const EVP_MD *alg_hash_md(enum alg_hash h)
{
	switch (h) {
	case HASH_SHA1:
		return EVP_sha1();
	case HASH_SHA256:
		return EVP_sha256();
	case HASH_SHA384:
		return EVP_sha384();
	case HASH_SHA512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

const char *alg_hash_name(enum alg_hash h)
{
	return hashes[h].name;
}

const char *alg_key_name(struct alg_key key)
{
	static _Thread_local char rsa[24];

	switch (key.kind) {
	case KEY_RSA:
		snprintf(rsa, sizeof(rsa), "rsa%d", key.bits);
		return rsa;
	case KEY_P256:
		return "p256";
	case KEY_P384:
		return "p384";
	case KEY_P521:
		return "p521";
	case KEY_ED25519:
		return "ed25519";
	default:
		return "other";
	}
}

enum alg_hash alg_hash_by_oid(struct bytes oid)
{
	for (int h = HASH_SHA1; h <= HASH_SHA512; h++) {
		if (bytes_eq(oid, hashes[h].oid))
			return (enum alg_hash)h;
	}
	return HASH_NONE;
}

struct bytes alg_hash_oid(enum alg_hash h)
{
	return hashes[h].oid;
}

static enum alg_kind family_of(enum alg_kind kind)
{
	return kind == KEY_P384 || kind == KEY_P521 ? KEY_P256 : kind;
}

struct bytes alg_signature_oid(enum alg_kind kind, enum alg_hash h)
{
	for (size_t i = 0; i < SIGNATURES; i++) {
		if (signatures[i].family == family_of(kind) && signatures[i].hash == h)
			return signatures[i].oid;
	}
	return BYTES_NONE;
}

bool alg_signature_by_oid(struct bytes oid, enum alg_kind *family, enum alg_hash *h)
{
	for (size_t i = 0; i < SIGNATURES; i++) {
		if (bytes_eq(oid, signatures[i].oid)) {
			*family = signatures[i].family;
			/* RFC 8419: the digest of attributes is SHA-512, the signature names none */
			*h = *family == KEY_ED25519 ? HASH_NONE : signatures[i].hash;
			return true;
		}
	}
	return false;
}

int alg_gpg_pk(enum alg_kind kind)
{
	return kind == KEY_RSA ? 1 : kind == KEY_ED25519 ? 22 : kind == KEY_OTHER ? 0 : 19;
}

int alg_gpg_hash(enum alg_hash h)
{
	return hashes[h].gpg;
}

const EVP_MD *alg_hash_fetched(enum alg_hash h)
{
	static _Atomic(EVP_MD *) kept[HASH_SHA512 + 1];
	EVP_MD *md, *none = NULL;

	if (h < HASH_SHA1 || h > HASH_SHA512)
		return NULL;
	md = atomic_load(&kept[h]);
	if (md != NULL)
		return md;
	md = EVP_MD_fetch(NULL, EVP_MD_get0_name(alg_hash_md(h)), NULL);
	if (md != NULL && !atomic_compare_exchange_strong(&kept[h], &none, md)) {
		EVP_MD_free(md); /* another thread was first */
		md = none;
	}
	return md;
}

bool alg_digest(enum alg_hash h, const struct bytes *v, size_t n, uint8_t *out)
{
	const EVP_MD *md = alg_hash_fetched(h);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && md != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = v[i].n == 0 || EVP_DigestUpdate(ctx, v[i].p, v[i].n) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}
