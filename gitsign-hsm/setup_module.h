/* Which PKCS#11 module: what is here is asked, and only a choice is left to people. */
#ifndef GH_SETUP_MODULE_H
#define GH_SETUP_MODULE_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Finds the module whose token is to be used, or with `blank` initialised; asks on the terminal when several have one.
 * *ret is for the caller to free. ERR_CONFIG lists what is here and what each one said.
 */
int setup_module(bool blank, char **ret, struct err *err);

#endif
