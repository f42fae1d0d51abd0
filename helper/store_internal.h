/* Between the stores' two sides only. */
#ifndef GH_HELPER_STORE_INTERNAL_H
#define GH_HELPER_STORE_INTERNAL_H

#include "helper/store.h"

#define STORE_SOCKET "credential"           /* in the directory of rundir_path() */
#define STORE_SOCKET_LOCK "credential.lock" /* held by the daemon that listens there */
/* How long a keyring may take: a person unlocks it where there is a display. */
#define STORE_KEYRING_MS 60000
#define STORE_KEYRING_QUIET_MS 10000

/* Appends the id of a frame: profile, NUL, request. */
void store_name(const struct store *s, struct buf *out);
/* The session's memory is to be used, because the keyring cannot be. */
void store_no_keyring(struct store *s, const char *why);

#endif
