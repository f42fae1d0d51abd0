/*
 * Certificates that stay decoded, by their bytes: decoding one costs more than checking a
 * signature with it. What is kept is what cert_parse() says about these bytes at any time:
 * facts, no trust, no verdict. Off unless asked for; for a process of one thread.
 */
#ifndef GH_SIG_CERT_KEEP_H
#define GH_SIG_CERT_KEEP_H

#include "sig/cert.h"

#define CERT_KEEP_MAX 256                 /* certificates */
#define CERT_KEEP_BYTES ((size_t)1 << 20) /* of their DER */

/* From here on cert_parse() keeps each certificate that it has decoded, as long as there is
 * room, and gives out what is kept. */
void cert_keep_start(void);
/* Ends it; what was given out stays its owner's. */
void cert_keep_end(void);
/* How many are kept; the bytes of one of them, in the order in which they came. */
size_t cert_keep_count(void);
struct bytes cert_keep_at(size_t i);

/* For cert_parse(): NULL, or a certificate with one more owner; one that may be kept. */
struct cert *cert_kept(struct bytes der);
void cert_keep(struct cert *c);

#endif
