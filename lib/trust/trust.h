/*
 * One verdict on one signed thing: who, which key, when, and every reason why not.
 *
 * A verdict starts at VERDICT_BAD and is raised step by step; every case that is
 * not foreseen stays bad. Trust anchors are the ones given, never the system's.
 */
#ifndef GH_TRUST_TRUST_H
#define GH_TRUST_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "sig/cert.h"

enum verdict_level {
	VERDICT_BAD = 0,   /* malformed, or the signature does not cover the payload */
	VERDICT_UNSIGNED,  /* nothing there */
	VERDICT_FOREIGN,   /* a format that is not judged here (OpenPGP, SSH) */
	VERDICT_FORBIDDEN, /* signature good; algorithm, key usage or certificate not allowed */
	VERDICT_UNKNOWN,   /* signature good; chain does not end at a trust anchor */
	VERDICT_EXPIRED,   /* signature and chain good but for the time */
	VERDICT_GOOD       /* signature and chain good at the time asked for */
};
const char *verdict_level_name(enum verdict_level l); /* "bad", "unsigned", ... */

struct verdict {
	enum verdict_level level;
	char why[512];            /* one sentence, escaped; empty when good */
	/* Set only once the signature itself has been verified with this certificate;
	 * borrowed from the trust object, NULL before. */
	const struct cert *cert;
	const char *trust_name;   /* the [trust "name"] whose anchor the chain ends at */
	enum alg_hash hash;
	bool has_signing_time;
	int64_t signing_time;     /* as claimed by the signer: shown, never decides */
	int64_t when;             /* the time it was judged for */
};

struct trust_limits {
	int rsa_bits;          /* at least; default 3072 */
	bool kinds[8];         /* by enum alg_kind: which keys may sign */
	bool hashes[8];        /* by enum alg_hash */
};
void trust_limits_default(struct trust_limits *l); /* RSA >= 3072, P-256, P-384, P-521,
                                                      Ed25519; SHA-256, 384, 512 */

struct trust; /* anchors, limits, and certificates already judged, by their bytes */

struct trust *trust_new(const struct trust_limits *limits); /* NULL: the defaults */
void trust_free(struct trust *t);
/* Adds PEM trust anchors under a name. ERR_CONFIG when there is none in the text. */
int trust_add_roots(struct trust *t, const char *name, struct bytes pem, struct err *err);

/*
 * Judges an armored signature over a payload in pieces, at `when`. Never fails:
 * what cannot be judged is a verdict with its reason. Certificates are parsed and
 * chained once by their bytes and time; expiry is tested at each call.
 */
void trust_judge(struct trust *t, const struct bytes *payload, size_t payload_n,
		 struct bytes armor, int64_t when, struct verdict *ret);

#endif
