/* What a module's return codes are called and what to do about them. */
#include <stdio.h>

#include "token/token_internal.h"

struct ckr {
	CK_RV rv;
	const char *name;
	enum err_code code;
	const char *cure; /* "" when nothing general can be said */
};

#define CKR(name, code, cure) { name, #name, code, cure }
#define PLUG "plug the token in again and try once more"

static const struct ckr table[] = {
	CKR(CKR_HOST_MEMORY, ERR_TOKEN, ""),
	CKR(CKR_SLOT_ID_INVALID, ERR_TOKEN, PLUG),
	CKR(CKR_GENERAL_ERROR, ERR_TOKEN, "the module's own log may tell more"),
	CKR(CKR_FUNCTION_FAILED, ERR_TOKEN, "the module's own log may tell more"),
	CKR(CKR_ARGUMENTS_BAD, ERR_TOKEN, "does the module need hsm.moduleArgs?"),
	CKR(CKR_NEED_TO_CREATE_THREADS, ERR_TOKEN, ""),
	CKR(CKR_CANT_LOCK, ERR_TOKEN, ""),
	CKR(CKR_ACTION_PROHIBITED, ERR_TOKEN, ""),
	CKR(CKR_ATTRIBUTE_READ_ONLY, ERR_TOKEN, ""),
	CKR(CKR_ATTRIBUTE_TYPE_INVALID, ERR_TOKEN, ""),
	CKR(CKR_ATTRIBUTE_VALUE_INVALID, ERR_TOKEN, ""),
	CKR(CKR_DATA_LEN_RANGE, ERR_TOKEN, "does the key fit the algorithm?"),
	CKR(CKR_DEVICE_ERROR, ERR_TOKEN, PLUG),
	CKR(CKR_DEVICE_MEMORY, ERR_TOKEN, "the token has no room left"),
	CKR(CKR_DEVICE_REMOVED, ERR_TOKEN, PLUG),
	CKR(CKR_FUNCTION_CANCELED, ERR_TOKEN, ""),
	CKR(CKR_FUNCTION_NOT_SUPPORTED, ERR_TOKEN, "this module cannot do that"),
	CKR(CKR_KEY_HANDLE_INVALID, ERR_TOKEN, ""),
	CKR(CKR_KEY_TYPE_INCONSISTENT, ERR_KEY, "the key cannot be used with this mechanism"),
	CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, ERR_KEY, "the key may not sign (CKA_SIGN is false)"),
	CKR(CKR_MECHANISM_INVALID, ERR_TOKEN, "the token cannot sign with this kind of key"),
	CKR(CKR_MECHANISM_PARAM_INVALID, ERR_TOKEN, ""),
	CKR(CKR_OPERATION_ACTIVE, ERR_TOKEN, ""),
	CKR(CKR_OPERATION_NOT_INITIALIZED, ERR_TOKEN, ""),
	CKR(CKR_PIN_INCORRECT, ERR_PIN,
	    "the PIN is wrong. It was sent once and is not tried again: a token locks after a "
	    "few wrong ones"),
	CKR(CKR_PIN_INVALID, ERR_PIN, "the PIN has characters that this token does not take"),
	CKR(CKR_PIN_LEN_RANGE, ERR_PIN, "the PIN is too short or too long for this token"),
	CKR(CKR_PIN_EXPIRED, ERR_PIN, "the PIN has to be changed with the token's own tool"),
	CKR(CKR_PIN_LOCKED, ERR_PIN,
	    "the PIN is locked: unlock it with the PUK or SO PIN and the token's own tool"),
	CKR(CKR_SESSION_CLOSED, ERR_TOKEN, PLUG),
	CKR(CKR_SESSION_COUNT, ERR_TOKEN,
	    "too many programs use the token: close them, or wait for half a minute"),
	CKR(CKR_SESSION_HANDLE_INVALID, ERR_TOKEN, PLUG),
	CKR(CKR_SESSION_READ_ONLY, ERR_TOKEN, ""),
	CKR(CKR_TEMPLATE_INCOMPLETE, ERR_TOKEN, ""),
	CKR(CKR_TEMPLATE_INCONSISTENT, ERR_TOKEN, ""),
	CKR(CKR_TOKEN_NOT_PRESENT, ERR_TOKEN, PLUG),
	CKR(CKR_TOKEN_NOT_RECOGNIZED, ERR_TOKEN, "does this module fit this token?"),
	CKR(CKR_TOKEN_WRITE_PROTECTED, ERR_TOKEN,
	    "it takes nothing new; certificates may be files (hsm.certificate, hsm.chain)"),
	CKR(CKR_USER_NOT_LOGGED_IN, ERR_PIN,
	    "the key wants its PIN again before each signature (CKA_ALWAYS_AUTHENTICATE), and "
	    "the token did not take it: try its own tool"),
	CKR(CKR_USER_PIN_NOT_INITIALIZED, ERR_PIN, "the token has no user PIN yet: set one"),
	CKR(CKR_USER_TYPE_INVALID, ERR_TOKEN, ""),
	CKR(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, ERR_TOKEN, ""),
	CKR(CKR_USER_TOO_MANY_TYPES, ERR_TOKEN, ""),
	CKR(CKR_BUFFER_TOO_SMALL, ERR_TOKEN, ""),
	CKR(CKR_CRYPTOKI_NOT_INITIALIZED, ERR_TOKEN, ""),
	CKR(CKR_FUNCTION_REJECTED, ERR_TOKEN, "the token's user declined"),
};

static const struct ckr *find(CK_RV rv)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].rv == rv)
			return &table[i];
	return NULL;
}

const char *ckr_name(CK_RV rv)
{
	static __thread char unknown[32];
	const struct ckr *c = find(rv);

	if (c != NULL)
		return c->name;
	snprintf(unknown, sizeof(unknown), "%s 0x%lx", rv >= 0x80000000UL ? "vendor code" : "CKR",
		 rv);
	return unknown;
}

int ckr_error(struct err *err, const struct token *t, const char *call, CK_RV rv)
{
	const struct ckr *c = find(rv);
	const char *cure = c != NULL ? c->cure : "";

	return err_set(err, c != NULL ? c->code : ERR_TOKEN, "%s: %s failed: %s%s%s", t->module,
		       call, ckr_name(rv), cure[0] != '\0' ? ": " : "", cure);
}
