/*
 * gitsign-hsm: what git runs as gpg.x509.program, and the door to the verbs.
 *
 * Start-up is the cost of a signature, so this program needs libcrypto and
 * nothing else of weight; the verbs live in a sibling that it executes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "gpgsm.h"
#include "verb_table.h"

static void help(FILE *f)
{
	fputs("gitsign-hsm signs git commits and tags with a key in a PKCS#11 token, and\n"
	      "verifies them.\n\n"
	      "usage: gitsign-hsm VERB [options]\n"
	      "       gitsign-hsm --status-fd=2 -bsau KEY < data      (as git runs it)\n"
	      "       gitsign-hsm --status-fd=1 --verify SIGNATURE -\n"
	      "       gitsign-hsm --help | --version\n\nverbs:\n",
	      f);
	verb_list(f, NULL);
	fputs("\nBegin with: gitsign-hsm setup\n"
	      "More: gitsign-hsm VERB --help, man gitsign-hsm, man gitsign-hsm-policy\n\n"
	      "exit status:\n",
	      f);
	for (int i = 0; i <= ERR_INTERNAL; i++)
		fprintf(f, "  %2d  %s\n", i, err_code_text((enum err_code)i));
}

static int run_verbs(char **argv)
{
	struct buf path = BUF_INIT;
	struct err err = ERR_INIT;
	int r = os_self_dir(&path, &err);

	if (r == 0) {
		buf_add_str(&path, "/../libexec/gitsign-hsm/verbs");
		argv[0] = (char *)(uintptr_t)buf_str(&path);
		execv(argv[0], argv);
		r = err_errno(&err, ERR_CONFIG,
			      "%s: cannot run it (is gitsign-hsm installed whole?)",
			      buf_str(&path));
	}
	fprintf(stderr, "gitsign-hsm: %s\n", err.text);
	buf_free(&path);
	return r;
}

static int verb_main(int argc, char **argv)
{
	const char *second = argc > 2 ? argv[2] : NULL;
	bool known;

	if (verb_find(argv[1], second, &known) != NULL)
		return run_verbs(argv);
	if (known) {
		bool asked = second != NULL && strcmp(second, "--help") == 0;

		fprintf(asked ? stdout : stderr, "usage: gitsign-hsm %s VERB\n", argv[1]);
		verb_list(asked ? stdout : stderr, argv[1]);
		return asked ? 0 : ERR_USAGE;
	}
	_cleanup_free_ char *shown = text_escaped(bytes_str(argv[1]));

	fprintf(stderr, "gitsign-hsm: %s is not a verb (see gitsign-hsm --help)\n", shown);
	return ERR_USAGE;
}

int main(int argc, char **argv)
{
	struct args a;
	struct err err = ERR_INIT;
	int r;

	os_start();
	if (argc < 2) {
		help(stderr);
		return ERR_USAGE;
	}
	if (argv[1][0] != '-')
		return verb_main(argc, argv);
	r = args_parse(argc, argv, &a, &err);
	if (r != 0) {
		fprintf(stderr, "gitsign-hsm: %s\n", err.text);
		return r;
	}
	switch (a.action) {
	case ARGS_SIGN:
		os_exit(gpgsm_sign(&a)); /* a module has been loaded */
	case ARGS_VERIFY:
		return gpgsm_verify(&a);
	case ARGS_VERSION:
		printf("gitsign-hsm %s\n", GH_VERSION);
		break;
	default:
		help(stdout);
		break;
	}
	return fflush(stdout) == 0 ? 0 : ERR_IO;
}
