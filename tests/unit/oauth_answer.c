/* oauth: what a token endpoint answers, and what a browser brings back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/answer.h"
#include "oauth/json.h"
#include "oauth/loopback.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1700000000

static int answer(const char *text, struct cred_tokens *t, struct err *e)
{
	json_t *o = NULL;
	int r = json_read(bytes_str(text), "x", false, &o, e);

	if (r == 0)
		r = oauth_answer_read(o, NOW, t, e);
	json_decref(o);
	return r;
}

START_TEST(tokens)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct err e = ERR_INIT;

	ck_assert_int_eq(
		answer("{\"access_token\":\"a~!\",\"token_type\":\"bEARER\",\"x\":[]}", &t, &e), 0);
	ck_assert_str_eq(t.access.p, "a~!");
	ck_assert(t.refresh.p == NULL && t.expires == 0 && t.issued == NOW && t.bearer);
	cred_tokens_free(&t);
	ck_assert_int_eq(
		answer("{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60,"
		       "\"refresh_token\":\"r\",\"refresh_token_expires_in\":\"120\","
		       "\"scope\":\"x \\u001b\"}",
		       &t, &e),
		0);
	ck_assert_str_eq(t.refresh.p, "r");
	ck_assert_int_eq(t.expires, NOW + 60);
	ck_assert_int_eq(t.refresh_expires, NOW + 120);
	ck_assert_str_eq(t.scope, "x \\x1b");
	cred_tokens_free(&t);
}
END_TEST

/* Keycloak's offline tokens: 0 seconds, and good until they are revoked. */
START_TEST(offline_tokens)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct err e = ERR_INIT;

	ck_assert_int_eq(
		answer("{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60,"
		       "\"refresh_token\":\"r\",\"refresh_expires_in\":0}",
		       &t, &e),
		0);
	ck_assert_int_eq(t.refresh_expires, 0);
	ck_assert(cred_tokens_can_refresh(&t, NOW + 86400));
	cred_tokens_free(&t);
	ck_assert_int_eq(
		answer("{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":0,"
		       "\"refresh_token\":\"r\",\"refresh_expires_in\":1}",
		       &t, &e),
		0);
	ck_assert_int_eq(t.expires, NOW); /* an access token's is what it says */
	ck_assert(!cred_tokens_can_refresh(&t, NOW + 86400));
	cred_tokens_free(&t);
}
END_TEST

START_TEST(no_tokens)
{
	const char *const v[] = {
		"{}",
		"{\"access_token\":\"a\"}",
		"{\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"\",\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a b\",\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\\n\",\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"\\u00e9\",\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\",\"token_type\":\"mac\"}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":-1}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"refresh_token\":\"\\r\"}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"refresh_token\":7}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"scope\":7}",
	};

	for (size_t i = 0; i < N(v); i++) {
		struct cred_tokens t = CRED_TOKENS_NONE;
		struct err e = ERR_INIT;

		ck_assert_msg(answer(v[i], &t, &e) == ERR_INPUT, "%s", v[i]);
		ck_assert_ptr_null(t.access.p);
	}
}
END_TEST

static json_t *parsed(const char *text)
{
	struct err e = ERR_INIT;
	json_t *o = NULL;

	ck_assert_msg(json_read(bytes_str(text), "x", false, &o, &e) == 0, "%s", e.text);
	return o;
}

#define DEVICE "\"device_code\":\"d\",\"user_code\":\"A-B\""
#define URI "\"verification_uri\":\"https://h/d\""

START_TEST(devices)
{
	const struct {
		const char *text;
		int lives, interval;
	} v[] = {
		{ "{" DEVICE "," URI ",\"expires_in\":900}", 900, 5 },
		{ "{" DEVICE "," URI ",\"expires_in\":\"900\",\"interval\":7}", 900, 7 },
		{ "{" DEVICE "," URI ",\"expires_in\":1e14,\"interval\":0}", 86400, 5 },
		{ "{" DEVICE "," URI ",\"expires_in\":0,\"interval\":9000000000}", 0, 120 },
	};

	for (size_t i = 0; i < N(v); i++) {
		struct oauth_device d;
		struct err e = ERR_INIT;
		json_t *o = parsed(v[i].text);

		ck_assert_msg(oauth_device_read(o, &d, &e) == 0, "%s", e.text);
		ck_assert_str_eq(d.code, "d");
		ck_assert_str_eq(d.user_code, "A-B");
		ck_assert_str_eq(d.uri, "https://h/d");
		ck_assert_ptr_null(d.uri_complete);
		ck_assert_int_eq(d.lives_s, v[i].lives);
		ck_assert_int_eq(d.interval_s, v[i].interval);
		json_decref(o);
	}
}
END_TEST

START_TEST(no_devices)
{
	const char *const v[] = {
		"{" DEVICE "," URI "}",
		"{" DEVICE "," URI ",\"expires_in\":-1}",
		"{" DEVICE "," URI ",\"expires_in\":9,\"interval\":\"x\"}",
		"{" DEVICE ",\"expires_in\":9}",
		"{" URI ",\"user_code\":\"A\",\"expires_in\":9}",
		"{" URI ",\"device_code\":\"d\",\"expires_in\":9}",
		"{" DEVICE ",\"verification_uri\":\"http://h\",\"expires_in\":9}",
		"{" DEVICE ",\"verification_uri\":\"https://h\\n\",\"expires_in\":9}",
		"{" DEVICE "," URI ",\"verification_uri_complete\":\"x:\",\"expires_in\":9}",
	};

	for (size_t i = 0; i < N(v); i++) {
		struct oauth_device d;
		struct err e = ERR_INIT;
		json_t *o = parsed(v[i]);

		ck_assert_msg(oauth_device_read(o, &d, &e) == ERR_INPUT, "%s", v[i]);
		json_decref(o);
	}
}
END_TEST

static int installation(const char *token, const char *until, int64_t ahead, int64_t *expires)
{
	char *text = xasprintf("{\"token\":\"%s\",\"expires_at\":\"%s\"}", token, until);
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct err e = ERR_INIT;
	json_t *o = parsed(text);
	int r = oauth_installation_read(o, NOW, ahead, &t, &e);

	ck_assert(r == 0 ? strcmp(t.access.p, token) == 0 && !t.bearer && t.issued == NOW
			 : t.access.p == NULL);
	*expires = t.expires;
	cred_tokens_free(&t);
	json_decref(o);
	free(text);
	return r;
}

/* A time of 0 or less would read as none: a token that is good for ever. */
START_TEST(installations)
{
	const char *when = "2023-11-14T23:13:20Z";
	int64_t expires;

	ck_assert_int_eq(installation("ghs_x", when, 0, &expires), 0);
	ck_assert_int_eq(expires, NOW + 3600);
	ck_assert_int_eq(installation("ghs_x", when, -60, &expires), 0);
	ck_assert_int_eq(expires, NOW + 3540);
	ck_assert_int_eq(installation("a b", when, 0, &expires), ERR_INPUT);
	ck_assert_int_eq(installation("", when, 0, &expires), ERR_INPUT);
	ck_assert_int_eq(installation("ghs_x", "", 0, &expires), ERR_INPUT);
	ck_assert_int_eq(installation("ghs_x", "in an hour", 0, &expires), ERR_INPUT);
	ck_assert_int_eq(installation("ghs_x", "1970-01-01T00:00:01Z", 0, &expires), 0);
	ck_assert_int_eq(installation("ghs_x", "1970-01-01T00:00:00Z", 0, &expires), ERR_INPUT);
	ck_assert_int_eq(installation("ghs_x", "1960-01-01T00:00:00Z", 0, &expires), ERR_INPUT);
	ck_assert_int_eq(installation("ghs_x", when, -(NOW + 3600), &expires), ERR_INPUT);
}
END_TEST

/* What comes to the loopback port, of which only the first line counts. */
START_TEST(requests)
{
	const struct {
		const char *text, *query;
	} v[] = {
		{ "GET /cb?code=a&state=s HTTP/1.1\r\nHost: h\r\n\r\n", "code=a&state=s HTTP/1.1" },
		{ "GET /cb?", "" },
		{ "GET /cb HTTP/1.1\r\n\r\n", NULL },
		{ "GET /cbx?code=a HTTP/1.1\r\n\r\n", NULL },
		{ "GET /?code=a HTTP/1.1\r\n\r\n", NULL },
		{ "get /cb?code=a HTTP/1.1\r\n\r\n", NULL },
		{ "POST /cb?code=a HTTP/1.1\r\n\r\n", NULL },
		{ "GET /\r\n/cb?code=a", NULL },
		{ "GET ", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < N(v); i++) {
		struct buf b = BUF_INIT;
		struct bytes q;

		buf_add_str(&b, v[i].text);
		ck_assert_msg(loopback_query(&b, "/cb", &q) == (v[i].query != NULL), "%s",
			      v[i].text);
		if (v[i].query != NULL)
			ck_assert_msg(bytes_eq_str(q, v[i].query), "%s", v[i].text);
		buf_free(&b);
	}
}
END_TEST

START_TEST(queries)
{
	struct loopback_answer a;

	ck_assert(loopback_parse(bytes_str("code=a%2Bb+c&state=s&x=%zz&iss=https%3A%2F%2Fh#frag"),
				 &a));
	ck_assert_str_eq(a.code, "a+b c");
	ck_assert_str_eq(a.state, "s");
	ck_assert_str_eq(a.iss, "https://h");
	ck_assert(a.error == NULL && a.description == NULL);
	loopback_answer_free(&a);
	ck_assert(loopback_parse(bytes_str("error=e&error_description=&state HTTP/1.1"), &a));
	ck_assert_str_eq(a.error, "e");
	ck_assert_str_eq(a.description, "");
	ck_assert_str_eq(a.state, "");
	loopback_answer_free(&a);
	ck_assert(loopback_parse(BYTES_NONE, &a) && a.code == NULL);
}
END_TEST

START_TEST(queries_refused)
{
	const char *const v[] = { "code=a&code=a", "state=%", "state=%4",  "state=%0a",
				  "code=%00",      "iss=%7f", "error=%gg", "state=a&x=y&state=b" };
	struct loopback_answer a;

	for (size_t i = 0; i < N(v); i++)
		ck_assert_msg(!loopback_parse(bytes_str(v[i]), &a), "%s", v[i]);
}
END_TEST

START_TEST(ports)
{
	const struct {
		const char *redirect, *begin, *end;
	} v[] = {
		{ "http://127.0.0.1/cb", "http://127.0.0.1:", "/cb" },
		{ "http://localhost:0/", "http://localhost:", "/" },
	};
	struct loopback *one, *two;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < N(v); i++) {
		const char *uri;

		ck_assert_int_eq(loopback_open(v[i].redirect, &one, &e), 0);
		uri = loopback_uri(one);
		ck_assert(strncmp(uri, v[i].begin, strlen(v[i].begin)) == 0);
		ck_assert_str_eq(uri + strlen(uri) - strlen(v[i].end), v[i].end);
		/* Its port is taken: nobody else can wait there. */
		ck_assert_int_eq(loopback_open(uri, &two, &e), ERR_IO);
		loopback_free(one);
	}
	ck_assert_int_eq(loopback_open("http://127.0.0.1:99999/", &one, &e), ERR_CONFIG);
	ck_assert_int_eq(loopback_open("http://127.0.0.1", &one, &e), ERR_CONFIG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oauth_answer");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, tokens);
	tcase_add_test(t, offline_tokens);
	tcase_add_test(t, no_tokens);
	tcase_add_test(t, devices);
	tcase_add_test(t, no_devices);
	tcase_add_test(t, installations);
	tcase_add_test(t, requests);
	tcase_add_test(t, queries);
	tcase_add_test(t, queries_refused);
	tcase_add_test(t, ports);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
