/* What git asks of the program that talks to issuers. */
#ifndef GH_HELPER_FETCH_H
#define GH_HELPER_FETCH_H

/*
 * `get`: the request on standard input, the answer on standard output. `no_keyring`: why
 * the keyring cannot be used, as a sibling found; NULL: it is to be tried. Forks before
 * anything is loaded: what was asked of an issuer is stored although git is killed.
 * Returns the exit status.
 */
int fetch_get(const char *no_keyring);

#endif
