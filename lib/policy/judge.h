/* The judgement of a push: every finding, and what to record. */
#ifndef GH_POLICY_JUDGE_H
#define GH_POLICY_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/past.h"
#include "policy/policy.h"
#include "record/record.h"
#include "repo/repo.h"

struct judge_update {
	struct oid old, new_;
	char *ref; /* as the pusher sent it: hostile */
};

struct judge_finding {
	char *ref;       /* escaped */
	char *rule;      /* name, escaped, or "" */
	char object[OID_HEX_MAX]; /* or "" */
	char *subject;   /* first line of the message, escaped; or "" */
	char *seen;      /* what is wrong: "not signed" */
	char *cure;      /* lines, sentences and commands, that mend it; may be "" */
	bool report;     /* from a report rule: would refuse */
	size_t alike;    /* so many more like it, of other commits, are only counted here; */
	size_t unlike;   /* so many of other kinds, of commits of its ref and rule, too */
};

struct judge_result {
	struct judge_finding *findings; size_t findings_n;
	struct record_entry *entries; size_t entries_n; /* to append when nothing refuses */
	size_t commits, tags, updates; /* judged Good under an enforcing rule */
	size_t commits_seen;           /* judged under an enforcing rule */
	size_t commits_reported, commits_reported_good; /* judged under a report rule */
	struct policy_names who;       /* signers seen */
	int64_t received;              /* the time it was judged at */
	uint8_t cert_id[32];           /* to be remembered when cert_good: used for this push */
	int64_t cert_issued;           /* when its nonce was issued */
	bool cert_good;
	bool wants_cert;               /* JUDGE_WAY_BEFORE: good with a push certificate only */
	bool refused;
};

/* The push certificate that came, and what git says of it. */
struct judge_cert {
	struct bytes raw;
	const char *nonce_status; /* GIT_PUSH_CERT_NONCE_STATUS: believed of the nonce's MAC alone */
	char *const *options;     /* push options as the hook got them */
	size_t options_n;
	char *const *urls;        /* one of which it must name; none: any will do */
	size_t urls_n;
	int64_t max_age;          /* of its nonce, seconds */
	const char *state_dir;    /* where used ones are remembered; NULL: nowhere */
};

/* How a push without a certificate came: for the words alone. */
enum judge_way {
	JUDGE_WAY_GIT = 0, /* ssh, a path, who knows */
	JUDGE_WAY_HTTP,
	JUDGE_WAY_WEB,     /* a page of a forge, where nobody can sign a push */
	JUDGE_WAY_UNASKED, /* git on this server does not ask for certificates */
	JUDGE_WAY_BEFORE   /* not sent yet: a certificate is made after this */
};

struct judge_context {
	struct repo *repo;
	const struct policy *policy;
	const struct past *past;      /* what was before this push */
	const struct oid *introductions; size_t introductions_n;
	int64_t now;                  /* receive time */
	const struct judge_cert *cert; /* NULL: none came */
	enum judge_way way;
	/* When an object was received, where that is known of what is there already (a
	 * verification after the push); NULL: all of it now. Several threads may ask. */
	int64_t (*time_of)(const struct oid *id, int64_t now, const void *ctx);
	const void *time_ctx;
	bool standing;                /* what stands there is judged: updates need neither an
	                                 identity of their own nor a push certificate */
	bool all_findings;            /* keep every one: else what commits are found to have is
	                                 kept as far as it is listed, and counted from there on */
	/* Of `total` commits so many are judged; `more` may come. May be NULL. */
	void (*progress)(void *ctx, size_t done, size_t total, bool more);
	void *progress_ctx;
};

/*
 * The receive time: the clock's, but never before the newest one recorded. Entries of the
 * record up to number `clock_reset` (hsm.clockReset) were made by a wrong clock and do not
 * count; ERR_CONFIG when there are not as many. *note: what to tell people when the
 * clock is far behind, owned; or NULL.
 */
int judge_receive_time(const struct record *r, int64_t now, uint64_t clock_reset, int64_t *ret,
		       char **note, struct err *err);

/* Judges all updates of a push. Returns an error only when it could not judge: the
 * caller refuses the push then as well. */
int judge_push(const struct judge_context *c, const struct judge_update *u, size_t n,
	       struct judge_result *ret, struct err *err);
void judge_result_free(struct judge_result *r);

/*
 * Parses pre-receive's standard input (githooks(5)): "old SP new SP ref LF" per
 * command, at least one. ERR_INPUT names the line. The grammar of the ref is left
 * to judge_push(), which makes a finding of it.
 */
typedef int judge_reader(struct bytes input, uint8_t hash_bytes, struct judge_update **ret,
			 size_t *n, struct err *err);
judge_reader judge_read_updates;
/*
 * Parses pre-push's: "what SP new SP ref SP old LF", where `what` is what the pusher
 * typed and may hold spaces. None is fine.
 */
judge_reader judge_read_pushed;
/*
 * Parses reference-transaction's: as pre-receive's, but none is fine, and in place of an id
 * newer versions of git write "ref:NAME" for a symbolic ref: its oid has n == 0.
 */
judge_reader judge_read_transaction;
void judge_updates_free(struct judge_update *u, size_t n);

#define JUDGE_COLUMNS 72    /* git puts "remote: " before each line and wraps nothing */
#define JUDGE_GROUP_MAX 20  /* objects listed in one group; the rest is counted */
#define JUDGE_GROUPS_MAX 200 /* groups listed; the rest is counted */

/*
 * What the pusher reads: findings with the same reason and cure together, then one
 * line that sums up. When nothing was found that line is all.
 */
void judge_render_findings(const struct judge_result *r, const struct policy *p, size_t updates_n,
			   struct buf *out); /* without the line for a push that is let in */
void judge_render(const struct judge_result *r, const struct policy *p,
		  const struct judge_update *u, size_t n, struct buf *out);

#endif
