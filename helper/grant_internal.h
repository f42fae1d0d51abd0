/* The inside of a grant: what its files share. */
#ifndef GH_HELPER_GRANT_INTERNAL_H
#define GH_HELPER_GRANT_INTERNAL_H

#include <jansson.h>

#include "cred/profile.h"
#include "helper/grant.h"
#include "helper/key.h"
#include "helper/mtls.h"
#include "oauth/http.h"
#include "oauth/meta.h"

#define GRANT_DEADLINE_MS 120000         /* when the caller gives none */
#define GRANT_PERSON_MS (10 * 60 * 1000) /* the same where a person answers */

struct grant {
	const struct cred_profile *p;
	const struct grant_ask *ask;
	int64_t deadline; /* os_monotonic_ms() */
	struct mtls *mtls;
	struct http *http;
	struct key *key; /* NULL until something is to be signed */
	struct oauth_meta meta;
};

/* What an endpoint says no with (RFC 6749 5.2); code "" when it was something else. */
struct grant_refusal {
	char code[64];
};

/*
 * POSTs the form and the client's authentication to the endpoint, once more when the
 * server is busy, with a new assertion. The answer is an object; json_decref() it. An
 * "error" in it, with whatever status: ERR_BAD and `why`.
 */
int grant_post(struct grant *g, const char *url, const struct secret *form, json_t **ret,
	       struct grant_refusal *why, struct err *err);

/* The same where the body of a good answer (2xx) says nothing, and need be no JSON. */
int grant_tell(struct grant *g, const char *url, const struct secret *form, struct err *err);

/* The same to the token endpoint, with the tokens of the answer in *ret. */
int grant_token(struct grant *g, const struct secret *form, struct cred_tokens *ret,
		struct grant_refusal *why, struct err *err);

/* scope, audience (where the issuer wants it), resource. */
void grant_add_target(const struct grant *g, struct secret *form);

/*
 * Opens the key and logs in, the first time: before a JSON web token's times are made,
 * since a PIN may have to be typed.
 */
int grant_key(struct grant *g, struct err *err);

/* "; this clock is 400 s behind the server's", or "". */
const char *grant_skew_text(const struct http_answer *a, char *room, size_t n);

int grant_refresh(struct grant *g, struct cred_tokens *ret, struct grant_refusal *why,
		  struct err *err);
int grant_device(struct grant *g, struct cred_tokens *ret, struct err *err);
int grant_code(struct grant *g, struct cred_tokens *ret, struct err *err);
int grant_exchange(struct grant *g, struct cred_tokens *ret, struct err *err);
int grant_github_app(struct grant *g, struct cred_tokens *ret, struct err *err);
int grant_github_revoke(struct grant *g, const struct cred_tokens *t, bool *done, struct err *err);

/* What goes beside the token with Basic. */
char *grant_username(const struct grant *g, const char *usual);

#endif
