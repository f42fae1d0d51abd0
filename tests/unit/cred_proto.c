/* cred: git's credential protocol, what is read and what is written. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "cred/proto.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define LIT(s) bytes_of("" s, sizeof(s) - 1)

static struct cred_input good(const char *text)
{
	struct cred_input in;
	struct err e = ERR_INIT;

	ck_assert_msg(cred_parse(bytes_str(text), &in, &e) == 0, "%s: %s", text, e.text);
	return in;
}

START_TEST(fields)
{
	/* git 2.55, second get of a process, after a 401 */
	struct cred_input in =
		good("capability[]=authtype\ncapability[]=state\nauthtype=Bearer\n"
		     "credential=a=b\nephemeral=1\nprotocol=https\n"
		     "host=git.example.com:8443\npath=a/b.git\nusername=alice\n"
		     "wwwauth[]=Basic realm=\"g\"\nwwwauth[]=bearer realm=\"g\"\n"
		     "continue=1\nstate[]=x:1\nunknown=\xff\n\nhost=after.example\n");

	ck_assert(in.can_authtype && in.can_state && in.www_any && in.www_bearer);
	ck_assert_ptr_null(in.state); /* another helper's */
	ck_assert_str_eq(in.protocol, "https");
	ck_assert_str_eq(in.host, "git.example.com:8443");
	ck_assert_str_eq(in.path, "a/b.git");
	ck_assert_str_eq(in.username, "alice");
	ck_assert_str_eq(in.authtype, "Bearer");
	ck_assert_str_eq(cred_input_token(&in), "a=b");
	ck_assert_ptr_null(in.password);
	cred_input_free(&in);
	/* git 2.39 */
	in = good("protocol=https\nhost=h\nusername=u\npassword= p\t\x80\n");
	ck_assert(!in.can_authtype && !in.can_state && !in.www_any && !in.www_bearer);
	ck_assert_str_eq(cred_input_token(&in), " p\t\x80");
	ck_assert_str_eq(in.resent.p, "protocol=https\nhost=h\nusername=u\npassword= p\t\x80\n");
	cred_input_free(&in);
}
END_TEST

START_TEST(nothing_and_empty)
{
	struct cred_input in = good("");

	ck_assert(in.host == NULL && in.protocol == NULL && cred_input_token(&in) == NULL);
	cred_input_free(&in);
	in = good("\nhost=h\n");
	ck_assert_ptr_null(in.host);
	cred_input_free(&in);
	in = good("protocol=cert\nhost=\npath=/c.pem\n");
	ck_assert_str_eq(in.host, "");
	cred_input_free(&in);
}
END_TEST

START_TEST(lists_are_reset)
{
	struct cred_input in = good("capability[]=authtype\ncapability[]=\nwwwauth[]=Bearer\n"
				    "wwwauth[]=\nwwwauth[]=Basic\n");

	ck_assert(!in.can_authtype && in.www_any && !in.www_bearer);
	cred_input_free(&in);
	in = good("wwwauth[]=Bearerx y\nwwwauth[]=X Bearer\ncapability[]=authtypes\n");
	ck_assert(!in.www_bearer && !in.can_authtype);
	cred_input_free(&in);
}
END_TEST

START_TEST(secrets_repeat)
{
	/* Of what decides nothing the last one wins, as in git. */
	struct cred_input in = good("password=a\npassword=b\n");

	ck_assert_str_eq(in.password, "b");
	cred_input_free(&in);
}
END_TEST

START_TEST(refused)
{
	const struct {
		struct bytes text;
		const char *why;
	} v[] = {
		{ LIT("protocol=https\nhost=a\rhost=evil\n\n"), "carriage return" },
		{ LIT("protocol=https\r\nhost=a\r\n\r\n"), "carriage return" },
		{ LIT("host=a\0.evil\n"), "NUL" },
		{ LIT("password=a\rb\n"), "carriage return" },
		{ LIT("x=a\0b\n"), "NUL" },
		{ LIT("host=a\x1b[2J\n"), "control" },
		{ LIT("path=a\tb\n"), "control" },
		{ LIT("username=a\x7f\n"), "control" },
		{ LIT("protocol=\x01https\n"), "control" },
		{ LIT("state[]=hsm:1:a\x1b\n"), "control" },
		{ LIT("host=a\nhost=b\n"), "twice" },
		{ LIT("host=a\nhost=a\n"), "twice" },
		{ LIT("protocol=https\nprotocol=http\n"), "twice" },
		{ LIT("path=a\npath=b\n"), "twice" },
		{ LIT("username=a\nusername=b\n"), "twice" },
		{ LIT("protocol=https\nhost=example.co"), "no end" },
		{ LIT("host\n"), "key=value" },
		{ LIT("=host\n"), "key=value" },
		{ LIT(" \n"), "key=value" },
	};

	for (size_t i = 0; i < N(v); i++) {
		struct cred_input in;
		struct err e = ERR_INIT;

		ck_assert_msg(cred_parse(v[i].text, &in, &e) == ERR_INPUT, "%zu", i);
		ck_assert_msg(strstr(e.text, v[i].why) != NULL, "%zu: %s", i, e.text);
	}
}
END_TEST

static int parse_long(size_t value_n, size_t lines, struct err *err)
{
	struct buf b = BUF_INIT;
	struct cred_input in;
	int r;

	for (size_t i = 0; i < lines; i++) {
		buf_add_str(&b, "x=");
		memset(buf_reserve(&b, value_n), 'v', value_n);
		b.n += value_n;
		buf_add_str(&b, "\n");
	}
	r = cred_parse(buf_bytes(&b), &in, err);
	if (r == 0)
		cred_input_free(&in);
	buf_free(&b);
	return r;
}

START_TEST(bounds)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(parse_long(CRED_LINE_MAX - 3, 1, &e), 0);
	ck_assert_int_eq(parse_long(CRED_LINE_MAX - 2, 1, &e), ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(e.text, "line is too long"));
	ck_assert_int_eq(parse_long(0, 10000, &e), 0);
	ck_assert_int_eq(parse_long(0, 10001, &e), ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(e.text, "too many"));
	ck_assert_int_eq(parse_long(10 << 20, 1, &e), ERR_INPUT);
	ck_assert_int_eq(parse_long(65000, 20, &e), ERR_INPUT);
}
END_TEST

/* A secret is in no error text. */
START_TEST(errors_tell_no_secret)
{
	struct cred_input in;
	struct err e = ERR_INIT;

	ck_assert_int_eq(cred_parse(LIT("password=SENTINEL\nSENTINEL\n"), &in, &e), ERR_INPUT);
	ck_assert_ptr_null(strstr(e.text, "SENTINEL"));
}
END_TEST

START_TEST(reads_a_pipe)
{
	struct cred_input in;
	struct err e = ERR_INIT;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	/* The other end stays open: the empty line must be enough. */
	ck_assert_int_eq(write(p[1], "host=a\n\n", 8), 8);
	ck_assert_int_eq(cred_read(p[0], &in, &e), 0);
	ck_assert_str_eq(in.host, "a");
	cred_input_free(&in);
	ck_assert_int_eq(write(p[1], "host=a\nprotocol=x", 17), 17);
	close(p[1]);
	ck_assert_int_eq(cred_read(p[0], &in, &e), ERR_INPUT);
	close(p[0]);
	ck_assert_int_eq(cred_read(p[0], &in, &e), ERR_IO);
}
END_TEST

START_TEST(endless_input_ends)
{
	struct cred_input in;
	struct err e = ERR_INIT;
	int fd = open("/dev/zero", O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(cred_read(fd, &in, &e), ERR_INPUT);
	close(fd);
}
END_TEST

static void writes(const char *request, const struct cred_answer *a, const char *want)
{
	struct cred_input in = good(request);
	struct secret out = SECRET_NONE;

	cred_answer_write(&out, &in, a);
	ck_assert_str_eq(out.p, want);
	secret_free(&out);
	cred_input_free(&in);
}

/* git 2.46: what we said comes back when the server refused the token. */
START_TEST(states)
{
	struct cred_input in = good("capability[]=authtype\ncapability[]=state\n"
				    "state[]=other:1\nstate[]=hsm:7\nstate[]=hsm:8\n");
	struct cred_answer a = { .username = "u", .token = LIT("t"), .state = "hsm:5" };
	const char *basic = "username=u\npassword=t\n";
	char *want = xasprintf("capability[]=authtype\ncapability[]=state\n%sephemeral=1\n"
			       "continue=1\nstate[]=hsm:5\n",
			       basic);

	ck_assert_str_eq(in.state, "hsm:7");
	cred_input_free(&in);
	in = good("state[]=other:\x1b\nstate[]=hsm:7:alice\n");
	ck_assert_str_eq(in.state, "hsm:7:alice");
	cred_input_free(&in);
	in = good("state[]=hsm:7\nstate[]=\n");
	ck_assert_ptr_null(in.state);
	cred_input_free(&in);
	writes("capability[]=authtype\ncapability[]=state\n", &a, want);
	writes("capability[]=state\n", &a, basic);
	writes("", &a, basic);
	writes("capability[]=authtype\n", &a,
	       "capability[]=authtype\nusername=u\npassword=t\nephemeral=1\n");
	a.state = NULL;
	writes("capability[]=authtype\ncapability[]=state\n", &a,
	       "capability[]=authtype\nusername=u\npassword=t\nephemeral=1\n");
	free(want);
}
END_TEST

START_TEST(answers)
{
	struct cred_answer a = { .username = "oauth2",
				 .token = LIT("T0k.en"),
				 .expires = 1790000000 };
	const char *old = "protocol=https\nhost=evil\n";
	const char *new = "capability[]=authtype\nprotocol=https\nhost=evil\n";

	writes(old, &a, "username=oauth2\npassword=T0k.en\npassword_expiry_utc=1790000000\n");
	writes(new, &a,
	       "capability[]=authtype\nusername=oauth2\npassword=T0k.en\nephemeral=1\n"
	       "password_expiry_utc=1790000000\n");
	a.bearer = true;
	a.expires = 0;
	/* Bearer only to a git that can. */
	writes(old, &a, "username=oauth2\npassword=T0k.en\n");
	writes(new, &a, "capability[]=authtype\nauthtype=Bearer\ncredential=T0k.en\nephemeral=1\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cred_proto");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, fields);
	tcase_add_test(t, nothing_and_empty);
	tcase_add_test(t, lists_are_reset);
	tcase_add_test(t, secrets_repeat);
	tcase_add_test(t, refused);
	tcase_add_test(t, bounds);
	tcase_add_test(t, errors_tell_no_secret);
	tcase_add_test(t, reads_a_pipe);
	tcase_add_test(t, endless_input_ends);
	tcase_add_test(t, states);
	tcase_add_test(t, answers);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
