/* What git runs: signing and verifying under gpgsm's command line. */
#ifndef GH_GPGSM_H
#define GH_GPGSM_H

#include "args.h"

/* Both return the exit status and have said everything there is to say. */
int gpgsm_sign(const struct args *a);
int gpgsm_verify(const struct args *a);

#endif
