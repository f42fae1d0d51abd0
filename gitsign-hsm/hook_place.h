/*
 * Where the pre-receive hook of a repository stands, what git's configuration does
 * with it, and what installing it changed.
 */
#ifndef GH_HOOK_PLACE_H
#define GH_HOOK_PLACE_H

#include <stdbool.h>

#include "base/err.h"
#include "policy/server.h"
#include "repo/repo.h"

struct hook_place {
	struct repo *repo;
	struct server server;
	char *hook;    /* <git dir>/hooks/pre-receive */
	char *program; /* ours, absolute */
	char *scope;   /* --file=<git dir>/config, for gitcmd.h */
	bool there;    /* something stands at `hook` */
	bool ours;     /* and it leads to our program */
	bool runs;     /* and git would run it */
};

/* `path` may be NULL: the repository at or above the current directory. */
int hook_place_open(const char *path, struct hook_place *ret, struct err *err);
void hook_place_close(struct hook_place *p);

/*
 * Configuration that keeps git from running the hook (core.hooksPath,
 * hook.<event>.enabled): calls `problem` for each, returns how many.
 */
size_t hook_place_traps(const struct hook_place *p,
			void (*problem)(const char *text, void *ctx), void *ctx, struct err *err);

/*
 * Sets a key of the repository's configuration and keeps the value that it had, so
 * that hook_place_restore() can put it back. A key that was kept before is not kept again.
 */
int hook_place_set(const struct hook_place *p, const char *key, const char *value,
		   struct err *err);
int hook_place_restore(const struct hook_place *p,
		       void (*tell)(const char *key, const char *value), struct err *err);

#endif
