/*
 * Push certificates that were good for a push already, in a file of the state directory:
 * none is good for a second one. Called under the record's lock only. The file is replaced
 * as a whole; one that is damaged is an error, and no certificate is taken then.
 */
#ifndef GH_RECORD_CERTS_H
#define GH_RECORD_CERTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define RECORD_CERTS_MAX 16384 /* remembered at once */

/* Is `id` remembered? ERR_CONFIG with the cure when the file cannot be believed. */
int record_certs_seen(const char *dir, const uint8_t id[32], bool *ret, struct err *err);
/*
 * Remembers `id` for at least `keep` seconds from `now` on, and forgets what is older.
 * ERR_BAD when there is no room: too many pushes in too short a time.
 */
int record_certs_add(const char *dir, const uint8_t id[32], int64_t now, int64_t keep,
		     struct err *err);

#endif
