/*
 * The commits that are new: what tips reach and accepted commits do not.
 *
 * Which commits these are depends on no date: dates only say where to look first. The
 * accepted history is read until nothing is left that could be part of it.
 */
#ifndef GH_REPO_WALK_H
#define GH_REPO_WALK_H

#include "repo/repo.h"

struct walk;

struct walk *walk_new(struct repo *r, size_t max); /* no object above `max` bytes is read */
void walk_free(struct walk *w);                    /* accepts NULL */
/* Before the first walk_next(). Tips must be commits that are there; what is hidden may be
 * gone, a tag (of a tag ...) stands for its commit, and other objects hide nothing. */
void walk_tip(struct walk *w, const struct oid *id);
void walk_hide(struct walk *w, const struct oid *id);

/* No accepted commit or tag above `max` bytes (256 MiB unless told) is read: ERR_REPO names it. */
void walk_accepted_max(struct walk *w, size_t max);

/*
 * What is accepted was there before the push that is being judged: so what the push brings
 * (githooks(5), quarantine) is new, whatever its dates, and known for it as soon as it is
 * read. But for a hidden commit itself: that stays hidden. Where the accepted history has
 * holes (branches deleted, `git gc`) it ends at them, even if the push fills them.
 */
void walk_push(struct walk *w);

struct walk_found {
	size_t n; /* 0, 1, 2, ... in the order of finding */
	struct oid id;
	size_t tip;            /* whose it is: a tip its own, else that of the first child */
	enum object_type type; /* OBJECT_COMMIT, unless a commit names something else as parent */
	bool too_large;        /* not read, nor what is behind it */
	bool root;             /* names no parents */
};
/*
 * The next new commit, its content appended to `content`; *more false at the end. Each
 * once, in no particular order. Content is not judged here: one that is no commit in
 * git's eyes has no parents. A missing or corrupt object: ERR_REPO.
 */
int walk_next(struct walk *w, struct buf *content, struct walk_found *ret, bool *more,
	      struct err *err);

/* What was found so far, by its number n. */
size_t walk_count(const struct walk *w);
const struct oid *walk_id(const struct walk *w, size_t n);
const struct oid *walk_first_parent(const struct walk *w, size_t n); /* NULL: a root */
size_t walk_whose(const struct walk *w, size_t n); /* the tip it belongs to */
bool walk_find(const struct walk *w, const struct oid *id, size_t *n);

/* After the end: all numbers, children before parents; owned array (free()). */
size_t *walk_order(const struct walk *w);
/* After the end: is `old`, a commit, an ancestor of the tip, or the tip itself? */
int walk_descends(struct walk *w, size_t tip, const struct oid *old, bool *ret, struct err *err);

#endif
