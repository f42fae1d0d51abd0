/*
 * The algorithms that the project signs with and accepts, in one table:
 * key kinds, digests, and the object identifiers that stand for them in CMS
 * (RFC 5754, RFC 5758, RFC 8419).
 */
#ifndef GH_BASE_ALG_H
#define GH_BASE_ALG_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum alg_hash { HASH_NONE = 0, HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512 };

enum alg_kind {
	KEY_OTHER = 0, /* anything that is not in this list */
	KEY_RSA,
	KEY_P256,
	KEY_P384,
	KEY_P521,
	KEY_ED25519
};

#define HASH_MAX_SIZE 64
#define SIG_MAX_SIZE 1024 /* of a raw signature in the form X.509 and CMS use */

struct alg_key {
	enum alg_kind kind;
	int bits; /* of the RSA modulus; of the field else */
};

/*
 * First use of OpenSSL in a process that verifies and loads no module: its configuration
 * file, which can load code, does not count, and no table of ciphers is made, which is a
 * fourth of what starting costs.
 */
void alg_start_verifier(void);

struct alg_key alg_of_key(const EVP_PKEY *key);
/* The digest a signature by this key is made with: RSA, P-256: SHA-256;
 * P-384: SHA-384; P-521, Ed25519: SHA-512. */
enum alg_hash alg_hash_for(struct alg_key key);
size_t alg_hash_size(enum alg_hash h);
const EVP_MD *alg_hash_md(enum alg_hash h);
/* The same looked up in OpenSSL's providers, once in a process: a look-up costs more than a
 * short digest, and takes locks. Kept to the end; NULL for HASH_NONE, or out of memory. */
const EVP_MD *alg_hash_fetched(enum alg_hash h);
const char *alg_hash_name(enum alg_hash h);     /* "sha256" */
/* "rsa3072", "p256", "ed25519": a static or thread-local string */
const char *alg_key_name(struct alg_key key);

/* Content octets of OIDs. HASH_NONE / false when not known. */
enum alg_hash alg_hash_by_oid(struct bytes oid);
struct bytes alg_hash_oid(enum alg_hash h);
/* The signatureAlgorithm OID for a key and digest (sha256WithRSAEncryption, ...). */
struct bytes alg_signature_oid(enum alg_kind kind, enum alg_hash h);
/*
 * What a signatureAlgorithm OID says. rsaEncryption (gpgsm, OpenSSL) names no
 * digest: *h is then HASH_NONE. RSASSA-PSS is not accepted: stock PKCS7
 * verifiers and gpgsm 2.2 refuse it.
 */
bool alg_signature_by_oid(struct bytes oid, enum alg_kind *family, enum alg_hash *h);
/* family is KEY_RSA, KEY_P256 (any ECDSA curve) or KEY_ED25519 */

/* GnuPG's numbers for status lines (doc/DETAILS): 1 RSA, 19 ECDSA, 22 EdDSA; 8, 9, 10. */
int alg_gpg_pk(enum alg_kind kind);
int alg_gpg_hash(enum alg_hash h);

/* Digest of the concatenation of `n` views; HASH_MAX_SIZE bytes of room. */
bool alg_digest(enum alg_hash h, const struct bytes *v, size_t n, uint8_t *out);

#endif
