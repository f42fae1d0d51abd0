/*
 * One complete certificate revocation list (RFC 5280 5), read strictly. Refused, with
 * what it is: delta CRLs, indirect ones, those of a part of the certificates only
 * (issuingDistributionPoint), those without nextUpdate, and critical extensions that
 * are not known here. No trust and no time is decided: see trust/revoke.h.
 *
 * A list does not change once it is read, and may be used by several threads.
 */
#ifndef GH_SIG_CRL_H
#define GH_SIG_CRL_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alg.h"
#include "base/bytes.h"
#include "base/err.h"

#define CRL_MAX_FILE ((size_t)32 << 20) /* what a file with lists may hold */
#define CRL_MAX_DER ((size_t)16 << 20)
#define CRL_MAX_ENTRIES 500000
#define CRL_MAX_LISTS 64 /* in one file */

/* CRLReason, RFC 5280 5.3.1; 7 is not used, 8 stands in delta CRLs only. */
enum crl_reason {
	CRL_UNSPECIFIED = 0,
	CRL_KEY_COMPROMISE = 1,
	CRL_CA_COMPROMISE = 2,
	CRL_AFFILIATION_CHANGED = 3,
	CRL_SUPERSEDED = 4,
	CRL_CESSATION = 5,
	CRL_HOLD = 6,
	CRL_PRIVILEGE_WITHDRAWN = 9,
	CRL_AA_COMPROMISE = 10
};
const char *crl_reason_name(enum crl_reason r); /* "keyCompromise" */

struct crl_entry {
	int64_t since; /* revocationDate or invalidityDate, whichever is earlier */
	enum crl_reason reason;
};

struct crl_slot;

struct crl {
	uint8_t *der; /* owned, like all below; views lie in it */
	size_t der_n;
	X509_NAME *issuer;
	char *issuer_text; /* escaped, for people */
	struct bytes tbs;  /* what is signed */
	struct bytes signature;
	enum alg_kind family;             /* of the signature, see alg_signature_by_oid() */
	enum alg_hash hash;               /* HASH_NONE: Ed25519 */
	int64_t this_update, next_update; /* seconds since 1970, both inclusive */
	struct bytes key_id;              /* authorityKeyIdentifier's keyIdentifier; may be empty */
	struct crl_slot *entries;
	size_t entries_n;
	uint32_t *index; /* hash table: entry plus one */
	size_t index_n;
	uint64_t seed;
	int refs;
};

/* Exactly one list in DER, nothing behind it. ERR_INPUT with the reason else. */
int crl_parse(struct bytes der, struct crl **ret, struct err *err);
struct crl *crl_ref(struct crl *c); /* one more owner */
void crl_free(struct crl *c);       /* one owner less; accepts NULL */

/* Looks a serial number up: the content octets of its INTEGER. A serial that stands
 * there twice counts from the earlier time. */
bool crl_find(const struct crl *c, struct bytes serial, struct crl_entry *ret);

/* Has the owner of `key` signed it? ERR_BAD with the reason else. */
int crl_verify(const struct crl *c, EVP_PKEY *key, struct err *err);

struct crl_list {
	struct crl **v;
	size_t n;
};
/* All lists of a file: one in DER, or PEM blocks "X509 CRL" with other text between
 * them; at least one, at most CRL_MAX_LISTS. */
int crl_list_read(struct bytes file, struct crl_list *l, struct err *err);
void crl_list_free(struct crl_list *l);

#endif
