/*
 * A GitHub App (docs.github.com, "Authenticating as a GitHub App installation"): a JSON
 * web token made in the token, for an installation's token of at most an hour.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "cred/url.h"
#include "helper/grant_internal.h"
#include "oauth/answer.h"
#include "oauth/json.h"

#define JWT_BACK_S 60
#define JWT_S 540 /* ten minutes are allowed, by GitHub's clock */
#define ACCEPT "application/vnd.github+json"
#define ANSWER_MAX HTTP_BODY_MAX_EVER /* narrowed: each repository is described at length */

/* api.github.com, api.SUBDOMAIN.ghe.com, or GitHub Enterprise Server's path. */
static char *api_base(const struct grant *g)
{
	const char *host = g->ask->host;
	size_t n = g->p->issuer != NULL ? strlen(g->p->issuer) : 0;

	if (n > 0)
		return xstrndup(g->p->issuer, g->p->issuer[n - 1] == '/' ? n - 1 : n);
	if (strcmp(host, "github.com") == 0)
		return xstrdup("https://api.github.com");
	n = strlen(host);
	if (n > 8 && strcmp(host + n - 8, ".ghe.com") == 0)
		return xasprintf("https://api.%s", host);
	return xasprintf("https://%s/api/v3", host);
}

static int app_jwt(struct grant *g, struct secret *ret, struct err *err)
{
	struct jws_signer signer = { key_sign, NULL };
	const struct jws_alg *alg;
	int64_t now = os_now();
	json_t *claims;
	int r = grant_key(g, err);

	if (r != 0)
		return r;
	if (key_facts(g->key)->alg.kind != KEY_RSA)
		return err_set(err, ERR_KEY,
			       "a GitHub App signs by RS256: hsmKey must be an RSA key, not %s",
			       alg_key_name(key_facts(g->key)->alg));
	alg = jws_alg_for(KEY_RSA, NULL);
	signer.ctx = g->key;
	claims = json_pack("{s:I, s:I, s:s}", "iat", (json_int_t)(now - JWT_BACK_S), "exp",
			   (json_int_t)(now + JWT_S), "iss", g->p->client_id);
	r = jws_make(ret, alg, "JWT", NULL, claims, &signer, err);
	json_decref(claims);
	return r;
}

/* --- one request ------------------------------------------------------------------ */

struct call {
	const char *method, *url;
	struct bytes bearer;
	struct bytes body;
	int status;
	struct http_answer answer;
};

static int call(struct grant *g, struct call *c, struct err *err)
{
	struct http_request rq = {
		.method = c->method,
		.url = c->url,
		.accept = ACCEPT,
		.bearer = c->bearer,
		.content_type = c->body.n > 0 ? "application/json" : NULL,
		.body = c->body,
		.body_max = ANSWER_MAX,
		.deadline_ms = g->deadline,
	};
	int r;

	c->answer = (struct http_answer){ .retry_ms = -1 };
	r = http_do(g->http, &rq, &c->answer, err);
	if (r == 0 && http_wait_retry(&c->answer, g->deadline)) {
		http_answer_free(&c->answer);
		r = http_do(g->http, &rq, &c->answer, err);
	}
	return r;
}

/* GitHub says why in "message". */
static int refused(const struct call *c, struct err *err)
{
	const struct http_answer *a = &c->answer;
	_cleanup_free_ char *shown = NULL, *where = text_escaped(bytes_str(c->url));
	const char *message = NULL;
	char skew[80];
	json_t *o = NULL;
	int code = a->status >= 500 || a->status == 429 ? ERR_IO : ERR_BAD;

	if (a->json && json_read(bytes_of(a->body.p, a->body.n), "", false, &o, NULL) == 0 &&
	    json_text(o, "message", 2000, &message, NULL) != 0)
		message = NULL;
	shown = text_escaped(bytes_of(message != NULL ? message : "",
				      message != NULL ? strnlen(message, 300) : 0));
	json_decref(o);
	return err_set(err, (enum err_code)code, "%s: HTTP %d%s%s%s", where, a->status,
		       shown[0] != '\0' ? ": " : "", shown,
		       a->status == 401 ? grant_skew_text(a, skew, sizeof(skew)) : "");
}

/* --- which installation ------------------------------------------------------------- */

static int read_id(const json_t *o, int64_t *ret, struct err *err)
{
	bool found;
	int r = json_number(o, "id", ret, &found, err);

	if (r == 0 && !found)
		return err_set(err, ERR_INPUT, "id is missing");
	return r;
}

static int one_id(const struct call *c, int64_t *ret, struct err *err)
{
	json_t *o;
	int r = json_read(bytes_of(c->answer.body.p, c->answer.body.n), c->url, false, &o, err);

	if (r != 0)
		return r;
	r = read_id(o, ret, err);
	json_decref(o);
	return r;
}

/* Names as GitHub has them, ".github" too: one segment of a path, which stays where it is. */
static bool name_ok(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
			   v.p[i]) == NULL ||
		    v.p[i] == '\0')
			return false;
	return v.n > 0 && v.n <= 100 && !bytes_eq_str(v, ".") && !bytes_eq_str(v, "..");
}

static int by_path(struct grant *g, const char *base, struct bytes jwt, const char *path,
		   int64_t *id, bool *found, struct err *err)
{
	_cleanup_free_ char *url = xasprintf("%s/%s/installation", base, path);
	struct call c = { .method = "GET", .url = url, .bearer = jwt };
	int r = call(g, &c, err);

	*found = r == 0 && c.answer.status == 200;
	if (*found)
		r = one_id(&c, id, err);
	else if (r == 0 && c.answer.status != 404)
		r = refused(&c, err);
	http_answer_free(&c.answer);
	return r;
}

static int by_owner(struct grant *g, const char *base, struct bytes jwt, struct bytes owner,
		    struct bytes repo, int64_t *id, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(owner);
	_cleanup_free_ char *asked = text_escaped(bytes_str(g->ask->path));
	char path[3][256] = { "", "", "" };
	bool found = false;
	int r = 0;

	if (!name_ok(owner) || (repo.n > 0 && !name_ok(repo)))
		return err_set(err, ERR_INPUT, "%s is no owner and repository of GitHub's", asked);
	if (repo.n > 0)
		snprintf(path[0], sizeof(path[0]), "repos/%.*s/%.*s", (int)owner.n, owner.p,
			 (int)repo.n, repo.p);
	snprintf(path[1], sizeof(path[1]), "orgs/%.*s", (int)owner.n, owner.p);
	snprintf(path[2], sizeof(path[2]), "users/%.*s", (int)owner.n, owner.p);
	/* A repository the App does not see may still have an owner that it does. */
	for (int i = 0; i < 3 && r == 0 && !found; i++)
		if (path[i][0] != '\0')
			r = by_path(g, base, jwt, path[i], id, &found, err);
	if (r == 0 && !found)
		r = err_set(err, ERR_BAD,
			    "the GitHub App %s is not installed for %s: install it there, or see "
			    "which key and hsmClientId this is",
			    g->p->client_id, shown);
	return r;
}

/* Without an owner there must be one installation only. */
static int the_only_one(struct grant *g, const char *base, struct bytes jwt, int64_t *id,
			struct err *err)
{
	_cleanup_free_ char *url = xasprintf("%s/app/installations?per_page=2", base);
	struct call c = { .method = "GET", .url = url, .bearer = jwt };
	json_t *list = NULL;
	int r = call(g, &c, err);

	if (r == 0 && c.answer.status != 200)
		r = refused(&c, err);
	if (r == 0)
		r = json_read(bytes_of(c.answer.body.p, c.answer.body.n), url, true, &list, err);
	if (r == 0 && json_array_size(list) != 1)
		r = err_set(err, ERR_CONFIG,
			    "the GitHub App has %s installation: type  git config --global "
			    "credential.%s.useHttpPath true  so that the owner tells which, or set "
			    "hsmInstallation",
			    json_array_size(list) == 0 ? "no" : "more than one", g->p->url);
	if (r == 0)
		r = read_id(json_array_get(list, 0), id, err);
	json_decref(list);
	http_answer_free(&c.answer);
	return r;
}

static int installation(struct grant *g, const char *base, struct bytes jwt, int64_t *id,
			struct err *err)
{
	struct bytes owner, repo;
	uint64_t n;

	if (g->p->installation != NULL && text_parse_u64(bytes_str(g->p->installation), &n)) {
		*id = (int64_t)n;
		return 0;
	}
	if (cred_path_split(g->ask->path, &owner, &repo))
		return by_owner(g, base, jwt, owner, repo, id, err);
	return the_only_one(g, base, jwt, id, err);
}

/* --- the token -------------------------------------------------------------------------- */

/* "contents=read,metadata=read" */
static json_t *permissions(const char *text)
{
	json_t *o = json_object();

	while (*text != '\0') {
		size_t n = strcspn(text, ","), name = strcspn(text, "=,");

		if (name < n) {
			_cleanup_free_ char *key = xstrndup(text, name);

			(void)json_object_set_new(o, key,
						  json_stringn(text + name + 1, n - name - 1));
		}
		text += text[n] == ',' ? n + 1 : n;
	}
	return o;
}

static json_t *repositories(const struct grant *g)
{
	const char *text = g->p->repositories;
	json_t *list = json_array();
	struct bytes owner, repo;

	if (strcmp(text, "this") == 0) {
		if (cred_path_split(g->ask->path, &owner, &repo) && repo.n > 0)
			(void)json_array_append_new(list,
						    json_stringn((const char *)repo.p, repo.n));
		return list;
	}
	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		(void)json_array_append_new(list, json_stringn(text, n));
		text += text[n] == ',' ? n + 1 : n;
	}
	return list;
}

static int wanted(const struct grant *g, struct secret *body, struct err *err)
{
	json_t *o = json_object(), *repos;
	int r = 0;

	if (g->p->permissions != NULL)
		(void)json_object_set_new(o, "permissions", permissions(g->p->permissions));
	if (g->p->repositories != NULL) {
		repos = repositories(g);
		if (json_array_size(repos) == 0)
			r = err_set(
				err, ERR_CONFIG,
				"hsmRepositories is \"this\", and git named none: type  git config "
				"--global credential.%s.useHttpPath true",
				g->p->url);
		(void)json_object_set_new(o, "repositories", repos);
	}
	json_write(body, o);
	json_decref(o);
	return r;
}

static int read_token(const struct grant *g, const struct call *c, struct cred_tokens *ret,
		      struct err *err)
{
	const struct http_answer *a = &c->answer;
	json_t *o;
	int r = json_read(bytes_of(a->body.p, a->body.n), c->url, false, &o, err);

	if (r != 0)
		return r;
	r = oauth_installation_read(o, os_now(), a->has_date ? a->ahead : 0, ret, err);
	json_decref(o);
	if (r != 0)
		err_prefix(err, "%s", c->url);
	else
		ret->username = grant_username(g, "x-access-token");
	return r;
}

static int get_token(struct grant *g, const char *base, struct bytes jwt, int64_t id,
		     struct cred_tokens *ret, struct err *err)
{
	_cleanup_free_ char *url =
		xasprintf("%s/app/installations/%lld/access_tokens", base, (long long)id);
	struct secret body = SECRET_NONE;
	struct call c = { .method = "POST", .url = url, .bearer = jwt };
	int r = wanted(g, &body, err);

	c.body = bytes_of(body.p, body.n);
	c.answer.retry_ms = -1;
	if (r == 0)
		r = call(g, &c, err);
	if (r == 0 && c.answer.status != 201)
		r = refused(&c, err);
	if (r == 0)
		r = read_token(g, &c, ret, err);
	http_answer_free(&c.answer);
	secret_free(&body);
	return r;
}

int grant_github_app(struct grant *g, struct cred_tokens *ret, struct err *err)
{
	_cleanup_free_ char *base = api_base(g);
	struct secret jwt = SECRET_NONE;
	int64_t id = 0;
	int r = app_jwt(g, &jwt, err);

	if (r == 0)
		r = installation(g, base, bytes_of(jwt.p, jwt.n), &id, err);
	if (r == 0)
		r = get_token(g, base, bytes_of(jwt.p, jwt.n), id, ret, err);
	secret_free(&jwt);
	return r;
}

int grant_github_revoke(struct grant *g, const struct cred_tokens *t, bool *done, struct err *err)
{
	_cleanup_free_ char *base = api_base(g);
	_cleanup_free_ char *url = xasprintf("%s/installation/token", base);
	struct call c = { .method = "DELETE", .url = url };
	int r;

	if (t->access.p == NULL)
		return 0;
	c.bearer = bytes_of(t->access.p, t->access.n);
	r = call(g, &c, err);
	/* 401: it is dead already */
	if (r == 0 && c.answer.status != 204 && c.answer.status != 401)
		r = refused(&c, err);
	*done = r == 0;
	http_answer_free(&c.answer);
	return r;
}
