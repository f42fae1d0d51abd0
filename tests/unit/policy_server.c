/* URLs as they stand in push certificates. */
#include <check.h>
#include <stdlib.h>

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

int main(void)
{
	Suite *s = suite_create("policy_server");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, plain_url, 0, sizeof(urls) / sizeof(urls[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
