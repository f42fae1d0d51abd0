/*
 * Where objects and refs come from: libgit2 in process, or a `git cat-file
 * --batch` pipe for what libgit2 cannot open (SHA-256, newer extensions). One
 * interface. Replace refs, grafts and the list of a shallow repository are never
 * followed; what a partial clone lacks is missing. No network, no writes.
 */
#ifndef GH_REPO_REPO_H
#define GH_REPO_REPO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "object/object.h"

struct repo;

enum repo_backend { REPO_AUTO = 0, REPO_LIBGIT2, REPO_GIT };

/*
 * Opens the repository that a hook runs in (GIT_DIR, the quarantine directory in
 * GIT_OBJECT_DIRECTORY and its alternates are taken from the environment) when
 * `path` is NULL, else the one at or above `path`, whatever the environment says. AUTO
 * takes libgit2 and falls back to git. Who owns the repository is not asked: a hook
 * judges that itself, and reading runs nothing that a repository's configuration names.
 */
int repo_open(const char *path, enum repo_backend backend, struct repo **ret, struct err *err);
void repo_close(struct repo *r); /* accepts NULL */

uint8_t repo_hash_bytes(const struct repo *r);  /* 20 or 32 */
const char *repo_git_dir(const struct repo *r); /* absolute; the common directory */
bool repo_is_bare(const struct repo *r);
const char *repo_backend_name(const struct repo *r);

/*
 * Reads one object, its content appended. Missing or corrupt (the content is checked
 * against the id): ERR_REPO. Larger than `max`: ERR_INPUT before it is inflated.
 */
int repo_read(struct repo *r, const struct oid *id, size_t max, enum object_type *type,
	      struct buf *content, struct err *err);
/* False when that cannot be told, too. */
bool repo_has(struct repo *r, const struct oid *id);
/* Type and size without content. */
int repo_stat(struct repo *r, const struct oid *id, enum object_type *type, uint64_t *size,
	      struct err *err);

/* Value of a ref, symbolic ones followed; *found false when it does not exist.
 * *symbolic (may be NULL) tells whether the name itself is a symbolic ref. */
int repo_ref(struct repo *r, const char *name, struct oid *ret, bool *found, bool *symbolic,
	     struct err *err);
/* Every ref whose name begins with `prefix`, in byte order, HEAD left out; symbolic ones
 * with the value that they lead to, dangling ones passed over. fn's non-zero result ends
 * it and is returned. */
typedef int (*repo_ref_fn)(const char *name, const struct oid *id, bool symbolic, void *ctx);
int repo_refs(struct repo *r, const char *prefix, repo_ref_fn fn, void *ctx, struct err *err);
/* A revision as people write it (main, v1.0^, abc123) to the id of an object that is
 * there, tags not peeled. Whatever else it is, ranges too: ERR_REPO. */
int repo_resolve(struct repo *r, const char *rev, struct oid *ret, struct err *err);

/*
 * Calls fn for every commit that `tips` reach and `hide` do not, children before
 * parents, when all are known (repo/walk.h says how). Ids in `hide` that do not exist, or
 * are neither commits nor tags, are passed over. A missing object among what is walked is
 * ERR_REPO. fn's non-zero result ends it and is returned; it may read objects.
 */
typedef int (*repo_walk_fn)(const struct oid *id, void *ctx);
int repo_walk(struct repo *r, const struct oid *tips, size_t tips_n, const struct oid *hide,
	      size_t hide_n, repo_walk_fn fn, void *ctx, struct err *err);
/* Is `old` an ancestor of (or the same as) `tip`? Both commits. */
int repo_is_ancestor(struct repo *r, const struct oid *old, const struct oid *tip, bool *ret,
		     struct err *err);

#endif
