/*
 * mk-keys MODULE TOKEN PIN-FILE N: puts N P-256 keys with a certificate each on a token, with
 * ids of four bytes. What a token is like that a team or a build server shares.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/tools/p11.h"

#define YEAR (365L * 24 * 3600)

static CK_SESSION_HANDLE session;

static void make_pair(unsigned char *id, CK_ULONG id_n)
{
	static unsigned char p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
	CK_BBOOL yes = CK_TRUE;
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { { CKA_TOKEN, &yes, 1 },
				  { CKA_ID, id, id_n },
				  { CKA_VERIFY, &yes, 1 },
				  { CKA_EC_PARAMS, p256, sizeof(p256) } };
	CK_ATTRIBUTE private[] = { { CKA_TOKEN, &yes, 1 },
				   { CKA_ID, id, id_n },
				   { CKA_PRIVATE, &yes, 1 },
				   { CKA_SENSITIVE, &yes, 1 },
				   { CKA_SIGN, &yes, 1 } };
	CK_OBJECT_HANDLE made[2];

	must(fn->C_GenerateKeyPair(session, &m, public, 4, private, 5, &made[0], &made[1]),
	     "C_GenerateKeyPair");
}

/* Of a key of ours: who looks for another one reads no further than the certificate. */
static int certificate(EVP_PKEY *key, long number, unsigned char **der)
{
	X509 *x = X509_new();
	char name[32];
	int n;

	snprintf(name, sizeof(name), "key %ld", number);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), number);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), YEAR);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_sign(x, key, EVP_sha256());
	n = i2d_X509(x, der);
	X509_free(x);
	return n;
}

static void store_certificate(EVP_PKEY *key, long number, unsigned char *id, CK_ULONG id_n)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	unsigned char *der = NULL;
	int n = certificate(key, number, &der);
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof(class) },
			     { CKA_CERTIFICATE_TYPE, &type, sizeof(type) },
			     { CKA_TOKEN, &yes, 1 },
			     { CKA_PRIVATE, &no, 1 },
			     { CKA_ID, id, id_n },
			     { CKA_SUBJECT, id, id_n },
			     { CKA_VALUE, der, n > 0 ? (CK_ULONG)n : 0 } };
	CK_OBJECT_HANDLE made;

	must(fn->C_CreateObject(session, t, sizeof(t) / sizeof(t[0]), &made), "C_CreateObject");
	OPENSSL_free(der);
}

int main(int argc, char **argv)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (argc != 5 || key == NULL) {
		fputs("usage: mk-keys MODULE TOKEN PIN-FILE N\n", stderr);
		return 2;
	}
	load(argv[1]);
	session = login(find_slot(argv[2]), CKF_RW_SESSION, argv[3]);
	for (long i = 1; i <= strtol(argv[4], NULL, 10); i++) {
		unsigned char id[4] = { 0xb0, 0, (unsigned char)(i >> 8), (unsigned char)i };

		make_pair(id, sizeof(id));
		store_certificate(key, i, id, sizeof(id));
	}
	must(fn->C_Finalize(NULL), "C_Finalize");
	EVP_PKEY_free(key);
	return 0;
}
