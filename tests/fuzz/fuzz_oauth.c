/*
 * What servers and browsers send to the credential helper; the first byte chooses. '0': an
 * answer with a token, a device's code, or anything else that is JSON; '1': metadata, behind
 * a line with the issuer; '2': headers; '3': the query that comes back to the loopback port;
 * '4': the request that it comes in. What is taken can be given to git, sent secrets to, or
 * shown.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cred/url.h"
#include "oauth/answer.h"
#include "oauth/http.h"
#include "oauth/json.h"
#include "oauth/loopback.h"
#include "oauth/meta.h"

#define NOW 1700000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_text(const char *s)
{
	for (; s != NULL && *s != '\0'; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

/* --- JSON ---------------------------------------------------------------------------- */

/* What is taken can be kept, and comes back the same. */
static void check_kept(struct cred_tokens *t)
{
	struct cred_tokens again = CRED_TOKENS_NONE;
	struct secret text = SECRET_NONE;
	struct err err = ERR_INIT;

	must(oauth_token_ok(t->access.p) && t->issued == NOW);
	must(t->refresh.p == NULL || oauth_token_ok(t->refresh.p));
	t->username = xstrdup("u");
	must(cred_tokens_format(&text, t, &err) == 0);
	must(cred_tokens_parse(bytes_of(text.p, text.n), &again, &err) == 0);
	must(strcmp(again.access.p, t->access.p) == 0 && again.expires == t->expires);
	must(again.refresh_expires == t->refresh_expires && again.bearer == t->bearer);
	secret_free(&text);
	cred_tokens_free(&again);
}

static void try_tokens(const json_t *o)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct err err = ERR_INIT;
	int r = oauth_answer_read(o, NOW, &t, &err);

	must(r == 0 || (r == ERR_INPUT && t.access.p == NULL));
	if (r == 0) {
		must(t.bearer && (t.expires == 0 || t.expires >= NOW));
		check_kept(&t);
		cred_tokens_free(&t);
	}
	r = oauth_installation_read(o, NOW, -7, &t, &err);
	must(r == 0 || (r == ERR_INPUT && t.access.p == NULL));
	if (r == 0) {
		must(!t.bearer && t.expires > 0 && t.refresh.p == NULL);
		check_kept(&t);
		cred_tokens_free(&t);
	}
}

static void try_device(const json_t *o)
{
	struct oauth_device d;
	struct err err = ERR_INIT;
	int r = oauth_device_read(o, &d, &err);

	must(r == 0 || r == ERR_INPUT);
	if (r != 0)
		return;
	must(d.code[0] != '\0' && d.user_code[0] != '\0' && cred_endpoint_ok(d.uri));
	must(d.uri_complete == NULL || cred_endpoint_ok(d.uri_complete));
	must(d.lives_s >= 0 && d.lives_s <= 86400);
	must(d.interval_s >= 1 && d.interval_s <= OAUTH_INTERVAL_MAX_S);
}

/* Each member is bounded, whole, and of one type. */
static void check_members(json_t *o)
{
	const char *key, *s;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		struct err err = ERR_INIT;
		int64_t n = -1;
		bool found;
		int r = json_text(o, key, 40, &s, &err);

		must(r == 0 || r == ERR_INPUT);
		must(s == NULL || (r == 0 && json_is_string(v) && strlen(s) <= 40));
		must(s == NULL || strlen(s) == json_string_length(v));
		must((json_need(o, key, 40, &s, &err) == 0) == (s != NULL && s[0] != '\0'));
		r = json_number(o, key, &n, &found, &err);
		must(r == 0 || r == ERR_INPUT);
		must(found == !json_is_null(v));
		must(r != 0 || !found || (n >= 0 && n <= INT64_MAX / 4));
	}
}

/* What is written is one line of ASCII, and means the same. */
static void check_written(const json_t *v)
{
	struct secret text = SECRET_NONE;
	struct err err = ERR_INIT;
	json_t *again = NULL;

	json_write(&text, v);
	for (size_t i = 0; i < text.n; i++)
		must((unsigned char)text.p[i] >= 0x20 && (unsigned char)text.p[i] <= 0x7f);
	must(json_read(bytes_of(text.p, text.n), "x", json_is_array(v), &again, &err) == 0);
	must(json_equal(v, again));
	json_decref(again);
	secret_free(&text);
}

static void try_json(struct bytes text)
{
	json_t *o = NULL, *list = NULL;
	struct err err = ERR_INIT;
	int r = json_read(text, "x", false, &o, &err);

	must(r == 0 || r == ERR_INPUT);
	check_text(err.text);
	if (r != 0) {
		r = json_read(text, "x", true, &list, &err);
		must(r == 0 || r == ERR_INPUT);
		check_text(err.text);
	}
	if (list != NULL)
		check_written(list);
	if (o != NULL) {
		check_written(o);
		check_members(o);
		try_tokens(o);
		try_device(o);
	}
	json_decref(o);
	json_decref(list);
}

/* --- metadata ------------------------------------------------------------------------ */

/* It stays with who was asked. */
static void check_address(char *url, const char *issuer)
{
	char *ours = cred_endpoint_origin(url), *theirs = cred_endpoint_origin(issuer);

	must(strcmp(ours, theirs) == 0);
	free(ours);
	free(theirs);
	free(url);
}

/* Its endpoints can be trusted with secrets, and it says itself whose they are. */
static void check_meta(const struct oauth_meta *m, struct bytes text, const char *issuer)
{
	struct err err = ERR_INIT;
	const char *says;
	json_t *o;

	must(json_read(text, "x", false, &o, &err) == 0);
	must(json_need(o, "issuer", 2048, &says, &err) == 0 && strcmp(says, issuer) == 0);
	json_decref(o);
	must(strcmp(m->issuer, issuer) == 0 && m->discovered && cred_endpoint_ok(m->token));
	must(m->authorization == NULL || cred_endpoint_ok(m->authorization));
	must(m->device == NULL || cred_endpoint_ok(m->device));
	must(m->revocation == NULL || cred_endpoint_ok(m->revocation));
	must(m->algs == NULL || json_is_array(m->algs));
}

static void try_meta(struct bytes v)
{
	const uint8_t *end = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;
	char *issuer;

	if (end == NULL)
		return;
	issuer = xstrndup((const char *)v.p, (size_t)(end - v.p));
	v = bytes_skip(v, (size_t)(end - v.p) + 1);
	/* as a profile has it */
	if (cred_endpoint_ok(issuer) && strchr(issuer, '?') == NULL) {
		if (strlen(issuer) < 1900) {
			check_address(oauth_meta_oidc_url(issuer), issuer);
			check_address(oauth_meta_rfc8414_url(issuer), issuer);
		}
		for (int mtls = 0; mtls < 2; mtls++) {
			struct oauth_meta m;
			struct err err = ERR_INIT;
			int r = oauth_meta_parse(v, issuer, mtls, &m, &err);

			must(r == 0 || r == ERR_INPUT);
			check_text(err.text);
			if (r == 0) {
				check_meta(&m, v, issuer);
				oauth_meta_free(&m);
			}
		}
	}
	free(issuer);
}

/* --- HTTP ------------------------------------------------------------------------------ */

static void try_headers(struct bytes v)
{
	struct http_answer a = { .retry_ms = -1 };

	while (v.n > 0) {
		const uint8_t *end = memchr(v.p, '\n', v.n);
		size_t n = end != NULL ? (size_t)(end - v.p) + 1 : v.n;

		http_header_line(&a, bytes_of(v.p, n), NOW);
		must(a.retry_ms >= -1 && a.retry_ms <= 86400000);
		must(a.has_date ? a.ahead < NOW : a.ahead == 0);
		v = bytes_skip(v, n);
	}
}

static void try_query(struct bytes v)
{
	struct loopback_answer a;

	if (!loopback_parse(v, &a))
		return;
	check_text(a.code);
	check_text(a.state);
	check_text(a.iss);
	check_text(a.error);
	check_text(a.description);
	loopback_answer_free(&a);
}

/* The query is all of the first line behind the path, and nothing else. */
static void try_request(struct bytes v)
{
	struct buf b = BUF_INIT;
	struct bytes q;

	buf_add_bytes(&b, v);
	if (loopback_query(&b, "/cb", &q)) {
		must(q.p == b.p + strlen("GET /cb?") && q.n <= b.n - strlen("GET /cb?"));
		must(memchr(q.p, '\n', q.n) == NULL && memchr(q.p, '\r', q.n) == NULL);
		must(memchr(q.p, '\0', q.n) == NULL);
		try_query(q);
	}
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const all[])(struct bytes) = { try_json, try_meta, try_headers, try_query,
						     try_request };

	if (size > 0 && data[0] >= '0' && data[0] <= '4')
		all[data[0] - '0'](bytes_of(data + 1, size - 1));
	return 0;
}
