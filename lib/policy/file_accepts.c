/* Which rules accept what others accepted: names, and no way back to where it began. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/file_internal.h"

static struct policy_rule *find(const struct policy_draft *d, const char *name)
{
	for (size_t i = 0; i < d->p->rules_n; i++)
		if (strcmp(d->p->rules[i].name, name) == 0)
			return &d->p->rules[i];
	return NULL;
}

static bool has(const struct policy_rule *r, size_t rule)
{
	for (size_t i = 0; i < r->accepts_n; i++)
		if (r->accepts[i] == rule)
			return true;
	return false;
}

static void resolve(struct policy_draft *d, struct policy_rule *r, const struct policy_word *w)
{
	_cleanup_free_ char *shown = policy_shown(w->text);
	const struct policy_rule *other = find(d, w->text);
	size_t at = other ? (size_t)(other - d->p->rules) : 0;

	if (!other)
		policy_fault(d, w->line, "there is no rule \"%s\" (add a [rule \"%s\"] section, or "
			     "mend the name)", shown, shown);
	else if (other == r)
		policy_fault(d, w->line, "a rule accepts its own commits already (remove the line)");
	else if (other->report)
		policy_fault(d, w->line, "rule %s is in report mode, which accepts nothing (remove "
			     "the line, or let the rule enforce)", shown);
	else if (other->judges_tags)
		policy_fault(d, w->line, "rule %s judges tag objects, and accepts no commits "
			     "(remove the line)", shown);
	else if (has(r, at))
		policy_fault(d, w->line, "rule %s stands twice here (remove one)", shown);
	else {
		r->accepts = xreallocarray(r->accepts, r->accepts_n + 1, sizeof(*r->accepts));
		r->accepts[r->accepts_n++] = at;
	}
}

/*
 * Takes away, again and again, the rules that accept none of those that are left: what
 * cannot be taken away stands in a circle or leads to one.
 */
static bool take_away(const struct policy *p, bool *gone)
{
	bool any = false;

	for (size_t i = 0; i < p->rules_n; i++) {
		size_t left = 0;

		for (size_t k = 0; k < p->rules[i].accepts_n; k++)
			left += !gone[p->rules[i].accepts[k]];
		if (gone[i] || left > 0)
			continue;
		gone[i] = any = true;
	}
	return any;
}

static void check_circles(struct policy_draft *d)
{
	_cleanup_free_ bool *gone = xcalloc(d->p->rules_n + 1, sizeof(*gone));

	while (take_away(d->p, gone))
		;
	for (size_t i = 0; i < d->p->rules_n; i++)
		if (!gone[i]) {
			policy_fault(d, d->accept_words[i].v[0].line, "rule \"%s\" accepts, by way "
				     "of others, itself (remove one of the lines of this circle)",
				     d->p->rules[i].name);
			return;
		}
}

void policy_check_accepts(struct policy_draft *d)
{
	for (size_t i = 0; i < d->p->rules_n; i++)
		for (size_t k = 0; k < d->accept_words[i].n; k++)
			resolve(d, &d->p->rules[i], &d->accept_words[i].v[k]);
	check_circles(d);
}
