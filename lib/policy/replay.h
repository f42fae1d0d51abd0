/*
 * A policy asked again about what is there already: the updates on record, each at the
 * time when it was received, and refs as they stand, as if they were pushed now.
 */
#ifndef GH_POLICY_REPLAY_H
#define GH_POLICY_REPLAY_H

#include "policy/judge.h"

/* What was judged at once. */
struct replay_step {
	const struct judge_update *updates;
	size_t n;
	bool recorded; /* from the record; else from the refs */
	int64_t when;  /* that it was judged at */
	const struct judge_result *result;
};

struct replay {
	struct judge_context context; /* its past is that of the replay */
	struct past *past;
	struct judge_result sum; /* of all steps: findings, entries, counts */
	size_t gone;             /* updates on record whose object is not there any more */
	void (*step)(const struct replay_step *s, void *ctx); /* may be NULL */
	void *ctx;
};

/* Repository, policy and introductions are those of `c`; its past is left aside. Nothing
 * but the introductions is accepted at the start. */
void replay_start(struct replay *r, const struct judge_context *c,
		  void (*step)(const struct replay_step *s, void *ctx), void *ctx);
void replay_end(struct replay *r);

/*
 * The landed ones of a record's entries, in their order. Whatever the policy says, each
 * counts as landed, and what it brought as accepted, so that nothing is found twice. An
 * error only when it could not judge.
 */
int replay_record(struct replay *r, const struct record_entry *v, size_t n, struct err *err);

/* Takes the landed entries for accepted without judging them: what is left to replay_refs()
 * is what the record does not stand for. */
void replay_accept(struct replay *r, const struct record_entry *v, size_t n);

/*
 * Judges at `now` those of the refs that stand elsewhere than the replay so far has left
 * them: rules that others accept first. What is not good is not accepted, and found for
 * each ref that reaches it. That a ref brings nothing new is no finding. Refs without a rule are passed over, their count is added to
 * *unruled (may be NULL).
 */
int replay_refs(struct replay *r, const struct past_ref *refs, size_t n, int64_t now,
		size_t *unruled, struct err *err);

#endif
