/* Branch rules: what the new value is, and every new commit judged. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

/* --- the new value ------------------------------------------------------ */

static void find_rewind(struct judge *j, struct judge_job *job)
{
	char hex[OID_HEX_MAX];

	oid_hex(&job->base, hex);
	judge_job_find(j, job, NULL, BYTES_NONE,
		       xasprintf("not a fast-forward: it %s %.12s", job->creates_known ?
				 "was deleted at" : "stands at", hex),
		       xstrdup(job->creates_known ?
			       "Start from the commit that the branch had when it was deleted." :
			       "Build on what is there, then push without force:\n"
			       "git pull --rebase"), MEND_NONE);
}

static int check_forward(struct judge *j, struct judge_job *job, struct err *err)
{
	enum object_type type = OBJECT_NONE;
	uint64_t size;
	int rc;

	if (job->base.n == 0 || oid_eq(&job->base, &job->u->new_)) {
		job->forward = true;
		return 0;
	}
	/* A value that is gone is no ancestor of what is there. */
	if (repo_has(j->c->repo, &job->base)) {
		rc = repo_stat(j->c->repo, &job->base, &type, &size, err);
		if (rc == 0 && type == OBJECT_COMMIT)
			rc = repo_is_ancestor(j->c->repo, &job->base, &job->u->new_,
					      &job->forward, err);
		if (rc)
			return rc;
	}
	if (!job->forward && !job->old_lied && !job->rule->allow_rewind)
		find_rewind(j, job);
	return 0;
}

int judge_plan_commits(struct judge *j, struct judge_job *job, struct err *err)
{
	const struct oid *tip = &job->u->new_;
	enum object_type type;
	uint64_t size;
	int rc;

	if (!repo_has(j->c->repo, tip)) {
		judge_job_find(j, job, tip, BYTES_NONE, xstrdup("the object was not sent"),
			       xstrdup("Push again; `git fsck` shows what is missing."),
			       MEND_NONE);
		return 0;
	}
	rc = repo_stat(j->c->repo, tip, &type, &size, err);
	if (rc)
		return rc;
	if (type != OBJECT_COMMIT) {
		judge_job_find(j, job, tip, BYTES_NONE,
			       xasprintf("a %s, but this rule is for commits",
					 object_type_name(type)),
			       xstrdup("Push the commit itself (NAME^{commit})."), MEND_NONE);
		return 0;
	}
	job->ready = true;
	return check_forward(j, job, err);
}

/* --- one commit --------------------------------------------------------- */

static void note_bad(struct judge_job *job, const struct oid *id,
		     const struct object_commit *c)
{
	/* Children come first: the last bad one is the oldest, and no other bad one is
	 * an ancestor of its parent. */
	job->bad_tip_only = job->bad_n == 0 && oid_eq(id, &job->u->new_);
	job->bad_n++;
	job->oldest_parent = (struct oid){ .n = 0 };
	if (c && c->parents_n)
		job->oldest_parent = c->parents[0];
}

static bool wants_signature(const struct judge_job *job, bool tip)
{
	return job->rule->commits == COMMITS_SIGNED || (job->rule->commits == COMMITS_TIP && tip);
}

static bool check_root(struct judge *j, struct judge_job *job, const struct judge_set *s,
		       const struct oid *id, const struct object_commit *c, bool is_new)
{
	if (!is_new || c->parents_n > 0 || s->accepted_n == 0 || job->rule->any_root)
		return true;
	judge_job_find(j, job, id, c->message,
		       xstrdup("starts a new history beside the accepted one"),
		       xstrdup("Build on a commit of this repository, or ask its administrator "
			       "to name this commit in hsm.introduction."), MEND_NONE);
	return false;
}

static bool judge_parsed(struct judge *j, struct judge_job *job, struct judge_set *s,
			 const struct oid *id, const struct object_commit *c, bool is_new)
{
	bool tip = oid_eq(id, &job->u->new_), wanted = wants_signature(job, tip);
	struct judge_signed signature = {
		.kind = "commit", .id = id, .payload = c->payload,
		.armor = buf_bytes(&c->signature), .message = c->message,
		.ident = &c->committer, .author = &c->author, .quiet = !wanted,
	};
	const char *who;

	if (c->parents_n > 1)
		job->merges = true;
	for (size_t i = 0; is_new && i < c->parents_n; i++)
		judge_set_own(s, &c->parents[i], job);
	if (!check_root(j, job, s, id, c, is_new))
		return false;
	if (!wanted && !tip)
		return true;
	who = judge_who(j, job, &signature);
	if (!who)
		return !wanted;
	judge_names_add(&job->who, who);
	if (tip)
		job->good_object = true;
	return true;
}

static void find_too_large(struct judge *j, struct judge_job *job, const struct oid *id)
{
	judge_job_find(j, job, id, BYTES_NONE,
		       xasprintf("larger than the %llu bytes that the policy allows",
				 (unsigned long long)j->c->policy->object_size),
		       xstrdup("Shorten the message, or raise [limits] objectSize."), MEND_NONE);
}

static int judge_commit(struct judge *j, struct judge_job *job, struct judge_set *s,
			const struct oid *id, bool is_new, bool *good, struct err *err)
{
	struct object_commit c = { .parents = NULL };
	struct buf raw = BUF_INIT;
	struct err why = ERR_INIT;
	enum object_type type;
	int rc = repo_read(j->c->repo, id, j->c->policy->object_size, &type, &raw, &why);

	if (rc == ERR_INPUT) {
		find_too_large(j, job, id);
		note_bad(job, id, NULL);
	} else if (rc || type != OBJECT_COMMIT) {
		buf_free(&raw);
		return rc ? err_set(err, why.code, "%s", why.text) :
			    err_set(err, ERR_REPO, "an object in the history is not a commit");
	} else if (object_parse_commit(buf_bytes(&raw), repo_hash_bytes(j->c->repo), &c, &why)) {
		judge_job_find(j, job, id, BYTES_NONE, xasprintf("malformed: %s", why.text),
			       xstrdup("Make the commit again:"), MEND_SIGN);
		note_bad(job, id, NULL);
	} else {
		*good = judge_parsed(j, job, s, id, &c, is_new);
		if (!*good)
			note_bad(job, id, &c);
		object_commit_free(&c);
	}
	buf_free(&raw);
	return 0;
}

static int count_commit(struct judge *j, struct judge_job *job, struct judge_set *s,
			const struct oid *id, bool is_new, struct err *err)
{
	bool good = false;
	int rc = judge_commit(j, job, s, id, is_new, &good, err);

	if (!job->report) {
		j->out->commits_seen++;
		j->out->commits += good;
	} else {
		j->out->commits_reported++;
	}
	j->done += is_new;
	if (j->c->progress)
		j->c->progress(j->c->progress_ctx, j->done, j->total);
	return rc;
}

int judge_commits(struct judge *j, struct judge_set *s, struct err *err)
{
	struct judge_job *last = NULL;
	int rc = 0;

	for (size_t i = 0; i < s->commits_n && rc == 0; i++) {
		/* Behind a commit that could not be parsed nobody is known: the last will do. */
		if (s->owner[i])
			last = s->owner[i];
		if (!last)
			return err_set(err, ERR_INTERNAL, "a new commit belongs to no branch");
		rc = count_commit(j, last, s, &s->commits[i], true, err);
	}
	/* A commit that a recorded tip merely vouches for must not become a tip unjudged. */
	for (size_t i = 0; i < j->jobs_n && rc == 0; i++) {
		struct judge_job *job = &j->jobs[i];

		if (job->ready && job->rule == s->rule && job->report == s->report &&
		    job->rule->commits == COMMITS_TIP && !job->fresh)
			rc = count_commit(j, job, s, &job->u->new_, false, err);
	}
	return rc;
}
