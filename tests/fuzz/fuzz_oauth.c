/*
 * What servers and browsers send to the credential helper: token answers, metadata, headers,
 * the query that comes back to the loopback port. The first byte says which. What is taken
 * can be given to git, sent secrets to, or shown.
 */
#include <stdlib.h>
#include <string.h>

#include "cred/url.h"
#include "oauth/answer.h"
#include "oauth/http.h"
#include "oauth/json.h"
#include "oauth/loopback.h"
#include "oauth/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void try_answer(struct bytes v)
{
	struct cred_tokens t = CRED_TOKENS_NONE, again = CRED_TOKENS_NONE;
	struct secret text = SECRET_NONE;
	struct err err = ERR_INIT;
	json_t *o = NULL;
	int r = json_read(v, "x", false, &o, &err);

	if (r == 0)
		r = oauth_answer_read(o, 1700000000, &t, &err);
	must(r == 0 || r == ERR_INPUT);
	if (r == 0) {
		must(oauth_token_ok(t.access.p) && t.bearer);
		must(t.refresh.p == NULL || oauth_token_ok(t.refresh.p));
		must(t.expires == 0 || t.expires >= t.issued);
		/* What is taken can be kept, and comes back the same. */
		t.username = xstrdup("u");
		must(cred_tokens_format(&text, &t, &err) == 0);
		must(cred_tokens_parse(bytes_of(text.p, text.n), &again, &err) == 0);
		must(strcmp(again.access.p, t.access.p) == 0 && again.expires == t.expires);
	}
	json_decref(o);
	secret_free(&text);
	cred_tokens_free(&t);
	cred_tokens_free(&again);
}

static void try_meta(struct bytes v)
{
	struct oauth_meta m;
	struct err err = ERR_INIT;

	if (oauth_meta_parse(v, "https://as.example", v.n % 2 == 1, &m, &err) != 0)
		return;
	must(strcmp(m.issuer, "https://as.example") == 0 && cred_endpoint_ok(m.token));
	must(m.authorization == NULL || cred_endpoint_ok(m.authorization));
	must(m.device == NULL || cred_endpoint_ok(m.device));
	must(m.revocation == NULL || cred_endpoint_ok(m.revocation));
	oauth_meta_free(&m);
}

static void try_headers(struct bytes v)
{
	struct http_answer a = { .retry_ms = -1 };

	while (v.n > 0) {
		const uint8_t *end = memchr(v.p, '\n', v.n);
		size_t n = end != NULL ? (size_t)(end - v.p) + 1 : v.n;

		http_header_line(&a, bytes_of(v.p, n), 1700000000);
		must(a.retry_ms >= -1 && a.retry_ms <= 86400000);
		v = bytes_skip(v, n);
	}
}

static void try_query(struct bytes v)
{
	struct loopback_answer a;
	const char *all[5];

	if (!loopback_parse(v, &a))
		return;
	all[0] = a.code;
	all[1] = a.state;
	all[2] = a.iss;
	all[3] = a.error;
	all[4] = a.description;
	for (size_t i = 0; i < 5; i++)
		for (const char *p = all[i]; p != NULL && *p != '\0'; p++)
			must((unsigned char)*p >= 0x20 && *p != 0x7f);
	loopback_answer_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const all[])(struct bytes) = { try_answer, try_meta, try_headers, try_query };

	if (size > 0)
		all[data[0] % 4](bytes_of(data + 1, size - 1));
	return 0;
}
