/* What `explain` finds out, part by part; each adds to the report and to its problems. */
#ifndef GH_HELPER_EXPLAIN_H
#define GH_HELPER_EXPLAIN_H

#include <jansson.h>

#include "helper/ask.h"

struct explain {
	struct ask *ask;
	json_t *report;     /* an object */
	json_t *problems;   /* an array of texts: what is wrong, and the cure */
	struct buf origins; /* `git config --list -z --show-origin`, where git was asked */
};

/* One line; what is foreign in it is escaped by the caller. */
void explain_problem(struct explain *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void explain_settings(struct explain *e); /* which sections say what */
void explain_helpers(struct explain *e);  /* in which order git asks whom */
void explain_remotes(struct explain *e);  /* of this repository: http, paths */

#endif
