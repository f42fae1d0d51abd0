/*
 * What every hook does around its judgement: a clean environment, words for people,
 * the repository and what belongs to it opened, a limit on time.
 */
#ifndef GH_HOOKS_COMMON_HOOK_H
#define GH_HOOKS_COMMON_HOOK_H

#include "policy/judge.h"
#include "policy/progress.h"
#include "policy/server.h"

struct hook {
	const char *name; /* "pre-receive": what git calls it */
	struct repo *repo;
	struct server server;
	struct policy *policy;
	struct record *record; /* NULL: none is kept */
	struct past *past;
	struct judge_update *updates;
	size_t updates_n;
	struct judge_progress progress;
	bool has_cert;
	struct judge_cert cert; /* and what it borrows: */
	struct buf cert_text;
	char **options;
	enum judge_way way;
	char *push; /* push_here(), borrowed; NULL: not known */
};

/* --- start.c ---------------------------------------------------------------- */

/*
 * First thing in main(): the environment without what the pusher's transport may have
 * put into it, descriptors and signals in order, OpenSSL without its configuration file.
 */
void hook_start(void);
/* The same for a hook of the one who pushes: git's configuration stays as it is. */
void hook_start_client(void);
/* From here on at most the policy's [limits] time; then it is refused, and the
 * end of the process gives the record's lock back. */
int hook_limit_time(const struct hook *h, struct err *err);

/* --- say.c: all goes to standard error ---------------------------------------- */

/* As it is. */
void hook_say(const char *text);
/* "gitsign-hsm: TEXT", wrapped; a callback of server_inspect() too. */
void hook_say_line(const char *text, void *ctx);
/*
 * As it is, or for GitLab's pages each line behind "GL-HOOK-ERR: ": they show nothing else
 * (GL_PROTOCOL is "web" then; who pushes with ssh or http sees every line).
 */
void hook_say_refusal(const char *text);
/* What that says, for who cannot say it yet; owned. */
char *hook_refusal_text(const char *text);
/* What is refused, in a word: reference-transaction sees more than pushes. */
const char *hook_subject(const struct hook *h);
/* The last word of every refusal that is not a judgement: returns the exit status. */
int hook_refuse(struct hook *h, const struct err *err);
/* For judge_context: `ctx` is the hook. */
void hook_show_progress(void *ctx, size_t done, size_t total, bool more);
/* For record_open(). */
void hook_show_waiting(void *ctx);

/* --- open.c: in this order; hook_close() whatever happened ---------------------- */

/* Repository and configuration. `path` NULL: what git's environment says. */
int hook_open(struct hook *h, const char *path, struct err *err);
/* "old new ref" lines (githooks(5)) from standard input. */
int hook_read_updates(struct hook *h, struct err *err);
/* For pre-push: the repository, with the configuration that git sees, in which push.gpgSign counts
 * as server.asks_certs; and its lines, perhaps none. */
int hook_open_client(struct hook *h, struct err *err);
int hook_read_pushed(struct hook *h, struct err *err);
/* For reference-transaction: the repository around, or that of GIT_DIR; and its lines. */
int hook_open_here(struct hook *h, struct err *err);
int hook_read_transaction(struct hook *h, struct err *err);
/* Refuses where the hook would enforce nothing. */
int hook_inspect(const struct hook *h, struct err *err);
int hook_load_policy(struct hook *h, struct err *err);
/*
 * The record: waits for its lock, and settles what earlier pushes left pending. With
 * hsm.record = off the refs. After the policy.
 */
int hook_open_past(struct hook *h, struct err *err);
/* The push certificate, when one came, and how the push came. After the past. (cert.c) */
int hook_read_cert(struct hook *h, struct err *err);
/* The updates by the policy and the past: as judge_push(). (judge.c) */
int hook_judge(struct hook *h, struct judge_result *ret, struct err *err);
void hook_close(struct hook *h);

#endif
