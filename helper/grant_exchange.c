/* Token exchange (RFC 8693): what a build server says a job is, for an access token. */
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "cred/url.h"
#include "helper/grant_internal.h"
#include "oauth/answer.h"
#include "oauth/json.h"

#define SUBJECT_MAX 16384
#define URN "urn:ietf:params:oauth:"

/* One token, perhaps with a newline behind it. */
static int take(const char *text, size_t n, const char *from, struct secret *ret, struct err *err)
{
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	secret_add(ret, text, n);
	if (n <= SUBJECT_MAX && strlen(ret->p) == n && oauth_token_ok(ret->p))
		return 0;
	secret_free(ret);
	return err_set(err, ERR_CONFIG, "hsmSubjectToken: %s holds no token", from);
}

/* Whoever keeps it there sees to who may read it: kubelet's files are everybody's. */
static int from_file(const char *path, struct secret *ret, struct err *err)
{
	struct buf b = BUF_INIT;
	int r;

	/* Once, so that no copy stays behind when it grows. */
	buf_reserve(&b, (size_t)4 * SUBJECT_MAX);
	r = os_file_read(path, OS_FILE_ANY, SUBJECT_MAX, &b, err);
	if (r != 0)
		err_prefix(err, "hsmSubjectToken");
	else
		r = take(buf_str(&b), b.n, "the file", ret, err);
	if (b.p != NULL)
		mem_wipe(b.p, b.cap);
	buf_free(&b);
	return r;
}

static int from_env(const char *name, struct secret *ret, struct err *err)
{
	const char *v = getenv(name);

	if (v == NULL)
		return err_set(
			err, ERR_CONFIG,
			"hsmSubjectToken: %s is not in the environment (GitLab CI: id_tokens "
			"of the job)",
			name);
	return take(v, strlen(v), name, ret, err);
}

static int read_value(const struct http_answer *a, struct secret *ret, struct err *err)
{
	const char *v;
	json_t *o;
	int r;

	if (a->status != 200)
		return err_set(err, a->status >= 500 ? ERR_IO : ERR_BAD,
			       "ACTIONS_ID_TOKEN_REQUEST_URL: HTTP %d", a->status);
	r = json_read(bytes_of(a->body.p, a->body.n), "ACTIONS_ID_TOKEN_REQUEST_URL", false, &o,
		      err);
	if (r != 0)
		return r;
	r = json_need(o, "value", SUBJECT_MAX, &v, err);
	if (r == 0)
		r = take(v, strlen(v), "the answer", ret, err);
	json_decref(o);
	return r;
}

/* docs.github.com, "OpenID Connect reference": a URL with a query, and a secret for it. */
static int from_actions(struct grant *g, struct secret *ret, struct err *err)
{
	const char *url = getenv("ACTIONS_ID_TOKEN_REQUEST_URL");
	const char *secret = getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
	struct buf whole = BUF_INIT;
	struct http_answer a = { .retry_ms = -1 };
	struct http_request rq = { .method = "GET", .deadline_ms = g->deadline };
	int r;

	if (url == NULL || secret == NULL || !cred_endpoint_ok(url) || !oauth_token_ok(secret))
		return err_set(err, ERR_CONFIG,
			       "hsmSubjectToken: this is no job of GitHub Actions that may ask for "
			       "its identity (permissions: id-token: write)");
	buf_add_str(&whole, url);
	http_query_add(&whole, "audience", g->meta.issuer);
	rq.url = buf_str(&whole);
	rq.bearer = bytes_str(secret);
	r = http_do(g->http, &rq, &a, err);
	if (r == 0 && http_wait_retry(&a, g->deadline)) {
		http_answer_free(&a);
		r = http_do(g->http, &rq, &a, err);
	}
	if (r == 0)
		r = read_value(&a, ret, err);
	http_answer_free(&a);
	buf_free(&whole);
	return r;
}

static int subject(struct grant *g, struct secret *ret, struct err *err)
{
	const char *from = g->p->subject_token;

	if (strncmp(from, "file:", 5) == 0)
		return from_file(from + 5, ret, err);
	if (strncmp(from, "env:", 4) == 0)
		return from_env(from + 4, ret, err);
	return from_actions(g, ret, err);
}

int grant_exchange(struct grant *g, struct cred_tokens *ret, struct err *err)
{
	struct secret token = SECRET_NONE, form = SECRET_NONE;
	struct grant_refusal why;
	int r = subject(g, &token, err);

	if (r != 0)
		return r;
	http_form_add(&form, "grant_type", URN "grant-type:token-exchange");
	http_form_add(&form, "subject_token_type", URN "token-type:jwt");
	http_form_add(&form, "subject_token", token.p);
	http_form_add(&form, "requested_token_type", URN "token-type:access_token");
	grant_add_target(g, &form);
	r = grant_token(g, &form, ret, &why, err);
	secret_free(&token);
	secret_free(&form);
	return r;
}
