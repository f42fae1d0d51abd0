/* PKCS#11 URIs, RFC 7512 (2.3: the grammar; 2.4: which attributes are known). */
#include "token/uri.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define URI_MAX 4096

bool uri_is(const char *text)
{
	struct bytes v = bytes_str(text);

	return v.n >= 7 && text_eq_nocase(bytes_of(v.p, 7), BYTES_LIT("pkcs11:"));
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (uint8_t)text_lower((char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unreserved(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c) != NULL);
}

/* pk11-path-res-avail and "&", which RFC 7512 lets stand in a path's value. */
static bool path_char(uint8_t c)
{
	return unreserved(c) || (c != '\0' && strchr(":[]@!$'()*+,=&", c) != NULL);
}

static bool decode(struct bytes v, struct buf *out)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] != '%') {
			if (!path_char(v.p[i]) && v.p[i] != ' ')
				return false;
			buf_add_byte(out, v.p[i]);
			continue;
		}
		if (v.n - i < 3 || hex(v.p[i + 1]) < 0 || hex(v.p[i + 2]) < 0)
			return false;
		buf_add_byte(out, (uint8_t)(hex(v.p[i + 1]) << 4 | hex(v.p[i + 2])));
		i += 2;
	}
	return true;
}

static int bad_value(struct err *err, const char *name)
{
	return err_set(err, ERR_USAGE, "the PKCS#11 URI's %s= cannot be read, or stands twice",
		       name);
}

static int set_text(char **field, const char *name, struct bytes value, struct err *err)
{
	struct buf b = BUF_INIT;

	if (*field != NULL || !decode(value, &b) || (b.n > 0 && memchr(b.p, '\0', b.n) != NULL)) {
		buf_free(&b);
		return bad_value(err, name);
	}
	*field = buf_detach(&b);
	return 0;
}

static int set_id(struct uri *u, struct bytes value, struct err *err)
{
	struct buf b = BUF_INIT;

	if (u->has_id || !decode(value, &b)) {
		buf_free(&b);
		return bad_value(err, "id");
	}
	u->has_id = true;
	u->id_n = b.n;
	u->id = (uint8_t *)buf_detach(&b);
	return 0;
}

static int set_slot(struct uri *u, struct bytes value, struct err *err)
{
	uint64_t n;

	if (u->slot_id >= 0 || !text_parse_u64(value, &n) || n > INT32_MAX)
		return bad_value(err, "slot-id");
	u->slot_id = (long)n;
	return 0;
}

static int set_type(struct uri *u, struct bytes value, struct err *err)
{
	int r = set_text(&u->type, "type", value, err);

	if (r != 0)
		return r;
	if (strcmp(u->type, "private") == 0 || strcmp(u->type, "cert") == 0 ||
	    strcmp(u->type, "public") == 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "the PKCS#11 URI's type= is neither private nor cert nor public");
}

static int set_attribute(struct uri *u, struct bytes name, struct bytes value, struct err *err)
{
	const struct {
		const char *name;
		char **field;
	} texts[] = {
		{ "token", &u->token },   { "manufacturer", &u->manufacturer },
		{ "serial", &u->serial }, { "model", &u->model },
		{ "object", &u->object },
	};
	_cleanup_free_ char *shown = NULL;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (bytes_eq_str(name, texts[i].name))
			return set_text(texts[i].field, texts[i].name, value, err);
	if (bytes_eq_str(name, "id"))
		return set_id(u, value, err);
	if (bytes_eq_str(name, "type"))
		return set_type(u, value, err);
	if (bytes_eq_str(name, "slot-id"))
		return set_slot(u, value, err);
	if (name.n > 40)
		name.n = 40;
	shown = text_escaped(name);
	return err_set(err, ERR_USAGE, "%s= is not known in a PKCS#11 URI", shown);
}

/* Nothing of a query is repeated: it may hold a PIN. */
static int refuse_query(struct bytes query, struct err *err)
{
	if (memmem(query.p, query.n, "pin-value", 9) != NULL)
		return err_set(err, ERR_USAGE,
			       "the PKCS#11 URI has a pin-value: git shows configuration and "
			       "command lines to everybody. Set hsm.pinSource instead, and change "
			       "the PIN");
	if (memmem(query.p, query.n, "pin-source", 10) != NULL)
		return err_set(err, ERR_USAGE,
			       "the PKCS#11 URI has a pin-source: set hsm.pinSource instead");
	return err_set(err, ERR_USAGE,
		       "the PKCS#11 URI has a query (?...): set hsm.module for the module");
}

static bool take_attribute(struct bytes *rest, struct bytes *name, struct bytes *value)
{
	const uint8_t *end = rest->n > 0 ? memchr(rest->p, ';', rest->n) : NULL;
	struct bytes one = bytes_of(rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n);
	const uint8_t *equals = one.n > 0 ? memchr(one.p, '=', one.n) : NULL;

	*rest = end != NULL ? bytes_skip(*rest, one.n + 1) : BYTES_NONE;
	if (equals == NULL || equals == one.p || (end != NULL && rest->n == 0))
		return false;
	*name = bytes_of(one.p, (size_t)(equals - one.p));
	*value = bytes_skip(one, name->n + 1);
	return true;
}

static int parse_path(struct bytes path, struct uri *u, struct err *err)
{
	struct bytes name = BYTES_NONE, value = BYTES_NONE;
	int r = 0;

	while (r == 0 && path.n > 0) {
		if (!take_attribute(&path, &name, &value))
			return err_set(err, ERR_USAGE,
				       "a PKCS#11 URI is pkcs11:NAME=VALUE;NAME=VALUE with names "
				       "such as token, object, id");
		r = set_attribute(u, name, value, err);
	}
	return r;
}

int uri_parse(const char *text, struct uri *ret, struct err *err)
{
	struct uri u = { .slot_id = -1 };
	struct bytes path;
	const uint8_t *query;
	int r;

	if (!uri_is(text))
		return err_set(err, ERR_USAGE, "this is no PKCS#11 URI: it has to begin with pkcs11:");
	path = bytes_skip(bytes_str(text), 7);
	query = path.n > 0 ? memchr(path.p, '?', path.n) : NULL;
	if (query != NULL)
		return refuse_query(bytes_of(query, path.n - (size_t)(query - path.p)), err);
	if (path.n > URI_MAX)
		return err_set(err, ERR_USAGE, "the PKCS#11 URI is longer than %d bytes", URI_MAX);
	r = parse_path(path, &u, err);
	if (r != 0) {
		uri_free(&u);
		return r;
	}
	*ret = u;
	return 0;
}

void uri_free(struct uri *u)
{
	free(u->token);
	free(u->manufacturer);
	free(u->serial);
	free(u->model);
	free(u->object);
	free(u->id);
	free(u->type);
	memset(u, 0, sizeof(*u));
	u->slot_id = -1;
}

static void put(struct buf *out, const char *name, struct bytes value, bool all)
{
	buf_add_str(out, out->n > 0 && out->p[out->n - 1] != ':' ? ";" : "");
	buf_addf(out, "%s=", name);
	for (size_t i = 0; i < value.n; i++) {
		if (!all && unreserved(value.p[i]))
			buf_add_byte(out, value.p[i]);
		else
			buf_addf(out, "%%%02X", value.p[i]);
	}
}

static void put_text(struct buf *out, const char *name, const char *value)
{
	if (value != NULL)
		put(out, name, bytes_str(value), false);
}

void uri_format(struct buf *out, const struct uri *u)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, "pkcs11:");
	put_text(&b, "token", u->token);
	put_text(&b, "manufacturer", u->manufacturer);
	put_text(&b, "serial", u->serial);
	put_text(&b, "model", u->model);
	if (u->slot_id >= 0)
		buf_addf(&b, "%sslot-id=%ld", b.p[b.n - 1] == ':' ? "" : ";", u->slot_id);
	if (u->has_id)
		put(&b, "id", bytes_of(u->id, u->id_n), true);
	put_text(&b, "object", u->object);
	put_text(&b, "type", u->type);
	buf_add_bytes(out, buf_bytes(&b));
	buf_free(&b);
}
