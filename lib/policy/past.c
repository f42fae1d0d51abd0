/* The past of a push, from the record or from refs. */
#include "policy/past.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "policy/judge.h"

struct tip {
	const char *rule; /* that it was accepted under */
	struct oid id;
};

struct ref {
	char *name;
	struct oid value; /* null: it does not exist */
	struct oid last;  /* that it had, if it has none now */
	struct tip *tips;
	size_t n;
};

struct past {
	const struct record *record; /* NULL: refs are all there is */
	struct repo *repo;           /* whose refs are asked for their values; NULL: `refs` is */
	struct ref **refs;           /* without a record; by name */
	size_t n, cap;
};

/* --- refs -------------------------------------------------------------------- */

/* Where a name stands, or would. */
static size_t place_of(const struct past *p, const char *name)
{
	size_t from = 0, to = p->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (strcmp(p->refs[mid]->name, name) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static struct ref *find(const struct past *p, const char *name)
{
	size_t at = place_of(p, name);

	return at < p->n && strcmp(p->refs[at]->name, name) == 0 ? p->refs[at] : NULL;
}

static struct ref *ref_of(struct past *p, const char *name)
{
	struct ref *r = find(p, name);
	size_t at;

	if (r)
		return r;
	r = xcalloc(1, sizeof(*r));
	r->name = xstrdup(name);
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->refs = xreallocarray(p->refs, p->cap, sizeof(struct ref *));
	}
	at = place_of(p, name);
	memmove(p->refs + at + 1, p->refs + at, (p->n - at) * sizeof(struct ref *));
	p->refs[at] = r;
	p->n++;
	return r;
}

/* --- a repository's refs ------------------------------------------------------ */

struct list {
	struct past_ref *v;
	size_t n, cap;
};

static int list_ref(const char *name, const struct oid *id, bool symbolic, void *ctx)
{
	struct list *l = ctx;

	if (symbolic)
		return 0;
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->v = xreallocarray(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = (struct past_ref){ xstrdup(name), *id };
	return 0;
}

int past_refs(struct repo *repo, struct past_ref **ret, size_t *n, struct err *err)
{
	struct list l = { NULL, 0, 0 };
	int rc = repo_refs(repo, "refs/", list_ref, &l, err);

	if (rc) {
		past_refs_free(l.v, l.n);
		return rc;
	}
	*ret = l.v;
	*n = l.n;
	return 0;
}

void past_refs_free(struct past_ref *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)v[i].name);
	free(v);
}

static int ref_value(const char *ref, struct oid *ret, void *ctx, struct err *err)
{
	bool found = false;
	int rc = repo_ref(ctx, ref, ret, &found, NULL, err);

	if (rc == 0 && !found)
		*ret = (struct oid){ .n = repo_hash_bytes(ctx) };
	return rc;
}

int past_settle(struct record *r, struct repo *repo, uint64_t clock_reset, struct err *err)
{
	const struct record_awaited a =
		record_awaited_at(r, os_now(), clock_reset, RECORD_AWAITED_S);

	return record_settle(r, &a, ref_value, repo, err);
}

/* --- making one ------------------------------------------------------------- */

struct past *past_of_record(const struct record *r, struct repo *repo)
{
	struct past *p = past_new();

	p->record = r;
	p->repo = repo;
	return p;
}

struct past *past_new(void)
{
	return xcalloc(1, sizeof(struct past));
}

/* What the new value descends from need not be walked from again. */
static struct tip *passed(struct ref *r, const char *rule)
{
	for (size_t i = r->n; i > 0; i--)
		if (strcmp(r->tips[i - 1].rule, rule) == 0)
			return oid_eq(&r->tips[i - 1].id, &r->value) ? &r->tips[i - 1] : NULL;
	return NULL;
}

void past_accept(struct past *p, const char *ref, const struct oid *value, const char *rule,
		 bool forward)
{
	struct ref *r = ref_of(p, ref);
	struct tip *t = forward ? passed(r, rule) : NULL;

	if (oid_is_null(value))
		return;
	if (!t) {
		r->tips = xreallocarray(r->tips, r->n + 1, sizeof(*r->tips));
		t = &r->tips[r->n++];
	}
	*t = (struct tip){ rule, *value };
}

void past_set(struct past *p, const char *ref, const struct oid *value)
{
	struct ref *r = ref_of(p, ref);

	r->value = *value;
	if (!oid_is_null(value))
		r->last = *value;
}

/* Takes `p`, and has each ref accept its value under the rule that governs it. */
static int finish(struct past *p, const struct policy *policy, struct past **ret, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct policy_rule *rule = NULL;
		struct ref *r = p->refs[i];
		int rc = policy_rule_for(policy, bytes_str(r->name), &rule, err);

		if (rc) {
			past_free(p);
			return rc;
		}
		if (rule)
			past_accept(p, r->name, &r->value, rule->name, false);
	}
	*ret = p;
	return 0;
}

int past_of_list(const struct past_ref *v, size_t n, const struct policy *policy, struct past **ret,
		 struct err *err)
{
	struct past *p = past_new();

	for (size_t i = 0; i < n; i++)
		if (!oid_is_null(&v[i].value))
			past_set(p, v[i].name, &v[i].value);
	return finish(p, policy, ret, err);
}

int past_of_repo(struct repo *repo, const struct policy *policy, struct past **ret, struct err *err)
{
	struct past_ref *v = NULL;
	size_t n = 0;
	int rc = past_refs(repo, &v, &n, err);

	if (rc == 0)
		rc = past_of_list(v, n, policy, ret, err);
	if (rc == 0)
		(*ret)->repo = repo;
	past_refs_free(v, n);
	return rc;
}

void past_free(struct past *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->refs[i]->tips);
		free(p->refs[i]->name);
		free(p->refs[i]);
	}
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

static size_t tips_of_refs(const struct past *p, struct wanted *w, struct oid **ret)
{
	size_t n = 0, cap = 0;

	*ret = NULL;
	for (size_t i = 0; i < p->n; i++) {
		const struct ref *r = p->refs[i];

		for (size_t k = 0; k < r->n; k++) {
			if (!counts_here(r->tips[k].rule, w))
				continue;
			if (n == cap) {
				cap = cap ? 2 * cap : 64;
				*ret = xreallocarray(*ret, cap, sizeof(**ret));
			}
			(*ret)[n++] = r->tips[k].id;
		}
	}
	return n;
}

size_t past_accepted(const struct past *p, const struct policy *policy,
		     const struct policy_rule *rule, struct oid **ret)
{
	struct wanted w = { policy, rule };

	return p->record ? record_tips(p->record, counts_here, &w, ret) : tips_of_refs(p, &w, ret);
}

/* --- values and time ----------------------------------------------------------- */

int past_value(const struct past *p, const char *ref, struct oid *ret, bool *found, bool *symbolic,
	       struct err *err)
{
	const struct ref *r;

	if (p->repo)
		return repo_ref(p->repo, ref, ret, found, symbolic, err);
	r = find(p, ref);
	*found = r && !oid_is_null(&r->value);
	if (*found)
		*ret = r->value;
	if (symbolic)
		*symbolic = false;
	return 0;
}

void past_last(const struct past *p, const char *ref, bool *known, bool *deleted, struct oid *last)
{
	const struct ref *r;

	if (p->record) {
		record_ref(p->record, ref, known, deleted, last);
		return;
	}
	r = find(p, ref);
	*known = r != NULL;
	*deleted = r && oid_is_null(&r->value);
	*last = r ? r->last : (struct oid){ .n = 0 };
}

bool past_is_coming(const struct past *p, const char *ref)
{
	return p->record && record_is_coming(p->record, ref);
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
