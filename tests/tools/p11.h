/*
 * The least that a program does with a PKCS#11 module: for tools of the tests and of the bench
 * that have nothing of ours in them. They end when anything fails.
 */
#ifndef GH_TESTS_P11_H
#define GH_TESTS_P11_H

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
	fprintf(stderr, "%s failed\n", what);
	exit(1);
}

static void must(CK_RV rv, const char *what)
{
	if (rv != CKR_OK)
		die(what);
}

static inline void load(const char *module)
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

static inline CK_SLOT_ID find_slot(const char *label)
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

static inline CK_ULONG read_file(int fd, unsigned char *out, size_t max)
{
	size_t n = 0;
	ssize_t k;

	while (n < max && (k = read(fd, out + n, max - n)) > 0)
		n += (size_t)k;
	return n;
}

static inline CK_SESSION_HANDLE login(CK_SLOT_ID slot, CK_FLAGS flags, const char *pin_file)
{
	CK_SESSION_HANDLE session;
	unsigned char pin[64];
	int fd = open(pin_file, O_RDONLY | O_CLOEXEC);
	CK_ULONG n = fd >= 0 ? read_file(fd, pin, sizeof(pin)) : 0;

	while (n > 0 && pin[n - 1] == '\n')
		n--;
	must(fn->C_OpenSession(slot, CKF_SERIAL_SESSION | flags, NULL, NULL, &session),
	     "C_OpenSession");
	must(fn->C_Login(session, CKU_USER, pin, n), "C_Login");
	return session;
}

static inline CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session, const char *uri)
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

#endif
