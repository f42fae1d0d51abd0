/*
 * The URLs that decide who gets an access token, brought to one form before they
 * are compared: lower-case host, no default port, decoded path without dot segments.
 */
#ifndef GH_CRED_URL_H
#define GH_CRED_URL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct cred_url {
	bool https;    /* else http */
	char *user;    /* NULL: not named */
	char *host;    /* lower case: letters, digits, '-', '.'; or [IPv6] */
	unsigned port; /* 1 to 65535 */
	char *path;    /* decoded, no slash at either end; "" for none */
};

/*
 * "https://[user@]host[:port][/path]" or http. ERR_USAGE for anything else: a
 * password, a query, a fragment, wildcards, non-ASCII host names (write their
 * xn-- form), dot segments, control characters.
 */
int cred_url_parse(const char *text, struct cred_url *ret, struct err *err);
/*
 * What git sends: host[:port], the path already decoded (NULL: none), the user
 * (NULL: none). ERR_INPUT.
 */
int cred_url_request(bool https, const char *host, const char *path, const char *user,
		     struct cred_url *ret, struct err *err);
void cred_url_free(struct cred_url *u);

/* "https://user@host:port/path", percent-encoded where it must be. */
void cred_url_format(struct buf *out, const struct cred_url *u);

/*
 * Does what is configured for `section` hold for `target`? Scheme, host and port
 * equal; a user and a path prefix (whole segments) where the section names them.
 * 0: no; else the higher, the more exactly it is named.
 */
unsigned cred_url_covers(const struct cred_url *section, const struct cred_url *target);

/*
 * Is this an endpoint to send secrets to? "https://", a host by the rules above,
 * no user, no fragment, printable ASCII, at most 2048 bytes. A query is allowed.
 */
bool cred_endpoint_ok(const char *url);
/* "https://host[:port]" of an endpoint; the caller frees. */
char *cred_endpoint_origin(const char *url);

#endif
