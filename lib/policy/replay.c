/* Updates on record and refs, judged again. */
#include "policy/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/judge_internal.h"

void replay_start(struct replay *r, const struct judge_context *c,
		  void (*step)(const struct replay_step *s, void *ctx), void *ctx)
{
	memset(r, 0, sizeof(*r));
	r->context = *c;
	r->context.past = r->past = past_new();
	r->step = step;
	r->ctx = ctx;
}

void replay_end(struct replay *r)
{
	past_free(r->past);
	judge_result_free(&r->sum);
	memset(r, 0, sizeof(*r));
}

/* --- one step ----------------------------------------------------------------- */

/* Takes what `from` found; it is empty then. */
static void take_result(struct judge_result *sum, struct judge_result *from)
{
	sum->findings = xreallocarray(sum->findings, sum->findings_n + from->findings_n,
				      sizeof(*sum->findings));
	for (size_t i = 0; i < from->findings_n; i++)
		sum->findings[sum->findings_n++] = from->findings[i];
	sum->entries = xreallocarray(sum->entries, sum->entries_n + from->entries_n,
				     sizeof(*sum->entries));
	for (size_t i = 0; i < from->entries_n; i++)
		sum->entries[sum->entries_n++] = from->entries[i];
	from->findings_n = from->entries_n = 0;
	sum->commits += from->commits;
	sum->tags += from->tags;
	sum->updates += from->updates;
	sum->commits_seen += from->commits_seen;
	sum->commits_reported += from->commits_reported;
	sum->commits_reported_good += from->commits_reported_good;
	for (size_t i = 0; i < from->who.n; i++)
		judge_names_add(&sum->who, from->who.v[i]);
	sum->refused |= from->refused;
	judge_result_free(from);
}

static void tell_step(struct replay *r, const struct judge_update *u, size_t n, bool recorded,
		      struct judge_result *res)
{
	const struct replay_step s = { u, n, recorded, r->context.now, res };

	if (r->step)
		r->step(&s, r->ctx);
	take_result(&r->sum, res);
}

static int judge_at(struct replay *r, const struct judge_update *u, size_t n, int64_t when,
		    struct judge_result *res, struct err *err)
{
	r->context.now = when;
	return judge_push(&r->context, u, n, res, err);
}

/* Where the ref stands in the replay; null: nowhere. */
static struct oid value_of(const struct replay *r, const char *ref)
{
	struct oid id = { .n = repo_hash_bytes(r->context.repo) };
	bool found;

	(void)past_value(r->past, ref, &id, &found, NULL, NULL); /* asks no repository */
	return id;
}

/* --- the record ----------------------------------------------------------------- */

/*
 * The value counts as accepted under the rule that governs the ref, whatever it was called
 * then; and under the report rules that watch it, which have said what they had to say.
 */
static void land(struct replay *r, const char *ref, const struct oid *to,
		 const struct policy_rule *rule, bool forward)
{
	const struct policy *p = r->context.policy;

	if (rule)
		past_accept(r->past, ref, to, rule->name, forward);
	for (size_t i = 0; i < p->rules_n; i++)
		if (p->rules[i].report && policy_rule_covers(&p->rules[i], bytes_str(ref)))
			past_accept(r->past, ref, to, p->rules[i].name, forward);
	past_set(r->past, ref, to);
}

static int replay_entry(struct replay *r, const struct record_entry *e, struct err *err)
{
	struct oid none = { .n = repo_hash_bytes(r->context.repo) };
	const struct oid *to = e->new_.n ? &e->new_ : &none;
	struct judge_update u = { .new_ = *to, .ref = e->ref };
	struct oid was = e->old.n ? e->old : none;
	const struct policy_rule *rule = NULL;
	struct judge_result res;
	int rc = policy_rule_for(r->context.policy, bytes_str(e->ref), &rule, err);

	u.old = value_of(r, e->ref);
	if (rc == 0 && !oid_eq(&u.old, &was)) {
		past_set(r->past, e->ref, &was); /* moved by somebody else */
		u.old = was;
	}
	if (rc == 0 && !oid_is_null(to) && !repo_has(r->context.repo, to)) {
		r->gone++;
	} else if (rc == 0) {
		/* Who answered with a push certificate is on record, the certificate is not. */
		r->context.standing = e->who && *e->who;
		rc = judge_at(r, &u, 1, e->received, &res, err);
		r->context.standing = false;
		if (rc == 0)
			tell_step(r, &u, 1, true, &res);
	}
	if (rc == 0)
		land(r, e->ref, to, rule, e->forward);
	return rc;
}

int replay_record(struct replay *r, const struct record_entry *v, size_t n, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		if (v[i].state == RECORD_LANDED)
			rc = replay_entry(r, &v[i], err);
	return rc;
}

/* Under the rules that the record names: as the hook has it. */
void replay_accept(struct replay *r, const struct record_entry *v, size_t n)
{
	const struct oid none = { .n = repo_hash_bytes(r->context.repo) };

	for (size_t i = 0; i < n; i++) {
		if (v[i].state != RECORD_LANDED)
			continue;
		if (v[i].new_.n)
			past_accept(r->past, v[i].ref, &v[i].new_, v[i].rule, v[i].forward);
		past_set(r->past, v[i].ref, v[i].new_.n ? &v[i].new_ : &none);
	}
}

/* --- the refs --------------------------------------------------------------------- */

struct candidate {
	struct judge_update u;
	const struct policy_rule *rule;
	size_t level; /* how many rules it stands on */
};

/* Rules accept each other without cycles: the policy was loaded. `levels` starts as zeros,
 * which mean that it is not known yet. */
static size_t level_of(const struct policy *p, size_t rule, size_t *levels)
{
	const struct policy_rule *r = &p->rules[rule];

	for (size_t i = 0; i < r->accepts_n && !levels[rule]; i++)
		(void)level_of(p, r->accepts[i], levels);
	if (!levels[rule]) {
		levels[rule] = 1;
		for (size_t i = 0; i < r->accepts_n; i++)
			if (levels[rule] <= levels[r->accepts[i]])
				levels[rule] = 1 + levels[r->accepts[i]];
	}
	return levels[rule];
}

static int by_level(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	if (x->rule->judges_tags != y->rule->judges_tags)
		return x->rule->judges_tags ? 1 : -1;
	return strcmp(x->u.ref, y->u.ref);
}

static bool together(const struct candidate *a, const struct candidate *b)
{
	return a->level == b->level && a->rule->judges_tags == b->rule->judges_tags;
}

/* One by one costs a walk each: halves, where something is not good. */
static int judge_some(struct replay *r, const struct candidate *c, size_t n, int64_t now,
		      struct err *err)
{
	struct judge_update *u = xcalloc(n, sizeof(*u));
	struct judge_result res;
	int rc;

	for (size_t i = 0; i < n; i++)
		u[i] = c[i].u;
	rc = judge_at(r, u, n, now, &res, err);
	if (rc == 0 && res.refused && n > 1) {
		judge_result_free(&res);
		rc = judge_some(r, c, n / 2, now, err);
		if (rc == 0)
			rc = judge_some(r, c + n / 2, n - n / 2, now, err);
	} else if (rc == 0) {
		for (size_t i = 0; i < n && !res.refused; i++)
			land(r, c[i].u.ref, &c[i].u.new_, c[i].rule, false);
		tell_step(r, u, n, false, &res);
	}
	free(u);
	return rc;
}

/*
 * An introduction exempts itself and its ancestors. Walks leave them out, but for two rules
 * the new value itself is judged whatever it is: tags, and the tips of `commits = tip`.
 */
static int introduced(struct replay *r, const struct candidate *c, bool *ret, struct err *err)
{
	const struct judge_context *x = &r->context;
	enum object_type type = OBJECT_NONE;
	uint64_t size;
	int rc = 0;

	*ret = false;
	if (!c->rule->judges_tags && c->rule->commits != COMMITS_TIP)
		return 0;
	for (size_t i = 0; i < x->introductions_n && !*ret; i++)
		*ret = oid_eq(&x->introductions[i], &c->u.new_);
	if (!*ret && repo_has(x->repo, &c->u.new_))
		rc = repo_stat(x->repo, &c->u.new_, &type, &size, err);
	for (size_t i = 0; i < x->introductions_n && !*ret && rc == 0; i++) {
		enum object_type is = OBJECT_NONE;

		if (type != OBJECT_COMMIT || !repo_has(x->repo, &x->introductions[i]))
			continue;
		rc = repo_stat(x->repo, &x->introductions[i], &is, &size, err);
		if (rc == 0 && is == OBJECT_COMMIT)
			rc = repo_is_ancestor(x->repo, &c->u.new_, &x->introductions[i], ret, err);
	}
	return rc;
}

static int judge_candidates(struct replay *r, struct candidate *c, size_t n, int64_t now,
			    struct err *err)
{
	size_t from = 0;
	int rc = 0;

	if (n)
		qsort(c, n, sizeof(*c), by_level);
	for (size_t i = 1; i <= n && rc == 0; i++) {
		if (i < n && together(&c[from], &c[i]))
			continue;
		rc = judge_some(r, c + from, i - from, now, err);
		from = i;
	}
	return rc;
}

int replay_refs(struct replay *r, const struct past_ref *refs, size_t n, int64_t now,
		size_t *unruled, struct err *err)
{
	const struct policy *p = r->context.policy;
	struct candidate *c = xcalloc(n ? n : 1, sizeof(*c));
	_cleanup_free_ size_t *levels = xcalloc(p->rules_n ? p->rules_n : 1, sizeof(*levels));
	size_t k = 0, without = 0;
	bool exempt = false;
	int rc = 0;

	r->context.standing = true;
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct candidate x = { .u = { .new_ = refs[i].value } };

		x.u.ref = (char *)(uintptr_t)refs[i].name; /* only read */
		x.u.old = value_of(r, refs[i].name);
		if (oid_eq(&x.u.old, &x.u.new_))
			continue;
		rc = policy_rule_for(p, bytes_str(refs[i].name), &x.rule, err);
		if (rc == 0 && x.rule)
			rc = introduced(r, &x, &exempt, err);
		if (rc == 0 && x.rule && exempt) {
			land(r, x.u.ref, &x.u.new_, x.rule, false);
		} else if (rc == 0 && x.rule) {
			x.level = level_of(p, (size_t)(x.rule - p->rules), levels);
			c[k++] = x;
		}
		without += rc == 0 && !x.rule;
	}
	if (rc == 0)
		rc = judge_candidates(r, c, k, now, err);
	r->context.standing = false;
	if (unruled)
		*unruled += without;
	free(c);
	return rc;
}
