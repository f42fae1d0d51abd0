/* What the record verbs open first: a server's repository, and its record. */
#ifndef GH_RECORD_PLACE_H
#define GH_RECORD_PLACE_H

#include "policy/past.h"
#include "policy/server.h"

#define RECORD_PLACE_WAIT_MS 60000 /* as a push waits for another */

/* What an export begins with when the repository has a name (hsm.repository), which is behind it
 * on the line. */
#define RECORD_PLACE_OF "repository "

struct record_place {
	struct repo *repo;
	struct server server;
	struct record *record; /* NULL: there is none */
};

/* `path` NULL: the repository at or above the current directory. ERR_CONFIG where
 * hsm.record is off. */
int record_place_open(const char *path, struct record_place *ret, struct err *err);
/* The record of it, settled and locked; none is made. */
int record_place_read(struct record_place *p, struct err *err);
void record_place_close(struct record_place *p);

#endif
