#include "oauth/answer.h"

#include <strings.h>

#include "base/text.h"
#include "oauth/json.h"

#define SCOPE_MAX 4000

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
