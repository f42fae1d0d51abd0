/* base: the syntax of git's configuration, beside git itself; questions to it. */
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "gitconf_tools.h"

static char dir[PATH_MAX];
static struct err err;

static void setup(void)
{
	char name[] = "/tmp/gh-gitconf.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	ck_assert_ptr_nonnull(realpath(name, dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(setenv("HOME", dir, 1), 0);
	ck_assert_int_eq(setenv("GIT_CONFIG_NOSYSTEM", "1", 1), 0);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("GIT_CONFIG_PARAMETERS");
	unsetenv("GIT_CONFIG_COUNT");
}

static void teardown(void)
{
	const char *argv[] = { "rm", "-rf", dir, NULL };
	int status;

	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(proc_run(argv, NULL, NULL, &status, NULL), 0);
}

static int parse(struct gitconf *c, struct bytes text)
{
	err = (struct err)ERR_INIT;
	return gitconf_parse(c, text, "file", &err);
}

/* --- beside git ------------------------------------------------------------ */

/* Returns whether both take it; it fails when they do not agree. */
static bool agree(struct bytes text)
{
	static const char *const argv[] = {
		"git", "config", "-f", "snippet", "--list", "-z", NULL
	};
	_cleanup_free_ char *shown = text_escaped(text);
	struct buf gits = BUF_INIT, ours = BUF_INIT;
	struct gitconf c = GITCONF_INIT;
	bool good, git_good;

	ck_assert_int_eq(os_file_replace("snippet", text, 0600, &err), 0);
	git_good = run_git(argv, &gits) == 0;
	good = parse(&c, text) == 0;
	ck_assert_msg(good == git_good, "%s\ngit takes it: %d, we: %d (%s)", shown, git_good, good,
		      err.text);
	if (good) {
		list_entries(&c, &ours);
		same_lists(buf_bytes(&ours), buf_bytes(&gits), shown);
	} else {
		ck_assert_int_eq(err.code, ERR_CONFIG);
		ck_assert_ptr_nonnull(strstr(err.text, "file, line "));
		ck_assert_uint_eq(c.n, 0);
		ck_assert_uint_eq(c.nfiles, 0);
	}
	gitconf_free(&c);
	buf_free(&gits);
	buf_free(&ours);
	return good;
}

static const char *const taken[] = {
	"",
	"\n\n",
	"# only a comment",
	"; only a comment\r\n",
	"[a]",
	"[a]\n",
	"[a]b=c",
	"[a] b = c",
	"[a] b = c\n[a] b = d\n",
	"[a][b]c=d",
	"[a]\nb\n",
	"[a]\nb",
	"[a]\nb \t \n",
	"[a]\nb =\n",
	"[a]\nb = \t \n",
	"[a]\nb = \"\"\n",
	"[a]\nb = c d  e   \n",
	"[a]\nb = \" c \" \n",
	"[a]\nb = c\" d \"e\n",
	"[a]\nb = \"c\"\"d\"\n",
	"[a]\nb = c ; d\n",
	"[a]\nb = c # d\n",
	"[a]\nb = c;d#e\n",
	"[a]\nb = \"c;d#e\"\n",
	"[a]\nb = \"c # d\" ; e \"\n",
	"[a]\nb = ;c\n",
	"[a]\nb = # \\\n",
	"[a]\nb = # \"\nc = d\n",
	"[a]\nb = c\\\nd\n",
	"[a]\nb = c \\\n  d\n",
	"[a]\nb = c\\\n   \\\n d\n",
	"[a]\nb = \"c\\\n d\"\n",
	"[a]\nb = c\\\r\nd\r\n",
	"[a]\nb = \\\n",
	"[a]\nb = c\\",
	"[a]\nb = c \\",
	"[a]\nb = \\n\\t\\b\\\\\\\"\n",
	"[a]\nb = c\\n \n",
	"[a]\nb = c \\t\n",
	"[a]\nb = \"\\\"\"\n",
	"[a]\nb = c = d\n",
	"[a]\nb == c\n",
	"[a]\nb = [c]\n",
	"[a]\nb = 'c'\n",
	"[a]\nb = \xc3\xbc\xff\x01\x7f\n",
	"[a]\r\nb = c\r\n\r\n[d]\r\ne\r\n",
	"\xef\xbb\xbf[a]\nb = c\n",
	"\xef\xbb\xbf",
	"\xef\xbb\xbf\n# c\n[a]b",
	"[A]\nB-c9 = D\n",
	"[a-b]\nc = d\n",
	"[-]\nc = d\n",
	"[9]\nc = d\n",
	"[A.B]\nc = d\n",
	"[a.b.c]\nd = e\n",
	"[a.]\nb = c\n",
	"[.a]\nb = c\n",
	"[.]\nb = c\n",
	"[a \"B\"]\nc = d\n",
	"[a\t \"B\"]\nc = d\n",
	"[a\r\"B\"]\nc = d\n",
	"[a \"\"]\nb = c\n",
	"[ \"a\"]\nb = c\n",
	"[a.B \"C\"]\nd = e\n",
	"[a \"b.c d.\"]\ne = f\n",
	"[a \"b\\\"c\\\\d\\ne\\]\"]\nf = g\n",
	"[a \"b]\"]\nc = d\n",
	"[a \"b # c\"]\nd = e\n",
	"[a \"\xc3\xbc\xff\"]\nb = c\n",
	"[a] # b\nc = d ; e\n",
	"[a]; b\n",
	"  [a]  \n\t b=c\n",
	"\r[a]\rb=c",
	"[a]\nb = c\n[a \"x\"]\nb = d\n[A]\nB = e\n",
};

static const char *const refused[] = {
	"[",
	"[]",
	"[a",
	"[a\n]",
	"[a\n",
	"[a b]\n",
	"[a b\n]\n",
	"[a ]\n",
	"[a \"b\" ]\n",
	"[a \"b\"\n",
	"[a \"b\"",
	"[a \"b\"c]\n",
	"[a \"b]\n",
	"[a \"b\n\"]\n",
	"[a \"b\\\n\"]\n",
	"[a\n\"b\"]\n",
	"[a \n\"b\"]\n",
	"[a \"b",
	"[a \"b\\",
	"[a\"b\"]\n",
	"[a_b]\n",
	"[a/b]\n",
	"[\xc3\xbc]\n",
	"[[a]]\n",
	"]\n",
	"=\n",
	"[a]\n= b\n",
	"[a]\n9b = c\n",
	"[a]\n-b = c\n",
	"[a]\n_b = c\n",
	"[a]\n\"b\" = c\n",
	"[a]\nb_c = d\n",
	"[a]\nb.c = d\n",
	"[a]\nb c\n",
	"[a]\nb c = d\n",
	"[a]\nb ; c\n",
	"[a]\nb # c\n",
	"[a]\nb: c\n",
	"[a]\nb \\\n= c\n",
	"[a]\nb\r= c\n",
	"[a]\n\xc3\xbc = c\n",
	"[a]\nb = \"c\n",
	"[a]\nb = \"c",
	"[a]\nb = c\"\n",
	"[a]\nb = \"c\\",
	"[a]\nb = \"c # d\n",
	"[a]\nb = \\x\n",
	"[a]\nb = \\0\n",
	"[a]\nb = \\'\n",
	"[a]\nb = \\ \n",
	"[a]\nb = \\r\n",
	"[a]\nb = \"\\q\"\n",
	"[a]\nb = \\\rc\n",
	"\xef\xbb[a]\n",
	"\xef",
	"[a]\n\xef\xbb\xbf\n",
	"\n\xef\xbb\xbf[a]\n",
	"\xef\xbb\xbf\xef\xbb\xbf[a]\n",
	"[a]\nb = c\n/* d */\n",
};

START_TEST(beside_git)
{
	for (size_t i = 0; i < N(taken); i++)
		ck_assert_msg(agree(bytes_str(taken[i])), "%s", taken[i]);
	for (size_t i = 0; i < N(refused); i++)
		ck_assert_msg(!agree(bytes_str(refused[i])), "%s", refused[i]);
}
END_TEST

/* Texts put together by dice from what the syntax is sensitive to. */
START_TEST(beside_git_by_dice)
{
	static const char *const pieces[] = {
		"[a]", "[b \"", "\"]", "[", "]",        "\"",   "\\",          "\\n",     "\n",
		"\n",  "\r\n",  " ",   "k", "key=",     "=",    " = ",         "#",       ";",
		"v",   "-",     "9",   ".", "\nx = y ", "\\\n", "\n[s]\nk = ", "\xc3\xbc"
	};
	unsigned x = 20260501, good = 0;

	for (int i = 0; i < 400; i++) {
		struct buf text = BUF_INIT;

		buf_add_str(&text, i % 5 ? "[s]\nk = " : "[s]");
		for (unsigned k = 0; k < 1 + (unsigned)i % 9; k++) {
			x = x * 1103515245u + 12345u;
			buf_add_str(&text, pieces[(x >> 16) % N(pieces)]);
		}
		good += agree(buf_bytes(&text));
		buf_free(&text);
	}
	ck_assert_uint_gt(good, 80); /* neither all taken nor all refused */
	ck_assert_uint_lt(good, 350);
}
END_TEST

/* --- by ourselves ------------------------------------------------------------ */

/* `git config -f` prints such a key; every other command of git refuses the file. */
START_TEST(key_without_section)
{
	struct gitconf c = GITCONF_INIT;

	ck_assert_int_eq(parse(&c, BYTES_LIT("\nb = c\n[a]\n")), ERR_CONFIG);
	ck_assert_str_eq(err.text, "file, line 2: a key stands before the first [section]");
	ck_assert_int_eq(parse(&c, BYTES_LIT("[a]\nb = c\n")), 0);
	gitconf_free(&c);
}
END_TEST

START_TEST(nul_bytes)
{
	static const struct bytes bad[] = {
		BYTES_LIT("\0"),           BYTES_LIT("[a]\nb = c\0d\n"), BYTES_LIT("[a\0]\n"),
		BYTES_LIT("[a]\n# c\0\n"), BYTES_LIT("[a \"b\0\"]\n"),   BYTES_LIT("[a]\nb = c\n\0")
	};
	struct gitconf c = GITCONF_INIT;

	for (size_t i = 0; i < N(bad); i++) {
		ck_assert_int_eq(parse(&c, bad[i]), ERR_CONFIG);
		ck_assert_ptr_nonnull(strstr(err.text, "NUL"));
	}
	ck_assert_int_eq(parse(&c, bad[1]), ERR_CONFIG);
	ck_assert_str_eq(err.text, "file, line 2: a NUL byte");
	gitconf_free(&c);
}
END_TEST

/* Newer versions of git keep a tab inside a value; 2.39 makes a blank of it. */
START_TEST(tab_inside)
{
	struct gitconf c = GITCONF_INIT;

	ck_assert_int_eq(parse(&c, BYTES_LIT("[a]\nb = c\td\t\ne = \"f\tg\"\n")), 0);
	ck_assert_str_eq(gitconf_get(&c, "a.b"), "c d");
	ck_assert_str_eq(gitconf_get(&c, "a.e"), "f\tg");
	gitconf_free(&c);
}
END_TEST

START_TEST(headers_and_lines)
{
	static const struct {
		const char *section, *subsection, *name;
		unsigned line, file;
	} want[] = { { "a", NULL, NULL, 1, 0 }, { "a", "B.c", NULL, 2, 0 },
		     { "a", "B.c", "d", 3, 0 }, { "a", "B.c", "f", 5, 0 },
		     { "a", NULL, NULL, 7, 0 }, { "x", "y", NULL, 1, 1 },
		     { "x", "y", "z", 1, 1 } };
	struct gitconf c = GITCONF_INIT;

	ck_assert_int_eq(parse(&c, BYTES_LIT("[A]\n[a \"B.c\"]\nd = e\\\n e\n F\n\n[a]\n")), 0);
	ck_assert_int_eq(gitconf_parse(&c, BYTES_LIT("[x.Y] z"), "other", NULL), 0);
	ck_assert_uint_eq(c.n, N(want));
	for (size_t i = 0; i < N(want); i++) {
		ck_assert_str_eq(c.v[i].section, want[i].section);
		ck_assert_pstr_eq(c.v[i].subsection, want[i].subsection);
		ck_assert_pstr_eq(c.v[i].name, want[i].name);
		ck_assert_uint_eq(c.v[i].line, want[i].line);
		ck_assert_uint_eq(c.v[i].file, want[i].file);
	}
	ck_assert_uint_eq(c.nfiles, 2);
	ck_assert_str_eq(c.files[1], "other");
	gitconf_free(&c);
	ck_assert_ptr_null(c.v);
	gitconf_free(&c);
}
END_TEST

/* A fault takes back what its own file added, and nothing else. */
START_TEST(fault_takes_back)
{
	struct gitconf c = GITCONF_INIT;

	ck_assert_int_eq(parse(&c, BYTES_LIT("[a]b=1")), 0);
	ck_assert_int_eq(gitconf_parse(&c, BYTES_LIT("[a]b=2\n[c]d=3\n?"), "b\x1b", &err),
			 ERR_CONFIG);
	ck_assert_str_eq(err.text, "b\\x1b, line 3: neither a [section], nor a key, nor a comment");
	ck_assert_uint_eq(c.n, 2);
	ck_assert_uint_eq(c.nfiles, 1);
	ck_assert_str_eq(gitconf_get(&c, "a.b"), "1");
	gitconf_free(&c);
}
END_TEST

static int parse_repeated(const char *head, const char *piece, size_t n)
{
	struct gitconf c = GITCONF_INIT;
	struct buf b = BUF_INIT;
	int rc;

	buf_add_str(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_add_str(&b, piece);
	rc = parse(&c, buf_bytes(&b));
	ck_assert_uint_eq(c.n, rc ? 0 : n + 1);
	gitconf_free(&c);
	buf_free(&b);
	return rc;
}

START_TEST(bounds)
{
	size_t n = (4 << 20) - 4;
	char *long_name = xcalloc(1, 100010);
	struct buf b = BUF_INIT;
	struct gitconf c = GITCONF_INIT;

	ck_assert_int_eq(parse_repeated("[a]\n", "b\n", 99999), 0);
	ck_assert_int_eq(parse_repeated("[a]\n", "b\n", 100000), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "100,000 entries"));
	memset(long_name, 'a', 100009);
	long_name[0] = '[';
	long_name[100007] = ']';
	long_name[100008] = '\n';
	ck_assert_int_eq(parse_repeated(long_name, "b\n", 600), 0);
	ck_assert_int_eq(parse_repeated(long_name, "b\n", 700), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "too long section names"));
	free(long_name);
	buf_add_str(&b, "[a]\n");
	while (b.n < n)
		buf_add_str(&b, "\n\n\n\n");
	buf_add_str(&b, "\n\n\n\n");
	ck_assert_uint_eq(b.n, 4 << 20);
	ck_assert_int_eq(parse(&c, buf_bytes(&b)), 0);
	buf_add_str(&b, "\n");
	ck_assert_int_eq(parse(&c, buf_bytes(&b)), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "4 MiB"));
	buf_free(&b);
	gitconf_free(&c);
}
END_TEST

static int collect(const char *value, void *ctx)
{
	buf_addf(ctx, "%s,", value);
	return strcmp(value, "stop") == 0 ? 7 : 0;
}

START_TEST(questions)
{
	struct gitconf c = GITCONF_INIT;
	struct buf all = BUF_INIT;

	ck_assert_int_eq(parse(&c, BYTES_LIT("[gpg \"x509\"]\nprogram = p\n[gpg]\nformat = x509\n"
					     "[a]\nb = 1\nb\nB = 3\nnone\n[a \"S.t\"]\nb = 4\n"
					     "[a]\nb = stop\nb = 6\n")),
			 0);
	ck_assert_str_eq(gitconf_get(&c, "gpg.x509.program"), "p");
	ck_assert_str_eq(gitconf_get(&c, "GPG.x509.Program"), "p");
	ck_assert_ptr_null(gitconf_get(&c, "gpg.X509.program"));
	ck_assert_ptr_null(gitconf_get(&c, "gpg.program"));
	ck_assert_str_eq(gitconf_get(&c, "gpg.format"), "x509");
	ck_assert_str_eq(gitconf_get(&c, "a.b"), "6");
	ck_assert_str_eq(gitconf_get(&c, "a.S.t.b"), "4");
	ck_assert_str_eq(gitconf_get(&c, "a.none"), "");
	ck_assert_ptr_null(gitconf_get(&c, "a.s.t.b"));
	ck_assert_ptr_null(gitconf_get(&c, "a..b"));
	ck_assert_ptr_null(gitconf_get(&c, "a"));
	ck_assert_ptr_null(gitconf_get(&c, "a."));
	ck_assert_ptr_null(gitconf_get(&c, ""));
	ck_assert_int_eq(gitconf_each(&c, "A.B", collect, &all), 7);
	ck_assert_str_eq(buf_str(&all), "1,,3,stop,");
	ck_assert_int_eq(gitconf_each(&c, "a.x", collect, &all), 0);
	ck_assert_int_eq(gitconf_each(&c, "nodot", collect, &all), 0);
	ck_assert_str_eq(buf_str(&all), "1,,3,stop,");
	buf_free(&all);
	gitconf_free(&c);
}
END_TEST

START_TEST(booleans)
{
	static const struct {
		const char *text;
		int truth; /* -1: a fault */
	} cases[] = { { "b", 1 },           { "b = true", 1 },     { "b = Yes", 1 },
		      { "b = oN", 1 },      { "b = 1", 1 },        { "b = 2", 1 },
		      { "b = 1k", 1 },      { "b =", 0 },          { "b = \"\"", 0 },
		      { "b = FALSE", 0 },   { "b = no", 0 },       { "b = off", 0 },
		      { "b = 0", 0 },       { "b = 0\nb", 1 },     { "b\nb = 0", 0 },
		      { "b = t", -1 },      { "b = truex", -1 },   { "b = \" true\"", -1 },
		      { "b = yes no", -1 }, { "b = \\\"\\\"", -1 } };

	for (size_t i = 0; i < N(cases); i++) {
		_cleanup_free_ char *text = xasprintf("[a]\n%s\n", cases[i].text);
		struct gitconf c = GITCONF_INIT;
		bool b = cases[i].truth != 1;
		int rc;

		ck_assert_int_eq(parse(&c, bytes_str(text)), 0);
		rc = gitconf_bool(&c, "a.b", !cases[i].truth, &b, &err);
		ck_assert_msg(rc == (cases[i].truth < 0 ? ERR_CONFIG : 0), "%s", text);
		ck_assert_msg(b == (cases[i].truth != 0 || rc), "%s", text);
		ck_assert_int_eq(gitconf_bool(&c, "a.c", true, &b, &err), 0);
		ck_assert(b);
		ck_assert_int_eq(gitconf_bool(&c, "a.c", false, &b, &err), 0);
		ck_assert(!b);
		gitconf_free(&c);
	}
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = { { "0", 0 },
		     { "7", 7 },
		     { "1k", 1024 },
		     { "2K", 2048 },
		     { "3m", 3 << 20 },
		     { "1G", 1 << 30 },
		     { "0k", 0 },
		     { "18446744073709551615", UINT64_MAX },
		     { "17179869183g", (uint64_t)17179869183 << 30 } };
	static const char *const bad[] = { NULL,
					   "",
					   "k",
					   "-1",
					   "+1",
					   "01",
					   "0x10",
					   "1kk",
					   "1 k",
					   " 1",
					   "1t",
					   "1.5k",
					   "18446744073709551616",
					   "17179869184g",
					   "18014398509481984k" };
	uint64_t x;

	for (size_t i = 0; i < N(good); i++) {
		ck_assert_msg(gitconf_parse_size(good[i].text, &x), "%s", good[i].text);
		ck_assert_uint_eq(x, good[i].value);
	}
	x = 99;
	for (size_t i = 0; i < N(bad); i++)
		ck_assert_msg(!gitconf_parse_size(bad[i], &x), "%s", bad[i]);
	ck_assert_uint_eq(x, 99);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_gitconf");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, beside_git);
	tcase_add_test(t, beside_git_by_dice);
	tcase_add_test(t, key_without_section);
	tcase_add_test(t, nul_bytes);
	tcase_add_test(t, tab_inside);
	tcase_add_test(t, headers_and_lines);
	tcase_add_test(t, fault_takes_back);
	tcase_add_test(t, bounds);
	tcase_add_test(t, questions);
	tcase_add_test(t, booleans);
	tcase_add_test(t, sizes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
