/* Patterns and ranks: which rule governs a ref. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/file_internal.h"
#include "tests/unit/policy_made.h"

/* --- patterns --------------------------------------------------------------------------- */

static const struct {
	const char *pattern, *name;
	bool match;
} globs[] = {
	{ "refs/heads/main", "refs/heads/main", true },
	{ "refs/heads/main", "refs/heads/mai", false },
	{ "refs/heads/main", "refs/heads/main2", false },
	{ "refs/heads/main", "refs/heads/Main", false },
	{ "refs/heads/*", "refs/heads/main", true },
	{ "refs/heads/*", "refs/heads/", true },
	{ "refs/heads/*", "refs/heads/a/b", false },
	{ "refs/heads/*", "refs/tags/main", false },
	{ "refs/heads/**", "refs/heads/a/b", true },
	{ "refs/heads/**", "refs/heads/", true },
	{ "refs/heads/**", "refs/heads", false },
	{ "refs/*/main", "refs/heads/main", true },
	{ "refs/*/main", "refs/a/b/main", false },
	{ "refs/**/main", "refs/a/b/main", true },
	{ "refs/**/main", "refs/main", false },
	{ "refs/**main", "refs/main", true },
	{ "refs/heads/v*.*", "refs/heads/v1.2", true },
	{ "refs/heads/v*.*", "refs/heads/v12", false },
	{ "refs/heads/v*.*", "refs/heads/v1/2.3", false },
	{ "refs/heads/*a*b", "refs/heads/aaab", true },
	{ "refs/heads/*a*b", "refs/heads/aaabc", false },
	{ "refs/**/x*/y", "refs/x1/x/2/x3/y", true },
	{ "refs/**/x*/y", "refs/x1/x/2/x3/z/y", false },
	{ "refs/**a*/b", "refs/a/xa1/b", true },
	{ "refs/*/main", "refs/heads/Main", false },
	{ "**", "refs/heads/main", true },
	{ "*", "refs/heads/main", false },
	{ "", "", true },
	{ "", "a", false },
	{ "refs/heads/\xc3\xa9*", "refs/heads/\xc3\xa9t\xc3\xa9", true },
	{ "refs/heads/\xc3\xa9*", "refs/heads/\xc3\xa8t\xc3\xa9", false },
	{ "refs/heads/?", "refs/heads/a", false },
	{ "refs/heads/[a]", "refs/heads/a", false },
};

START_TEST(glob)
{
	bool got = policy_glob(globs[_i].pattern, bytes_str(globs[_i].name));

	ck_assert_msg(got == globs[_i].match, "%s on %s: %d", globs[_i].pattern, globs[_i].name, got);
}
END_TEST

/* A name and a pattern that make backtracking matchers slow. */
START_TEST(glob_is_fast)
{
	struct buf pattern = BUF_INIT, name = BUF_INIT;

	for (int i = 0; i < 80; i++)
		buf_add_str(&pattern, "**a");
	for (int i = 0; i < 20000; i++)
		buf_add_str(&name, "a");
	ck_assert(policy_glob(buf_str(&pattern), buf_bytes(&name)));
	buf_add_str(&pattern, "*b");
	ck_assert(!policy_glob(buf_str(&pattern), buf_bytes(&name)));
	while (pattern.n <= POLICY_PATTERN_MAX)
		buf_add_str(&pattern, "**");
	ck_assert(policy_glob("**", buf_bytes(&name)));
	ck_assert(!policy_glob(buf_str(&pattern), buf_bytes(&name))); /* never loaded */
	buf_free(&pattern);
	buf_free(&name);
}
END_TEST

static const struct {
	const char *a, *b;
	bool meet;
} pairs[] = {
	{ "refs/heads/*", "refs/heads/**", true },
	{ "refs/heads/*", "refs/heads/*", true },
	{ "refs/heads/*a", "refs/heads/*b", false },
	{ "refs/heads/*a*", "refs/heads/*b*", true },
	{ "refs/heads/*/a", "refs/heads/*", false },
	{ "refs/heads/*/a", "refs/heads/**", true },
	{ "refs/heads/*/a", "refs/heads/**b", false },
	{ "refs/heads/*/a", "refs/heads/**b/*", true },
	{ "refs/heads/a*", "refs/heads/*a", true },
	{ "refs/heads/a*", "refs/heads/b*", false },
	{ "refs/heads/ab", "refs/heads/*b", true },
	{ "refs/heads/ab", "refs/heads/*c", false },
	{ "refs/**/x/**", "refs/*/y/*", false },
	{ "refs/**/x/**", "refs/*/x/*", true },
	{ "refs/*/*", "refs/*/*/*", false },
	{ "refs/a", "refs/b", false },
	{ "**", "**", true },
};

START_TEST(meet)
{
	size_t budget = 1000, used;

	ck_assert_int_eq(policy_patterns_meet(pairs[_i].a, pairs[_i].b, &budget), pairs[_i].meet);
	used = 1000 - budget;
	ck_assert_uint_gt(used, 0);
	ck_assert_int_eq(policy_patterns_meet(pairs[_i].b, pairs[_i].a, &budget), pairs[_i].meet);
	budget = used - 1;
	ck_assert(policy_patterns_meet(pairs[_i].a, pairs[_i].b, &budget));
	ck_assert_uint_eq(budget, 0);
}
END_TEST

/* Every short pattern with every other: they meet when some short name is of both. */
static size_t spell(size_t k, const char *letters, char *out)
{
	size_t base = strlen(letters), n = 0;

	for (; k > 0; k = (k - 1) / base)
		out[n++] = letters[(k - 1) % base];
	out[n] = '\0';
	return n;
}

START_TEST(meet_is_glob)
{
	enum { PATTERNS = 3 + 9 + 27 + 81, NAMES = 2 + 4 + 8 + 16 + 32 + 64 };
	static uint64_t sets[PATTERNS + 1][2];
	char a[16], b[16], name[16];

	for (size_t i = 0; i <= PATTERNS; i++) {
		spell(i, "a/*", a);
		sets[i][0] = sets[i][1] = 0;
		for (size_t k = 0; k <= NAMES; k++) {
			size_t n = spell(k, "a/", name);

			sets[i][k / 64] |= (uint64_t)policy_glob(a, bytes_of(name, n)) << k % 64;
		}
	}
	for (size_t i = 0; i <= PATTERNS; i++)
		for (size_t k = 0; k <= PATTERNS; k++) {
			bool some = (sets[i][0] & sets[k][0]) || (sets[i][1] & sets[k][1]);
			size_t budget = 1000;

			spell(i, "a/*", a);
			spell(k, "a/*", b);
			ck_assert_msg(policy_patterns_meet(a, b, &budget) == some, "%s and %s: %d", a,
				      b, some);
		}
}
END_TEST

/* --- rules ------------------------------------------------------------------------------- */

#define RULE(name, ref) "[rule \"" name "\"]\nsigner = alice\n" ref "\n"

static const char rules[] = HEAD
	RULE("main", "ref = refs/heads/main")
	RULE("work", "ref = refs/heads/**")
	RULE("topic", "ref = refs/heads/topic/*\nref = refs/heads/t**")
	RULE("between", "ref = refs/heads/top**")
	RULE("exact-too", "ref = refs/heads/topic/x\nref = refs/x/*")
	RULE("watch", "ref = refs/heads/main\nref = refs/ci/*\nmode = report");

static const struct {
	const char *ref, *rule;
	bool reported;
} governed[] = {
	{ "refs/heads/main", "main", true },
	{ "refs/heads/main2", "work", false },
	{ "refs/heads/topic/a", "topic", false },
	{ "refs/heads/topic/x", "exact-too", false },
	{ "refs/heads/topic/a/b", "between", false },
	{ "refs/heads/tag", "topic", false },
	{ "refs/heads/u", "work", false },
	{ "refs/x/y", "exact-too", false },
	{ "refs/x/y/z", NULL, false },
	{ "refs/ci/1", NULL, true },
	{ "refs/cj/1", NULL, false },
};

START_TEST(governs)
{
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct policy *p = parse(rules, &root);
	const struct policy_rule *r = (const void *)p;
	struct bytes ref = bytes_str(governed[_i].ref);

	ck_assert_int_eq(policy_rule_for(p, ref, &r, NULL), 0);
	if (governed[_i].rule)
		ck_assert_msg(r && strcmp(r->name, governed[_i].rule) == 0, "%s: %s",
			      governed[_i].ref, r ? r->name : "none");
	else
		ck_assert_ptr_null(r);
	ck_assert_int_eq(policy_reported(p, ref), governed[_i].reported);
	p->report = true;
	ck_assert(policy_reported(p, ref));
	policy_free(p);
	pki_free(&root);
}
END_TEST

/* The reader refuses such a file: this is what stands behind it. */
START_TEST(tie_at_run_time)
{
	char first[] = "refs/heads/*", second[] = "refs/heads/**", path[] = "/p";
	char *one[] = { first }, *two[] = { second }, a[] = "a", b[] = "b";
	struct policy_rule v[2] = {
		{ .name = a, .refs = { one, 1 }, .line = 3 },
		{ .name = b, .refs = { two, 1 }, .line = 7 },
	};
	struct policy p = { .path = path, .rules = v, .rules_n = 2 };
	const struct policy_rule *r = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(policy_rule_for(&p, BYTES_LIT("refs/heads/x"), &r, &err), ERR_CONFIG);
	ck_assert_ptr_null(r);
	ck_assert_ptr_nonnull(strstr(err.text, "/p:7: rule \"b\" and rule \"a\" (line 3)"));
	ck_assert_int_eq(policy_rule_for(&p, BYTES_LIT("refs/heads/x/y"), &r, NULL), 0);
	ck_assert_ptr_eq(r, &v[1]);
	v[1].report = true;
	ck_assert_int_eq(policy_rule_for(&p, BYTES_LIT("refs/heads/x"), &r, NULL), 0);
	ck_assert_ptr_eq(r, &v[0]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_match");
	TCase *t = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, glob, 0, COUNT(globs));
	tcase_add_test(t, glob_is_fast);
	tcase_add_loop_test(t, meet, 0, COUNT(pairs));
	tcase_add_test(t, meet_is_glob);
	tcase_add_loop_test(t, governs, 0, COUNT(governed));
	tcase_add_test(t, tie_at_run_time);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
