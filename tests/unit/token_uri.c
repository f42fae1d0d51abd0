/* PKCS#11 URIs (RFC 7512) and PIN sources: what is read, what is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "token/pin.h"
#include "token/uri.h"

START_TEST(read_whole)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	struct uri u;

	ck_assert_msg(uri_parse("PKCS11:token=My%20token;manufacturer=M;serial=1;model=x;"
				"object=k%3B%25;id=%00%fF;type=private;slot-id=7",
				&u, &err) == 0,
		      "%s", err.text);
	ck_assert_str_eq(u.token, "My token");
	ck_assert_str_eq(u.manufacturer, "M");
	ck_assert_str_eq(u.serial, "1");
	ck_assert_str_eq(u.model, "x");
	ck_assert_str_eq(u.object, "k;%");
	ck_assert(u.has_id && u.id_n == 2 && memcmp(u.id, "\0\377", 2) == 0);
	ck_assert_str_eq(u.type, "private");
	ck_assert_int_eq(u.slot_id, 7);
	uri_format(&out, &u);
	ck_assert_str_eq(buf_str(&out), "pkcs11:token=My%20token;manufacturer=M;serial=1;model=x;"
					"slot-id=7;id=%00%FF;object=k%3B%25;type=private");
	uri_free(&u);
	ck_assert_int_eq(uri_parse(buf_str(&out), &u, &err), 0);
	ck_assert_str_eq(u.object, "k;%");
	uri_free(&u);
	ck_assert_int_eq(uri_parse("pkcs11:", &u, &err), 0);
	ck_assert(u.token == NULL && !u.has_id && u.slot_id == -1);
	uri_free(&u);
	buf_free(&out);
}
END_TEST

static const struct {
	const char *uri, *word;
} refused[] = {
	{ "", "begin with pkcs11:" },
	{ "pkcs11", "begin with pkcs11:" },
	{ "pkcs12:token=a", "begin with pkcs11:" },
	{ "pkcs11:token", "NAME=VALUE" },
	{ "pkcs11:=a", "NAME=VALUE" },
	{ "pkcs11:token=a;", "NAME=VALUE" },
	{ "pkcs11:;token=a", "NAME=VALUE" },
	{ "pkcs11:token=a;token=a", "twice" },
	{ "pkcs11:id=%01;id=%02", "twice" },
	{ "pkcs11:slot-id=1;slot-id=1", "twice" },
	{ "pkcs11:token=%", "cannot be read" },
	{ "pkcs11:token=%4", "cannot be read" },
	{ "pkcs11:token=%4g", "cannot be read" },
	{ "pkcs11:token=a%00b", "cannot be read" },
	{ "pkcs11:token=a/b", "cannot be read" },
	{ "pkcs11:token=\303\244", "cannot be read" },
	{ "pkcs11:slot-id=-1", "cannot be read" },
	{ "pkcs11:slot-id=4294967296", "cannot be read" },
	{ "pkcs11:type=secret-key", "type=" },
	{ "pkcs11:Token=a", "Token= is not known" },
	{ "pkcs11:x-vendor=a", "x-vendor= is not known" },
	{ "pkcs11:tok\033en=a", "is not known" },
	{ "pkcs11:token=a?pin-value=4711", "pin-value" },
	{ "pkcs11:token=a?module-path=/x&pin-value=4711", "pin-value" },
	{ "pkcs11:token=a?pin-source=file:4711", "pin-source" },
	{ "pkcs11:token=a?module-path=/4711", "hsm.module" },
	{ "pkcs11:token=a;pin-value=4711", "pin-value" },
};

START_TEST(refuse)
{
	struct err err = ERR_INIT;
	struct uri u;

	ck_assert_int_eq(uri_parse(refused[_i].uri, &u, &err), ERR_USAGE);
	ck_assert_msg(strstr(err.text, refused[_i].word), "%s: %s", refused[_i].uri, err.text);
	ck_assert_msg(!strstr(err.text, "4711") && !strchr(err.text, '\033'), "%s", err.text);
}
END_TEST

START_TEST(too_long)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct uri u;

	buf_add_str(&b, "pkcs11:token=");
	while (b.n < 7 + 4096)
		buf_add_byte(&b, 'a');
	ck_assert_int_eq(uri_parse(buf_str(&b), &u, &err), 0);
	uri_free(&u);
	buf_add_byte(&b, 'a');
	ck_assert_int_eq(uri_parse(buf_str(&b), &u, &err), ERR_USAGE);
	buf_free(&b);
}
END_TEST

/* --- PIN sources ------------------------------------------------------------- */

START_TEST(sources)
{
	static const char *const bad[] = { "4711",	 "file:pin", "file:", "fd:",   "fd:2",
					   "fd:-1",	 "fd:x",     "fd:03", "Prompt", "prompt ",
					   "env:PIN",  "fd:99999999999" };
	struct pin_source s = { .pinentry = "off", .askpass = "true" };
	struct err err = ERR_INIT;

	ck_assert_int_eq(pin_source_parse(NULL, &s, &err), 0);
	ck_assert_int_eq(s.kind, PIN_PROMPT);
	ck_assert_int_eq(pin_source_parse("prompt", &s, &err), 0);
	ck_assert_int_eq(s.kind, PIN_PROMPT);
	ck_assert_int_eq(pin_source_parse("file:/a/b", &s, &err), 0);
	ck_assert(s.kind == PIN_FILE && strcmp(s.path, "/a/b") == 0);
	ck_assert_int_eq(pin_source_parse("fd:3", &s, &err), 0);
	ck_assert(s.kind == PIN_FD && s.fd == 3);
	ck_assert_str_eq(s.pinentry, "off");
	ck_assert_str_eq(s.askpass, "true");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(pin_source_parse(bad[i], &s, &err) == ERR_CONFIG, "%s", bad[i]);
		ck_assert(!strstr(err.text, "4711"));
	}
}
END_TEST

static int get(enum pin_kind kind, const char *path, int fd, struct secret *s, struct err *err)
{
	struct pin_source src = { .kind = kind, .path = path, .fd = fd };

	*s = (struct secret){ NULL, 0, 0 };
	return pin_get(&src, "PIN: ", 1000, s, err);
}

static const struct {
	const char *text;
	mode_t mode;
	const char *pin; /* NULL: refused */
	const char *word;
} files[] = {
	{ "4711\n", 0600, "4711", NULL },
	{ "4711", 0400, "4711", NULL },
	{ "4711\r\n", 0600, "4711", NULL },
	{ " 47 11 \n", 0600, " 47 11 ", NULL },
	{ "47\n11\n", 0600, "47\n11", NULL },
	{ "", 0600, NULL, "empty" },
	{ "\n", 0600, NULL, "empty" },
	{ "4711\n", 0640, NULL, "chmod 600" },
	{ "4711\n", 0604, NULL, "chmod 600" },
	{ "4711\n", 0660, NULL, "chmod 600" },
	{ "4711\n", 0700, NULL, "chmod 600" },
};

START_TEST(pin_files)
{
	char path[] = "/tmp/gh-pin.XXXXXX";
	int fd = mkstemp(path);
	struct secret s;
	struct err err = ERR_INIT;
	size_t n = strlen(files[_i].text);
	int r;

	ck_assert_int_eq(write(fd, files[_i].text, n), (ssize_t)n);
	ck_assert_int_eq(fchmod(fd, files[_i].mode), 0);
	close(fd);
	r = get(PIN_FILE, path, -1, &s, &err);
	unlink(path);
	if (files[_i].pin != NULL) {
		ck_assert_msg(r == 0, "%s", err.text);
		ck_assert_str_eq(s.p, files[_i].pin);
		ck_assert_uint_eq(s.n, strlen(files[_i].pin));
		secret_free(&s);
	} else {
		ck_assert_int_eq(r, ERR_PIN);
		ck_assert_ptr_null(s.p);
		ck_assert_msg(strstr(err.text, files[_i].word), "%s", err.text);
		ck_assert(!strstr(err.text, "4711"));
	}
}
END_TEST

START_TEST(pin_no_file)
{
	struct secret s;
	struct err err = ERR_INIT;

	ck_assert_int_eq(get(PIN_FILE, "/nonexistent/pin", -1, &s, &err), ERR_PIN);
	ck_assert_int_eq(get(PIN_FILE, "/tmp", -1, &s, &err), ERR_PIN);
	ck_assert(strstr(err.text, "no regular file"));
	ck_assert_int_eq(get(PIN_FILE, "/dev/null", -1, &s, &err), ERR_PIN);
}
END_TEST

/* One line is taken; what stands behind it is left to whoever reads next. */
START_TEST(pin_fd)
{
	struct secret s;
	struct err err = ERR_INIT;
	char rest[8] = "";
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "4711\nrest", 9), 9);
	ck_assert_msg(get(PIN_FD, NULL, fds[0], &s, &err) == 0, "%s", err.text);
	ck_assert_str_eq(s.p, "4711");
	secret_free(&s);
	ck_assert_int_eq(read(fds[0], rest, 7), 4);
	ck_assert_str_eq(rest, "rest");
	close(fds[1]);
	ck_assert_int_eq(get(PIN_FD, NULL, fds[0], &s, &err), ERR_PIN);
	close(fds[0]);
	ck_assert_int_eq(get(PIN_FD, NULL, fds[0], &s, &err), ERR_PIN);
}
END_TEST

START_TEST(pin_long)
{
	struct buf b = BUF_INIT;
	struct secret s;
	struct err err = ERR_INIT;
	int fds[2];

	for (int i = 0; i < 2000; i++)
		buf_add_byte(&b, '7');
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], b.p, b.n), (ssize_t)b.n);
	close(fds[1]);
	ck_assert_int_eq(get(PIN_FD, NULL, fds[0], &s, &err), ERR_PIN);
	ck_assert(strstr(err.text, "longer than") && !strstr(err.text, "777"));
	close(fds[0]);
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token_uri");
	TCase *t = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(t, read_whole);
	tcase_add_loop_test(t, refuse, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(t, too_long);
	tcase_add_test(t, sources);
	tcase_add_loop_test(t, pin_files, 0, sizeof(files) / sizeof(files[0]));
	tcase_add_test(t, pin_no_file);
	tcase_add_test(t, pin_fd);
	tcase_add_test(t, pin_long);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
