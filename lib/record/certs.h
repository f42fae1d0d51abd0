/*
 * Push certificates that were good for a push already, in a file of the state directory:
 * none is good for a second one. Called under the record's lock only. The file is replaced
 * as a whole; one that is damaged is an error, and no certificate is taken then.
 *
 * Not all are remembered for ever. Of those that were forgotten the issue time of the
 * newest nonce is kept, the floor: whatever hsm.certMaxAge or the clock say later, no
 * certificate of a nonce that was issued then or before is known to be unused.
 */
#ifndef GH_RECORD_CERTS_H
#define GH_RECORD_CERTS_H

#include <stdint.h>

#include "base/err.h"

#define RECORD_CERTS_MAX 16384 /* remembered at once */

enum record_cert {
	RECORD_CERT_NEW,
	RECORD_CERT_USED,
	RECORD_CERT_FORGOTTEN /* it may have been used: its nonce is not newer than the floor */
};

/*
 * What is known of the certificate `id`, whose nonce was issued at `issued` (seconds since
 * 1970); *floor is 0 when none was forgotten. ERR_CONFIG with the cure when the file cannot
 * be believed.
 */
int record_certs_find(const char *dir, const uint8_t id[32], int64_t issued, enum record_cert *ret,
		      int64_t *floor, struct err *err);
/*
 * Remembers `id`, and forgets those whose nonces were issued before `oldest`: such a
 * certificate is too old to be taken. Where there is no room the oldest is forgotten.
 */
int record_certs_add(const char *dir, const uint8_t id[32], int64_t issued, int64_t oldest,
		     struct err *err);

#endif
