/* What a policy file changes, beside another one. */
#ifndef GH_POLICY_DIFF_H
#define GH_POLICY_DIFF_H

#include "policy/policy.h"
#include "repo/repo.h"

/*
 * Prints the changes from `old` to `new_`: the file, its rules, its signers, and who may sign
 * where now or not any more; with a repository (may be NULL) the refs that another rule
 * governs. ERR_BAD when a server that knows `old` would refuse `new_`: its serial has
 * not grown.
 */
int policy_diff(const struct policy *old, const struct policy *new_, struct repo *repo, bool json,
		struct err *err);

#endif
