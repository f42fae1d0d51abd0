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

/* SHA-256 of a certificate, and of its public key. */
struct verdict_ids {
	uint8_t cert[32], spki[32];
};

struct verdict {
	enum verdict_level level;
	char why[512];            /* one sentence, escaped; empty when good */
	/* Set only once the signature itself has been verified with this certificate,
	 * NULL before. Borrowed from the trust object until the next trust_judge() or
	 * trust_add_roots() on it: copy what is needed longer. */
	const struct cert *cert;
	/* Of the certificates above it that came with the signature; borrowed likewise. */
	const struct verdict_ids *above;
	size_t above_n;
	/* The [trust "name"]s whose anchors the chain ends at, in time when the level is
	 * good: the first one as configured, and all of them (verdict_has_trust()).
	 * NULL and 0 below VERDICT_EXPIRED. The name lives as long as the trust object. */
	const char *trust_name;
	uint64_t trust_set;       /* bit i: trust_name_at(i) */
	int64_t valid_from, valid_until; /* of the whole chain under trust_name, inclusive */
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

#define TRUST_MAX_NAMES 64
#define TRUST_MAX_ROOTS 1024 /* in one text */

/* Anchors, limits, and certificates already judged, by their bytes (bounded: about
 * 24 MiB). Not for two threads at once: one object a thread. */
struct trust;

struct trust *trust_new(const struct trust_limits *limits); /* NULL: the defaults */
void trust_free(struct trust *t);
/*
 * Adds PEM trust anchors under a name (again: to the same name). Any certificate
 * may be one: a root, an intermediate, or a signer's own. ERR_CONFIG when there is
 * none in the text, one is malformed, or there are too many names.
 */
int trust_add_roots(struct trust *t, const char *name, struct bytes pem, struct err *err);

/* Names in the order they were added; NULL behind the last. */
const char *trust_name_at(const struct trust *t, size_t i);
/* Does the chain of a good or expired verdict end at an anchor of this name? */
bool verdict_has_trust(const struct trust *t, const struct verdict *v, const char *name);

/*
 * Judges an armored signature over a payload in pieces, at `when`. Never fails:
 * what cannot be judged is a verdict with its reason. Certificates are parsed and
 * chained once by their bytes, and keep the interval in which the chain holds; the
 * time is compared at each call.
 *
 * A chain must pass RFC 5280 path validation as OpenSSL does it in strict mode, with
 * these differences: subject and authority key identifiers may be missing anywhere,
 * and an anchor (alone) may lack keyUsage or have basicConstraints not critical.
 * Keys of CAs are RSA of at least 2048 bits, or of the kinds in enum alg_kind; SHA-1
 * and MD5 under a certificate are refused. The bag of the signature holds the
 * signer's one chain and nothing else; the root may be in it.
 */
void trust_judge(struct trust *t, const struct bytes *payload, size_t payload_n,
		 struct bytes armor, int64_t when, struct verdict *ret);

#endif
