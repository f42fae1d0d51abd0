/*
 * When commits and tags came: the receive time of the first update on record that brought
 * them. Later verification judges each object at its own time.
 */
#ifndef GH_POLICY_ARRIVAL_H
#define GH_POLICY_ARRIVAL_H

#include "record/record.h"
#include "repo/repo.h"

struct arrival;

/*
 * From the landed entries of a record; nothing is kept of what the introductions reach,
 * nor of entries whose object is gone. Receive times after `now` are those of a wrong
 * clock, and count as now.
 */
int arrival_of_record(const struct record_entry *v, size_t n, struct repo *repo,
		      const struct oid *introductions, size_t introductions_n, int64_t now,
		      struct arrival **ret, struct err *err);
void arrival_free(struct arrival *a); /* accepts NULL */

/* For judge_context: `ctx` is the arrival. What came unrecorded came `now`. Threads may
 * ask at once. */
int64_t arrival_time(const struct oid *id, int64_t now, const void *ctx);

#endif
