/*
 * Where tokens are kept between calls: the Secret Service, the memory of the session's
 * daemon, or nowhere. Access and refresh token are one item, replaced as a whole.
 *
 * A keyring that cannot be used (none, locked, silent) is replaced by the session's
 * memory for this call, and `note` then says so: print it once.
 */
#ifndef GH_HELPER_STORE_H
#define GH_HELPER_STORE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "cred/profile.h"
#include "cred/tokens.h"

struct store {
	enum cred_store kind; /* what is used; SESSION after a keyring that cannot be */
	const char *profile;  /* cred_profile_id(): what erase and clear hold for */
	const char *request;  /* what else the token depends on: owner, account */
	bool quiet;           /* nobody may be asked to unlock a keyring */
	bool silent;          /* the session's daemon did not answer: it is not asked again */
	struct buf note;      /* one line without newline, or empty */
};

/* *found false with success: nothing is kept there. */
int store_load(struct store *s, struct cred_tokens *ret, bool *found, struct err *err);
int store_save(struct store *s, const struct cred_tokens *t, struct err *err);
/*
 * The access token that git says is no good: forgotten where it is the one that is kept,
 * whatever account or owner it is for; a newer one and the refresh tokens stay.
 */
int store_erase(struct store *s, struct bytes token, struct err *err);
/* All of this profile, refresh tokens too: for logout. */
int store_clear(struct store *s, struct err *err);
void store_free(struct store *s); /* the note */

/*
 * One process at a time asks the issuer for tokens of this profile: holds until the
 * descriptor is closed, or its process ends. *fd is -1, with success, when another has it after
 * timeout_ms. Load again once it is held: the other may have stored what is wanted.
 */
int store_lock(const struct store *s, int timeout_ms, int *fd, struct err *err);

#endif
