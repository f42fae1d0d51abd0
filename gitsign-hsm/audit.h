/*
 * A repository with its policy and its record, opened to look at what is there: what
 * verify --all, policy replay, record rebuild and hook enable begin with.
 */
#ifndef GH_AUDIT_H
#define GH_AUDIT_H

#include "policy/arrival.h"
#include "policy/replay.h"
#include "policy/server.h"
#include "settings.h"

struct audit {
	struct repo *repo;
	struct server server;
	struct settings settings;
	struct policy *policy;
	struct record *record; /* NULL: there is none, or it was not asked for */
	struct arrival *arrival;
	int64_t now;
};

/*
 * `path` NULL: the repository at or above the current directory. `policy` NULL: that of the
 * hooks (hsm.policy of the repository, of the system, the default place); or, where there is
 * a work tree and `client` is set, hsm.policy as it is in force, if there is one. ERR_CONFIG
 * when there is none.
 */
int audit_open(const char *path, const char *policy, bool client, struct audit *ret,
	       struct err *err);
/* The same with a policy of anybody's: policy_load_draft(). */
int audit_open_draft(const char *path, const char *policy, struct audit *ret, struct err *err);
void audit_close(struct audit *a);

/*
 * Reads the record, if one is kept and there is one, settles it, and gives its lock back:
 * pushes need not wait for what comes then.
 */
int audit_read_record(struct audit *a, struct err *err);
/* Learns from the record when each object came. */
int audit_read_times(struct audit *a, struct err *err);

/* Repository, policy, introductions, time; the past is left out. */
struct judge_context audit_context(const struct audit *a);

#endif
