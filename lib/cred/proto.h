/*
 * git's credential protocol as a helper sees it (git-credential(1), "INPUT/OUTPUT
 * FORMAT"; git credential.c): lines of key=value up to an empty line or the end.
 *
 * Read more strictly than git writes: what could make two readers see two hosts
 * (CR, NUL, control bytes, a repeated or a cut-off line) is refused, as it was
 * the way to steal credentials more than once (CVE-2020-5260, CVE-2024-50338).
 */
#ifndef GH_CRED_PROTO_H
#define GH_CRED_PROTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"

#define CRED_INPUT_MAX ((size_t)1 << 20) /* of all lines */
#define CRED_LINE_MAX ((size_t)65535)    /* git-credential(1): with the newline */

struct cred_input {
	struct secret raw;    /* what was read, with NULs for newlines: all views point into it */
	struct secret resent; /* the same as it came, for a sibling that reads it again */
	/* NULL: not there */
	const char *protocol, *host, *path, *username, *password, *authtype, *credential;
	const char *state; /* the state[] that came from us: the first that starts "hsm:" */
	bool can_authtype; /* capability[]=authtype: git 2.46 and newer */
	bool can_state;    /* capability[]=state: the same */
	bool www_any;      /* wwwauth[]: the server's challenges are known (git 2.41) */
	bool www_bearer;   /* and one of them is Bearer */
};

/* Reads up to an empty line or the end of file. ERR_INPUT for what is refused. */
int cred_read(int fd, struct cred_input *ret, struct err *err);
/* The same from memory. */
int cred_parse(struct bytes text, struct cred_input *ret, struct err *err);
void cred_input_free(struct cred_input *in);

/* The token that git says failed or worked: credential, or else password; may be NULL. */
const char *cred_input_token(const struct cred_input *in);

struct cred_answer {
	const char *username; /* for Basic */
	struct bytes token;   /* printable ASCII */
	bool bearer;          /* Bearer where git can do it, else Basic */
	int64_t expires;      /* seconds since 1970; 0: not known */
	/* "hsm:...": what comes back to us when the server refuses the token and git asks
	 * again (continue); NULL: it is not to. Left out where git cannot. */
	const char *state;
};
/*
 * What goes to standard output. It never names a protocol, host or path, and
 * asks git to keep nothing (ephemeral) where git can be asked.
 */
void cred_answer_write(struct secret *out, const struct cred_input *in,
		       const struct cred_answer *a);

#endif
