/*
 * git-credential-hsm: what git runs as a credential helper, and the door to the verbs.
 *
 * Start-up is the cost of a token that is there already, so this program needs libc only
 * and answers from the session's store itself; for the keyring and for the network it
 * turns into siblings, which read the same request again.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "helper/ask.h"
#include "helper/say.h"
#include "helper/sibling.h"

static int become(const struct ask *a, const char *name, const char *verb)
{
	const char *argv[] = { name, verb, NULL };
	struct err err = ERR_INIT;
	int r = sibling_become(argv, bytes_of(a->in.resent.p, a->in.resent.n), &err);

	return say_quit(r, &err);
}

/* From the session's memory, or by the program that asks the issuer. */
static int get_session(struct ask *a)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct err err = ERR_INIT;
	bool found = false;
	int r = store_load(&a->store, &t, &found, &err);

	if (r != 0)
		r = say_quit(r, &err);
	else if (found && !ask_wants_fetch(a, &t))
		r = ask_give(a, &t, true, &err);
	else
		r = become(a, "credential-fetch", "get");
	cred_tokens_free(&t);
	return r;
}

static int get(struct ask *a)
{
	switch (a->profile.store) {
	case CRED_SESSION:
		return get_session(a);
	case CRED_STORE_NONE:
		return become(a, "credential-fetch", "get");
	default:
		return become(a, "credential-keyring", "get");
	}
}

/* git asks all helpers to forget: what is not our token stays, and nothing is said. */
static int erase(struct ask *a)
{
	if (!ask_names_token(a))
		return 0;
	if (a->profile.store == CRED_SECRET_SERVICE)
		return become(a, "credential-keyring", "erase");
	(void)ask_forget(a, &a->store);
	return 0;
}

static int git_verb(int (*run)(struct ask *), bool quit)
{
	struct ask a;
	struct err err = ERR_INIT;
	int r = ask_read(STDIN_FILENO, &a, &err);

	if (r != 0)
		return quit ? say_quit(r, &err) : 0;
	if (a.found)
		r = run(&a);
	ask_free(&a);
	return r;
}

/* git-credential(1): what `git credential capability` adds up. */
static int capability(void)
{
	puts("version 0\ncapability authtype\ncapability state");
	return os_stdout_end("git-credential-hsm", 0);
}

static const struct {
	const char *name, *help;
} verbs[] = {
	{ "configure", "write what git needs to know about a host and its issuer" },
	{ "login", "get an access token now, asking whoever has to say yes" },
	{ "logout", "revoke and forget the tokens of a host" },
	{ "status", "list the hosts, and until when their tokens are good" },
	{ "explain", "say why a URL gets the token that it gets, or none" },
	{ "test", "ask the issuer and the host, step by step" },
};
#define VERBS_N (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *f)
{
	fputs("git-credential-hsm gives git short-lived access tokens, proven by a key in a\n"
	      "PKCS#11 token.\n\n"
	      "usage: git-credential-hsm get | store | erase     (as git runs it)\n"
	      "       git-credential-hsm VERB [options]\n"
	      "       git-credential-hsm --help | --version\n\nverbs:\n",
	      f);
	for (size_t i = 0; i < VERBS_N; i++)
		fprintf(f, "  %-12s %s\n", verbs[i].name, verbs[i].help);
	fputs("\nMore: git-credential-hsm VERB --help, man git-credential-hsm\n", f);
}

/* git writes a request behind its verb, so that on a terminal a person has mistyped one. */
static int unknown_verb(const char *verb)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(verb));
	struct err err = ERR_INIT;

	if (!isatty(STDIN_FILENO))
		return 0;
	err_set(&err, ERR_USAGE, "%s is not a verb (see git-credential-hsm --help)", shown);
	say(err.text);
	return err.code;
}

/* Verbs for people start the program that has them; git's own future ones are nothing. */
static int other_verb(char **argv)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < VERBS_N; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		argv[0] = (char *)(uintptr_t) "credential-fetch";
		(void)sibling_become((const char *const *)argv, BYTES_NONE, &err);
		say(err.text);
		return err.code;
	}
	return unknown_verb(argv[1]);
}

/* helper = "hsm --option" in the configuration: git must not go on to a password prompt. */
static int unknown_option(const char *option, bool quit)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(option));
	struct err err = ERR_INIT;
	int r = err_set(&err, ERR_USAGE, "%s is not an option (see git-credential-hsm --help)",
			shown);

	if (quit)
		return say_quit(r, &err);
	say(err.text);
	return r;
}

int main(int argc, char **argv)
{
	os_start();
	if (argc < 2) {
		usage(stderr);
		return ERR_USAGE;
	}
	if (strcmp(argv[1], "get") == 0)
		return git_verb(get, true);
	if (strcmp(argv[1], "erase") == 0)
		return git_verb(erase, false);
	if (strcmp(argv[1], "capability") == 0)
		return capability();
	if (strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return os_stdout_end("git-credential-hsm", 0);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("git-credential-hsm " GH_VERSION);
		return os_stdout_end("git-credential-hsm", 0);
	}
	if (argv[1][0] == '-')
		return unknown_option(argv[1], strcmp(argv[argc - 1], "get") == 0);
	return other_verb(argv); /* "store" too: what we gave is kept already */
}
