/*
 * The pre-receive hook: judges a push by the policy (githooks(5), pre-receive).
 * Whatever goes wrong, the push is refused with the reason and the way out.
 */
#include "base/mem.h"
#include "hooks/common/hook.h"
#include "record/certs.h"
#include "record/push.h"

/* A certificate is used up first: whatever comes after, it is good for no other push. */
static int record_result(struct hook *h, struct judge_result *res, struct err *err)
{
	int rc = 0;

	if (res->refused || !h->record)
		return 0;
	if (res->cert_good)
		rc = record_certs_add(h->server.state_dir, res->cert_id, res->cert_issued,
				      res->received - h->server.cert_max_age, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < res->entries_n; i++) {
		res->entries[i].push = h->push;
		record_append(h->record, &res->entries[i]);
	}
	return record_commit(h->record, err);
}

/* 0 accepts, -1 refuses: all is said then. */
static int judge_and_record(struct hook *h, struct err *err)
{
	struct judge_result res = { .refused = true };
	struct buf text = BUF_INIT;
	int rc = hook_judge(h, &res, err);

	if (rc == ERR_REPO)
		hook_say_line("`git fsck` in the repository shows what is wrong with it", NULL);
	if (rc)
		return rc;
	rc = record_result(h, &res, err);
	if (rc == 0) {
		judge_render(&res, h->policy, h->updates, h->updates_n, &text);
		(res.refused ? hook_say_refusal : hook_say)(buf_str(&text));
		if (res.refused)
			rc = -1;
	}
	buf_free(&text);
	judge_result_free(&res);
	return rc;
}

static int run(struct hook *h, struct err *err)
{
	int rc = hook_open(h, NULL, err);

	if (rc == 0)
		rc = hook_read_updates(h, err);
	if (rc == 0)
		rc = hook_inspect(h, err);
	if (rc == 0)
		rc = hook_load_policy(h, err);
	if (rc == 0)
		rc = hook_open_past(h, err);
	if (rc == 0)
		rc = hook_limit_time(h, err);
	if (rc == 0)
		rc = hook_read_cert(h, err);
	return rc ? rc : judge_and_record(h, err);
}

int main(int argc, char **argv)
{
	struct hook h = { .name = "pre-receive" };
	struct err err = ERR_INIT;
	_cleanup_free_ char *push = NULL;
	int rc;

	(void)argv;
	hook_start();
	h.push = push = push_here(); /* at once: who pushes can make receive-pack end */
	if (argc > 1)
		rc = err_set(&err, ERR_USAGE,
			     "pre-receive takes no arguments: git runs it "
			     "(gitsign-hsm-hook(8))");
	else
		rc = run(&h, &err);
	if (rc > 0)
		rc = hook_refuse(&h, &err);
	hook_close(&h);
	return rc < 0 ? ERR_BAD : rc;
}
