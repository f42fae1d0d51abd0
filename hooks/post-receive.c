/*
 * The post-receive hook: confirms in the record what has landed (githooks(5),
 * post-receive). Nothing depends on it: the next push would confirm it as well. It
 * fails no push, and speaks only when something is wrong.
 */
#include "base/deadline.h"
#include "base/mem.h"
#include "base/text.h"
#include "hooks/common/hook.h"

#define TIME_S 120

/* Is `u` what the record has last of its ref? Or has a later push come between? */
static int confirmed(struct hook *h, const struct judge_update *u, bool *ret, struct err *err)
{
	bool known, deleted, found;
	struct oid last, now;
	int rc;

	past_last(h->past, u->ref, &known, &deleted, &last);
	*ret = known && (oid_is_null(&u->new_) ? deleted : !deleted && oid_eq(&last, &u->new_));
	if (*ret)
		return 0;
	rc = repo_ref(h->repo, u->ref, &now, &found, NULL, err);
	if (rc == 0)
		*ret = oid_is_null(&u->new_) ? found : !found || !oid_eq(&now, &u->new_);
	return rc;
}

/* Only what an enforcing rule judges is recorded. */
static int check_one(struct hook *h, const struct judge_update *u, struct err *err)
{
	const struct policy_rule *rule = NULL;
	_cleanup_free_ char *ref = NULL, *text = NULL;
	bool good;
	int rc = policy_rule_for(h->policy, bytes_str(u->ref), &rule, err);

	if (rc || h->policy->report ||
	    (rule ? rule->report : policy_reported(h->policy, bytes_str(u->ref))))
		return rc;
	rc = confirmed(h, u, &good, err);
	if (rc || good)
		return rc;
	ref = text_escaped(bytes_str(u->ref));
	text = xasprintf("%s has changed, but the record does not have it: nobody has judged it. "
			 "Tell the server's administrator (gitsign-hsm hook status)",
			 ref);
	hook_say_line(text, NULL);
	return 0;
}

static int run(struct hook *h, struct err *err)
{
	int rc = deadline_set(TIME_S,
			      "\ngitsign-hsm: the push has landed; the next one will "
			      "confirm it in\n  the record, which took too long now\n",
			      0, err);

	if (rc == 0)
		rc = hook_open(h, NULL, err);
	if (rc == 0 && h->server.no_record)
		return 0;
	if (rc == 0)
		rc = hook_read_updates(h, err);
	if (rc == 0)
		rc = hook_load_policy(h, err);
	if (rc == 0)
		rc = hook_open_past(h, err);
	for (size_t i = 0; i < h->updates_n && rc == 0; i++)
		rc = check_one(h, &h->updates[i], err);
	return rc;
}

int main(void)
{
	struct hook h = { .name = "post-receive" };
	struct err err = ERR_INIT;

	hook_start();
	if (run(&h, &err)) {
		_cleanup_free_ char *text = xasprintf("the push has landed, but is not confirmed "
						      "in the record: %s. The next push "
						      "confirms it, when that is mended",
						      err.text);

		hook_say_line(text, NULL);
	}
	hook_close(&h);
	return 0;
}
