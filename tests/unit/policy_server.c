/* What a server is told: by its own configuration, and URLs as they stand in certificates. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "policy/server.h"

static const struct {
	const char *url, *plain;
} urls[] = {
	{ "https://git.example.com/p.git", "https://git.example.com/p.git" },
	{ "https://git.example.com/p.git/", "https://git.example.com/p.git" },
	{ "https://git.example.com/p.git//", "https://git.example.com/p.git" },
	{ "https://alice@git.example.com/p.git", "https://git.example.com/p.git" },
	{ "https://alice:pw@git.example.com:8443/p.git", "https://git.example.com:8443/p.git" },
	{ "ssh://git@git.example.com/p.git", "ssh://git.example.com/p.git" },
	{ "https://git.example.com/a@b.git", "https://git.example.com/a@b.git" },
	{ "git@git.example.com:p.git", "git.example.com:p.git" },
	{ "git@git.example.com:a@b.git", "git.example.com:a@b.git" },
	{ "git.example.com:a@b.git", "git.example.com:a@b.git" },
	{ "git.example.com:p.git/", "git.example.com:p.git" },
	{ "/srv/git/p.git", "/srv/git/p.git" },
	{ "/srv/git/a@b:c.git", "/srv/git/a@b:c.git" },
	{ "file:///srv/git/p.git/", "file:///srv/git/p.git" },
	{ "alice@host", "alice@host" },
	{ "/", "/" },
	{ "", "" },
};

START_TEST(plain_url)
{
	char *plain = server_plain_url(urls[_i].url);

	ck_assert_str_eq(plain, urls[_i].plain);
	free(plain);
}
END_TEST

/* --- whose word counts --------------------------------------------------------------- */

#define ID "0123456789abcdef0123456789abcdef01234567"

static const char told[] = "[hsm]\n\tpolicy = /p\n\tstateDir = /s\n\trecord = off\n"
			   "\tpushUrl = /u\n\tcertMaxAge = 1h\n\tclockReset = 3\n"
			   "\tintroduction = " ID "\n\trepository = r\n";

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	struct err err = ERR_INIT;

	ck_assert_msg(os_file_replace(path, bytes_str(text), 0600, &err) == 0, "%s", err.text);
}

/* A repository in a home: where `told` stands is asked; the home says whatever it likes. */
static void load(bool in_repository, struct server *ret)
{
	char home[] = "/tmp/gh-server.XXXXXX";
	_cleanup_free_ char *git_dir = NULL, *config = NULL, *rc = NULL;
	_cleanup_free_ char *text =
		xasprintf("[core]\n\trepositoryFormatVersion = 0\n%s", in_repository ? told : "");
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(mkdtemp(home));
	ck_assert_int_eq(setenv("HOME", home, 1), 0);
	git_dir = xasprintf("%s/r.git", home);
	config = xasprintf("%s/config", git_dir);
	rc = xasprintf("%s/.gitconfig", home);
	ck_assert_int_eq(mkdir(git_dir, 0700), 0);
	put(git_dir, "config", text);
	put(home, ".gitconfig", told);
	ck_assert_msg(server_load(git_dir, 20, ret, &err) == 0, "%s", err.text);
	ck_assert(unlink(config) == 0 && unlink(rc) == 0 && rmdir(git_dir) == 0 &&
		  rmdir(home) == 0);
}

START_TEST(own_words)
{
	struct server s;

	load(true, &s);
	ck_assert_str_eq(s.policy, "/p");
	ck_assert_str_eq(s.state_dir, "/s");
	ck_assert(s.no_record);
	ck_assert_uint_eq(s.push_urls_n, 1);
	ck_assert_int_eq(s.cert_max_age, 3600);
	ck_assert_str_eq(s.repository, "r");
	ck_assert_uint_eq(s.clock_reset, 3);
	ck_assert_uint_eq(s.introductions_n, 1);
	server_free(&s);
}
END_TEST

/* The account that runs the hook signs with its own configuration, and rules by none of it. */
START_TEST(words_of_the_account)
{
	struct server s;

	load(false, &s);
	ck_assert(!s.policy || strcmp(s.policy, SERVER_POLICY) == 0);
	ck_assert(strstr(s.state_dir, "/r.git/gitsign-hsm"));
	ck_assert_ptr_null(s.repository);
	ck_assert(!s.no_record);
	ck_assert_uint_eq(s.push_urls_n, 0);
	ck_assert_int_eq(s.cert_max_age, SERVER_CERT_MAX_AGE);
	ck_assert_uint_eq(s.clock_reset, 0);
	ck_assert_uint_eq(s.introductions_n, 0);
	server_free(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_server");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, plain_url, 0, sizeof(urls) / sizeof(urls[0]));
	tcase_add_test(t, own_words);
	tcase_add_test(t, words_of_the_account);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
