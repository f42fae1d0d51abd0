/*
 * The verbs for people. Each gets the words from its own name on, prints results on
 * standard output, errors on standard error, and returns an err_code as exit status.
 */
#ifndef GH_HELPER_VERBS_H
#define GH_HELPER_VERBS_H

#include "base/buf.h"
#include "base/opt.h"
#include "helper/ask.h"
#include "helper/grant.h"

int verb_configure(int argc, char **argv);
int verb_login(int argc, char **argv);
int verb_logout(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_test(int argc, char **argv);

/* Says it; returns the code. */
int verb_failed(const struct err *err);
/* Parses options; false: *status is the exit status, and everything is said. */
bool verb_options(const struct opt_command *cmd, int *argc, char ***argv, int *status);
/* The profile for a URL that a person names; none: ERR_CONFIG with the cure. */
int verb_profile(const char *url, struct ask *a, struct err *err);
/* What a grant is asked with; `host` is freed by the caller. */
struct grant_ask verb_grant_ask(const struct ask *a, char **host);

/* "42 min", "3 h", "12 s" for that many seconds. */
void verb_add_span(struct buf *out, int64_t seconds);
/* What follows "kept": "in the keyring", "in the session's memory", "nowhere" */
const char *verb_store_text(enum cred_store kind);

#endif
