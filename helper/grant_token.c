/* Requests to the token endpoint: who asks, how often, and what is believed of the answer. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "helper/grant_internal.h"
#include "oauth/answer.h"
#include "oauth/json.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ASSERTION_BACK_S 5 /* iat, for a server whose clock is a little behind */
#define ASSERTION_S 60     /* until it expires */
#define SKEW_S 30          /* from here on a clock is told to be wrong */

/* --- who asks --------------------------------------------------------------------- */

int grant_key(struct grant *g, struct err *err)
{
	int64_t before = os_monotonic_ms();
	int r;

	if (g->key != NULL)
		return 0;
	r = key_open(g->p, g->ask->interactive, &g->key, err);
	if (r == 0)
		r = key_login(g->key, err);
	/* Who types a PIN takes time that is not the issuer's. */
	g->deadline += os_monotonic_ms() - before;
	return r;
}

/* RFC 7523 3, and RFC 10070: the issuer alone is the audience, and typ says what it is. */
static json_t *assertion_claims(const struct grant *g)
{
	const char *aud = g->p->assertion_for_endpoint ? g->meta.token : g->meta.issuer;
	int64_t now = os_now();
	uint8_t random[16];
	struct buf jti = BUF_INIT;
	json_t *claims;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return NULL;
	text_hex(&jti, bytes_of(random, sizeof(random)), false);
	claims = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "iss", g->p->client_id, "sub",
			   g->p->client_id, "aud", aud, "jti", buf_str(&jti), "iat",
			   (json_int_t)(now - ASSERTION_BACK_S), "exp",
			   (json_int_t)(now + ASSERTION_S));
	buf_free(&jti);
	return claims;
}

static int add_assertion(struct grant *g, struct secret *form, struct err *err)
{
	const struct jws_alg *alg;
	struct jws_signer signer = { key_sign, NULL };
	struct secret jwt = SECRET_NONE;
	json_t *claims;
	int r = grant_key(g, err);

	if (r != 0)
		return r;
	alg = jws_alg_for(key_facts(g->key)->alg.kind, g->meta.algs);
	if (alg == NULL)
		return err_set(err, ERR_KEY,
			       "%s takes no signature by a key of this kind (%s): see "
			       "token_endpoint_auth_signing_alg_values_supported in its metadata",
			       g->meta.issuer, alg_key_name(key_facts(g->key)->alg));
	claims = assertion_claims(g);
	if (claims == NULL)
		return err_set(err, ERR_INTERNAL, "no random numbers");
	signer.ctx = g->key;
	r = jws_make(&jwt, alg, g->p->assertion_for_endpoint ? "JWT" : "client-authentication+jwt",
		     g->p->key_id, claims, &signer, err);
	json_decref(claims);
	if (r == 0) {
		http_form_add(form, "client_assertion_type", ASSERTION_TYPE);
		http_form_add(form, "client_assertion", jwt.p);
	}
	secret_free(&jwt);
	return r;
}

static int add_client(struct grant *g, struct secret *form, struct err *err)
{
	http_form_add(form, "client_id", g->p->client_id);
	return g->p->auth == CRED_PRIVATE_KEY_JWT ? add_assertion(g, form, err) : 0;
}

void grant_add_target(const struct grant *g, struct secret *form)
{
	http_form_add(form, "scope", g->p->scope);
	http_form_add(form, "audience", g->p->audience);
	http_form_add(form, "resource", g->p->resource);
}

/* --- what comes back ---------------------------------------------------------------- */

const char *grant_skew_text(const struct http_answer *a, char *room, size_t n)
{
	int64_t off = a->ahead < 0 ? -a->ahead : a->ahead;

	if (!a->has_date || off < SKEW_S)
		return "";
	snprintf(room, n, "; this clock is %lld s %s the server's", (long long)off,
		 a->ahead < 0 ? "behind" : "ahead of");
	return room;
}

/* RFC 6749 5.2: an error has its word, and may have more words; both are the server's. */
static int refused(const json_t *o, const struct http_answer *a, const char *where,
		   struct grant_refusal *why, struct err *err)
{
	_cleanup_free_ char *code = NULL, *more = NULL;
	const char *word = NULL, *text = NULL;
	char skew[80];

	if (json_text(o, "error", 60, &word, NULL) != 0 || word == NULL)
		word = "error";
	if (json_text(o, "error_description", 4000, &text, NULL) != 0)
		text = NULL;
	code = text_escaped(bytes_str(word));
	more = text_escaped(
		bytes_of(text != NULL ? text : "", text != NULL ? strnlen(text, 300) : 0));
	snprintf(why->code, sizeof(why->code), "%s", word);
	return err_set(err, ERR_BAD, "%s says no: %s%s%s%s", where, code,
		       more[0] != '\0' ? ": " : "", more, grant_skew_text(a, skew, sizeof(skew)));
}

static bool is_good(const struct http_answer *a)
{
	return a->status >= 200 && a->status < 300;
}

static int judge(const struct http_answer *a, const char *where, json_t **ret,
		 struct grant_refusal *why, struct err *err)
{
	bool good = is_good(a);
	json_t *o = NULL;
	char skew[80];
	int r = 0;

	if (a->status >= 500 || a->status == 429)
		return err_set(err, ERR_IO, "%s: HTTP %d. Try again later", where, a->status);
	if (a->json)
		r = json_read(bytes_of(a->body.p, a->body.n), where, false, &o, err);
	else if (good)
		r = err_set(err, ERR_INPUT, "%s: the answer is no JSON by its Content-Type", where);
	if (r == 0 && o != NULL && json_object_get(o, "error") != NULL)
		r = refused(o, a, where, why, err);
	else if (!good && (r == 0 || o == NULL))
		r = err_set(err, ERR_BAD, "%s says no: HTTP %d%s", where, a->status,
			    grant_skew_text(a, skew, sizeof(skew)));
	if (r != 0)
		json_decref(o);
	else
		*ret = o;
	return r;
}

static int post_once(struct grant *g, const char *url, const struct secret *form,
		     struct http_answer *a, struct err *err)
{
	struct secret body = SECRET_NONE;
	struct http_request rq = {
		.method = "POST",
		.url = url,
		.content_type = HTTP_FORM,
		.deadline_ms = g->deadline,
	};
	int r;

	if (form->n > 0)
		secret_add(&body, form->p, form->n);
	r = add_client(g, &body, err);
	rq.body = bytes_of(body.p, body.n);
	if (r == 0)
		r = http_do(g->http, &rq, a, err);
	secret_free(&body);
	return r;
}

/* An assertion serves once: the second request makes its own. */
static int post(struct grant *g, const char *url, const struct secret *form, struct http_answer *a,
		struct err *err)
{
	int r = post_once(g, url, form, a, err);

	if (r != 0 || !http_wait_retry(a, g->deadline))
		return r;
	http_answer_free(a);
	return post_once(g, url, form, a, err);
}

int grant_post(struct grant *g, const char *url, const struct secret *form, json_t **ret,
	       struct grant_refusal *why, struct err *err)
{
	_cleanup_free_ char *where = text_escaped(bytes_of(url, strcspn(url, "?")));
	struct http_answer a = { .retry_ms = -1 };
	int r = post(g, url, form, &a, err);

	why->code[0] = '\0';
	if (r == 0)
		r = judge(&a, where, ret, why, err);
	http_answer_free(&a);
	return r;
}

int grant_tell(struct grant *g, const char *url, const struct secret *form, struct err *err)
{
	_cleanup_free_ char *where = text_escaped(bytes_of(url, strcspn(url, "?")));
	struct http_answer a = { .retry_ms = -1 };
	struct grant_refusal why = { "" };
	json_t *o = NULL;
	int r = post(g, url, form, &a, err);

	if (r == 0 && (!is_good(&a) || a.json)) {
		struct err e = ERR_INIT;

		r = judge(&a, where, &o, &why, &e);
		if (r == ERR_INPUT && is_good(&a))
			r = 0;
		if (r != 0)
			(void)err_set(err, e.code, "%s", e.text);
	}
	json_decref(o);
	http_answer_free(&a);
	return r;
}

/* --- tokens -------------------------------------------------------------------------- */

char *grant_username(const struct grant *g, const char *usual)
{
	const char *hint = g->ask->username;

	if (g->p->username != NULL)
		return xstrdup(g->p->username);
	return xstrdup(hint != NULL && hint[0] != '\0' ? hint : usual);
}

int grant_token(struct grant *g, const struct secret *form, struct cred_tokens *ret,
		struct grant_refusal *why, struct err *err)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	json_t *o = NULL;
	int r = grant_post(g, g->meta.token, form, &o, why, err);

	if (r != 0)
		return r;
	r = oauth_answer_read(o, os_now(), &t, err);
	json_decref(o);
	if (r != 0) {
		err_prefix(err, "%s", g->meta.token);
		return r;
	}
	t.username = grant_username(g, g->p->provider == CRED_GITHUB ? "x-access-token" : "oauth2");
	*ret = t;
	return 0;
}

int grant_refresh(struct grant *g, struct cred_tokens *ret, struct grant_refusal *why,
		  struct err *err)
{
	const struct secret *old = g->ask->refresh;
	struct secret form = SECRET_NONE;
	int r;

	http_form_add(&form, "grant_type", "refresh_token");
	http_form_add(&form, "refresh_token", old->p);
	http_form_add(&form, "resource", g->p->resource);
	r = grant_token(g, &form, ret, why, err);
	secret_free(&form);
	/* RFC 6749 6: none in the answer means that the old one stays good. */
	if (r == 0 && ret->refresh.p == NULL)
		secret_add(&ret->refresh, old->p, old->n);
	return r;
}
