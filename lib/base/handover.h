/*
 * A process that has only just started gives what it was started with to another one of
 * its user, which has the libraries loaded already and forks a child to go on in its place:
 * descriptors, working directory, arguments, environment. Over a connected stream socket:
 *
 *	-> u32 length, text place, u32 n, n texts (arguments), u32 n, n texts (environment)
 *	<- byte ACCEPTED, or ELSEWHERE: go on by yourself, nothing has happened
 *	-> a byte with the descriptors (SCM_RIGHTS): go
 *	<- byte EXITED, byte exit status; or ELSEWHERE as above; the end of it all without
 *	   either: it was begun, and did not come to its end
 *
 * The descriptors come last: who waits for the end of a pipe would wait for them too while
 * they are under way to one that is stopped. They are closed before EXITED is said.
 */
#ifndef GH_BASE_HANDOVER_H
#define GH_BASE_HANDOVER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define HANDOVER_SOCKET "verify" /* in the directory of base/rundir.h */
#define HANDOVER_MAX ((size_t)128 << 10)
#define HANDOVER_FDS 4 /* 0, 1, 2 and the working directory */
#define HANDOVER_ARGS_MAX 128
#define HANDOVER_ENV_MAX 4096

enum handover_answer { HANDOVER_ACCEPTED = 'A', HANDOVER_ELSEWHERE = 'E', HANDOVER_EXITED = 'X' };

struct handover {
	char *place;
	char **args, **env; /* NULL at the end */
	size_t args_n, env_n;
};

/* Appends the message without its length. */
void handover_put(struct buf *out, const char *place, char *const *args, char *const *env);
/* False for anything but exactly one message within the limits, with an argument at least.
 * handover_free() accepts what was not filled. */
bool handover_get(struct bytes in, struct handover *ret);
void handover_free(struct handover *h);

/* Sends it in one piece, without waiting. ERR_IO: it was not taken whole. ERR_INPUT:
 * longer than HANDOVER_MAX. */
int handover_send(int fd, struct bytes body, struct err *err);
/* Receives one, and nothing behind it. ERR_IO, ERR_INPUT. */
int handover_recv(int fd, int timeout_ms, struct buf *body, struct err *err);

/* Up to HANDOVER_FDS descriptors, without waiting. */
bool handover_give(int to, const int *fds, size_t n);
/* Exactly so many, close-on-exec, the caller's. timeout_ms -1: waits for them for ever. */
bool handover_take(int from, int timeout_ms, int *fds, size_t due);

/*
 * What has to be the same on both sides, as a text: the version, the file of `program`
 * (device, inode, size, time), the root directory, the mount namespace. False when one of
 * them cannot be looked at.
 */
bool handover_place(const char *program, struct buf *out);
/* Is no limit of this process lower than a child of another one would have? */
bool handover_unlimited(void);
/* Do two environments agree in what libraries read when they are loaded? */
bool handover_same_load(char *const *a, char *const *b);

#endif
