/* Signing and verifying through the agent, without a library of weight. */
#ifndef GH_FRONT_H
#define GH_FRONT_H

#include "args.h"
#include "base/buf.h"

/* The path of one of the programs beside this one. */
int front_sibling(const char *name, struct buf *out, struct err *err);

/*
 * True: signed, or refused and said so; *status is the exit status. False: nothing has
 * happened, standard input holds what is to be signed, and the program that has the
 * token itself is to go on.
 */
bool front_sign(const struct args *a, int *status);
/*
 * The same for verifying, argv being the command line: by the agent's verifier
 * (base/handover.h), as the sibling would. Where there is none it is started for the
 * next time, when hsm.agent says so, and nothing waits for that.
 */
bool front_verify(char **argv, const struct args *a, int *status);

#endif
