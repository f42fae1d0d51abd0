/* policy explain: which rule governs a ref and why, and what a push to it would be asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "json.h"
#include "policy/file_internal.h"
#include "policy_text.h"
#include "say.h"
#include "verbs.h"

/* The pattern of a rule that decides over a ref; NULL: none matches. */
static const char *best_pattern(const struct policy_rule *r, struct bytes ref)
{
	const char *best = NULL;

	for (size_t i = 0; i < r->refs.n; i++)
		if (policy_glob(r->refs.v[i], ref) &&
		    (best == NULL || policy_pattern_rank(r->refs.v[i]) > policy_pattern_rank(best)))
			best = r->refs.v[i];
	return best;
}

static char *rank_text(const char *pattern)
{
	size_t rank = policy_pattern_rank(pattern);

	return rank == SIZE_MAX ? xstrdup("no wildcard")
				: xasprintf("%zu bytes before the first wildcard", rank);
}

/* --- what a push would be asked --------------------------------------------------------- */

static void ask(struct buf *b, const char *text)
{
	buf_addf(b, "%s\n", text);
}

static const char *object_text(const struct policy_rule *r)
{
	if (r->judges_tags)
		return r->tags_signed ? "A tag object, signed by one of those who may sign; its "
					"name is that of the ref, and is used once."
				      : "A tag; its signature is not asked for.";
	switch (r->commits) {
	case COMMITS_SIGNED:
		return "Each new commit is signed by one of those who may sign.";
	case COMMITS_TIP:
		return "The new tip is signed by one of those who may sign.";
	default:
		return "Commits need no signature.";
	}
}

static bool wants_signature(const struct policy_rule *r)
{
	return r->judges_tags ? r->tags_signed : r->commits != COMMITS_ANY;
}

static void ask_identity(struct buf *b, const struct policy_rule *r)
{
	if (r->committer_match && wants_signature(r))
		ask(b, r->judges_tags ? "The tagger's e-mail is one of the signer's."
				      : "The committer's e-mail is one of the signer's.");
	if (r->author == AUTHOR_MATCH)
		ask(b, "The author's e-mail is one of the signer's.");
	else if (r->author == AUTHOR_KNOWN)
		ask(b, "The author's e-mail is one of a signer of the policy.");
	if (r->judges_tags && !r->target_any)
		ask(b, "What it tags is accepted under a rule that this one accepts.");
	if (r->cert_required)
		ask(b, "The push has a certificate of one who may push: git push --signed.");
	if (!r->allow_keyless)
		ask(b, "The push brings a new signed object, or has a certificate.");
}

static char *asks_of(const struct policy_rule *r)
{
	struct buf b = BUF_INIT;

	ask(&b, object_text(r));
	ask_identity(&b, r);
	if (r->judges_tags && r->tags_signed)
		ask(&b, "It stays what it is.");
	else
		ask(&b, r->allow_rewind ? "It may be rewound."
					: "It goes forward only: the old value is an ancestor.");
	ask(&b, r->allow_delete ? "It may be deleted." : "It is not deleted.");
	if (!r->judges_tags && !r->any_root)
		ask(&b, "A commit without parents only where nothing is accepted yet.");
	if (r->expiry_grace > 0)
		buf_addf(&b,
			 "A certificate may have expired, at most %lld h before the push "
			 "(expiryGrace).\n",
			 (long long)(r->expiry_grace + 3599) / 3600);
	return buf_detach(&b);
}

/* --- text ---------------------------------------------------------------------------------- */

static void print_others(const struct policy *p, const struct policy_rule *rule, struct bytes ref)
{
	for (size_t i = 0; i < p->rules_n; i++) {
		const struct policy_rule *r = &p->rules[i];
		const char *pattern = r == rule ? NULL : best_pattern(r, ref);
		_cleanup_free_ char *rank = pattern != NULL ? rank_text(pattern) : NULL;

		if (pattern != NULL && r->report)
			printf("watched by     rule \"%s\" (%s:%u), in report mode: it refuses "
			       "nothing\n",
			       r->name, p->path, r->line);
		else if (pattern != NULL)
			printf("yields         rule \"%s\" (%s:%u): %s has %s\n", r->name, p->path,
			       r->line, pattern, rank);
	}
}

/* Once, later, or now: by the windows of the signer and of the keys. */
static const char *may_sign(const struct policy *p, const struct policy_signer *s, int64_t now)
{
	int at = policy_signer_at(p, s, now);

	return at == 0 ? "may sign" : at < 0 ? "not yet" : "not any more";
}

static void print_people(const struct policy *p, const struct policy_rule *r)
{
	int64_t now = os_now();

	for (size_t i = 0; i < p->signers_n; i++) {
		const struct policy_signer *s = &p->signers[i];
		struct facts f;

		if (!policy_rule_allows(p, r, s))
			continue;
		facts_of_signer(p, s, &f);
		printf("%-14s %s", may_sign(p, s, now), s->name);
		for (size_t k = 0; k < f.n; k++) {
			_cleanup_free_ char *text = fact_text(&f.v[k]);

			if (f.v[k].values.n != 0)
				printf("  %s %s", f.v[k].key, text);
		}
		puts("");
		facts_free(&f);
	}
	for (size_t i = 0; i < r->trusts_n; i++)
		printf("may sign       any address in %s, by trust \"%s\"\n",
		       p->trusts[r->trusts[i]].email_domain, p->trusts[r->trusts[i]].name);
}

static void print_rule(const struct policy *p, const struct policy_rule *r, struct bytes ref)
{
	const char *pattern = best_pattern(r, ref);
	_cleanup_free_ char *rank = rank_text(pattern);
	_cleanup_free_ char *asks = asks_of(r);
	struct facts f;

	printf("rule           \"%s\" (%s:%u): %s has %s\n", r->name, p->path, r->line, pattern,
	       rank);
	print_others(p, r, ref);
	printf("mode           %s\n", p->report ? "report: nothing is refused" : "enforce");
	facts_of_rule(p, r, &f);
	for (size_t i = 0; i < f.n; i++) {
		_cleanup_free_ char *text = fact_text(&f.v[i]);

		if (strcmp(f.v[i].key, "accepts") == 0 || strcmp(f.v[i].key, "pusher") == 0)
			printf("%-14s %s\n", f.v[i].key, text);
	}
	facts_free(&f);
	print_people(p, r);
	printf("\nWhat a push to it is asked:\n%s", asks);
}

static void print_text(const struct policy *p, const struct policy_rule *r, const char *ref)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(ref));

	printf("ref            %s\n", shown);
	if (r != NULL) {
		print_rule(p, r, bytes_str(ref));
		return;
	}
	print_others(p, r, bytes_str(ref));
	printf("rule           none: %s\n",
	       policy_reported(p, bytes_str(ref))
		       ? "pushes are not refused, and nothing is recorded"
		       : "every push to it is refused");
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void json_people(struct buf *b, const struct policy *p, const struct policy_rule *r)
{
	int64_t now = os_now();

	json_put_name(b, "maySign");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < p->signers_n; i++) {
		struct facts f;

		if (!policy_rule_allows(p, r, &p->signers[i]))
			continue;
		facts_of_signer(p, &p->signers[i], &f);
		json_put_comma(b);
		buf_add_byte(b, '{');
		json_put_text(b, "name", p->signers[i].name);
		json_put_bool(b, "now", policy_signer_at(p, &p->signers[i], now) == 0);
		facts_json(b, &f);
		buf_add_byte(b, '}');
		facts_free(&f);
	}
	buf_add_byte(b, ']');
}

static void json_matches(struct buf *b, const struct policy *p, struct bytes ref)
{
	json_put_name(b, "matches");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < p->rules_n; i++) {
		const char *pattern = best_pattern(&p->rules[i], ref);

		if (pattern == NULL)
			continue;
		json_put_comma(b);
		buf_add_byte(b, '{');
		json_put_text(b, "name", p->rules[i].name);
		json_put_text(b, "pattern", pattern);
		json_put_number(b, "line", p->rules[i].line);
		json_put_bool(b, "report", p->rules[i].report);
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, ']');
}

static void print_json(const struct policy *p, const struct policy_rule *r, const char *ref)
{
	struct buf b = BUF_INIT;
	struct facts f;

	buf_add_byte(&b, '{');
	json_put_text(&b, "policy", p->path);
	json_put_text(&b, "name", ref);
	json_put_text(&b, "rule", r != NULL ? r->name : NULL);
	json_matches(&b, p, bytes_str(ref));
	if (r != NULL) {
		_cleanup_free_ char *asks = asks_of(r);

		facts_of_rule(p, r, &f);
		facts_json(&b, &f);
		facts_free(&f);
		json_people(&b, p, r);
		json_put_text(&b, "text", asks);
	}
	buf_add_byte(&b, '}');
	puts(buf_str(&b));
	buf_free(&b);
}

/* --- the verb ----------------------------------------------------------------------------------- */

/* Without a policy on the command line there is a repository that names one. */
static int explain(const char *file, const char *word, bool json, struct err *err)
{
	_cleanup_free_ char *ref =
		strncmp(word, "refs/", 5) == 0 ? xstrdup(word) : xasprintf("refs/heads/%s", word);
	struct audit a = { .repo = NULL };
	struct policy *draft = NULL;
	const struct policy_rule *rule = NULL;
	int rc;

	if (!object_ref_ok(bytes_str(ref)))
		return err_set(err, ERR_USAGE,
			       "not the name of a ref: git-check-ref-format(1), in UTF-8");
	rc = file != NULL ? policy_load_draft(file, &draft, err)
			  : audit_open(NULL, NULL, true, &a, err);
	if (rc == 0)
		rc = policy_rule_for(draft != NULL ? draft : a.policy, bytes_str(ref), &rule, err);
	if (rc == 0) {
		(json ? print_json : print_text)(draft != NULL ? draft : a.policy, rule, ref);
		rc = rule != NULL ? 0 : ERR_BAD;
	}
	policy_free(draft);
	if (a.repo != NULL)
		audit_close(&a);
	return rc;
}

int verb_policy_explain(int argc, char **argv)
{
	const char *file = NULL;
	bool json = false;
	const struct opt opts[] = {
		{ 0, "policy", "FILE", "this policy (else hsm.policy)", OPT_STRING, &file },
		{ 0, "json", NULL, "print one JSON object", OPT_FLAG, &json },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm policy explain [--policy FILE] [--json] REF",
		"Shows which rule governs a ref and why, who may sign, and what a push to it would "
		"be asked. A name without refs/ is a branch.",
		opts,
		"Ends with 1 when no rule governs the ref.",
		1,
		1,
	};
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = explain(file, argv[0], json, &err);
	return rc != 0 && err.code != ERR_NONE ? say_err(&err) : rc;
}
