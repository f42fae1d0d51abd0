/* record check: what the record and the refs do not agree on, and how to mend it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "json.h"
#include "policy/policy.h"
#include "record/serial.h"
#include "record_place.h"
#include "say.h"
#include "verbs.h"

#define LISTED_MAX 50 /* of each kind */

struct check {
	struct record_place place;
	struct policy *policy; /* NULL: it cannot be used */
	bool json;
	struct buf problems; /* JSON texts */
	size_t problems_n;
	size_t entries, pending, tips, gone;
};

/* Takes the text. */
static void problem(struct check *c, char *text)
{
	c->problems_n++;
	if (c->json) {
		json_put_comma(&c->problems);
		text_json(&c->problems, bytes_str(text));
	} else {
		printf("PROBLEM  %s\n", text);
	}
	free(text);
}

static bool any_rule(const char *rule, void *ctx)
{
	(void)rule;
	(void)ctx;
	return true;
}

static void count(struct check *c)
{
	const struct record_entry *v = record_entries(c->place.record, &c->entries);
	struct oid *tips = NULL;

	for (size_t i = 0; i < c->entries; i++)
		c->pending += v[i].state == RECORD_PENDING;
	c->tips = record_tips(c->place.record, any_rule, NULL, &tips);
	for (size_t i = 0; i < c->tips; i++)
		c->gone += !repo_has(c->place.repo, &tips[i]);
	free(tips);
}

/* A clock that was far ahead: certificates would be judged for a time that has not come. */
static void check_times(struct check *c)
{
	int64_t now = os_now();
	uint64_t from = 0;
	int64_t t = record_time(c->place.record, now, c->place.server.clock_reset, &from);
	struct buf when = BUF_INIT;

	if (t <= now)
		return;
	text_time(&when, t);
	problem(c, xasprintf("entry %llu was received at %s, which has not come yet, and pushes "
			     "count as received then. When the clock is right now: git config "
			     "hsm.clockReset %llu",
			     (unsigned long long)from, buf_str(&when), (unsigned long long)from));
	buf_free(&when);
}

static void check_policy(struct check *c)
{
	const struct server *s = &c->place.server;
	struct err why = ERR_INIT;

	if (s->policy == NULL) {
		problem(c, xstrdup("no policy is configured: every push is refused"));
		return;
	}
	if (policy_load(s->policy, &c->policy, &why) != 0 ||
	    record_serial_check(s->state_dir, c->policy->serial, c->policy->rules_digest, &why) !=
		    0)
		problem(c, xstrdup(why.text));
}

static char *stands_text(const char *ref, const struct oid *is, const struct oid *was)
{
	char now[OID_HEX_MAX], last[OID_HEX_MAX];

	return xasprintf("%s %s%.12s, the record has %s%.12s: it was moved by something else than "
			 "a judged push. See gitsign-hsm verify --all",
			 ref, is != NULL ? "stands at " : "does not exist",
			 is != NULL ? oid_hex(is, now) : "",
			 was != NULL ? "" : "that it was deleted",
			 was != NULL ? oid_hex(was, last) : "");
}

/* A ref that is there. */
static void check_ref(struct check *c, const struct past_ref *r, size_t *listed)
{
	_cleanup_free_ char *ref = text_escaped(bytes_str(r->name));
	const struct policy_rule *rule = NULL;
	bool known, deleted;
	struct oid last;

	record_ref(c->place.record, r->name, &known, &deleted, &last);
	if (known && !deleted && oid_eq(&last, &r->value))
		return;
	if (!known && (c->policy == NULL || c->policy->report ||
		       policy_rule_for(c->policy, bytes_str(r->name), &rule, NULL) != 0 ||
		       rule == NULL || c->place.server.introductions_n != 0))
		return; /* nobody says that it has to be known */
	if (++*listed > LISTED_MAX)
		return;
	if (known)
		problem(c, stands_text(ref, &r->value, deleted ? NULL : &last));
	else
		problem(c, xasprintf("%s is unknown to the record, and nothing was introduced: the "
				     "next push to it is judged from its first commit on. See "
				     "gitsign-hsm verify --all",
				     ref));
}

static int check_refs(struct check *c, struct err *err)
{
	struct past_ref *refs = NULL;
	struct past *there = past_new();
	size_t n = 0, listed = 0, entries;
	const struct record_entry *v = record_entries(c->place.record, &entries);
	int rc = past_refs(c->place.repo, &refs, &n, err);

	for (size_t i = 0; i < n; i++) {
		past_set(there, refs[i].name, &refs[i].value);
		check_ref(c, &refs[i], &listed);
	}
	for (size_t i = 0; rc == 0 && i < entries; i++) {
		bool known, deleted;
		struct oid last;

		past_last(there, v[i].ref, &known, &deleted, &last);
		if (known)
			continue;
		past_set(there, v[i].ref, &v[i].old); /* once each */
		record_ref(c->place.record, v[i].ref, &known, &deleted, &last);
		if (known && !deleted && ++listed <= LISTED_MAX) {
			_cleanup_free_ char *ref = text_escaped(bytes_str(v[i].ref));

			problem(c, stands_text(ref, NULL, &last));
		}
	}
	if (listed > LISTED_MAX)
		problem(c, xasprintf("... and %zu more refs", listed - LISTED_MAX));
	past_free(there);
	past_refs_free(refs, n);
	return rc;
}

static void print_sum(const struct check *c)
{
	struct buf b = BUF_INIT;

	if (!c->json) {
		printf("%zu entries, %zu pending, %zu tips, %zu of them gone\n", c->entries,
		       c->pending, c->tips, c->gone);
		return;
	}
	buf_add_byte(&b, '{');
	json_put_number(&b, "entries", (long long)c->entries);
	json_put_number(&b, "pending", (long long)c->pending);
	json_put_number(&b, "tips", (long long)c->tips);
	json_put_number(&b, "tipsGone", (long long)c->gone);
	json_put_name(&b, "problems");
	buf_addf(&b, "[%s]}", buf_str(&c->problems));
	puts(buf_str(&b));
	buf_free(&b);
}

static int check(struct check *c, struct err *err)
{
	int rc = record_place_read(&c->place, err);

	if (rc == 0 && c->place.record == NULL)
		rc = err_set(err, ERR_CONFIG, "there is no record in %s yet",
			     c->place.server.state_dir);
	if (rc != 0)
		return rc;
	count(c);
	check_times(c);
	check_policy(c);
	rc = check_refs(c, err);
	if (rc == 0)
		print_sum(c);
	if (rc == 0 && c->problems_n != 0)
		rc = ERR_BAD;
	return rc;
}

int verb_record_check(int argc, char **argv)
{
	struct check c = { .policy = NULL };
	const struct opt opts[] = {
		{ 0, "json", NULL, "print one JSON object", OPT_FLAG, &c.json },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm record check [--json] [REPOSITORY]",
		"Reads the record, and compares it with the refs, the policy and the clock. Ends "
		"with 1 when something does not agree, with 3 when the record is damaged.",
		opts,
		NULL,
		0,
		1,
	};
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = record_place_open(argc > 0 ? argv[0] : NULL, &c.place, &err);
	if (rc != 0)
		return say_err(&err);
	rc = check(&c, &err);
	policy_free(c.policy);
	buf_free(&c.problems);
	record_place_close(&c.place);
	return rc != 0 && err.code != ERR_NONE ? say_err(&err) : rc;
}
