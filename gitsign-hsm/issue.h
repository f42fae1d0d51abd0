/*
 * Certificate requests (RFC 2986) and self-signed certificates (RFC 5280), signed by a
 * key that only signs bytes. OpenSSL builds what is signed; the signature is put behind
 * it here, because OpenSSL wants a key of its own for that.
 */
#ifndef GH_ISSUE_H
#define GH_ISSUE_H

#include <openssl/evp.h>

#include "base/alg.h"
#include "base/buf.h"
#include "base/err.h"

struct issue {
	EVP_PKEY *key;       /* the public half */
	const char *subject; /* "/CN=Name/O=Company", or NULL: the name below */
	const char *name;    /* commonName */
	const char *const *emails;
	size_t emails_n;
	int days; /* of a certificate */
	int (*sign)(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err);
	void *ctx;
};

/* PEM of a request, or of a certificate, verified before it is given back. */
int issue_request(const struct issue *i, struct buf *pem, struct err *err);
int issue_self_signed(const struct issue *i, struct buf *pem, struct err *err);

#endif
