/*
 * Authorization code with PKCE (RFC 6749 4.1, RFC 7636) for a native program (RFC 8252):
 * the browser comes back to a port of the loopback interface, or the person copies the
 * address it ended at, as over SSH.
 */
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "helper/grant_internal.h"
#include "oauth/loopback.h"
#include "helper/people.h"

#define CODE_MAX 4096

static int random_text(struct secret *out, struct err *err)
{
	uint8_t v[32];

	if (RAND_bytes(v, sizeof(v)) != 1)
		return err_set(err, ERR_INTERNAL, "no random numbers");
	jws_base64url(out, bytes_of(v, sizeof(v)));
	mem_wipe(v, sizeof(v));
	return 0;
}

static void challenge(const struct secret *verifier, struct secret *out)
{
	uint8_t digest[32];

	SHA256((const uint8_t *)verifier->p, verifier->n, digest);
	jws_base64url(out, bytes_of(digest, sizeof(digest)));
}

/* OpenID Connect Core 11: a refresh token for later is given only after this question. */
static bool offline(const char *scope)
{
	const char *p = scope != NULL ? strstr(scope, "offline_access") : NULL;

	return p != NULL && (p == scope || p[-1] == ' ') && (p[14] == ' ' || p[14] == '\0');
}

static void make_url(struct grant *g, const struct secret *state, const struct secret *verifier,
		     const char *redirect, struct buf *url)
{
	struct secret hash = SECRET_NONE;

	challenge(verifier, &hash);
	buf_add_str(url, g->meta.authorization);
	http_query_add(url, "response_type", "code");
	http_query_add(url, "client_id", g->p->client_id);
	http_query_add(url, "redirect_uri", redirect);
	http_query_add(url, "scope", g->p->scope);
	http_query_add(url, "audience", g->p->audience);
	http_query_add(url, "resource", g->p->resource);
	http_query_add(url, "state", state->p);
	http_query_add(url, "code_challenge", hash.p);
	http_query_add(url, "code_challenge_method", "S256");
	http_query_add(url, "login_hint", g->ask->username);
	if (offline(g->p->scope))
		http_query_add(url, "prompt", "consent");
	secret_free(&hash);
}

/* RFC 9207 2.4 */
static int right_issuer(const struct grant *g, const struct loopback_answer *a, struct err *err)
{
	if (a->iss == NULL && !g->meta.sends_iss)
		return 0;
	if (a->iss != NULL && strcmp(a->iss, g->meta.issuer) == 0)
		return 0;
	return err_set(err, ERR_BAD,
		       "the answer came %s: an attack, or an issuer that is not what hsmIssuer "
		       "says",
		       a->iss == NULL ? "without its issuer" : "from another issuer");
}

static int judge(const struct grant *g, const struct loopback_answer *a, struct err *err)
{
	_cleanup_free_ char *word = NULL, *more = NULL;
	int r = right_issuer(g, a, err);

	if (r != 0)
		return r;
	if (a->error != NULL) {
		word = text_escaped(bytes_of(a->error, strnlen(a->error, 60)));
		more = text_escaped(
			bytes_of(a->description != NULL ? a->description : "",
				 a->description != NULL ? strnlen(a->description, 300) : 0));
		return err_set(err, ERR_BAD, "%s says no: %s%s%s", g->meta.issuer, word,
			       more[0] != '\0' ? ": " : "", more);
	}
	if (a->code == NULL || strlen(a->code) > CODE_MAX)
		return err_set(err, ERR_INPUT, "the answer has no code");
	return 0;
}

static void tell(const struct grant *g, const char *url, bool browser, bool terminal)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "git-credential-hsm: access to %s wants your yes at %s\n", g->p->url,
		 g->meta.issuer);
	buf_addf(&b, browser ? "  a browser should open; if not, open\n  %s\n" : "  open  %s\n",
		 url);
	if (terminal)
		buf_add_str(&b,
			    "  in a browser on another machine: it ends at an address that cannot "
			    "be\n  opened; paste that address here\n");
	people_say(buf_str(&b));
	buf_free(&b);
}

static int redeem(struct grant *g, const char *code, const struct secret *verifier,
		  const char *redirect, struct cred_tokens *ret, struct err *err)
{
	struct secret form = SECRET_NONE;
	struct grant_refusal why;
	int r;

	http_form_add(&form, "grant_type", "authorization_code");
	http_form_add(&form, "code", code);
	http_form_add(&form, "redirect_uri", redirect);
	http_form_add(&form, "code_verifier", verifier->p);
	http_form_add(&form, "resource", g->p->resource);
	r = grant_token(g, &form, ret, &why, err);
	secret_free(&form);
	return r;
}

static int ask_person(struct grant *g, struct loopback *l, struct cred_tokens *ret, struct err *err)
{
	struct secret state = SECRET_NONE, verifier = SECRET_NONE;
	struct loopback_answer a = { .code = NULL };
	struct buf url = BUF_INIT;
	int tty = people_input();
	int r = random_text(&state, err);

	if (r == 0)
		r = random_text(&verifier, err);
	if (r == 0) {
		make_url(g, &state, &verifier, loopback_uri(l), &url);
		tell(g, buf_str(&url), people_browse(buf_str(&url)), tty >= 0);
		r = loopback_wait(l, state.p, tty, g->deadline, &a, err);
	}
	if (r == 0)
		r = judge(g, &a, err);
	if (r == 0)
		r = redeem(g, a.code, &verifier, loopback_uri(l), ret, err);
	loopback_answer_free(&a);
	loopback_close_tty(tty);
	secret_free(&state);
	secret_free(&verifier);
	buf_free(&url);
	return r;
}

int grant_code(struct grant *g, struct cred_tokens *ret, struct err *err)
{
	const char *redirect =
		g->p->redirect != NULL ? g->p->redirect : "http://127.0.0.1/callback";
	struct loopback *l = NULL;
	int r;

	if (g->meta.authorization == NULL)
		return err_set(err, ERR_CONFIG,
			       "%s has no authorization endpoint: set hsmGrant to device_code",
			       g->meta.issuer);
	r = loopback_open(redirect, &l, err);
	if (r != 0)
		return r;
	r = ask_person(g, l, ret, err);
	loopback_free(l);
	return r;
}
