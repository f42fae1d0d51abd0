/* hook status: what the hook of a repository enforces, and what endangers it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "hook_place.h"
#include "policy/judge.h"
#include "policy_text.h"
#include "record/serial.h"
#include "say.h"
#include "verbs.h"

struct status {
	struct hook_place p;
	bool json;
	struct facts facts; /* for JSON */
	size_t problems;
};

/* One line, or one value of a JSON member; `label` NULL: the key. */
static void row(struct status *s, const char *label, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void row(struct status *s, const char *label, const char *key, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (s->json)
		facts_add(&s->facts, key, buf_str(&b));
	else
		printf("%-14s %s\n", label ? label : key, buf_str(&b));
	buf_free(&b);
}

static void problem(const char *text, void *ctx)
{
	struct status *s = ctx;

	s->problems++;
	row(s, "PROBLEM", "problem", "%s", text);
}

/* --- the policy -------------------------------------------------------------------------- */

/* A rule may want what git does not ask for. */
static void status_certs(struct status *s, const struct policy *policy)
{
	const struct server *v = &s->p.server;
	const struct policy_rule *wants = NULL;

	for (size_t i = 0; i < policy->rules_n && !wants; i++)
		if (policy->rules[i].cert_required && !policy->rules[i].report && !policy->report)
			wants = &policy->rules[i];
	if (!v->asks_certs && wants) {
		_cleanup_free_ char *text =
			xasprintf("rule \"%s\" wants push certificates, but git does not ask for "
				  "any: pushes to "
				  "it are refused. Set receive.certNonceSeed (hook install does)",
				  wants->name);

		problem(text, s);
		return;
	}
	if (v->repository != NULL)
		row(s, NULL, "name", "%s", v->repository);
	if (v->asks_certs)
		row(s, NULL, "certificates", "asked for, good for %lld s",
		    (long long)v->cert_max_age);
	for (size_t i = 0; i < v->push_urls_n; i++)
		row(s, "push URL", "pushUrl", "%s", v->push_urls[i]);
}

static void status_crl(const char *name, enum trust_crls asked, const char *issuer, int64_t until,
		       void *ctx)
{
	_cleanup_(buf_free) struct buf when = BUF_INIT;
	struct status *s = ctx;
	bool late = until < os_now();

	text_time(&when, until);
	row(s, NULL, "crl", "of %s (trust %s), current until %s%s", issuer, name, buf_str(&when),
	    late ? ": out of date" : "");
	if (late && asked == TRUST_CRLS_REQUIRE)
		s->problems++;
}

static void status_mode(struct status *s, const struct policy *policy)
{
	row(s, NULL, "mode", "%s", policy->report ? "report" : "enforce");
	if (policy->report)
		problem("the policy is in report mode: pushes are judged and told, but nothing is "
			"refused. gitsign-hsm hook enable ends it",
			s);
	for (size_t i = 0; i < policy->rules_n; i++)
		if (policy->rules[i].report && !policy->report)
			row(s, "report rule", "reportRule", "%s: it refuses nothing",
			    policy->rules[i].name);
}

static void status_policy(struct status *s)
{
	const struct server *v = &s->p.server;
	struct policy *policy = NULL;
	struct buf hex = BUF_INIT;
	struct err err = ERR_INIT;

	if (!v->policy) {
		problem("no policy: every push is refused. git config hsm.policy /PATH", s);
		return;
	}
	if (s->json)
		row(s, NULL, "policy", "%s", v->policy);
	else
		row(s, NULL, "policy", "%s (%s)", v->policy, v->policy_from);
	if (policy_load(v->policy, &policy, &err)) {
		problem(err.text, s);
		return;
	}
	text_hex(&hex, bytes_of(policy->digest, sizeof(policy->digest)), false);
	row(s, NULL, "serial", "%lld", (long long)policy->serial);
	row(s, NULL, "digest", "sha256:%s", buf_str(&hex));
	status_mode(s, policy);
	trust_each_crl(policy->trust, status_crl, s);
	if (!v->no_record &&
	    record_serial_check(v->state_dir, policy->serial, policy->rules_digest, &err))
		problem(err.text, s);
	buf_free(&hex);
	status_certs(s, policy);
	policy_free(policy);
}

/* --- the record ---------------------------------------------------------------------------- */

static bool any_rule(const char *rule, void *ctx)
{
	(void)rule;
	(void)ctx;
	return true;
}

/* Would a push be judged for another time than now? */
static void status_clock(struct status *s, const struct record *r)
{
	_cleanup_free_ char *note = NULL;
	struct err err = ERR_INIT;
	int64_t t;
	int rc = judge_receive_time(r, os_now(), s->p.server.clock_reset, &t, &note, &err);

	if (rc || note)
		problem(rc ? err.text : note, s);
}

static void status_tips(struct status *s, const struct record *r)
{
	struct oid *tips = NULL;
	size_t entries, n = record_tips(r, any_rule, NULL, &tips);

	record_entries(r, &entries);
	if (s->json) {
		row(s, NULL, "record", "%s", s->p.server.state_dir);
		row(s, NULL, "entries", "%zu", entries);
		row(s, NULL, "tips", "%zu", n);
	} else {
		row(s, NULL, "record", "%s, %zu entr%s, %zu tip%s", s->p.server.state_dir, entries,
		    entries == 1 ? "y" : "ies", n, n == 1 ? "" : "s");
	}
	for (size_t i = 0; i < n; i++) {
		char hex[OID_HEX_MAX];

		row(s, NULL, "tip", "%s%s", oid_hex(&tips[i], hex),
		    repo_has(s->p.repo, &tips[i]) ? "" : " (gone)");
	}
	free(tips);
}

static void status_record(struct status *s)
{
	const struct server *v = &s->p.server;
	struct record *r = NULL;
	struct err err = ERR_INIT;

	if (access(v->state_dir, F_OK) != 0 || v->no_record) {
		row(s, NULL, "record", "%s",
		    v->no_record ? "none is kept (hsm.record = off): refs say what was accepted"
				 : "none yet");
		return;
	}
	if (record_open(v->state_dir, 5000, NULL, NULL, &r, &err)) {
		problem(err.text, s);
		return;
	}
	status_tips(s, r);
	status_clock(s, r);
	record_close(r);
}

/* --- the hook ------------------------------------------------------------------------------- */

static void status_hook(struct status *s)
{
	const struct hook_file *f = &s->p.files[HOOK_PRE_RECEIVE];

	if (!f->there) {
		problem("not installed: gitsign-hsm hook install", s);
	} else if (!f->runs) {
		problem("the hook is not executable: git passes it over and lets every push "
			"in. Install it again",
			s);
	} else if (!f->ours) {
		row(s, NULL, "hook", "%s (another program; does it call %s?)", f->path, f->program);
		s->problems++;
	}
	for (int i = 0; i < HOOK_KINDS; i++)
		if (s->p.files[i].ours && s->p.files[i].runs)
			row(s, NULL, "hook", "%s -> %s", s->p.files[i].path, s->p.files[i].program);
}

static void status_all(struct status *s)
{
	struct err err = ERR_INIT;

	row(s, NULL, "repository", "%s", s->p.server.git_dir);
	status_hook(s);
	status_policy(s);
	for (size_t i = 0; i < s->p.server.introductions_n; i++) {
		char hex[OID_HEX_MAX];

		row(s, NULL, "introduction", "%s", oid_hex(&s->p.server.introductions[i], hex));
	}
	status_record(s);
	/* Both count by themselves; so does problem(). */
	(void)hook_place_traps(&s->p, problem, s, &err);
	(void)server_inspect(&s->p.server, s->p.files[HOOK_PRE_RECEIVE].program, problem, s);
}

static void print_json(const struct status *s)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, '{');
	facts_json(&b, &s->facts);
	buf_add_byte(&b, '}');
	puts(buf_str(&b));
	buf_free(&b);
}

int verb_hook_status(int argc, char **argv)
{
	struct status s = { .json = false };
	const struct opt opts[] = {
		{ 0, "json", NULL, "print one JSON object", OPT_FLAG, &s.json },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm hook status [--json] [REPOSITORY]",
		"Shows what the hook enforces, and what endangers it. Exit status 3 when there is "
		"a problem.",
		opts,
		NULL,
		0,
		1,
	};
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = hook_place_open(argc > 0 ? argv[0] : NULL, &s.p, &err);
	if (rc)
		return say_err(&err);
	status_all(&s);
	if (s.json)
		print_json(&s);
	facts_free(&s.facts);
	hook_place_close(&s.p);
	return s.problems ? ERR_CONFIG : 0;
}
