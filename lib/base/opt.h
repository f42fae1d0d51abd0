/*
 * Command lines as tables: long and short options, help made from the table.
 */
#ifndef GH_BASE_OPT_H
#define GH_BASE_OPT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

enum opt_kind { OPT_FLAG, OPT_STRING, OPT_LIST };

struct opt_list {
	const char **v;
	size_t n;
};

struct opt {
	char letter;       /* 0: none */
	const char *name;  /* long name; NULL ends a table */
	const char *arg;   /* what the value is called in help; NULL for a flag */
	const char *help;  /* one line */
	enum opt_kind kind;
	void *value;       /* bool *, const char ** or struct opt_list * */
};

struct opt_command {
	const char *usage;       /* "gitsign-hsm policy check [options] FILE" */
	const char *summary;     /* a sentence or two */
	const struct opt *opts;
	const char *epilogue;    /* examples; may be NULL */
	int args_min, args_max;  /* what is left after options; max -1: any */
};

/*
 * Parses argv[1..]; "--" ends options; "--name=value" and "--name value".
 * On return argv[0..*argc-1] are the remaining words (argv[0] the first of them).
 * --help prints help to stdout and sets *help. Unknown or incomplete option, too
 * few or too many words: ERR_USAGE with text that ends in the usage line.
 */
int opt_parse(const struct opt_command *cmd, int *argc, char ***argv, bool *help, struct err *err);

#endif
