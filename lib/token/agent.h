/*
 * Talking to the agent: where its sockets are, what goes over them, and the client
 * that git's signing program is. Needs libc only: what it loads is what every commit
 * waits for.
 *
 * The protocol is that of ssh-agent (draft-ietf-sshm-ssh-agent): a frame is a uint32
 * length and a body whose first byte says what it is; each request has one reply. Git
 * objects are signed by an extension of it (3.8), on the private socket:
 *
 *	-> 27, string "git-sign@gitsign-hsm", byte purpose, string payload, string key,
 *	   string configuration, string directory
 *	<- 29, string "git-sign@gitsign-hsm", byte kind, and by kind:
 *	     SIGNED     string armor, string status lines
 *	     PIN        string prompt: the agent wants a PIN
 *	     TOUCH      string reminder: the token waits for its owner
 *	     REFUSED    uint32 code (err.h), string reason
 *	     ELSEWHERE  uint32 code, string reason: not for the agent; sign without it
 *	-> for PIN and TOUCH: 27, string "git-answer@gitsign-hsm", byte kind,
 *	   uint32 code (0: here it is), string PIN or reason
 *
 * `configuration` is the hsm section as git's configuration syntax, `directory` where
 * git runs; both are the client's word.
 *
 *	-> 27, string "control@gitsign-hsm", string verb, string argument
 *	<- 29, string "control@gitsign-hsm", byte kind (TEXT or REFUSED), ...
 */
#ifndef GH_TOKEN_AGENT_H
#define GH_TOKEN_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "token/pin.h"

enum agent_message {
	AGENT_FAILURE = 5,
	AGENT_SUCCESS = 6,
	AGENT_LIST = 11,
	AGENT_IDENTITIES = 12,
	AGENT_SIGN = 13,
	AGENT_SIGNATURE = 14,
	AGENT_LOCK = 22,
	AGENT_UNLOCK = 23,
	AGENT_EXTENSION = 27,
	AGENT_EXTENSION_FAILURE = 28,
	AGENT_EXTENSION_RESPONSE = 29
};

#define AGENT_EXT_SIGN "git-sign@gitsign-hsm"
#define AGENT_EXT_ANSWER "git-answer@gitsign-hsm"
#define AGENT_EXT_CONTROL "control@gitsign-hsm"

enum agent_kind {
	AGENT_KIND_SIGNED = 1,
	AGENT_KIND_PIN,
	AGENT_KIND_TOUCH,
	AGENT_KIND_REFUSED,
	AGENT_KIND_ELSEWHERE,
	AGENT_KIND_TEXT
};

enum agent_purpose { AGENT_NOTHING = 0, AGENT_COMMIT, AGENT_TAG, AGENT_PUSH };

#define AGENT_PAYLOAD_MAX ((size_t)16 << 20)
#define AGENT_FRAME_MAX (AGENT_PAYLOAD_MAX + ((size_t)1 << 20))
#define AGENT_SSH_FRAME_MAX ((size_t)256 << 10) /* as OpenSSH has it */
#define AGENT_ANSWER_MAX ((size_t)SECRET_MAX)

/* --- frames ------------------------------------------------------------------ */

/* Writes one frame within the time. ERR_IO. */
int agent_send(int fd, struct bytes body, int timeout_ms, struct err *err);
/*
 * Reads one frame of 1..`max` bytes into `body` (replaced). ERR_IO; *closed tells that
 * the other side closed before its first byte.
 */
int agent_recv(int fd, size_t max, int timeout_ms, struct buf *body, bool *closed, struct err *err);
/* The same in two steps: the length, within 1..`max`; then so many bytes, or past them. */
int agent_recv_head(int fd, size_t max, int timeout_ms, size_t *n, bool *closed, struct err *err);
int agent_recv_body(int fd, size_t n, int timeout_ms, struct buf *body, struct err *err);
int agent_recv_skip(int fd, size_t n, int timeout_ms, struct err *err);
/* Is something there to read (or the end) within the time? */
bool agent_readable(int fd, int timeout_ms);
/* The same into locked memory: for frames that hold a PIN. The caller frees it. */
int agent_recv_secret(int fd, int timeout_ms, struct secret *body, struct err *err);
/* Sends `head` and behind it, as one frame, the secret as a string. */
int agent_send_secret(int fd, struct bytes head, const struct secret *s, int timeout_ms,
		      struct err *err);

/* --- requests and answers ------------------------------------------------------ */

#define AGENT_ASK_TEXT_MAX ((size_t)64 << 10)
struct agent_ask {
	enum agent_purpose purpose;
	struct bytes payload;
	const char *key, *config, *where; /* AGENT_ASK_TEXT_MAX each */
};
void agent_ask_put(struct buf *out, const struct agent_ask *ask);
/* `body` behind the extension's name. Texts are owned (agent_ask_free), the payload is a
 * view. False for anything but exactly one request. */
bool agent_ask_get(struct bytes body, struct agent_ask *ret);
void agent_ask_free(struct agent_ask *ask);

/* What the first bytes of a payload make of it. */
enum agent_purpose agent_purpose_of(struct bytes payload);
const char *agent_purpose_name(enum agent_purpose p); /* "commit" */

/*
 * Splits an answer (the whole frame) in place: `text` becomes the PIN or the reason.
 * False for anything else, or when it answers another kind of question.
 */
bool agent_answer_get(struct secret *frame, enum agent_kind asked, uint32_t *code);

/* --- places ------------------------------------------------------------------- */

/* In the directory of base/rundir.h. */
#define AGENT_SOCKET "agent" /* the private one */
#define AGENT_SSH_SOCKET "ssh"
#define AGENT_LOCK_FILE "lock"

/*
 * Starts `program` as a background agent: a process group and session of its own,
 * nothing inherited, and waits until it answers. ERR_IO when it does not, or its own
 * reason for that.
 */
int agent_start(const char *program, struct err *err);
/* The same without waiting, unless an agent answers, begins already, or was tried just now. */
void agent_start_behind(const char *program);

/* --- the client ------------------------------------------------------------------ */

enum agent_outcome {
	AGENT_DONE,     /* signed */
	AGENT_NO,       /* refused, or it went wrong: do not sign otherwise */
	AGENT_NOT_THERE /* no agent, or the request is none for it: *err says why */
};

/*
 * Asks the agent for a signature; `start` (may be NULL) starts one when there is
 * none. Questions go to the terminal, a PIN comes from `pin`. Appends armor
 * and status lines only for AGENT_DONE; *err is set otherwise.
 */
enum agent_outcome agent_sign(const struct agent_ask *ask, const struct pin_source *pin,
			      int (*start)(struct err *err), struct buf *armor, struct buf *status,
			      struct err *err);

/*
 * The same through the agent that SSH_AUTH_SOCK names, as forwarded by ssh -A: it asks
 * where it runs. AGENT_NOT_THERE also for an agent that is not one of ours.
 */
enum agent_outcome agent_sign_forwarded(const struct agent_ask *ask, struct buf *armor,
					struct buf *status, struct err *err);

/*
 * A plain request to that agent, and its answer's body behind the first byte, which has
 * to be `wanted`. ERR_IO, ERR_KEY when it refuses.
 */
int agent_ssh_request(struct bytes request, enum agent_message wanted, struct buf *reply,
		      struct err *err);

/* One word to a running agent; appends what it answers. ERR_IO: no agent. */
int agent_control(const char *verb, const char *argument, struct buf *out, struct err *err);

#endif
