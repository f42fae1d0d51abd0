/*
 * Where the browser comes back to: one port of the loopback interface that takes one
 * answer with the right state, and whose address can be pasted instead (RFC 8252 7.3).
 */
#ifndef GH_OAUTH_LOOPBACK_H
#define GH_OAUTH_LOOPBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

struct loopback;

/* "http://127.0.0.1[:port]/path": without a port any free one, held open from here on. */
int loopback_open(const char *redirect, struct loopback **ret, struct err *err);
void loopback_free(struct loopback *l); /* accepts NULL */

/* The redirect_uri, with the port that it is. */
const char *loopback_uri(const struct loopback *l);

/* The parameters of the answer, decoded; NULL: not there. */
struct loopback_answer {
	char *code, *state, *iss, *error, *description;
};
void loopback_answer_free(struct loopback_answer *a);

/*
 * Waits for GET path?...state=`state`, or a line on `tty` (-1: none) that ends in such an
 * address. Other requests are answered (404, 400) and waited past. ERR_IO at the deadline.
 */
int loopback_wait(struct loopback *l, const char *state, int tty, int64_t deadline_ms,
		  struct loopback_answer *ret, struct err *err);
void loopback_close_tty(int tty);

/*
 * The query of "GET path?query HTTP/1.1\r\n...", a view; false when the request is another.
 * What follows is exposed for tests and the fuzzer.
 */
bool loopback_query(const struct buf *request, const char *path, struct bytes *ret);
/*
 * The query of an address, "a=b&c=d" up to '#' or a blank. False for a parameter twice, a
 * broken escape, a control byte.
 */
bool loopback_parse(struct bytes query, struct loopback_answer *ret);

#endif
