#include "oauth/meta.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "oauth/json.h"

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
