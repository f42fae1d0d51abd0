/* What is accepted under one rule, and the walk over the commits of a push that are not. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/judge_internal.h"
#include "repo/walk.h"

/* The introductions, and what is known to be accepted under the rules that count. */
static void fill_accepted(const struct judge *j, struct judge_set *s)
{
	size_t n = j->c->introductions_n;

	s->accepted_n = past_accepted(j->c->past, j->c->policy, s->rule, &s->accepted);
	if (n == 0)
		return;
	s->accepted = xreallocarray(s->accepted, s->accepted_n + n, sizeof(*s->accepted));
	memcpy(s->accepted + s->accepted_n, j->c->introductions, n * sizeof(*s->accepted));
	s->accepted_n += n;
}

struct judge_set *judge_set_of(struct judge *j, const struct policy_rule *rule, bool report)
{
	struct judge_set *s;

	for (size_t i = 0; i < j->sets_n; i++)
		if (j->sets[i].rule == rule && j->sets[i].report == report)
			return &j->sets[i];
	j->sets = xreallocarray(j->sets, j->sets_n + 1, sizeof(*j->sets));
	s = &j->sets[j->sets_n++];
	memset(s, 0, sizeof(*s));
	s->rule = rule;
	s->report = report;
	fill_accepted(j, s);
	return s;
}

void judge_set_free(struct judge_set *s)
{
	for (size_t i = 0; i < s->fates_cap; i++)
		judge_fate_free(&s->fates[i]);
	free(s->accepted);
	free(s->tips);
	free(s->fates);
	walk_free(s->walk);
}

bool judge_set_accepted(const struct judge_set *s, const struct oid *id)
{
	for (size_t i = 0; i < s->accepted_n; i++)
		if (oid_eq(&s->accepted[i], id))
			return true;
	return false;
}

struct judge_job *judge_set_owner(const struct judge_set *s, const struct oid *id)
{
	size_t n;

	return s->walk && walk_find(s->walk, id, &n) ? s->tips[walk_whose(s->walk, n)] : NULL;
}

bool judge_set_has(const struct judge_set *s, const struct judge_job *job)
{
	return job->ready && job->rule == s->rule && job->report == s->report;
}

void judge_set_start(struct judge *j, struct judge_set *s)
{
	if (s->rule->judges_tags)
		return;
	s->tips = xcalloc(j->jobs_n ? j->jobs_n : 1, sizeof(struct judge_job *));
	for (size_t i = 0; i < j->jobs_n; i++) {
		struct judge_job *job = &j->jobs[i];

		if (judge_set_has(s, job))
			s->tips[s->tips_n++] = job;
	}
	if (s->tips_n == 0)
		return;
	s->walk = walk_new(j->c->repo, j->c->policy->object_size);
	walk_push(s->walk);
	for (size_t i = 0; i < s->tips_n; i++)
		walk_tip(s->walk, &s->tips[i]->u->new_);
	for (size_t i = 0; i < s->accepted_n; i++)
		walk_hide(s->walk, &s->accepted[i]);
}
