/*
 * The command line that git and its relatives use for gpgsm (git
 * gpg-interface.c, jj gpg_signing.rs): short letters in clusters of any order,
 * --status-fd as one word or two, options that change nothing accepted, options
 * that would change the meaning refused.
 */
#ifndef GH_ARGS_H
#define GH_ARGS_H

#include <stdbool.h>

#include "base/err.h"

enum args_action { ARGS_NONE, ARGS_SIGN, ARGS_VERIFY, ARGS_HELP, ARGS_VERSION };

struct args {
	enum args_action action;
	const char *user;      /* of -u; NULL: not given */
	int status_fd;         /* -1: none */
	const char *signature; /* of --verify */
	const char *data;      /* of --verify; "-" is standard input */
	bool armor, detached;
};

int args_parse(int argc, char **argv, struct args *ret, struct err *err);

#endif
