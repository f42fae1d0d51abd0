/* record rebuild: the refs judged anew, and a record of what is good. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/mem.h"
#include "base/text.h"
#include "findings.h"
#include "gitcmd.h"
#include "record/serial.h"
#include "record_place.h"
#include "say.h"
#include "verbs.h"

struct rebuild {
	struct audit audit;
	struct record *old; /* locked; without entries when damaged */
	struct past_ref *refs;
	size_t refs_n, unruled;
	struct replay replay;
	struct record_entry *entries; /* strings are those of the replay and of the old record */
	size_t n, kept_names;
};

static void rebuild_free(struct rebuild *b)
{
	free(b->entries);
	if (b->replay.past != NULL)
		replay_end(&b->replay);
	past_refs_free(b->refs, b->refs_n);
	record_close(b->old);
	audit_close(&b->audit);
}

static int open_all(struct rebuild *b, const char *path, struct err *err)
{
	struct err damage = ERR_INIT;
	int rc = audit_open(path, NULL, false, &b->audit, err);

	if (rc == 0 && b->audit.server.no_record)
		rc = err_set(err, ERR_CONFIG, "hsm.record is off: no record is kept here");
	if (rc == 0 && b->audit.policy->report)
		rc = err_set(err, ERR_CONFIG,
			     "the policy is in report mode, in which nothing is recorded: "
			     "gitsign-hsm hook enable");
	if (rc == 0)
		rc = record_take(b->audit.server.state_dir, RECORD_PLACE_WAIT_MS, &b->old, &damage,
				 err);
	if (rc == 0) /* one that the hook refuses makes no record either */
		rc = record_serial_check(b->audit.server.state_dir, b->audit.policy->serial,
					 b->audit.policy->rules_digest, err);
	if (rc == 0 && damage.code != 0)
		fprintf(stderr, "gitsign-hsm: %s\n", damage.text);
	if (rc == 0 && damage.code == 0)
		rc = past_settle(b->old, b->audit.repo, b->audit.server.clock_reset, err);
	return rc;
}

static int judge(struct rebuild *b, struct err *err)
{
	struct judge_context c = audit_context(&b->audit);
	int rc = past_refs(b->audit.repo, &b->refs, &b->refs_n, err);

	if (rc != 0)
		return rc;
	replay_start(&b->replay, &c, NULL, NULL);
	return replay_refs(&b->replay, b->refs, b->refs_n, b->audit.now, &b->unruled, err);
}

static void add(struct rebuild *b, struct record_entry e)
{
	e.state = RECORD_LANDED;
	e.received = b->audit.now;
	memcpy(e.policy, b->audit.policy->digest, sizeof(e.policy));
	b->entries = xreallocarray(b->entries, b->n + 1, sizeof(*b->entries));
	b->entries[b->n++] = e;
}

/*
 * A ref that was deleted is not new when it comes again, nor is the name of a tag free: what
 * the old record knows, and the new one would not, is on record as deleted.
 */
static void add_known(struct rebuild *b)
{
	const struct judge_result *sum = &b->replay.sum;
	struct past *done = past_new();
	size_t n;
	const struct record_entry *v = record_entries(b->old, &n);

	for (size_t i = 0; i < sum->entries_n; i++)
		past_set(done, sum->entries[i].ref, &sum->entries[i].new_);
	for (size_t i = n; i > 0; i--) {
		const struct record_entry *e = &v[i - 1];
		bool known, deleted, seen;
		struct oid last, ignored;

		past_last(done, e->ref, &seen, &deleted, &ignored);
		record_ref(b->old, e->ref, &known, &deleted, &last);
		if (seen || !known || oid_is_null(&last))
			continue;
		past_set(done, e->ref, &last);
		add(b, (struct record_entry){
			       .rule = e->rule, .ref = e->ref, .old = last, .who = e->who });
		b->kept_names++;
	}
	past_free(done);
}

static void collect(struct rebuild *b)
{
	const struct judge_result *sum = &b->replay.sum;

	add_known(b);
	for (size_t i = 0; i < sum->entries_n; i++)
		add(b, sum->entries[i]);
}

static void say_bad(struct rebuild *b)
{
	findings_print_all(&b->replay.sum, b->audit.policy, b->refs_n);
	puts("What is not good is not on record: the next push to these refs is judged from the\n"
	     "introductions on.\n");
}

/* Entries are numbered anew: what hsm.clockReset says was of the old ones. */
static int forget_clock(const struct rebuild *b, struct err *err)
{
	_cleanup_free_ char *scope = xasprintf("--file=%s/config", b->audit.server.git_dir);
	int rc = gitcmd_set(scope, "hsm.clockReset", NULL, err);

	if (rc == 0)
		puts("hsm.clockReset unset: it was of the old record");
	return rc;
}

static int write_record(struct rebuild *b, bool dry, struct err *err)
{
	_cleanup_free_ char *kept = NULL;
	int rc = 0;

	if (b->replay.sum.refused)
		say_bad(b);
	if (!dry)
		rc = record_replace(b->old, b->audit.server.state_dir, b->entries, b->n, &kept,
				    err);
	if (rc == 0 && !dry && b->audit.server.clock_reset != 0)
		rc = forget_clock(b, err);
	if (rc != 0)
		return rc;
	printf("%s: %zu refs, %zu names of refs that are not there or not good\n",
	       dry ? "would be recorded" : "recorded", b->n - b->kept_names, b->kept_names);
	if (b->unruled != 0)
		printf("without a rule: %zu refs\n", b->unruled);
	if (kept != NULL)
		printf("the old record is %s/%s\n", b->audit.server.state_dir, kept);
	return b->replay.sum.refused ? ERR_BAD : 0;
}

int verb_record_rebuild(int argc, char **argv)
{
	bool dry = false;
	const struct opt opts[] = {
		{ 'n', "dry-run", NULL, "judge and tell, write nothing", OPT_FLAG, &dry },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm record rebuild [--dry-run] [REPOSITORY]",
		"Judges every ref from the introductions on by the present policy and time, and "
		"begins a record with what is good. The old record is kept beside it.",
		opts,
		"Ends with 1 when something is not good; what is good is recorded all the same.",
		0,
		1,
	};
	struct rebuild b = { .old = NULL };
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = open_all(&b, argc > 0 ? argv[0] : NULL, &err);
	if (rc == 0)
		rc = judge(&b, &err);
	if (rc == 0) {
		collect(&b);
		rc = write_record(&b, dry, &err);
	}
	rebuild_free(&b);
	return rc != 0 && err.code != ERR_NONE ? say_err(&err) : rc;
}
