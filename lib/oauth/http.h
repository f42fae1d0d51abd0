/*
 * HTTP for what gives out access tokens: https only, verified, no redirects, bounded
 * bodies, a deadline on everything; with the proxy and the authorities of git's
 * configuration (git-config(1), http.*; git http.c).
 */
#ifndef GH_OAUTH_HTTP_H
#define GH_OAUTH_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/gitconf.h"
#include "base/mem.h"

#define HTTP_BODY_MAX ((size_t)65536) /* of an answer, when nothing else is said */
#define HTTP_BODY_MAX_EVER ((size_t)1 << 20)
#define HTTP_WAIT_MAX_MS 30000 /* the longest Retry-After that is waited for */

struct http; /* a client: connections are kept for the next request */

/* May be called for each TLS connection that is made; `ssl_ctx` is OpenSSL's SSL_CTX. */
struct http_tls {
	int (*use)(void *ctx, void *ssl_ctx);
	void *ctx;
};

/*
 * First thing in a program that asks issuers, before any module is loaded, which may bring
 * libcurl in first: its TLS secrets are not written where SSLKEYLOGFILE says.
 */
void http_start(void);

/* `tls` (may be NULL) adds a client certificate. `conf` must outlive the client. */
int http_new(const struct gitconf *conf, const struct http_tls *tls, struct http **ret,
	     struct err *err);
void http_free(struct http *h); /* accepts NULL */

struct http_request {
	const char *method;  /* "GET", "POST", "DELETE" */
	const char *url;     /* cred_endpoint_ok(), or ERR_INPUT */
	const char *accept;  /* NULL: application/json */
	struct bytes bearer; /* "Authorization: Bearer", printable ASCII; none: no header */
	const char *content_type;
	struct bytes body;
	size_t body_max;     /* of the answer; 0: HTTP_BODY_MAX */
	int64_t deadline_ms; /* os_monotonic_ms() */
};

struct http_answer {
	int status;
	struct secret body; /* may hold an access token */
	bool json;          /* Content-Type: application/json, or ...+json */
	bool has_date;      /* an RFC 9110 Date: */
	int64_t ahead;      /* how many seconds our clock is ahead of it */
	int64_t retry_ms;   /* Retry-After; -1: none */
};
void http_answer_free(struct http_answer *a);

/* Is the server of `url` verified, as git is configured? ERR_CONFIG with what to unset. */
int http_verified(const struct gitconf *conf, const char *url, struct err *err);

/*
 * One request, one answer, whatever its status but 3xx (ERR_INPUT: who asks for a
 * token follows nobody). ERR_CONFIG: http.sslVerify is off for this URL, or http.*
 * cannot be used. ERR_INPUT: the answer is too large or broken. ERR_IO: no connection,
 * no trust in it, the deadline.
 */
int http_do(struct http *h, const struct http_request *rq, struct http_answer *ret,
	    struct err *err);

/*
 * Is it worth asking once more? For 429 and 503: sleeps for Retry-After (a second
 * without one) and returns true; false when that is longer than HTTP_WAIT_MAX_MS or
 * than the deadline allows.
 */
bool http_wait_retry(const struct http_answer *a, int64_t deadline_ms);

/* "application/x-www-form-urlencoded": appends "&key=value"; a NULL or empty value: nothing. */
#define HTTP_FORM "application/x-www-form-urlencoded"
void http_form_add(struct secret *form, const char *key, const char *value);
/* The same for the query of a URL, in a buffer; the first has '?' or '&' by what is there. */
void http_query_add(struct buf *url, const char *key, const char *value);

/*
 * Reads the values of headers that count; a status line forgets those of the answer before.
 * Exposed for the fuzzer: `line` is what the server sent, without promise. `now`: seconds
 * since 1970 by our clock.
 */
void http_header_line(struct http_answer *a, struct bytes line, int64_t now);

#endif
