/*
 * A signature put together and read back: shared by the program that has the token
 * itself and by the agent.
 */
#ifndef GH_MAKE_H
#define GH_MAKE_H

#include "base/buf.h"
#include "base/err.h"
#include "sig/cert.h"
#include "sig/cms.h"

#define MAKE_CHAIN_MAX 8

/*
 * Asks `signer` for the raw signature, builds the CMS message over `payload` and
 * verifies it against the certificate: a token's answer is not believed, since a
 * fault, or a certificate that does not belong to the key, would otherwise be written
 * into history. `key` is the certificate's, prepared for that, or NULL. Appends the armor
 * to `pem` and tells the digest used; nothing is appended on failure.
 */
int make_signature(const struct cert *leaf, struct cms_key *key, const struct bytes *chain,
		   size_t chain_n, struct bytes payload, int64_t now, struct cms_signer signer,
		   struct buf *pem, enum alg_hash *hash, struct err *err);

#endif
