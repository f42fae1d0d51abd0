/*
 * What reference-transaction lets through: refs that no enforcing rule governs, what
 * pre-receive has judged and written to the record, what is good now. Everything that
 * does not go through a push comes here: git update-ref, a fetch, a merge on a web page.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "hooks/common/hook.h"
#include "record/push.h"
#include "record/serial.h"

#define PACKED_MAX ((size_t)256 << 20)
/* What a push brings lands at once when it was judged: but for other hooks, which may take
 * their time. */
#define LANDING_S 3600

/* --- which changes are to be judged ------------------------------------------- */

static void drop(struct hook *h, size_t i)
{
	free(h->updates[i].ref);
	h->updates[i] = h->updates[--h->updates_n];
}

/* HEAD, FETCH_HEAD and their like hold no history of their own. */
static void drop_pseudo_refs(struct hook *h)
{
	for (size_t i = h->updates_n; i-- > 0;)
		if (strncmp(h->updates[i].ref, "refs/", strlen("refs/")) != 0)
			drop(h, i);
}

/* git says what it was told to expect: the ref's own value counts. */
static int set_old(struct hook *h, struct judge_update *u, struct err *err)
{
	bool found = false;
	int rc = repo_ref(h->repo, u->ref, &u->old, &found, NULL, err);

	if (rc == 0 && !found)
		u->old = (struct oid){ .n = repo_hash_bytes(h->repo) };
	return rc;
}

/* What stays as it is: git packs refs, and deletes what was never there. */
static int drop_unchanged(struct hook *h, struct err *err)
{
	for (size_t i = h->updates_n; i-- > 0;) {
		int rc = set_old(h, &h->updates[i], err);

		if (rc)
			return rc;
		if (oid_eq(&h->updates[i].old, &h->updates[i].new_))
			drop(h, i);
	}
	return 0;
}

/* Is this the very line that packed-refs has (git refs/packed-backend.c)? */
static bool in_packed_refs(const struct hook *h, const struct judge_update *u)
{
	_cleanup_free_ char *path = xasprintf("%s/packed-refs", h->server.git_dir);
	char hex[OID_HEX_MAX];
	_cleanup_free_ char *line = xasprintf("\n%s %s\n", oid_hex(&u->old, hex), u->ref);
	_cleanup_(buf_free) struct buf text = BUF_INIT;

	return os_file_read(path, OS_FILE_ANY, PACKED_MAX, &text, NULL) == 0 &&
	       memmem(text.p, text.n, line, strlen(line));
}

/*
 * `git pack-refs` deletes the files of refs that it has packed: they keep their value.
 * Who deletes a packed ref in earnest holds the lock of packed-refs (git
 * refs/files-backend.c, files_transaction_prepare()).
 */
static void drop_packed(struct hook *h)
{
	_cleanup_free_ char *lock = xasprintf("%s/packed-refs.lock", h->server.git_dir);
	struct stat st;

	if (lstat(lock, &st) == 0)
		return;
	for (size_t i = h->updates_n; i-- > 0;)
		if (h->updates[i].new_.n && oid_is_null(&h->updates[i].new_) &&
		    in_packed_refs(h, &h->updates[i]))
			drop(h, i);
}

/* Has pre-receive judged this very change in this very push, and is it to land? */
static bool awaited(const struct record_awaited *a, const struct record_entry *e, size_t n,
		    const struct judge_update *u, const char *push)
{
	while (n-- > 0)
		if (record_is_awaited(a, &e[n]) && record_is_of(&e[n], push) &&
		    strcmp(e[n].ref, u->ref) == 0 &&
		    oid_eq(&e[n].new_, &u->new_) && oid_eq(&e[n].old, &u->old))
			return true;
	return false;
}

static void drop_awaited(struct hook *h)
{
	const struct record_awaited a = record_awaited_at(
		h->record, os_now(), h->server.clock_reset, h->policy->time + LANDING_S);
	_cleanup_free_ char *push = push_here();
	size_t n;
	const struct record_entry *e = record_entries(h->record, &n);

	for (size_t i = h->updates_n; i-- > 0;)
		if (awaited(&a, e, n, &h->updates[i], push))
			drop(h, i);
}

static int drop_ungoverned(struct hook *h, struct err *err)
{
	for (size_t i = h->updates_n; i-- > 0;) {
		const struct policy_rule *rule = NULL;
		int rc = policy_rule_for(h->policy, bytes_str(h->updates[i].ref), &rule, err);

		if (rc)
			return rc;
		if (!rule || rule->report || h->policy->report)
			drop(h, i);
	}
	return 0;
}

/* git judges where a symbolic ref leads to no more than any other value. */
static int refuse_symbolic(const struct hook *h, struct err *err)
{
	for (size_t i = 0; i < h->updates_n; i++) {
		_cleanup_free_ char *ref = text_escaped(bytes_str(h->updates[i].ref));

		if (h->updates[i].new_.n == 0)
			return err_set(err, ERR_BAD,
				       "%s would be a symbolic ref, and a rule of the "
				       "policy governs it",
				       ref);
	}
	return 0;
}

/* --- the judgement ---------------------------------------------------------------- */

static int judge_and_say(struct hook *h, struct err *err)
{
	struct judge_result res = { .refused = true };
	struct buf text = BUF_INIT;
	int rc = hook_judge(h, &res, err);

	if (rc)
		return rc;
	if (res.refused) {
		judge_render_findings(&res, h->policy, h->updates_n, &text);
		hook_say_refusal(buf_str(&text));
		rc = -1;
	}
	buf_free(&text);
	judge_result_free(&res);
	return rc;
}

static int judge_rest(struct hook *h, struct err *err)
{
	int rc = 0;

	if (h->record)
		rc = record_serial_check(h->server.state_dir, h->policy->serial,
					 h->policy->rules_digest, err);
	if (rc == 0)
		rc = drop_ungoverned(h, err);
	if (rc == 0)
		rc = refuse_symbolic(h, err);
	if (rc || h->updates_n == 0)
		return rc;
	rc = hook_limit_time(h, err);
	if (rc == 0 && h->record)
		h->past = past_of_record(h->record, h->repo);
	else if (rc == 0)
		rc = past_of_repo(h->repo, h->policy, &h->past, err);
	return rc ? rc : judge_and_say(h, err);
}

/* No lock: somebody who judges for minutes must not keep what was judged from landing. */
static int run(struct hook *h, struct err *err)
{
	int rc = hook_open_here(h, err);

	if (rc == 0)
		rc = hook_read_transaction(h, err);
	if (rc)
		return rc;
	drop_pseudo_refs(h);
	if (h->updates_n == 0)
		return 0;
	rc = drop_unchanged(h, err);
	if (rc == 0)
		drop_packed(h);
	if (rc == 0 && h->updates_n > 0 && !h->server.no_record)
		rc = record_read(h->server.state_dir, &h->record, err);
	if (rc == 0 && h->updates_n > 0)
		rc = hook_load_policy(h, err);
	if (rc == 0 && h->record)
		drop_awaited(h);
	return rc || h->updates_n == 0 ? rc : judge_rest(h, err);
}

int main(int argc, char **argv)
{
	struct hook h = { .name = "reference-transaction" };
	struct err err = ERR_INIT;
	int rc;

	hook_start();
	if (argc != 2 || strcmp(argv[1], "prepared") != 0)
		rc = err_set(&err, ERR_USAGE,
			     "reference-transaction is told \"prepared\" by git, "
			     "which runs it (gitsign-hsm-hook(8))");
	else
		rc = run(&h, &err);
	if (rc > 0)
		rc = hook_refuse(&h, &err);
	hook_close(&h);
	return rc < 0 ? ERR_BAD : rc;
}
