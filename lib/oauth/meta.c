#include "oauth/meta.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "oauth/json.h"

#define META_MAX 262144 /* bytes: lists of scopes and claims grow long */
#define URL_MAX 2048

void oauth_meta_free(struct oauth_meta *m)
{
	free(m->issuer);
	free(m->token);
	free(m->authorization);
	free(m->device);
	free(m->revocation);
	json_decref(m->algs);
	memset(m, 0, sizeof(*m));
}

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

/* --- reading ------------------------------------------------------------------- */

static int endpoint(const json_t *o, const json_t *aliases, const char *key, char **ret,
		    struct err *err)
{
	const char *v = NULL;
	int r = 0;

	if (aliases != NULL)
		r = json_text(aliases, key, URL_MAX, &v, err);
	if (r == 0 && v == NULL)
		r = json_text(o, key, URL_MAX, &v, err);
	if (r != 0 || v == NULL)
		return r;
	if (!cred_endpoint_ok(v))
		return err_set(err, ERR_INPUT, "its %s is no https:// URL", key);
	*ret = xstrdup(v);
	return 0;
}

static int same_issuer(const json_t *o, const char *issuer, struct err *err)
{
	_cleanup_free_ char *shown = NULL;
	const char *v;
	int r = json_need(o, "issuer", URL_MAX, &v, err);

	if (r != 0 || strcmp(v, issuer) == 0)
		return r;
	shown = text_escaped(bytes_str(v));
	return err_set(err, ERR_INPUT,
		       "it calls itself %s: hsmIssuer must be that to the letter, if that is who "
		       "you mean",
		       shown);
}

static int fill(const json_t *o, bool mtls, struct oauth_meta *m, struct err *err)
{
	const json_t *aliases = mtls ? json_object_get(o, "mtls_endpoint_aliases") : NULL;
	json_t *algs = json_object_get(o, "token_endpoint_auth_signing_alg_values_supported");
	int r;

	if (!json_is_object(aliases))
		aliases = NULL;
	if ((r = endpoint(o, aliases, "token_endpoint", &m->token, err)) != 0 ||
	    (r = endpoint(o, NULL, "authorization_endpoint", &m->authorization, err)) != 0 ||
	    (r = endpoint(o, aliases, "device_authorization_endpoint", &m->device, err)) != 0 ||
	    (r = endpoint(o, aliases, "revocation_endpoint", &m->revocation, err)) != 0)
		return r;
	if (m->token == NULL)
		return err_set(err, ERR_INPUT, "it has no token_endpoint");
	m->sends_iss =
		json_is_true(json_object_get(o, "authorization_response_iss_parameter_supported"));
	if (json_is_array(algs))
		m->algs = json_incref(algs);
	return 0;
}

int oauth_meta_parse(struct bytes text, const char *issuer, bool mtls, struct oauth_meta *ret,
		     struct err *err)
{
	struct oauth_meta m = { .discovered = true };
	json_t *o;
	int r = json_read(text, "metadata", false, &o, err);

	if (r != 0)
		return r;
	r = same_issuer(o, issuer, err);
	if (r == 0)
		r = fill(o, mtls, &m, err);
	json_decref(o);
	if (r != 0) {
		oauth_meta_free(&m);
		return r;
	}
	m.issuer = xstrdup(issuer);
	*ret = m;
	return 0;
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
