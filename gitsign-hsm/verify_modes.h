/* The questions of `verify` that a rule answers, not a signature alone. */
#ifndef GH_VERIFY_MODES_H
#define GH_VERIFY_MODES_H

#include <stdbool.h>

#include "base/err.h"

struct verify_mode {
	const char *policy;  /* --policy; NULL: as configured */
	const char *as_push; /* --as-push: the ref there; NULL: --all */
	const char *remote;  /* --remote, or NULL */
	bool json;
};

/* Would a push of `range` (A..B, or B) to a ref be let in? Prints the hook's words. 0, or
 * ERR_BAD when it would not; anything else is in *err. */
int verify_as_push(const struct verify_mode *m, const char *range, struct err *err);
/* Every governed ref, from its introduction to its tip; the same results. */
int verify_everything(const struct verify_mode *m, struct err *err);

#endif
