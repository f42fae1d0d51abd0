/* policy replay: what a policy file would have said of what is there already. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/mem.h"
#include "base/text.h"
#include "findings.h"
#include "json.h"
#include "say.h"
#include "verbs.h"

struct count {
	size_t updates, refused, findings;
};

struct counts {
	const struct policy *p;
	struct count *rules; /* beside p->rules, and one more: no rule */
	size_t updates;
};

/* --- counting --------------------------------------------------------------------------- */

static size_t findings_of(const struct judge_result *r, const char *rule)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(rule));
	size_t n = 0;

	for (size_t i = 0; i < r->findings_n; i++)
		if (strcmp(r->findings[i].rule, shown) == 0)
			n += 1 + r->findings[i].alike + r->findings[i].unlike;
	return n;
}

/* Findings without a rule are of the push's form: they are the governing rule's. */
static void count_step(const struct replay_step *s, void *ctx)
{
	struct counts *c = ctx;
	struct bytes ref = bytes_str(s->updates[0].ref);
	const struct policy_rule *rule = NULL;
	size_t unruled = findings_of(s->result, "");

	(void)policy_rule_for(c->p, ref, &rule, NULL);
	c->updates++;
	for (size_t i = 0; i <= c->p->rules_n; i++) {
		const struct policy_rule *r = i < c->p->rules_n ? &c->p->rules[i] : NULL;
		size_t found = r == rule ? unruled : 0;

		if (r != rule && (r == NULL || !r->report || !policy_rule_covers(r, ref)))
			continue;
		if (r != NULL)
			found += findings_of(s->result, r->name);
		c->rules[i].updates++;
		c->rules[i].refused += found != 0;
		c->rules[i].findings += found;
	}
}

/* --- what is printed ----------------------------------------------------------------------- */

static const char *mode_of(const struct policy *p, const struct policy_rule *r)
{
	return p->report || (r != NULL && r->report) ? "report" : "enforce";
}

static void print_counts(const struct counts *c, const struct replay *r)
{
	printf("%-20s  %8s  %8s  %8s  %8s  %s\n", "RULE", "UPDATES", "LET IN", "REFUSED",
	       "FINDINGS", "MODE");
	for (size_t i = 0; i <= c->p->rules_n; i++) {
		const struct policy_rule *rule = i < c->p->rules_n ? &c->p->rules[i] : NULL;
		const struct count *x = &c->rules[i];

		if (rule == NULL && x->updates == 0)
			continue;
		printf("%-20s  %8zu  %8zu  %8zu  %8zu  %s\n", rule != NULL ? rule->name : "(none)",
		       x->updates, x->updates - x->refused, x->refused, x->findings,
		       mode_of(c->p, rule));
	}
	if (r->gone != 0)
		printf("%zu updates are of objects that are gone: not judged\n", r->gone);
}

static void print_text(const struct counts *c, const struct replay *r)
{
	print_counts(c, r);
	if (r->sum.findings_n != 0)
		puts("");
	findings_print_all(&r->sum, c->p, c->updates);
}

static void json_count(struct buf *b, const struct counts *c, size_t i)
{
	const struct policy_rule *rule = i < c->p->rules_n ? &c->p->rules[i] : NULL;

	json_put_comma(b);
	buf_add_byte(b, '{');
	json_put_text(b, "rule", rule != NULL ? rule->name : NULL);
	json_put_text(b, "mode", mode_of(c->p, rule));
	json_put_number(b, "updates", (long long)c->rules[i].updates);
	json_put_number(b, "refused", (long long)c->rules[i].refused);
	json_put_number(b, "findings", (long long)c->rules[i].findings);
	buf_add_byte(b, '}');
}

static void print_json(const struct counts *c, const struct replay *r)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, '{');
	json_put_text(&b, "policy", c->p->path);
	json_put_number(&b, "updates", (long long)c->updates);
	json_put_number(&b, "gone", (long long)r->gone);
	json_put_name(&b, "rules");
	buf_add_byte(&b, '[');
	for (size_t i = 0; i <= c->p->rules_n; i++)
		json_count(&b, c, i);
	buf_add_byte(&b, ']');
	findings_json(&b, &r->sum);
	buf_add_byte(&b, '}');
	puts(buf_str(&b));
	buf_free(&b);
}

/* --- what is replayed ------------------------------------------------------------------------ */

static int replay_all(struct audit *a, struct replay *r, struct err *err)
{
	const struct record_entry *v;
	size_t n;
	int rc = audit_read_record(a, err);

	if (rc != 0)
		return rc;
	if (a->record == NULL)
		return err_set(err, ERR_CONFIG,
			       "there is no record here to replay: name a range "
			       "with --ref REF --range A..B");
	v = record_entries(a->record, &n);
	return replay_record(r, v, n, err);
}

/* As if it had been pushed in one go, and `A` was accepted. */
static int replay_range(struct audit *a, struct replay *r, const char *ref, const char *range,
			struct err *err)
{
	const char *dots = strstr(range, "..");
	_cleanup_free_ char *from = NULL, *to = NULL;
	struct record_entry e = { .state = RECORD_LANDED, .received = a->now };
	const struct policy_rule *rule = NULL;
	int rc;

	if (dots == NULL || dots == range || dots[2] == '\0' || dots[2] == '.')
		return err_set(err, ERR_USAGE, "--range wants A..B");
	if (!object_ref_ok(bytes_str(ref)) || strncmp(ref, "refs/", 5) != 0)
		return err_set(err, ERR_USAGE, "--ref wants a whole name: refs/heads/main");
	from = xasprintf("%.*s^{commit}", (int)(dots - range), range);
	to = xasprintf("%s^{commit}", dots + 2);
	rc = repo_resolve(a->repo, from, &e.old, err);
	if (rc == 0)
		rc = repo_resolve(a->repo, to, &e.new_, err);
	if (rc == 0)
		rc = policy_rule_for(a->policy, bytes_str(ref), &rule, err);
	if (rc != 0)
		return rc;
	if (rule != NULL)
		past_accept(r->past, ref, &e.old, rule->name, false);
	past_set(r->past, ref, &e.old);
	e.ref = xstrdup(ref);
	rc = replay_record(r, &e, 1, err);
	free(e.ref);
	return rc;
}

struct asked {
	const char *ref, *range;
	bool json;
};

static int replay(struct audit *a, const struct asked *q, struct err *err)
{
	struct counts c = { .p = a->policy };
	struct judge_context context = audit_context(a);
	struct replay r;
	size_t refused = 0;
	int rc;

	context.all_findings = q->json;
	c.rules = xcalloc(a->policy->rules_n + 1, sizeof(*c.rules));
	replay_start(&r, &context, count_step, &c);
	rc = q->range != NULL ? replay_range(a, &r, q->ref, q->range, err) : replay_all(a, &r, err);
	if (rc == 0)
		(q->json ? print_json : print_text)(&c, &r);
	for (size_t i = 0; i <= a->policy->rules_n; i++)
		refused += c.rules[i].refused;
	replay_end(&r);
	free(c.rules);
	return rc != 0 ? rc : refused != 0 ? ERR_BAD : 0;
}

int verb_policy_replay(int argc, char **argv)
{
	struct asked q = { NULL, NULL, false };
	const struct opt opts[] = {
		{ 0, "ref", "REF", "with --range: the ref that it would be pushed to", OPT_STRING,
		  &q.ref },
		{ 0, "range", "A..B", "replay this instead of the record", OPT_STRING, &q.range },
		{ 0, "json", NULL, "print one JSON object", OPT_FLAG, &q.json },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm policy replay [--ref REF --range A..B] [--json] FILE [REPOSITORY]",
		"Judges the updates that are on record, each for the time when it was received, by "
		"a policy file that need not be in force, and counts what each rule would have let "
		"in and refused.",
		opts,
		"Ends with 1 when it would have refused one.",
		1,
		2,
	};
	struct audit a;
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	if ((q.ref == NULL) != (q.range == NULL)) {
		err_set(&err, ERR_USAGE, "--ref and --range go together");
		return say_err(&err);
	}
	rc = audit_open_draft(argc > 1 ? argv[1] : NULL, argv[0], &a, &err);
	if (rc != 0)
		return say_err(&err);
	rc = replay(&a, &q, &err);
	audit_close(&a);
	return rc != 0 && err.code != ERR_NONE ? say_err(&err) : rc;
}
