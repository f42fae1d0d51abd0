/* cred: which URL a token is for. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cred/url.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct cred_url parsed(const char *text)
{
	struct cred_url u;
	struct err e = ERR_INIT;

	ck_assert_msg(cred_url_parse(text, &u, &e) == 0, "%s: %s", text, e.text);
	return u;
}

START_TEST(one_form)
{
	const char *const v[][2] = {
		{ "https://GitHub.com", "https://github.com" },
		{ "https://github.com:443/", "https://github.com" },
		{ "https://github.com:8443/a/", "https://github.com:8443/a" },
		{ "http://h:80/a%2Db", "http://h/a-b" },
		{ "http://h:443", "http://h:443" },
		{ "https://alice@h/a b", "https://alice@h/a%20b" },
		{ "https://a%40b@h", "https://a%40b@h" },
		{ "https://[::1]:8443/x", "https://[::1]:8443/x" },
		{ "https://[FE80::1]", "https://[fe80::1]" },
		{ "https://xn--bcher-kva.example", "https://xn--bcher-kva.example" },
		{ "https://h/a/..b/.c/d", "https://h/a/..b/.c/d" },
	};

	for (size_t i = 0; i < N(v); i++) {
		struct cred_url u = parsed(v[i][0]);
		struct buf b = BUF_INIT;

		cred_url_format(&b, &u);
		ck_assert_str_eq(buf_str(&b), v[i][1]);
		buf_free(&b);
		cred_url_free(&u);
	}
}
END_TEST

START_TEST(refused)
{
	const char *const v[] = {
		"",
		"github.com",
		"ssh://h",
		"HTTPS://h",
		"https:///a",
		"https://",
		"https://:443",
		"https://h:0",
		"https://h:65536",
		"https://h:-1",
		"https://h:44x",
		"https://h:",
		"https://a:pw@h",
		"https://@h",
		"https://a%00@h",
		"https://a%0a@h",
		"https://h?q",
		"https://h/a?q",
		"https://h#f",
		"https://*.h",
		"https://.h",
		"https://h.",
		"https://a..b",
		"https://-h",
		"https://h%2e",
		"https://z\xc3\xbcri",
		"https://h\\evil",
		"https://h/a\\b",
		"https://h/a%00",
		"https://h/a%0ab",
		"https://h/../a",
		"https://h/a/..",
		"https://h/a/./b",
		"https://h/a//b",
		"https://h/%2e%2e/a",
		"https://h/a%2f..%2fb",
		"https://h/a%zz",
		"https://h/a%2",
		"https://[::1",
		"https://[]",
		"https://[::1]x",
		"https://[::g]",
		"https://::1",
		"https://h x",
		"https://h\tx",
	};

	for (size_t i = 0; i < N(v); i++) {
		struct cred_url u;
		struct err e = ERR_INIT;

		ck_assert_msg(cred_url_parse(v[i], &u, &e) == ERR_USAGE, "%s", v[i]);
	}
}
END_TEST

static bool asked(const char *host, const char *path, struct cred_url *ret)
{
	struct err e = ERR_INIT;
	int r = cred_url_request(true, host, path, NULL, ret, &e);

	ck_assert(r == 0 || r == ERR_INPUT);
	return r == 0;
}

/* Hosts that are made to look like one with a profile. */
START_TEST(requests)
{
	const char *const odd[] = {
		"",
		"github.com@evil",
		"github.com/evil",
		"github.com?",
		"github.com#",
		"evil@github.com",
		"github.com:443:1",
		"github.com:",
		"github.com:0443x",
		"g\xc3\xadthub.com",
		"github.com.",
		"github.com%2eevil",
		"*.com",
		"github.com evil",
		"github.com\\evil",
		"github.com:0",
	};
	struct cred_url u, section = parsed("https://github.com");

	for (size_t i = 0; i < N(odd); i++)
		ck_assert_msg(!asked(odd[i], NULL, &u), "%s", odd[i]);
	ck_assert(asked("GitHub.com:443", NULL, &u));
	ck_assert_uint_gt(cred_url_covers(&section, &u), 0);
	cred_url_free(&u);
	ck_assert(asked("github.com.evil", NULL, &u));
	ck_assert_uint_eq(cred_url_covers(&section, &u), 0);
	cred_url_free(&u);
	ck_assert(!asked("github.com", "org1/../org2", &u));
	ck_assert(!asked("github.com", "org1//x", &u));
	ck_assert(asked("github.com", "org1/x.git/", &u));
	ck_assert_str_eq(u.path, "org1/x.git");
	cred_url_free(&u);
	cred_url_free(&section);
}
END_TEST

static unsigned covers(const char *section, const char *target)
{
	struct cred_url s = parsed(section), t = parsed(target);
	unsigned n = cred_url_covers(&s, &t);

	cred_url_free(&s);
	cred_url_free(&t);
	return n;
}

START_TEST(covering)
{
	ck_assert_uint_gt(covers("https://h", "https://h/a/b"), 0);
	ck_assert_uint_gt(covers("https://h/a", "https://h/a"), 0);
	ck_assert_uint_gt(covers("https://h/a", "https://h/a/b"),
			  covers("https://h", "https://h/a/b"));
	ck_assert_uint_gt(covers("https://u@h", "https://u@h"), covers("https://h", "https://u@h"));
	ck_assert_uint_gt(covers("https://h/a", "https://u@h/a"),
			  covers("https://u@h", "https://u@h/a"));
	ck_assert_uint_eq(covers("https://h/org1", "https://h/org1x"), 0);
	ck_assert_uint_eq(covers("https://h/org1", "https://h/org"), 0);
	ck_assert_uint_eq(covers("https://h/A", "https://h/a"), 0);
	ck_assert_uint_eq(covers("https://h/a", "https://h"), 0);
	ck_assert_uint_eq(covers("https://u@h", "https://h"), 0);
	ck_assert_uint_eq(covers("https://u@h", "https://v@h"), 0);
	ck_assert_uint_eq(covers("https://h", "http://h"), 0);
	ck_assert_uint_eq(covers("https://h", "https://h:444"), 0);
	ck_assert_uint_eq(covers("https://h", "https://x.h"), 0);
}
END_TEST

START_TEST(endpoints)
{
	const char *const good[] = { "https://h/token", "https://h:8443/t?tenant=a%20b",
				     "https://h", "https://[::1]:1/t", "https://h?x" };
	const char *const bad[] = { "http://h/t",    "https://",      "https://u@h/t",
				    "https://h/t#f", "https://h/a b", "https://h/\n",
				    "https://h\\x/", "HTTPS://h/",    "https://h:99999/",
				    "https:///t",    "ftp://h/",      "https://h/\xc3\xa9" };
	char *long_one = malloc(4096);
	char *origin = cred_endpoint_origin("https://H.example:8443/a?b");

	for (size_t i = 0; i < N(good); i++)
		ck_assert_msg(cred_endpoint_ok(good[i]), "%s", good[i]);
	for (size_t i = 0; i < N(bad); i++)
		ck_assert_msg(!cred_endpoint_ok(bad[i]), "%s", bad[i]);
	ck_assert_str_eq(origin, "https://h.example:8443");
	free(origin);
	origin = cred_endpoint_origin("http://h/");
	ck_assert_str_eq(origin, "");
	free(origin);
	memset(long_one, 'a', 2049);
	memcpy(long_one, "https://h/", 10);
	long_one[2048] = '\0';
	ck_assert(cred_endpoint_ok(long_one));
	memcpy(long_one + 2048, "a", 2);
	ck_assert(!cred_endpoint_ok(long_one));
	free(long_one);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cred_url");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, one_form);
	tcase_add_test(t, refused);
	tcase_add_test(t, requests);
	tcase_add_test(t, covering);
	tcase_add_test(t, endpoints);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
