/*
 * The pre-receive hook: judges a push by the policy (githooks(5), pre-receive).
 * Whatever goes wrong, the push is refused with the reason and the way out.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "policy/judge.h"
#include "policy/server.h"

#define INPUT_MAX ((size_t)4 << 20)
#define LOCK_WAIT_MS 60000
#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 250

extern char **environ;

/* --- what the pusher's transport may have put into the environment --------- */

static bool unwanted(const char *name)
{
	static const char *const prefixes[] = { "GITSIGN_HSM_", "GIT_CONFIG", "LC_", "OPENSSL_",
						"SSL_CERT_", NULL };
	static const char *const names[] = { "LANG=", "LANGUAGE=", "GIT_GRAFT_FILE=",
					     "GIT_REPLACE_REF_BASE=", "GIT_TRACE", "GIT_NAMESPACE=",
					     "GIT_NO_LAZY_FETCH=", NULL };

	for (const char *const *p = prefixes; *p; p++)
		if (strncmp(name, *p, strlen(*p)) == 0)
			return true;
	for (const char *const *p = names; *p; p++)
		if (strncmp(name, *p, strlen(*p)) == 0)
			return true;
	return false;
}

static void scrub_environment(void)
{
	for (char **e = environ; e && *e;) {
		char name[256];
		size_t n = strcspn(*e, "=");

		if (!unwanted(*e) || n >= sizeof(name)) {
			e++;
			continue;
		}
		memcpy(name, *e, n);
		name[n] = '\0';
		if (unsetenv(name) == 0)
			e = environ; /* it has moved */
		else
			e++;
	}
	setenv("GIT_NO_REPLACE_OBJECTS", "1", 1);
	setenv("GIT_NO_LAZY_FETCH", "1", 1);
	setenv("LC_ALL", "C", 1);
}

/* --- speaking ------------------------------------------------------------- */

static void say(const char *text)
{
	struct err ignored;

	(void)os_write_all(STDERR_FILENO, bytes_str(text), "standard error", &ignored);
}

static void say_wrapped(const char *text)
{
	struct buf b = BUF_INIT;

	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = xstrndup(text, n);

		text_wrap(&b, line, JUDGE_COLUMNS, 2);
		text += n + (text[n] == '\n');
	}
	say(buf_str(&b));
	buf_free(&b);
}

/* The last word of every refusal that is not a judgement. */
static int refuse(enum err_code code, const char *text)
{
	_cleanup_free_ char *line = xasprintf("gitsign-hsm: push refused: %s", text);

	say_wrapped(line);
	return code ? (int)code : ERR_INTERNAL;
}

struct progress {
	int64_t from, last;
};

static void show_progress(void *ctx, size_t done, size_t total)
{
	struct progress *p = ctx;
	int64_t now = os_monotonic_ms();
	char line[128];

	if (now - p->from < PROGRESS_AFTER_MS)
		return;
	if (done < total && p->last && now - p->last < PROGRESS_EVERY_MS)
		return;
	if (done == total && !p->last)
		return; /* it is over: nothing to wait for any more */
	p->last = now;
	snprintf(line, sizeof(line), "Verifying signatures: %zu%% (%zu/%zu)%c",
		 total ? done * 100 / total : 100, done, total, done >= total ? '\n' : '\r');
	say(line);
}

static void show_waiting(void *ctx)
{
	(void)ctx;
	say("gitsign-hsm: waiting for another push to this repository ...\n");
}

/* --- the push ------------------------------------------------------------- */

struct push {
	struct repo *repo;
	struct server server;
	struct policy *policy;
	struct record *record;
	struct judge_update *updates;
	size_t updates_n;
};

static void push_free(struct push *p)
{
	judge_updates_free(p->updates, p->updates_n);
	record_close(p->record);
	policy_free(p->policy);
	server_free(&p->server);
	repo_close(p->repo);
}

static int read_updates(struct push *p, struct bytes input, struct err *err)
{
	return judge_read_updates(input, repo_hash_bytes(p->repo), &p->updates, &p->updates_n, err);
}

static void say_problem(const char *text, void *ctx)
{
	_cleanup_free_ char *line = xasprintf("gitsign-hsm: %s", text);

	(void)ctx;
	say_wrapped(line);
}

static int inspect(const struct push *p, struct err *err)
{
	_cleanup_free_ char *hook = NULL;
	struct buf dir = BUF_INIT;
	size_t n;

	if (getenv("GIT_SHALLOW_FILE"))
		return err_set(err, ERR_BAD, "a shallow push: history that is not sent cannot be "
			       "judged. Run `git fetch --unshallow`, then push again");
	if (os_self_dir(&dir, err))
		return err->code;
	hook = xasprintf("%s/pre-receive", buf_str(&dir));
	buf_free(&dir);
	n = server_inspect(&p->server, access(hook, F_OK) == 0 ? hook : NULL, say_problem, NULL);
	if (n == 0)
		return 0;
	return err_set(err, ERR_CONFIG, "a repository that others can change enforces nothing; the "
		       "server's administrator has to mend it (gitsign-hsm hook status)");
}

static int load_policy(struct push *p, struct err *err)
{
	int rc;

	if (!p->server.policy)
		return err_set(err, ERR_CONFIG, "no policy is configured. The server's "
			       "administrator names one: git config hsm.policy /PATH, or writes "
			       SERVER_POLICY " (gitsign-hsm policy init)");
	rc = policy_load(p->server.policy, &p->policy, err);
	if (rc)
		err_prefix(err, "the policy cannot be used");
	return rc;
}

static int ref_value(const char *ref, struct oid *ret, void *ctx, struct err *err)
{
	struct push *p = ctx;
	bool found = false;
	int rc = repo_ref(p->repo, ref, ret, &found, NULL, err);

	if (rc == 0 && !found)
		*ret = (struct oid){ .n = repo_hash_bytes(p->repo) };
	return rc;
}

static int open_record(struct push *p, struct err *err)
{
	int rc = record_open(p->server.state_dir, LOCK_WAIT_MS, show_waiting, NULL, &p->record, err);

	if (rc == 0 && record_note(p->record))
		say_problem(record_note(p->record), NULL);
	return rc ? rc : record_settle(p->record, ref_value, p, err);
}

static int judge(struct push *p, struct judge_result *res, struct err *err)
{
	struct progress progress = { os_monotonic_ms(), 0 };
	struct judge_context c = {
		.repo = p->repo, .policy = p->policy, .record = p->record,
		.introductions = p->server.introductions,
		.introductions_n = p->server.introductions_n,
		.now = record_time(p->record, os_now()),
		.progress = show_progress, .progress_ctx = &progress,
	};

	return judge_push(&c, p->updates, p->updates_n, res, err);
}

static int record_result(struct push *p, const struct judge_result *res, struct err *err)
{
	if (res->refused)
		return 0;
	for (size_t i = 0; i < res->entries_n; i++)
		record_append(p->record, &res->entries[i]);
	return record_commit(p->record, err);
}

/* 0 accepts. */
static int judge_and_record(struct push *p, struct err *err)
{
	struct judge_result res = { .refused = true };
	struct buf text = BUF_INIT;
	int rc = judge(p, &res, err);

	if (rc)
		return rc;
	rc = record_result(p, &res, err);
	if (rc == 0) {
		judge_render(&res, p->policy, p->updates, p->updates_n, &text);
		say(buf_str(&text));
		if (res.refused)
			rc = -1; /* said already */
	}
	buf_free(&text);
	judge_result_free(&res);
	return rc;
}

static int run(struct push *p, struct bytes input, struct err *err)
{
	int rc = repo_open(NULL, REPO_AUTO, &p->repo, err);

	if (rc == 0)
		rc = server_load(repo_git_dir(p->repo), repo_hash_bytes(p->repo), &p->server, err);
	if (rc == 0)
		rc = read_updates(p, input, err);
	if (rc == 0)
		rc = inspect(p, err);
	if (rc == 0)
		rc = load_policy(p, err);
	if (rc == 0)
		rc = open_record(p, err);
	return rc ? rc : judge_and_record(p, err);
}

int main(int argc, char **argv)
{
	struct push p = { .repo = NULL };
	struct buf input = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	(void)argv;
	scrub_environment();
	os_start();
	/* Its configuration file can load code: nobody here has asked for it. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (argc > 1)
		return refuse(ERR_USAGE, "pre-receive takes no arguments: git runs it "
			      "(gitsign-hsm-hook(8))");
	rc = os_read_all(STDIN_FILENO, INPUT_MAX, "the list of ref updates", &input, &err);
	if (rc == 0)
		rc = run(&p, buf_bytes(&input), &err);
	if (rc > 0)
		refuse(err.code, err.text);
	push_free(&p);
	buf_free(&input);
	return rc == 0 ? 0 : rc > 0 ? rc : ERR_BAD;
}
