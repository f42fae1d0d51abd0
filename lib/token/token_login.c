/* Logging in: a PIN is sent once, and never when that could lock the token. */
#include <string.h>

#include "token/token_internal.h"

/* The flags change with every wrong PIN, also those that others entered. */
static int refresh(struct token *t, struct token_slot *s, struct err *err)
{
	CK_TOKEN_INFO info;
	CK_RV rv;

	memset(&info, 0, sizeof(info));
	rv = TOKEN_CALL(t, C_GetTokenInfo, s->slot, &info);
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_GetTokenInfo", rv);
	s->pin_count_low = (info.flags & CKF_USER_PIN_COUNT_LOW) != 0;
	s->pin_final_try = (info.flags & CKF_USER_PIN_FINAL_TRY) != 0;
	s->pin_locked = (info.flags & CKF_USER_PIN_LOCKED) != 0;
	return 0;
}

static int allowed(const struct token_slot *s, bool stored, struct err *err)
{
	if (s->pin_locked)
		return err_set(err, ERR_PIN,
			       "the PIN of token \"%s\" is locked: unlock it with the PUK or SO "
			       "PIN and the token's own tool",
			       s->label);
	if (stored && s->pin_final_try)
		return err_set(err, ERR_PIN,
			       "one more wrong PIN locks token \"%s\": the stored PIN is not sent. "
			       "Log in once by hand (git -c hsm.pinSource=prompt commit ...), then "
			       "look at hsm.pinSource",
			       s->label);
	return 0;
}

static CK_RV send(struct token *t, CK_USER_TYPE user, const struct secret *pin)
{
	/* No PIN pad is asked with "": PKCS#11 wants NULL there. */
	if (pin == NULL)
		return TOKEN_CALL(t, C_Login, t->session, user, NULL, 0);
	return TOKEN_CALL(t, C_Login, t->session, user, (unsigned char *)pin->p, pin->n);
}

static int outcome(struct token *t, const struct token_slot *s, CK_RV rv, struct err *err)
{
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return 0;
	ckr_error(err, t, "C_Login", rv);
	err_prefix(err, "token \"%s\"", s->label);
	return err != NULL ? (int)err->code : ERR_PIN;
}

/* Up to the moment where a PIN may be sent. */
static int may_send(struct token *t, struct token_slot *s, bool stored, struct err *err)
{
	int r = refresh(t, s, err);

	return r != 0 ? r : allowed(s, stored, err);
}

int token_login_again(struct token *t, CK_RV *rv, struct err *err)
{
	struct token_slot *s = &t->slots[t->session_slot];
	int r = may_send(t, s, t->pin_stored, err);

	*rv = CKR_GENERAL_ERROR;
	if (r != 0)
		return r;
	if (s->protected_path) {
		*rv = send(t, CKU_CONTEXT_SPECIFIC, NULL);
		return outcome(t, s, *rv, err);
	}
	if (t->pin.n == 0 && t->get_pin != NULL)
		r = t->get_pin(t->pin_ctx, s, &t->pin, err);
	if (r == 0) {
		*rv = send(t, CKU_CONTEXT_SPECIFIC, &t->pin);
		r = outcome(t, s, *rv, err);
	}
	secret_free(&t->pin);
	return r;
}

int token_login(struct token *t, size_t slot_index,
		int (*get_pin)(void *ctx, const struct token_slot *s, struct secret *pin,
			       struct err *err),
		void *ctx, bool stored, struct err *err)
{
	struct secret pin = SECRET_NONE;
	struct token_slot *s;
	int r = token_session(t, slot_index, err);

	if (r != 0)
		return r;
	s = &t->slots[slot_index];
	/* Who asks now is who is asked, when a key wants the PIN once more. */
	t->get_pin = get_pin;
	t->pin_ctx = ctx;
	t->pin_stored = stored;
	if (t->logged_in || !s->login_required)
		return 0;
	r = may_send(t, s, stored, err);
	if (r == 0 && !s->protected_path)
		r = get_pin(ctx, s, &pin, err);
	if (r == 0)
		r = outcome(t, s, send(t, CKU_USER, s->protected_path ? NULL : &pin), err);
	t->logged_in = r == 0;
	if (r != 0) {
		secret_free(&pin);
		return r;
	}
	t->pin = pin;
	return 0;
}
