/*
 * The key that proves who asks (hsmKey), in a token: found, held open, and asked for
 * JSON web tokens' signatures.
 */
#ifndef GH_HELPER_KEY_H
#define GH_HELPER_KEY_H

#include <stdbool.h>

#include "base/gitconf.h"
#include "cred/profile.h"
#include "oauth/jws.h"

struct key;

struct key_facts {
	struct alg_key alg;
	EVP_PKEY *public;           /* borrowed */
	const char *token, *serial; /* of the slot, padding cut */
	const char *label;          /* of the object, escaped */
	struct bytes id;            /* CKA_ID */
	struct bytes cert;          /* DER, or none: hsmCertificate, else the token's */
	struct bytes spki_sha256;   /* 32 bytes */
};

/*
 * Opens the module (hsm.module) and finds the one key that the profile names: a PKCS#11
 * URI, or the fingerprint of its certificate. A certificate is not needed. No login.
 * ERR_KEY: none, several, or the key that signs commits, unless hsmKeyShared says so.
 * ERR_CONFIG, ERR_TOKEN. `interactive`: the PIN may be asked for.
 */
int key_open(const struct cred_profile *p, bool interactive, struct key **ret, struct err *err);
void key_close(struct key *k); /* accepts NULL */

const struct key_facts *key_facts(const struct key *k);

/* A jws_signer's function over a struct key: logs in the first time. */
int key_sign(void *ctx, const struct jws_alg *alg, struct bytes tbs, struct buf *sig,
	     struct err *err);

/* Logs in, which may ask for the PIN; key_sign() does it when it was not done. */
int key_login(struct key *k, struct err *err);

/*
 * The PIN, for a library that logs in by itself. *needed is false for a token that wants
 * none. The same refusals as of a login: a locked PIN, a stored one at its last try.
 */
int key_pin(struct key *k, struct secret *pin, bool *needed, struct err *err);

/* The module's path, for the same. */
const char *key_module(const struct key *k);

#endif
