/*
 * What is kept of an access token between calls: the token, the refresh token
 * beside it and their times, in one text that is stored and replaced as a whole.
 */
#ifndef GH_CRED_TOKENS_H
#define GH_CRED_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"

#define CRED_TOKEN_MAX ((size_t)60000) /* git-credential(1) ends a line at 65535 bytes */

/* Times in seconds since 1970 by our own clock; 0: not known. */
struct cred_tokens {
	struct secret access;  /* printable ASCII without blanks; .p NULL: none that is good */
	struct secret refresh; /* the same; .p NULL: none */
	int64_t issued, expires, refresh_expires;
	int64_t order;  /* of what replaces each other the last has the most; 0: issued says it */
	bool bearer;    /* token_type; what a certificate binds is Bearer too */
	char *username; /* what goes beside the token with Basic */
	char *scope;    /* as granted; NULL: as asked for */
};
#define CRED_TOKENS_NONE { .access = SECRET_NONE, .refresh = SECRET_NONE }
void cred_tokens_free(struct cred_tokens *t); /* wipes; empty and usable afterwards */

/* Lines of key=value under a line that names the form. ERR_INPUT when a value cannot
 * stand in one: nothing is appended then. */
int cred_tokens_format(struct secret *out, const struct cred_tokens *t, struct err *err);
/* ERR_INPUT for anything but what was written above, up to its last line. */
int cred_tokens_parse(struct bytes text, struct cred_tokens *ret, struct err *err);

enum cred_state {
	CRED_STALE = 0, /* no access token, or one that will not last for a fetch */
	CRED_AGEING,    /* good, but time to get the next one */
	CRED_GOOD
};
/* STALE in the last 30 s (or twentieth) of its life, AGEING in the last 5 min (or fifth), and when
 * it was issued a minute or more in the future: nobody knows then how old it is. */
enum cred_state cred_tokens_state(const struct cred_tokens *t, int64_t now);

/* What replaces `before`, whatever has become of the clock meanwhile. */
void cred_tokens_follow(struct cred_tokens *t, const struct cred_tokens *before);
/* Does `a` come after `b`, or is it the same? */
bool cred_tokens_after(const struct cred_tokens *a, const struct cred_tokens *b);

/* Is this the access token? Takes the same time wherever they differ. */
bool cred_tokens_are(const struct cred_tokens *t, struct bytes token);
/* A refresh token that has not expired. */
bool cred_tokens_can_refresh(const struct cred_tokens *t, int64_t now);

#endif
