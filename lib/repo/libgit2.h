/* What the files of the libgit2 backend share. */
#ifndef GH_REPO_LIBGIT2_H
#define GH_REPO_LIBGIT2_H

#include <git2.h>

#include "repo/repo_internal.h"

/* Directories of objects, the repository's alternates among them. The first `quarantine`
 * ones hold what a push has brought. */
struct dirs {
	char **v;
	size_t n;
	size_t quarantine;
};

/* From the environment where a hook is told (`hook`), else the repository's own. ERR_REPO
 * when there is something that git itself has to make out. */
int repo_dirs_find(const char *git_dir, bool hook, struct dirs *ret, struct err *err);
void repo_dirs_free(struct dirs *d);
/* Another value when packs have come or gone in the directories from `first` on. */
uint64_t repo_dirs_stamp(const struct dirs *d, size_t first);

/* All objects in the directories from `first` on; loose ones by loose.h. git_odb_free(). */
int repo_odb_open(const struct dirs *d, size_t first, git_odb **ret, struct err *err);

int repo_libgit2_fail(struct err *err, const char *what); /* with git_error_last() */
void repo_from_git(const git_oid *id, struct oid *ret);

#endif
