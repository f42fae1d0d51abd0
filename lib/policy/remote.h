/*
 * What a clone knows of the repository that it pushes to: the refs that it keeps of a
 * remote, under the names that they have there (git-config(1), remote.<name>.fetch).
 */
#ifndef GH_POLICY_REMOTE_H
#define GH_POLICY_REMOTE_H

#include "base/gitconf.h"
#include "policy/past.h"
#include "repo/repo.h"

/*
 * For past_of_list(): an owned array, possibly empty, in any order; free it with
 * past_refs_free(). An unknown remote has none. Refspecs that take tags, or anything
 * else, into refs of the clone's own say nothing about the remote and are passed over:
 * only what is kept below refs/remotes/ counts.
 */
int remote_refs(struct repo *repo, const struct gitconf *conf, const char *remote,
		struct past_ref **ret, size_t *n, struct err *err);

#endif
