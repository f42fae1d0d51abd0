/*
 * Signers already seen, by the bytes of the certificates that came with them.
 * Decoding a certificate costs more than checking a signature, and a history of
 * 100,000 commits holds a handful of them.
 */
#ifndef GH_TRUST_KNOWN_H
#define GH_TRUST_KNOWN_H

#include "base/buf.h"
#include "sig/cert.h"
#include "sig/cms.h"
#include "trust/revoke.h"
#include "trust/trust.h"

/* The interval in which the chain under one trust name holds, and its CRLs. */
struct known_span {
	size_t name;
	int64_t from, until;
	struct crl_cover crls;
};

struct known {
	struct known *next;
	uint64_t hash;
	struct bytes bag, issuer, serial; /* what it is found by: views into `bytes` */
	uint8_t *bytes;
	struct cert *leaf; /* NULL: unusable, see `why` */
	struct cms_key *key;
	bool judged;              /* the rest is filled in, after a first good signature */
	enum verdict_level level; /* VERDICT_GOOD: apart from the time */
	char *why;
	struct known_span *spans; /* in the order of names; at least one when good */
	size_t spans_n;
	struct revoked revoked; /* under any name */
};

#define KNOWN_BYTES ((size_t)16 << 20) /* at most so much is kept, about */

struct known_table;
struct known_table *known_table_new(void);
void known_table_limit(struct known_table *t, size_t bytes); /* in place of KNOWN_BYTES */
void known_table_free(struct known_table *t); /* accepts NULL */
void known_table_clear(struct known_table *t);
/*
 * The entry for the signer of `c`: a new one has `leaf` and `key`, or `why`. Never
 * NULL. Lives until the next call: when the table is full, new entries are not kept.
 */
struct known *known_get(struct known_table *t, const struct cms *c);

#endif
