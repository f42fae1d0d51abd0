/* The past of a push: from the record, from a repository's refs, from a list. */
#include "policy/past.h"
#include "tests/unit/repo_tools.h"

/* After the other: its names shadow that one's. */
#include "tests/unit/record_tools.h"

#define S(text) ((char[]){ text }) /* the policy owns what it names */
static char *one[] = { S("refs/heads/main") }, *two[] = { S("refs/heads/**") };
static char *three[] = { S("refs/tags/**") }, *four[] = { S("refs/heads/**") };
static size_t main_accepts[] = { 2 };
static struct policy_rule rules[] = {
	{ .name = S("main"), .refs = { one, 1 }, .accepts = main_accepts, .accepts_n = 1 },
	{ .name = S("work"), .refs = { two, 1 } },
	{ .name = S("releases"), .refs = { three, 1 }, .judges_tags = true },
	{ .name = S("watch"), .refs = { four, 1 }, .report = true },
};
static const struct policy policy = { .rules = rules, .rules_n = N(rules) };

static void accepted_are(const struct past *p, size_t rule, const unsigned *want, size_t n)
{
	struct oid *got = NULL;
	size_t k = past_accepted(p, &policy, &rules[rule], &got);

	ck_assert_uint_eq(k, n);
	for (size_t i = 0; i < n; i++) {
		struct oid w = id(want[i]);
		bool found = false;

		for (size_t m = 0; m < k; m++)
			found |= oid_eq(&got[m], &w);
		ck_assert_msg(found, "%u is not there", want[i]);
	}
	free(got);
}
#define ACCEPTED(p, rule, ...)                                            \
	accepted_are(p, rule, (const unsigned[]){ 0, ##__VA_ARGS__ } + 1, \
		     sizeof((const unsigned[]){ 0, ##__VA_ARGS__ }) / sizeof(unsigned) - 1)

static void last_is(const struct past *p, const char *ref, bool known, bool deleted, unsigned want)
{
	bool is_known, is_deleted;
	struct oid last, w = id(want);

	past_last(p, ref, &is_known, &is_deleted, &last);
	ck_assert_msg(is_known == known && is_deleted == deleted, "%s: %d %d", ref, is_known,
		      is_deleted);
	ck_assert_msg(known ? oid_eq(&last, &w) : last.n == 0, "%s", ref);
}

static void value_is(const struct past *p, const char *ref, const struct oid *want, bool symbolic)
{
	bool found = true, is_symbolic = true;
	struct oid got;

	OK(past_value(p, ref, &got, &found, &is_symbolic, &err));
	ck_assert_msg(found == (want != NULL), "%s", ref);
	ck_assert_msg(!want || oid_eq(want, &got), "%s", ref);
	ck_assert_int_eq(is_symbolic, symbolic);
	OK(past_value(p, ref, &got, &found, NULL, &err));
}

static void expect_time(const struct past *p, int64_t now, int64_t want)
{
	char *note;
	int64_t t;

	OK(past_time(p, now, 0, &t, &note, &err));
	ck_assert_int_eq(t, want);
	free(note);
}

static void clock_reset(const struct past *p, size_t entries)
{
	char *note;
	int64_t t;

	OK(past_time(p, 2500, 0, &t, &note, &err)); /* 500 s behind: no word */
	ck_assert_ptr_null(note);
	OK(past_time(p, 2399, 0, &t, &note, &err));
	ck_assert_ptr_nonnull(strstr(note, "git config hsm.clockReset 3"));
	free(note);
	OK(past_time(p, 1400, 3, &t, &note, &err));
	ck_assert_int_eq(t, 1500);
	OK(past_time(p, 1400, entries, &t, &note, &err));
	ck_assert_int_eq(t, 1400);
	FAILS(past_time(p, 1400, entries + 1, &t, &note, &err), ERR_CONFIG, "--unset");
}

START_TEST(of_record)
{
	struct record *r;
	struct past *p;

	world_open();
	r = opened();
	append(r, "main", "refs/heads/main", 0, 1, true, 1000);
	append(r, "work", "refs/heads/x", 0, 2, true, 2000);
	append(r, "releases", "refs/tags/v1", 0, 3, true, 3000);
	append(r, "main", "refs/heads/main", 1, 4, true, 1500);
	append(r, "work", "refs/heads/x", 2, 0, true, 1500);
	OK(record_commit(r, &err));
	p = past_of_record(r, NULL);
	ACCEPTED(p, 0); /* pending ones have not landed */
	record_close(r);
	past_free(p);

	r = opened();
	for (size_t n, i = 0; i < 5; i++)
		((struct record_entry *)(uintptr_t)record_entries(r, &n))[i].state = RECORD_LANDED;
	p = past_of_record(r, NULL);
	ACCEPTED(p, 0, 3, 4);
	ACCEPTED(p, 1, 2);
	ACCEPTED(p, 2, 3);
	ACCEPTED(p, 3);
	last_is(p, "refs/heads/main", true, false, 4);
	last_is(p, "refs/heads/x", true, true, 2);
	last_is(p, "refs/heads/y", false, false, 0);
	expect_time(p, 2500, 3000);
	expect_time(p, 3500, 3500);
	clock_reset(p, 5);
	past_free(p);
	record_close(r);
	world_close();
}
END_TEST

START_TEST(of_list)
{
	const struct past_ref v[] = {
		{ "refs/tags/v1", id(3) },    { "refs/heads/main", id(1) },
		{ "refs/heads/x", id(2) },    { "refs/heads/gone", { .n = 20 } },
		{ "refs/notes/none", id(7) }, { "refs/heads/y/z", id(5) },
	};
	const struct oid main_id = id(1);
	struct past *p = NULL;

	err = (struct err)ERR_INIT;
	OK(past_of_list(v, N(v), &policy, &p, &err));
	ACCEPTED(p, 0, 1, 3);
	ACCEPTED(p, 1, 2, 5);
	ACCEPTED(p, 2, 3);
	ACCEPTED(p, 3); /* what a report rule watches is not accepted under it */
	last_is(p, "refs/heads/main", true, false, 1);
	last_is(p, "refs/heads/gone", false, false, 0);
	last_is(p, "refs/notes/none", true, false, 7);
	value_is(p, "refs/heads/main", &main_id, false);
	value_is(p, "refs/heads/gone", NULL, false);
	value_is(p, "refs/heads/mai", NULL, false);
	expect_time(p, 2500, 2500);
	past_free(p);

	OK(past_of_list(NULL, 0, &policy, &p, &err));
	ACCEPTED(p, 0);
	last_is(p, "refs/heads/main", false, false, 0);
	value_is(p, "refs/heads/main", NULL, false);
	past_free(p);
	past_free(NULL);
}
END_TEST

/* Which of two rules a value belongs to cannot be guessed. */
START_TEST(of_list_tied)
{
	struct policy_rule tied[] = { { .name = S("a"), .refs = { one, 1 } },
				      { .name = S("b"), .refs = { one, 1 } } };
	const struct policy bad = { .path = S("p"), .rules = tied, .rules_n = 2 };
	const struct past_ref v[] = { { "refs/heads/main", id(1) } };
	const struct past_ref other[] = { { "refs/heads/x", id(1) } };
	struct past *p = NULL;

	err = (struct err)ERR_INIT;
	FAILS(past_of_list(v, 1, &bad, &p, &err), ERR_CONFIG, "equally well");
	ck_assert_ptr_null(p);
	OK(past_of_list(other, 1, &bad, &p, &err));
	past_free(p);
}
END_TEST

START_TEST(of_repo)
{
	const struct kind *k = &kinds[_i];
	struct oid tip, tag, x, *got = NULL;
	struct repo *r;
	struct past *p = NULL;

	world_begin(k);
	err = (struct err)ERR_INIT;
	run("git init -q h && cd h && git commit -q --allow-empty -m a && git tag -a -m v v1 && "
	    "git checkout -q -b x && git commit -q --allow-empty -m b && "
	    "git symbolic-ref refs/heads/main2 refs/heads/x && git symbolic-ref "
	    "refs/tags/alias refs/heads/x");
	tip = id_of("git -C h rev-parse main");
	x = id_of("git -C h rev-parse x");
	tag = id_of("git -C h rev-parse v1");
	r = open_at(k, "h");
	OK(past_of_repo(r, &policy, &p, &err));
	ck_assert_uint_eq(past_accepted(p, &policy, &rules[0], &got), 2);
	ck_assert(oid_eq(&got[0], &tip) && oid_eq(&got[1], &tag));
	free(got);
	/* A symbolic ref is another's value under a name that it was not judged for. */
	ck_assert_uint_eq(past_accepted(p, &policy, &rules[1], &got), 1);
	ck_assert(oid_eq(&got[0], &x));
	free(got);
	ck_assert_uint_eq(past_accepted(p, &policy, &rules[2], &got), 1);
	free(got);
	value_is(p, "refs/heads/main", &tip, false);
	value_is(p, "refs/heads/main2", &x, true);
	value_is(p, "refs/heads/main3", NULL, false);
	last_is(p, "refs/heads/main2", false, false, 0);
	past_free(p);
	repo_close(r);
	world_end();
}
END_TEST

static void land(struct past *p, const char *ref, const struct oid *value, const char *rule,
		 bool forward)
{
	past_accept(p, ref, value, rule, forward);
	past_set(p, ref, value);
}

/* What a replay tells, one update after the other. */
START_TEST(of_telling)
{
	const struct oid one_id = id(1), two_id = id(2), three_id = id(3), none = { .n = 20 };
	struct past *p = past_new();

	err = (struct err)ERR_INIT;
	land(p, "refs/heads/main", &one_id, "main", false);
	land(p, "refs/heads/a", &three_id, "work", false);
	ACCEPTED(p, 0, 1);
	ACCEPTED(p, 1, 3);
	land(p, "refs/heads/main", &two_id, "main", true);
	ACCEPTED(p, 0, 2); /* what it descends from goes without saying */
	value_is(p, "refs/heads/main", &two_id, false);
	land(p, "refs/heads/main", &one_id, "main", false);
	ACCEPTED(p, 0, 1, 2); /* rewound: both count */
	past_set(p, "refs/heads/main", &none);
	ACCEPTED(p, 0, 1, 2);
	value_is(p, "refs/heads/main", NULL, false);
	last_is(p, "refs/heads/main", true, true, 1);
	past_set(p, "refs/heads/main", &three_id);
	ACCEPTED(p, 0, 1, 2); /* stands there, and is not accepted */
	land(p, "refs/heads/main", &two_id, "main", true);
	ACCEPTED(p, 0, 1, 2, 2);
	past_free(p);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("past");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, of_record);
	tcase_add_test(tc, of_list);
	tcase_add_test(tc, of_list_tied);
	tcase_add_test(tc, of_telling);
	tcase_add_loop_test(tc, of_repo, 0, (int)N(kinds));
	return run_suite("policy_past", tc);
}
