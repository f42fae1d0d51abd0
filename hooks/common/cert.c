/* What git's environment says about the push certificate, the options, and the way here. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "hooks/common/hook.h"

#define CERT_MAX ((size_t)64 << 20)
#define OPTIONS_MAX 1000

static int read_blob(struct hook *h, const char *hex, struct err *err)
{
	enum object_type type;
	struct oid id;
	int rc;

	if (!oid_parse(bytes_str(hex), &id))
		return err_set(err, ERR_INPUT, "GIT_PUSH_CERT is no object id");
	rc = repo_read(h->repo, &id, CERT_MAX, &type, &h->cert_text, err);
	if (rc)
		return err_prefix(err, "the push certificate");
	if (type != OBJECT_BLOB)
		return err_set(err, ERR_INPUT, "the push certificate is not a blob");
	h->cert.raw = buf_bytes(&h->cert_text);
	return 0;
}

static int read_options(struct hook *h, struct err *err)
{
	const char *count = getenv("GIT_PUSH_OPTION_COUNT");
	uint64_t n = 0;

	if (count && (!text_parse_u64(bytes_str(count), &n) || n > OPTIONS_MAX))
		return err_set(err, ERR_INPUT, "more than %d push options: push with fewer",
			       OPTIONS_MAX);
	h->options = xcalloc((size_t)n + 1, sizeof(*h->options));
	for (uint64_t i = 0; i < n; i++) {
		_cleanup_free_ char *name =
			xasprintf("GIT_PUSH_OPTION_%llu", (unsigned long long)i);

		h->options[i] = getenv(name);
		if (!h->options[i])
			return err_set(err, ERR_INPUT, "%s is missing", name);
	}
	h->cert.options = h->options;
	h->cert.options_n = (size_t)n;
	return 0;
}

static bool is_set(const char *name)
{
	const char *v = getenv(name);

	return v && *v;
}

/* Forges' names for a change that one of their pages made. */
static bool from_page(void)
{
	const char *protocol = getenv("GL_PROTOCOL"), *via = getenv("GITHUB_VIA");

	return (protocol && strcmp(protocol, "web") == 0) || (via && *via) ||
	       is_set("GITEA_INTERNAL_PUSH");
}

static enum judge_way way_here(const struct hook *h)
{
	const char *protocol = getenv("GL_PROTOCOL");

	if (from_page())
		return JUDGE_WAY_WEB;
	if (!h->server.asks_certs)
		return JUDGE_WAY_UNASKED;
	if (is_set("GATEWAY_INTERFACE") || is_set("REQUEST_METHOD") ||
	    (protocol && strcmp(protocol, "http") == 0))
		return JUDGE_WAY_HTTP;
	return JUDGE_WAY_GIT;
}

int hook_read_cert(struct hook *h, struct err *err)
{
	const char *hex = getenv("GIT_PUSH_CERT");
	const char *status = getenv("GIT_PUSH_CERT_NONCE_STATUS");
	int rc;

	h->way = way_here(h);
	if (!hex || !*hex)
		return 0;
	rc = read_blob(h, hex, err);
	if (rc == 0)
		rc = read_options(h, err);
	if (rc)
		return rc;
	h->cert.nonce_status = status ? status : "";
	h->cert.urls = h->server.push_urls;
	h->cert.urls_n = h->server.push_urls_n;
	h->cert.max_age = h->server.cert_max_age;
	h->cert.state_dir = h->record ? h->server.state_dir : NULL;
	h->has_cert = true;
	return 0;
}
