/* Searching a token: objects of a class, their attributes; public certificates. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "token/token_internal.h"

#define ID_MAX 4096 /* some modules use a resource name as CKA_ID */
#define LABEL_MAX 1024
#define CERT_MAX 65536
#define GUESS 2048

int token_find(struct token *t, CK_ATTRIBUTE *like, CK_ULONG like_n, CK_OBJECT_HANDLE *ret,
	       size_t max, size_t *n, struct err *err)
{
	CK_RV rv = TOKEN_CALL(t, C_FindObjectsInit, t->session, like, like_n);
	CK_ULONG got;
	size_t have = 0;

	if (rv != CKR_OK)
		return ckr_error(err, t, "C_FindObjectsInit", rv);
	/* A module may give fewer than asked for while more are there: only 0 is the end. */
	while (have < max) {
		got = 0;
		rv = TOKEN_CALL(t, C_FindObjects, t->session, ret + have, max - have, &got);
		if (rv != CKR_OK || got == 0 || got > max - have)
			break;
		have += got;
	}
	(void)TOKEN_CALL(t, C_FindObjectsFinal, t->session);
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_FindObjects", rv);
	if (have == max || got != 0)
		return err_set(err, ERR_TOKEN, "%s: more than %zu objects answer one search",
			       t->module, max - 1);
	*n = have;
	return 0;
}

/* Any attribute, in two calls: how long it is, and it. */
static bool read_long(struct token *t, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, size_t max,
		      struct buf *ret)
{
	CK_RV rv;
	CK_ULONG n;

	a->pValue = NULL;
	a->ulValueLen = 0;
	rv = t->attribute_rv = TOKEN_CALL(t, C_GetAttributeValue, t->session, o, a, 1);
	n = a->ulValueLen;
	if (rv != CKR_OK || n == (CK_ULONG)-1 || n > max)
		return false;
	buf_clear(ret);
	if (n == 0)
		return true;
	a->pValue = buf_reserve(ret, n);
	rv = t->attribute_rv = TOKEN_CALL(t, C_GetAttributeValue, t->session, o, a, 1);
	if (rv != CKR_OK || a->ulValueLen > n)
		return false;
	ret->n = a->ulValueLen;
	return true;
}

/* Nearly all fit into a guess, in one call: there are modules that read a file for each. */
bool token_attribute(struct token *t, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, size_t max,
		     struct buf *ret)
{
	uint8_t guess[GUESS];
	CK_ULONG room = max < sizeof(guess) ? max : sizeof(guess);
	CK_ATTRIBUTE a = { type, guess, room };
	CK_RV rv = TOKEN_CALL(t, C_GetAttributeValue, t->session, o, &a, 1);

	t->attribute_rv = rv;
	if (rv == CKR_BUFFER_TOO_SMALL)
		return read_long(t, o, &a, max, ret);
	if (rv != CKR_OK || a.ulValueLen > room)
		return false;
	buf_clear(ret);
	buf_add(ret, guess, a.ulValueLen);
	return true;
}

int token_search(struct token *t, size_t slot_index, CK_OBJECT_CLASS class, const struct uri *u,
		 CK_OBJECT_HANDLE **ret, size_t *n, struct err *err)
{
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_ATTRIBUTE like[4] = { { CKA_CLASS, &class, sizeof(class) } };
	CK_OBJECT_HANDLE *found;
	CK_ULONG like_n = 1;
	int r = token_session(t, slot_index, err);

	if (r != 0)
		return r;
	if (class == CKO_CERTIFICATE)
		like[like_n++] = (CK_ATTRIBUTE){ CKA_CERTIFICATE_TYPE, &type, sizeof(type) };
	if (u != NULL && u->has_id)
		like[like_n++] = (CK_ATTRIBUTE){ CKA_ID, u->id, u->id_n };
	if (u != NULL && u->object != NULL)
		like[like_n++] = (CK_ATTRIBUTE){ CKA_LABEL, u->object, strlen(u->object) };
	found = xcalloc(TOKEN_MAX_OBJECTS, sizeof(found[0]));
	r = token_find(t, like, like_n, found, TOKEN_MAX_OBJECTS, n, err);
	if (r == 0)
		*ret = found;
	else
		free(found);
	return r;
}

static void set_names(struct bytes id, struct bytes label, uint8_t **id_ret, size_t *id_n,
		      char **label_ret)
{
	struct buf copy = BUF_INIT;

	buf_add_bytes(&copy, id);
	*id_n = id.n;
	*id_ret = (uint8_t *)buf_detach(&copy);
	*label_ret = text_escaped(label);
}

void token_id(struct token *t, CK_OBJECT_HANDLE o, struct buf *ret)
{
	(void)token_attribute(t, o, CKA_ID, ID_MAX, ret);
}

void token_names(struct token *t, CK_OBJECT_HANDLE o, uint8_t **id, size_t *id_n, char **label)
{
	struct buf text = BUF_INIT, bytes = BUF_INIT;

	token_id(t, o, &bytes);
	(void)token_attribute(t, o, CKA_LABEL, LABEL_MAX, &text);
	set_names(buf_bytes(&bytes), buf_bytes(&text), id, id_n, label);
	buf_free(&bytes);
	buf_free(&text);
}

/* Value, id and label in one call. Tokens may refuse that for one that they do not have. */
static bool read_at_once(struct token *t, CK_OBJECT_HANDLE h, struct token_object *ret)
{
	uint8_t der[GUESS], id[256], label[256];
	CK_ATTRIBUTE a[] = { { CKA_VALUE, der, sizeof(der) },
			     { CKA_ID, id, sizeof(id) },
			     { CKA_LABEL, label, sizeof(label) } };
	CK_RV rv = TOKEN_CALL(t, C_GetAttributeValue, t->session, h, a, 3);
	struct buf value = BUF_INIT;

	if (rv != CKR_OK || a[0].ulValueLen == 0 || a[0].ulValueLen > sizeof(der) ||
	    a[1].ulValueLen > sizeof(id) || a[2].ulValueLen > sizeof(label))
		return false;
	set_names(bytes_of(id, a[1].ulValueLen), bytes_of(label, a[2].ulValueLen), &ret->id,
		  &ret->id_n, &ret->label);
	buf_add(&value, der, a[0].ulValueLen);
	ret->der_n = value.n;
	ret->der = (uint8_t *)buf_detach(&value);
	return true;
}

static bool read_certificate(struct token *t, size_t slot, CK_OBJECT_HANDLE h,
			     struct token_object *ret)
{
	struct buf value = BUF_INIT;

	ret->slot_index = slot;
	if (read_at_once(t, h, ret))
		return true;
	if (!token_attribute(t, h, CKA_VALUE, CERT_MAX, &value) || value.n == 0) {
		buf_free(&value);
		return false;
	}
	token_names(t, h, &ret->id, &ret->id_n, &ret->label);
	ret->der_n = value.n;
	ret->der = (uint8_t *)buf_detach(&value);
	return true;
}

/* Trouble of the token; all else is an answer about the object. */
static bool is_trouble(CK_RV rv)
{
	switch (rv) {
	case CKR_HOST_MEMORY:
	case CKR_GENERAL_ERROR:
	case CKR_FUNCTION_FAILED:
	case CKR_DEVICE_ERROR:
	case CKR_DEVICE_MEMORY:
	case CKR_DEVICE_REMOVED:
	case CKR_SESSION_CLOSED:
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_TOKEN_NOT_RECOGNIZED:
	case CKR_CRYPTOKI_NOT_INITIALIZED:
		return true;
	default:
		return false;
	}
}

static int slot_certificates(struct token *t, size_t slot, const struct uri *u,
			     struct token_objects *o, struct err *err)
{
	CK_OBJECT_HANDLE *found = NULL;
	size_t n = 0, before = o->n;
	CK_RV broken = CKR_OK;
	int r = token_search(t, slot, CKO_CERTIFICATE, u, &found, &n, err);

	if (r != 0)
		return r;
	o->v = xreallocarray(o->v, o->n + n + 1, sizeof(o->v[0]));
	for (size_t i = 0; i < n; i++) {
		if (read_certificate(t, slot, found[i], &o->v[o->n]))
			o->n++;
		else if (is_trouble(t->attribute_rv))
			broken = t->attribute_rv;
	}
	free(found);
	/* One that cannot be read beside others is passed over; alone, it is the answer. */
	return broken != CKR_OK && o->n == before ? ckr_error(err, t, "C_GetAttributeValue", broken)
						  : 0;
}

int token_certificates(struct token *t, const struct uri *u, struct token_objects *ret,
		       struct err *err)
{
	struct token_objects o = { NULL, 0 };
	struct err first = ERR_INIT;
	int failed = 0;

	if (t->slots_n == 0)
		return err_set(err, ERR_TOKEN,
			       "%s sees no token: plug it in (or initialise it) and try again",
			       t->module);
	for (size_t i = 0; i < t->slots_n; i++) {
		if (u != NULL && !token_slot_matches(&t->slots[i], u))
			continue;
		if (failed == 0)
			failed = slot_certificates(t, i, u, &o, &first);
		else
			(void)slot_certificates(t, i, u, &o, NULL);
	}
	/* A broken token beside a working one is passed over; alone, it is the answer. */
	if (failed != 0 && o.n == 0) {
		token_objects_free(&o);
		return err_set(err, first.code, "%s", first.text);
	}
	*ret = o;
	return 0;
}

void token_objects_free(struct token_objects *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->v[i].id);
		free(o->v[i].label);
		free(o->v[i].der);
	}
	free(o->v);
	*o = (struct token_objects){ NULL, 0 };
}
