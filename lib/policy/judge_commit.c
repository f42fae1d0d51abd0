/* Branch rules: what the new value is, and every new commit judged. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"
#include "repo/walk.h"

/* --- the new value ------------------------------------------------------ */

static void find_rewind(struct judge *j, struct judge_job *job)
{
	char hex[OID_HEX_MAX];

	oid_hex(&job->base, hex);
	judge_job_find(j, job, NULL, BYTES_NONE,
		       xasprintf("not a fast-forward: it %s %.12s", job->creates_known ?
				 "was deleted at" : "stands at", hex),
		       xstrdup(job->creates_known ?
			       "Build on that commit, or choose another name." :
			       "Build on what is there, then push without force:\n"
			       "git pull --rebase"), MEND_NONE);
}

/* Asked when all new commits are known: most often they lead to the old value at once. */
static int check_forward(struct judge *j, const struct judge_set *s, size_t tip, struct err *err)
{
	struct judge_job *job = s->tips[tip];
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
			rc = walk_descends(s->walk, tip, &job->base, &job->forward, err);
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
	return 0;
}

/* --- one commit --------------------------------------------------------- */

static bool wants_signature(const struct judge_job *job, bool tip)
{
	return job->rule->commits == COMMITS_SIGNED || (job->rule->commits == COMMITS_TIP && tip);
}

static bool check_root(struct judge *j, struct judge_job *job, const struct judge_set *s,
		       const struct judge_commit *in, const struct object_commit *c)
{
	if (!in->is_new || c->parents_n > 0 || s->accepted_n == 0 || job->rule->any_root)
		return true;
	judge_job_find(j, job, &in->id, c->message,
		       xstrdup("starts a new history beside the accepted one"),
		       xstrdup("Build on a commit of this repository, or ask its administrator "
			       "to name this commit in hsm.introduction."), MEND_NONE);
	return false;
}

static bool judge_parsed(struct judge *j, struct judge_job *job, const struct judge_set *s,
			 const struct judge_commit *in, const struct object_commit *c,
			 struct judge_fate *ret)
{
	bool tip = oid_eq(&in->id, &job->u->new_), wanted = wants_signature(job, tip);
	struct judge_signed signature = {
		.kind = "commit", .id = &in->id, .payload = c->payload,
		.armor = buf_bytes(&c->signature), .der = buf_bytes(&c->der),
		.message = c->message,
		.ident = &c->committer, .author = &c->author, .quiet = !wanted,
	};

	ret->merge = c->parents_n > 1;
	if (!check_root(j, job, s, in, c))
		return false;
	if (!wanted && !tip)
		return true;
	ret->who = judge_who(j, job, &signature);
	return ret->who || !wanted;
}

static void find_too_large(struct judge *j, struct judge_job *job, const struct oid *id)
{
	judge_job_find(j, job, id, BYTES_NONE,
		       xasprintf("larger than the %llu bytes that the policy allows",
				 (unsigned long long)j->c->policy->object_size),
		       xstrdup("Shorten the message, or ask the policy's owner for a larger [limits] "
			       "objectSize."), MEND_NONE);
}

static void judge_raw(struct judge *j, struct judge_job *job, const struct judge_set *s,
		      const struct judge_commit *in, struct judge_fate *ret)
{
	struct object_commit c = { .parents = NULL };

	if (in->too_large) {
		find_too_large(j, job, &in->id);
	} else if (in->type != OBJECT_COMMIT) {
		judge_job_find(j, job, &in->id, BYTES_NONE,
			       xasprintf("a %s, which a commit names as its parent",
					 object_type_name(in->type)),
			       xstrdup("Make that commit again on top of a commit."), MEND_NONE);
	} else if (object_parse_commit(in->raw, repo_hash_bytes(j->c->repo), &c,
				       &j->why)) {
		judge_job_find(j, job, &in->id, BYTES_NONE,
			       xasprintf("malformed: %s", j->why.text),
			       xstrdup("Make the commit again:"), MEND_SIGN);
	} else {
		ret->good = judge_parsed(j, job, s, in, &c, ret);
		object_commit_free(&c);
	}
}

void judge_one_commit(struct judge *j, const struct judge_set *s, const struct judge_commit *in,
		      struct judge_fate *ret)
{
	/* What else stands in the job may be changed meanwhile, by the thread that reads. */
	struct judge_job job = {
		.u = in->job->u, .rule = in->job->rule, .report = in->job->report
	};

	*ret = (struct judge_fate){ .who = NULL };
	judge_raw(j, &job, s, in, ret);
	if (j->out->findings_n == 0)
		return;
	ret->found = true;
	ret->findings = j->out->findings;
	ret->findings_n = j->out->findings_n;
	ret->notes = j->notes;
	j->out->findings = NULL;
	j->out->findings_n = j->findings_cap = 0;
	j->notes = NULL;
}

/* --- all of them ---------------------------------------------------------- */

/* Children come first: the last bad one is the oldest, and no other bad one is an
 * ancestor of its parent. */
static void note_bad(struct judge_job *job, const struct oid *id, const struct oid *parent)
{
	job->bad_tip_only = job->bad_n == 0 && oid_eq(id, &job->u->new_);
	job->bad_n++;
	job->oldest_parent = parent ? *parent : (struct oid){ .n = 0 };
}

static void take_fate(struct judge *j, struct judge_job *job, const struct oid *id,
		      const struct oid *parent, struct judge_fate *f)
{
	bool tip = oid_eq(id, &job->u->new_);

	judge_take_findings(j, job, f);
	job->merges |= f->merge;
	if (!f->good)
		note_bad(job, id, parent);
	if (f->who) {
		judge_names_add(&job->who, f->who);
		job->good_object |= tip;
	}
	if (job->report) {
		j->out->commits_reported++;
		j->out->commits_reported_good += f->good;
	} else {
		j->out->commits_seen++;
		j->out->commits += f->good;
	}
}

/* A commit that a recorded tip merely vouches for must not become a tip unjudged. */
static int judge_old_tip(struct judge *j, const struct judge_set *s, struct judge_job *job,
			 struct err *err)
{
	struct judge_result out = { .refused = false };
	struct judge own = { .c = j->c, .trust = j->trust, .out = &out, .addresses = j->addresses };
	struct judge_commit in = { .id = job->u->new_, .job = job };
	struct buf raw = BUF_INIT;
	struct err why = ERR_INIT;
	struct judge_fate f;
	int rc = repo_read(j->c->repo, &in.id, j->c->policy->object_size, &in.type, &raw, &why);

	in.too_large = rc == ERR_INPUT;
	if (rc == 0 || in.too_large) {
		in.raw = buf_bytes(&raw);
		judge_one_commit(&own, s, &in, &f);
		j->addresses = own.addresses;
		take_fate(j, job, &in.id, NULL, &f);
		judge_fate_free(&f);
		rc = 0;
	} else {
		err_set(err, why.code, "%s", why.text);
	}
	buf_free(&raw);
	return rc;
}

/* No finding means good: so a commit that nobody has judged must not look like that. */
static int take_fates(struct judge *j, struct judge_set *s, struct err *err)
{
	_cleanup_free_ size_t *order = walk_order(s->walk);
	char hex[OID_HEX_MAX];

	for (size_t i = 0; i < walk_count(s->walk); i++) {
		size_t n = order[i];

		if (!s->fates[n].good && !s->fates[n].found)
			return err_set(err, ERR_INTERNAL, "commit %s was not judged",
				       oid_hex(walk_id(s->walk, n), hex));
		take_fate(j, s->tips[walk_whose(s->walk, n)], walk_id(s->walk, n),
			  walk_first_parent(s->walk, n), &s->fates[n]);
	}
	j->done += walk_count(s->walk);
	return 0;
}

int judge_commits(struct judge *j, struct judge_set *s, struct err *err)
{
	size_t n;
	int rc;

	judge_set_start(j, s);
	if (!s->walk)
		return 0;
	rc = judge_pool_run(j, s, err);
	for (size_t i = 0; i < s->tips_n && rc == 0; i++) {
		s->tips[i]->fresh = walk_find(s->walk, &s->tips[i]->u->new_, &n);
		rc = check_forward(j, s, i, err);
	}
	if (rc == 0)
		rc = take_fates(j, s, err);
	for (size_t i = 0; i < s->tips_n && rc == 0; i++)
		if (s->rule->commits == COMMITS_TIP && !s->tips[i]->fresh)
			rc = judge_old_tip(j, s, s->tips[i], err);
	return rc;
}
