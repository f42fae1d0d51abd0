/* explain: who would get an access token for an address, by which key, and what is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "helper/explain.h"
#include "helper/key.h"
#include "helper/report.h"
#include "helper/verbs.h"
#include "oauth/meta.h"
#include "sig/cert.h"

#define ISSUER_MS 20000
#define SKEW_S 30
#define CERT_SOON_S (14 * 86400)

static void check_certificate(struct explain *e, json_t *o, struct bytes der)
{
	struct cert *c = NULL;
	struct buf b = BUF_INIT;
	int64_t now = os_now();

	if (der.n == 0 || cert_parse(der, &c, NULL) != 0)
		return;
	text_time(&b, c->not_after);
	(void)json_object_set_new(o, "certificate", report_text(c->subject));
	(void)json_object_set_new(o, "certificateEnds", json_string(buf_str(&b)));
	if (e->ask->profile.auth == CRED_TLS_CLIENT_AUTH && c->not_after < now + CERT_SOON_S)
		explain_problem(e, "the client certificate %s at %s: get a new one",
				c->not_after < now ? "ended" : "ends", buf_str(&b));
	buf_free(&b);
	cert_free(c);
}

static void explain_key(struct explain *e)
{
	struct err err = ERR_INIT;
	struct buf hash = BUF_INIT;
	struct key *k = NULL;
	const struct key_facts *f;
	json_t *o;

	if (e->ask->profile.key == NULL)
		return;
	if (key_open(&e->ask->profile, false, &k, &err) != 0) {
		explain_problem(e, "the key cannot be used: %s", err.text);
		return;
	}
	f = key_facts(k);
	o = json_object();
	text_hex(&hash, f->spki_sha256, false);
	(void)json_object_set_new(o, "label", report_text(f->label));
	(void)json_object_set_new(o, "token", report_text(f->token));
	(void)json_object_set_new(o, "algorithm", json_string(alg_key_name(f->alg)));
	(void)json_object_set_new(o, "spkiSha256", json_string(buf_str(&hash)));
	check_certificate(e, o, f->cert);
	if (e->ask->profile.auth == CRED_TLS_CLIENT_AUTH && f->cert.n == 0)
		explain_problem(e, "tls_client_auth wants a certificate for the key: store it on "
				   "the token, or name its file as hsmCertificate");
	(void)json_object_set_new(e->report, "key", o);
	buf_free(&hash);
	key_close(k);
}

static void set_url(json_t *o, const char *key, const char *v)
{
	if (v != NULL)
		(void)json_object_set_new(o, key, report_text(v));
}

static void describe_issuer(struct explain *e, const struct oauth_meta *m)
{
	json_t *o = json_object();

	set_url(o, "name", m->issuer);
	set_url(o, "token", m->token);
	set_url(o, "authorization", m->authorization);
	set_url(o, "device", m->device);
	set_url(o, "revocation", m->revocation);
	(void)json_object_set_new(o, "discovered", json_boolean(m->discovered));
	if (m->has_date) {
		(void)json_object_set_new(o, "clockAhead", json_integer(m->ahead));
		if (llabs(m->ahead) >= SKEW_S)
			explain_problem(
				e,
				"this clock is %lld s %s the issuer's: what proves who asks is "
				"refused then. Set the clock",
				(long long)llabs(m->ahead), m->ahead < 0 ? "behind" : "ahead of");
	}
	(void)json_object_set_new(e->report, "issuer", o);
	if (e->ask->profile.grant == CRED_DEVICE_CODE && m->device == NULL)
		explain_problem(e, "the issuer has no device flow: set hsmGrant to "
				   "authorization_code");
}

static void explain_issuer(struct explain *e)
{
	const struct cred_profile *p = &e->ask->profile;
	struct err err = ERR_INIT;
	struct oauth_meta m;
	struct http *h = NULL;
	int r;

	if (p->grant == CRED_GITHUB_APP)
		return;
	r = http_new(&e->ask->conf, NULL, &h, &err);
	if (r == 0)
		r = oauth_meta_get(h, p->provider, p->issuer, p->auth == CRED_TLS_CLIENT_AUTH,
				   os_monotonic_ms() + ISSUER_MS, &m, &err);
	if (r == 0) {
		describe_issuer(e, &m);
		oauth_meta_free(&m);
	} else {
		explain_problem(e, "the issuer: %s", err.text);
	}
	http_free(h);
}

/* --- printing -------------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *v = json_string_value(json_object_get(o, key));

	return v != NULL ? v : "";
}

static void print_list(const json_t *list, const char *head)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		printf("%-10s%s\n", i == 0 ? head : "", json_string_value(json_array_get(list, i)));
}

static void print_settings(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);

		printf("%-10s%s = %s  (%s, %s)\n", i == 0 ? "settings" : "", text_of(v, "name"),
		       text_of(v, "value"), text_of(v, "section"), text_of(v, "from"));
	}
}

static void print_report(const json_t *r, enum cred_store store)
{
	const json_t *key = json_object_get(r, "key"), *issuer = json_object_get(r, "issuer");
	struct buf b = BUF_INIT;

	report_token_line(json_object_get(r, "token"), &b);
	printf("%-10s%s\n", "address", text_of(r, "url"));
	printf("%-10s%s\n", "profile", text_of(r, "profile"));
	printf("%-10s%s as %s, proven by %s\n", "grant", text_of(r, "grant"),
	       text_of(r, "clientId"), text_of(r, "clientAuth"));
	print_settings(json_object_get(r, "settings"));
	if (key != NULL)
		printf("%-10s\"%s\" (%s) on token \"%s\", SHA-256 of its public key %s\n", "key",
		       text_of(key, "label"), text_of(key, "algorithm"), text_of(key, "token"),
		       text_of(key, "spkiSha256"));
	if (key != NULL && text_of(key, "certificate")[0] != '\0')
		printf("%-10s%s, until %s\n", "", text_of(key, "certificate"),
		       text_of(key, "certificateEnds"));
	if (issuer != NULL)
		printf("%-10s%s, tokens from %s\n", "issuer", text_of(issuer, "name"),
		       text_of(issuer, "token"));
	printf("%-10s%s; kept %s\n", "token", buf_str(&b), verb_store_text(store));
	if (text_of(json_object_get(r, "token"), "note")[0] != '\0')
		printf("%-10s%s\n", "", text_of(json_object_get(r, "token"), "note"));
	print_list(json_object_get(r, "helpers"), "helpers");
	print_list(json_object_get(r, "problems"), "PROBLEM");
	if (json_array_size(json_object_get(r, "problems")) == 0)
		puts("No problem was found.");
	buf_free(&b);
}

static void examine(struct explain *e, bool offline)
{
	struct buf url = BUF_INIT;

	cred_url_format(&url, &e->ask->target);
	(void)json_object_set_new(e->report, "url", report_text(buf_str(&url)));
	buf_free(&url);
	explain_settings(e);
	explain_helpers(e);
	explain_remotes(e);
	(void)json_object_set_new(e->report, "token", report_token(e->ask));
	explain_key(e);
	if (!offline)
		explain_issuer(e);
	(void)json_object_set(e->report, "problems", e->problems);
}

static int explain(const char *url, bool offline, bool as_json, struct err *err)
{
	struct ask a;
	struct explain e = { .ask = &a, .origins = BUF_INIT };
	int r = verb_profile(url, &a, err);

	if (r != 0)
		return r;
	e.report = json_object();
	e.problems = json_array();
	examine(&e, offline);
	if (as_json)
		r = report_print(e.report, err);
	else
		print_report(e.report, a.store.kind);
	if (r == 0 && json_array_size(e.problems) > 0)
		r = err_set(err, ERR_CONFIG, "%zu problem%s", json_array_size(e.problems),
			    json_array_size(e.problems) == 1 ? "" : "s");
	json_decref(e.report);
	json_decref(e.problems);
	buf_free(&e.origins);
	ask_free(&a);
	return r;
}

int verb_explain(int argc, char **argv)
{
	bool as_json = false, offline = false;
	const struct opt opts[] = {
		{ 0, "json", NULL, "for programs", OPT_FLAG, &as_json },
		{ 0, "offline", NULL, "do not ask the issuer", OPT_FLAG, &offline },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "git-credential-hsm explain [--offline] [--json] URL",
		.summary =
			"Tells which profile holds for an address and why, which key proves who "
			"asks, who issues tokens and what is kept; and what is wrong: the order of "
			"helpers, paths that git does not send, http, clocks. No PIN is asked for.",
		.opts = opts,
		.epilogue =
			"  git-credential-hsm explain https://git.example.com/team/project.git\n",
		.args_min = 1,
		.args_max = 1,
	};
	struct err err = ERR_INIT;
	int r;

	if (!verb_options(&cmd, &argc, &argv, &r))
		return r;
	r = explain(argv[0], offline, as_json, &err);
	return r != 0 ? verb_failed(&err) : 0;
}
