/* The inside of a token, shared by the files of this layer. */
#ifndef GH_TOKEN_TOKEN_INTERNAL_H
#define GH_TOKEN_TOKEN_INTERNAL_H

#include <p11-kit/pkcs11.h>

#include "token/token.h"

#define TOKEN_MAX_SLOTS 1024
#define TOKEN_MAX_OBJECTS 4096 /* of one search */
#define TOKEN_TIMEOUT_MS 60000

struct watch;

/*
 * The key that signed last in the session: its handle is good until the session ends,
 * and searching again costs a token with many objects milliseconds.
 */
struct token_last {
	EVP_PKEY *key;     /* NULL: none */
	struct buf id;     /* by which it was asked for, the certificate's */
	struct buf key_id; /* its own CKA_ID: nearly always the same */
	CK_OBJECT_HANDLE handle;
	bool wants_pin; /* CKA_ALWAYS_AUTHENTICATE */
};

/* A session that is open and not in use. */
struct token_parked {
	bool there, logged_in;
	CK_SESSION_HANDLE session;
	struct token_last last;
};

struct token {
	char *module; /* path, escaped: for error texts */
	void *dl;     /* never closed: modules leave threads and handlers behind */
	CK_FUNCTION_LIST *fn;
	bool finalize; /* C_Initialize was ours */
	struct watch *watch;
	struct token_slot *slots;
	size_t slots_n;
	CK_SESSION_HANDLE session; /* one at a time, on the slot below */
	bool has_session, logged_in;
	bool writable;      /* sessions are opened for writing */
	CK_RV attribute_rv; /* of the last C_GetAttributeValue by token_attribute() */
	/* How the session was logged in: keys that want the PIN again ask for it so. The
	 * PIN itself is kept for the first signature only. */
	int (*get_pin)(void *ctx, const struct token_slot *s, struct secret *pin, struct err *err);
	void *pin_ctx;
	bool pin_stored;
	struct secret pin;
	size_t session_slot;
	struct token_last last;
	bool many;                   /* the sessions on other tokens stay open: */
	struct token_parked *parked; /* one for each slot, or NULL */
};

/*
 * A thread that ends the process when a call does not come back. Nothing less
 * helps: a thread that hangs in a module can be neither cancelled nor unloaded.
 */
int watch_start(const struct token_config *cfg, const char *module, struct watch **ret,
		struct err *err);
void watch_stop(struct watch *w);                        /* accepts NULL */
void watch_set_timeout(struct watch *w, int timeout_ms); /* between two calls */
void watch_begin(struct watch *w, const char *call);     /* a literal */
void watch_end(struct watch *w);

/* Calls one function of the module under the deadline; its value is the CK_RV. */
#define TOKEN_CALL(t, name, ...)                  \
	({                                        \
		CK_RV rv_;                        \
		watch_begin((t)->watch, #name);   \
		rv_ = (t)->fn->name(__VA_ARGS__); \
		watch_end((t)->watch);            \
		rv_;                              \
	})

/* "CKR_DEVICE_REMOVED", or "CKR 0x..."; thread-local when it is not a literal. */
const char *ckr_name(CK_RV rv);
/* ERR_PIN or ERR_TOKEN with the call, the name of the code and what to do about it. */
int ckr_error(struct err *err, const struct token *t, const char *call, CK_RV rv);

/* A session on the slot; the one on another slot is closed, or parked. */
int token_session(struct token *t, size_t slot_index, struct err *err);
void token_session_close(struct token *t);
void token_session_close_all(struct token *t);
void token_last_forget(struct token *t);

/* The login that a key with CKA_ALWAYS_AUTHENTICATE wants after C_SignInit (PKCS#11 2.40
 * 5.6: CKU_CONTEXT_SPECIFIC). ERR_PIN: the signature is over. *rv is the module's answer. */
int token_login_again(struct token *t, CK_RV *rv, struct err *err);

/* Up to `max` handles; more than that: ERR_TOKEN. */
int token_find(struct token *t, CK_ATTRIBUTE *like, CK_ULONG like_n, CK_OBJECT_HANDLE *ret,
	       size_t max, size_t *n, struct err *err);
/*
 * What a slot has of a class (certificates: X.509 only), by the URI's id and label where
 * `u` is not NULL; opens a session. *ret is for the caller to free, on success only.
 */
int token_search(struct token *t, size_t slot_index, CK_OBJECT_CLASS class, const struct uri *u,
		 CK_OBJECT_HANDLE **ret, size_t *n, struct err *err);
/* Its CKA_ID; *ret stays as it is when there is none. */
void token_id(struct token *t, CK_OBJECT_HANDLE o, struct buf *ret);
/* Its CKA_ID, and its label escaped: both "" when they cannot be had. The caller frees. */
void token_names(struct token *t, CK_OBJECT_HANDLE o, uint8_t **id, size_t *id_n, char **label);
/* One attribute of at most `max` bytes; false when it cannot be had. */
bool token_attribute(struct token *t, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, size_t max,
		     struct buf *ret);

/* Has the slot's token the mechanism, for these uses (CKF_SIGN)? */
bool token_has_mechanism(struct token *t, size_t slot_index, CK_MECHANISM_TYPE type,
			 CK_FLAGS flags);
/* Does CKA_KEY_TYPE say what the kind is? */
bool token_type_fits(struct token *t, CK_OBJECT_HANDLE o, enum alg_kind kind);
/* Of a public key object; NULL for a kind that is not known. The caller frees. */
EVP_PKEY *token_read_public(struct token *t, CK_OBJECT_HANDLE o);
/* DER for CKA_EC_PARAMS of a curve; empty for what is none. */
struct bytes token_curve_params(enum alg_kind kind);

#endif
