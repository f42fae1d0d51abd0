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

/* The first commit that is not accepted ends it. */
static int found_one(const struct oid *id, void *ctx)
{
	(void)id;
	*(bool *)ctx = true;
	return -1;
}

static int is_accepted(struct judge *j, const struct judge_job *job, const struct oid *commit,
		       bool *ret, struct err *err)
{
	struct ids l = { NULL, 0, 0 };
	bool found = false;
	int rc;

	for (size_t i = 0; i < job->rule->accepts_n; i++) {
		const struct judge_set *s =
			judge_set_of(j, &j->c->policy->rules[job->rule->accepts[i]],
				     j->c->policy->report);

		add(&l, s->accepted, s->accepted_n);
		add_pushed(j, s, &l);
	}
	rc = repo_walk(j->c->repo, commit, 1, l.v, l.n, found_one, &found, err);
	free(l.v);
	*ret = !found;
	return found ? 0 : rc;
}

static char *rule_names(const struct judge *j, const struct policy_rule *r)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < r->accepts_n; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", j->c->policy->rules[r->accepts[i]].name);
	return buf_detach(&b);
}

int judge_target(struct judge *j, struct judge_job *job, const struct oid *id, bool *ok,
		 struct err *err)
{
	_cleanup_free_ char *names = NULL;
	enum object_type type;
	char hex[OID_HEX_MAX];
	uint64_t size;
	int rc;

	*ok = true;
	if (job->rule->target_any)
		return 0;
	rc = repo_stat(j->c->repo, id, &type, &size, err);
	if (rc == 0 && type == OBJECT_COMMIT)
		rc = is_accepted(j, job, id, ok, err);
	else
		*ok = false;
	if (rc || *ok)
		return rc;
	names = rule_names(j, job->rule);
	if (type == OBJECT_COMMIT)
		judge_job_find(j, job, id, BYTES_NONE,
			       xasprintf("tags a commit that was not let in under %s", names),
			       xasprintf("Push %.12s to a branch of such a rule first, or with the "
					 "tag.", oid_hex(id, hex)), MEND_NONE);
	else
		judge_job_find(j, job, id, BYTES_NONE,
			       xasprintf("tags a %s, where this rule wants a commit",
					 object_type_name(type)),
			       xstrdup("Tag a commit."), MEND_NONE);
	return 0;
}
