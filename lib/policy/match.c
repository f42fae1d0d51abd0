/* Patterns of refs, and which rule governs one. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "object/object.h"
#include "policy/file_internal.h"

/* A pattern taken apart: a byte, or one of these. */
enum { STAR = 256, STARS };

struct tokens {
	uint16_t v[POLICY_PATTERN_MAX];
	size_t n;
};

static bool tokens_of(const char *pattern, struct tokens *t)
{
	t->n = 0;
	if (strlen(pattern) > POLICY_PATTERN_MAX)
		return false;
	for (const char *p = pattern; *p; t->n++) {
		size_t stars = strspn(p, "*");

		t->v[t->n] = stars > 1 ? STARS : stars ? STAR : (uint8_t)*p;
		p += stars ? stars : 1;
	}
	return true;
}

static bool is_wild(uint16_t token)
{
	return token >= STAR;
}

/* Can the wildcard take this byte, or the other wildcard a byte of it? */
static bool takes(uint16_t wild, uint16_t other)
{
	return wild == STARS || (wild == STAR && other != '/');
}

/* A wildcard may match nothing: where it starts, what follows it starts too. */
static void open_wilds(const struct tokens *t, bool *at)
{
	for (size_t i = 0; i < t->n; i++)
		if (at[i] && is_wild(t->v[i]))
			at[i + 1] = true;
}

/*
 * Every way at once, position by position of the pattern: no backtracking, so that no
 * name can make it slow.
 */
bool policy_glob(const char *pattern, struct bytes name)
{
	bool at[POLICY_PATTERN_MAX + 1] = { true };
	size_t literal = strcspn(pattern, "*");
	struct tokens t;

	/* Most patterns are done here. */
	if (!bytes_starts(name, bytes_of(pattern, literal)))
		return false;
	if (!pattern[literal])
		return name.n == literal;
	pattern += literal;
	name = bytes_skip(name, literal);
	if (!tokens_of(pattern, &t))
		return false;
	open_wilds(&t, at);
	for (size_t k = 0; k < name.n; k++) {
		for (size_t i = t.n + 1; i-- > 0;) {
			bool stays = i < t.n && at[i] && takes(t.v[i], name.p[k]);

			at[i] = stays || (i > 0 && at[i - 1] && t.v[i - 1] == name.p[k]);
		}
		open_wilds(&t, at);
	}
	return at[t.n];
}

/* Could git let any name through that matches? An 'x' for each wildcard is the best try. */
static bool can_match(const char *pattern)
{
	struct buf name = BUF_INIT;
	bool ok;

	for (; *pattern; pattern++)
		if (*pattern != '*' || pattern[1] != '*')
			buf_add_byte(&name, *pattern == '*' ? 'x' : (uint8_t)*pattern);
	ok = object_ref_ok(buf_bytes(&name));
	buf_free(&name);
	return ok;
}

const char *policy_pattern_fault(const char *v)
{
	if (strlen(v) > POLICY_PATTERN_MAX)
		return "it is longer than 255 bytes";
	if (*v == '!')
		return "there is no negation: give the exception a rule of its own";
	if (strpbrk(v, "?[\\"))
		return "the only wildcards are * and **";
	if (strncmp(v, "refs/", 5) != 0)
		return "write the full name: refs/heads/main";
	if (strstr(v, "***"))
		return "* stops at \"/\", ** does not, *** has no meaning";
	return can_match(v) ? NULL : "git allows no ref of such a name";
}

size_t policy_pattern_rank(const char *pattern)
{
	const char *star = strchr(pattern, '*');

	return star ? (size_t)(star - pattern) : SIZE_MAX;
}

/*
 * Both patterns at once. at[i][j]: some text brings the one to position i and the other
 * to j. No step leads back, so row after row is enough.
 */
static void meet_row(const struct tokens *a, size_t i, const struct tokens *b, bool *row,
		     bool *next)
{
	memset(next, 0, (b->n + 1) * sizeof(*next));
	for (size_t j = 0; j <= b->n; j++) {
		bool has_a = i < a->n, has_b = j < b->n;
		uint16_t x = has_a ? a->v[i] : 0, y = has_b ? b->v[j] : 0;

		if (!row[j])
			continue;
		if (has_b && (is_wild(y) || (has_a && is_wild(x) && takes(x, y))))
			row[j + 1] = true;
		if (has_a && (is_wild(x) || (has_b && is_wild(y) && takes(y, x))))
			next[j] = true;
		if (has_a && has_b && !is_wild(x) && x == y)
			next[j + 1] = true;
	}
}

bool policy_patterns_meet(const char *a, const char *b, size_t *budget)
{
	bool rows[2][POLICY_PATTERN_MAX + 2] = { { true } };
	struct tokens ta, tb;
	size_t i;

	if (!tokens_of(a, &ta) || !tokens_of(b, &tb))
		return true;
	if (*budget < (ta.n + 1) * (tb.n + 1)) {
		*budget = 0;
		return true;
	}
	*budget -= (ta.n + 1) * (tb.n + 1);
	for (i = 0; i < ta.n; i++)
		meet_row(&ta, i, &tb, rows[i % 2], rows[(i + 1) % 2]);
	meet_row(&ta, i, &tb, rows[i % 2], rows[(i + 1) % 2]);
	return rows[i % 2][tb.n];
}

/* --- rules ------------------------------------------------------------------------- */

/* The rank of the best pattern that matches; false when none does. */
static bool rule_rank(const struct policy_rule *r, struct bytes ref, size_t *rank)
{
	bool found = false;

	for (size_t i = 0; i < r->refs.n; i++) {
		size_t x = policy_pattern_rank(r->refs.v[i]);

		if ((found && x <= *rank) || !policy_glob(r->refs.v[i], ref))
			continue;
		*rank = x;
		found = true;
	}
	return found;
}

bool policy_rule_covers(const struct policy_rule *r, struct bytes ref)
{
	size_t rank;

	return rule_rank(r, ref, &rank);
}

static int tie(const struct policy *p, struct bytes ref, const struct policy_rule *a,
	       const struct policy_rule *b, struct err *err)
{
	_cleanup_free_ char *path = text_escaped(bytes_str(p->path ? p->path : "the policy"));
	_cleanup_free_ char *name = text_escaped(ref);

	return err_set(err, ERR_CONFIG, "%s:%u: rule \"%s\" and rule \"%s\" (line %u) match %s "
		       "equally well (make one of the patterns more exact)", path, b->line, b->name,
		       a->name, a->line, name);
}

int policy_rule_for(const struct policy *p, struct bytes ref, const struct policy_rule **ret,
		    struct err *err)
{
	const struct policy_rule *best = NULL, *other = NULL;
	size_t best_rank = 0, rank;

	for (size_t i = 0; i < p->rules_n; i++) {
		const struct policy_rule *r = &p->rules[i];

		if (r->report || !rule_rank(r, ref, &rank))
			continue;
		if (best && rank < best_rank)
			continue;
		other = best && rank == best_rank ? best : NULL;
		best = r;
		best_rank = rank;
	}
	if (other)
		return tie(p, ref, other, best, err);
	*ret = best;
	return 0;
}

bool policy_reported(const struct policy *p, struct bytes ref)
{
	for (size_t i = 0; i < p->rules_n; i++)
		if (p->rules[i].report && policy_rule_covers(&p->rules[i], ref))
			return true;
	return p->report;
}

static bool listed(const struct policy *p, const size_t *list, size_t n, bool anyone,
		   const struct policy_signer *s)
{
	for (size_t i = 0; i < p->signers_n; i++) {
		if (s != &p->signers[i])
			continue;
		for (size_t k = 0; k < n; k++)
			if (list[k] == i)
				return true;
		return anyone;
	}
	return false;
}

bool policy_rule_allows(const struct policy *p, const struct policy_rule *r,
			const struct policy_signer *s)
{
	return listed(p, r->signers, r->signers_n, r->anyone, s);
}

bool policy_rule_allows_push(const struct policy *p, const struct policy_rule *r,
			     const struct policy_signer *s)
{
	if (!r->pusher_said)
		return policy_rule_allows(p, r, s);
	return listed(p, r->pushers, r->pushers_n, r->any_pusher, s);
}
