#include "oauth/answer.h"

#include <strings.h>

#include "base/text.h"
#include "cred/url.h"
#include "oauth/json.h"

#define SCOPE_MAX 4000
#define CODE_MAX 4096
#define USER_CODE_MAX 64
#define URI_MAX 2048
#define DAY_S 86400 /* no deadline here is as long */

bool oauth_token_ok(const char *v)
{
	if (v == NULL || v[0] == '\0')
		return false;
	for (; *v != '\0'; v++)
		if (*v < 0x21 || *v > 0x7e)
			return false;
	return true;
}

static int lifetime(const json_t *o, const char *key, int64_t now, int64_t *ret, struct err *err)
{
	int64_t seconds = 0;
	bool found;
	int r = json_number(o, key, &seconds, &found, err);

	if (r == 0 && found)
		*ret = now + seconds;
	return r;
}

static int lifetimes(const json_t *o, int64_t now, struct cred_tokens *t, struct err *err)
{
	int r = lifetime(o, "expires_in", now, &t->expires, err);

	if (r == 0)
		r = lifetime(o, "refresh_expires_in", now, &t->refresh_expires, err);
	if (r == 0)
		r = lifetime(o, "refresh_token_expires_in", now, &t->refresh_expires, err);
	/* Keycloak says 0 of an offline token, which has no end. */
	if (t->refresh_expires == now)
		t->refresh_expires = 0;
	return r;
}

static int type_of(const json_t *o, struct err *err)
{
	const char *type;
	int r = json_need(o, "token_type", 40, &type, err);

	if (r == 0 && strcasecmp(type, "bearer") != 0)
		return err_set(err, ERR_INPUT,
			       "token_type is none that git can use: Bearer wanted");
	return r;
}

static int read_texts(const json_t *o, struct cred_tokens *t, struct err *err)
{
	const char *access, *refresh, *scope;
	int r;

	if ((r = json_need(o, "access_token", CRED_TOKEN_MAX, &access, err)) != 0 ||
	    (r = json_text(o, "refresh_token", CRED_TOKEN_MAX, &refresh, err)) != 0 ||
	    (r = json_text(o, "scope", SCOPE_MAX, &scope, err)) != 0)
		return r;
	if (!oauth_token_ok(access) || (refresh != NULL && !oauth_token_ok(refresh)))
		return err_set(err, ERR_INPUT, "a token with bytes that no token has");
	secret_add_str(&t->access, access);
	if (refresh != NULL)
		secret_add_str(&t->refresh, refresh);
	if (scope != NULL && scope[0] != '\0')
		t->scope = text_escaped(bytes_str(scope));
	return 0;
}

int oauth_answer_read(const json_t *o, int64_t now, struct cred_tokens *ret, struct err *err)
{
	struct cred_tokens t = { .issued = now, .bearer = true };
	int r = type_of(o, err);

	if (r == 0)
		r = lifetimes(o, now, &t, err);
	if (r == 0)
		r = read_texts(o, &t, err);
	if (r != 0) {
		cred_tokens_free(&t);
		return r;
	}
	*ret = t;
	return 0;
}

/* --- device authorization ------------------------------------------------------------ */

static int device_texts(const json_t *o, struct oauth_device *d, struct err *err)
{
	int r;

	if ((r = json_need(o, "device_code", CODE_MAX, &d->code, err)) != 0 ||
	    (r = json_need(o, "user_code", USER_CODE_MAX, &d->user_code, err)) != 0 ||
	    (r = json_text(o, "verification_uri", URI_MAX, &d->uri, err)) != 0 ||
	    (r = json_text(o, "verification_uri_complete", URI_MAX, &d->uri_complete, err)) != 0)
		return r;
	/* What a person is sent to is checked as strictly as what gets a secret. */
	if (d->uri == NULL || !cred_endpoint_ok(d->uri) ||
	    (d->uri_complete != NULL && !cred_endpoint_ok(d->uri_complete)))
		return err_set(err, ERR_INPUT, "verification_uri is no https:// URL");
	return 0;
}

static int device_times(const json_t *o, struct oauth_device *d, struct err *err)
{
	bool found;
	int r = json_number(o, "expires_in", &d->lives_s, &found, err);

	if (r == 0 && !found)
		r = err_set(err, ERR_INPUT, "expires_in is missing");
	if (r == 0)
		r = json_number(o, "interval", &d->interval_s, &found, err);
	if (r != 0)
		return r;
	if (d->lives_s > DAY_S)
		d->lives_s = DAY_S;
	if (!found || d->interval_s < 1)
		d->interval_s = OAUTH_INTERVAL_S;
	if (d->interval_s > OAUTH_INTERVAL_MAX_S)
		d->interval_s = OAUTH_INTERVAL_MAX_S;
	return 0;
}

int oauth_device_read(const json_t *o, struct oauth_device *ret, struct err *err)
{
	struct oauth_device d = { .lives_s = 0 };
	int r = device_texts(o, &d, err);

	if (r == 0)
		r = device_times(o, &d, err);
	if (r == 0)
		*ret = d;
	return r;
}

/* --- GitHub App ------------------------------------------------------------------------ */

int oauth_installation_read(const json_t *o, int64_t now, int64_t ahead, struct cred_tokens *ret,
			    struct err *err)
{
	struct cred_tokens t = { .issued = now };
	const char *token, *until;
	int r;

	if ((r = json_need(o, "token", CRED_TOKEN_MAX, &token, err)) != 0 ||
	    (r = json_need(o, "expires_at", 40, &until, err)) != 0)
		return r;
	if (!oauth_token_ok(token) || !text_parse_time(bytes_str(until), &t.expires))
		return err_set(err, ERR_INPUT, "no token and time that can be read");
	t.expires += ahead;
	/* 0 stands for a time that is not known, and no time is too late then */
	if (t.expires <= 0)
		return err_set(err, ERR_INPUT, "expires_at, or its Date, is no time of these days");
	secret_add_str(&t.access, token);
	*ret = t;
	return 0;
}
