/* The Secret Service by libsecret, one frame at a time (cred/wire.h). */
#ifndef GH_HELPER_KEYRING_H
#define GH_HELPER_KEYRING_H

#include <stdbool.h>

#include "cred/wire.h"

/*
 * Does what the frame asks and appends the answer. An item has the label
 * "git-credential-hsm: URL"; its attributes, which are no secret to anybody on the bus,
 * are the URL and two digests; its secret is the tokens' text. `quiet`: a locked keyring
 * is not unlocked, as that asks a person. May hang as long as the service does.
 */
void keyring_answer(const struct cred_frame *f, bool quiet, struct secret *out);

#endif
