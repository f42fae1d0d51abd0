/*
 * The agent: one process that holds the sockets and puts signatures together, and a
 * child for each PKCS#11 module that can be killed and replaced (worker.c).
 */
#ifndef GH_AGENT_AGENT_H
#define GH_AGENT_AGENT_H

#include <stdbool.h>

#include "base/alg.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sig/cert.h"
#include "token/agent.h"

/* --- main.c ---------------------------------------------------------------- */

void agent_stop(void);              /* ends the agent when the reply is out */
void agent_status(struct buf *out); /* lines for people */

/* --- session.c: one connection to the private socket ------------------------- */

void session_run(int fd);
/* The workers are asked by one thread at a time. */
void session_lock(void);
void session_unlock(void);

/* --- keeper.c: the parent's side of the workers; one caller at a time --------- */

/* A PIN from the client, or an error that is handed on. */
typedef int keeper_pin_fn(void *ctx, const char *prompt, struct secret *pin, struct err *err);

struct keeper_key {
	struct cert *leaf;
	struct bytes chain[8];
	size_t chain_n;
	struct buf raw; /* what the views point into */
};

struct keeper_request {
	const char *module, *module_args; /* which worker */
	const char *config, *key;         /* which key, for the worker to choose */
	int timeout_ms;
	bool stored; /* the PIN comes from a store, not from a person */
	keeper_pin_fn *pin;
	void (*slow)(void *ctx); /* called once when a signature takes longer than a second */
	void *ctx;
};

/*
 * The key that a request names; borrowed, until the next call. Starts a worker when
 * there is none.
 */
int keeper_choose(const struct keeper_request *q, const struct keeper_key **ret, struct err *err);
/*
 * A raw signature by that key. When a worker that has signed before fails for another
 * reason than the PIN or the key, it is replaced and asked once more; one that hangs is
 * replaced when the next request comes.
 */
int keeper_sign(const struct keeper_request *q, enum alg_hash h, struct bytes tbs, struct buf *sig,
		struct err *err);
/* Lets every session answer that a token would close when it is not used; drops dead ones. */
void keeper_ping(void);
void keeper_end(void); /* ends all workers: what they know is gone */
size_t keeper_count(unsigned *signatures);

/* --- worker.c: the child ------------------------------------------------------- */

#define WORKER_FD 3
#define WORKER_WORDS_FD 4 /* the deadline's last words */
int worker_main(void);

enum worker_message {
	WORKER_OPEN = 'O', /* text configuration, text key */
	WORKER_KEY = 'K',  /* u32 n, n strings: leaf and chain, DER */
	WORKER_SIGN = 'S', /* text configuration, text key, byte stored, u32 hash, string tbs */
	WORKER_PIN = 'P',  /* text prompt; answered by WORKER_PIN, u32 code, string */
	WORKER_SIG = 'R',  /* string */
	WORKER_PING = 'G', /* answered by WORKER_PING */
	WORKER_ERROR = 'E' /* u32 code, text */
};

#endif
