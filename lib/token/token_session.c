/* Sessions: one at a time, or one for each token that was asked for. */
#include <stdlib.h>
#include <string.h>

#include "token/token_internal.h"

void token_session_close(struct token *t)
{
	secret_free(&t->pin);
	token_last_forget(t);
	if (!t->has_session)
		return;
	if (t->logged_in)
		(void)TOKEN_CALL(t, C_Logout, t->session);
	(void)TOKEN_CALL(t, C_CloseSession, t->session);
	t->has_session = t->logged_in = false;
}

/* What is in use goes back to its place. */
static void park(struct token *t)
{
	if (!t->has_session)
		return;
	secret_free(&t->pin);
	t->parked[t->session_slot] =
		(struct token_parked){ true, t->logged_in, t->session, t->last };
	memset(&t->last, 0, sizeof(t->last));
	t->has_session = t->logged_in = false;
}

static bool unpark(struct token *t, size_t slot_index)
{
	struct token_parked *p = &t->parked[slot_index];

	if (!p->there)
		return false;
	t->session = p->session;
	t->logged_in = p->logged_in;
	t->last = p->last;
	t->session_slot = slot_index;
	t->has_session = true;
	memset(p, 0, sizeof(*p));
	return true;
}

void token_session_close_all(struct token *t)
{
	token_session_close(t);
	for (size_t i = 0; t->parked != NULL && i < t->slots_n; i++)
		if (unpark(t, i))
			token_session_close(t);
	free(t->parked);
	t->parked = NULL;
}

int token_session(struct token *t, size_t slot_index, struct err *err)
{
	CK_RV rv;

	if (slot_index >= t->slots_n)
		return err_set(err, ERR_INTERNAL, "no such slot");
	if (t->has_session && t->session_slot == slot_index)
		return 0;
	if (t->many) {
		if (t->parked == NULL)
			t->parked = xcalloc(t->slots_n, sizeof(t->parked[0]));
		park(t);
		if (unpark(t, slot_index))
			return 0;
	}
	token_session_close(t);
	/* No callback: some modules refuse any. */
	rv = TOKEN_CALL(t, C_OpenSession, t->slots[slot_index].slot,
			CKF_SERIAL_SESSION | (t->writable ? CKF_RW_SESSION : 0), NULL, NULL,
			&t->session);
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_OpenSession", rv);
	t->has_session = true;
	t->session_slot = slot_index;
	return 0;
}

static int ask_state(struct token *t, CK_SESSION_HANDLE session, bool logged_in, struct err *err)
{
	CK_SESSION_INFO info;
	CK_RV rv = CKR_FUNCTION_NOT_SUPPORTED;

	memset(&info, 0, sizeof(info));
	if (t->fn->C_GetSessionInfo != NULL)
		rv = TOKEN_CALL(t, C_GetSessionInfo, session, &info);
	if (rv == CKR_FUNCTION_NOT_SUPPORTED)
		return 0;
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_GetSessionInfo", rv);
	if (logged_in && info.state != CKS_RO_USER_FUNCTIONS && info.state != CKS_RW_USER_FUNCTIONS)
		return err_set(err, ERR_TOKEN, "%s: the token logged us out", t->module);
	return 0;
}

/* Modules know the state of a session by themselves; what they search, YubiHSM's at least, they
 * ask the device for, which closes a session that it does not hear of for 30 seconds. */
static int look_for_key(struct token *t, CK_SESSION_HANDLE session, struct token_last *last,
			struct err *err)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) },
				{ CKA_ID, last->key_id.p, last->key_id.n } };
	CK_OBJECT_HANDLE found;
	CK_ULONG n = 0;
	CK_RV rv;

	if (last->key == NULL)
		return 0;
	rv = TOKEN_CALL(t, C_FindObjectsInit, session, like, 2);
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_FindObjectsInit", rv);
	rv = TOKEN_CALL(t, C_FindObjects, session, &found, 1, &n);
	(void)TOKEN_CALL(t, C_FindObjectsFinal, session);
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_FindObjects", rv);
	return n > 0 ? 0 : err_set(err, ERR_TOKEN, "%s: the key is gone", t->module);
}

static int ping(struct token *t, CK_SESSION_HANDLE session, bool logged_in, struct token_last *last,
		struct err *err)
{
	int r = ask_state(t, session, logged_in, err);

	return r != 0 ? r : look_for_key(t, session, last, err);
}

int token_ping(struct token *t, struct err *err)
{
	int r = t->has_session ? ping(t, t->session, t->logged_in, &t->last, err) : 0;

	for (size_t i = 0; r == 0 && t->parked != NULL && i < t->slots_n; i++) {
		struct token_parked *p = &t->parked[i];

		if (p->there)
			r = ping(t, p->session, p->logged_in, &p->last, err);
	}
	return r;
}

bool token_logged_in(const struct token *t, size_t slot_index)
{
	if (t->has_session && t->session_slot == slot_index)
		return t->logged_in;
	return t->parked != NULL && slot_index < t->slots_n && t->parked[slot_index].there &&
	       t->parked[slot_index].logged_in;
}
