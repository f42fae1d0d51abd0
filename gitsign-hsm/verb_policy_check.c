/* policy check: what a policy file asks, and what it changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "json.h"
#include "policy_diff.h"
#include "policy_text.h"
#include "say.h"
#include "verb_repo.h"
#include "verbs.h"

static char *people_text(const struct policy *p, const struct policy_rule *r)
{
	struct buf b = BUF_INIT;
	struct facts f;

	facts_of_rule(p, r, &f);
	for (size_t i = 0; i < f.n; i++)
		for (size_t k = 0; strcmp(f.v[i].key, "signer") == 0 && k < f.v[i].values.n; k++)
			buf_addf(&b, "%s%s", b.n != 0 ? "," : "", f.v[i].values.v[k]);
	facts_free(&f);
	return buf_detach(&b);
}

struct widths {
	int rule, ref, signers, allows;
};

static void widen(int *width, const char *text)
{
	size_t n = strlen(text);

	if (n > (size_t)*width)
		*width = n < 40 ? (int)n : 40;
}

static struct widths measure(const struct policy *p)
{
	struct widths w = { 4, 3, 7, 6 };

	for (size_t i = 0; i < p->rules_n; i++) {
		_cleanup_free_ char *signers = people_text(p, &p->rules[i]);
		_cleanup_free_ char *allows = rule_allows(&p->rules[i]);

		widen(&w.rule, p->rules[i].name);
		widen(&w.signers, signers);
		widen(&w.allows, allows);
		for (size_t k = 0; k < p->rules[i].refs.n; k++)
			widen(&w.ref, p->rules[i].refs.v[k]);
	}
	return w;
}

static void print_rule(const struct policy *p, const struct policy_rule *r, struct widths w)
{
	_cleanup_free_ char *signers = people_text(p, r);
	_cleanup_free_ char *allows = rule_allows(r);

	for (size_t k = 0; k < r->refs.n; k++) {
		_cleanup_free_ char *ref = text_escaped(bytes_str(r->refs.v[k]));

		if (k == 0)
			printf("%-*s  %-*s  %-14s  %-*s  %-*s  %s\n", w.rule, r->name, w.ref, ref,
			       rule_asks(r), w.signers, signers, w.allows, allows,
			       p->report || r->report ? "report" : "enforce");
		else
			printf("%-*s  %s\n", w.rule, "", ref);
	}
}

static void print_policy(const struct policy *p)
{
	struct widths w = measure(p);
	struct buf hex = BUF_INIT;

	text_hex(&hex, bytes_of(p->digest, sizeof(p->digest)), false);
	printf("policy   %s\nserial   %lld\nmode     %s\ndigest   sha256:%s\n", p->path,
	       (long long)p->serial, p->report ? "report" : "enforce", buf_str(&hex));
	printf("signers  %zu\n\n", p->signers_n);
	printf("%-*s  %-*s  %-14s  %-*s  %-*s  %s\n", w.rule, "RULE", w.ref, "REF", "ASKS",
	       w.signers, "SIGNERS", w.allows, "ALLOWS", "MODE");
	for (size_t i = 0; i < p->rules_n; i++)
		print_rule(p, &p->rules[i], w);
	buf_free(&hex);
}

static void json_rule(struct buf *b, const struct policy *p, const struct policy_rule *r)
{
	struct facts f;

	facts_of_rule(p, r, &f);
	json_put_comma(b);
	buf_add_byte(b, '{');
	json_put_text(b, "name", r->name);
	json_put_number(b, "line", r->line);
	facts_json(b, &f);
	buf_add_byte(b, '}');
	facts_free(&f);
}

static void print_json(const struct policy *p)
{
	struct buf b = BUF_INIT, digest = BUF_INIT;

	buf_add_str(&digest, "sha256:");
	text_hex(&digest, bytes_of(p->digest, sizeof(p->digest)), false);
	buf_add_byte(&b, '{');
	json_put_text(&b, "path", p->path);
	json_put_number(&b, "serial", p->serial);
	json_put_text(&b, "mode", p->report ? "report" : "enforce");
	json_put_text(&b, "digest", buf_str(&digest));
	json_put_name(&b, "rules");
	buf_add_byte(&b, '[');
	for (size_t i = 0; i < p->rules_n; i++)
		json_rule(&b, p, &p->rules[i]);
	buf_add_str(&b, "]}");
	puts(buf_str(&b));
	buf_free(&b);
	buf_free(&digest);
}

struct check {
	const char *against, *for_, *repository;
	bool json;
};

/* Every key of today's files is of version 1: a verifier of that version knows them all. */
static int check_version(const char *word, struct err *err)
{
	uint64_t version;

	if (!text_parse_u64(bytes_str(word), &version) || version == 0)
		return err_set(err, ERR_USAGE, "--for wants the number of a policy version");
	if (version > POLICY_VERSION)
		return err_set(err, ERR_USAGE,
			       "this program knows policies up to version %d: ask "
			       "one that is newer",
			       POLICY_VERSION);
	return 0;
}

static int compare(const struct check *c, const struct policy *p, struct err *err)
{
	struct policy *old = NULL;
	struct repo *repo = NULL;
	int rc = policy_load_draft(c->against, &old, err);

	if (rc == 0 && c->repository != NULL)
		rc = verb_repo_open(c->repository, &repo, err);
	if (rc == 0)
		rc = policy_diff(old, p, repo, c->json, err);
	repo_close(repo);
	policy_free(old);
	return rc;
}

static int check(const struct check *c, const char *file, struct err *err)
{
	struct policy *p = NULL;
	int rc = c->for_ != NULL ? check_version(c->for_, err) : 0;

	if (rc == 0 && c->repository != NULL && c->against == NULL)
		rc = err_set(err, ERR_USAGE, "--repository goes with --against");
	if (rc == 0)
		rc = policy_load_draft(file, &p, err);
	if (rc == 0 && c->against != NULL)
		rc = compare(c, p, err);
	else if (rc == 0)
		(c->json ? print_json : print_policy)(p);
	policy_free(p);
	return rc;
}

int verb_policy_check(int argc, char **argv)
{
	struct check c = { NULL, NULL, NULL, false };
	const struct opt opts[] = {
		{ 0, "against", "OLD", "show what FILE changes beside OLD", OPT_STRING,
		  &c.against },
		{ 0, "repository", "DIR", "with it: the refs there that another rule governs then",
		  OPT_STRING, &c.repository },
		{ 0, "for", "VERSION", "would a program of this policy version take it?",
		  OPT_STRING, &c.for_ },
		{ 0, "json", NULL, "print one JSON object", OPT_FLAG, &c.json },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm policy check [--against OLD [--repository DIR]] [--for VERSION] "
		"[--json] FILE",
		"Reads a policy file as a hook would, and shows what each rule asks, or what it "
		"changes.",
		opts,
		"Errors name the file and the line; the exit status is then 3. With --against it "
		"is "
		"1 when serial has not grown: a server would refuse the file.",
		1,
		1,
	};
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = check(&c, argv[0], &err);
	return rc != 0 && err.code != ERR_NONE ? say_err(&err) : rc;
}
