/* base: errors, memory, buffers, text. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(err_texts)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(err_set(&e, ERR_REPO, "line %d\nnext\x1b[2J\x7f\xc2\x9b", 1), ERR_REPO);
	ck_assert_str_eq(e.text, "line 1\nnext?[2J???");
	ck_assert_int_eq(err_prefix(&e, "file %s", "x"), ERR_REPO);
	ck_assert_str_eq(e.text, "file x: line 1\nnext?[2J???");
	/* The arguments may be the text itself. */
	err_set(&e, ERR_KEY, "again: %s", e.text);
	ck_assert_str_eq(e.text, "again: file x: line 1\nnext?[2J???");
	errno = ENOENT;
	ck_assert_int_eq(err_errno(&e, ERR_IO, "cannot open %s", "y"), ERR_IO);
	ck_assert_str_eq(e.text, "cannot open y: No such file or directory");
	ck_assert_int_eq(err_set(NULL, ERR_PIN, "x"), ERR_PIN);
	ck_assert_str_ne(err_code_text(ERR_PIN), err_code_text(ERR_TOKEN));
	ck_assert_ptr_nonnull(err_code_text((enum err_code)99));
}
END_TEST

/* A long text is cut between characters. */
START_TEST(err_cut)
{
	for (size_t pad = 0; pad < 4; pad++) {
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;
		size_t n;

		for (size_t i = 0; i < pad; i++)
			buf_add_byte(&b, 'a');
		while (b.n < 2 * ERR_TEXT_MAX)
			buf_add_str(&b, "\xe2\x82\xac");
		err_set(&e, ERR_BAD, "%s", buf_str(&b));
		n = strlen(e.text);
		ck_assert_uint_lt(n, ERR_TEXT_MAX);
		ck_assert_uint_gt(n, ERR_TEXT_MAX - 5);
		ck_assert_uint_eq((n - pad) % 3, 0);
		buf_free(&b);
	}
}
END_TEST

START_TEST(buffers)
{
	struct buf b = BUF_INIT;
	char *s;

	ck_assert_str_eq(buf_str(&b), "");
	buf_addf(&b, "%s-%d", "a", 7);
	ck_assert_str_eq(buf_str(&b), "a-7");
	buf_addf(&b, "%0200d", 1);
	ck_assert_uint_eq(b.n, 203);
	ck_assert_uint_eq(strlen(buf_str(&b)), 203);
	buf_clear(&b);
	ck_assert_str_eq(buf_str(&b), "");
	for (int i = 0; i < 1000; i++) {
		buf_add_byte(&b, 'x');
		ck_assert_uint_eq(b.p[b.n], 0);
	}
	buf_add(&b, NULL, 0);
	memset(buf_reserve(&b, 5), 'y', 5);
	b.n += 5;
	ck_assert_uint_eq(strlen(buf_str(&b)), 1005);
	s = buf_detach(&b);
	ck_assert_uint_eq(strlen(s), 1005);
	ck_assert_ptr_null(b.p);
	free(s);
	s = buf_detach(&b);
	ck_assert_str_eq(s, "");
	free(s);
}
END_TEST

static int status_of(void (*fn)(void))
{
	pid_t pid = fork();
	int st = 0;

	if (pid == 0) {
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static void reserve_too_much(void)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, "x");
	buf_reserve(&b, BUF_MAX);
}

static void reserve_wrapping(void)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, "x");
	buf_reserve(&b, SIZE_MAX);
}

static void array_wrapping(void)
{
	volatile size_t count = SIZE_MAX / 4 + 2;

	free(xreallocarray(NULL, count, 8));
}

START_TEST(out_of_bounds_ends)
{
	ck_assert_int_eq(status_of(reserve_too_much), ERR_INTERNAL);
	ck_assert_int_eq(status_of(reserve_wrapping), ERR_INTERNAL);
	ck_assert_int_eq(status_of(array_wrapping), ERR_INTERNAL);
}
END_TEST

/* A secret is not in a child's memory. */
START_TEST(secrets)
{
	struct secret s;
	pid_t pid;
	int st = 0;

	ck_assert_int_eq(secret_new(&s), 0);
	ck_assert_uint_eq(s.cap, SECRET_MAX);
	memset(s.p, 'p', s.cap);
	ck_assert_int_eq(s.p[s.cap], 0);
	pid = fork();
	if (pid == 0)
		_exit(s.p[0] == 0 && s.p[s.cap - 1] == 0 ? 0 : 1);
	waitpid(pid, &st, 0);
	ck_assert_int_eq(st, 0);
	secret_free(&s);
	ck_assert_ptr_null(s.p);
	secret_free(&s);
}
END_TEST

/* What grows keeps its bytes, and is still no part of a child. */
START_TEST(secrets_grow)
{
	struct secret s = SECRET_NONE;
	pid_t pid;
	int st = 0;

	for (int i = 0; i < 3000; i++) {
		secret_add(&s, "abc", 3);
		ck_assert_uint_eq(s.n, 3 * (size_t)(i + 1));
		ck_assert_int_eq(s.p[s.n], 0);
		ck_assert_uint_le(s.n, s.cap);
	}
	for (size_t i = 0; i < s.n; i++)
		ck_assert_int_eq(s.p[i], "abc"[i % 3]);
	secret_add(&s, NULL, 0);
	secret_add_str(&s, "end");
	ck_assert_uint_eq(s.n, 9003);
	ck_assert_str_eq(s.p + 9000, "end");
	pid = fork();
	if (pid == 0)
		_exit(s.p[0] == 0 && s.p[9000] == 0 ? 0 : 1);
	waitpid(pid, &st, 0);
	ck_assert_int_eq(st, 0);
	secret_free(&s);
	ck_assert_ptr_null(s.p);
	ck_assert_int_eq(secret_new(&s), 0);
	s.n = s.cap;
	memset(s.p, 'p', s.n);
	secret_add_str(&s, "q");
	ck_assert_uint_eq(s.n, SECRET_MAX + 1);
	ck_assert_int_eq(s.p[SECRET_MAX - 1], 'p');
	ck_assert_int_eq(s.p[SECRET_MAX], 'q');
	secret_free(&s);
}
END_TEST

static void secret_too_much(void)
{
	struct secret s = SECRET_NONE;

	secret_add(&s, "", SECRET_GROWN_MAX + 1);
}

START_TEST(secret_bound)
{
	ck_assert_int_eq(status_of(secret_too_much), ERR_INTERNAL);
}
END_TEST

START_TEST(hex)
{
	struct buf b = BUF_INIT;
	uint8_t out[2] = { 7, 7 };

	text_hex(&b, BYTES_LIT("\x00\xfa"), false);
	ck_assert_str_eq(buf_str(&b), "00fa");
	text_hex(&b, BYTES_LIT("\xfa"), true);
	ck_assert_str_eq(buf_str(&b), "00faFA");
	buf_free(&b);
	ck_assert(text_unhex(BYTES_LIT("0aFb"), out, 2));
	ck_assert_int_eq(out[0], 0x0a);
	ck_assert_int_eq(out[1], 0xfb);
	ck_assert(!text_unhex(BYTES_LIT("0aF"), out, 2));
	ck_assert(!text_unhex(BYTES_LIT("0aFg"), out, 2));
	ck_assert(!text_unhex(BYTES_LIT("0a"), out, 2));
	ck_assert(!text_unhex(BYTES_LIT(" 0aF"), out, 2));
	ck_assert(text_unhex(BYTES_NONE, out, 0));
}
END_TEST

static const struct {
	const char *in, *out;
} escapes[] = {
	{ "", "" },
	{ "plain text ~", "plain text ~" },
	{ "J\xc3\xbcrgen \xe6\x9d\x8e \xf0\x9f\x94\x91",
	  "J\xc3\xbcrgen \xe6\x9d\x8e \xf0\x9f\x94\x91" },
	{ "a\\b", "a\\x5cb" },
	{ "a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd" },
	{ "\x1b[31m\x7f", "\\x1b[31m\\x7f" },
	{ "\xc2\x9b", "\\xc2\\x9b" },                   /* C1 */
	{ "\xc2\xa0", "\\xc2\\xa0" },                   /* no-break space */
	{ "\xe2\x80\x8b", "\\xe2\\x80\\x8b" },          /* zero-width space */
	{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },          /* right-to-left override */
	{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },          /* isolate */
	{ "\xd8\x9c", "\\xd8\\x9c" },                   /* Arabic letter mark */
	{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },          /* byte order mark */
	{ "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" }, /* tag letter */
	{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },          /* line separator */
	{ "\xef\xb8\x8f", "\\xef\\xb8\\x8f" },          /* variation selector */
	{ "\xc3", "\\xc3" },                            /* cut */
	{ "\xc3(", "\\xc3(" },
	{ "\xc0\xaf", "\\xc0\\xaf" }, /* overlong */
	{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* surrogate */
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
	{ "\xff\xfe", "\\xff\\xfe" },
	{ "\x80", "\\x80" },
	{ "\xe2\x80\x90", "\xe2\x80\x90" }, /* hyphen: visible */
};

START_TEST(escaping)
{
	for (size_t i = 0; i < N(escapes); i++) {
		char *s = text_escaped(bytes_str(escapes[i].in));

		ck_assert_str_eq(s, escapes[i].out);
		free(s);
	}
}
END_TEST

START_TEST(escaping_more)
{
	struct buf b = BUF_INIT;

	text_escape(&b, BYTES_LIT("a\0b"));
	ck_assert_str_eq(buf_str(&b), "a\\x00b");
	buf_clear(&b);
	text_escape_status(&b, BYTES_LIT("a b%\n\x7f\x00\xc3"));
	ck_assert_str_eq(buf_str(&b), "a b%25%0A%7F%00\xc3");
	buf_clear(&b);
	text_json(&b, BYTES_LIT("a\"\\\n\t\x01\x7f\xc3\xbc\xff\xe2\x80\xae\xf3\xa0\x81\x81"));
	ck_assert_str_eq(buf_str(&b), "\"a\\\"\\\\\\n\\t\\u0001\\u007f\xc3\xbc\xef\xbf\xbd\\u202e"
				      "\\udb40\\udc41\"");
	buf_free(&b);
}
END_TEST

static const struct {
	const char *in;
	int columns, indent;
	const char *out;
} wraps[] = {
	{ "", 10, 0, "\n" },
	{ "one two three", 20, 0, "one two three\n" },
	{ "one two three", 13, 0, "one two three\n" },
	{ "one two three", 12, 0, "one two\nthree\n" },
	{ "one two three", 7, 2, "one two\n  three\n" },
	{ "one unbreakable-long-word x", 8, 0, "one\nunbreakable-long-word\nx\n" },
	{ "  a   b  ", 8, 0, "a b\n" },
	{ "a\nb", 8, 2, "a\n  b\n" },
	{ "a\n\nb\n", 8, 0, "a\n\nb\n" },
	{ "\xc3\xbc\xc3\xbc \xc3\xbc\xc3\xbc", 5, 0, "\xc3\xbc\xc3\xbc \xc3\xbc\xc3\xbc\n" },
};

START_TEST(wrapping)
{
	for (size_t i = 0; i < N(wraps); i++) {
		struct buf b = BUF_INIT;

		text_wrap(&b, wraps[i].in, wraps[i].columns, wraps[i].indent);
		ck_assert_str_eq(buf_str(&b), wraps[i].out);
		buf_free(&b);
	}
}
END_TEST

static const struct {
	const char *in;
	bool good;
	int64_t t;
} times[] = {
	{ "1970-01-01", true, 0 },
	{ "1970-01-01T00:00:00Z", true, 0 },
	{ "2026-11-24T15:21:10Z", true, 1795533670 },
	{ "2024-02-29", true, 1709164800 },
	{ "2000-02-29T23:59:59Z", true, 951868799 },
	{ "9999-12-31T23:59:59Z", true, 253402300799 },
	{ "1969-12-31T23:59:59Z", true, -1 },
	{ "2023-02-29", false, 0 },
	{ "2026-13-01", false, 0 },
	{ "2026-00-01", false, 0 },
	{ "2026-01-00", false, 0 },
	{ "2026-01-32", false, 0 },
	{ "2026-1-1", false, 0 },
	{ "2026-01-01T24:00:00Z", false, 0 },
	{ "2026-01-01T00:60:00Z", false, 0 },
	{ "2026-01-01T00:00:60Z", false, 0 },
	{ "2026-01-01T00:00:00", false, 0 },
	{ "2026-01-01T00:00:00+00:00", false, 0 },
	{ "2026-01-01 00:00:00Z", false, 0 },
	{ "2026-01-01Z", false, 0 },
	{ " 2026-01-01", false, 0 },
	{ "2026-01-01 ", false, 0 },
	{ "", false, 0 },
};

START_TEST(time_text)
{
	for (size_t i = 0; i < N(times); i++) {
		struct buf b = BUF_INIT;
		int64_t t = -99;

		ck_assert_msg(text_parse_time(bytes_str(times[i].in), &t) == times[i].good, "%s",
			      times[i].in);
		ck_assert_int_eq(t, times[i].good ? times[i].t : -99);
		text_time(&b, t);
		if (strlen(times[i].in) == 20 && times[i].good)
			ck_assert_str_eq(buf_str(&b), times[i].in);
		buf_free(&b);
	}
}
END_TEST

START_TEST(numbers)
{
	uint64_t x = 5;

	ck_assert(text_parse_u64(BYTES_LIT("0"), &x) && x == 0);
	ck_assert(text_parse_u64(BYTES_LIT("18446744073709551615"), &x) && x == UINT64_MAX);
	x = 5;
	ck_assert(!text_parse_u64(BYTES_LIT("18446744073709551616"), &x));
	ck_assert(!text_parse_u64(BYTES_LIT("99999999999999999999"), &x));
	ck_assert(!text_parse_u64(BYTES_LIT("00"), &x));
	ck_assert(!text_parse_u64(BYTES_LIT("01"), &x));
	ck_assert(!text_parse_u64(BYTES_LIT("-1"), &x));
	ck_assert(!text_parse_u64(BYTES_LIT("+1"), &x));
	ck_assert(!text_parse_u64(BYTES_LIT("1 "), &x));
	ck_assert(!text_parse_u64(BYTES_NONE, &x));
	ck_assert_uint_eq(x, 5);
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "90", 90 },
		{ "90s", 90 },
		{ "10m", 600 },
		{ "2h", 7200 },
		{ "30d", 2592000 },
		{ "1w", 604800 },
		{ "9223372036854775807", INT64_MAX },
		{ "153722867280912930m", 9223372036854775800 },
	};
	static const char *const bad[] = { "",
					   "m",
					   "-1",
					   "1.5h",
					   "1 m",
					   "1M",
					   "01m",
					   "1mm",
					   "1y",
					   " 1",
					   "1m\n",
					   "+10m",
					   "s10",
					   "9223372036854775808",
					   "153722867280912931m",
					   "18446744073709551616" };
	int64_t x = -7;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(text_parse_duration(bytes_str(good[i].text), &x), "%s", good[i].text);
		ck_assert_int_eq(x, good[i].seconds);
	}
	x = -7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!text_parse_duration(bytes_str(bad[i]), &x), "%s", bad[i]);
	ck_assert_int_eq(x, -7);
}
END_TEST

START_TEST(emails)
{
	static const char *const good[] = { "alice@example.com", "a.b+c@x", "a@b\xc3\xbc.de" };
	static const char *const bad[] = { "",           "@",       "a@",
					   "@b",         "a",       "a@b@c",
					   "a b@c",      "a@b c",   "<a@b",
					   "a@b>",       "a\n@b",   "a@b\n",
					   "\xc3\xbc@b", "a@b\xff", "a@b\xe2\x80\xae" };

	for (size_t i = 0; i < N(good); i++)
		ck_assert_msg(text_email_ok(bytes_str(good[i])), "%s", good[i]);
	for (size_t i = 0; i < N(bad); i++)
		ck_assert_msg(!text_email_ok(bytes_str(bad[i])), "%s", bad[i]);
	ck_assert(text_email_eq(BYTES_LIT("a@Example.COM"), BYTES_LIT("a@eXAMPLE.com")));
	ck_assert(!text_email_eq(BYTES_LIT("A@example.com"), BYTES_LIT("a@example.com")));
	ck_assert(!text_email_eq(BYTES_LIT("a@example.com"), BYTES_LIT("a@example.org")));
	ck_assert(!text_email_eq(BYTES_LIT("a@example.com"), BYTES_LIT("a@example.com.")));
	ck_assert(!text_email_eq(BYTES_LIT("a"), BYTES_LIT("a")));
	ck_assert(!text_email_eq(BYTES_NONE, BYTES_NONE));
	ck_assert(text_eq_nocase(BYTES_LIT("aB\xc3"), BYTES_LIT("Ab\xc3")));
	ck_assert(!text_eq_nocase(BYTES_LIT("[@"), BYTES_LIT("{`")));
}
END_TEST

static const struct {
	const char *in, *out;
} shell_words[] = {
	{ "v1.0", "v1.0" },
	{ "a-b_c@example.com:1,2/3=+%", "a-b_c@example.com:1,2/3=+%" },
	{ "", "''" },
	{ "a b", "'a b'" },
	{ "$(x)", "'$(x)'" },
	{ "a;b", "'a;b'" },
	{ "it's", "'it'\\''s'" },
	{ "'", "''\\'''" },
	{ "~", "'~'" },
	{ "\\x1b", "'\\x1b'" },
	{ "\303\251", "'\303\251'" },
};

START_TEST(shell)
{
	struct buf b = BUF_INIT;

	text_shell(&b, shell_words[_i].in);
	ck_assert_str_eq(buf_str(&b), shell_words[_i].out);
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_text");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, shell, 0, sizeof(shell_words) / sizeof(shell_words[0]));
	tcase_add_test(t, err_texts);
	tcase_add_test(t, err_cut);
	tcase_add_test(t, buffers);
	tcase_add_test(t, out_of_bounds_ends);
	tcase_add_test(t, secrets);
	tcase_add_test(t, secrets_grow);
	tcase_add_test(t, secret_bound);
	tcase_add_test(t, hex);
	tcase_add_test(t, escaping);
	tcase_add_test(t, escaping_more);
	tcase_add_test(t, wrapping);
	tcase_add_test(t, time_text);
	tcase_add_test(t, numbers);
	tcase_add_test(t, durations);
	tcase_add_test(t, emails);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
