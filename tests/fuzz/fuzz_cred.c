/*
 * What git sends to a credential helper, and the URL made of it: what is taken has
 * one host and no control bytes, and its written form means the same again.
 */
#include <stdlib.h>
#include <string.h>

#include "cred/proto.h"
#include "cred/url.h"

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
	cred_url_format(&b, u);
	if (u->user == NULL || (strchr(u->user, ':') == NULL && strlen(u->user) <= 255)) {
		must(cred_url_parse(buf_str(&b), &again, &err) == 0);
		must(cred_url_covers(u, &again) > 0 && cred_url_covers(&again, u) > 0);
		cred_url_free(&again);
	}
	buf_free(&b);
}

static void check_answer(const struct cred_input *in)
{
	struct cred_answer a = { .username = "u",
				 .token = BYTES_LIT("t"),
				 .bearer = in->www_bearer };
	struct secret out = SECRET_NONE;

	cred_answer_write(&out, in, &a);
	must(strstr(out.p, "host=") == NULL && strstr(out.p, "protocol=") == NULL);
	must(in->can_authtype || strstr(out.p, "authtype=") == NULL);
	secret_free(&out);
}

static void check(const struct cred_input *in)
{
	struct cred_url u;
	struct err err = ERR_INIT;

	check_text(in->protocol);
	check_text(in->host);
	check_text(in->path);
	check_text(in->username);
	check_answer(in);
	if (in->host != NULL &&
	    cred_url_request(true, in->host, in->path, in->username, &u, &err) == 0) {
		check_url(&u);
		cred_url_free(&u);
	}
	if (in->path != NULL && cred_url_parse(in->path, &u, &err) == 0) {
		check_url(&u);
		cred_url_free(&u);
	}
	if (in->path != NULL && cred_endpoint_ok(in->path)) {
		char *origin = cred_endpoint_origin(in->path);

		must(cred_endpoint_ok(origin));
		free(origin);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cred_input in;
	struct err err = ERR_INIT;
	int r = cred_parse(bytes_of(data, size), &in, &err);

	must(r == 0 || r == ERR_INPUT);
	if (r == 0) {
		check(&in);
		cred_input_free(&in);
	}
	return 0;
}
