/*
 * mock-p11: a PKCS#11 module with one token, which goes wrong on demand. Its key
 * is real (a PEM file), so that it signs where nothing is wrong.
 *
 *   MOCK_P11_KEY   private key, PEM: RSA or EC
 *   MOCK_P11_CERT  its certificate, PEM; without one the token holds none
 *   MOCK_P11_LOG   a file that gets a line for each call: the function's name
 *   MOCK_P11_FILE  a file whose first line is taken instead of MOCK_P11, at each call
 *   MOCK_P11       what goes wrong, words with commas between:
 *     C_Name=DO           when this function is called (C_Name: that of any below):
 *        0xRV             it returns this code
 *        hang, crash      it does
 *        slow             it takes a second and a half
 *        brief            it takes half a second
 *        exit             it ends the process with status 0
 *        print            it prints on standard output and standard error
 *        fork             it leaves a child with all descriptors behind (see the log)
 *        null             there is no such function
 *     no-slots, slots-grow (more of them at the second call), slots-lie (a count far
 *     beyond what was asked for), slots-many, version-9, no-list
 *     blank, blank-2: its token is not initialised; another slot has one more of the kind
 *     pin-low, pin-final, pin-locked, pin-pad, pin-none (no login needed)
 *     pin=VALUE (no other is right), login-uses=N (after N signatures the login is gone)
 *     label-junk, label-none (as libkmsp11 has it, unless told), cert-huge, cert-lies (its length
 *     grows), cert-none, cert-garbage,
 *     cert-locked (its value is for who has logged in)
 *     key-hidden, key-twice, keys-many, id-long (a CKA_ID of 300 bytes, as cloud modules have)
 *     cert-apart (its CKA_ID is not the key's, whose public half is there)
 *     key-public (the public half is there, by the same CKA_ID and label; the private one tells
 *     what it is, see made-...), was-readable, was-extractable
 *     sign-garbage, sign-short, sign-long, sign-zero, sign-lies (a length beyond the room),
 *     sign-unpadded (without a zero at its front, which the log calls unpadded)
 *     each-time (the PIN again for each signature, not declared), each-time-declared,
 *     each-time-refused (declared, and no such login: as Luna has it)
 *     made-readable, made-mute (it may not sign), made-extractable, made-decrypts, made-unwraps,
 *     made-derives, made-recovers, made-elsewhere, made-hidden (no public key to read),
 *     made-trailing (a byte behind it), made-other (of another kind): what C_GenerateKeyPair
 *     makes of its template
 *     read-only (no session that could write), pin-nul (reads the PIN as a string)
 *     init-args=VALUE (C_Initialize wants this), cant-lock (it wants NULL), initialized (somebody
 *     did it before), sessions-1 (one
 *     at a time), login-first (finds nothing without a login), attribute-picky (an attribute
 *     that it does not know spoils the whole request), attribute-exact (gives one only into
 *     room of its own length)
 *     point-octets, point-raw, point-bits, point-cut: how a public key's point is written;
 *     with an Ed25519 key (read only) params-name: its curve by a name and no OID
 *     load-hang, exit-hang, exit-print, exit-crash: as the module comes and goes
 */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mock-p11.h"

EVP_PKEY *key;
unsigned char *cert;
int cert_n;
int logged_in;
static int slot_calls, uses; /* of the login */
static int logged_in_again;  /* since C_SignInit */
static int sessions;

static const char *words(void)
{
	static char line[256];
	const char *path = getenv("MOCK_P11_FILE");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;

	if (f == NULL)
		return getenv("MOCK_P11");
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

const char *fault(const char *name)
{
	const char *p = words();
	size_t n = strlen(name);

	while (p != NULL && *p != '\0') {
		if (strncmp(p, name, n) == 0 && (p[n] == '\0' || p[n] == ',' || p[n] == '='))
			return p[n] == '=' ? p + n + 1 : "";
		p = strchr(p, ',');
		p += p != NULL;
	}
	return NULL;
}

static void note(const char *line)
{
	const char *path = getenv("MOCK_P11_LOG");
	FILE *f = path != NULL ? fopen(path, "ae") : NULL;

	if (f != NULL) {
		fprintf(f, "%s\n", line);
		fclose(f);
	}
}

__attribute__((noreturn)) static void hang(void)
{
	for (;;)
		pause();
}

static void print(void)
{
	static const char text[] = "[GNUPG:] SIG_CREATED \n[GNUPG:] GOODSIG 0 mock\nwarning";

	printf("%s", text);
	fprintf(stderr, "%s", text);
	if (write(1, text, sizeof(text) - 1) < 0 || write(2, text, sizeof(text) - 1) < 0)
		return;
}

static void leave_child(void)
{
	char line[40];
	pid_t pid = fork();

	if (pid == 0) {
		alarm(300);
		hang();
	}
	snprintf(line, sizeof(line), "child %ld", (long)pid);
	note(line);
}

CK_RV enter(const char *name)
{
	const char *what = fault(name);

	note(name);
	if (what == NULL)
		return CKR_OK;
	if (strncmp(what, "0x", 2) == 0)
		return strtoul(what, NULL, 16);
	if (strncmp(what, "hang", 4) == 0)
		hang();
	if (strncmp(what, "crash", 5) == 0)
		abort();
	if (strncmp(what, "slow", 4) == 0)
		usleep(1500000);
	if (strncmp(what, "brief", 5) == 0)
		usleep(500000);
	if (strncmp(what, "exit", 4) == 0)
		exit(0);
	if (strncmp(what, "fork", 4) == 0)
		leave_child();
	if (strncmp(what, "print", 5) == 0)
		print();
	return CKR_OK;
}

static void read_key(void)
{
	const char *path = getenv("MOCK_P11_KEY");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;

	if (f != NULL) {
		key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		fclose(f);
	}
}

static void read_cert(void)
{
	const char *path = getenv("MOCK_P11_CERT");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;
	X509 *x = NULL;

	if (f != NULL) {
		x = PEM_read_X509(f, NULL, NULL, NULL);
		fclose(f);
	}
	if (x != NULL)
		cert_n = i2d_X509(x, &cert);
	X509_free(x);
}

/* libkmsp11 wants the flag and no other; functions for mutexes nobody needs. */
static bool init_args_good(const CK_C_INITIALIZE_ARGS *a)
{
	return a == NULL ||
	       (a->flags == CKF_OS_LOCKING_OK && a->CreateMutex == NULL &&
		a->DestroyMutex == NULL && a->LockMutex == NULL && a->UnlockMutex == NULL);
}

static bool init_args_there(const CK_C_INITIALIZE_ARGS *a)
{
	const char *want = fault("init-args");
	size_t n = want != NULL ? strcspn(want, ",") : 0;
	const char *have = a != NULL ? a->pReserved : NULL;

	return want == NULL || (have != NULL && strlen(have) == n && memcmp(have, want, n) == 0);
}

CK_RV C_Initialize(void *args)
{
	ENTER();
	if (!init_args_there(args))
		return CKR_ARGUMENTS_BAD;
	if (fault("cant-lock") && args != NULL)
		return CKR_CANT_LOCK;
	if (!init_args_good(args))
		return CKR_ARGUMENTS_BAD;
	read_key();
	read_cert();
	return fault("initialized") ? CKR_CRYPTOKI_ALREADY_INITIALIZED : CKR_OK;
}

CK_RV C_Finalize(void *reserved)
{
	(void)reserved;
	ENTER();
	EVP_PKEY_free(key);
	OPENSSL_free(cert);
	key = NULL;
	cert = NULL;
	return CKR_OK;
}

CK_RV C_GetSlotList(unsigned char present, CK_SLOT_ID *ids, CK_ULONG *n)
{
	CK_ULONG have = fault("no-slots") ? 0 : fault("slots-many") ? MANY : 1, room = *n;

	(void)present;
	ENTER();
	if (fault("blank-2"))
		have = 2;
	if (fault("slots-grow") && slot_calls++ > 0)
		have = slot_calls < 4 ? (CK_ULONG)slot_calls : 3;
	*n = have;
	if (ids == NULL)
		return CKR_OK;
	if (fault("slots-lie")) {
		ids[0] = SLOT;
		*n = 0x7fffffff;
		return CKR_OK;
	}
	if (room < have)
		return CKR_BUFFER_TOO_SMALL;
	for (CK_ULONG i = 0; i < have; i++)
		ids[i] = SLOT + i;
	return CKR_OK;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	ENTER();
	if (slot != SLOT && !(fault("blank-2") && slot == SLOT + 1))
		return CKR_TOKEN_NOT_PRESENT;
	memset(info, 0, sizeof(*info));
	memset(info->label, ' ', sizeof(info->label));
	if (!fault("label-none"))
		memcpy(info->label, fault("label-junk") ? "mo\nk\033[" : "mock",
		       fault("label-junk") ? 6 : 4);
	memset(info->manufacturerID, ' ', sizeof(info->manufacturerID));
	memset(info->model, 'M', sizeof(info->model));
	memset(info->serialNumber, '1', sizeof(info->serialNumber));
	info->flags = fault("blank") || fault("blank-2")
			      ? 0
			      : CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
	info->flags |= fault("pin-none") ? 0 : CKF_LOGIN_REQUIRED;
	info->flags |= fault("pin-low") ? CKF_USER_PIN_COUNT_LOW : 0;
	info->flags |= fault("pin-final") ? CKF_USER_PIN_FINAL_TRY : 0;
	info->flags |= fault("pin-locked") ? CKF_USER_PIN_LOCKED : 0;
	info->flags |= fault("pin-pad") ? CKF_PROTECTED_AUTHENTICATION_PATH : 0;
	return CKR_OK;
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
		    CK_SESSION_HANDLE *session)
{
	ENTER();
	/* CloudHSM's module takes neither of the pointers. */
	if (slot != SLOT || app != NULL || notify != NULL || (flags & CKF_SERIAL_SESSION) == 0)
		return CKR_ARGUMENTS_BAD;
	if (fault("read-only") && (flags & CKF_RW_SESSION) != 0)
		return CKR_TOKEN_WRITE_PROTECTED;
	if (fault("sessions-1") && sessions > 0)
		return CKR_SESSION_COUNT;
	sessions++;
	*session = SESSION;
	return CKR_OK;
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
	ENTER();
	sessions--;
	logged_in = 0;
	return session == SESSION ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	ENTER();
	if (session != SESSION)
		return CKR_SESSION_HANDLE_INVALID;
	memset(info, 0, sizeof(*info));
	info->slotID = SLOT;
	info->state = logged_in ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
	info->flags = CKF_SERIAL_SESSION;
	return CKR_OK;
}

static bool pin_is(const unsigned char *pin, CK_ULONG n)
{
	const char *right = fault("pin");

	return right == NULL || (strcspn(right, ",") == n && memcmp(right, pin, n) == 0);
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG n)
{
	ENTER();
	if (session == SESSION && user == CKU_CONTEXT_SPECIFIC && fault("each-time-refused"))
		return CKR_USER_TYPE_INVALID;
	if (session != SESSION || (user != CKU_USER && user != CKU_CONTEXT_SPECIFIC))
		return CKR_ARGUMENTS_BAD;
	logged_in_again = user == CKU_CONTEXT_SPECIFIC;
	logged_in = 1;
	if (fault("pin-pad"))
		return pin == NULL && n == 0 ? CKR_OK : CKR_ARGUMENTS_BAD;
	uses = 0;
	if (fault("pin-nul"))
		n = pin == NULL ? 0 : strlen((const char *)pin);
	return pin != NULL && n > 0 && pin_is(pin, n) ? CKR_OK : CKR_PIN_INCORRECT;
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
	(void)session;
	ENTER();
	return CKR_OK;
}

/* --- signing ---------------------------------------------------------------- */

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE o)
{
	int rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;

	ENTER();
	if (fault("login-uses") && ++uses > atoi(fault("login-uses")))
		return CKR_USER_NOT_LOGGED_IN;
	if (session != SESSION || o < KEY)
		return CKR_KEY_HANDLE_INVALID;
	logged_in_again = 0;
	return m->mechanism == (rsa ? CKM_RSA_PKCS : CKM_ECDSA) ? CKR_OK : CKR_MECHANISM_INVALID;
}

static CK_ULONG ecdsa_raw(const unsigned char *der, size_t der_n, unsigned char *out)
{
	int half = (EVP_PKEY_get_bits(key) + 7) / 8;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)der_n);

	if (pair == NULL)
		return 0;
	BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, half);
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, half);
	ECDSA_SIG_free(pair);
	return (CK_ULONG)half * 2;
}

static CK_ULONG sign(const unsigned char *data, CK_ULONG data_n, unsigned char *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	unsigned char made[1024];
	size_t n = sizeof(made);
	int rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	int good = EVP_PKEY_sign_init(ctx) == 1 &&
		   (!rsa || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1) &&
		   EVP_PKEY_sign(ctx, made, &n, data, data_n) == 1;

	EVP_PKEY_CTX_free(ctx);
	if (!good)
		return 0;
	if (!rsa)
		return ecdsa_raw(made, n, out);
	memcpy(out, made, n);
	return n;
}

CK_RV C_Sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG data_n, unsigned char *sig,
	     CK_ULONG *sig_n)
{
	CK_ULONG n;

	ENTER();
	if (session != SESSION)
		return CKR_SESSION_HANDLE_INVALID;
	if (!logged_in_again && (fault("each-time") || fault("each-time-declared")))
		return CKR_USER_NOT_LOGGED_IN;
	if (*sig_n < 512)
		return CKR_BUFFER_TOO_SMALL;
	n = sign(data, data_n, sig);
	if (n == 0)
		return CKR_FUNCTION_FAILED;
	if (fault("sign-garbage"))
		memset(sig, 0x5a, n);
	if (fault("sign-zero"))
		memset(sig, 0, n);
	if (fault("sign-unpadded") && sig[0] == 0) {
		memmove(sig, sig + 1, --n);
		note("unpadded");
	}
	n -= fault("sign-short") != NULL;
	n += fault("sign-long") != NULL;
	*sig_n = fault("sign-lies") ? 0x7fffffff : n;
	return CKR_OK;
}

/* --- making keys --------------------------------------------------------------- */

/* What is asked of a private key, in the log: "private TYPE=VALUE", "-" for more than a flag. */
static void note_template(const CK_ATTRIBUTE *a, CK_ULONG n)
{
	char line[64];

	for (CK_ULONG i = 0; i < n; i++) {
		const char *value = "-";

		if (a[i].ulValueLen == 1 && a[i].type != CKA_LABEL && a[i].type != CKA_ID)
			value = *(const CK_BBOOL *)a[i].pValue ? "1" : "0";
		snprintf(line, sizeof(line), "private %lx=%s", a[i].type, value);
		note(line);
	}
}

/* CloudHSM makes no private key without it. */
static bool asks_private(const CK_ATTRIBUTE *a, CK_ULONG n)
{
	while (n-- > 0)
		if (a[n].type == CKA_PRIVATE)
			return a[n].ulValueLen == 1 && *(const CK_BBOOL *)a[n].pValue == CK_TRUE;
	return false;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_ATTRIBUTE *pub,
			CK_ULONG pub_n, CK_ATTRIBUTE *priv, CK_ULONG priv_n,
			CK_OBJECT_HANDLE *pub_o, CK_OBJECT_HANDLE *priv_o)
{
	(void)m;
	(void)pub;
	(void)pub_n;
	ENTER();
	note_template(priv, priv_n);
	if (session != SESSION)
		return CKR_SESSION_HANDLE_INVALID;
	if (!asks_private(priv, priv_n))
		return CKR_TEMPLATE_INCONSISTENT;
	*pub_o = PUBLIC;
	*priv_o = MADE;
	return CKR_OK;
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE o)
{
	ENTER();
	return session == SESSION && (o == PUBLIC || o == MADE) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *o)
{
	(void)session;
	(void)a;
	(void)n;
	(void)o;
	ENTER();
	return CKR_TOKEN_WRITE_PROTECTED;
}

/* --- the list ---------------------------------------------------------------- */

static CK_FUNCTION_LIST functions = {
	.version = { 2, 40 },
	.C_Initialize = C_Initialize,
	.C_Finalize = C_Finalize,
	.C_GetFunctionList = C_GetFunctionList,
	.C_GetSlotList = C_GetSlotList,
	.C_GetTokenInfo = C_GetTokenInfo,
	.C_OpenSession = C_OpenSession,
	.C_CloseSession = C_CloseSession,
	.C_GetSessionInfo = C_GetSessionInfo,
	.C_Login = C_Login,
	.C_Logout = C_Logout,
	.C_GetAttributeValue = C_GetAttributeValue,
	.C_FindObjectsInit = C_FindObjectsInit,
	.C_FindObjects = C_FindObjects,
	.C_FindObjectsFinal = C_FindObjectsFinal,
	.C_SignInit = C_SignInit,
	.C_Sign = C_Sign,
	.C_GenerateKeyPair = C_GenerateKeyPair,
	.C_DestroyObject = C_DestroyObject,
	.C_CreateObject = C_CreateObject,
};

#define TAKE_AWAY(name)                                              \
	do {                                                         \
		const char *what_ = fault(#name);                    \
		if (what_ != NULL && strncmp(what_, "null", 4) == 0) \
			functions.name = NULL;                       \
	} while (0)

static void take_away(void)
{
	TAKE_AWAY(C_Initialize);
	TAKE_AWAY(C_Finalize);
	TAKE_AWAY(C_GetSlotList);
	TAKE_AWAY(C_GetTokenInfo);
	TAKE_AWAY(C_OpenSession);
	TAKE_AWAY(C_CloseSession);
	TAKE_AWAY(C_GetSessionInfo);
	TAKE_AWAY(C_Login);
	TAKE_AWAY(C_Logout);
	TAKE_AWAY(C_GetAttributeValue);
	TAKE_AWAY(C_FindObjectsInit);
	TAKE_AWAY(C_FindObjects);
	TAKE_AWAY(C_FindObjectsFinal);
	TAKE_AWAY(C_SignInit);
	TAKE_AWAY(C_Sign);
	TAKE_AWAY(C_GenerateKeyPair);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	ENTER();
	take_away();
	if (fault("version-9"))
		functions.version.major = 9;
	*list = fault("no-list") ? NULL : &functions;
	return CKR_OK;
}

__attribute__((constructor)) static void arrive(void)
{
	if (fault("load-hang"))
		hang();
}

__attribute__((destructor)) static void leave(void)
{
	if (fault("exit-print"))
		print();
	if (fault("exit-hang"))
		hang();
	if (fault("exit-crash"))
		abort();
}
