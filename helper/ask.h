/*
 * What git asks, and the profile that holds for it: the same in the program that git
 * starts and in the siblings that it turns into, which read the request again.
 */
#ifndef GH_HELPER_ASK_H
#define GH_HELPER_ASK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/gitconf.h"
#include "cred/profile.h"
#include "cred/proto.h"
#include "cred/tokens.h"
#include "cred/url.h"
#include "helper/store.h"

struct ask {
	struct cred_input in;
	struct gitconf conf;
	struct cred_url target;
	struct cred_profile profile;
	struct buf profile_id, request_id;
	struct store store; /* of these; views */
	bool found;         /* a profile holds for it; else there is nothing to say */
};

/*
 * ERR_INPUT for a request that no git sends (CR, NUL, a field missing or twice), and for
 * http:// to a host with a profile; ERR_CONFIG as cred_profile_find(). What is not for
 * this helper (other protocols, hosts without a profile, hosts of odd form): success,
 * with found false.
 */
int ask_read(int fd, struct ask *ret, struct err *err);
/* The same for a URL that a person names; ERR_USAGE for one that is none. */
int ask_url(const char *url, struct ask *ret, struct err *err);
void ask_free(struct ask *a);

/* Does an erase say what is to be forgotten: a token, or (from a person, never from git)
 * all of a host? */
bool ask_names_token(const struct ask *a);
/* Forgets it: the token, where it is the one that is kept, or all of the profile. */
int ask_forget(const struct ask *a, struct store *s);

/* May a person be asked? Not with credential.interactive false or GIT_TERMINAL_PROMPT=0. */
bool ask_interactive(const struct ask *a);

/* Is it good, as far as anybody knows? */
bool ask_can_give(const struct ask *a, const struct cred_tokens *t);
/* Should the next token be asked for, rather than this one be given? */
bool ask_wants_fetch(const struct ask *a, const struct cred_tokens *t);
/*
 * Writes the answer for git to standard output. `cached`: it was not made for this call,
 * so that a git that can (2.46) is told to ask again when the server refuses it. ERR_IO.
 */
int ask_give(const struct ask *a, const struct cred_tokens *t, bool cached, struct err *err);

#endif
