#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cred/url.h"
#include "oauth/http_internal.h"

/* 0: does not hold here; 1: for all; more: the more exact the URL. */
static unsigned rank_of(const struct gitconf_entry *e, const struct cred_url *target)
{
	struct cred_url section;
	unsigned rank;

	if (e->subsection == NULL)
		return 1;
	if (cred_url_parse(e->subsection, &section, NULL) != 0)
		return 0;
	rank = cred_url_covers(&section, target);
	cred_url_free(&section);
	return rank > 0 ? rank + 1 : 0;
}

/* An endpoint may have a path that no section can name: what holds for its host does then. */
static bool target_of(const char *url, struct cred_url *ret)
{
	_cleanup_free_ char *bare = xstrndup(url, strcspn(url, "?"));
	_cleanup_free_ char *origin = NULL;

	if (cred_url_parse(bare, ret, NULL) == 0)
		return true;
	origin = cred_endpoint_origin(url);
	return cred_url_parse(origin, ret, NULL) == 0;
}

const char *http_setting(const struct gitconf *conf, const char *url, const char *name)
{
	const char *found = NULL;
	struct cred_url target;
	unsigned best = 0;

	if (!target_of(url, &target))
		return NULL;
	for (size_t i = 0; i < conf->n; i++) {
		const struct gitconf_entry *e = &conf->v[i];
		unsigned rank;

		if (e->name == NULL || strcmp(e->section, "http") != 0 ||
		    strcasecmp(e->name, name) != 0)
			continue;
		rank = rank_of(e, &target);
		if (rank > 0 && rank >= best) {
			best = rank;
			found = e->value != NULL ? e->value : "true";
		}
	}
	cred_url_free(&target);
	return found;
}

int http_verified(const struct gitconf *conf, const char *url, struct err *err)
{
	const char *off = NULL, *verify = http_setting(conf, url, "sslVerify");
	_cleanup_free_ char *shown = NULL;

	/* git: the variable's being there is enough */
	if (getenv("GIT_SSL_NO_VERIFY") != NULL)
		off = "GIT_SSL_NO_VERIFY is set";
	else if (verify != NULL && gitconf_truth(verify) != 1)
		off = gitconf_truth(verify) == 0 ? "http.sslVerify is false"
						 : "http.sslVerify is not true";
	if (off == NULL)
		return 0;
	shown = text_escaped(bytes_str(url));
	return err_set(err, ERR_CONFIG,
		       "%s for %s: no access token is asked for over a connection that anybody can "
		       "read. Name the authority with http.sslCAInfo and unset that",
		       off, shown);
}

/* The environment wins, as in git; "~" is git's to expand where a path is meant. */
static char *path_setting(const struct gitconf *conf, const char *url, const char *env,
			  const char *name)
{
	const char *v = env != NULL ? getenv(env) : NULL, *home = getenv("HOME");

	if (v == NULL)
		v = http_setting(conf, url, name);
	if (v == NULL || v[0] == '\0')
		return NULL;
	if (strncmp(v, "~/", 2) == 0 && home != NULL)
		return xasprintf("%s%s", home, v + 1);
	return xstrdup(v);
}

static CURLcode set_path(CURL *c, CURLoption option, const struct gitconf *conf, const char *url,
			 const char *env, const char *name)
{
	_cleanup_free_ char *v = path_setting(conf, url, env, name);

	return v != NULL ? curl_easy_setopt(c, option, v) : CURLE_OK;
}

/* An empty http.proxy: none, whatever the environment says. */
static CURLcode set_proxy(CURL *c, const struct gitconf *conf, const char *url)
{
	const char *v = http_setting(conf, url, "proxy");
	CURLcode r = CURLE_OK;

	if (v != NULL)
		r = curl_easy_setopt(c, CURLOPT_PROXY, v);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_PROXYAUTH, CURLAUTH_ANY);
	if (r == CURLE_OK)
		r = set_path(c, CURLOPT_PROXY_CAINFO, conf, url, "GIT_PROXY_SSL_CAINFO",
			     "proxySSLCAInfo");
	return r;
}

int http_apply(CURL *c, const struct gitconf *conf, const char *url, struct err *err)
{
	CURLcode r;
	int refused = http_verified(conf, url, err);

	if (refused != 0)
		return refused;
	r = set_path(c, CURLOPT_CAINFO, conf, url, "GIT_SSL_CAINFO", "sslCAInfo");
	if (r == CURLE_OK)
		r = set_path(c, CURLOPT_CAPATH, conf, url, "GIT_SSL_CAPATH", "sslCAPath");
	if (r == CURLE_OK)
		r = set_path(c, CURLOPT_PINNEDPUBLICKEY, conf, url, NULL, "pinnedPubkey");
	if (r == CURLE_OK)
		r = set_proxy(c, conf, url);
	if (r != CURLE_OK)
		return err_set(err, ERR_CONFIG, "http.* of git's configuration: %s",
			       curl_easy_strerror(r));
	return 0;
}
