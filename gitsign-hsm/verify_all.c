/* verify --all: every governed ref of a repository, from its introduction to its tip. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/mem.h"
#include "base/text.h"
#include "findings.h"
#include "json.h"
#include "policy/remote.h"
#include "verify_modes.h"

struct row {
	const struct past_ref *ref;
	const struct policy_rule *rule; /* NULL: none */
	bool bad, recorded;
};

struct table {
	struct row *rows;
	size_t n, unruled;
};

static int by_ref(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->ref->name, y->ref->name);
}

static struct row *row_of(const struct table *t, const char *ref)
{
	const struct past_ref name = { .name = ref };
	const struct row key = { .ref = &name };

	return bsearch(&key, t->rows, t->n, sizeof(*t->rows), by_ref);
}

static void mark(const struct replay_step *s, void *ctx)
{
	for (size_t i = 0; i < s->n && s->result->refused; i++)
		row_of(ctx, s->updates[i].ref)->bad = true;
}

static bool is_recorded(const struct audit *a, const struct past_ref *ref)
{
	bool known = false, deleted = false;
	struct oid last = { .n = 0 };

	if (a->record != NULL)
		record_ref(a->record, ref->name, &known, &deleted, &last);
	return known && !deleted && oid_eq(&last, &ref->value);
}

static int make_table(const struct audit *a, const struct past_ref *refs, size_t n, struct table *t,
		      struct err *err)
{
	int rc = 0;

	t->rows = xcalloc(n != 0 ? n : 1, sizeof(*t->rows));
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct row *r = &t->rows[t->n++];

		r->ref = &refs[i];
		r->recorded = is_recorded(a, &refs[i]);
		rc = policy_rule_for(a->policy, bytes_str(refs[i].name), &r->rule, err);
	}
	if (t->n != 0)
		qsort(t->rows, t->n, sizeof(*t->rows), by_ref);
	return rc;
}

static const char *verdict_of(const struct row *r)
{
	if (r->rule == NULL)
		return "no rule";
	return r->bad ? "bad" : "good";
}

static void print_table(const struct audit *a, const struct table *t)
{
	int width = 3;

	for (size_t i = 0; i < t->n; i++) {
		_cleanup_free_ char *ref = text_escaped(bytes_str(t->rows[i].ref->name));

		if ((int)strlen(ref) > width)
			width = strlen(ref) < 48 ? (int)strlen(ref) : 48;
	}
	printf("%-*s  %-16s  %-8s  %s\n", width, "REF", "RULE", "VERDICT", "RECORDED");
	for (size_t i = 0; i < t->n; i++) {
		const struct row *r = &t->rows[i];
		_cleanup_free_ char *ref = text_escaped(bytes_str(r->ref->name));
		const char *recorded = a->record == NULL ? "-" : r->recorded ? "yes" : "no";

		printf("%-*s  %-16s  %-8s  %s\n", width, ref, r->rule != NULL ? r->rule->name : "-",
		       verdict_of(r), recorded);
	}
}

static size_t count_governed(const struct table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->rows[i].rule != NULL;
	return n;
}

/* Whoever asks whether all is good must not hear yes because a policy names other refs. */
static bool is_nothing(const struct table *t)
{
	return t->n > 0 && count_governed(t) == 0;
}

static void print_result(const struct audit *a, const struct table *t,
			 const struct judge_result *sum)
{
	print_table(a, t);
	if (sum->refused) {
		puts("");
		findings_print_all(sum, a->policy, t->n);
		return;
	}
	if (!is_nothing(t))
		printf("%zu of %zu refs have a rule, and are good: %zu commits, %zu tags\n",
		       count_governed(t), t->n, sum->commits, sum->tags);
}

static void json_row(struct buf *b, const struct audit *a, const struct row *r)
{
	json_put_comma(b);
	buf_add_byte(b, '{');
	json_put_text(b, "ref", r->ref->name);
	findings_json_oid(b, "value", &r->ref->value);
	json_put_text(b, "rule", r->rule != NULL ? r->rule->name : NULL);
	json_put_bool(b, "good", r->rule == NULL ? -1 : !r->bad);
	json_put_bool(b, "recorded", a->record == NULL ? -1 : r->recorded);
	buf_add_byte(b, '}');
}

static void print_json(const struct audit *a, const struct table *t, const struct judge_result *sum)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, '{');
	json_put_text(&b, "policy", a->policy->path);
	json_put_hex(&b, "digest", a->policy->digest, sizeof(a->policy->digest));
	json_put_number(&b, "serial", a->policy->serial);
	json_put_bool(&b, "good", !sum->refused && !is_nothing(t));
	json_put_name(&b, "refs");
	buf_add_byte(&b, '[');
	for (size_t i = 0; i < t->n; i++)
		json_row(&b, a, &t->rows[i]);
	buf_add_byte(&b, ']');
	findings_json(&b, sum);
	buf_add_byte(&b, '}');
	puts(buf_str(&b));
	buf_free(&b);
}

static int judge(struct audit *a, struct past_ref *refs, size_t n, bool json, struct err *err)
{
	struct judge_context c = audit_context(a);
	struct table t = { NULL, 0, 0 };
	struct replay r;
	int rc = make_table(a, refs, n, &t, err);

	/* The question is what the rules say, not whether anybody asks them. */
	a->policy->report = false;
	c.all_findings = json;
	replay_start(&r, &c, mark, &t);
	if (rc == 0)
		rc = replay_refs(&r, refs, n, a->now, &t.unruled, err);
	if (rc == 0) {
		(json ? print_json : print_result)(a, &t, &r.sum);
		rc = r.sum.refused ? ERR_BAD : 0;
	}
	if (rc == 0 && is_nothing(&t)) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(a->policy->path));

		rc = err_set(err, ERR_CONFIG,
			     "nothing was judged: none of %zu refs has a rule in %s "
			     "(gitsign-hsm policy explain REF shows what a ref is asked)",
			     t.n, shown);
	}
	replay_end(&r);
	free(t.rows);
	return rc;
}

static int list_refs(struct audit *a, const char *remote, struct past_ref **refs, size_t *n,
		     struct err *err)
{
	int rc;

	if (remote == NULL)
		return past_refs(a->repo, refs, n, err);
	rc = remote_refs(a->repo, &a->settings.conf, remote, refs, n, err);
	if (rc == 0 && *n == 0) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(remote));

		rc = err_set(err, ERR_CONFIG, "nothing is known of a remote %s: git fetch %s",
			     shown, shown);
	}
	return rc;
}

int verify_everything(const struct verify_mode *m, struct err *err)
{
	struct audit a;
	struct past_ref *refs = NULL;
	size_t n = 0;
	int rc = audit_open(NULL, m->policy, true, &a, err);

	if (rc != 0)
		return rc;
	rc = audit_read_record(&a, err);
	if (rc == 0)
		rc = audit_read_times(&a, err);
	if (rc == 0)
		rc = list_refs(&a, m->remote, &refs, &n, err);
	if (rc == 0)
		rc = judge(&a, refs, n, m->json, err);
	past_refs_free(refs, n);
	audit_close(&a);
	return rc;
}
