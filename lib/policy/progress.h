/* "Verifying signatures: 45% (450/1000)": when it is shown, and what. While more
 * commits are being found: "Verifying signatures: 450 of 5000 so far". */
#ifndef GH_POLICY_PROGRESS_H
#define GH_POLICY_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JUDGE_PROGRESS_MAX 96

struct judge_progress {
	int64_t from, last; /* milliseconds of a clock that never goes back */
	bool open;          /* the last line ended with a carriage return */
};

void judge_progress_start(struct judge_progress *p, int64_t now);
/*
 * True when `line` is to be shown now: nothing in the first second, then four times a
 * second, each line over the one before; the last, of all that there is, ends with a
 * newline, and is shown only when another was.
 */
bool judge_progress(struct judge_progress *p, int64_t now, size_t done, size_t total,
		    bool more, char line[JUDGE_PROGRESS_MAX]);
/* True when the line that is shown is not ended: what is said next needs a newline. */
bool judge_progress_end(struct judge_progress *p);

#endif
