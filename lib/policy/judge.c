/* A push: every update checked, put under its rules, judged and summed up. */
#include "policy/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

/* --- which rules -------------------------------------------------------- */

static void add_job(struct judge *j, const struct judge_update *u, const struct policy_rule *rule,
		    bool report, const struct oid *was, bool old_lied)
{
	struct judge_job *job;
	bool known = false, deleted = false;
	struct oid last = { .n = 0 };

	if (j->jobs_n == j->jobs_cap) {
		j->jobs_cap = j->jobs_cap ? j->jobs_cap * 2 : 16;
		j->jobs = xreallocarray(j->jobs, j->jobs_cap, sizeof(*j->jobs));
	}
	job = &j->jobs[j->jobs_n++];
	memset(job, 0, sizeof(*job));
	job->u = u;
	job->rule = rule;
	job->report = report;
	job->was = *was;
	job->old_lied = old_lied;
	if (!oid_is_null(was)) {
		job->base = *was;
		return;
	}
	/* A ref that the record knows is never new. */
	past_last(j->c->past, u->ref, &known, &deleted, &last);
	if (known && last.n && !oid_is_null(&last)) {
		job->base = last;
		job->creates_known = true;
	}
}

static void find_unruled(struct judge *j, const struct judge_update *u, bool report)
{
	judge_find(j, u, NULL, report,
		   xstrdup("no rule of the policy governs this ref"),
		   xstrdup("Push to a ref that has a rule, or ask the policy's owner for one."));
}

static int add_jobs(struct judge *j, const struct judge_update *u, const struct oid *was,
		    bool old_lied, struct err *err)
{
	const struct policy *p = j->c->policy;
	const struct policy_rule *rule = NULL;
	bool watched = false;
	int rc = policy_rule_for(p, bytes_str(u->ref), &rule, err);

	if (rc)
		return rc;
	if (rule)
		add_job(j, u, rule, p->report || rule->report, was, old_lied);
	for (size_t i = 0; i < p->rules_n; i++) {
		const struct policy_rule *r = &p->rules[i];

		if (r == rule || !r->report || !policy_rule_covers(r, bytes_str(u->ref)))
			continue;
		add_job(j, u, r, true, was, old_lied);
		watched = true;
	}
	if (!rule && (p->report || !watched))
		find_unruled(j, u, p->report);
	return 0;
}

/* --- one update --------------------------------------------------------- */

static int plan(struct judge *j, struct judge_job *job, struct err *err)
{
	if (oid_is_null(&job->u->new_))
		return 0;
	judge_set_of(j, job->rule, job->report);
	return job->rule->judges_tags ? judge_plan_tag(j, job, err) :
					judge_plan_commits(j, job, err);
}

/* "... or push with a certificate", where that would help. */
static char *answer_cure(const struct judge *j, const char *otherwise)
{
	if (j->c->way == JUDGE_WAY_UNASKED)
		return xasprintf("%s or ask the policy's owner for keylessUpdate = allow.", otherwise);
	return xasprintf("%s or answer for it with a push certificate:\ngit push --signed",
			 otherwise);
}

/* The one who deletes signs nothing, but perhaps the push. */
static void judge_delete(struct judge *j, struct judge_job *job)
{
	const struct policy_rule *r = job->rule;

	if (!r->allow_delete)
		judge_job_find(j, job, NULL, BYTES_NONE, xstrdup("this rule allows no deletion"),
			       xstrdup("Leave it, or ask the policy's owner for delete = allow."),
			       MEND_NONE);
	else if (!r->allow_keyless && !job->pushed && job->findings == 0 &&
		 !judge_cert_later(j, job))
		judge_job_find(j, job, NULL, BYTES_NONE,
			       xstrdup("a deletion carries no signature: nobody answers for it"),
			       answer_cure(j, "Leave it,"), MEND_NONE);
}

static void judge_keyless(struct judge *j, struct judge_job *job)
{
	if ((job->fresh && job->good_object) || job->pushed || job->rule->allow_keyless ||
	    j->c->standing || judge_cert_later(j, job))
		return;
	judge_job_find(j, job, NULL, BYTES_NONE,
		       xstrdup(job->rule->judges_tags ?
			       "brings no new signed tag: nobody answers for it" :
			       "brings no new signed commit: nobody answers for it"),
		       answer_cure(j, job->rule->judges_tags ? "Sign a new tag," :
				   "Put a signed commit on top (git commit --allow-empty -S),"),
		       MEND_NONE);
}

/* Two branches at one new commit: it was judged for the first of them. */
static void share_tip(struct judge *j, struct judge_job *job)
{
	struct judge_set *s = judge_set_of(j, job->rule, job->report);
	const struct judge_job *owner = judge_set_owner(s, &job->u->new_);

	if (!owner || owner == job)
		return;
	job->good_object = owner->good_object;
	for (size_t i = 0; i < owner->who.n; i++)
		judge_names_add(&job->who, owner->who.v[i]);
	job->findings += owner->findings;
}

/* What is left when the commits of all branches are judged. */
static int judge_rest(struct judge *j, struct judge_job *job, struct err *err)
{
	int rc = 0;

	judge_cert_job(j, job);
	if (oid_is_null(&job->u->new_)) {
		judge_delete(j, job);
		return 0;
	}
	if (!job->ready)
		return 0;
	if (job->rule->judges_tags)
		rc = judge_tag(j, job, err);
	else
		share_tip(j, job);
	if (rc == 0 && job->findings == 0)
		judge_keyless(j, job);
	return rc;
}

/* --- what is recorded --------------------------------------------------- */

static char *joined(const struct policy_names *names)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < names->n; i++) {
		buf_add_str(&b, i ? "," : "");
		buf_add_str(&b, names->v[i]);
	}
	return buf_detach(&b);
}

static void add_entry(struct judge *j, const struct judge_job *job)
{
	struct judge_result *out = j->out;
	struct record_entry *e;

	if (out->entries_n == j->entries_cap) {
		j->entries_cap = j->entries_cap ? j->entries_cap * 2 : 16;
		out->entries = xreallocarray(out->entries, j->entries_cap, sizeof(*out->entries));
	}
	e = &out->entries[out->entries_n++];
	memset(e, 0, sizeof(*e));
	e->state = RECORD_PENDING;
	e->received = j->c->now;
	memcpy(e->policy, j->c->policy->digest, sizeof(e->policy));
	e->rule = xstrdup(job->rule->name);
	e->ref = xstrdup(job->u->ref);
	e->old = job->was;
	e->new_ = job->u->new_;
	e->forward = job->forward && !oid_is_null(&job->was) && !oid_is_null(&job->u->new_);
	e->who = joined(&job->who);
}

static void sum_up(struct judge *j)
{
	for (size_t i = 0; i < j->jobs_n; i++) {
		const struct judge_job *job = &j->jobs[i];

		if (job->report)
			continue;
		for (size_t k = 0; k < job->who.n; k++)
			judge_names_add(&j->out->who, job->who.v[k]);
		if (!j->out->refused) {
			add_entry(j, job);
			j->out->updates++;
		}
	}
}

/* --- the push ----------------------------------------------------------- */

static int compare_refs(const void *a, const void *b)
{
	const struct judge_update *const *x = a, *const *y = b;
	int c = strcmp((*x)->ref, (*y)->ref);

	return c ? c : (*x > *y) - (*x < *y);
}

static void sort_updates(struct judge *j)
{
	j->sorted = xreallocarray(NULL, j->n ? j->n : 1, sizeof(struct judge_update *));
	for (size_t i = 0; i < j->n; i++)
		j->sorted[i] = &j->u[i];
	qsort(j->sorted, j->n, sizeof(struct judge_update *), compare_refs);
}

static int judge_all(struct judge *j, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < j->n && rc == 0; i++) {
		bool go_on, old_lied;
		struct oid was;

		rc = judge_structure(j, &j->u[i], &was, &old_lied, &go_on, err);
		if (rc == 0 && go_on)
			rc = add_jobs(j, &j->u[i], &was, old_lied, err);
	}
	if (rc == 0)
		rc = judge_cert(j, err);
	for (size_t i = 0; i < j->jobs_n && rc == 0; i++)
		rc = plan(j, &j->jobs[i], err);
	for (size_t i = 0; i < j->sets_n && rc == 0; i++)
		rc = judge_commits(j, &j->sets[i], err);
	if (rc == 0 && j->c->progress && j->done > 0)
		j->c->progress(j->c->progress_ctx, j->done, j->done, false);
	for (size_t i = 0; i < j->jobs_n && rc == 0; i++)
		rc = judge_rest(j, &j->jobs[i], err);
	if (rc == 0)
		rc = judge_targets(j, err);
	if (rc)
		return rc;
	judge_mend_all(j);
	sum_up(j);
	return 0;
}

int judge_push(const struct judge_context *c, const struct judge_update *u, size_t n,
	       struct judge_result *ret, struct err *err)
{
	struct judge_result out = { .received = c->now };
	struct judge j = { .c = c, .trust = c->policy->trust, .out = &out, .u = u, .n = n };
	int rc;

	if (n > c->policy->refs)
		return err_set(err, ERR_BAD, "%zu refs in one push, and the policy allows %zu "
			       "([limits] refs). Push in smaller parts", n, c->policy->refs);
	sort_updates(&j);
	rc = judge_all(&j, err);
	for (size_t i = 0; i < j.jobs_n; i++) {
		judge_names_free(&j.jobs[i].who);
		free(j.jobs[i].kinds);
	}
	for (size_t i = 0; i < j.sets_n; i++)
		judge_set_free(&j.sets[i]);
	judge_cert_free(&j);
	judge_names_free(&j.addresses);
	free(j.jobs);
	free(j.sets);
	free(j.notes);
	free(j.sorted);
	if (rc) {
		judge_result_free(&out);
		return rc;
	}
	*ret = out;
	return 0;
}
