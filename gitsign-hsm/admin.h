/*
 * What the verbs that work on tokens share: a module open with standard output hidden
 * from it, one slot, a login, a key found by name. What they print is collected and
 * shown when the module is gone.
 */
#ifndef GH_ADMIN_H
#define GH_ADMIN_H

#include <stdio.h>

#include "base/os.h"
#include "settings.h"
#include "token/token_admin.h"

struct admin {
	struct settings settings;
	struct os_stdio io;
	struct token *token;
	FILE *out; /* what is printed at the end */
	char *text;
	size_t text_n;
	struct token_keys keys; /* of admin_key() */
	char *found;            /* a module that nobody named */
};

/* Options that verbs on tokens have; `p` is where the value goes (const char **). */
#define ADMIN_MODULE(p)                                                                      \
	{                                                                                    \
		0, "module", "PATH", "the PKCS#11 module (else hsm.module)", OPT_STRING, (p) \
	}
#define ADMIN_PIN_SOURCE(p)                                                                  \
	{                                                                                    \
		0, "pin-source", "SOURCE", "as hsm.pinSource, in its place", OPT_STRING, (p) \
	}

/* What a verb takes from its command line; all may be NULL. */
struct admin_options {
	const char *module;     /* NULL: hsm.module, without that what setup_module() finds */
	const char *pin_source; /* in place of hsm.pinSource */
	bool blank;             /* it is a blank token that is looked for */
};

/*
 * A verb from its options on: reads the configuration, opens the module, calls `work`, closes
 * the token. Prints what was collected when `work` returns 0 or ERR_BAD, else the error alone.
 * Returns the exit status.
 */
int admin_run(const struct admin_options *o,
	      int (*work)(struct admin *a, void *ctx, struct err *err), void *ctx);

/*
 * The token with this label, or where none has it this serial number; with NULL the only one.
 * ERR_KEY lists what there is.
 */
int admin_slot(const struct admin *a, const char *name, size_t *ret, struct err *err);

/* Who cannot verify signatures by such a key; NULL: everybody can who reads CMS. */
const char *admin_not_verified_by(enum alg_kind kind);
/* Logs in with hsm.pinSource, for writing when `write`. */
int admin_login(struct admin *a, size_t slot, bool write, struct err *err);
/*
 * The public keys on the tokens (of a URI; NULL: all) into a->keys. Where nothing whatever is
 * seen, the one token that wants a PIN is logged in to first (for writing when `write`).
 */
int admin_keys(struct admin *a, const struct uri *u, bool write, struct err *err);
/*
 * The one public key that `name` means: a PKCS#11 URI, or a key's label; NULL or "": the
 * only one. ERR_KEY with the list else. Stays until admin_close().
 */
int admin_key(struct admin *a, const char *name, bool write, const struct token_key **ret,
	      struct err *err);
/* A PKCS#11 URI for it, without secrets. */
void admin_uri(const struct admin *a, const struct token_key *k, struct buf *out);

/*
 * A PIN to be set: from `source` (its text; NULL: asked for as every PIN is, twice).
 * `what` names it ("new PIN"). ERR_PIN when the two differ.
 */
int admin_new_pin(const struct admin *a, const char *source, const char *what, struct secret *ret,
		  struct err *err);

#endif
