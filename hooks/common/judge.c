/* The judgement, of what the hook has opened, at the receive time. */
#include "base/mem.h"
#include "base/os.h"
#include "hooks/common/hook.h"

int hook_judge(struct hook *h, struct judge_result *ret, struct err *err)
{
	_cleanup_free_ char *note = NULL;
	struct judge_context c = {
		.repo = h->repo,
		.policy = h->policy,
		.past = h->past,
		.introductions = h->server.introductions,
		.introductions_n = h->server.introductions_n,
		.cert = h->has_cert ? &h->cert : NULL,
		.way = h->way,
		.progress = hook_show_progress,
		.progress_ctx = h,
	};
	int rc = past_time(h->past, os_now(), h->server.clock_reset, &c.now, &note, err);

	if (note)
		hook_say_line(note, NULL);
	judge_progress_start(&h->progress, os_monotonic_ms());
	return rc ? rc : judge_push(&c, h->updates, h->updates_n, ret, err);
}
