/*
 * Where the hooks of a repository stand, what git's configuration does with them, and
 * what installing them changed.
 */
#ifndef GH_HOOK_PLACE_H
#define GH_HOOK_PLACE_H

#include <stdbool.h>

#include "base/err.h"
#include "policy/past.h"
#include "policy/server.h"
#include "repo/repo.h"

enum hook_kind {
	HOOK_PRE_RECEIVE,
	HOOK_POST_RECEIVE,
	HOOK_REFERENCE_TRANSACTION,
	HOOK_PRE_PUSH,
	HOOK_KINDS
};

struct hook_file {
	const char *name;
	char *path;    /* <git dir>/hooks/<name> */
	char *program; /* ours, absolute */
	bool there;    /* something stands at `path` */
	bool ours;     /* and it leads to our program */
	bool runs;     /* and git would run it */
};

struct hook_place {
	struct repo *repo;
	struct server server;
	struct hook_file files[HOOK_KINDS];
	char *scope; /* --file=<git dir>/config, for gitcmd.h */
};

/* `path` may be NULL: the repository at or above the current directory. */
int hook_place_open(const char *path, struct hook_place *ret, struct err *err);
/* For pre-push: of `server` git_dir alone is set, and no configuration is read. */
int hook_place_open_client(const char *path, struct hook_place *ret, struct err *err);
void hook_place_close(struct hook_place *p);

/* hook_link.c. They print what they do. With `transactions` reference-transaction too; another
 * program's post-receive stays, with a note, other hooks are ERR_CONFIG. */
int hook_make_links(const struct hook_place *p, bool transactions, struct err *err);
int hook_remove_links(const struct hook_place *p, struct err *err);
/* The error for a hook that is not ours. */
int hook_refuse_other(const struct hook_file *f, struct err *err);
/* pre-push. */
int hook_link_client(const struct hook_place *p, struct err *err);
int hook_unlink_client(const struct hook_place *p, struct err *err);

/*
 * Configuration that keeps git from running the hook (core.hooksPath,
 * hook.<event>.enabled): calls `problem` for each, returns how many.
 */
size_t hook_place_traps(const struct hook_place *p, void (*problem)(const char *text, void *ctx),
			void *ctx, struct err *err);

/*
 * Sets a key of the repository's configuration and keeps the value that it had, so
 * that hook_place_restore() can put it back. A key that was kept before is not kept again.
 * With _note() it is kept alone, and not for values that are secret.
 */
int hook_place_note(const struct hook_place *p, const char *key, struct err *err);
int hook_place_set(const struct hook_place *p, const char *key, const char *value, struct err *err);
int hook_place_restore(const struct hook_place *p, void (*tell)(const char *key, const char *value),
		       struct err *err);

/*
 * hook_introduce.c: adds to hsm.introduction what refs hold, and says how many. Of all
 * refs the commits alone; of some (those that were judged) the tag objects too.
 */
int hook_introduce_all(const struct hook_place *p, struct err *err);
int hook_introduce_refs(const struct hook_place *p, const struct past_ref *refs, size_t n,
			struct err *err);

/* Gives receive.certNonceSeed, which is not set, a random value; says so (hook_seed.c). */
int hook_place_seed(const struct hook_place *p, struct err *err);

#endif
