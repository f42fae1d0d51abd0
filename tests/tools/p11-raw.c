/*
 * p11-raw MODULE TOKEN PIN-FILE pkcs11:...;id=%XX < DATA: the least a process can do
 * to get one ECDSA signature out of a token. What our signatures are measured by.
 *
 * It signs the first 32 bytes of DATA as they are, as a P-256 key takes a digest,
 * and writes the raw signature.
 */
#include "tests/tools/p11.h"

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
	session = login(find_slot(argv[2]), 0, argv[3]);
	must(fn->C_SignInit(session, &mechanism, find_key(session, argv[4])), "C_SignInit");
	must(fn->C_Sign(session, data, sizeof(data), sig, &n), "C_Sign");
	if (write(1, sig, n) != (ssize_t)n)
		die("writing");
	must(fn->C_Finalize(NULL), "C_Finalize");
	return 0;
}
