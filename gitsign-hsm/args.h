/*
 * The command line that git and its relatives use for gpgsm (git
 * gpg-interface.c, jj gpg_signing.rs): short letters in clusters of any order,
 * --status-fd as one word or two, options that change nothing accepted (also those of
 * gpg that wrappers add), options that would change the meaning refused.
 */
#ifndef GH_ARGS_H
#define GH_ARGS_H

#include <stdbool.h>

#include "base/err.h"

enum args_action { ARGS_NONE, ARGS_SIGN, ARGS_VERIFY, ARGS_LIST, ARGS_HELP, ARGS_VERSION };

#define ARGS_WORDS_MAX 64

struct args {
	enum args_action action;
	const char *user;      /* of -u; NULL: not given */
	int status_fd;         /* -1: none */
	const char *signature; /* of --verify */
	const char *data;      /* of --verify; "-" is standard input */
	const char *words[ARGS_WORDS_MAX]; /* operands; of ARGS_LIST: the keys asked for */
	size_t words_n;
	bool armor, detached;
	bool colons, secret;   /* of ARGS_LIST: --with-colons, and which list */
};

int args_parse(int argc, char **argv, struct args *ret, struct err *err);

#endif
