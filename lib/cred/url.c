#include "cred/url.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define HOST_MAX 253
#define PATH_MAX_BYTES 4096

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool host_name_ok(const char *h)
{
	size_t n = strlen(h);

	if (n == 0 || n > HOST_MAX || h[0] == '.' || h[0] == '-' || h[n - 1] == '.' ||
	    h[n - 1] == '-' || strstr(h, "..") != NULL)
		return false;
	for (; *h != '\0'; h++)
		if (!alnum(*h) && *h != '-' && *h != '.' && *h != '_')
			return false;
	return true;
}

static bool ipv6_ok(const char *h)
{
	size_t n = strlen(h);

	return n >= 4 && n <= 41 && h[0] == '[' && h[n - 1] == ']' &&
	       strspn(h + 1, "0123456789abcdef:.") == n - 2;
}

static bool take_port(struct bytes v, unsigned *ret)
{
	uint64_t port;

	if (!text_parse_u64(v, &port) || port < 1 || port > 65535)
		return false;
	*ret = (unsigned)port;
	return true;
}

/* host[:port] or [IPv6][:port] */
static bool set_authority(struct cred_url *u, struct bytes v)
{
	const uint8_t *colon;
	size_t host_n = v.n;

	u->port = u->https ? 443 : 80;
	if (v.n == 0 || v.n > HOST_MAX + 6 || memchr(v.p, '\0', v.n) != NULL)
		return false;
	if (v.p[0] == '[') {
		const uint8_t *close = memchr(v.p, ']', v.n);

		if (close == NULL)
			return false;
		host_n = (size_t)(close - v.p) + 1;
	} else if ((colon = memchr(v.p, ':', v.n)) != NULL) {
		host_n = (size_t)(colon - v.p);
	}
	if (host_n < v.n && (v.p[host_n] != ':' || !take_port(bytes_skip(v, host_n + 1), &u->port)))
		return false;
	u->host = xstrndup((const char *)v.p, host_n);
	for (char *p = u->host; *p != '\0'; p++)
		*p = text_lower(*p);
	return u->host[0] == '[' ? ipv6_ok(u->host) : host_name_ok(u->host);
}

static bool segments_ok(const char *path)
{
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += n;
		path += *path == '/' && path[1] != '\0';
	}
	return true;
}

static bool set_path(struct cred_url *u, struct bytes v)
{
	if (v.n > PATH_MAX_BYTES)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f || v.p[i] == '\\')
			return false;
	while (v.n > 0 && v.p[v.n - 1] == '/')
		v.n--;
	u->path = xstrndup(v.n > 0 ? (const char *)v.p : "", v.n);
	return segments_ok(u->path);
}

/* Percent-decoding. Control bytes may come out: the callers refuse them. */
static bool decode(struct bytes v, struct buf *out)
{
	uint8_t c;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] != '%') {
			buf_add_byte(out, v.p[i]);
			continue;
		}
		if (v.n - i < 3 || !text_unhex(bytes_of(v.p + i + 1, 2), &c, 1))
			return false;
		buf_add_byte(out, c);
		i += 2;
	}
	return true;
}

static bool set_user(struct cred_url *u, struct bytes v)
{
	struct buf b = BUF_INIT;
	bool ok = v.n > 0 && memchr(v.p, ':', v.n) == NULL && decode(v, &b) && b.n <= 255;

	for (size_t i = 0; ok && i < b.n; i++)
		ok = b.p[i] >= 0x20 && b.p[i] != 0x7f;
	if (ok)
		u->user = buf_detach(&b);
	buf_free(&b);
	return ok;
}

static bool parse_rest(struct cred_url *u, struct bytes rest)
{
	const uint8_t *slash = memchr(rest.p, '/', rest.n);
	struct bytes authority =
		bytes_of(rest.p, slash != NULL ? (size_t)(slash - rest.p) : rest.n);
	struct bytes path = bytes_skip(rest, authority.n);
	const uint8_t *at = authority.n > 0 ? memrchr(authority.p, '@', authority.n) : NULL;
	struct buf b = BUF_INIT;
	bool ok;

	if (memchr(rest.p, '?', rest.n) != NULL || memchr(rest.p, '#', rest.n) != NULL)
		return false;
	if (at != NULL) {
		size_t n = (size_t)(at - authority.p);

		if (!set_user(u, bytes_of(authority.p, n)))
			return false;
		authority = bytes_skip(authority, n + 1);
	}
	if (!set_authority(u, authority))
		return false;
	if (path.n > 0)
		path = bytes_skip(path, 1);
	ok = decode(path, &b) && set_path(u, buf_bytes(&b));
	buf_free(&b);
	return ok;
}

int cred_url_parse(const char *text, struct cred_url *ret, struct err *err)
{
	struct cred_url u = { .https = strncmp(text, "https://", 8) == 0 };
	size_t skip = u.https ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;

	if (skip > 0 && strlen(text) > skip && parse_rest(&u, bytes_str(text + skip))) {
		*ret = u;
		return 0;
	}
	cred_url_free(&u);
	_cleanup_free_ char *shown = text_escaped(bytes_str(text));

	return err_set(err, ERR_USAGE,
		       "%s: not a URL that can be used here; it has to be "
		       "https://[user@]host[:port][/path], without password, wildcard or query",
		       shown);
}

int cred_url_request(bool https, const char *host, const char *path, const char *user,
		     struct cred_url *ret, struct err *err)
{
	struct cred_url u = { .https = https };

	if (user != NULL && user[0] != '\0')
		u.user = xstrdup(user);
	if (set_authority(&u, bytes_str(host)) &&
	    set_path(&u, bytes_str(path != NULL ? path : ""))) {
		*ret = u;
		return 0;
	}
	cred_url_free(&u);
	return err_set(err, ERR_INPUT,
		       "refused a host or path of odd form; no access token was given");
}

void cred_url_free(struct cred_url *u)
{
	free(u->user);
	free(u->host);
	free(u->path);
	*u = (struct cred_url){ .https = false };
}

static void put_encoded(struct buf *out, const char *s, const char *extra)
{
	for (; *s != '\0'; s++) {
		char low = text_lower(*s);

		if (alnum(low) || strchr("-._~", *s) != NULL || strchr(extra, *s) != NULL)
			buf_add_byte(out, (uint8_t)*s);
		else
			buf_addf(out, "%%%02X", (unsigned char)*s);
	}
}

void cred_url_format(struct buf *out, const struct cred_url *u)
{
	buf_add_str(out, u->https ? "https://" : "http://");
	if (u->user != NULL) {
		put_encoded(out, u->user, "");
		buf_add_byte(out, '@');
	}
	buf_add_str(out, u->host);
	if (u->port != (u->https ? 443 : 80))
		buf_addf(out, ":%u", u->port);
	if (u->path[0] != '\0') {
		buf_add_byte(out, '/');
		put_encoded(out, u->path, "/+@:");
	}
}

unsigned cred_url_covers(const struct cred_url *section, const struct cred_url *target)
{
	size_t n = strlen(section->path);

	if (section->https != target->https || section->port != target->port ||
	    strcmp(section->host, target->host) != 0)
		return 0;
	if (section->user != NULL &&
	    (target->user == NULL || strcmp(section->user, target->user) != 0))
		return 0;
	if (n > 0 && (strncmp(target->path, section->path, n) != 0 ||
		      (target->path[n] != '\0' && target->path[n] != '/')))
		return 0;
	return 1 + 2 * (unsigned)n + (section->user != NULL);
}

/* Where the authority of an endpoint ends; 0 when it is none. */
static size_t endpoint_authority(const char *url)
{
	struct cred_url u = { .https = true };
	size_t n, end;
	bool ok;

	if (strncmp(url, "https://", 8) != 0 || (n = strlen(url)) > 2048)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (url[i] <= 0x20 || url[i] >= 0x7f || url[i] == '#' || url[i] == '\\')
			return 0;
	end = 8 + strcspn(url + 8, "/?");
	ok = set_authority(&u, bytes_of(url + 8, end - 8));
	cred_url_free(&u);
	return ok ? end : 0;
}

bool cred_endpoint_ok(const char *url)
{
	return endpoint_authority(url) > 0;
}

char *cred_endpoint_origin(const char *url)
{
	struct cred_url u = { .https = true };
	struct buf b = BUF_INIT;
	size_t end = endpoint_authority(url);

	if (end > 8 && set_authority(&u, bytes_of(url + 8, end - 8))) {
		u.path = xstrdup("");
		cred_url_format(&b, &u);
	}
	cred_url_free(&u);
	return buf_detach(&b);
}
