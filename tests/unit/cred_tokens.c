/* cred: what is kept of tokens, as text and back; when they are too old. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cred/tokens.h"

#define HEAD "gitsign-hsm tokens 1\n"
#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct cred_tokens make(const char *access, const char *refresh, int64_t issued,
			       int64_t expires)
{
	struct cred_tokens t = CRED_TOKENS_NONE;

	if (access != NULL)
		secret_add_str(&t.access, access);
	if (refresh != NULL)
		secret_add_str(&t.refresh, refresh);
	t.issued = issued;
	t.expires = expires;
	t.username = xstrdup("oauth2");
	return t;
}

static int parse(const char *text, struct cred_tokens *t)
{
	struct err e = ERR_INIT;

	return cred_tokens_parse(bytes_str(text), t, &e);
}

START_TEST(there_and_back)
{
	struct cred_tokens t = make("acc.es=s", "re-fresh", 100, 200), u;
	struct secret text = SECRET_NONE;
	struct err e = ERR_INIT;

	t.scope = xstrdup("a b=c");
	t.bearer = true;
	t.refresh_expires = 300;
	t.order = 101;
	ck_assert_int_eq(cred_tokens_format(&text, &t, &e), 0);
	ck_assert_int_eq(parse(text.p, &u), 0);
	ck_assert_str_eq(u.access.p, "acc.es=s");
	ck_assert_str_eq(u.refresh.p, "re-fresh");
	ck_assert_str_eq(u.username, "oauth2");
	ck_assert_str_eq(u.scope, "a b=c");
	ck_assert(u.bearer);
	ck_assert_int_eq(u.issued, 100);
	ck_assert_int_eq(u.expires, 200);
	ck_assert_int_eq(u.refresh_expires, 300);
	ck_assert_int_eq(u.order, 101);
	cred_tokens_free(&t);
	cred_tokens_free(&u);
	secret_free(&text);
	t = make(NULL, "r", 0, 0);
	ck_assert_int_eq(cred_tokens_format(&text, &t, &e), 0);
	ck_assert_int_eq(parse(text.p, &u), 0);
	ck_assert_ptr_null(u.access.p);
	ck_assert_ptr_null(u.scope);
	ck_assert_int_eq(u.order, 0);
	cred_tokens_free(&t);
	cred_tokens_free(&u);
	secret_free(&text);
}
END_TEST

/* Every prefix of a good text, and texts that nothing here writes. */
START_TEST(refused_texts)
{
	static const char good[] = HEAD "expires=1\nusername=u\naccess=a\nend\n";
	const char *const bad[] = {
		"gitsign-hsm tokens 2\nusername=u\naccess=a\nend\n",
		HEAD "username=u\naccess=a\naccess=b\nend\n",
		HEAD "username=u\naccess=\nend\n",
		HEAD "username=u\naccess=a b\nend\n",
		HEAD "username=u\nexpires=-1\nend\n",
		HEAD "username=u\norder=x\nend\n",
		HEAD "username=u\nexpires=9223372036854775808\nend\n",
		HEAD "username=u\nfuture=1\nend\n",
		HEAD "username=u\nbearer=2\nend\n",
		HEAD "username=u\rv\nend\n",
		HEAD "access=a\nend\n",
		HEAD "username=u\nusername=u\nend\n",
		HEAD "username=u\nend\nend\n",
		HEAD "username=u\n\nend\n",
	};
	struct cred_tokens t;
	struct err e = ERR_INIT;

	ck_assert_int_eq(parse(good, &t), 0);
	cred_tokens_free(&t);
	for (size_t n = 0; n < strlen(good); n++)
		ck_assert_int_eq(cred_tokens_parse(bytes_of(good, n), &t, &e), ERR_INPUT);
	for (size_t i = 0; i < N(bad); i++)
		ck_assert_msg(parse(bad[i], &t) == ERR_INPUT, "%s", bad[i]);
}
END_TEST

static void refused(const char *access, const char *refresh, const char *user, const char *scope)
{
	struct cred_tokens t = make(access, refresh, 0, 0);
	struct secret out = SECRET_NONE;
	struct err e = ERR_INIT;

	free(t.username);
	t.username = xstrdup(user);
	t.scope = scope != NULL ? xstrdup(scope) : NULL;
	ck_assert_int_eq(cred_tokens_format(&out, &t, &e), ERR_INPUT);
	ck_assert_ptr_null(out.p);
	cred_tokens_free(&t);
}

START_TEST(refused_values)
{
	char *long_one = xmalloc(CRED_TOKEN_MAX + 2);

	memset(long_one, 'a', CRED_TOKEN_MAX + 1);
	long_one[CRED_TOKEN_MAX + 1] = '\0';
	refused("a\nhost=evil.example", NULL, "u", NULL);
	refused("a b", NULL, "u", NULL);
	refused("a\x7f", NULL, "u", NULL);
	refused("\xc3\xa9", NULL, "u", NULL);
	refused(long_one, NULL, "u", NULL);
	refused("a", "r\r", "u", NULL);
	refused("a", "r", "u\nend", NULL);
	refused("a", "r", "u", "s\nend");
	free(long_one);
}
END_TEST

static void state(int64_t issued, int64_t expires, int64_t now, enum cred_state want)
{
	struct cred_tokens t = make("a", NULL, issued, expires);

	ck_assert_msg(cred_tokens_state(&t, now) == want, "%d, %d, %d", (int)issued, (int)expires,
		      (int)now);
	cred_tokens_free(&t);
}

START_TEST(ages)
{
	struct cred_tokens none = make(NULL, "r", 1, 1000000);

	state(10000, 13600, 10000, CRED_GOOD);
	state(10000, 13600, 13299, CRED_GOOD);
	state(10000, 13600, 13300, CRED_AGEING);
	state(10000, 13600, 13569, CRED_AGEING);
	state(10000, 13600, 13570, CRED_STALE);
	state(10000, 13600, 99999, CRED_STALE);
	/* a token of a minute is not stale from its birth */
	state(10000, 10060, 10000, CRED_GOOD);
	state(10000, 10060, 10048, CRED_AGEING);
	state(10000, 10060, 10057, CRED_STALE);
	state(0, 13600, 13000, CRED_GOOD);
	state(0, 0, 99999, CRED_GOOD);
	/* the clock was set back */
	state(10000, 13600, 9941, CRED_GOOD);
	state(10000, 13600, 9940, CRED_AGEING);
	state(10000, 13600, -1000000, CRED_AGEING);
	ck_assert_int_eq(cred_tokens_state(&none, 2), CRED_STALE);
	ck_assert(cred_tokens_can_refresh(&none, 2));
	none.refresh_expires = 2;
	ck_assert(!cred_tokens_can_refresh(&none, 2));
	ck_assert(cred_tokens_can_refresh(&none, 1));
	cred_tokens_free(&none);
}
END_TEST

/* Whatever the clock says: what replaces another comes after it. */
START_TEST(one_after_the_other)
{
	struct cred_tokens a = make("a", "r", 1000, 0), b = make("b", "s", 400, 0),
			   c = make("c", "t", 400, 0), d = make("d", "u", 2000, 0),
			   none = CRED_TOKENS_NONE;

	ck_assert(cred_tokens_after(&a, &a));
	ck_assert(!cred_tokens_after(&b, &a));
	cred_tokens_follow(&b, &a);
	cred_tokens_follow(&c, &b);
	cred_tokens_follow(&d, &c);
	ck_assert_int_eq(b.issued, 400);
	ck_assert(cred_tokens_after(&b, &a) && !cred_tokens_after(&a, &b));
	ck_assert(cred_tokens_after(&c, &b) && !cred_tokens_after(&b, &c));
	ck_assert(cred_tokens_after(&d, &c) && !cred_tokens_after(&c, &d));
	ck_assert_int_eq(d.order, 0);
	cred_tokens_follow(&c, &none);
	ck_assert_int_eq(c.order, 0);
	a.order = INT64_MAX;
	cred_tokens_follow(&b, &a);
	ck_assert(cred_tokens_after(&b, &a));
	cred_tokens_free(&a);
	cred_tokens_free(&b);
	cred_tokens_free(&c);
	cred_tokens_free(&d);
}
END_TEST

START_TEST(the_same_token)
{
	struct cred_tokens t = make("abc", NULL, 0, 0), none = make(NULL, "abc", 0, 0);

	ck_assert(cred_tokens_are(&t, bytes_str("abc")));
	ck_assert(!cred_tokens_are(&t, bytes_str("abd")));
	ck_assert(!cred_tokens_are(&t, bytes_str("ab")));
	ck_assert(!cred_tokens_are(&t, bytes_str("abcd")));
	ck_assert(!cred_tokens_are(&t, bytes_str("")));
	ck_assert(!cred_tokens_are(&none, bytes_str("")));
	ck_assert(!cred_tokens_are(&none, bytes_str("abc")));
	cred_tokens_free(&t);
	cred_tokens_free(&none);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cred_tokens");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, there_and_back);
	tcase_add_test(t, refused_texts);
	tcase_add_test(t, refused_values);
	tcase_add_test(t, ages);
	tcase_add_test(t, one_after_the_other);
	tcase_add_test(t, the_same_token);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
