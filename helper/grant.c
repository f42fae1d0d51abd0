#include "helper/grant.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "helper/grant_internal.h"

static bool wants_person(const struct cred_profile *p)
{
	return p->grant == CRED_DEVICE_CODE || p->grant == CRED_AUTHORIZATION_CODE;
}

static void end(struct grant *g)
{
	http_free(g->http);
	mtls_free(g->mtls);
	key_close(g->key);
	oauth_meta_free(&g->meta);
}

static int begin(struct grant *g, const struct cred_profile *p, const struct grant_ask *ask,
		 struct err *err)
{
	int64_t now = os_monotonic_ms();
	bool mtls = p->auth == CRED_TLS_CLIENT_AUTH;
	struct http_tls tls = { mtls_use, NULL };
	int r = 0;

	*g = (struct grant){ .p = p, .ask = ask, .deadline = ask->deadline_ms };
	if (g->deadline == 0)
		g->deadline = now + (wants_person(p) && ask->interactive ? GRANT_PERSON_MS
									 : GRANT_DEADLINE_MS);
	if (mtls)
		r = mtls_new(p, ask->interactive, g->deadline, &g->mtls, err);
	g->deadline += os_monotonic_ms() - now;
	tls.ctx = g->mtls;
	if (r == 0)
		r = http_new(ask->conf, mtls ? &tls : NULL, &g->http, err);
	if (r == 0 && p->grant != CRED_GITHUB_APP)
		r = oauth_meta_get(g->http, p->provider, p->issuer, mtls, g->deadline, &g->meta,
				   err);
	if (r != 0)
		end(g);
	return r;
}

static int client_credentials(struct grant *g, struct cred_tokens *ret, struct err *err)
{
	struct secret form = SECRET_NONE;
	struct grant_refusal why;
	int r;

	http_form_add(&form, "grant_type", "client_credentials");
	grant_add_target(g, &form);
	r = grant_token(g, &form, ret, &why, err);
	secret_free(&form);
	return r;
}

static int needs_login(const struct grant *g, bool login_over, struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "%s %s, and nobody may be asked here: type  git-credential-hsm login %s",
		       g->p->issuer,
		       login_over ? "takes the refresh token of the last login no more"
				  : "wants a person to say yes",
		       g->p->url);
}

/* `login_over`: there was a refresh token, and it was refused. */
static int run(struct grant *g, bool login_over, struct cred_tokens *ret, struct err *err)
{
	bool ask = g->ask->interactive && !g->ask->no_login;

	switch (g->p->grant) {
	case CRED_CLIENT_CREDENTIALS:
		return client_credentials(g, ret, err);
	case CRED_DEVICE_CODE:
		return ask ? grant_device(g, ret, err) : needs_login(g, login_over, err);
	case CRED_AUTHORIZATION_CODE:
		return ask ? grant_code(g, ret, err) : needs_login(g, login_over, err);
	case CRED_TOKEN_EXCHANGE:
		return grant_exchange(g, ret, err);
	case CRED_GITHUB_APP:
		return grant_github_app(g, ret, err);
	default:
		return err_set(err, ERR_INTERNAL, "a profile without a grant");
	}
}

static int refresh(struct grant *g, struct cred_tokens *ret, struct grant_refusal *why,
		   struct err *err)
{
	int r = g->p->auth == CRED_PRIVATE_KEY_JWT ? grant_key(g, err) : 0;

	if (r != 0)
		return r;
	if (g->ask->before_refresh != NULL)
		g->ask->before_refresh();
	return grant_refresh(g, ret, why, err);
}

int grant_run(const struct cred_profile *p, const struct grant_ask *ask, struct cred_tokens *ret,
	      struct err *err)
{
	struct grant_refusal why = { "" };
	struct err first = ERR_INIT;
	bool login_over = false;
	struct grant g;
	int r = begin(&g, p, ask, err);

	if (r != 0)
		return r;
	if (ask->refresh != NULL && ask->refresh->p != NULL && p->grant != CRED_GITHUB_APP) {
		r = refresh(&g, ret, &why, &first);
		/* Only this word says that it is the refresh token that is no good. */
		if (r == 0 || strcmp(why.code, "invalid_grant") != 0) {
			if (r != 0)
				(void)err_set(err, first.code, "%s", first.text);
			end(&g);
			return r;
		}
		login_over = true;
		if (ask->refresh_refused != NULL)
			*ask->refresh_refused = true;
	}
	r = run(&g, login_over, ret, err);
	end(&g);
	return r;
}

/* --- revocation ----------------------------------------------------------------------- */

/* RFC 7009 2.2: 200, and nobody promises a body or its type. */
static int revoke_one(struct grant *g, const struct secret *token, const char *hint,
		      struct err *err)
{
	struct secret form = SECRET_NONE;
	int r;

	if (token->p == NULL)
		return 0;
	http_form_add(&form, "token", token->p);
	http_form_add(&form, "token_type_hint", hint);
	r = grant_tell(g, g->meta.revocation, &form, err);
	secret_free(&form);
	return r;
}

int grant_revoke(const struct cred_profile *p, const struct grant_ask *ask,
		 const struct cred_tokens *t, bool *done, struct err *err)
{
	struct grant g;
	int r = begin(&g, p, ask, err);

	*done = false;
	if (r != 0)
		return r;
	if (p->grant == CRED_GITHUB_APP) {
		r = grant_github_revoke(&g, t, done, err);
	} else if (g.meta.revocation != NULL) {
		r = revoke_one(&g, &t->refresh, "refresh_token", err);
		if (r == 0)
			r = revoke_one(&g, &t->access, "access_token", err);
		*done = r == 0;
	}
	end(&g);
	return r;
}
