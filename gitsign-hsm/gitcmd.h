/* `git config` and `git --version` as children: writing is git's own business. */
#ifndef GH_GITCMD_H
#define GH_GITCMD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Where git keeps a value: "--local", "--global", or "--file=PATH". */

/* The last value of `key` there; *found false when there is none. */
int gitcmd_get(const char *scope, const char *key, struct buf *value, bool *found,
	       struct err *err);
/* Every value there, each with a NUL behind it; none is fine. */
int gitcmd_get_all(const char *scope, const char *key, struct buf *values, struct err *err);
/* NULL unsets (all of them); a key that is not there is fine. */
int gitcmd_set(const char *scope, const char *key, const char *value, struct err *err);
int gitcmd_add(const char *scope, const char *key, const char *value, struct err *err);
/*
 * Committer dates, seconds since 1970: that of the next commit (GIT_COMMITTER_DATE, else the
 * clock), and that of HEAD. False where git cannot tell.
 */
bool gitcmd_date_next(int64_t *ret);
bool gitcmd_date_head(int64_t *ret);
/* "2.39.5" */
int gitcmd_version(struct buf *out, struct err *err);
enum gitcmd_place {
	GITCMD_WORK_TREE, /* its top is in `top` */
	GITCMD_NO_TREE,   /* a bare repository, or whatever git will complain of itself */
	GITCMD_FOREIGN,   /* another user's: git reads none of its configuration */
	GITCMD_NOWHERE,   /* no repository */
};
enum gitcmd_place gitcmd_place(struct buf *top);
/* Is `path` a file of that work tree, which a checkout can exchange? */
bool gitcmd_in_work_tree(const char *path);

#endif
