/*
 * JSON web tokens in their compact form (RFC 7519, RFC 7515), signed by whatever can
 * sign: RS256, PS256, ES256, ES384, ES512 (RFC 7518), EdDSA (RFC 8037).
 */
#ifndef GH_OAUTH_JWS_H
#define GH_OAUTH_JWS_H

#include <jansson.h>

#include "base/alg.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

struct jws_alg {
	const char *name; /* "ES256" */
	enum alg_kind kind;
	enum alg_hash hash;
	bool pss; /* RSASSA-PSS with the digest's length of salt, else PKCS #1 v1.5 */
};

/*
 * The algorithm for a key among those that `offered` (an array of strings; NULL: any)
 * names; of RSA's two RS256 goes first. NULL: none.
 */
const struct jws_alg *jws_alg_for(enum alg_kind kind, const json_t *offered);

/* Makes a signature in the form that X.509 uses: ECDSA as DER. */
struct jws_signer {
	int (*sign)(void *ctx, const struct jws_alg *alg, struct bytes tbs, struct buf *sig,
		    struct err *err);
	void *ctx;
};

/* Appends header.payload.signature. `typ` and `kid` may be NULL. */
int jws_make(struct secret *out, const struct jws_alg *alg, const char *typ, const char *kid,
	     const json_t *claims, const struct jws_signer *signer, struct err *err);

/* Base64url without padding (RFC 7515 2). */
void jws_base64url(struct secret *out, struct bytes v);

/* Ecdsa-Sig-Value to r and s of `half` bytes each (RFC 7518 3.4); false for what is none. */
bool jws_ecdsa_raw(struct bytes der, size_t half, struct buf *out);

#endif
