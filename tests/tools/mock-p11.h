/* mock-p11: what its parts share. */
#ifndef MOCK_P11_H
#define MOCK_P11_H

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#define SLOT 7
#define SESSION 11
#define CERT 1
#define KEY 2 /* and above, when there are more of them */
#define MANY 5000
#define PUBLIC 9000 /* what C_GenerateKeyPair has made: the mock's one key */
#define MADE 9001

/* Nobody else's names: whoever loads a module may have the same. */
#pragma GCC visibility push(hidden)

extern EVP_PKEY *key; /* NULL: none */
extern unsigned char *cert;
extern int cert_n;
extern int logged_in;

/* The value of a word of MOCK_P11, "" when it has none; NULL when it is not there. */
const char *fault(const char *name);
/* Logs the call, and does what is to go wrong with it. */
CK_RV enter(const char *name);
bool is_edwards(void); /* an Ed25519 key */

#define ENTER()                              \
	do {                                 \
		CK_RV rv_ = enter(__func__); \
		if (rv_ != CKR_OK)           \
			return rv_;          \
	} while (0)

#pragma GCC visibility pop

#endif
