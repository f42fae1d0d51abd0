/*
 * The append-only record of what was let in (hsm.stateDir, default
 * "gitsign-hsm" in the repository). Refs are no record of what was judged: this is.
 *
 * One lock spans reading, judging and appending. A line is one entry with its own
 * check sum; a torn last line (a crash in the middle of writing: no newline, or zeros
 * in it) is cut off, a damaged one makes the record unreadable: pushes are refused.
 */
#ifndef GH_RECORD_RECORD_H
#define GH_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "object/object.h"

enum record_state { RECORD_PENDING = 'p', RECORD_LANDED = 'l', RECORD_DROPPED = 'd' };

struct record_entry {
	uint64_t seq; /* from 1 */
	enum record_state state;
	int64_t received;   /* receive time */
	uint8_t policy[32]; /* digest of the policy that judged it */
	char *rule;         /* name of the rule; "" for none */
	char *ref;
	struct oid old, new_; /* null: created, deleted */
	bool forward;         /* new descends from old: old need not be walked from again */
	char *who;            /* signer names, comma-separated; may be "" */
	char *push;           /* push_here() (push.h) of the push; "" or NULL: not known */
};

struct record;

/*
 * Opens (creating the directory 0700 and the file 0600) and locks, waiting at most
 * `wait_ms` with a message through `waiting` (may be NULL) after the first second.
 * Refuses a directory or file that others can write to, or that is not ours, with
 * ERR_CONFIG and the cure.
 */
int record_open(const char *dir, int wait_ms, void (*waiting)(void *ctx), void *ctx,
		struct record **ret, struct err *err);
/*
 * The record as it is on disk now, to be read: nothing is locked, mended or created. What
 * somebody is writing at this moment may be there or not; none is empty. The functions
 * that write fail on it.
 */
int record_read(const char *dir, struct record **ret, struct err *err);
/*
 * Opens and locks what may be damaged, to put another in its place with record_replace():
 * then *damage has its code and text, and there are no entries.
 */
int record_take(const char *dir, int wait_ms, struct record **ret, struct err *damage,
		struct err *err);
/*
 * A record in memory, of the text of a file; `name` for error texts. Strict: not even a
 * torn last line is cut off. Nothing can be written to it.
 */
int record_parse(const char *name, struct bytes text, struct record **ret, struct err *err);
/* What opening had to mend (a torn last line), for people; NULL: nothing. */
const char *record_note(const struct record *r);
/* Is there a record in the directory? */
bool record_exists(const char *dir);
/* Gives the lock back: what was read stays, nothing can be written any more. */
void record_unlock(struct record *r);
/* Unlocks and frees (accepts NULL); what was not committed is not there. */
void record_close(struct record *r);

const struct record_entry *record_entries(const struct record *r, size_t *n);

/*
 * From when on an entry is pending in earnest: what a push brings lands soon after it was
 * judged, which takes a day at most ([limits] time, gitsign-hsm-policy(5)). An older one,
 * or one up to number `skip` (see record_time()), is of a push that never landed.
 */
#define RECORD_AWAITED_S (25 * 3600)
struct record_awaited {
	int64_t since;
	uint64_t skip;
};

/*
 * Settles pending entries by what the refs are now: landed when the ref stands at
 * `new_`; dropped when it stands at neither `old` nor `new_`, is not awaited any
 * more, or is of a push that is over; else still pending.
 * Written and synced at once: what the refs are now is not known later.
 * `value` returns the ref's present value (null: does not exist).
 */
int record_settle(struct record *r, const struct record_awaited *awaited,
		  int (*value)(const char *ref, struct oid *ret, void *ctx, struct err *err),
		  void *ctx, struct err *err);

/* Queues a pending entry; all are written and synced by record_commit(), or none. */
void record_append(struct record *r, const struct record_entry *e);
int record_commit(struct record *r, struct err *err);

/* Appends the record's text, as record_parse() takes it: each entry and what became of it. */
int record_export(const struct record *r, struct buf *out, struct err *err);
/*
 * Puts another record of these entries, states and all, numbered anew, in the place of the
 * open one, at once or not at all. The old file is kept beside it: *kept is its name, owned,
 * or NULL when it was empty. The lock ends: nothing can be written to `r` any more.
 */
int record_replace(struct record *r, const char *dir, const struct record_entry *v, size_t n,
		   char **kept, struct err *err);

/*
 * The time to judge at: now, but never before the newest receive time recorded; the times
 * of entries up to number `skip` were wrong, and do not count. *from is the number of
 * the entry whose time it is, 0 when it is now.
 */
int64_t record_time(const struct record *r, int64_t now, uint64_t skip, uint64_t *from);
/* What is pending at `now` when a push is judged and lands in `seconds`. */
struct record_awaited record_awaited_at(const struct record *r, int64_t now, uint64_t skip,
					int64_t seconds);
bool record_is_awaited(const struct record_awaited *a, const struct record_entry *e);
/* Is it of this push (push_here(), may be NULL), as far as its own is known? */
bool record_is_of(const struct record_entry *e, const char *push);
/* Is an update pending that gives this ref a value, of a push that is not known to be over? */
bool record_is_coming(const struct record *r, const char *ref);

/* Landed tips of the rules for which `want` is true: the ids that history is walked
 * back to. Owned array in *ret (free()). */
size_t record_tips(const struct record *r, bool (*want)(const char *rule, void *ctx), void *ctx,
		   struct oid **ret);
/* The last landed value that a ref had (null when it was deleted: then *last is what it
 * had before the deletion). *known false: the record has never seen it. */
void record_ref(const struct record *r, const char *ref, bool *known, bool *deleted,
		struct oid *last);

#endif
