/*
 * p11-raw MODULE TOKEN PIN-FILE pkcs11:...;id=%XX < DATA: the least a process can do
 * to get one ECDSA signature out of a token. What our signatures are measured by.
 *
 * It signs the first 32 bytes of DATA as they are, as a P-256 key takes a digest,
 * and writes the raw signature.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST *fn;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "p11-raw: %s failed\n", what);
	exit(1);
}

static void must(CK_RV rv, const char *what)
{
	if (rv != CKR_OK)
		die(what);
}

static void load(const char *module)
{
	CK_RV (*get_list)(CK_FUNCTION_LIST **) = NULL;
	void *dl = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	void *symbol = dl != NULL ? dlsym(dl, "C_GetFunctionList") : NULL;

	if (symbol == NULL)
		die("dlopen");
	memcpy(&get_list, &symbol, sizeof(get_list));
	must(get_list(&fn), "C_GetFunctionList");
	must(fn->C_Initialize(NULL), "C_Initialize");
}

static CK_SLOT_ID find_slot(const char *label)
{
	CK_SLOT_ID ids[64];
	CK_ULONG n = 64;
	CK_TOKEN_INFO info;
	size_t len = strlen(label);

	must(fn->C_GetSlotList(CK_TRUE, ids, &n), "C_GetSlotList");
	for (CK_ULONG i = 0; i < n; i++) {
		must(fn->C_GetTokenInfo(ids[i], &info), "C_GetTokenInfo");
		if (memcmp(info.label, label, len) == 0 && info.label[len] == ' ')
			return ids[i];
	}
	die("finding the token");
}

static CK_ULONG read_file(int fd, unsigned char *out, size_t max)
{
	size_t n = 0;
	ssize_t k;

	while (n < max && (k = read(fd, out + n, max - n)) > 0)
		n += (size_t)k;
	return n;
}

static void login(CK_SESSION_HANDLE session, const char *pin_file)
{
	unsigned char pin[64];
	int fd = open(pin_file, O_RDONLY | O_CLOEXEC);
	CK_ULONG n = fd >= 0 ? read_file(fd, pin, sizeof(pin)) : 0;

	while (n > 0 && pin[n - 1] == '\n')
		n--;
	must(fn->C_Login(session, CKU_USER, pin, n), "C_Login");
}

static CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session, const char *uri)
{
	const char *hex = strstr(uri, "id=%");
	unsigned char id = hex != NULL ? (unsigned char)strtoul(hex + 4, NULL, 16) : 0;
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, &id, 1 } };
	CK_OBJECT_HANDLE key = 0;
	CK_ULONG n = 0;

	must(fn->C_FindObjectsInit(session, like, 2), "C_FindObjectsInit");
	must(fn->C_FindObjects(session, &key, 1, &n), "C_FindObjects");
	must(fn->C_FindObjectsFinal(session), "C_FindObjectsFinal");
	if (n != 1)
		die("finding the key");
	return key;
}

int main(int argc, char **argv)
{
	unsigned char data[32] = { 0 }, sig[256];
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	CK_ULONG n = sizeof(sig);
	CK_SESSION_HANDLE session;

	if (argc != 5)
		die("the command line");
	(void)read_file(0, data, sizeof(data));
	load(argv[1]);
	must(fn->C_OpenSession(find_slot(argv[2]), CKF_SERIAL_SESSION, NULL, NULL, &session),
	     "C_OpenSession");
	login(session, argv[3]);
	must(fn->C_SignInit(session, &mechanism, find_key(session, argv[4])), "C_SignInit");
	must(fn->C_Sign(session, data, sizeof(data), sig, &n), "C_Sign");
	if (write(1, sig, n) != (ssize_t)n)
		die("writing");
	must(fn->C_Finalize(NULL), "C_Finalize");
	return 0;
}
