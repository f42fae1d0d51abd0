/*
 * From a profile to an access token: the grants of OAuth 2.0, and a GitHub App's
 * installation token. What is sent proves itself with a key in the token; a
 * person is asked only where that is allowed.
 */
#ifndef GH_HELPER_GRANT_H
#define GH_HELPER_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/gitconf.h"
#include "base/mem.h"
#include "cred/tokens.h"

struct cred_profile;

struct grant_ask {
	const struct gitconf *conf; /* hsm.*, http.* */
	/* What git is about to read or write; a GitHub App's installation follows from it. */
	const char *host;             /* host[:port], lower case */
	const char *path;             /* decoded, no slash at either end; "" or NULL: not known */
	const char *username;         /* the account that is wanted, a hint; NULL: any */
	const struct secret *refresh; /* a refresh token at hand; NULL: none */
	bool interactive;             /* a person may be asked: the PIN, a code, a browser */
	bool no_login;                /* but only for the PIN */
	int64_t deadline_ms;          /* os_monotonic_ms() at which all ends; 0: 120 s from now */
	void (*before_refresh)(void); /* may be NULL; called when nobody is asked any more, right
	                                 before the refresh token goes out */
	bool *refresh_refused; /* may be NULL; set when the issuer says that `refresh` is no good
	                          (invalid_grant): drop it, whatever grant_run returns */
};

/*
 * Asks for an access token: by the refresh token at hand, else (or when that is
 * refused) by the profile's grant. Nothing is kept and no lock is taken here: the
 * caller holds the lock, and stores what comes back before it shows any of it.
 *
 * ERR_CONFIG: the profile or the issuer's metadata cannot work. ERR_KEY, ERR_PIN,
 * ERR_TOKEN: the key. ERR_BAD: the issuer refuses. ERR_USAGE: a person would have
 * to log in and may not be asked (the text says: git-credential-hsm login
 * URL). ERR_IO: network, deadline; a refresh token may still be good. ERR_INPUT:
 * an answer that is none. `*ret` is set on success only.
 */
int grant_run(const struct cred_profile *p, const struct grant_ask *ask, struct cred_tokens *ret,
	      struct err *err);

/*
 * Tells the issuer that these tokens are not wanted any more (RFC 7009; DELETE
 * /installation/token for a GitHub App). An issuer without revocation: success,
 * *done false.
 */
int grant_revoke(const struct cred_profile *p, const struct grant_ask *ask,
		 const struct cred_tokens *t, bool *done, struct err *err);

#endif
