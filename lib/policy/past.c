/* The past of a push, from the record or from refs. */
#include "policy/past.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/judge.h"

struct ref {
	char *name;
	struct oid value;
	const char *rule; /* that governs it; NULL: none */
};

struct past {
	const struct record *record; /* NULL: refs are all there is */
	struct repo *repo;           /* whose refs are asked for their values; NULL: `refs` is */
	struct ref *refs;            /* without a record; by name */
	size_t n, cap;
};

/* --- making one ------------------------------------------------------------- */

static void add_ref(struct past *p, const char *name, const struct oid *value)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->refs = xreallocarray(p->refs, p->cap, sizeof(*p->refs));
	}
	p->refs[p->n++] = (struct ref){ xstrdup(name), *value, NULL };
}

static int by_name(const void *a, const void *b)
{
	const struct ref *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int give_rules(struct past *p, const struct policy *policy, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct policy_rule *rule = NULL;
		int rc = policy_rule_for(policy, bytes_str(p->refs[i].name), &rule, err);

		if (rc)
			return rc;
		p->refs[i].rule = rule ? rule->name : NULL;
	}
	return 0;
}

/* Takes `p`, whose refs are there in any order. */
static int finish(struct past *p, const struct policy *policy, struct past **ret, struct err *err)
{
	int rc = give_rules(p, policy, err);

	if (rc) {
		past_free(p);
		return rc;
	}
	if (p->n)
		qsort(p->refs, p->n, sizeof(*p->refs), by_name);
	*ret = p;
	return 0;
}

struct past *past_of_record(const struct record *r, struct repo *repo)
{
	struct past *p = xcalloc(1, sizeof(*p));

	p->record = r;
	p->repo = repo;
	return p;
}

static int take_ref(const char *name, const struct oid *id, bool symbolic, void *ctx)
{
	if (!symbolic)
		add_ref(ctx, name, id);
	return 0;
}

int past_of_repo(struct repo *repo, const struct policy *policy, struct past **ret, struct err *err)
{
	struct past *p = xcalloc(1, sizeof(*p));
	int rc = repo_refs(repo, "refs/", take_ref, p, err);

	p->repo = repo;
	if (rc == 0)
		return finish(p, policy, ret, err);
	past_free(p);
	return rc;
}

int past_of_list(const struct past_ref *v, size_t n, const struct policy *policy, struct past **ret,
		 struct err *err)
{
	struct past *p = xcalloc(1, sizeof(*p));

	for (size_t i = 0; i < n; i++)
		if (!oid_is_null(&v[i].value))
			add_ref(p, v[i].name, &v[i].value);
	return finish(p, policy, ret, err);
}

void past_free(struct past *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->refs[i].name);
	free(p->refs);
	free(p);
}

/* --- what is accepted --------------------------------------------------------- */

struct wanted {
	const struct policy *policy;
	const struct policy_rule *rule;
};

/* The rule itself, and those that it accepts; not what these accept in turn. */
static bool counts_here(const char *name, void *ctx)
{
	const struct wanted *w = ctx;
	bool found = strcmp(name, w->rule->name) == 0;

	for (size_t i = 0; i < w->rule->accepts_n && !found; i++)
		found = strcmp(name, w->policy->rules[w->rule->accepts[i]].name) == 0;
	return found;
}

size_t past_accepted(const struct past *p, const struct policy *policy,
		     const struct policy_rule *rule, struct oid **ret)
{
	struct wanted w = { policy, rule };
	size_t k = 0;

	if (p->record)
		return record_tips(p->record, counts_here, &w, ret);
	*ret = xcalloc(p->n ? p->n : 1, sizeof(**ret));
	for (size_t i = 0; i < p->n; i++)
		if (p->refs[i].rule && counts_here(p->refs[i].rule, &w))
			(*ret)[k++] = p->refs[i].value;
	return k;
}

/* --- refs and time ------------------------------------------------------------ */

static const struct ref *find(const struct past *p, const char *ref)
{
	struct ref key = { .name = (char *)(uintptr_t)ref };

	return p->n ? bsearch(&key, p->refs, p->n, sizeof(*p->refs), by_name) : NULL;
}

int past_value(const struct past *p, const char *ref, struct oid *ret, bool *found, bool *symbolic,
	       struct err *err)
{
	const struct ref *at;

	if (p->repo)
		return repo_ref(p->repo, ref, ret, found, symbolic, err);
	at = find(p, ref);
	*found = at != NULL;
	if (at)
		*ret = at->value;
	if (symbolic)
		*symbolic = false;
	return 0;
}

void past_last(const struct past *p, const char *ref, bool *known, bool *deleted, struct oid *last)
{
	const struct ref *at;

	if (p->record) {
		record_ref(p->record, ref, known, deleted, last);
		return;
	}
	at = find(p, ref);
	*known = at != NULL;
	*deleted = false;
	*last = at ? at->value : (struct oid){ .n = 0 };
}

int past_time(const struct past *p, int64_t now, uint64_t clock_reset, int64_t *ret, char **note,
	      struct err *err)
{
	if (p->record)
		return judge_receive_time(p->record, now, clock_reset, ret, note, err);
	*ret = now;
	*note = NULL;
	return 0;
}
