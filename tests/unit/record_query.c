/* What the record says: what landed, which tips are walked back to, what a ref was, the time. */
#include "tests/unit/record_tools.h"

/* --- a repository: what refs are now ------------------------------------------- */

struct ref {
	const char *name;
	unsigned value; /* 0: it does not exist */
};

struct refs {
	const struct ref *v;
	size_t n, asked;
	bool broken;
};

static int value_of(const char *name, struct oid *ret, void *ctx, struct err *e)
{
	struct refs *refs = ctx;

	refs->asked++;
	if (refs->broken)
		return err_set(e, ERR_REPO, "the ref cannot be read");
	*ret = id(0);
	for (size_t i = 0; i < refs->n; i++)
		if (strcmp(refs->v[i].name, name) == 0)
			*ret = id(refs->v[i].value);
	return 0;
}

static void settle(struct record *r, const struct ref *v, size_t n)
{
	struct refs refs = { v, n, 0, false };

	OK(record_settle(r, &any_time, value_of, &refs, &err));
}

#define SETTLE(r, ...)                                     \
	do {                                               \
		const struct ref v_[] = { __VA_ARGS__ };   \
		settle(r, v_, sizeof(v_) / sizeof(v_[0])); \
	} while (0)

static void expect_states(const struct record *r, const char *states)
{
	size_t n;
	const struct record_entry *e = record_entries(r, &n);

	ck_assert_uint_eq(n, strlen(states));
	for (size_t i = 0; i < n; i++)
		ck_assert_msg((char)e[i].state == states[i], "entry %zu is %c in %s", i,
			      (char)e[i].state, states);
}

#define MAIN "refs/heads/main"
#define WORK "refs/heads/work"
#define TAG "refs/tags/v1"

START_TEST(settled_by_refs)
{
	struct record *r = opened();

	append(r, "main", MAIN, 0, 1, false, 1);              /* it stands there: landed */
	append(r, "main", WORK, 0, 2, false, 1);              /* still as before: may come yet */
	append(r, "main", TAG, 0, 3, false, 1);               /* neither: dropped */
	append(r, "main", "refs/heads/gone", 4, 0, false, 1); /* deleted: landed */
	append(r, "main", "refs/heads/kept", 5, 0, false, 1); /* not deleted */
	OK(record_commit(r, &err));
	SETTLE(r, { MAIN, 1 }, { TAG, 9 }, { "refs/heads/kept", 5 });
	expect_states(r, "lpdlp");
	record_close(r);

	r = opened(); /* it was written at once */
	expect_states(r, "lpdlp");
	SETTLE(r, { MAIN, 9 }, { WORK, 2 }, { TAG, 3 }); /* what is settled stays so */
	expect_states(r, "lldll");
	record_close(r);
	r = opened();
	expect_states(r, "lldll");
	record_close(r);
}
END_TEST

/* Two pushes to one ref, of which one lands. */
START_TEST(settled_one_of_two)
{
	struct record *r = opened();

	append(r, "main", MAIN, 0, 1, false, 1);
	append(r, "main", MAIN, 0, 2, false, 2);
	OK(record_commit(r, &err));
	SETTLE(r, { MAIN, 2 });
	expect_states(r, "dl");
	record_close(r);
}
END_TEST

/* A push that never landed: what it would have changed is as before, long after. */
START_TEST(settled_by_time)
{
	struct refs refs = { (const struct ref[]){ { MAIN, 1 }, { TAG, 3 } }, 2, 0, false };
	struct record_awaited a;
	struct record *r = opened();

	append(r, "main", TAG, 3, 4, false, 5000);  /* of a clock that was ahead */
	append(r, "main", MAIN, 0, 1, false, 10);   /* long ago, but landed */
	append(r, "main", WORK, 0, 2, false, 999);  /* too long ago */
	append(r, "main", WORK, 0, 3, false, 1000); /* may come yet */
	OK(record_commit(r, &err));
	a = record_awaited_at(r, 1200, 0, 200); /* time does not go back */
	ck_assert_int_eq(a.since, 5000 - 200);
	a = record_awaited_at(r, 1200, 1, 200);
	ck_assert_int_eq(a.since, 1000);
	OK(record_settle(r, &a, value_of, &refs, &err));
	expect_states(r, "dldp");
	record_close(r);
}
END_TEST

/* What is pending gives a ref a value soon; a deletion does not, nor what has landed. */
START_TEST(coming)
{
	struct record *r = opened();

	append(r, "main", MAIN, 0, 1, false, 1);
	OK(record_commit(r, &err));
	ck_assert(record_is_coming(r, MAIN));
	SETTLE(r, { MAIN, 1 });
	ck_assert(!record_is_coming(r, MAIN));
	append(r, "main", TAG, 0, 4, false, 2);
	append(r, "main", WORK, 3, 0, false, 2);
	append(r, "main", "refs/heads/a", 0, 4, false, 2);
	append(r, "main", TAG, 0, 5, false, 2);
	OK(record_commit(r, &err));
	ck_assert(record_is_coming(r, TAG) && record_is_coming(r, "refs/heads/a"));
	ck_assert(!record_is_coming(r, WORK) && !record_is_coming(r, MAIN));
	ck_assert(!record_is_coming(r, "refs/heads/b") && !record_is_coming(r, "refs/z"));
	record_close(r);
}
END_TEST

START_TEST(settled_only_when_known)
{
	struct refs refs = { NULL, 0, 0, true };
	struct record *r = opened();

	append(r, "main", MAIN, 0, 1, false, 1);
	append(r, "main", WORK, 0, 2, false, 1);
	OK(record_settle(r, &any_time, value_of, &refs, &err)); /* queued ones are not there yet */
	ck_assert_uint_eq(refs.asked, 0);
	OK(record_commit(r, &err));
	FAILS(record_settle(r, &any_time, value_of, &refs, &err), ERR_REPO, "cannot be read");
	expect_states(r, "pp");
	record_close(r);
	r = opened();
	expect_states(r, "pp");
	record_close(r);
}
END_TEST

/* --- tips ------------------------------------------------------------------------ */

static bool want_rule(const char *rule, void *ctx)
{
	return strcmp(rule, ctx) == 0;
}

static void expect_tips(const struct record *r, const char *rule, const unsigned *v, size_t n)
{
	struct oid *tips = NULL;
	size_t got = record_tips(r, want_rule, (void *)(uintptr_t)rule, &tips);

	ck_assert_msg(got == n, "%zu tips under %s, expected %zu", got, rule, n);
	for (size_t i = 0; i < n; i++) {
		struct oid want = id(v[i]); /* they come in order of ids */

		ck_assert_msg(oid_eq(&tips[i], &want), "tip %zu under %s", i, rule);
	}
	free(tips);
}

#define TIPS(r, rule, ...)                                            \
	do {                                                          \
		const unsigned v_[] = { __VA_ARGS__ };                \
		expect_tips(r, rule, v_, sizeof(v_) / sizeof(v_[0])); \
	} while (0)

/* One push after the other, each of which lands. */
static void landed(struct record *r, const char *rule, const char *ref, unsigned old, unsigned new_,
		   bool forward)
{
	struct ref now = { ref, new_ };

	append(r, rule, ref, old, new_, forward, 1);
	OK(record_commit(r, &err));
	settle(r, &now, 1);
}

START_TEST(tips_are_the_newest)
{
	struct record *r = opened();

	expect_tips(r, "main", NULL, 0);
	for (unsigned i = 0; i < 5; i++)
		landed(r, "main", MAIN, i, i + 1, true);
	landed(r, "work", WORK, 0, 7, false);
	TIPS(r, "main", 5);
	TIPS(r, "work", 7);
	expect_tips(r, "mai", NULL, 0);
	landed(r, "main", MAIN, 5, 6, true); /* an answer given before counts no longer */
	TIPS(r, "main", 6);
	record_close(r);
}
END_TEST

/* What was rewound, or overtaken by other means, was let in all the same. */
START_TEST(tips_after_rewinds)
{
	struct record *r = opened();

	landed(r, "main", MAIN, 0, 1, false);
	landed(r, "main", MAIN, 1, 2, true);
	landed(r, "main", MAIN, 2, 3, false); /* a rewind */
	TIPS(r, "main", 2, 3);
	landed(r, "main", MAIN, 9, 4, true); /* from a value that nobody recorded */
	TIPS(r, "main", 2, 3, 4);
	landed(r, "main", MAIN, 4, 0, false); /* deleted */
	TIPS(r, "main", 2, 3, 4);
	landed(r, "main", MAIN, 0, 5, true);
	TIPS(r, "main", 2, 3, 4, 5);
	record_close(r);
}
END_TEST

/* A deletion's old value was seen, not judged. */
START_TEST(tips_not_from_deletions)
{
	struct record *r = opened();

	landed(r, "main", MAIN, 8, 0, false);
	expect_tips(r, "main", NULL, 0);
	landed(r, "main", MAIN, 0, 1, false);
	TIPS(r, "main", 1);
	record_close(r);
}
END_TEST

START_TEST(tips_of_what_landed_only)
{
	struct record *r = opened();

	append(r, "main", MAIN, 0, 1, false, 1);
	append(r, "main", WORK, 0, 2, false, 1);
	OK(record_commit(r, &err));
	expect_tips(r, "main", NULL, 0);
	SETTLE(r, { MAIN, 5 });
	expect_states(r, "dp");
	expect_tips(r, "main", NULL, 0);
	record_close(r);
}
END_TEST

/* The same ref under a rule and then another: each rule keeps its own. */
START_TEST(tips_by_rule)
{
	struct record *r = opened();

	landed(r, "work", MAIN, 0, 1, false);
	landed(r, "main", MAIN, 1, 2, true);
	landed(r, "work", MAIN, 2, 3, true);
	TIPS(r, "main", 2);
	TIPS(r, "work", 1, 3);
	landed(r, "main", WORK, 0, 2, false); /* one tip by two refs is one */
	TIPS(r, "main", 2);
	record_close(r);
}
END_TEST

/* --- refs and time ------------------------------------------------------------------- */

static void expect_ref(const struct record *r, const char *ref, bool known, bool deleted,
		       unsigned last)
{
	struct oid want = last ? id(last) : (struct oid){ .n = 0 }, got;
	bool is_known, is_deleted;

	record_ref(r, ref, &is_known, &is_deleted, &got);
	ck_assert_msg(is_known == known && is_deleted == deleted, "%s: known %d, deleted %d", ref,
		      is_known, is_deleted);
	ck_assert_msg(oid_eq(&got, &want), "%s: another value", ref);
}

START_TEST(last_values)
{
	struct record *r = opened();

	expect_ref(r, MAIN, false, false, 0);
	append(r, "main", MAIN, 0, 1, false, 1);
	OK(record_commit(r, &err));
	expect_ref(r, MAIN, false, false, 0); /* pending is not known */
	SETTLE(r, { MAIN, 1 });
	expect_ref(r, MAIN, true, false, 1);
	landed(r, "main", MAIN, 1, 2, true);
	landed(r, "work", WORK, 0, 7, false);
	expect_ref(r, MAIN, true, false, 2);
	landed(r, "other", MAIN, 2, 0, false); /* whatever the rule */
	expect_ref(r, MAIN, true, true, 2);
	landed(r, "main", MAIN, 0, 0, false);
	expect_ref(r, MAIN, true, true, 2);
	expect_ref(r, "refs/heads/mai", false, false, 0);
	expect_ref(r, MAIN "x", false, false, 0);
	record_close(r);
}
END_TEST

START_TEST(clock_set_back)
{
	struct record *r = opened();
	uint64_t from = 9;

	ck_assert_int_eq(record_time(r, 500, 0, &from), 500);
	ck_assert_uint_eq(from, 0);
	append(r, "main", MAIN, 0, 1, false, 1000);
	append(r, "main", MAIN, 1, 2, false, 900);
	ck_assert_int_eq(record_time(r, 500, 0, &from), 500); /* not there yet */
	OK(record_commit(r, &err));
	ck_assert_int_eq(record_time(r, 500, 0, &from), 1000);
	ck_assert_uint_eq(from, 1);
	ck_assert_int_eq(record_time(r, 1000, 0, &from), 1000);
	ck_assert_uint_eq(from, 0);
	ck_assert_int_eq(record_time(r, 1001, 0, &from), 1001);
	ck_assert_int_eq(record_time(r, 500, 1, &from), 900);
	ck_assert_uint_eq(from, 2);
	ck_assert_int_eq(record_time(r, 500, 2, &from), 500);
	record_close(r);
	r = opened();
	ck_assert_int_eq(record_time(r, 500, 0, &from), 1000);
	record_close(r);
}
END_TEST

/* --- size ------------------------------------------------------------------------------ */

/*
 * 100,000 entries on 1,000 refs, and questions about each ref: in a time that any way
 * of answering that looks at all of them for each would miss by far.
 */
START_TEST(many)
{
	char *ref[1000];
	struct record *r = opened();
	struct ref now[1000];
	struct refs refs = { now, 0, 0, false }; /* none exists: the creations are still to come */
	struct oid *tips;

	for (unsigned i = 0; i < 1000; i++) {
		ref[i] = xasprintf("refs/heads/topic/%u", i);
		now[i] = (struct ref){ ref[i], 99 * 1000 + i + 1 };
	}
	for (unsigned i = 0; i < 100 * 1000; i++)
		append(r, "work", ref[i % 1000], i < 1000 ? 0 : i - 999, i + 1, true, i);
	OK(record_commit(r, &err));
	record_close(r);
	r = opened();
	ck_assert_uint_eq(entries_of(r), 100 * 1000);
	OK(record_settle(r, &any_time, value_of, &refs, &err));
	ck_assert_uint_eq(refs.asked, 100 * 1000);
	refs = (struct refs){ now, 1000, 0, false };
	OK(record_settle(r, &any_time, value_of, &refs, &err));
	ck_assert_uint_eq(refs.asked, 1000);
	record_close(r);
	r = opened();
	for (unsigned k = 0; k < 100; k++)
		for (unsigned i = 0; i < 1000; i++)
			expect_ref(r, ref[i], false, false, 0);
	for (unsigned i = 0; i < 1000; i++)
		append(r, "work", ref[i], 0, i + 1, true, i);
	OK(record_commit(r, &err));
	for (unsigned i = 0; i < 1000; i++)
		now[i].value = i + 1;
	settle(r, now, 1000);
	for (unsigned k = 0; k < 100; k++)
		for (unsigned i = 0; i < 1000; i++)
			expect_ref(r, ref[i], true, false, i + 1);
	ck_assert_uint_eq(record_tips(r, want_rule, (void *)(uintptr_t) "work", &tips), 1000);
	free(tips);
	for (unsigned i = 0; i < 1000; i++)
		free(ref[i]);
	record_close(r);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("query");

	tcase_add_checked_fixture(tc, world_open, world_close);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, settled_by_refs);
	tcase_add_test(tc, settled_one_of_two);
	tcase_add_test(tc, settled_by_time);
	tcase_add_test(tc, coming);
	tcase_add_test(tc, settled_only_when_known);
	tcase_add_test(tc, tips_are_the_newest);
	tcase_add_test(tc, tips_after_rewinds);
	tcase_add_test(tc, tips_not_from_deletions);
	tcase_add_test(tc, tips_of_what_landed_only);
	tcase_add_test(tc, tips_by_rule);
	tcase_add_test(tc, last_values);
	tcase_add_test(tc, clock_set_back);
	tcase_add_test(tc, many);
	return run_suite("record_query", tc);
}
