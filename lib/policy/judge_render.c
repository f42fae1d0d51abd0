/* Findings as the pusher reads them, on a terminal behind "remote: ". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

#define REF_COLUMNS 44
#define FIRST_ALONE 12
#define FIRST_ITEMS 8

/* --- fitting ------------------------------------------------------------ */

/* Appends at most `columns` characters of `s`, with "..." when it is longer. */
static void add_fitted(struct buf *out, const char *s, size_t columns)
{
	size_t i = 0, width = 0, cut = 0;

	while (s[i] && width < columns) {
		if (width + 3 <= columns)
			cut = i;
		width++;
		for (i++; ((unsigned char)s[i] & 0xc0) == 0x80; i++)
			;
	}
	if (!s[i])
		buf_add_str(out, s);
	else {
		buf_add(out, s, cut);
		buf_add_str(out, "...");
	}
}

static char *fitted(const char *s, size_t columns)
{
	struct buf b = BUF_INIT;

	add_fitted(&b, s, columns);
	return buf_detach(&b);
}

/* --- grouping ----------------------------------------------------------- */

static bool same_group(const struct judge_finding *a, const struct judge_finding *b)
{
	bool objects = *a->object != '\0';

	return a->report == b->report && objects == (*b->object != '\0') &&
	       strcmp(a->rule, b->rule) == 0 && strcmp(a->seen, b->seen) == 0 &&
	       strcmp(a->cure, b->cure) == 0 && (!objects || strcmp(a->ref, b->ref) == 0);
}

struct groups {
	struct group {
		const struct judge_finding *first;
		size_t n, shown_n;
		size_t shown[JUDGE_GROUP_MAX]; /* indices of the findings listed */
	} *v;
	size_t n, left_out;
};

static struct group *group_of(struct groups *g, const struct judge_finding *f)
{
	for (size_t i = g->n; i-- > 0;)
		if (same_group(g->v[i].first, f))
			return &g->v[i];
	if (g->n == JUDGE_GROUPS_MAX)
		return NULL;
	g->v[g->n] = (struct group){ .first = f };
	return &g->v[g->n++];
}

static void make_groups(const struct judge_result *r, bool report, struct groups *g)
{
	g->v = xcalloc(JUDGE_GROUPS_MAX, sizeof(*g->v));
	for (size_t i = 0; i < r->findings_n; i++) {
		const struct judge_finding *f = &r->findings[i];
		struct group *to;

		if (f->report != report)
			continue;
		g->left_out += f->unlike;
		to = group_of(g, f);
		if (!to) {
			g->left_out += 1 + f->alike;
			continue;
		}
		to->n += 1 + f->alike;
		if (to->shown_n < JUDGE_GROUP_MAX)
			to->shown[to->shown_n++] = i;
	}
}

/* --- one group ---------------------------------------------------------- */

static void add_item(struct buf *out, const struct judge_finding *f)
{
	size_t used = 2 + strlen(f->object) + 1;

	buf_add_str(out, "  ");
	if (!*f->object) {
		add_fitted(out, f->ref, JUDGE_COLUMNS - 2);
	} else {
		buf_add_str(out, f->object);
		if (*f->subject && used + 4 <= JUDGE_COLUMNS) {
			buf_add_str(out, " ");
			add_fitted(out, f->subject, JUDGE_COLUMNS - used);
		}
	}
	buf_add_str(out, "\n");
}

static bool is_command(const char *line)
{
	return strncmp(line, "git ", 4) == 0 || strncmp(line, "gitsign-hsm ", 12) == 0;
}

static void add_cure(struct buf *out, const char *cure)
{
	while (*cure) {
		size_t n = strcspn(cure, "\n");
		_cleanup_free_ char *line = xstrndup(cure, n);

		if (is_command(line)) {
			buf_addf(out, "    %s\n", line);
		} else {
			_cleanup_free_ char *indented = xasprintf("  %s", line);

			text_wrap(out, indented, JUDGE_COLUMNS, 2);
		}
		cure += n + (cure[n] == '\n');
	}
}

static void add_head(struct buf *out, const struct judge_finding *f, const char *more)
{
	_cleanup_free_ char *ref = fitted(f->ref, REF_COLUMNS);
	struct buf head = BUF_INIT;

	buf_addf(&head, "%s%s", more, f->report ? "Would refuse: " : "");
	if (*f->object)
		buf_addf(&head, "%s: ", ref);
	buf_add_str(&head, f->seen);
	text_wrap(out, buf_str(&head), JUDGE_COLUMNS, 2);
	buf_free(&head);
}

/* The items from `from` on to `to`, and how many there are behind. */
static void add_items(struct buf *out, const struct judge_result *r, const struct group *g,
		      size_t from, size_t to)
{
	if (to > g->shown_n)
		to = g->shown_n;
	for (size_t i = from; i < to; i++)
		add_item(out, &r->findings[g->shown[i]]);
	if (g->n > to)
		buf_addf(out, "  ... and %zu more\n", g->n - to);
}

/* How many items of each group stand on the first screen, beside what mends them. */
static size_t items_first(size_t groups)
{
	size_t n = groups <= 1 ? FIRST_ALONE : FIRST_ITEMS / groups;

	return n ? n : 1;
}

static void add_all(struct buf *out, const struct judge_result *r, const struct groups *g)
{
	size_t first = items_first(g->n);

	for (size_t i = 0; i < g->n; i++) {
		add_head(out, g->v[i].first, "");
		add_items(out, r, &g->v[i], 0, first);
		add_cure(out, g->v[i].first->cure);
	}
	for (size_t i = 0; i < g->n; i++)
		if (g->v[i].shown_n > first) {
			add_head(out, g->v[i].first, "More of ");
			add_items(out, r, &g->v[i], first, JUDGE_GROUP_MAX);
		}
}

/* --- the line that sums up ---------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* How many objects, or refs, the findings name: one may be named by many, at any place. */
static size_t count_named(const struct judge_result *r, bool report, bool objects)
{
	const char **v = xcalloc(r->findings_n + 1, sizeof(*v));
	size_t n = 0, ret = 0;

	for (size_t i = 0; i < r->findings_n; i++) {
		const struct judge_finding *f = &r->findings[i];

		if (f->report == report && (*f->object || !objects))
			v[n++] = objects ? f->object : f->ref;
	}
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		ret += i == 0 || strcmp(v[i - 1], v[i]) != 0;
	free(v);
	return ret;
}

static char *rules_text(const struct judge_result *r, bool report)
{
	struct policy_names rules = { NULL, 0 };
	char *ret;

	for (size_t i = 0; i < r->findings_n; i++)
		if (r->findings[i].report == report && *r->findings[i].rule)
			judge_names_add(&rules, r->findings[i].rule);
	if (rules.n == 0)
		ret = xstrdup("no rule");
	else if (rules.n == 1 && strlen(rules.v[0]) <= 20)
		ret = xasprintf("rule \"%s\"", rules.v[0]);
	else
		ret = xasprintf("%zu rule%s", rules.n, rules.n > 1 ? "s" : "");
	judge_names_free(&rules);
	return ret;
}

static void add_refused(struct buf *out, const struct judge_result *r, const struct policy *p,
			size_t updates, bool report)
{
	_cleanup_free_ char *rules = rules_text(r, report);
	size_t refs = count_named(r, report, false), named = count_named(r, report, true);
	size_t all = report ? r->commits_reported : r->commits_seen;
	size_t bad = all - (report ? r->commits_reported_good : r->commits);
	const char *word = report ? "would refuse" : "refused";
	struct buf line = BUF_INIT;

	if (named > 0 && named <= all && bad > 0)
		buf_addf(&line, "gitsign-hsm: %s: %zu of %zu commit%s, %s", word, bad, all,
			 all == 1 ? "" : "s", rules);
	else
		buf_addf(&line, "gitsign-hsm: %s: %zu of %zu ref%s, %s", word, refs, updates,
			 updates == 1 ? "" : "s", rules);
	buf_addf(&line, " (policy serial %lld)", (long long)p->serial);
	text_wrap(out, buf_str(&line), JUDGE_COLUMNS, 2);
	buf_free(&line);
}

static char *names_text(const struct policy_names *who)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < who->n; i++) {
		buf_add_str(&b, i ? ", " : "");
		text_escape(&b, bytes_str(who->v[i]));
	}
	return buf_detach(&b);
}

static void add_what(struct buf *b, const struct judge_result *r, const struct judge_update *u,
		     size_t n)
{
	size_t gone = 0;

	if (r->updates == 0) {
		buf_add_str(b, " without judging");
		return;
	}
	for (size_t i = 0; i < n; i++)
		gone += oid_is_null(&u[i].new_);
	if (r->commits)
		buf_addf(b, " %zu commit%s", r->commits, r->commits > 1 ? "s" : "");
	if (r->tags)
		buf_addf(b, "%s %zu tag%s", r->commits ? "," : "", r->tags,
			 r->tags > 1 ? "s" : "");
	if (gone)
		buf_addf(b, "%s %zu deletion%s", r->commits || r->tags ? "," : "", gone,
			 gone > 1 ? "s" : "");
	if (!r->commits && !r->tags && !gone)
		buf_add_str(b, " nothing new");
}

/* The most telling form that fits. */
static void add_accepted(struct buf *out, const struct judge_result *r,
			 const struct judge_update *u, size_t n)
{
	_cleanup_free_ char *who = names_text(&r->who);
	_cleanup_free_ char *ref = text_escaped(bytes_str(u[0].ref));
	const char *rule = r->entries_n ? r->entries[0].rule : "";
	struct buf head = BUF_INIT, b = BUF_INIT;

	buf_add_str(&head, "gitsign-hsm: accepted");
	add_what(&head, r, u, n);
	for (int form = 0; form < 4; form++) {
		buf_clear(&b);
		buf_add_bytes(&b, buf_bytes(&head));
		if (r->who.n && form < 3)
			buf_addf(&b, " by %s", who);
		if (n > 1 || form >= 2)
			buf_addf(&b, " on %zu ref%s", n, n > 1 ? "s" : "");
		else
			buf_addf(&b, " on %s", ref);
		if (n == 1 && *rule && form < 1) {
			_cleanup_free_ char *shown = text_escaped(bytes_str(rule));

			buf_addf(&b, " (rule %s)", shown);
		}
		if (b.n <= JUDGE_COLUMNS)
			break;
	}
	buf_add_bytes(out, buf_bytes(&b));
	buf_add_str(out, "\n");
	buf_free(&head);
	buf_free(&b);
}

static bool add_groups(struct buf *out, const struct judge_result *r, bool report)
{
	struct groups g = { NULL, 0, 0 };
	bool any;

	make_groups(r, report, &g);
	any = g.n > 0;
	add_all(out, r, &g);
	if (g.left_out)
		buf_addf(out, "... and %zu more findings of other kinds\n", g.left_out);
	free(g.v);
	return any;
}

void judge_render_findings(const struct judge_result *r, const struct policy *p, size_t updates_n,
			   struct buf *out)
{
	if (add_groups(out, r, true))
		add_refused(out, r, p, updates_n, true);
	if (!r->refused)
		return;
	add_groups(out, r, false);
	add_refused(out, r, p, updates_n, false);
}

void judge_render(const struct judge_result *r, const struct policy *p,
		  const struct judge_update *u, size_t n, struct buf *out)
{
	judge_render_findings(r, p, n, out);
	if (!r->refused)
		add_accepted(out, r, u, n);
}
