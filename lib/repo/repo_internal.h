/* What a backend gives; nobody outside lib/repo includes this. */
#ifndef GH_REPO_REPO_INTERNAL_H
#define GH_REPO_REPO_INTERNAL_H

#include "repo/repo.h"

/*
 * The functions of repo.h, with their arguments already checked: ids have the
 * repository's length, names of refs and revisions are harmless. read() need not check
 * the content against the id.
 */
struct repo_ops {
	const char *name;
	void (*close)(struct repo *r);
	/* *found false: not there (0 is returned). */
	int (*stat)(struct repo *r, const struct oid *id, enum object_type *type, uint64_t *size,
		    bool *found, struct err *err);
	/* Larger than `max`: repo_too_large(). */
	int (*read)(struct repo *r, const struct oid *id, size_t max, enum object_type *type,
		    struct buf *content, bool *found, struct err *err);
	/* Was it there before this push? Asked when the repository has a quarantine. */
	int (*held)(struct repo *r, const struct oid *id, bool *ret, struct err *err);
	/* Have packs come or gone since? Then held() finds them from now on. NULL: it does. */
	bool (*refresh)(struct repo *r);
	int (*ref)(struct repo *r, const char *name, struct oid *ret, bool *found, bool *symbolic,
		   struct err *err);
	int (*refs)(struct repo *r, const char *prefix, repo_ref_fn fn, void *ctx, struct err *err);
	int (*resolve)(struct repo *r, const char *rev, struct oid *ret, struct err *err);
};

/* The first member of each backend's own. */
struct repo {
	const struct repo_ops *ops;
	uint8_t hash_bytes;
	bool bare;
	bool quarantine; /* objects of a push that is being judged lie apart (githooks(5)) */
	char *git_dir;   /* absolute; the common directory */
};

/* *ret is set on success only. */
int repo_libgit2_open(const char *path, struct repo **ret, struct err *err);
int repo_git_open(const char *path, struct repo **ret, struct err *err);

/* Fills r->git_dir. `dir` may be relative to the working directory. */
int repo_set_git_dir(struct repo *r, const char *dir, struct err *err);
int repo_too_large(const struct oid *id, uint64_t size, size_t max, struct err *err);

/* repo_read(), but what is not there is no error. */
int repo_read_found(struct repo *r, const struct oid *id, size_t max, enum object_type *type,
		    struct buf *content, bool *found, struct err *err);
/* repo_is_ancestor() for two different commits that are there (walk.c). */
int repo_seek(struct repo *r, const struct oid *tip, const struct oid *old, bool *ret,
	      struct err *err);

#endif
