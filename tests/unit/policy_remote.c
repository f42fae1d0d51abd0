/* What a clone knows of its remote's refs, and when objects came by the record. */
#include "policy/arrival.h"
#include "policy/remote.h"
#include "tests/unit/repo_tools.h"

static const char config[] = "[remote \"o\"]\n"
			     "\tfetch = +refs/heads/*:refs/remotes/o/*\n"
			     "\tfetch = refs/merge/*/head:refs/remotes/o/mr-*-x\n"
			     "\tfetch = +refs/tags/*:refs/tags/*\n"
			     "\tfetch = refs/notes/ci:refs/remotes/o/ci-notes\n"
			     "\tfetch = ^refs/heads/no/*\n"
			     "\tfetch = HEAD\n"
			     "[remote \"p\"]\n"
			     "\tfetch = *:refs/remotes/p/*\n";

static bool has(const struct past_ref *v, size_t n, const char *name)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += strcmp(v[i].name, name) == 0;
	ck_assert_uint_le(found, 1);
	return found == 1;
}

START_TEST(refs_of_a_remote)
{
	struct gitconf conf = GITCONF_INIT;
	struct err err = ERR_INIT;
	struct past_ref *v = NULL;
	struct repo *r;
	size_t n = 9;

	world_begin(&kinds[_i]);
	run("git init -q h && cd h && git commit -q --allow-empty -m a && git tag v1 && "
	    "for r in o/main o/a/b o/mr-7-x o/mr-7 o/ci-notes o/ci-notes2 p/x q/x; do "
	    "git update-ref refs/remotes/$r HEAD; done; "
	    "git symbolic-ref refs/remotes/o/HEAD refs/remotes/o/main");
	ck_assert_int_eq(gitconf_parse(&conf, bytes_str(config), "f", &err), 0);
	r = open_at(&kinds[_i], "h");
	ck_assert_int_eq(remote_refs(r, &conf, "o", &v, &n, &err), 0);
	ck_assert(has(v, n, "refs/heads/main") && has(v, n, "refs/heads/a/b"));
	ck_assert(has(v, n, "refs/merge/7/head") && has(v, n, "refs/notes/ci"));
	ck_assert(!has(v, n, "refs/heads/HEAD") && !has(v, n, "refs/tags/v1"));
	/* Two refspecs may say the same ref is two: names of the remote's either way. */
	ck_assert(has(v, n, "refs/heads/mr-7") && has(v, n, "refs/heads/ci-notes2"));
	ck_assert(!has(v, n, "refs/notes/ci2"));
	past_refs_free(v, n);
	v = NULL;
	ck_assert_int_eq(remote_refs(r, &conf, "p", &v, &n, &err), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(remote_refs(r, &conf, "none", &v, &n, &err), 0);
	ck_assert_uint_eq(n, 0);
	past_refs_free(v, n);
	repo_close(r);
	gitconf_free(&conf);
	world_end();
}
END_TEST

/* --- times ----------------------------------------------------------------------- */

static struct record_entry entry(const char *ref, struct oid old, struct oid new_, bool forward,
				 int64_t received, enum record_state state)
{
	return (struct record_entry){ .state = state,
				      .received = received,
				      .rule = (char *)(uintptr_t) "",
				      .ref = (char *)(uintptr_t)ref,
				      .old = old,
				      .new_ = new_,
				      .forward = forward,
				      .who = (char *)(uintptr_t) "" };
}

static void came(const struct arrival *a, const char *rev, int64_t want)
{
	_cleanup_free_ char *script = xasprintf("git -C h rev-parse %s", rev);
	struct oid id = id_of(script);

	ck_assert_msg(arrival_time(&id, 9999, a) == want, "%s: %lld", rev,
		      (long long)arrival_time(&id, 9999, a));
}

START_TEST(times)
{
	struct oid one, three, five, side, tag, none = { .n = 0 }, gone = { .n = 20, .b = { 1 } };
	struct err err = ERR_INIT;
	struct arrival *a = NULL;
	struct repo *r;

	world_begin(&kinds[_i]);
	run("git init -q h && cd h && for i in 1 2 3 4 5 6; do git commit -q --allow-empty -m $i;"
	    " git tag c$i; done; git checkout -q -b side c2 && git commit -q --allow-empty -m s && "
	    "git merge -q -m m c3 && git tag -a -m v v1 c5 && git tag -a -m w v2 v1");
	one = id_of("git -C h rev-parse c1");
	three = id_of("git -C h rev-parse c3");
	five = id_of("git -C h rev-parse c5");
	side = id_of("git -C h rev-parse side");
	tag = id_of("git -C h rev-parse v2");
	if (one.n == 32)
		gone.n = 32;
	const struct record_entry v[] = {
		entry("refs/heads/main", none, three, false, 100, RECORD_LANDED),
		entry("refs/heads/x", none, gone, false, 150, RECORD_LANDED),
		entry("refs/heads/side", none, side, false, 200, RECORD_LANDED),
		entry("refs/heads/main", three, none, false, 250, RECORD_LANDED),
		entry("refs/tags/v2", none, tag, false, 300, RECORD_LANDED),
		entry("refs/heads/main", three, five, true, 400, RECORD_LANDED),
		entry("refs/heads/y", none, id_of("git -C h rev-parse c6"), false, 500,
		      RECORD_PENDING),
	};
	r = open_at(&kinds[_i], "h");
	ck_assert_int_eq(arrival_of_record(v, N(v), r, &one, 1, 9999, &a, &err), 0);
	came(a, "c1", 9999); /* introduced */
	came(a, "c2", 100);
	came(a, "c3", 100);
	came(a, "side", 200);
	came(a, "side^", 200);
	came(a, "v2", 300);
	came(a, "v1", 300);
	came(a, "c4", 300);
	came(a, "c5", 300); /* with the tag, before the branch */
	came(a, "c6", 9999);
	arrival_free(a);
	/* A time that has not come yet is a wrong one. */
	ck_assert_int_eq(arrival_of_record(v, N(v), r, &one, 1, 220, &a, &err), 0);
	came(a, "side", 200);
	came(a, "c5", 220);
	arrival_free(a);
	ck_assert_int_eq(arrival_of_record(NULL, 0, r, NULL, 0, 9999, &a, &err), 0);
	came(a, "c2", 9999);
	arrival_free(a);
	arrival_free(NULL);
	repo_close(r);
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_remote");
	TCase *tc = tcase_create("clones");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, refs_of_a_remote, 0, (int)N(kinds));
	tcase_add_loop_test(tc, times, 0, (int)N(kinds));
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
