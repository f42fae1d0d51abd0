/*
 * gitsign-hsm: what git runs as gpg.x509.program, and the door to the verbs.
 *
 * Start-up is the cost of a signature, so this program needs libc only: it asks the
 * agent, and turns into a sibling for all that needs more.
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
#include "args.h"
#include "front.h"
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

/* Turns into a sibling; returns only when that fails. */
static int run_sibling(const char *name, char **argv)
{
	struct buf path = BUF_INIT;
	struct err err = ERR_INIT;
	int r = front_sibling(name, &path, &err);

	if (r == 0) {
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

	if (strcmp(argv[1], "agent") == 0)
		return run_sibling("agent", argv + 1);
	if (verb_find(argv[1], second, &known) != NULL)
		return run_sibling("verbs", argv);
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

/* gpgsm's listing, as JGit and wrappers ask for it: the verb prints it. */
static int list_keys(const struct args *a)
{
	char *argv[ARGS_WORDS_MAX + 6];
	char words[][20] = { "gitsign-hsm", "key", "list", "--with-colons", "--with-secret" };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((i != 3 || a->colons) && (i != 4 || (a->colons && a->secret)))
			argv[n++] = words[i];
	for (size_t i = 0; i < a->words_n; i++)
		argv[n++] = (char *)(uintptr_t)a->words[i];
	argv[n] = NULL;
	return run_sibling("verbs", argv);
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
		if (front_sign(&a, &r))
			return r;
		return run_sibling("direct", argv);
	case ARGS_VERIFY:
		if (front_verify(argv, &a, &r))
			return r;
		return run_sibling("direct", argv);
	case ARGS_LIST:
		return list_keys(&a);
	case ARGS_VERSION:
		printf("gitsign-hsm %s\n", GH_VERSION);
		break;
	default:
		help(stdout);
		break;
	}
	return os_stdout_end("gitsign-hsm", 0);
}
