/*
 * What git and the stores send to the credential helper; how it begins chooses. "http": a
 * URL, of which libcurl must think the same; "ghc1": a store's frame; "gitsign-hsm": what a
 * store kept; all else: what git says. What is taken has one host and no control bytes, and
 * its written form means the same again.
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cred/proto.h"
#include "cred/tokens.h"
#include "cred/url.h"
#include "cred/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_text(const char *s)
{
	for (; s != NULL && *s != '\0'; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* A file of memory, to be read from its start. */
static int file_of(struct bytes v)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, v.p, v.n) == (ssize_t)v.n && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

/* --- URLs ------------------------------------------------------------------------------ */

static void check_host(const char *host)
{
	for (; *host != '\0'; host++)
		must(strchr("abcdefghijklmnopqrstuvwxyz0123456789-._[:]", *host) != NULL);
}

static void check_url(const struct cred_url *u)
{
	struct cred_url again;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	check_host(u->host);
	check_text(u->path);
	must(u->port >= 1 && u->port <= 65535);
	cred_url_format(&b, u);
	if (u->user == NULL || (strchr(u->user, ':') == NULL && strlen(u->user) <= 255)) {
		must(cred_url_parse(buf_str(&b), &again, &err) == 0);
		must(cred_url_covers(u, &again) > 0 && cred_url_covers(&again, u) > 0);
		cred_url_free(&again);
	}
	buf_free(&b);
}

/* libcurl writes 0x7f.1 as 127.0.0.1, and addresses of IPv6 in their short form. */
static bool is_address(const char *host)
{
	return host[0] == '[' || strspn(host, "0123456789abcdefx.") == strlen(host);
}

/* Whoever is asked for a token is who was checked: libcurl sees that host, or none. */
static void check_peer(const char *url, const char *host, unsigned port)
{
	CURLU *c = curl_url();
	char *theirs = NULL, *at = NULL, *user = NULL;

	if (curl_url_set(c, CURLUPART_URL, url, 0) == CURLUE_OK) {
		must(curl_url_get(c, CURLUPART_HOST, &theirs, 0) == CURLUE_OK);
		must(curl_url_get(c, CURLUPART_PORT, &at, CURLU_DEFAULT_PORT) == CURLUE_OK);
		must(text_eq_nocase(bytes_str(theirs), bytes_str(host)) || is_address(host));
		must(strtoul(at, NULL, 10) == port);
		must(curl_url_get(c, CURLUPART_PASSWORD, &user, 0) == CURLUE_NO_PASSWORD);
	}
	curl_free(theirs);
	curl_free(at);
	curl_free(user);
	curl_url_cleanup(c);
}

static void try_endpoint(const char *text)
{
	struct cred_url u;
	struct err err = ERR_INIT;
	char *origin, *again;

	if (!cred_endpoint_ok(text))
		return;
	for (const char *p = text; *p != '\0'; p++)
		must(*p > 0x20 && *p < 0x7f);
	origin = cred_endpoint_origin(text);
	again = cred_endpoint_origin(origin);
	must(cred_endpoint_ok(origin) && strcmp(origin, again) == 0);
	must(cred_url_parse(origin, &u, &err) == 0 && u.user == NULL && u.path[0] == '\0');
	check_peer(text, u.host, u.port);
	cred_url_free(&u);
	free(origin);
	free(again);
}

static void try_url(struct bytes v)
{
	char *text = xstrndup((const char *)v.p, v.n);
	struct cred_url u;
	struct err err = ERR_INIT;
	int r = cred_url_parse(text, &u, &err);

	must(r == 0 || r == ERR_USAGE);
	check_text(err.text);
	if (r == 0) {
		check_text(u.user);
		check_url(&u);
		check_peer(text, u.host, u.port);
		cred_url_free(&u);
	}
	try_endpoint(text);
	free(text);
}

/* --- stores ---------------------------------------------------------------------------- */

static bool inside(struct bytes part, struct bytes whole)
{
	return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static void try_frame(struct bytes v)
{
	struct cred_frame f, read;
	struct secret again = SECRET_NONE, space = SECRET_NONE;
	struct err err = ERR_INIT;
	int r = cred_frame_parse(v, &f, &err), fd = file_of(v);

	must(r == 0 || r == ERR_INPUT);
	if (r == 0) {
		must(inside(f.id, v) && inside(f.body, v));
		cred_frame_write(&again, &f);
		must(bytes_eq(bytes_of(again.p, again.n), v));
		must(cred_frame_read(fd, 60000, &space, &read, &err) == 0);
		must(bytes_eq(read.id, f.id) && bytes_eq(read.body, f.body));
	} else if (cred_frame_read(fd, 60000, &space, &read, &err) == 0) {
		must(space.n < v.n && bytes_starts(v, bytes_of(space.p, space.n)));
	}
	secret_free(&again);
	secret_free(&space);
	close(fd);
}

static void check_state(const struct cred_tokens *t, int64_t now)
{
	enum cred_state s = cred_tokens_state(t, now);

	must(t->access.p != NULL || s == CRED_STALE);
	must(s == CRED_STALE || t->expires == 0 || t->expires > now);
}

static void try_tokens(struct bytes v)
{
	struct cred_tokens t = CRED_TOKENS_NONE, again = CRED_TOKENS_NONE;
	struct secret text = SECRET_NONE;
	struct err err = ERR_INIT;
	int r = cred_tokens_parse(v, &t, &err);

	must(r == 0 || (r == ERR_INPUT && t.username == NULL));
	if (r != 0)
		return;
	check_text(t.username);
	check_text(t.scope);
	check_state(&t, 0);
	check_state(&t, 1700000000);
	must(t.access.p == NULL || cred_tokens_are(&t, bytes_of(t.access.p, t.access.n)));
	must(!cred_tokens_can_refresh(&t, INT64_MAX) || t.refresh_expires == 0);
	must(cred_tokens_format(&text, &t, &err) == 0);
	must(cred_tokens_parse(bytes_of(text.p, text.n), &again, &err) == 0);
	must(same(again.access.p, t.access.p) && same(again.refresh.p, t.refresh.p));
	must(same(again.username, t.username) && same(again.scope, t.scope));
	must(again.issued == t.issued && again.expires == t.expires);
	must(again.refresh_expires == t.refresh_expires && again.bearer == t.bearer);
	secret_free(&text);
	cred_tokens_free(&t);
	cred_tokens_free(&again);
}

/* --- git ------------------------------------------------------------------------------- */

/* git reads it as we would, and nothing that it did not ask for. */
static void check_answer(const struct cred_input *in, const char *state, int64_t expires)
{
	struct cred_answer a = { .username = "u",
				 .token = BYTES_LIT("t"),
				 .bearer = in->www_bearer,
				 .expires = expires,
				 .state = state };
	struct secret out = SECRET_NONE;
	struct cred_input again;
	struct err err = ERR_INIT;
	bool bearer = in->can_authtype && a.bearer;

	cred_answer_write(&out, in, &a);
	must(cred_parse(bytes_of(out.p, out.n), &again, &err) == 0);
	must(again.protocol == NULL && again.host == NULL && again.path == NULL);
	must(strcmp(cred_input_token(&again), "t") == 0);
	must(same(again.authtype, bearer ? "Bearer" : NULL));
	must(same(again.username, bearer ? NULL : "u"));
	must(again.can_authtype == in->can_authtype);
	must(same(again.state, in->can_authtype && in->can_state ? state : NULL));
	cred_input_free(&again);
	secret_free(&out);
}

/* From a file as from memory. */
static void check_read(struct bytes v, int want, const struct cred_input *in)
{
	struct cred_input read;
	struct err err = ERR_INIT;
	int fd = file_of(v);

	must(cred_read(fd, &read, &err) == want);
	check_text(err.text);
	close(fd);
	if (want != 0)
		return;
	must(same(read.protocol, in->protocol) && same(read.host, in->host));
	must(same(read.path, in->path) && same(read.username, in->username));
	must(same(cred_input_token(&read), cred_input_token(in)) && same(read.state, in->state));
	must(read.can_authtype == in->can_authtype && read.www_bearer == in->www_bearer);
	cred_input_free(&read);
}

static void check(const struct cred_input *in)
{
	struct cred_url u;
	struct err err = ERR_INIT;

	check_text(in->protocol);
	check_text(in->host);
	check_text(in->path);
	check_text(in->username);
	must(in->state == NULL || strncmp(in->state, "hsm:", 4) == 0);
	must(!in->www_bearer || in->www_any);
	check_answer(in, NULL, 0);
	check_answer(in, "hsm:5", 1700000000);
	if (in->host != NULL &&
	    cred_url_request(true, in->host, in->path, in->username, &u, &err) == 0) {
		check_url(&u);
		cred_url_free(&u);
	}
}

static void try_input(struct bytes v)
{
	struct cred_input in;
	struct err err = ERR_INIT;
	int r = cred_parse(v, &in, &err);

	must(r == 0 || r == ERR_INPUT);
	check_read(v, r, &in);
	if (r == 0) {
		check(&in);
		cred_input_free(&in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes v = bytes_of(data, size);

	if (bytes_starts(v, BYTES_LIT("http")))
		try_url(v);
	else if (bytes_starts(v, BYTES_LIT("ghc1")))
		try_frame(v);
	else if (bytes_starts(v, BYTES_LIT("gitsign-hsm")))
		try_tokens(v);
	else
		try_input(v);
	return 0;
}
