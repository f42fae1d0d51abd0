/* oauth: JSON from servers, and an issuer's metadata. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/json.h"
#include "oauth/meta.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static json_t *good(const char *text)
{
	struct err e = ERR_INIT;
	json_t *v = NULL;

	ck_assert_msg(json_read(bytes_str(text), "x", false, &v, &e) == 0, "%s: %s", text, e.text);
	return v;
}

START_TEST(read_strictly)
{
	const struct {
		const char *text;
		size_t n;
		const char *why;
	} v[] = {
		{ "", 0, "empty" },
		{ "[]", 2, "no object" },
		{ "\"x\"", 3, "no good JSON" },
		{ "{", 1, "no good JSON" },
		{ "{}x", 3, "no good JSON" },
		{ "{\"a\":1,\"a\":2}", 13, "duplicate" },
		{ "{\"a\":\"\\u0000\"}", 14, "no good JSON" },
		{ "{\"a\":\"\xff\"}", 9, "no good JSON" },
		{ "{\"a\":\"\n\"}", 9, "no good JSON" },
		{ "{'a':1}", 7, "no good JSON" },
		{ "{\"a\":NaN}", 9, "no good JSON" },
		{ "{\"a\":1}\0", 8, "no good JSON" },
		{ "\xef\xbb\xbf{}", 5, "no good JSON" },
	};

	for (size_t i = 0; i < N(v); i++) {
		struct err e = ERR_INIT;
		json_t *o = NULL;

		ck_assert_msg(json_read(bytes_of(v[i].text, v[i].n), "x", false, &o, &e) ==
				      ERR_INPUT,
			      "%s", v[i].text);
		ck_assert_msg(strstr(e.text, v[i].why) != NULL, "%s: %s", v[i].text, e.text);
	}
	json_decref(good(" {\"a\" : \"\\u00e9\", \"b\":[{}]}\r\n"));
}
END_TEST

START_TEST(nesting)
{
	char text[200];
	struct err e = ERR_INIT;
	json_t *o = NULL;

	for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		size_t n = (size_t)depth - 1;

		memset(text, 0, sizeof(text));
		strncpy(text, "{\"a]\":", 8);
		memset(text + 6, '[', n);
		memset(text + 6 + n, ']', n);
		text[6 + 2 * n] = '}';
		ck_assert_int_eq(json_read(bytes_str(text), "x", false, &o, &e),
				 depth > JSON_DEPTH_MAX ? ERR_INPUT : 0);
		if (depth <= JSON_DEPTH_MAX)
			json_decref(o);
	}
}
END_TEST

/* The words of an error never show what the answer held. */
START_TEST(no_secret_in_errors)
{
	struct err e = ERR_INIT;
	json_t *o = NULL;

	ck_assert_int_eq(json_read(bytes_str("{\"access_token\":\"SENTINEL\" \"x\"}"), "x", false,
				   &o, &e),
			 ERR_INPUT);
	ck_assert_ptr_null(strstr(e.text, "SENTINEL"));
	ck_assert_int_eq(json_read(bytes_str("{\"SENTINEL\":1,\"SENTINEL\":2}"), "x", false, &o,
				   &e),
			 ERR_INPUT);
	ck_assert_ptr_null(strstr(e.text, "SENTINEL"));
}
END_TEST

START_TEST(members)
{
	json_t *o = good("{\"s\":\"abc\",\"n\":7,\"t\":\"8\",\"f\":3.9,\"neg\":-1,\"z\":null,"
			 "\"e\":\"\",\"big\":9000000000000000000}");
	struct err e = ERR_INIT;
	const char *s = NULL;
	int64_t n = 0;
	bool found;

	ck_assert_int_eq(json_text(o, "s", 3, &s, &e), 0);
	ck_assert_str_eq(s, "abc");
	ck_assert_int_eq(json_text(o, "s", 2, &s, &e), ERR_INPUT);
	ck_assert_int_eq(json_text(o, "n", 9, &s, &e), ERR_INPUT);
	ck_assert(json_text(o, "z", 9, &s, &e) == 0 && s == NULL);
	ck_assert(json_text(o, "absent", 9, &s, &e) == 0 && s == NULL);
	ck_assert_int_eq(json_need(o, "e", 9, &s, &e), ERR_INPUT);
	ck_assert_int_eq(json_need(o, "absent", 9, &s, &e), ERR_INPUT);
	ck_assert(json_number(o, "n", &n, &found, &e) == 0 && found && n == 7);
	ck_assert(json_number(o, "t", &n, &found, &e) == 0 && found && n == 8);
	ck_assert(json_number(o, "f", &n, &found, &e) == 0 && found && n == 3);
	ck_assert(json_number(o, "big", &n, &found, &e) == 0 && n == INT64_MAX / 4);
	ck_assert(json_number(o, "absent", &n, &found, &e) == 0 && !found);
	ck_assert_int_eq(json_number(o, "neg", &n, &found, &e), ERR_INPUT);
	ck_assert_int_eq(json_number(o, "s", &n, &found, &e), ERR_INPUT);
	json_decref(o);
}
END_TEST

/* --- metadata --------------------------------------------------------------------- */
#define ISS "\"issuer\":\"https://as.example/t\""
#define TOKEN "\"token_endpoint\":\"https://as.example/token\""

START_TEST(addresses)
{
	const char *const v[][3] = {
		{ "https://as.example", "https://as.example/.well-known/openid-configuration",
		  "https://as.example/.well-known/oauth-authorization-server" },
		{ "https://as.example/", "https://as.example/.well-known/openid-configuration",
		  "https://as.example/.well-known/oauth-authorization-server" },
		{ "https://as.example:81/a/b",
		  "https://as.example:81/a/b/.well-known/openid-configuration",
		  "https://as.example:81/.well-known/oauth-authorization-server/a/b" },
		{ "https://as.example/a/", "https://as.example/a/.well-known/openid-configuration",
		  "https://as.example/.well-known/oauth-authorization-server/a" },
	};

	for (size_t i = 0; i < N(v); i++) {
		char *oidc = oauth_meta_oidc_url(v[i][0]), *rfc = oauth_meta_rfc8414_url(v[i][0]);

		ck_assert_str_eq(oidc, v[i][1]);
		ck_assert_str_eq(rfc, v[i][2]);
		free(oidc);
		free(rfc);
	}
}
END_TEST

START_TEST(metadata)
{
	struct oauth_meta m;
	struct err e = ERR_INIT;

	ck_assert_int_eq(
		oauth_meta_parse(
			bytes_str(
				"{" ISS "," TOKEN
				",\"authorization_endpoint\":\"https://as.example/auth?x=1\","
				"\"revocation_endpoint\":\"https://other.example/r\","
				"\"authorization_response_iss_parameter_supported\":true,"
				"\"token_endpoint_auth_signing_alg_values_supported\":[\"ES256\"],"
				"\"mtls_endpoint_aliases\":{\"token_endpoint\":\"https://"
				"m.example\"}}"),
			"https://as.example/t", false, &m, &e),
		0);
	ck_assert_str_eq(m.token, "https://as.example/token");
	ck_assert_str_eq(m.authorization, "https://as.example/auth?x=1");
	ck_assert_str_eq(m.revocation, "https://other.example/r");
	ck_assert_ptr_null(m.device);
	ck_assert(m.sends_iss && m.algs != NULL);
	oauth_meta_free(&m);
	ck_assert_int_eq(
		oauth_meta_parse(bytes_str("{" ISS "," TOKEN ",\"mtls_endpoint_aliases\":{\"token_"
							     "endpoint\":\"https://m.example\"}}"),
				 "https://as.example/t", true, &m, &e),
		0);
	ck_assert_str_eq(m.token, "https://m.example");
	ck_assert(!m.sends_iss && m.algs == NULL);
	oauth_meta_free(&m);
}
END_TEST

START_TEST(metadata_refused)
{
	const struct {
		const char *text, *why;
	} v[] = {
		{ "{" TOKEN "}", "issuer is missing" },
		{ "{\"issuer\":7," TOKEN "}", "issuer is not a string" },
		{ "{\"issuer\":\"https://as.example/t/\"," TOKEN "}", "calls itself" },
		{ "{\"issuer\":\"https://AS.example/t\"," TOKEN "}", "calls itself" },
		{ "{\"issuer\":\"https://evil.example\x1b[0m\"," TOKEN "}", "no good JSON" },
		{ "{\"issuer\":\"https://evil.example\\u001b\"," TOKEN "}", "example\\x1b" },
		{ "{" ISS "}", "no token_endpoint" },
		{ "{" ISS ",\"token_endpoint\":\"http://as.example\"}", "no https:// URL" },
		{ "{" ISS ",\"token_endpoint\":\"https://u@as.example\"}", "no https:// URL" },
		{ "{" ISS ",\"token_endpoint\":\"https://as.example/\\n\"}", "no https:// URL" },
		{ "{" ISS "," TOKEN ",\"authorization_endpoint\":\"javascript:x\"}",
		  "authorization_endpoint is no https:// URL" },
		{ "{" ISS "," TOKEN ",\"device_authorization_endpoint\":\"file:///x\"}",
		  "device_authorization_endpoint is no" },
		{ "{" ISS "," TOKEN ",\"issuer\":\"https://as.example/t\"}", "duplicate" },
	};

	for (size_t i = 0; i < N(v); i++) {
		struct oauth_meta m;
		struct err e = ERR_INIT;

		ck_assert_msg(oauth_meta_parse(bytes_str(v[i].text), "https://as.example/t", false,
					       &m, &e) == ERR_INPUT,
			      "%s", v[i].text);
		ck_assert_msg(strstr(e.text, v[i].why) != NULL, "%s: %s", v[i].text, e.text);
	}
}
END_TEST

START_TEST(known_products)
{
	struct oauth_meta m;
	struct err e = ERR_INIT;

	ck_assert_int_eq(oauth_meta_get(NULL, CRED_GITHUB, "https://github.com", false, 0, &m, &e),
			 0);
	ck_assert_str_eq(m.token, "https://github.com/login/oauth/access_token");
	ck_assert_str_eq(m.device, "https://github.com/login/device/code");
	oauth_meta_free(&m);
	ck_assert_int_eq(
		oauth_meta_get(NULL, CRED_GITLAB, "https://g.example/git/", false, 0, &m, &e), 0);
	ck_assert_str_eq(m.device, "https://g.example/git/oauth/authorize_device");
	ck_assert_str_eq(m.revocation, "https://g.example/git/oauth/revoke");
	oauth_meta_free(&m);
	ck_assert_int_eq(oauth_meta_get(NULL, CRED_GITEA, "https://t.example", false, 0, &m, &e),
			 0);
	ck_assert_str_eq(m.authorization, "https://t.example/login/oauth/authorize");
	ck_assert_ptr_null(m.device);
	oauth_meta_free(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oauth_json");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, read_strictly);
	tcase_add_test(t, nesting);
	tcase_add_test(t, no_secret_in_errors);
	tcase_add_test(t, members);
	tcase_add_test(t, addresses);
	tcase_add_test(t, metadata);
	tcase_add_test(t, metadata_refused);
	tcase_add_test(t, known_products);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
