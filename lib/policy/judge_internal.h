/* What the files of the judgement share; nobody else includes this. */
#ifndef GH_POLICY_JUDGE_INTERNAL_H
#define GH_POLICY_JUDGE_INTERNAL_H

#include "policy/judge.h"

/* Which command, made when the whole range is known, ends a finding's cure. */
enum judge_mend { MEND_NONE = 0, MEND_SIGN, MEND_RESET_AUTHOR };

/* One update under one rule. */
struct judge_job {
	const struct judge_update *u;
	const struct policy_rule *rule;
	bool report;
	struct oid was;        /* the ref's present value; null: it does not exist */
	bool old_lied;         /* the pusher's old value is another */
	bool creates_known;    /* it does not exist, but the record knows it */
	struct oid base;       /* what a fast-forward starts from; n == 0: nothing */
	bool ready;            /* the new value is there and of the right kind */
	bool fresh;            /* the new value is not accepted under the rule yet */
	bool forward;
	bool good_object;      /* the new value is signed by a permitted signer */
	struct oid target;     /* of a tag: the commit that must be accepted; n == 0: none */
	size_t findings;
	struct judge_kind *kinds; size_t kinds_n; /* judge_keep.c's; owned */
	const char *pusher;    /* who signed the push certificate, and may; NULL: nobody */
	bool pushed;           /* and it is good: that one answers for it */
	struct policy_names who;
	/* For the command that signs again. */
	size_t bad_n;
	bool bad_tip_only, merges;
	struct oid oldest_parent; /* n == 0: the oldest bad commit is a root */
};

/*
 * What is accepted under a rule, and the commits of this push that are not: every
 * branch under the rule is walked from at once, and each new commit judged once, for
 * the first branch that reaches it.
 */
struct judge_set {
	const struct policy_rule *rule;
	bool report;
	struct oid *accepted; size_t accepted_n;
	struct judge_job **tips; size_t tips_n; /* branches, as the walk counts its tips */
	struct walk *walk;                      /* NULL: no branch is ready */
	struct judge_fate *fates; size_t fates_cap; /* by the walk's number of a commit */
};

/* Beside each finding: whose it is, and how it is mended. */
struct judge_note {
	enum judge_mend mend;
	const struct judge_job *job;
};

/* What became of one commit. */
struct judge_fate {
	const char *who; /* whose signature it is, of the policy's names; NULL: nobody's */
	bool good, found, merge; /* found: something is wrong, which may not be kept */
	struct judge_finding *findings; struct judge_note *notes; size_t findings_n; /* owned */
};

struct judge {
	const struct judge_context *c;
	struct trust *trust; /* the policy's, or a clone of it for this thread */
	struct judge_result *out;
	struct judge_note *notes; /* beside out->findings */
	size_t findings_cap, entries_cap;
	size_t kinds_n[2]; /* of findings of commits, kept so far: refused; would be refused */
	const struct judge_update *u;
	size_t n;
	const struct judge_update **sorted; /* by ref */
	struct judge_job *jobs;
	size_t jobs_n, jobs_cap;
	struct judge_set *sets;
	size_t sets_n;
	size_t done; /* commits judged under the sets before */
	/* Of the push certificate: what is wrong with it, or whose it is. */
	struct judge_fault {
		char *seen, *cure;
	} *cert_faults;
	size_t cert_faults_n;
	char *pusher; /* escaped; NULL: nobody who may push anywhere */
	struct policy_names addresses; /* of signers whom the policy does not name */
	struct err why;                /* of the commit in hand: kept, as it is large */
};

/* judge_find.c. `seen` and `cure` are owned strings for people: what comes from
 * outside is escaped in them already. */
void judge_find(struct judge *j, const struct judge_update *u, const struct policy_rule *rule,
		bool report, char *seen, char *cure);
/* `object` may be NULL; `message` is the commit's or tag's. */
void judge_job_find(struct judge *j, struct judge_job *job, const struct oid *object,
		    struct bytes message, char *seen, char *cure, enum judge_mend mend);
/* Puts the commands that sign again at the end of the cures. */
void judge_mend_all(struct judge *j);
/* Puts `line` at the end of a finding's cure. */
void judge_cure_add(struct judge_finding *f, const char *line);

void judge_names_add(struct policy_names *names, const char *name); /* once */
void judge_names_free(struct policy_names *names);
/* "alice, bob" of the rule's signers, or of those who may push, now; the caller frees. */
char *judge_rule_signers(const struct judge *j, const struct policy_rule *r);
char *judge_rule_pushers(const struct judge *j, const struct policy_rule *r);

/* judge_ref.c: what no rule can switch off. *go_on when rules may judge on. */
int judge_structure(struct judge *j, const struct judge_update *u, struct oid *was,
		    bool *old_lied, bool *go_on, struct err *err);

/*
 * judge_who.c: who signed, and is it allowed? Makes findings; returns the signer's
 * name when all is well. `kind` is "commit" or "tag"; `ident` who made the object
 * (NULL: nobody). With `quiet` nothing is found, only NULL returned.
 */
struct judge_signed {
	const char *kind;
	const struct oid *id;
	const struct bytes *payload;
	struct bytes armor, der, message; /* der: what the armor holds; empty: not read yet */
	const struct object_ident *ident, *author;
	bool quiet;
};
/* The time to judge an object at. */
int64_t judge_time_of(const struct judge *j, const struct oid *id);
const char *judge_who(struct judge *j, struct judge_job *job, const struct judge_signed *s);
/* The name for the whole judgement: a certificate's address lives shorter. */
const char *judge_lasting_name(struct judge *j, const struct policy_who *who);
/* Is the verdict expired because its time has not come yet? */
bool judge_is_early(const struct verdict *v);
/* What is wrong with a verdict that is not good, of a "commit", a "tag", ...; owned. */
char *judge_seen_text(const char *kind, const struct verdict *v);

/*
 * judge_cert.c: the push certificate, judged once; and what that means for one ref: makes
 * findings, and sets job->pushed.
 */
int judge_cert(struct judge *j, struct err *err);
void judge_cert_job(struct judge *j, struct judge_job *job);
/* Is a certificate still to be made that may answer for this ref? Notes that it must. */
bool judge_cert_later(struct judge *j, const struct judge_job *job);
void judge_cert_free(struct judge *j);

/* judge_set.c: made on first use; rules and report mode tell sets apart. */
struct judge_set *judge_set_of(struct judge *j, const struct policy_rule *rule, bool report);
/* Whose a new commit is; NULL: not new, or not reached. */
struct judge_job *judge_set_owner(const struct judge_set *s, const struct oid *id);
/* Is this one of the branches that are walked from? */
bool judge_set_has(const struct judge_set *s, const struct judge_job *job);
bool judge_set_accepted(const struct judge_set *s, const struct oid *id);
/* Makes the walk from the tips of all branches that are ready. */
void judge_set_start(struct judge *j, struct judge_set *s);
void judge_set_free(struct judge_set *s);

/*
 * judge_pool.c: walks to the end and judges each new commit on the way, by the policy's
 * number of threads: s->fates are the same for any number.
 */
int judge_pool_run(struct judge *j, struct judge_set *s, struct err *err);

/* A commit as it was read; views. */
struct judge_commit {
	struct oid id;
	const struct judge_job *job; /* whose it is */
	bool is_new;
	enum object_type type;
	bool too_large; /* `raw` is empty then */
	struct bytes raw;
};
/* judge_commit.c: judges it alone, without a look at the rest of the push; `j` may be a
 * thread's own, with a result of its own, which is left empty. */
void judge_one_commit(struct judge *j, const struct judge_set *s, const struct judge_commit *c,
		      struct judge_fate *ret);
void judge_finding_free(struct judge_finding *f);
void judge_fate_free(struct judge_fate *f);
/*
 * judge_keep.c: a push may bring a million bad commits, and only so many are listed. Of each
 * kind (ref, rule, what is wrong and how it is mended) the first JUDGE_GROUP_MAX findings are
 * kept, those that come later are counted in the first of them, and go; of more than
 * JUDGE_GROUPS_MAX kinds only what tells that the ref has any. Called for one commit after
 * another, before judge_take_findings() for any of them.
 */
void judge_keep(struct judge *j, struct judge_job *job, struct judge_fate *f);
/* judge_find.c: puts what was found for a commit at the end of the push's findings. */
void judge_take_findings(struct judge *j, struct judge_job *job, struct judge_fate *f);

/* judge_commit.c, judge_tag.c: plan looks at the new value, the other judges. */
int judge_plan_commits(struct judge *j, struct judge_job *job, struct err *err);
int judge_commits(struct judge *j, struct judge_set *s, struct err *err);
int judge_plan_tag(struct judge *j, struct judge_job *job, struct err *err);
int judge_tag(struct judge *j, struct judge_job *job, struct err *err);

/*
 * judge_target.c: what tags tag in the end has to be accepted under a rule that their rule
 * accepts. Planned before anything is walked, aimed when the tag was judged, asked with
 * one walk a rule when all were.
 */
void judge_plan_target(struct judge *j, const struct judge_job *job);
int judge_aim(struct judge *j, struct judge_job *job, const struct oid *id, struct err *err);
int judge_targets(struct judge *j, struct err *err);

#endif
