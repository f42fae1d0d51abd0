/* The repository a hook runs in, its configuration, policy and record. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "hooks/common/hook.h"
#include "record/serial.h"

#define INPUT_MAX ((size_t)64 << 20)
#define LOCK_WAIT_MS 60000

int hook_open(struct hook *h, const char *path, struct err *err)
{
	int rc = repo_open(path, REPO_AUTO, &h->repo, err);

	return rc ? rc
		  : server_load(repo_git_dir(h->repo), repo_hash_bytes(h->repo), &h->server, err);
}

/* git sets GIT_DIR where the repository is not the one around. */
static const char *where(void)
{
	return getenv("GIT_DIR") ? NULL : ".";
}

int hook_open_client(struct hook *h, struct err *err)
{
	int rc = repo_open(where(), REPO_AUTO, &h->repo, err);

	return rc ? rc
		  : server_load_client(repo_git_dir(h->repo), repo_hash_bytes(h->repo), &h->server,
				       err);
}

static int read_lines(struct hook *h, judge_reader *reader, struct err *err)
{
	struct buf input = BUF_INIT;
	int rc = os_read_all(STDIN_FILENO, INPUT_MAX, "the list of ref updates", &input, err);

	if (rc == 0)
		rc = reader(buf_bytes(&input), repo_hash_bytes(h->repo), &h->updates, &h->updates_n,
			    err);
	buf_free(&input);
	return rc;
}

int hook_read_updates(struct hook *h, struct err *err)
{
	return read_lines(h, judge_read_updates, err);
}

int hook_open_here(struct hook *h, struct err *err)
{
	return hook_open(h, where(), err);
}

int hook_read_transaction(struct hook *h, struct err *err)
{
	return read_lines(h, judge_read_transaction, err);
}

int hook_read_pushed(struct hook *h, struct err *err)
{
	return read_lines(h, judge_read_pushed, err);
}

int hook_inspect(const struct hook *h, struct err *err)
{
	_cleanup_free_ char *hook = NULL;
	struct buf dir = BUF_INIT;
	size_t n;

	if (getenv("GIT_SHALLOW_FILE"))
		return err_set(err, ERR_BAD,
			       "a shallow push: history that is not sent cannot be "
			       "judged. Run `git fetch --unshallow`, then push again");
	if (os_self_dir(&dir, err))
		return err->code;
	hook = xasprintf("%s/%s", buf_str(&dir), h->name);
	buf_free(&dir);
	n = server_inspect(&h->server, access(hook, F_OK) == 0 ? hook : NULL, hook_say_line, NULL);
	if (n == 0)
		return 0;
	return err_set(err, ERR_CONFIG,
		       "a repository that others can change enforces nothing; the "
		       "server's administrator has to mend it (gitsign-hsm hook status)");
}

int hook_load_policy(struct hook *h, struct err *err)
{
	int rc;

	if (!h->server.policy && strcmp(h->name, "pre-push") == 0)
		return err_set(err, ERR_CONFIG,
			       "no policy is configured. Name a copy of the server's: git config "
			       "hsm.policy /PATH");
	if (!h->server.policy)
		return err_set(err, ERR_CONFIG,
			       "no policy is configured. The server's "
			       "administrator names one: git config hsm.policy /PATH, or "
			       "writes " SERVER_POLICY " (gitsign-hsm policy init)");
	rc = policy_load(h->server.policy, &h->policy, err);
	if (rc)
		err_prefix(err, "the policy cannot be used");
	return rc;
}

static int open_record(struct hook *h, struct err *err)
{
	int rc = record_open(h->server.state_dir, LOCK_WAIT_MS, hook_show_waiting, NULL, &h->record,
			     err);

	if (rc == 0 && record_note(h->record))
		hook_say_line(record_note(h->record), NULL);
	if (rc == 0) /* under the record's lock */
		rc = record_serial_keep(h->server.state_dir, h->policy->serial,
					h->policy->rules_digest, err);
	if (rc == 0)
		rc = past_settle(h->record, h->repo, h->server.clock_reset, err);
	if (rc == 0)
		h->past = past_of_record(h->record, h->repo);
	return rc;
}

int hook_open_past(struct hook *h, struct err *err)
{
	if (h->server.no_record)
		return past_of_repo(h->repo, h->policy, &h->past, err);
	return open_record(h, err);
}

void hook_close(struct hook *h)
{
	judge_updates_free(h->updates, h->updates_n);
	buf_free(&h->cert_text);
	free(h->options);
	past_free(h->past);
	record_close(h->record);
	policy_free(h->policy);
	server_free(&h->server);
	repo_close(h->repo);
}
