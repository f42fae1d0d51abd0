/*
 * What changes a token: initialising it, making keys, storing certificates. Apart
 * from token.h because signing needs none of it. All work on one slot of an open
 * token, in a read-write session; `struct token` is never used by others meanwhile.
 */
#ifndef GH_TOKEN_TOKEN_ADMIN_H
#define GH_TOKEN_TOKEN_ADMIN_H

#include "token/token.h"

/* A slot whose token has no label yet (SoftHSM2 always offers one). */
struct token_blank {
	unsigned long slot;
};
/* At most `max`; returns how many there are. */
size_t token_blanks(struct token *t, struct token_blank *out, size_t max);

/*
 * Initialises the token on PKCS#11 slot `slot`: everything on it is gone afterwards.
 * `label` is 1 to 32 bytes of printable ASCII. Both PINs are sent once. The token is to
 * be opened again afterwards: modules give it a new slot.
 */
int token_init(struct token *t, unsigned long slot, const char *label, const struct secret *so_pin,
	       const struct secret *pin, struct err *err);

/* From here on sessions are opened for writing; one that is open is closed. */
void token_writable(struct token *t);

struct token_key_spec {
	enum alg_kind kind;
	int bits;          /* of RSA: 2048, 3072, 4096 */
	const char *label; /* CKA_LABEL, UTF-8 */
	struct bytes id;   /* CKA_ID; not empty, and not used on this token */
	bool each_time;    /* CKA_ALWAYS_AUTHENTICATE: the PIN for every signature */
};

/*
 * Makes a key pair that can sign and nothing else, that is sensitive and cannot be
 * taken out, then reads it back: a token that made something else has it destroyed
 * again, and the error names what differs. Needs token_writable() and token_login().
 * *pub is for the caller to free.
 */
int token_generate(struct token *t, size_t slot_index, const struct token_key_spec *spec,
		   EVP_PKEY **pub, struct err *err);

/*
 * Stores a certificate as a public object with this CKA_ID and label. One that is there
 * with the same id and content is left alone (*stored false).
 */
int token_store_certificate(struct token *t, size_t slot_index, struct bytes id, const char *label,
			    X509 *x, bool *stored, struct err *err);

/* What a token declares about a private key: claims of the module, not proof. */
enum token_fact { FACT_UNKNOWN = -1, FACT_NO = 0, FACT_YES = 1 };
struct token_key_facts {
	enum token_fact sensitive, extractable, always_sensitive, never_extractable, local;
	enum token_fact sign, decrypt, unwrap, derive, sign_recover; /* what it may do */
	enum token_fact always_authenticate, modifiable;
};
/* Of the private key with this CKA_ID; needs token_login() on most tokens. */
int token_key_facts(struct token *t, size_t slot_index, struct bytes id,
		    struct token_key_facts *ret, struct err *err);

/* Can the slot do it: does its mechanism list hold what signing with `kind` needs, and
 * what making such a key needs? */
bool token_can_sign(struct token *t, size_t slot_index, enum alg_kind kind);
bool token_can_generate(struct token *t, size_t slot_index, enum alg_kind kind);

#endif
