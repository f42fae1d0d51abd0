/*
 * The agent: one process that holds the sockets and puts signatures together, and a
 * child for each PKCS#11 module (keeper.h). Who asks, for what, and whether its owner
 * agrees: consent.h.
 */
#ifndef GH_AGENT_AGENT_H
#define GH_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/gitconf.h"
#include "base/mem.h"
#include "gitsign-hsm/settings.h"
#include "token/agent.h"

/* --- config.c ---------------------------------------------------------------- */

enum confirm { CONFIRM_NEVER, CONFIRM_EACH, CONFIRM_BATCH };

/* What the agent itself goes by: the system's and the user's configuration, never that
 * of a repository. */
struct agent_config {
	struct gitconf conf; /* what the views point into */
	int64_t idle_ms, lifetime_ms;
	enum confirm confirm;
	bool confirm_set; /* not the default: PINs from a store do not take it away */
	uint64_t batch_max;
	int64_t batch_ms;
	const char *pinentry; /* as struct pin_source has it */
	char *log;
	/* For the socket that ssh talks to, where a client's word is worth nothing: which
	 * module and keys, and where PINs come from. */
	bool ssh, forward; /* serve ssh's programs; sign git objects for them */
	struct settings own;
	char *own_text;
	const char **keys; /* hsm.sshKey */
	size_t keys_n;
	const char **spaces; /* hsm.sshNamespace */
	size_t spaces_n;
};
/* In a directory outside of every repository. ERR_CONFIG. */
int config_load(struct agent_config *ret, struct err *err);

/* --- server.c ---------------------------------------------------------------- */

/*
 * Serves until it is stopped or unused for long; does not return after it has begun.
 * With `tell` the descriptor READY_FD is closed when the socket answers, and an error
 * goes there.
 */
int server_run(bool tell, struct err *err);
void server_stop(void);      /* ends it when the reply is out; nobody reaches it from now on */
void server_busy(bool busy); /* a request is being served; as often false as true */
void server_used(void);      /* a request that keeps the agent from ending for being idle */
const struct agent_config *server_config(void);
/* For people, or one JSON object and a newline. */
void server_status(bool json, struct buf *out);

#define READY_FD 3

/* --- verifier.c: the process that verifies ------------------------------------------ */

/* Listens for it, and keeps it running from the first client on. */
int verifier_listen(struct err *err);
pid_t verifier_pid(void); /* 0: none runs */
void verifier_end(void);  /* nobody finds it any more; it ends when this process does */

/* --- lock.c ------------------------------------------------------------------ */

/*
 * Locked, the agent signs nothing and has no module open. With a password (may be NULL)
 * only the same one unlocks it, each wrong one takes a while; without one only none does.
 * ERR_USAGE: it is (not) locked already. ERR_PIN: the wrong password.
 */
int lock_set(const struct secret *password, struct err *err);
int lock_clear(const struct secret *password, struct err *err);
bool lock_is(void);

/* --- clients.c: whom the sockets bring -------------------------------------------- */

typedef void session_fn(int fd); /* one connection, to its end; the caller closes it */
/* Has threads serve who comes to a socket that listens and does not block; at most two. */
int clients_serve(int listener, session_fn *run, struct err *err);
/* Takes no more clients; the listeners are free then. Who is being served goes on. */
void clients_end(void);
bool clients_thread(void *(*run)(void *), void *arg); /* one of the agent's threads, detached */

/* --- room.c: memory for requests ---------------------------------------------------- */

#define ROOM_FREE ((size_t)256 << 10) /* a request of so much needs no room: few are larger */

struct room {
	size_t n;
	pid_t pid;
	int fd;
	bool in, here, out; /* it has room; all of the request is here; its connection was ended */
	int64_t since;
	struct room *next;
};
/*
 * Room for the n bytes of a request of the process at the other end of `fd`. Waits in turn while
 * too much is taken, or while that process has another one. False: not within the time. `r` and
 * `fd` stay where they are until room_give(), also when nothing had to be taken. Until
 * room_here() the connection is ended when the request does not come and others wait.
 */
bool room_take(struct room *r, int fd, size_t n, int wait_ms);
void room_here(struct room *r);
void room_give(struct room *r);

/* --- session.c, ssh.c: one connection to the private socket, or to ssh's -------- */

session_fn session_run, ssh_run;

#define REQUEST_MS (60 * 60 * 1000) /* a silent connection */
#define BODY_MS 30000               /* a request that has begun */
#define ROOM_MS 10000
#define REPLY_SEND_MS 30000

/*
 * Receives a request, has it answered into `out`, sends that. False: the end. One that there
 * is no room for is not kept, and the answer says so.
 */
typedef void session_reply_fn(int fd, struct buf *in, struct buf *out);
bool session_serve(int fd, size_t max, session_reply_fn *reply, struct buf *in, struct buf *out);
/* AGENT_EXT_SIGN; `forwarded`: for a client that may be anywhere. */
void session_sign(int fd, struct bytes body, bool forwarded, struct buf *out);
/* A PIN by the agent's own configuration; `ctx` is a const char *: what it is for. */
int session_own_pin(void *ctx, const char *prompt, struct secret *pin, struct err *err);

#endif
