/* What is answered to who wants a token, believed only as far as git can use it. */
#ifndef GH_OAUTH_ANSWER_H
#define GH_OAUTH_ANSWER_H

#include <jansson.h>

#include "cred/tokens.h"

/*
 * A token endpoint's answer (RFC 6749 5.1): access token, type, lifetimes (also as GitHub and
 * Keycloak name them; a refresh token's of 0 is none), refresh token and scope. `now`: seconds
 * since 1970. ERR_INPUT: one is missing or of another type, a token type other than Bearer, a
 * token that is not printable ASCII. *ret is set on success; its username is not.
 */
int oauth_answer_read(const json_t *o, int64_t now, struct cred_tokens *ret, struct err *err);

/* What a device authorization endpoint answers (RFC 8628 3.2): views into it. */
struct oauth_device {
	const char *code, *user_code, *uri;
	const char *uri_complete; /* NULL: none */
	int64_t lives_s;          /* 0 to a day */
	int64_t interval_s;       /* 1 to OAUTH_INTERVAL_MAX_S */
};
#define OAUTH_INTERVAL_S 5 /* 3.2: when the server names none; 3.5: and what slow_down adds */
#define OAUTH_INTERVAL_MAX_S 120
/* ERR_INPUT: one is missing, or what a person is sent to is no cred_endpoint_ok(). */
int oauth_device_read(const json_t *o, struct oauth_device *ret, struct err *err);

/*
 * The token of a GitHub App's installation (docs.github.com, "Create an installation access
 * token for an app"). `ahead`: how many seconds our clock, which says `now`, is ahead of
 * GitHub's, which `expires_at` is by. As oauth_answer_read() otherwise.
 */
int oauth_installation_read(const json_t *o, int64_t now, int64_t ahead, struct cred_tokens *ret,
			    struct err *err);

/* Printable ASCII without blanks, as tokens are; empty or NULL is none. */
bool oauth_token_ok(const char *v);

#endif
