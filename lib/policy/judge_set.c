/* The new commits of a push under one rule: one walk, and a table to find them in. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/judge_internal.h"

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
	free(s->accepted);
	free(s->tips);
	free(s->commits);
	free(s->owner);
	free(s->slots);
}

bool judge_set_accepted(const struct judge_set *s, const struct oid *id)
{
	for (size_t i = 0; i < s->accepted_n; i++)
		if (oid_eq(&s->accepted[i], id))
			return true;
	return false;
}

/* Object ids are digests: their first bytes are as good as a hash. The pusher can aim
 * a few at one slot, at the price of computing them. */
static size_t *slot_of(const struct judge_set *s, const struct oid *id)
{
	size_t mask = s->slots_n - 1, at;

	memcpy(&at, id->b, sizeof(at));
	for (at &= mask; s->slots[at]; at = (at + 1) & mask)
		if (oid_eq(&s->commits[s->slots[at] - 1], id))
			break;
	return &s->slots[at];
}

static void index_commits(struct judge_set *s)
{
	s->slots_n = 16;
	while (s->slots_n < s->commits_n * 2)
		s->slots_n *= 2;
	s->slots = xcalloc(s->slots_n, sizeof(*s->slots));
	s->owner = xcalloc(s->commits_n ? s->commits_n : 1, sizeof(struct judge_job *));
	for (size_t i = 0; i < s->commits_n; i++)
		*slot_of(s, &s->commits[i]) = i + 1;
}

bool judge_set_own(struct judge_set *s, const struct oid *id, struct judge_job *job)
{
	size_t at = *slot_of(s, id);

	if (at == 0)
		return false;
	if (!s->owner[at - 1])
		s->owner[at - 1] = job;
	return true;
}

struct judge_job *judge_set_owner(const struct judge_set *s, const struct oid *id)
{
	size_t at = *slot_of(s, id);

	return at ? s->owner[at - 1] : NULL;
}

static int collect(const struct oid *id, void *ctx)
{
	struct judge_set *s = ctx;

	if (s->commits_n == s->commits_cap) {
		s->commits_cap = s->commits_cap ? s->commits_cap * 2 : 64;
		s->commits = xreallocarray(s->commits, s->commits_cap, sizeof(*s->commits));
	}
	s->commits[s->commits_n++] = *id;
	return 0;
}

static bool belongs(const struct judge_set *s, const struct judge_job *job)
{
	return job->ready && job->rule == s->rule && job->report == s->report;
}

int judge_set_walk(struct judge *j, struct judge_set *s, struct err *err)
{
	int rc = 0;

	if (s->rule->judges_tags)
		return 0;
	s->tips = xcalloc(j->jobs_n ? j->jobs_n : 1, sizeof(*s->tips));
	for (size_t i = 0; i < j->jobs_n; i++)
		if (belongs(s, &j->jobs[i]))
			s->tips[s->tips_n++] = j->jobs[i].u->new_;
	if (s->tips_n > 0)
		rc = repo_walk(j->c->repo, s->tips, s->tips_n, s->accepted, s->accepted_n,
			       collect, s, err);
	if (rc)
		return rc;
	index_commits(s);
	for (size_t i = 0; i < j->jobs_n; i++) {
		struct judge_job *job = &j->jobs[i];

		if (belongs(s, job))
			job->fresh = judge_set_own(s, &job->u->new_, job);
	}
	j->total += s->commits_n;
	return 0;
}
