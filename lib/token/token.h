/*
 * Cryptoki (PKCS#11 2.40): from a module to "sign these bytes".
 *
 * One module per process. Between token_open() and token_close() the process
 * must not fork. Descriptors 1 and 2 are hidden from the module by the caller
 * (os_stdio_hide) before token_open(). Every call into the module runs under a
 * deadline: when it passes, the process writes one line to `deadline_fd` and ends
 * with ERR_TOKEN, because a hung module cannot be left in any other way.
 */
#ifndef GH_TOKEN_TOKEN_H
#define GH_TOKEN_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/alg.h"
#include "token/uri.h"

struct token_config {
	const char *module;          /* absolute path; NULL: ERR_CONFIG that says how to set it */
	const char *module_args;     /* for C_Initialize's pReserved; NULL mostly */
	int timeout_ms;              /* a call; 0: 60,000 */
	int deadline_fd;             /* where the last line goes; -1: nowhere */
	const char *deadline_prefix; /* before that line, e.g. "gitsign-hsm: "; may be NULL */
	bool remind; /* the terminal, of a token that has not answered for a second */
	bool many;   /* a session on each token that is used stays open, logged in or not */
};

/* What is said then: no module tells what it waits for. */
#define TOKEN_REMINDER                                                                          \
	"gitsign-hsm: the token has not answered yet: does it want to be touched, or a PIN on " \
	"its reader?"

struct token; /* a module, initialised, and at most one logged-in session */

struct token_slot {
	unsigned long slot;
	char label[33], manufacturer[33], model[17], serial[17]; /* padding cut; '?' for what
	                                                            does not print */
	bool login_required, pin_initialized, protected_path;
	bool pin_count_low, pin_final_try, pin_locked;
};

/* A certificate found on a token, with what leads to its key. */
struct token_object {
	size_t slot_index; /* into token_slots() */
	uint8_t *id;
	size_t id_n;
	char *label;  /* escaped; may be "" */
	uint8_t *der; /* CKA_VALUE of the certificate */
	size_t der_n;
};
struct token_objects {
	struct token_object *v;
	size_t n;
};

int token_open(const struct token_config *cfg, struct token **ret, struct err *err);
/* From the next call into the module on; milliseconds, as in struct token_config. */
void token_set_timeout(struct token *t, int timeout_ms);
/* Logs out, C_Finalize, no dlclose. Safe on NULL. */
void token_close(struct token *t);

/* The tokens present. Borrowed until token_close(). */
const struct token_slot *token_slots(const struct token *t, size_t *n);
/* Does the slot fit the token part of the URI (all of it, byte-exact)? */
bool token_slot_matches(const struct token_slot *s, const struct uri *u);

/*
 * The certificates on every slot that fits `u` (NULL: all), searched with the
 * URI's id and label as the template. Objects of one module that cannot be read
 * are passed over. No login: certificates are public objects.
 */
int token_certificates(struct token *t, const struct uri *u, struct token_objects *ret,
		       struct err *err);
void token_objects_free(struct token_objects *o);

/*
 * Logs in, once. `get_pin` is asked only when the token wants a PIN and has no
 * PIN pad; the deadline stands still meanwhile. A PIN is sent once and never
 * again; a locked PIN, and with `stored` a PIN at its final try, are refused
 * before it is sent (ERR_PIN). `get_pin` and `ctx` have to stay until the session ends:
 * a key that wants a PIN for every signature asks them again, from the second one on.
 */
int token_login(struct token *t, size_t slot_index,
		int (*get_pin)(void *ctx, const struct token_slot *s, struct secret *pin,
			       struct err *err),
		void *ctx, bool stored, struct err *err);

/* Has token_login() succeeded on this slot, and the session not been closed since? */
bool token_logged_in(const struct token *t, size_t slot_index);

/*
 * Signs with the one private key on the slot whose CKA_ID is `id` (and, when
 * several have it, whose public part is `key`). The result has the form that
 * X.509 uses: ECDSA as DER, RSA padded to the modulus. `tbs` is hashed here;
 * mechanisms are CKM_RSA_PKCS with DigestInfo, CKM_ECDSA and CKM_EDDSA (over `tbs`
 * itself). A key with CKA_ALWAYS_AUTHENTICATE gets its login (see token_login()).
 * No key: ERR_KEY. More than one: ERR_KEY. Module faults: ERR_TOKEN, with the
 * name of the CKR_ code and what to do about the common ones.
 */
int token_sign(struct token *t, size_t slot_index, struct bytes id, EVP_PKEY *key, enum alg_hash h,
	       struct bytes tbs, struct buf *sig, struct err *err);

/* The same by RSASSA-PSS (CKM_RSA_PKCS_PSS), MGF1 and salt by the digest (RFC 7518 3.5). */
int token_sign_pss(struct token *t, size_t slot_index, struct bytes id, EVP_PKEY *key,
		   enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err);

/* A public key object, with what leads to its private key. */
struct token_key {
	size_t slot_index; /* into token_slots() */
	uint8_t *id;
	size_t id_n;
	char *label;   /* escaped; may be "" */
	EVP_PKEY *key; /* NULL: of a kind that is not known here, or unreadable */
};
struct token_keys {
	struct token_key *v;
	size_t n;
};

/*
 * The public keys on every slot that fits `u` (NULL: all), searched with the URI's id
 * and label as the template: RSA, P-256, P-384, P-521, Ed25519 (PKCS#11 2.40 2.1.2,
 * 2.3.3; 3.0 2.3.5). Without login those that are public objects, which is the rule.
 */
int token_public_keys(struct token *t, const struct uri *u, struct token_keys *ret,
		      struct err *err);
void token_keys_free(struct token_keys *k);

/*
 * Uses the session for a moment, so that a token that closes idle ones keeps it: a search for
 * the key that signed last. ERR_TOKEN when session or key are gone; 0 when there is none.
 */
int token_ping(struct token *t, struct err *err);

#endif
