/*
 * From settings and a key's name to a signature that has been verified: the
 * token opened, the key chosen, logged in, signed, our own output read back.
 */
#ifndef GH_SIGNER_H
#define GH_SIGNER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/os.h"
#include "select.h"
#include "settings.h"

struct signer; /* an open token and the one key chosen */

/*
 * Opens the module and picks the key that `key` names ("" or NULL: hsm.key, or
 * the only usable one). `io` is where our own output goes while the module is
 * loaded. ERR_KEY, ERR_TOKEN, ERR_CONFIG.
 */
int signer_open(const struct settings *s, const char *key, const struct os_stdio *io,
		struct signer **ret, struct err *err);
void signer_close(struct signer *s);

const struct cert *signer_cert(const struct signer *s);
const struct candidate *signer_candidate(const struct signer *s);

/*
 * Logs in (asking for the PIN when the token wants one), signs and checks the
 * result against the certificate. Appends the armored signature to `pem` and
 * tells the digest used. Nothing is appended on failure.
 */
int signer_sign(struct signer *s, struct bytes payload, int64_t now, struct buf *pem,
		enum alg_hash *hash, struct err *err);

/* The token configuration that settings ask for. */
struct token_config signer_token_config(const struct settings *s, const struct os_stdio *io);

#endif
