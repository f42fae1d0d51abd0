/* Initialising a token, and storing certificates on it. */
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/der.h"
#include "token/token_admin.h"
#include "token/token_internal.h"

void token_writable(struct token *t)
{
	if (t->writable)
		return;
	token_session_close(t);
	t->writable = true;
}

size_t token_blanks(struct token *t, struct token_blank *out, size_t max)
{
	CK_SLOT_ID ids[TOKEN_MAX_SLOTS];
	CK_ULONG n = sizeof(ids) / sizeof(ids[0]);
	size_t found = 0;

	if (TOKEN_CALL(t, C_GetSlotList, CK_TRUE, ids, &n) != CKR_OK ||
	    n > sizeof(ids) / sizeof(ids[0]))
		return 0;
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;

		memset(&info, 0, sizeof(info));
		if (TOKEN_CALL(t, C_GetTokenInfo, ids[i], &info) != CKR_OK ||
		    (info.flags & CKF_TOKEN_INITIALIZED) != 0)
			continue;
		if (found < max)
			out[found].slot = ids[i];
		found++;
	}
	return found;
}

static int set_pin(struct token *t, CK_SLOT_ID slot, const struct secret *so_pin,
		   const struct secret *pin, struct err *err)
{
	CK_SESSION_HANDLE session = 0;
	CK_RV rv = TOKEN_CALL(t, C_OpenSession, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
			      NULL, &session);
	int r = 0;

	if (rv != CKR_OK)
		return ckr_error(err, t, "C_OpenSession", rv);
	rv = TOKEN_CALL(t, C_Login, session, CKU_SO, (unsigned char *)so_pin->p, so_pin->n);
	if (rv != CKR_OK)
		r = ckr_error(err, t, "C_Login", rv);
	if (r == 0) {
		rv = TOKEN_CALL(t, C_InitPIN, session, (unsigned char *)pin->p, pin->n);
		if (rv != CKR_OK)
			r = ckr_error(err, t, "C_InitPIN", rv);
		(void)TOKEN_CALL(t, C_Logout, session);
	}
	(void)TOKEN_CALL(t, C_CloseSession, session);
	return r;
}

int token_init(struct token *t, unsigned long slot, const char *label, const struct secret *so_pin,
	       const struct secret *pin, struct err *err)
{
	unsigned char padded[32];
	size_t n = strlen(label);
	CK_RV rv;

	if (t->fn->C_InitToken == NULL || t->fn->C_InitPIN == NULL)
		return err_set(err, ERR_TOKEN, "%s: this module cannot initialise tokens",
			       t->module);
	if (n < 1 || n > sizeof(padded))
		return err_set(err, ERR_USAGE, "a token's label has 1 to 32 characters");
	for (size_t i = 0; i < n; i++)
		if (label[i] < 0x20 || label[i] > 0x7e)
			return err_set(err, ERR_USAGE, "a token's label is printable ASCII");
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, label, n);
	token_session_close(t);
	rv = TOKEN_CALL(t, C_InitToken, slot, (unsigned char *)so_pin->p, so_pin->n, padded);
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_InitToken", rv);
	return set_pin(t, slot, so_pin, pin, err);
}

/* --- certificates ------------------------------------------------------------ */

static bool same_there(struct token *t, const CK_ATTRIBUTE *id, struct bytes der, struct err *err)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_ATTRIBUTE like[2] = { { CKA_CLASS, &class, sizeof(class) }, *id };
	CK_OBJECT_HANDLE found[16];
	struct buf v = BUF_INIT;
	size_t n = 0;
	bool same = false;

	if (token_find(t, like, 2, found, 16, &n, err) != 0)
		return false;
	for (size_t i = 0; i < n && !same; i++)
		same = token_attribute(t, found[i], CKA_VALUE, 65536, &v) &&
		       bytes_eq(buf_bytes(&v), der);
	buf_free(&v);
	return same;
}

static int no_certificates(const struct token *t, const char *why, struct err *err)
{
	return err_set(err, ERR_TOKEN,
		       "%s: this module stores no certificates (%s): name the file in "
		       "hsm.certificate, and what stands above it in hsm.chain",
		       t->module, why);
}

static int create(struct token *t, CK_ATTRIBUTE *id, const char *label, X509 *x, struct buf *der,
		  struct err *err)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	unsigned char *subject = NULL, *issuer = NULL, *serial = NULL;
	int subject_n = i2d_X509_NAME(X509_get_subject_name(x), &subject);
	int issuer_n = i2d_X509_NAME(X509_get_issuer_name(x), &issuer);
	int serial_n = i2d_ASN1_INTEGER(X509_get_serialNumber(x), &serial);
	CK_OBJECT_HANDLE made = 0;
	CK_RV rv;

	if (subject_n <= 0 || issuer_n <= 0 || serial_n <= 0) {
		rv = CKR_GENERAL_ERROR;
	} else {
		CK_ATTRIBUTE all[] = {
			{ CKA_CLASS, &class, sizeof(class) },
			{ CKA_CERTIFICATE_TYPE, &type, sizeof(type) },
			{ CKA_TOKEN, &yes, sizeof(yes) },
			{ CKA_PRIVATE, &no, sizeof(no) },
			{ CKA_LABEL, (void *)(uintptr_t)label, strlen(label) },
			*id,
			{ CKA_SUBJECT, subject, (CK_ULONG)subject_n },
			{ CKA_ISSUER, issuer, (CK_ULONG)issuer_n },
			{ CKA_SERIAL_NUMBER, serial, (CK_ULONG)serial_n },
			{ CKA_VALUE, der->p, der->n },
		};

		rv = TOKEN_CALL(t, C_CreateObject, t->session, all, sizeof(all) / sizeof(all[0]),
				&made);
	}
	OPENSSL_free(subject);
	OPENSSL_free(issuer);
	OPENSSL_free(serial);
	if (rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_TOKEN_WRITE_PROTECTED)
		return no_certificates(t, ckr_name(rv), err);
	return rv == CKR_OK ? 0 : ckr_error(err, t, "C_CreateObject", rv);
}

int token_store_certificate(struct token *t, size_t slot_index, struct bytes id, const char *label,
			    X509 *x, bool *stored, struct err *err)
{
	_cleanup_free_ uint8_t *copy = NULL;
	CK_ATTRIBUTE like = { CKA_ID, NULL, id.n };
	struct buf der = BUF_INIT;
	struct err found = ERR_INIT;
	int n, r;

	if (t->fn->C_CreateObject == NULL)
		return no_certificates(t, "C_CreateObject is missing", err);
	r = token_session(t, slot_index, err);
	if (r != 0)
		return r;
	like.pValue = copy = xmalloc(id.n + 1);
	if (id.n > 0)
		memcpy(copy, id.p, id.n);
	n = i2d_X509(x, NULL);
	if (n > 0) {
		unsigned char *p = buf_reserve(&der, (size_t)n);

		der.n = (size_t)i2d_X509(x, &p);
	}
	*stored = !same_there(t, &like, buf_bytes(&der), &found);
	if (found.code != ERR_NONE)
		r = err_set(err, found.code, "%s", found.text);
	else if (*stored)
		r = create(t, &like, label, x, &der, err);
	buf_free(&der);
	return r;
}
