#include "policy/progress.h"

#include <stdio.h>

#define AFTER_MS 1000
#define EVERY_MS 250

void judge_progress_start(struct judge_progress *p, int64_t now)
{
	*p = (struct judge_progress){ .from = now, .last = now + AFTER_MS - EVERY_MS };
}

bool judge_progress(struct judge_progress *p, int64_t now, size_t done, size_t total,
		    bool more, char line[JUDGE_PROGRESS_MAX])
{
	bool all = !more && done >= total;

	/* When it is over there is nothing to wait for any more. */
	if (all ? !p->open : now - p->last < EVERY_MS)
		return false;
	p->last = now;
	p->open = !all;
	if (more)
		snprintf(line, JUDGE_PROGRESS_MAX, "Verifying signatures: %zu of %zu so far\r", done,
			 total);
	else
		snprintf(line, JUDGE_PROGRESS_MAX, "Verifying signatures: %zu%% (%zu/%zu)%c",
			 total ? (size_t)((double)done * 100 / (double)total) : 100, done, total,
			 all ? '\n' : '\r');
	return true;
}

bool judge_progress_end(struct judge_progress *p)
{
	bool open = p->open;

	p->open = false;
	return open;
}
