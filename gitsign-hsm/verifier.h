/* Verifying in a process that has its libraries loaded already. */
#ifndef GH_VERIFIER_H
#define GH_VERIFIER_H

#include <stdbool.h>

/*
 * The agent's verifier: a child of it for each verification that comes to the socket
 * goes on as the process that asked would have done by itself. It has one thread, no secret
 * and no module; of a verification it keeps decoded certificates (sig/cert_keep.h), nothing
 * else. Ends when the agent does, or when a file that it has loaded was replaced; with an
 * error when it cannot verify at all.
 */
int verifier_main(void);

/* Verifies a signature that is part of the program; it leaves nothing behind. */
bool verifier_sample(void);

#define VERIFIER_LISTEN_FD 3
#define VERIFIER_LINE_FD 4 /* to the agent; nothing goes over it */

#endif
