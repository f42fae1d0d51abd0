/*
 * The past of a push: where refs stand and have stood, what was accepted under which
 * rule, and the time to judge at. The judgement asks nothing else about what was before.
 *
 * It comes from the record; or, where none is kept (hsm.record = off, a client), from
 * refs alone: accepted is what the refs that a rule governs hold now. Refs cannot tell
 * who put a value there, nor what a deleted one was.
 */
#ifndef GH_POLICY_PAST_H
#define GH_POLICY_PAST_H

#include "policy/policy.h"
#include "record/record.h"
#include "repo/repo.h"

struct past;

/* The value of a ref; null: it does not exist. */
struct past_ref {
	const char *name;
	struct oid value;
};

/* From the record and the repository's refs, both borrowed. */
struct past *past_of_record(const struct record *r, struct repo *repo);
/*
 * From the refs that the repository (borrowed) has now. Symbolic ones count for nothing:
 * they hold what was judged under another name. Each belongs to the rule that governs it
 * by the policy (borrowed): ERR_CONFIG when two tie.
 */
int past_of_repo(struct repo *repo, const struct policy *policy, struct past **ret,
		 struct err *err);
/* From a list of refs (copied), such as what is known of the repository that a client
 * pushes to: a ref that it does not name does not exist there. Of two with one name
 * either may be taken. */
int past_of_list(const struct past_ref *v, size_t n, const struct policy *policy, struct past **ret,
		 struct err *err);
void past_free(struct past *p); /* accepts NULL */

/*
 * The ids whose histories are accepted under a rule: of the rule itself and of those it
 * `accepts`, not of what these accept in turn. Introductions are not among them. Owned
 * array in *ret (free()).
 */
size_t past_accepted(const struct past *p, const struct policy *policy,
		     const struct policy_rule *rule, struct oid **ret);

/* Where a ref stands before the push, as repo_ref() has it; *symbolic may be NULL. */
int past_value(const struct past *p, const char *ref, struct oid *ret, bool *found, bool *symbolic,
	       struct err *err);

/*
 * The last value known of a ref, as record_ref() has it; without a record, the present
 * one: what was deleted is not known.
 */
void past_last(const struct past *p, const char *ref, bool *known, bool *deleted, struct oid *last);

/* The time to judge at: judge_receive_time(), or `now` where no record is kept. */
int past_time(const struct past *p, int64_t now, uint64_t clock_reset, int64_t *ret, char **note,
	      struct err *err);

#endif
