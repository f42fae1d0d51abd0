/*
 * The processes that have a PKCS#11 module loaded, one for each module, which can be
 * killed and replaced.
 */
#ifndef GH_AGENT_KEEPER_H
#define GH_AGENT_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/alg.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sig/cert.h"
#include "sig/cms.h"
#include "token/agent.h"

/*
 * --- keeper.c: which process has which module and key; may be called by any thread ---
 * Who waits for a PIN or a token holds up those that want the same module, and no others.
 */

/* A PIN from the client, or an error that is handed on. */
typedef int keeper_pin_fn(void *ctx, const char *prompt, struct secret *pin, struct err *err);

struct keeper_key {
	atomic_uint refs;
	struct cert *leaf;
	struct bytes chain[8];
	size_t chain_n;
	struct buf raw; /* what the views point into */
	pthread_mutex_t checking;
	struct cms_key *check; /* of `leaf`; whoever holds `checking` may use it */
};
void keeper_key_put(struct keeper_key *k); /* accepts NULL */

struct keeper_request {
	const char *module, *module_args; /* which worker; may be NULL */
	const char *config, *key;         /* which key, for the worker to choose */
	int timeout_ms;
	bool stored; /* the PIN comes from a store, not from a person */
	keeper_pin_fn *pin;
	void (*slow)(void *ctx); /* called once when a signature takes longer than a second */
	void *ctx;
};

/* What a signature rests on. */
struct keeper_login {
	/* The PIN is, or was, asked for because of this one: by us, with what it is for. A token's
	 * own pad shows nothing: whoever types there may have something else in mind. */
	bool asked;
	bool stored; /* its process was only ever given PINs from a store, and one at least */
	bool given; /* keeper_choose() has asked for the PIN, before the token showed the key */
};

/*
 * The key that a request names; the caller gives it back (keeper_key_put). Starts a
 * process when there is none. *login: as it looks before the signature; another request
 * may come between.
 */
int keeper_choose(const struct keeper_request *q, struct keeper_key **ret,
		  struct keeper_login *login, struct err *err);
/*
 * A raw signature by that key, and what it did rest on. When a process that has signed before fails for another
 * reason than the PIN or the key, it is replaced and asked once more; one that hangs is
 * replaced when the next request comes.
 */
int keeper_sign(const struct keeper_request *q, enum alg_hash h, struct bytes tbs, struct buf *sig,
		struct keeper_login *login, struct err *err);
/* Lets every session answer that a token would close when it is not used; drops dead ones. */
void keeper_ping(void);
void keeper_end(void); /* ends all processes: what they know is gone */
/* How many there are, and how many signatures were made; does not wait. */
size_t keeper_count(size_t *signatures);

/* --- child.c: one process that has a module; one caller at a time --------------- */

struct child;
int child_start(const char *module, const char *args, struct child **ret, struct err *err);
void child_end(struct child *c); /* kills it; accepts NULL */
/* `program` with one argument; `fds` become 3 and 4, and 0 to 2 nobody's. An errno. */
int child_spawn(const char *program, char *zero, char *mode, const int fds[2], pid_t *pid);
bool child_is(const struct child *c, const char *module, const char *args);
/*
 * One request, `wanted` being the answer's first byte; the whole answer in `reply`.
 * *broken: it hung (and its deadline said so) or gave no sense. One that was found
 * dead has done nothing, and may be replaced and asked again.
 */
int child_call(const struct keeper_request *q, struct child *c, struct bytes request,
	       uint8_t wanted, struct buf *reply, bool *broken, struct err *err);

/* --- refused.c: PINs that are not sent again; may be called by any thread ----------- */

struct refused_pin {
	bool there;
	uint8_t digest[32];
};
/* ERR_PIN when this token has refused the PIN; else *ret is what refused_add() takes. */
int refused_check(const char *module, struct bytes token, const struct secret *pin,
		  struct refused_pin *ret, struct err *err);
void refused_add(const struct refused_pin *p);

/* --- worker.c: the child ------------------------------------------------------- */

#define WORKER_FD 3
#define WORKER_WORDS_FD 4 /* the deadline's last words */
int worker_main(void);

enum worker_message {
	/* text configuration, text key, byte stored; where a token shows nothing before a login,
	 * WORKER_PIN comes before the answer */
	WORKER_OPEN = 'O',
	/* byte: the next signature asks for the PIN; bytes given, stored (struct keeper_login);
	 * u32 n, n strings: leaf and chain, DER */
	WORKER_KEY = 'K',
	WORKER_SIGN = 'S', /* text configuration, text key, byte stored, u32 hash, string tbs */
	/* string token, text prompt; answered by WORKER_PIN, u32 code, string */
	WORKER_PIN = 'P',
	WORKER_SIG = 'R',    /* byte asked, byte stored (struct keeper_login), string */
	WORKER_PING = 'G',   /* answered by WORKER_PING */
	WORKER_ERROR = 'E',  /* u32 code, text */
	WORKER_REFUSED = 'F' /* the same: the token did not take the PIN */
};

#endif
