/*
 * One detached CMS signature (RFC 5652 SignedData), written and read by us.
 *
 * Knows no token and no trust: writing asks a *signer* for the raw signature,
 * checking is given the public key by the caller.
 */
#ifndef GH_SIG_CMS_H
#define GH_SIG_CMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/alg.h"

#define CMS_MAX_DER ((size_t)1 << 20) /* of a whole message */
#define CMS_MAX_CERTS 16

/*
 * A thing that signs. `tbs` is what stands under the signature (the DER of the
 * signed attributes); `h` the digest to take of it. `sig` receives the signature
 * as X.509 writes it (RSA: as long as the modulus; ECDSA: DER Ecdsa-Sig-Value).
 */
struct cms_signer {
	int (*sign)(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err);
	void *ctx;
};

struct cms_input {
	struct bytes payload[4]; /* the signed content, in pieces; unused ones empty */
	struct bytes leaf;       /* DER of the signer's certificate */
	struct alg_key key;      /* of its key; KEY_OTHER: read from it, which costs more than
				    a P-256 signature */
	const struct bytes *chain; /* DER of further certificates, without the root */
	size_t chain_n;
	int64_t signing_time;
	struct cms_signer signer;
};

/*
 * Appends the DER of a ContentInfo: SignedData v1, one SignerInfo v1 by issuer
 * and serial, signed attributes contentType, messageDigest, signingTime and ESS
 * signingCertificateV2 (RFC 5035); signatureAlgorithm as in RFC 5754/5758.
 * Nothing is appended on failure.
 */
int cms_sign(const struct cms_input *in, struct buf *out, struct err *err);

/* What a strictly parsed message holds; views into the bytes given (or `own`). */
struct cms {
	struct buf own;         /* the DER, where the input was BER */
	struct bytes der;
	enum alg_hash hash;     /* digestAlgorithm */
	enum alg_kind family;   /* of signatureAlgorithm, see alg_signature_by_oid() */
	struct bytes issuer, serial; /* sid: DER of Name, content octets of INTEGER */
	struct bytes certs[CMS_MAX_CERTS];
	size_t certs_n;
	struct bytes certs_whole;  /* the bag as it stands: a key for caches */
	struct bytes signed_attrs; /* as SET OF, content octets: prefix 0x31 + length to hash */
	struct bytes signed_attrs_whole; /* [0] IMPLICIT as it stands */
	struct bytes message_digest;
	bool has_signing_time;
	int64_t signing_time;
	bool has_ess;               /* one of these two, or both */
	enum alg_hash ess_hash;     /* of signingCertificateV2; HASH_NONE without it */
	struct bytes ess_cert_hash; /* of the signer's certificate */
	struct bytes ess_v1_hash;   /* signingCertificate: SHA-1 of it; or empty */
	struct bytes signature;
	struct bytes timestamp_token; /* unsigned attribute over this signature; its own signature is
				       not verified here; may be empty */
};

/*
 * Strict: BER or DER of any length form, the whole input used; detached id-data;
 * exactly one SignerInfo by issuerAndSerialNumber; signed attributes present,
 * DER, of the kinds contentType, messageDigest, signingTime, signingCertificate,
 * signingCertificateV2, CMSAlgorithmProtection (must agree) and SMIMECapabilities
 * (known OIDs), each once with one value; unsigned attributes only timeStampToken
 * and gitsign's transparency entry, once each; at most CMS_MAX_CERTS certificates,
 * no other kind in the bag, no CRLs; digests SHA-256/384/512.
 * ERR_INPUT with the reason else. The caller calls cms_free().
 */
int cms_parse(struct bytes ber, struct cms *ret, struct err *err);
void cms_free(struct cms *c);

/*
 * Is `token` a timestamp token (RFC 3161) whose imprint is that of this signature value,
 * by SHA-256/384/512? Its own signature is not looked at. cms_parse() takes no other.
 */
bool cms_token_covers(struct bytes token, struct bytes signature);

/* Index of the certificate that the SignerInfo names; -1: not in the bag or twice. */
int cms_signer_index(const struct cms *c);

/*
 * A prepared public key: kept so that many signatures by one key cost one set-up.
 * Not for two threads at once.
 */
struct cms_key;
int cms_key_new(EVP_PKEY *key, struct cms_key **ret, struct err *err);
void cms_key_free(struct cms_key *k);

/*
 * Does the signature cover exactly this payload, by this key? Checks that the
 * message digest is the payload's, that what ESS is there names `leaf`, that the
 * algorithms fit the key, and the signature itself. ERR_BAD with the reason else.
 */
int cms_check(const struct cms *c, const struct bytes *payload, size_t payload_n,
	      struct bytes leaf, struct cms_key *key, struct err *err);

#endif
