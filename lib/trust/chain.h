/*
 * From a signer's certificate to a trust anchor, time left out: what is right about
 * a chain once is right always, and the interval says when it counts.
 */
#ifndef GH_TRUST_CHAIN_H
#define GH_TRUST_CHAIN_H

#include <openssl/x509.h>

#include "sig/cert.h"
#include "trust/trust.h"

/* An empty store with the rules of trust.h set; NULL on failure. X509_STORE_free(). */
X509_STORE *chain_store_new(void);

/*
 * Puts the bag in order: `above` receives the issuers of `leaf` (which is not in
 * `bag`), nearest first; borrowed, room for bag->n. Returns 0 when every certificate
 * of the bag has its place in that one line, ERR_BAD with the reason else.
 */
int chain_order(const struct cert *leaf, const struct cert_list *bag, const struct cert **above,
		struct err *err);

struct chain_result {
	enum verdict_level level;  /* VERDICT_GOOD, VERDICT_UNKNOWN or VERDICT_FORBIDDEN */
	int64_t from, until;       /* when good: all certificates are valid, inclusive */
	char why[320];             /* when not good */
};
/* `built` is called with a good chain, its anchor last; may be NULL. */
void chain_judge(X509_STORE *anchors, const struct cert *leaf, const struct cert *const *above,
		 size_t above_n, void (*built)(const STACK_OF(X509) *chain, void *ctx), void *ctx,
		 struct chain_result *ret);

/* What is wrong with a public key whoever uses it; NULL when nothing is. */
const char *chain_key_fault(EVP_PKEY *key);

#endif
