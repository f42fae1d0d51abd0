#include <string.h>

#include "base/text.h"
#include "oauth/meta.h"

#define META_MAX 262144 /* bytes: lists of scopes and claims grow long */

/* --- addresses ------------------------------------------------------------------- */

/* The issuer without a slash at its end, which both documents want removed. */
static size_t bare_length(const char *issuer)
{
	size_t n = strlen(issuer);

	return n > 0 && issuer[n - 1] == '/' ? n - 1 : n;
}

char *oauth_meta_oidc_url(const char *issuer)
{
	return xasprintf("%.*s/.well-known/openid-configuration", (int)bare_length(issuer), issuer);
}

char *oauth_meta_rfc8414_url(const char *issuer)
{
	_cleanup_free_ char *origin = cred_endpoint_origin(issuer);
	size_t host = strcspn(issuer + strlen("https://"), "/") + strlen("https://");
	size_t n = bare_length(issuer);

	return xasprintf("%s/.well-known/oauth-authorization-server%.*s", origin,
			 n > host ? (int)(n - host) : 0, issuer + host);
}

/* --- asking ---------------------------------------------------------------------- */

/* *there is false, with success, for an address that has no metadata. */
static int ask(struct http *h, const char *url, int64_t deadline, struct http_answer *a,
	       bool *there, struct err *err)
{
	const struct http_request rq = {
		.method = "GET", .url = url, .body_max = META_MAX, .deadline_ms = deadline
	};
	int r = http_do(h, &rq, a, err);

	if (r == 0 && http_wait_retry(a, deadline)) {
		http_answer_free(a);
		r = http_do(h, &rq, a, err);
	}
	*there = r == 0 && a->status == 200 && a->json;
	if (r == 0 && a->status >= 500)
		r = err_set(err, ERR_IO, "%s: HTTP %d. Try again later", url, a->status);
	return r;
}

static int discover(struct http *h, const char *issuer, bool mtls, int64_t deadline,
		    struct oauth_meta *ret, struct err *err)
{
	_cleanup_free_ char *first = oauth_meta_oidc_url(issuer);
	_cleanup_free_ char *second = oauth_meta_rfc8414_url(issuer);
	struct http_answer a = { .retry_ms = -1 };
	bool there = false;
	int status, r = ask(h, first, deadline, &a, &there, err);

	status = a.status;
	if (r == 0 && !there) {
		http_answer_free(&a);
		r = ask(h, second, deadline, &a, &there, err);
	}
	if (r == 0 && !there)
		r = err_set(err, ERR_CONFIG,
			    "no metadata at %s (HTTP %d) nor at %s (HTTP %d): is hsmIssuer right, "
			    "or should hsmProvider be set?",
			    first, status, second, a.status);
	if (r == 0) {
		r = oauth_meta_parse(bytes_of(a.body.p, a.body.n), issuer, mtls, ret, err);
		if (r != 0)
			err_prefix(err, "metadata of %s", issuer);
	}
	if (r == 0) {
		ret->has_date = a.has_date;
		ret->ahead = a.ahead;
	}
	http_answer_free(&a);
	return r;
}

/* docs.github.com, docs.gitlab.com, docs.gitea.com, forgejo.org: as they are documented. */
static const struct {
	const char *authorization, *token, *device, *revocation;
} known[] = {
	[CRED_GITHUB] = { "/login/oauth/authorize", "/login/oauth/access_token",
			  "/login/device/code", NULL },
	[CRED_GITLAB] = { "/oauth/authorize", "/oauth/token", "/oauth/authorize_device",
			  "/oauth/revoke" },
	[CRED_GITEA] = { "/login/oauth/authorize", "/login/oauth/access_token", NULL, NULL },
};

static char *below(const char *issuer, const char *path)
{
	return path == NULL ? NULL : xasprintf("%.*s%s", (int)bare_length(issuer), issuer, path);
}

int oauth_meta_get(struct http *h, enum cred_provider provider, const char *issuer, bool mtls,
		   int64_t deadline_ms, struct oauth_meta *ret, struct err *err)
{
	if (provider == CRED_DISCOVERY || provider == CRED_PROVIDER_UNSET)
		return discover(h, issuer, mtls, deadline_ms, ret, err);
	*ret = (struct oauth_meta){
		.issuer = xstrdup(issuer),
		.token = below(issuer, known[provider].token),
		.authorization = below(issuer, known[provider].authorization),
		.device = below(issuer, known[provider].device),
		.revocation = below(issuer, known[provider].revocation),
	};
	return 0;
}
