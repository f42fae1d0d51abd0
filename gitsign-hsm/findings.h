/* A judgement for people and for programs: what verify, replay and hook enable print. */
#ifndef GH_FINDINGS_H
#define GH_FINDINGS_H

#include "policy/judge.h"

/* "findings":[...], "signers":[...] and the counts, as members of an object. */
void findings_json(struct buf *b, const struct judge_result *r);
/* The words that a pusher reads, on standard output. */
void findings_print(const struct judge_result *r, const struct policy *p,
		    const struct judge_update *u, size_t n);
/* The findings of many updates, `n`; nothing when there are none. What was let in goes
 * without saying. */
void findings_print_all(const struct judge_result *r, const struct policy *p, size_t n);
/* "ID", or null for a ref that is not there. */
void findings_json_oid(struct buf *b, const char *name, const struct oid *id);

#endif
