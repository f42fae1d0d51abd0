/*
 * What signing and verifying without the agent need: libcrypto, and for signing the
 * PKCS#11 module in this process. bin/gitsign-hsm turns into this program, or asks the
 * agent's verifier, which is this program too.
 */
#include <stdio.h>
#include <string.h>

#include "base/alg.h"
#include "base/err.h"
#include "base/os.h"
#include "gpgsm.h"
#include "verifier.h"

int main(int argc, char **argv)
{
	struct args a;
	struct err err = ERR_INIT;
	int r;

	os_start();
	if (argc == 2 && strcmp(argv[1], "--verifier") == 0)
		return verifier_main();
	r = args_parse(argc, argv, &a, &err);
	if (r != 0) {
		fprintf(stderr, "gitsign-hsm: %s\n", err.text);
		return r;
	}
	if (a.action == ARGS_SIGN)
		os_exit(gpgsm_sign(&a)); /* a module has been loaded */
	if (a.action == ARGS_VERIFY) {
		alg_start_verifier();
		return gpgsm_verify(&a);
	}
	fputs("gitsign-hsm: this program is run by gitsign-hsm\n", stderr);
	return ERR_USAGE;
}
