/* What only the whole policy file shows: names, windows that overlap, rules that tie. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/file_internal.h"

/* Steps of comparing patterns; about a tenth of a second. */
#define MEET_BUDGET ((size_t)64 << 20)

/* --- names --------------------------------------------------------------------------- */

struct index_entry {
	const char *name;
	size_t i;
};

struct name_index {
	struct index_entry *v;
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct index_entry *)a)->name, ((const struct index_entry *)b)->name);
}

static void index_add(struct name_index *x, const char *name)
{
	x->v[x->n] = (struct index_entry){ name, x->n };
	x->n++;
}

static bool index_find(const struct name_index *x, const char *name, size_t *ret)
{
	struct index_entry key = { name, 0 }, *found;

	found = x->n ? bsearch(&key, x->v, x->n, sizeof(key), by_name) : NULL;
	if (found)
		*ret = found->i;
	return found != NULL;
}

struct names {
	struct name_index signers, roles;
	bool *taken; /* by index of a signer: in the list being made */
};

static void names_open(const struct policy_draft *d, struct names *x)
{
	x->signers.v = xcalloc(d->p->signers_n + 1, sizeof(struct index_entry));
	x->roles.v = xcalloc(d->roles_n + 1, sizeof(struct index_entry));
	x->taken = xcalloc(d->p->signers_n + 1, sizeof(bool));
	for (size_t i = 0; i < d->p->signers_n; i++)
		index_add(&x->signers, d->p->signers[i].name);
	for (size_t i = 0; i < d->roles_n; i++)
		index_add(&x->roles, d->roles[i].name);
	qsort(x->signers.v, x->signers.n, sizeof(*x->signers.v), by_name);
	qsort(x->roles.v, x->roles.n, sizeof(*x->roles.v), by_name);
}

static void names_close(struct names *x)
{
	free(x->signers.v);
	free(x->roles.v);
	free(x->taken);
}

/* --- who ----------------------------------------------------------------------------- */

struct list {
	size_t *v;
	size_t n;
};

static void take(struct names *x, struct list *l, size_t signer)
{
	if (x->taken[signer])
		return;
	x->taken[signer] = true;
	l->v[l->n++] = signer;
}

static void give_back(struct names *x, const struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		x->taken[l->v[i]] = false;
}

static void unknown_name(struct policy_draft *d, const struct policy_word *w, const char *kind,
			 const char *name)
{
	_cleanup_free_ char *shown = policy_shown(name);

	policy_fault(d, w->line, "there is no %s \"%s\" (add a [%s \"%s\"] section, or mend the "
		     "name)", kind, shown, kind, shown);
}

static void resolve_role(struct policy_draft *d, struct names *x, struct policy_role *r)
{
	struct list l = { xcalloc(d->p->signers_n + 1, sizeof(size_t)), 0 };
	size_t signer;

	for (size_t i = 0; i < r->words.n; i++) {
		const struct policy_word *w = &r->words.v[i];

		if (!index_find(&x->signers, w->text, &signer))
			unknown_name(d, w, "signer", w->text);
		else if (x->taken[signer])
			policy_fault(d, w->line, "signer %s stands twice in this role (remove one)",
				     w->text);
		else
			take(x, &l, signer);
	}
	give_back(x, &l);
	r->signers = xreallocarray(l.v, l.n + 1, sizeof(size_t));
	r->signers_n = l.n;
}

/* A signer who signs here by name, but whom `committer = match` always refuses. */
static void check_named(struct policy_draft *d, bool committer_match, const struct policy_word *w,
			size_t signer)
{
	if (committer_match && d->p->signers[signer].emails.n == 0)
		policy_fault(d, w->line, "signer %s has no email, so that no committer can match "
			     "(add email to the signer, or committer = any here)", w->text);
}

/* What a rule's lines of one key come to. */
struct who_list {
	const char *key; /* "signer" or "pusher" */
	bool anyone, committer_match;
	struct list signers, trusts;
};

/* trust:NAME: an authority answers for addresses, so the committer's is one. */
static void resolve_trust(struct policy_draft *d, const struct policy_word *w, struct who_list *l)
{
	const char *name = w->text + strlen("trust:");
	size_t i = 0;

	while (i < d->p->trusts_n && strcmp(d->p->trusts[i].name, name) != 0)
		i++;
	if (i == d->p->trusts_n) {
		unknown_name(d, w, "trust", name);
		return;
	}
	for (size_t k = 0; k < l->trusts.n; k++)
		if (l->trusts.v[k] == i)
			policy_fault(d, w->line, "%s = %s stands twice here (remove one)", l->key,
				     w->text);
	if (!d->p->trusts[i].email_domain)
		policy_fault(d, w->line, "%s = %s, but [trust \"%s\"] has no emailDomain (add one, or "
			     "name signers)", l->key, w->text, name);
	else if (strcmp(l->key, "signer") == 0 && !l->committer_match)
		policy_fault(d, w->line, "signer = %s beside committer = any (remove one: of whom only "
			     "the address is known, the committer must have it)", w->text);
	l->trusts.v = xreallocarray(l->trusts.v, l->trusts.n + 1, sizeof(*l->trusts.v));
	l->trusts.v[l->trusts.n++] = i;
}

static void resolve_word(struct policy_draft *d, struct names *x, const struct policy_word *w,
			 struct who_list *l)
{
	bool role = strncmp(w->text, "role:", 5) == 0;
	size_t i;

	if (strncmp(w->text, "trust:", 6) == 0) {
		resolve_trust(d, w, l);
	} else if (role && index_find(&x->roles, w->text + 5, &i)) {
		for (size_t k = 0; k < d->roles[i].signers_n; k++)
			take(x, &l->signers, d->roles[i].signers[k]);
	} else if (role) {
		unknown_name(d, w, "role", w->text + 5);
	} else if (index_find(&x->signers, w->text, &i)) {
		check_named(d, strcmp(l->key, "signer") == 0 && l->committer_match, w, i);
		take(x, &l->signers, i);
	} else {
		unknown_name(d, w, "signer", w->text);
	}
}

static void resolve_words(struct policy_draft *d, struct names *x, struct who_list *l,
			  const struct policy_words *words)
{
	if (l->anyone) {
		if (words->n > 1)
			policy_fault(d, words->v[1].line, "%s = anyone stands with other %ss (anyone "
				     "of [signer] is all of them: keep one or the other)", l->key,
				     l->key);
		return;
	}
	l->signers.v = xcalloc(d->p->signers_n + 1, sizeof(size_t));
	for (size_t i = 0; i < words->n; i++)
		resolve_word(d, x, &words->v[i], l);
	give_back(x, &l->signers);
	l->signers.v = xreallocarray(l->signers.v, l->signers.n + 1, sizeof(size_t));
}

static void resolve_rule(struct policy_draft *d, struct names *x, size_t i)
{
	struct policy_rule *r = &d->p->rules[i];
	struct who_list signers = { .key = "signer", .anyone = r->anyone,
				    .committer_match = r->committer_match };
	struct who_list pushers = { .key = "pusher", .anyone = r->any_pusher };

	resolve_words(d, x, &signers, &d->rule_words[i]);
	resolve_words(d, x, &pushers, &d->pusher_words[i]);
	r->signers = signers.signers.v;
	r->signers_n = signers.signers.n;
	r->trusts = signers.trusts.v;
	r->trusts_n = signers.trusts.n;
	r->pushers = pushers.signers.v;
	r->pushers_n = pushers.signers.n;
	r->push_trusts = pushers.trusts.v;
	r->push_trusts_n = pushers.trusts.n;
}

static bool has_key(const struct policy *p, size_t signer)
{
	bool found = p->signers[signer].has_key_line;

	for (size_t i = 0; i < p->keys_n && !found; i++)
		found = p->keys[i].signer == signer;
	return found;
}

/* Whose each [key] is; and every signer has one. */
static void resolve_keys(struct policy_draft *d, struct names *x)
{
	for (size_t i = 0; i < d->p->keys_n; i++) {
		struct policy_key_lines *k = &d->p->keys[i];
		const struct policy_word *w = &d->key_signers[i];

		if (!w->text)
			continue; /* that it is missing was said */
		if (!index_find(&x->signers, w->text, &k->signer))
			unknown_name(d, w, "signer", w->text);
		else if (k->trusts.n && d->p->signers[k->signer].emails.n == 0)
			policy_fault(d, k->line, "key \"%s\" has trust, but signer %s no email (write "
				     "the e-mail that the certificates carry)", k->name, w->text);
	}
	for (size_t i = 0; i < d->p->signers_n; i++)
		if (!has_key(d->p, i))
			policy_fault(d, d->p->signers[i].line, "signer \"%s\" has no key (write trust "
				     "= NAME with email, or certificate, or spki; or a [key] "
				     "section)", d->p->signers[i].name);
}

static void check_names(struct policy_draft *d)
{
	struct names x = { 0 };

	names_open(d, &x);
	resolve_keys(d, &x);
	for (size_t i = 0; i < d->roles_n; i++)
		resolve_role(d, &x, &d->roles[i]);
	for (size_t i = 0; i < d->p->rules_n; i++)
		resolve_rule(d, &x, i);
	names_close(&x);
}

static bool has_anchors(const struct policy_draft *d, const char *name)
{
	for (size_t i = 0; i < d->anchors_n && i < TRUST_MAX_NAMES; i++)
		if (strcmp(d->anchors[i].name, name) == 0)
			return true;
	return false;
}

/* One with a bad name was told of already. */
static bool has_section(const struct policy_draft *d, const char *section)
{
	for (size_t i = 0; i < d->conf.n; i++)
		if (strcmp(d->conf.v[i].section, section) == 0)
			return true;
	return false;
}

static void check_trusts(struct policy_draft *d)
{
	if (!has_section(d, "trust"))
		policy_fault(d, 1, "there is no [trust] section (add [trust \"NAME\"] with roots = "
			     "FILE, the certificates of your authority)");
	for (size_t i = 0; i < d->trust_words.n; i++) {
		const struct policy_word *w = &d->trust_words.v[i];

		if (!has_anchors(d, w->text))
			unknown_name(d, w, "trust", w->text);
	}
}

/* --- one key, one signer at a time --------------------------------------------------- */

struct span {
	const struct policy_claim *c;
	const struct policy_signer *s;
};

static int by_claim(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int c = strcmp(x->c->text, y->c->text);

	if (c == 0)
		c = (x->s->valid_from > y->s->valid_from) - (x->s->valid_from < y->s->valid_from);
	return c ? c : (x->c->line > y->c->line) - (x->c->line < y->c->line);
}

/* When a claim counts: in the window of the signer, and in that of the [key]. */
static void window_of(const struct policy *p, const struct policy_claim *c, size_t signer,
		      int64_t *from, int64_t *until)
{
	const struct policy_key_lines *k = c->key != SIZE_MAX ? &p->keys[c->key] : NULL;

	*from = p->signers[signer].valid_from;
	*until = p->signers[signer].valid_until;
	if (k && k->valid_from > *from)
		*from = k->valid_from;
	if (k && k->valid_until < *until)
		*until = k->valid_until;
}

static bool overlap(const struct policy *p, const struct policy_claim *a, size_t a_signer,
		    const struct policy_claim *b, size_t b_signer)
{
	int64_t from[2], until[2];

	window_of(p, a, a_signer, &from[0], &until[0]);
	window_of(p, b, b_signer, &from[1], &until[1]);
	return from[0] < until[1] && from[1] < until[0] && from[0] < until[0] &&
	       from[1] < until[1];
}

static void claimed_twice(struct policy_draft *d, const struct span *a, const struct span *b)
{
	const struct span *first = a->c->line < b->c->line ? a : b;
	const struct span *second = first == a ? b : a;
	_cleanup_free_ char *shown = policy_shown(second->c->text);

	if (first->s == second->s)
		policy_fault(d, second->c->line, "%s stands twice here (remove one)", shown);
	else
		policy_fault(d, second->c->line, "%s is signer %s's at the same time, line %u (remove "
			     "one, or end the earlier with validUntil)", shown, first->s->name,
			     first->c->line);
}

/* A [key]'s digest beside all other claims on it. */
static void check_key_claim(struct policy_draft *d, const struct policy_claim *c)
{
	const struct policy_key_lines *k = &d->p->keys[c->key];

	for (size_t i = 0; i < d->claims_n && k->signer != SIZE_MAX; i++) {
		const struct policy_claim *o = &d->claims[i];
		const struct policy_key_lines *ok = o->key != SIZE_MAX ? &d->p->keys[o->key] : NULL;
		size_t owner = ok ? ok->signer : o->signer;

		if (o == c || owner == SIZE_MAX || strcmp(o->text, c->text) != 0)
			continue;
		if (owner == k->signer && !ok)
			policy_fault(d, c->line, "%s stands in signer %s too, line %u: what this "
				     "section asks would not count (remove it there)", c->text,
				     d->p->signers[owner].name, o->line);
		else if (owner != k->signer && (!ok || o < c) &&
			 overlap(d->p, c, k->signer, o, owner))
			policy_fault(d, c->line, "%s is signer %s's at the same time, line %u (remove "
				     "one, or end the earlier with validUntil)", c->text,
				     d->p->signers[owner].name, o->line);
	}
}

/* By start: whoever starts before the latest end so far overlaps. */
static void check_claims(struct policy_draft *d)
{
	struct span *v = xcalloc(d->claims_n + 1, sizeof(*v));
	size_t latest = 0, n = 0;

	for (size_t i = 0; i < d->claims_n; i++)
		if (d->claims[i].key == SIZE_MAX)
			v[n++] = (struct span){ &d->claims[i],
						&d->p->signers[d->claims[i].signer] };
		else
			check_key_claim(d, &d->claims[i]);
	if (n > 0)
		qsort(v, n, sizeof(*v), by_claim);
	for (size_t i = 1; i < n; i++) {
		bool same = strcmp(v[latest].c->text, v[i].c->text) == 0;

		if (same && (v[i].s->valid_from < v[latest].s->valid_until || v[i].s == v[latest].s))
			claimed_twice(d, &v[latest], &v[i]);
		if (!same || v[i].s->valid_until > v[latest].s->valid_until)
			latest = i;
	}
	free(v);
}

/* --- rules that tie ------------------------------------------------------------------ */

struct pattern {
	const char *text;
	size_t rank;
	const struct policy_rule *rule;
};

static int by_prefix(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strncmp(x->text, y->text, x->rank);
}

static void check_pair(struct policy_draft *d, const struct pattern *a, const struct pattern *b,
		       size_t *budget)
{
	const struct pattern *first = a->rule->line < b->rule->line ? a : b;
	const struct pattern *second = first == a ? b : a;
	_cleanup_free_ char *x = NULL, *y = NULL;

	if (a->rule == b->rule || !policy_patterns_meet(a->text, b->text, budget) || *budget == 0)
		return;
	x = policy_shown(first->text);
	y = policy_shown(second->text);
	policy_fault(d, second->rule->line, "rule \"%s\" ties with rule \"%s\", line %u: %s and %s "
		     "match the same refs (make one more exact, or let one rule have both)",
		     second->rule->name, first->rule->name, first->rule->line, y, x);
}

static size_t collect(const struct policy *p, struct pattern *v)
{
	size_t n = 0;

	for (size_t i = 0; i < p->rules_n; i++)
		for (size_t k = 0; k < p->rules[i].refs.n && !p->rules[i].report; k++) {
			const char *text = p->rules[i].refs.v[k];

			v[n++] = (struct pattern){ text, policy_pattern_rank(text), &p->rules[i] };
		}
	return n;
}

/* Only patterns of one rank and one literal beginning can. */
static void check_ties(struct policy_draft *d)
{
	struct pattern *v = xcalloc(d->patterns_n + 1, sizeof(*v));
	size_t n = collect(d->p, v), budget = MEET_BUDGET;

	qsort(v, n, sizeof(*v), by_prefix);
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n && budget > 0 && by_prefix(&v[i], &v[k]) == 0; k++)
			check_pair(d, &v[i], &v[k], &budget);
	if (budget == 0)
		policy_fault(d, 1, "too many patterns with wildcards begin alike to compare them all "
			     "(let them differ before the first *)");
	free(v);
}

void policy_check_whole(struct policy_draft *d)
{
	check_trusts(d);
	check_names(d);
	policy_check_accepts(d);
	check_claims(d);
	check_ties(d);
}
