#include "cred/tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FORM "gitsign-hsm tokens 1\n"
#define CLOCK_S 60 /* that a clock may be set back without a word */

void cred_tokens_free(struct cred_tokens *t)
{
	secret_free(&t->access);
	secret_free(&t->refresh);
	free(t->username);
	free(t->scope);
	*t = (struct cred_tokens)CRED_TOKENS_NONE;
}

static bool token_ok(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= 0x20 || v.p[i] >= 0x7f)
			return false;
	return v.n > 0 && v.n <= CRED_TOKEN_MAX;
}

static bool line_ok(const char *v)
{
	for (; *v != '\0'; v++)
		if ((unsigned char)*v < 0x20 || *v == 0x7f)
			return false;
	return true;
}

static void put(struct secret *out, const char *key, struct bytes value)
{
	secret_add_str(out, key);
	secret_add(out, value.p, value.n);
	secret_add_str(out, "\n");
}

static void put_time(struct secret *out, const char *key, int64_t t)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, t > 0 ? t : 0);
	put(out, key, bytes_str(text));
}

static struct bytes secret_bytes(const struct secret *s)
{
	return bytes_of(s->p, s->n);
}

int cred_tokens_format(struct secret *out, const struct cred_tokens *t, struct err *err)
{
	if ((t->access.p != NULL && !token_ok(secret_bytes(&t->access))) ||
	    (t->refresh.p != NULL && !token_ok(secret_bytes(&t->refresh))) ||
	    (t->username != NULL && !line_ok(t->username)) ||
	    (t->scope != NULL && !line_ok(t->scope)))
		return err_set(err, ERR_INPUT,
			       "what the issuer sent cannot be kept: it is too long, or has "
			       "characters that no token has");
	secret_add_str(out, FORM);
	put_time(out, "issued=", t->issued);
	put_time(out, "expires=", t->expires);
	put_time(out, "refresh_expires=", t->refresh_expires);
	if (t->order > 0)
		put_time(out, "order=", t->order);
	put(out, "bearer=", bytes_str(t->bearer ? "1" : "0"));
	put(out, "username=", bytes_str(t->username != NULL ? t->username : ""));
	if (t->scope != NULL)
		put(out, "scope=", bytes_str(t->scope));
	if (t->refresh.p != NULL)
		put(out, "refresh=", secret_bytes(&t->refresh));
	if (t->access.p != NULL)
		put(out, "access=", secret_bytes(&t->access));
	put(out, "end", BYTES_NONE);
	return 0;
}

/* The next line without its newline; false when there is none. */
static bool next_line(struct bytes *text, struct bytes *line)
{
	const uint8_t *newline = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;

	if (newline == NULL)
		return false;
	*line = bytes_of(text->p, (size_t)(newline - text->p));
	*text = bytes_skip(*text, line->n + 1);
	return true;
}

/* The value when the line is one of this key. */
static bool value_of(struct bytes line, const char *key, struct bytes *value)
{
	struct bytes k = bytes_str(key);

	if (!bytes_starts(line, k))
		return false;
	*value = bytes_skip(line, k.n);
	return true;
}

static bool take_time(struct bytes v, int64_t *ret)
{
	uint64_t n;

	if (!text_parse_u64(v, &n) || n > INT64_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

static bool take_secret(struct bytes v, struct secret *ret)
{
	if (ret->p != NULL || !token_ok(v))
		return false;
	secret_add(ret, v.p, v.n);
	return true;
}

static bool take_text(struct bytes v, char **ret)
{
	if (*ret != NULL || memchr(v.p, '\0', v.n) != NULL)
		return false;
	*ret = xstrndup((const char *)v.p, v.n);
	return line_ok(*ret);
}

static bool take_line(struct cred_tokens *t, struct bytes line)
{
	struct bytes v;

	if (value_of(line, "issued=", &v))
		return take_time(v, &t->issued);
	if (value_of(line, "expires=", &v))
		return take_time(v, &t->expires);
	if (value_of(line, "refresh_expires=", &v))
		return take_time(v, &t->refresh_expires);
	if (value_of(line, "order=", &v))
		return take_time(v, &t->order);
	if (value_of(line, "username=", &v))
		return take_text(v, &t->username);
	if (value_of(line, "scope=", &v))
		return take_text(v, &t->scope);
	if (value_of(line, "refresh=", &v))
		return take_secret(v, &t->refresh);
	if (value_of(line, "access=", &v))
		return take_secret(v, &t->access);
	t->bearer = bytes_eq_str(line, "bearer=1");
	return t->bearer || bytes_eq_str(line, "bearer=0");
}

int cred_tokens_parse(struct bytes text, struct cred_tokens *ret, struct err *err)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct bytes line;
	bool ok = bytes_starts(text, BYTES_LIT(FORM)), end = false;

	if (ok)
		text = bytes_skip(text, strlen(FORM));
	while (ok && !end && (ok = next_line(&text, &line))) {
		end = bytes_eq_str(line, "end");
		ok = end || take_line(&t, line);
	}
	if (ok && text.n == 0 && t.username != NULL) {
		*ret = t;
		return 0;
	}
	cred_tokens_free(&t);
	return err_set(err, ERR_INPUT, "what was kept is not as this program writes it");
}

enum cred_state cred_tokens_state(const struct cred_tokens *t, int64_t now)
{
	int64_t life, left = t->expires - now;

	if (t->access.p == NULL)
		return CRED_STALE;
	if (t->expires <= 0)
		return CRED_GOOD;
	life = t->issued > 0 && t->issued < t->expires ? t->expires - t->issued : 3600;
	if (left <= (life / 20 < 30 ? life / 20 : 30))
		return CRED_STALE;
	if (t->issued - now >= CLOCK_S)
		return CRED_AGEING;
	return left <= (life / 5 < 300 ? life / 5 : 300) ? CRED_AGEING : CRED_GOOD;
}

static int64_t order_of(const struct cred_tokens *t)
{
	return t->order > 0 ? t->order : t->issued;
}

void cred_tokens_follow(struct cred_tokens *t, const struct cred_tokens *before)
{
	int64_t last = order_of(before);

	t->order = t->issued > last ? 0 : last + (last < INT64_MAX);
}

bool cred_tokens_after(const struct cred_tokens *a, const struct cred_tokens *b)
{
	return order_of(a) >= order_of(b);
}

bool cred_tokens_are(const struct cred_tokens *t, struct bytes token)
{
	volatile unsigned char differ = 0;

	if (t->access.p == NULL || t->access.n != token.n)
		return false;
	for (size_t i = 0; i < token.n; i++)
		differ |= (unsigned char)t->access.p[i] ^ token.p[i];
	return differ == 0;
}

bool cred_tokens_can_refresh(const struct cred_tokens *t, int64_t now)
{
	return t->refresh.p != NULL && (t->refresh_expires == 0 || t->refresh_expires > now);
}
