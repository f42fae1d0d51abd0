/* What git asks of the program that talks to issuers. */
#ifndef GH_HELPER_FETCH_H
#define GH_HELPER_FETCH_H

#include "helper/ask.h"
#include "helper/grant.h"

/*
 * `get`: the request on standard input, the answer on standard output. `no_keyring`: why
 * the keyring cannot be used, as a sibling found; NULL: it is to be tried. Forks before
 * anything is loaded: what was asked of an issuer is stored although git is killed.
 * Returns the exit status.
 */
int fetch_get(const char *no_keyring);

/*
 * The next tokens by the refresh token in `kept`, stored before this returns; Ctrl-C waits
 * for that. *refused: the issuer says that the refresh token is no good, and it is forgotten
 * then. `g` says what for. Hold the lock. As grant_run() otherwise.
 */
int fetch_refresh(struct ask *a, struct grant_ask *g, struct cred_tokens *kept,
		  struct cred_tokens *ret, bool *refused, struct err *err);

#endif
