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
 * loaded. A token that shows no certificate is logged into, and asked again. ERR_KEY,
 * ERR_TOKEN, ERR_CONFIG, ERR_PIN.
 */
int signer_open(const struct settings *s, const char *key, const struct os_stdio *io,
		struct signer **ret, struct err *err);
/* Who gives a PIN, as token_login() takes it. `ctx` NULL: the signer itself. */
typedef int signer_pin_fn(void *ctx, const struct token_slot *slot, struct secret *pin,
			  struct err *err);
struct signer_pin {
	signer_pin_fn *get;
	void *ctx;
	bool stored;
};
/*
 * The same on a module that is open already and outlives the signer. Where the one token shows
 * nothing before a login it is made by `pin`, and *login set, also when it then fails; not with
 * NULL, when both may be.
 */
int signer_choose(const struct settings *s, struct token *token, const char *key,
		  const struct signer_pin *pin, bool *login, struct signer **ret, struct err *err);
void signer_close(struct signer *s);

const struct cert *signer_cert(const struct signer *s);
const struct candidate *signer_candidate(const struct signer *s);
/* Is its certificate's fingerprint enough to find it? Not where other tokens hold it too. */
bool signer_is_only(const struct signer *s);

/*
 * Logs in (asking for the PIN when the token wants one), signs and checks the
 * result against the certificate. Appends the armored signature to `pem` and
 * tells the digest used. Nothing is appended on failure.
 */
int signer_sign(struct signer *s, struct bytes payload, int64_t now, struct buf *pem,
		enum alg_hash *hash, struct err *err);

/*
 * For who puts the message together elsewhere: logging in with what `pin` gives
 * (token_login(); *before: it was logged in already), and one raw signature over `tbs`.
 */
int signer_login(struct signer *s, signer_pin_fn *pin, void *ctx, bool stored, bool *before,
		 struct err *err);
bool signer_logs_in(const struct signer *s); /* Will signer_login() have to? */
bool signer_asks(const struct signer *s); /* And want a PIN, which a token with a pad does not? */
int signer_raw(struct signer *s, enum alg_hash h, struct bytes tbs, struct buf *sig,
	       struct err *err);

/* The one token that may show more after a login; false: there is none, or more than one. */
bool signer_shy_token(const struct token *t, size_t *slot);

/* What the owner of a token is asked. */
void signer_pin_prompt(struct buf *out, const struct token_slot *slot);

/* DER of the intermediates on the same token or in hsm.chain, at most `max`; borrowed. Returns how many. */
size_t signer_chain(const struct signer *s, struct bytes *out, size_t max);

/* The token configuration that settings ask for. */
struct token_config signer_token_config(const struct settings *s, const struct os_stdio *io);

#endif
