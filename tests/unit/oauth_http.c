/* oauth: headers, forms, and which of git's http.* hold; requests are t4200's. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "oauth/http_internal.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */

static struct http_answer line(const char *text)
{
	struct http_answer a = { .retry_ms = -1 };

	http_header_line(&a, bytes_str(text), NOW);
	return a;
}

START_TEST(headers)
{
	ck_assert(line("Content-Type: application/json\r\n").json);
	ck_assert(line("content-type:application/json; charset=utf-8\r\n").json);
	ck_assert(line("Content-Type: Application/Problem+JSON").json);
	ck_assert(!line("Content-Type: text/html\r\n").json);
	ck_assert(!line("Content-Type: application/jsonx\r\n").json);
	ck_assert(!line("Content-Type: text/x+json\r\n").json);
	ck_assert(!line("X-Content-Type: application/json\r\n").json);
	ck_assert_int_eq(line("Retry-After: 3\r\n").retry_ms, 3000);
	ck_assert_int_eq(line("Retry-After: 99999999999\r\n").retry_ms, 86400000);
	ck_assert_int_eq(line("Retry-After: 99999999999999999999\r\n").retry_ms, 86400000);
	ck_assert_int_eq(line("Retry-After: -3\r\n").retry_ms, -1);
	ck_assert_int_eq(line("Retry-After: \r\n").retry_ms, -1);
	ck_assert_int_eq(line("Retry-After: soon\r\n").retry_ms, -1);
	ck_assert_int_eq(line("Retry-After: Tue, 14 Nov 2023 22:13:22 GMT\r\n").retry_ms, 2000);
	ck_assert_int_eq(line("Retry-After: Tue, 14 Nov 2023 22:13:00 GMT\r\n").retry_ms, 0);
	ck_assert_int_eq(line("Date: Tue, 14 Nov 2023 22:13:00 GMT\r\n").ahead, 20);
	ck_assert(line("Date: Tue, 14 Nov 2023 22:13:00 GMT\r\n").has_date);
	ck_assert(!line("Date: yesterday\r\n").has_date);
	ck_assert(!line("Date:\r\n").has_date);
	ck_assert(!line("no colon\r\n").has_date);
	ck_assert(!line("").has_date);
}
END_TEST

/* Of several answers to one request (a proxy's to CONNECT, 103, 200) the last one counts. */
START_TEST(later_answers)
{
	const char *const first[] = { "HTTP/1.1 103 Early Hints\r\n",
				      "Content-Type: application/json\r\n", "Retry-After: 3\r\n",
				      "Date: Tue, 14 Nov 2023 22:13:00 GMT\r\n", "\r\n" };
	struct http_answer a = { .retry_ms = -1 };

	for (size_t i = 0; i < N(first); i++)
		http_header_line(&a, bytes_str(first[i]), NOW);
	ck_assert(a.json && a.has_date && a.retry_ms == 3000 && a.ahead == 20);
	http_header_line(&a, bytes_str("HTTP/2 200\r\n"), NOW);
	ck_assert(!a.json && !a.has_date && a.retry_ms == -1 && a.ahead == 0);
	http_header_line(&a, bytes_str("HTTP/1.1 200 Date: x\r\n"), NOW);
	http_header_line(&a, bytes_str("content-type: application/json\r\n"), NOW);
	ck_assert(a.json && !a.has_date);
}
END_TEST

START_TEST(forms)
{
	struct secret form = SECRET_NONE;
	struct buf url = BUF_INIT;

	http_form_add(&form, "a", "x y&z=1");
	http_form_add(&form, "none", NULL);
	http_form_add(&form, "empty", "");
	http_form_add(&form, "b", "\xc3\xa9-._~");
	ck_assert_str_eq(form.p, "a=x%20y%26z%3D1&b=%C3%A9-._~");
	buf_add_str(&url, "https://h/p");
	http_query_add(&url, "q", "1");
	http_query_add(&url, "r", NULL);
	http_query_add(&url, "s", "#");
	ck_assert_str_eq(buf_str(&url), "https://h/p?q=1&s=%23");
	secret_free(&form);
	buf_free(&url);
}
END_TEST

static struct gitconf conf = GITCONF_INIT;

static const char *setting(const char *text, const char *url, const char *name)
{
	struct err e = ERR_INIT;

	gitconf_free(&conf);
	ck_assert_msg(gitconf_parse(&conf, bytes_str(text), "test", &e) == 0, "%s", e.text);
	return http_setting(&conf, url, name);
}

START_TEST(settings)
{
	const char *text =
		"[http]\nproxy = all\n[http \"https://h\"]\nproxy = host\n"
		"[http \"https://h/a\"]\nproxy = path\n[http \"https://h\"]\nproxy = last\n"
		"[http \"https://*.h\"]\nproxy = pattern\n[other]\nproxy = o\n";

	ck_assert_str_eq(setting(text, "https://h/", "proxy"), "last");
	ck_assert_str_eq(setting(text, "https://h:443/b?c=d", "PROXY"), "last");
	ck_assert_str_eq(setting(text, "https://h/a/b", "proxy"), "path");
	ck_assert_str_eq(setting(text, "https://other/", "proxy"), "all");
	ck_assert_str_eq(setting(text, "https://x.h/", "proxy"), "all");
	ck_assert_ptr_null(setting(text, "https://h/", "sslCAInfo"));
	/* An endpoint need not have a path that a profile's URL could have. */
	ck_assert_str_eq(setting(text, "https://h//a", "proxy"), "last");
	ck_assert_str_eq(setting(text, "https://h/a/../b%zz", "proxy"), "last");
	ck_assert_str_eq(setting(text, "https://other/%00", "proxy"), "all");
	ck_assert_ptr_null(setting(text, "http://h//a", "proxy"));
	gitconf_free(&conf);
}
END_TEST

static int apply(const char *text, const char *url, struct err *e)
{
	CURL *c = curl_easy_init();
	int r;

	(void)setting(text, url, "x");
	r = http_apply(c, &conf, url, e);
	curl_easy_cleanup(c);
	gitconf_free(&conf);
	return r;
}

START_TEST(never_unverified)
{
	struct err e = ERR_INIT;
	const char *const off[] = { "false", "no", "OFF",    "0",  "",    "00", "0x0",
				    "+0",    "-0", "\" 0\"", "0k", "0b0", "1x", "maybe" };
	const char *const on[] = { "true", "YES", "on", "1", "2k" };
	char text[80];

	unsetenv("GIT_SSL_NO_VERIFY");
	for (size_t i = 0; i < N(off); i++) {
		snprintf(text, sizeof(text), "[http]\nsslVerify = %s\n", off[i]);
		ck_assert_int_eq(apply(text, "https://as/", &e), ERR_CONFIG);
		ck_assert_ptr_nonnull(strstr(e.text, "http.sslCAInfo"));
	}
	for (size_t i = 0; i < N(on); i++) {
		snprintf(text, sizeof(text), "[http]\nsslVerify = %s\n", on[i]);
		ck_assert_int_eq(apply(text, "https://as/", &e), 0);
	}
	ck_assert_int_eq(apply("[http]\nsslVerify = false\n", "https://as//t", &e), ERR_CONFIG);
	ck_assert_int_eq(apply("[http]\nsslVerify\n", "https://as/", &e), 0);
	ck_assert_int_eq(apply("[http \"https://git\"]\nsslVerify = false\n", "https://as/", &e),
			 0);
	ck_assert_int_eq(
		apply("[http]\nsslVerify = false\n[http \"https://as\"]\nsslVerify = true\n",
		      "https://as/", &e),
		0);
	setenv("GIT_SSL_NO_VERIFY", "", 1);
	ck_assert_int_eq(apply("", "https://as/", &e), ERR_CONFIG);
	unsetenv("GIT_SSL_NO_VERIFY");
	ck_assert_int_eq(apply("", "https://as/", &e), 0);
}
END_TEST

START_TEST(retries)
{
	struct http_answer busy = { .status = 429, .retry_ms = 0 };
	int64_t soon = os_monotonic_ms() + 5000;

	ck_assert(http_wait_retry(&busy, soon));
	busy.retry_ms = 6000; /* later than the deadline */
	ck_assert(!http_wait_retry(&busy, soon));
	busy.retry_ms = HTTP_WAIT_MAX_MS + 1;
	ck_assert(!http_wait_retry(&busy, soon + 1000000));
	busy = (struct http_answer){ .status = 500, .retry_ms = 0 };
	ck_assert(!http_wait_retry(&busy, soon));
}
END_TEST

START_TEST(only_https)
{
	const char *const v[] = { "http://h/", "file:///etc/passwd", "https://u@h/", "https://",
				  "" };
	struct http *h;
	struct err e = ERR_INIT;
	struct http_answer a;

	ck_assert_int_eq(http_new(&conf, NULL, &h, &e), 0);
	for (size_t i = 0; i < N(v); i++) {
		struct http_request rq = { .method = "GET",
					   .url = v[i],
					   .deadline_ms = os_monotonic_ms() + 5000 };

		ck_assert_msg(http_do(h, &rq, &a, &e) == ERR_INPUT, "%s", v[i]);
	}
	http_free(h);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oauth_http");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, headers);
	tcase_add_test(t, later_answers);
	tcase_add_test(t, forms);
	tcase_add_test(t, settings);
	tcase_add_test(t, never_unverified);
	tcase_add_test(t, retries);
	tcase_add_test(t, only_https);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
