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
	VERDICT_REVOKED,   /* signature good; a certificate of the chain, or a key, is revoked */
	VERDICT_UNKNOWN,   /* signature good; chain does not end at a trust anchor */
	VERDICT_UNCHECKED, /* signature and chain good; no current CRL tells about them */
	VERDICT_EXPIRED,   /* signature and chain good but for the time */
	VERDICT_GOOD       /* signature and chain good at the time asked for */
};
const char *verdict_level_name(enum verdict_level l); /* "bad", "unsigned", ... */

struct verdict {
	enum verdict_level level;
	char why[512]; /* one sentence, escaped; empty when good */
	/* Set only once the signature itself has been verified with this certificate,
	 * NULL before. Borrowed from the trust object until the next trust_judge() or
	 * trust_add_roots() on it: copy what is needed longer. */
	const struct cert *cert;
	/* The [trust "name"]s whose anchors the chain ends at and whose CRLs, where they are
	 * asked for, are current; in time when the level is good: the first one as
	 * configured, and all of them (verdict_has_trust()). NULL and 0 below
	 * VERDICT_EXPIRED. The name lives as long as the trust object. */
	const char *trust_name;
	uint64_t trust_set;              /* bit i: trust_name_at(i) */
	int64_t valid_from, valid_until; /* of the whole chain under trust_name, inclusive */
	enum alg_hash hash;
	bool has_signing_time;
	int64_t signing_time; /* as claimed by the signer: shown, never decides */
	int64_t when;         /* the time it was judged for */
	int64_t grace;        /* see trust_judge_late() */
	int64_t revoked_at;   /* when the level is revoked: since then; INT64_MIN: always */
};

struct trust_limits {
	int rsa_bits;   /* at least; default 3072 */
	bool kinds[8];  /* by enum alg_kind: which keys may sign */
	bool hashes[8]; /* by enum alg_hash */
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

enum trust_crls {
	TRUST_CRLS_IF_PRESENT, /* a CRL that is missing or out of date refuses nothing */
	TRUST_CRLS_REQUIRE     /* each certificate of a chain but its anchor needs a current one */
};
#define TRUST_MAX_CRL_FILES 64 /* under one name */
/*
 * The CRLs of a trust name (once), after its anchors. Each file holds one list in DER, or
 * any number in PEM form, and beside these certificates whose keys are refused when a
 * list revokes them. ERR_CONFIG with the reason, and the index of the file in *bad.
 */
int trust_set_crls(struct trust *t, const char *name, enum trust_crls asked,
		   const struct bytes *files, size_t n, size_t *bad, struct err *err);
/* Calls `each` for every issuer of CRLs, name by name. `issuer` is escaped; `until` the latest
 * nextUpdate of its lists. */
void trust_each_crl(const struct trust *t,
		    void (*each)(const char *name, enum trust_crls asked, const char *issuer,
				 int64_t until, void *ctx),
		    void *ctx);
/* A key (digest of its SubjectPublicKeyInfo), or one certificate, that is refused from
 * `since` on (INT64_MIN: always), as the signer's and anywhere above it, the anchor and
 * what came with the signature included; `why` for people, escaped. */
void trust_revoke_key(struct trust *t, const uint8_t spki[32], int64_t since, const char *why);
void trust_revoke_certificate(struct trust *t, const uint8_t sha256[32], int64_t since,
			      const char *why);
/*
 * The present, where signatures are judged for times gone by: a CRL may then be younger
 * than `when`. Without it CRLs must have been issued when `when` came.
 */
void trust_set_now(struct trust *t, int64_t now);

/* The same anchors, limits, CRLs and keys for another thread. `of` must live longer, and
 * not be added to while the clone is in use. */
struct trust *trust_clone(const struct trust *of);
/* From here on this one, and its clones made later, keep one part in `n` of what one alone may
 * keep of the signers it has seen: so together they keep no more. */
void trust_share(struct trust *t, size_t n);

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
 * An extendedKeyUsage above the signer's certificate leaves it what it names: codeSigning or
 * emailProtection must remain down the whole chain.
 * Keys of CAs are RSA of at least 2048 bits, or of the kinds in enum alg_kind; SHA-1
 * and MD5 under a certificate are refused. The bag of the signature holds the
 * signer's one chain and nothing else; the root may be in it. A signature without
 * signingTime is refused, as what git's signing programs never make.
 *
 * Revocation (RFC 5280 6.3) is judged for the whole chain but its anchor, under each name
 * by the name's CRLs. What one of them revokes is revoked whatever the other names say:
 * from revocationDate or invalidityDate on, whichever is earlier.
 */
void trust_judge(struct trust *t, const struct bytes *payload, size_t payload_n, struct bytes armor,
		 int64_t when, struct verdict *ret);
/*
 * The same, but a chain of which certificates expired at most `grace` seconds before
 * `when` is good when the signature's own signingTime is not before the signer's certificate
 * was valid, and not after the first of them expired. Nothing else is excused: revocation and
 * CRLs are judged for `when`. `der` is what the armor holds, when that was read already; empty:
 * it is read here.
 */
void trust_judge_late(struct trust *t, const struct bytes *payload, size_t payload_n,
		      struct bytes armor, struct bytes der, int64_t when, int64_t grace,
		      struct verdict *ret);

#endif
