/* What verbs share in speaking: one line of error, and tables. */
#ifndef GH_SAY_H
#define GH_SAY_H

#include "base/err.h"
#include "base/opt.h"

/* "gitsign-hsm: TEXT" on stderr; returns the code. */
int say_err(const struct err *err);

/*
 * Parses a verb's options; true: go on. False: *status is the exit status, and
 * everything is said.
 */
bool say_options(const struct opt_command *cmd, int *argc, char ***argv, int *status);

#endif
