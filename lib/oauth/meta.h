/*
 * Where an issuer's endpoints are: its own metadata (OpenID Connect Discovery 1.0 4,
 * RFC 8414), or the paths that a known product has below the issuer.
 */
#ifndef GH_OAUTH_META_H
#define GH_OAUTH_META_H

#include <jansson.h>

#include "cred/profile.h"
#include "oauth/http.h"

struct oauth_meta {
	char *issuer; /* as configured, which is what the metadata says */
	/* https; NULL: the issuer has none */
	char *token, *authorization, *device, *revocation;
	json_t *algs;   /* token_endpoint_auth_signing_alg_values_supported, or NULL */
	bool sends_iss; /* RFC 9207: answers of the authorization endpoint have iss */
	bool discovered;
	bool has_date; /* what the answer's Date: says of our clock */
	int64_t ahead;
};
void oauth_meta_free(struct oauth_meta *m);

/*
 * For CRED_DISCOVERY asks the issuer: .well-known/openid-configuration, then the
 * address of RFC 8414. With `mtls` the endpoints are those for client certificates
 * (RFC 8705 5). ERR_INPUT: the metadata names another issuer, or an endpoint that is
 * not https. ERR_CONFIG: there are none.
 */
int oauth_meta_get(struct http *h, enum cred_provider provider, const char *issuer, bool mtls,
		   int64_t deadline_ms, struct oauth_meta *ret, struct err *err);

/* The same from the text of an answer; exposed for tests and the fuzzer. */
int oauth_meta_parse(struct bytes text, const char *issuer, bool mtls, struct oauth_meta *ret,
		     struct err *err);

/* The two addresses of an issuer's metadata; the caller frees. */
char *oauth_meta_oidc_url(const char *issuer);
char *oauth_meta_rfc8414_url(const char *issuer);

#endif
