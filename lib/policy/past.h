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

/* The refs that a repository has now but for the symbolic ones: they hold what was judged
 * under another name. An owned array; free it with past_refs_free(). */
int past_refs(struct repo *repo, struct past_ref **ret, size_t *n, struct err *err);
/* Names and array. */
void past_refs_free(struct past_ref *v, size_t n);

/* Settles what the record has pending by the repository's refs and the clock: record_settle();
 * hsm.clockReset as record_time() takes it. */
int past_settle(struct record *r, struct repo *repo, uint64_t clock_reset, struct err *err);
/* From the record and the repository's refs, both borrowed. */
struct past *past_of_record(const struct record *r, struct repo *repo);
/*
 * From past_refs() of the repository (borrowed). Each ref belongs to the rule that governs
 * it by the policy (borrowed): ERR_CONFIG when two tie.
 */
int past_of_repo(struct repo *repo, const struct policy *policy, struct past **ret,
		 struct err *err);
/* From a list of refs (copied), such as what is known of the repository that a client
 * pushes to: a ref that it does not name does not exist there. Of two with one name
 * the later is taken. */
int past_of_list(const struct past_ref *v, size_t n, const struct policy *policy, struct past **ret,
		 struct err *err);
/* Of nothing: what it is told then. */
struct past *past_new(void);
void past_free(struct past *p); /* accepts NULL */

/*
 * For one of past_new(): this value (null: nothing) is accepted under the rule of this name
 * (borrowed). `forward`: it descends from where the ref stands. Then past_set() puts the
 * ref there; null: it is deleted.
 */
void past_accept(struct past *p, const char *ref, const struct oid *value, const char *rule,
		 bool forward);
void past_set(struct past *p, const char *ref, const struct oid *value);

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

/* Is another push about to give this ref a value? False where no record is kept: not known. */
bool past_is_coming(const struct past *p, const char *ref);

/* The time to judge at: judge_receive_time(), or `now` where no record is kept. */
int past_time(const struct past *p, int64_t now, uint64_t clock_reset, int64_t *ret, char **note,
	      struct err *err);

#endif
