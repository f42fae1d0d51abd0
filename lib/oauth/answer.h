/* What a token endpoint answers (RFC 6749 5.1), believed only as far as git can use it. */
#ifndef GH_OAUTH_ANSWER_H
#define GH_OAUTH_ANSWER_H

#include <jansson.h>

#include "cred/tokens.h"

/*
 * Access token, type, lifetimes (also as GitHub and Keycloak name them), refresh token and
 * scope. `now`: seconds since 1970. ERR_INPUT: one is missing or of another type, a token
 * type other than Bearer, a token that is not printable ASCII. *ret is set on success; its
 * username is not.
 */
int oauth_answer_read(const json_t *o, int64_t now, struct cred_tokens *ret, struct err *err);

/* Printable ASCII without blanks, as tokens are; empty or NULL is none. */
bool oauth_token_ok(const char *v);

#endif
