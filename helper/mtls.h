/*
 * A client certificate whose key stays in the token (RFC 8705): lib/token finds the key
 * and is closed, then libp11 makes it a key that OpenSSL signs with. One Cryptoki stack
 * at a time.
 */
#ifndef GH_HELPER_MTLS_H
#define GH_HELPER_MTLS_H

#include <stdint.h>

#include "base/err.h"
#include "cred/profile.h"

struct mtls;

/*
 * Logs in; the PIN is asked for as for a signature. A library that does not come back by
 * `deadline_ms` ends the process with ERR_TOKEN and a line. ERR_KEY: no key, no
 * certificate for it, or an Ed25519 key, which TLS cannot use through libp11.
 */
int mtls_new(const struct cred_profile *p, bool interactive, int64_t deadline_ms, struct mtls **ret,
	     struct err *err);
void mtls_free(struct mtls *m); /* accepts NULL */

/* An http_tls's function over a struct mtls: certificate, chain and key into an SSL_CTX. */
int mtls_use(void *ctx, void *ssl_ctx);

#endif
