/* When a push was received: by the server's clock, which may be wrong. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

#define BEHIND_MAX 600 /* seconds that a clock is set back without a word */

static char *behind_text(int64_t now, int64_t last, uint64_t entry)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, "this server's clock says ");
	text_time(&b, now);
	buf_addf(&b, ", but entry %llu of the record was received at ", (unsigned long long)entry);
	text_time(&b, last);
	buf_addf(&b, ": time never goes back, so this push counts as received then. Set the clock "
		 "right. If it was wrong at that entry, and is right now, the server's "
		 "administrator runs in the repository: git config hsm.clockReset %llu",
		 (unsigned long long)entry);
	return buf_detach(&b);
}

int judge_receive_time(const struct record *r, int64_t now, uint64_t clock_reset, int64_t *ret,
		       char **note, struct err *err)
{
	int64_t t;
	uint64_t from;
	size_t n;

	record_entries(r, &n);
	if (clock_reset > n)
		return err_set(err, ERR_CONFIG, "hsm.clockReset is %llu, but the record has %zu "
			       "entries: git config --unset hsm.clockReset",
			       (unsigned long long)clock_reset, n);
	t = record_time(r, now, clock_reset, &from);
	*note = t - now > BEHIND_MAX ? behind_text(now, t, from) : NULL;
	*ret = t;
	return 0;
}

int64_t judge_time_of(const struct judge *j, const struct oid *id)
{
	const struct judge_context *c = j->c;

	return c->time_of ? c->time_of(id, c->now, c->time_ctx) : c->now;
}
