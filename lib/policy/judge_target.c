/* target = accepted: a tag points at a commit that a rule which the tag's rule accepts let in. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

struct ids {
	struct oid *v;
	size_t n, cap;
};

static void add(struct ids *l, const struct oid *v, size_t n)
{
	if (l->n + n > l->cap) {
		l->cap = 2 * (l->n + n);
		l->v = xreallocarray(l->v, l->cap, sizeof(*l->v));
	}
	if (n)
		memcpy(l->v + l->n, v, n * sizeof(*v));
	l->n += n;
}

/* What this push brings in under the rule. It lands with the tag, or was judged at least. */
static void add_pushed(const struct judge *j, const struct judge_set *s, struct ids *l)
{
	for (size_t i = 0; i < j->jobs_n; i++) {
		const struct judge_job *job = &j->jobs[i];

		if (job->rule == s->rule && job->report == s->report && job->ready)
			add(l, &job->u->new_, 1);
	}
}

void judge_plan_target(struct judge *j, const struct judge_job *job)
{
	for (size_t i = 0; i < job->rule->accepts_n && !job->rule->target_any; i++)
		judge_set_of(j, &j->c->policy->rules[job->rule->accepts[i]], j->c->policy->report);
}

int judge_aim(struct judge *j, struct judge_job *job, const struct oid *id, struct err *err)
{
	enum object_type type;
	uint64_t size;
	int rc;

	if (job->rule->target_any)
		return 0;
	rc = repo_stat(j->c->repo, id, &type, &size, err);
	if (rc == 0 && type == OBJECT_COMMIT)
		job->target = *id;
	else if (rc == 0)
		judge_job_find(j, job, id, BYTES_NONE,
			       xasprintf("tags a %s, where this rule wants a commit",
					 object_type_name(type)),
			       xstrdup("Tag a commit."), MEND_NONE);
	return rc;
}

static int collect(const struct oid *id, void *ctx)
{
	add(ctx, id, 1);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct oid *x = a, *y = b;

	return memcmp(x->b, y->b, x->n);
}

static bool beside(const struct judge_job *a, const struct judge_job *b)
{
	return a->target.n > 0 && a->rule == b->rule && a->report == b->report;
}

/* All that the tags of one rule point at, or what they reach, and nobody has let in. */
static int find_strange(struct judge *j, const struct judge_job *first, struct ids *ret,
			struct err *err)
{
	struct ids tips = { NULL, 0, 0 }, hide = { NULL, 0, 0 };
	int rc;

	for (size_t i = 0; i < j->jobs_n; i++)
		if (beside(&j->jobs[i], first))
			add(&tips, &j->jobs[i].target, 1);
	for (size_t i = 0; i < first->rule->accepts_n; i++) {
		const struct judge_set *s =
			judge_set_of(j, &j->c->policy->rules[first->rule->accepts[i]],
				     j->c->policy->report);

		add(&hide, s->accepted, s->accepted_n);
		add_pushed(j, s, &hide);
	}
	rc = repo_walk(j->c->repo, tips.v, tips.n, hide.v, hide.n, collect, ret, err);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_id);
	free(tips.v);
	free(hide.v);
	return rc;
}

static void find_stranger(struct judge *j, struct judge_job *job)
{
	struct buf names = BUF_INIT;
	char hex[OID_HEX_MAX];

	for (size_t i = 0; i < job->rule->accepts_n; i++) {
		buf_add_str(&names, i ? ", " : "");
		text_escape(&names, bytes_str(j->c->policy->rules[job->rule->accepts[i]].name));
	}
	judge_job_find(j, job, &job->target, BYTES_NONE,
		       xasprintf("tags a commit that was not let in under %s", buf_str(&names)),
		       xasprintf("Push %.12s to a branch of such a rule first, or with the tag.",
				 oid_hex(&job->target, hex)),
		       MEND_NONE);
	buf_free(&names);
}

int judge_targets(struct judge *j, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < j->jobs_n && rc == 0; i++) {
		const struct judge_job first = j->jobs[i];
		struct ids strange = { NULL, 0, 0 };

		if (first.target.n == 0)
			continue; /* nothing to ask, or answered with an earlier one */
		rc = find_strange(j, &first, &strange, err);
		for (size_t k = i; k < j->jobs_n && rc == 0; k++) {
			struct judge_job *job = &j->jobs[k];

			if (!beside(job, &first))
				continue;
			if (strange.n && bsearch(&job->target, strange.v, strange.n,
						 sizeof(*strange.v), by_id))
				find_stranger(j, job);
			job->target.n = 0;
		}
		free(strange.v);
	}
	return rc;
}
