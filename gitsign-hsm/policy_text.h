/* A policy in words: what each rule and each signer is, fact by fact. */
#ifndef GH_POLICY_TEXT_H
#define GH_POLICY_TEXT_H

#include "policy/policy.h"

/* "signer": alice, bob. */
struct fact {
	const char *key;
	struct policy_names values; /* owned */
};

struct facts {
	struct fact *v;
	size_t n;
};

/* As the keys of the file are called; each key once, in a fixed order. */
void facts_of_rule(const struct policy *p, const struct policy_rule *r, struct facts *ret);
void facts_of_signer(const struct policy *p, const struct policy_signer *s, struct facts *ret);
void facts_of_key(const struct policy *p, const struct policy_key_lines *k, struct facts *ret);
void facts_of_revoked(const struct policy_revoked *r, struct facts *ret);
void facts_of_trust(const struct policy_trust *t, struct facts *ret);
/* Of the file as a whole: mode, algorithms, limits. */
void facts_of_policy(const struct policy *p, struct facts *ret);
/* One more value of a key. */
void facts_add(struct facts *f, const char *key, const char *value);
void facts_free(struct facts *f);

/* "alice, bob"; "-" for nothing. The caller frees. */
char *fact_text(const struct fact *f);
/* "name":["a","b"], or a string where there is always one, or a number. */
void facts_json(struct buf *b, const struct facts *f);

/* "commits signed": what a rule is about. */
const char *rule_asks(const struct policy_rule *r);
/* "rewind,delete", for the table; the caller frees. */
char *rule_allows(const struct policy_rule *r);

#endif
