/* mock-p11: what is on its token. */
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <string.h>

#include "mock-p11.h"

static CK_OBJECT_HANDLE found[MANY];
static CK_ULONG found_n, found_at;

static CK_RV put(CK_ATTRIBUTE *a, const void *value, CK_ULONG n)
{
	CK_ULONG room = a->ulValueLen;

	a->ulValueLen = n;
	if (a->pValue == NULL)
		return CKR_OK;
	if (room < n) {
		a->ulValueLen = (CK_ULONG)-1;
		return CKR_BUFFER_TOO_SMALL;
	}
	memcpy(a->pValue, value, n);
	return CKR_OK;
}

static CK_RV put_value(CK_ATTRIBUTE *a)
{
	if (fault("cert-garbage"))
		return put(a, "garbage", 7);
	if (fault("cert-huge")) {
		a->ulValueLen = a->pValue != NULL ? (CK_ULONG)-1 : 0x7fffffffffffUL;
		return a->pValue != NULL ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	}
	if (fault("cert-lies") && a->pValue != NULL) {
		a->ulValueLen += 1000;
		return CKR_OK;
	}
	return put(a, cert, (CK_ULONG)cert_n);
}

static CK_RV put_modulus(CK_ATTRIBUTE *a)
{
	BIGNUM *n = NULL;
	unsigned char bytes[1024];
	int len;

	if (EVP_PKEY_get_bn_param(key, "n", &n) != 1)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	len = BN_bn2bin(n, bytes);
	BN_free(n);
	return put(a, bytes, (CK_ULONG)len);
}

static CK_RV put_flag(CK_ATTRIBUTE *a, int value)
{
	CK_BBOOL b = value ? CK_TRUE : CK_FALSE;

	return put(a, &b, sizeof(b));
}

static CK_RV put_spki(CK_ATTRIBUTE *a)
{
	unsigned char der[1024] = { 0 }, *p = der;
	int n = i2d_PUBKEY(key, NULL);

	if (n <= 0 || (size_t)n >= sizeof(der) || i2d_PUBKEY(key, &p) != n)
		return CKR_FUNCTION_FAILED;
	return put(a, der, (CK_ULONG)n + (fault("made-trailing") != NULL));
}

bool is_edwards(void)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
}

/* As PKCS#11 2.40 and 3.0 have it. */
static CK_RV put_params(CK_ATTRIBUTE *a)
{
	if (!is_edwards())
		return put(a, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10); /* P-256 */
	if (fault("params-name"))
		return put(a,
			   "\x13\x0c"
			   "edwards25519",
			   14);
	return put(a, "\x06\x03\x2b\x65\x70", 5);
}

static int point_dialect(void)
{
	return fault("point-raw") || fault("point-bits") || fault("point-octets") ||
	       fault("point-cut");
}

/* As PKCS#11 2.40 wants it, as 3.0 allows it, as some modules have it, and cut off. */
static CK_RV put_point(CK_ATTRIBUTE *a)
{
	unsigned char *whole = NULL, point[65], out[80];
	size_t n = sizeof(point);
	CK_ULONG head = 0;

	if (!is_edwards()) {
		n = EVP_PKEY_get1_encoded_public_key(key, &whole);
		if (n != 65)
			return CKR_FUNCTION_FAILED;
		memcpy(point, whole, n);
		OPENSSL_free(whole);
	} else if (EVP_PKEY_get_raw_public_key(key, point, &n) != 1) {
		return CKR_FUNCTION_FAILED;
	}
	if (fault("point-bits")) {
		out[0] = 3;
		out[1] = (unsigned char)(n + 1);
		out[2] = 0;
		head = 3;
	} else if (!fault("point-raw")) {
		out[0] = 4;
		out[1] = (unsigned char)n;
		head = 2;
	}
	memcpy(out + head, point, n);
	return put(a, out, head + n - (fault("point-cut") ? 1 : 0));
}

/* What a made key is, and what turns it round; negative: unknown here unless turned. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	int value;
	const char *turn;
} traits[] = {
	{ CKA_SENSITIVE, 1, "made-readable" },
	{ CKA_SIGN, 1, "made-mute" },
	{ CKA_EXTRACTABLE, 0, "made-extractable" },
	{ CKA_DECRYPT, 0, "made-decrypts" },
	{ CKA_UNWRAP, -1, "made-unwraps" },
	{ CKA_DERIVE, -1, "made-derives" },
	{ CKA_SIGN_RECOVER, -1, "made-recovers" },
	{ CKA_LOCAL, 1, "made-elsewhere" },
	{ CKA_ALWAYS_SENSITIVE, 1, "was-readable" },
	{ CKA_NEVER_EXTRACTABLE, 1, "was-extractable" },
};

static CK_RV put_trait(CK_ATTRIBUTE *a)
{
	for (size_t i = 0; i < sizeof(traits) / sizeof(traits[0]); i++)
		if (traits[i].type == a->type && (traits[i].value >= 0 || fault(traits[i].turn)))
			return put_flag(a, fault(traits[i].turn) ? traits[i].value <= 0
								 : traits[i].value);
	a->ulValueLen = (CK_ULONG)-1;
	return CKR_ATTRIBUTE_TYPE_INVALID;
}

/* Of a key that C_GenerateKeyPair has made. */
static CK_RV made_attribute(CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a)
{
	CK_ULONG type = fault("made-other") ? CKK_RSA : is_edwards() ? CKK_EC_EDWARDS : CKK_EC;

	switch (a->type) {
	case CKA_KEY_TYPE:
		return put(a, &type, sizeof(type));
	case CKA_PUBLIC_KEY_INFO:
		if (o == PUBLIC && !fault("made-hidden") && !point_dialect())
			return put_spki(a);
		break;
	case CKA_EC_PARAMS:
		if (point_dialect())
			return put_params(a);
		break;
	case CKA_EC_POINT:
		if (point_dialect())
			return put_point(a);
		break;
	}
	return put_trait(a);
}

static const char long_id[300] = "a resource name";

static bool shows_public(void)
{
	return fault("cert-apart") || fault("key-public");
}

static CK_RV one_attribute(CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a)
{
	CK_ULONG class = o == CERT ? CKO_CERTIFICATE : CKO_PRIVATE_KEY;
	CK_ULONG type = CKC_X_509;

	if (shows_public() && o == PUBLIC &&
	    (a->type == CKA_CLASS || a->type == CKA_ID || a->type == CKA_LABEL))
		class = CKO_PUBLIC_KEY;
	else if (o == PUBLIC || o == MADE)
		return made_attribute(o, a);
	switch (a->type) {
	case CKA_CLASS:
		return put(a, &class, sizeof(class));
	case CKA_ID:
		if (o == CERT && fault("cert-apart"))
			return put(a, "\002", 1);
		if (fault("id-long"))
			return put(a, long_id, sizeof(long_id));
		return put(a, "\001", 1);
	case CKA_LABEL:
		return put(a, "mock", 4);
	case CKA_CERTIFICATE_TYPE:
		return o == CERT ? put(a, &type, sizeof(type)) : CKR_ATTRIBUTE_TYPE_INVALID;
	case CKA_VALUE:
		if (fault("cert-locked"))
			return CKR_USER_NOT_LOGGED_IN;
		return o == CERT ? put_value(a) : CKR_ATTRIBUTE_SENSITIVE;
	case CKA_KEY_TYPE:
		type = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? CKK_RSA : CKK_EC;
		return o != CERT ? put(a, &type, sizeof(type)) : CKR_ATTRIBUTE_TYPE_INVALID;
	case CKA_MODULUS:
		return o != CERT ? put_modulus(a) : CKR_ATTRIBUTE_TYPE_INVALID;
	case CKA_ALWAYS_AUTHENTICATE:
		return put_flag(a, fault("each-time-declared") || fault("each-time-refused"));
	}
	if (o != CERT && fault("key-public"))
		return put_trait(a);
	a->ulValueLen = (CK_ULONG)-1;
	return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV exact_attribute(CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a)
{
	CK_ATTRIBUTE size = { a->type, NULL, 0 };

	if (a->pValue == NULL || one_attribute(o, &size) != CKR_OK ||
	    size.ulValueLen == a->ulValueLen)
		return one_attribute(o, a);
	a->ulValueLen = (CK_ULONG)-1;
	return CKR_BUFFER_TOO_SMALL;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a,
			  CK_ULONG n)
{
	CK_RV rv = CKR_OK;

	ENTER();
	if (session != SESSION)
		return CKR_SESSION_HANDLE_INVALID;
	for (CK_ULONG i = 0; i < n && rv == CKR_OK; i++)
		rv = fault("attribute-exact") ? exact_attribute(o, &a[i]) : one_attribute(o, &a[i]);
	if (rv != CKR_OK && fault("attribute-picky"))
		for (CK_ULONG i = 0; i < n; i++)
			a[i].ulValueLen = (CK_ULONG)-1;
	return rv;
}

static int fits(CK_OBJECT_HANDLE o, const CK_ATTRIBUTE *like, CK_ULONG n)
{
	unsigned char room[4096];

	for (CK_ULONG i = 0; i < n; i++) {
		CK_ATTRIBUTE a = { like[i].type, room, sizeof(room) };

		if (one_attribute(o, &a) != CKR_OK || a.ulValueLen != like[i].ulValueLen ||
		    memcmp(room, like[i].pValue, a.ulValueLen) != 0)
			return 0;
	}
	return 1;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *like, CK_ULONG n)
{
	CK_ULONG keys = key == NULL || fault("key-hidden") ? 0 : 1;

	ENTER();
	if (session != SESSION)
		return CKR_SESSION_HANDLE_INVALID;
	if (keys > 0 && fault("key-twice"))
		keys = 2;
	if (keys > 0 && fault("keys-many"))
		keys = MANY - 1;
	found_n = found_at = 0;
	if (fault("login-first") && !logged_in)
		return CKR_OK;
	if (cert != NULL && !fault("cert-none") && fits(CERT, like, n))
		found[found_n++] = CERT;
	if (shows_public() && fits(PUBLIC, like, n))
		found[found_n++] = PUBLIC;
	for (CK_ULONG i = 0; i < keys; i++)
		if (fits(KEY + i, like, n))
			found[found_n++] = KEY + i;
	return CKR_OK;
}

/* One at a time: that is allowed. */
CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *o, CK_ULONG max, CK_ULONG *n)
{
	ENTER();
	if (session != SESSION || max == 0)
		return CKR_ARGUMENTS_BAD;
	*n = found_at < found_n;
	if (*n > 0)
		*o = found[found_at++];
	return CKR_OK;
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
	(void)session;
	ENTER();
	return CKR_OK;
}
