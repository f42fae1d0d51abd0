/* The judgement's edges that need no repository: input lines, grouping, words. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/judge.h"
#include "policy/judge_internal.h"
#include "policy/progress.h"

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"
#define Z "0000000000000000000000000000000000000000"

static int read_lines(const char *text, size_t n, uint8_t hash_bytes, struct judge_update **u,
		      size_t *count, struct err *err)
{
	*u = NULL;
	*count = 99;
	return judge_read_updates(bytes_of(text, n), hash_bytes, u, count, err);
}

START_TEST(lines_taken)
{
	static const char text[] = A " " B " refs/heads/main\n" Z " " A " refs/heads/a b\n";
	struct judge_update *u;
	struct err err = ERR_INIT;
	size_t n;

	ck_assert_int_eq(read_lines(text, sizeof(text) - 1, 20, &u, &n, &err), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(u[0].ref, "refs/heads/main");
	ck_assert_uint_eq(u[0].old.b[0], 0x11);
	ck_assert_uint_eq(u[0].new_.b[19], 0x22);
	ck_assert(oid_is_null(&u[1].old));
	ck_assert_str_eq(u[1].ref, "refs/heads/a b"); /* a finding, not a fault */
	judge_updates_free(u, n);
}
END_TEST

static const struct {
	const char *text;
	size_t n;
	uint8_t hash_bytes;
	const char *line;
} bad_lines[] = {
#define BAD(s, hash, line) { s, sizeof(s) - 1, hash, line }
	BAD("", 20, "no ref updates"),
	BAD("\n", 20, "line 1"),
	BAD(A " " B " refs/heads/main", 20, "line 1"), /* no newline */
	BAD(A " " B " \n", 20, "line 1"),
	BAD(A " " B "\n", 20, "line 1"),
	BAD(A "  " B " refs/heads/main\n", 20, "line 1"),
	BAD(" " A " " B " refs/heads/main\n", 20, "line 1"),
	BAD(A "\t" B " refs/heads/main\n", 20, "line 1"),
	BAD("A" A " " B " refs/heads/main\n", 20, "line 1"),
	BAD("111111111111111111111111111111111111111 " B " refs/heads/main\n", 20, "line 1"),
	BAD("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA " B " refs/heads/main\n", 20, "line 1"),
	BAD(A " " B " refs/heads/main\n" A " " B " refs/heads/x\0y\n", 20, "line 2"),
	BAD(A " " B " refs/heads/main\n\n", 20, "line 2"),
	BAD(A " " B " refs/heads/main\n", 32, "line 1"),
};

START_TEST(lines_refused)
{
	struct judge_update *u;
	struct err err = ERR_INIT;
	size_t n;

	ck_assert_int_eq(read_lines(bad_lines[_i].text, bad_lines[_i].n, bad_lines[_i].hash_bytes,
				    &u, &n, &err), ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, bad_lines[_i].line));
	ck_assert_ptr_null(u);
}
END_TEST

START_TEST(pushed_lines)
{
	static const char text[] = "refs/heads/main " A " refs/heads/main " B "\n"
				   "HEAD@{1 day ago} " A " refs/heads/x " Z "\n"
				   "(delete) " Z " refs/heads/y " B "\n";
	struct judge_update *u;
	struct err err = ERR_INIT;
	size_t n;

	ck_assert_int_eq(judge_read_pushed(bytes_of(text, sizeof(text) - 1), 20, &u, &n, &err), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert(u[0].new_.b[0] == 0x11 && u[0].old.b[0] == 0x22);
	ck_assert_str_eq(u[1].ref, "refs/heads/x");
	ck_assert(oid_is_null(&u[1].old) && !oid_is_null(&u[1].new_));
	ck_assert_str_eq(u[2].ref, "refs/heads/y");
	ck_assert(oid_is_null(&u[2].new_));
	judge_updates_free(u, n);
	ck_assert_int_eq(judge_read_pushed(BYTES_NONE, 20, &u, &n, &err), 0);
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(pushed_lines_refused)
{
	static const char *const bad[] = {
		"\n", A " refs/heads/x " B "\n", " " A " refs/heads/x " B "\n",
		"x " A " " B "\n", "x " A " refs/heads/x " B, "x " A " refs/heads/x " B " \n",
		"x " A " refs/heads/x 22222222222222222222222222222222222222\n",
		"x AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA refs/heads/x " B "\n",
		"x " A " refs/heads/x " B "\n\n", "x " A "  " B "\n",
	};
	struct judge_update *u;
	struct err err = ERR_INIT;
	size_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(judge_read_pushed(bytes_str(bad[i]), 20, &u, &n, &err) == ERR_INPUT,
			      "%s", bad[i]);
}
END_TEST

START_TEST(transaction_lines)
{
	static const char text[] = Z " " A " refs/heads/main\n"
				   "ref:refs/heads/x ref:refs/heads/y HEAD\n"
				   A " ref:refs/heads/y refs/heads/z\n";
	static const char *const bad[] = {
		"\n", A " " B "\n", "ref:x\n", "ref:x " B "\n", "ref:x " B " \n", "refs:x " B " y\n",
		A " " B " refs/heads/x", A " " B "\trefs/heads/x\n",
	};
	struct judge_update *u;
	struct err err = ERR_INIT;
	size_t n;

	ck_assert_int_eq(judge_read_transaction(bytes_of(text, sizeof(text) - 1), 20, &u, &n, &err),
			 0);
	ck_assert_uint_eq(n, 3);
	ck_assert(u[0].old.n == 20 && u[0].new_.n == 20);
	ck_assert(u[1].old.n == 0 && u[1].new_.n == 0);
	ck_assert_str_eq(u[1].ref, "HEAD");
	ck_assert(u[2].old.n == 20 && u[2].new_.n == 0);
	judge_updates_free(u, n);
	ck_assert_int_eq(judge_read_transaction(BYTES_NONE, 20, &u, &n, &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(judge_read_transaction(bytes_str(bad[i]), 20, &u, &n, &err) ==
			      ERR_INPUT, "%s", bad[i]);
}
END_TEST

/* --- words ------------------------------------------------------------------ */

struct world {
	struct judge_result r;
	struct policy p;
	struct judge_update u[2];
	struct buf out;
};

static void add(struct world *w, const char *ref, const char *rule, unsigned object,
		const char *subject, const char *seen, const char *cure, bool report)
{
	struct judge_finding *f;

	w->r.findings = xreallocarray(w->r.findings, w->r.findings_n + 1,
				      sizeof(*w->r.findings));
	f = &w->r.findings[w->r.findings_n++];
	memset(f, 0, sizeof(*f));
	f->ref = xstrdup(ref);
	f->rule = xstrdup(rule);
	if (object)
		snprintf(f->object, sizeof(f->object), "%040x", object);
	f->subject = xstrdup(subject);
	f->seen = xstrdup(seen);
	f->cure = xstrdup(cure);
	f->report = report;
	w->r.refused |= !report;
}

static void start(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->p.serial = 12;
	for (size_t i = 0; i < 2; i++) {
		w->u[i].old.n = w->u[i].new_.n = 20;
		w->u[i].new_.b[0] = 1;
		w->u[i].ref = xstrdup(i ? "refs/heads/two" : "refs/heads/main");
	}
}

static const char *render(struct world *w, size_t n)
{
	buf_clear(&w->out);
	judge_render(&w->r, &w->p, w->u, n, &w->out);
	return buf_str(&w->out);
}

static void finish(struct world *w)
{
	free(w->u[0].ref);
	free(w->u[1].ref);
	judge_result_free(&w->r);
	buf_free(&w->out);
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
		n++;
	return n;
}

static void check_lines(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		ck_assert_uint_le(n, JUDGE_COLUMNS);
		for (size_t i = 0; i < n; i++)
			ck_assert((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
		text += n + 1;
	}
}

START_TEST(groups)
{
	struct world w;
	const char *text;

	start(&w);
	w.r.commits_seen = 30;
	w.r.commits = 5;
	for (unsigned i = 1; i <= 25; i++)
		add(&w, "refs/heads/main", "main", i, "a subject that is long enough to be cut "
		    "somewhere near its end", "not signed", "git commit --amend", false);
	add(&w, "refs/heads/main", "main", 0, "", "not a fast-forward", "", false);
	text = render(&w, 1);
	ck_assert_uint_eq(count(text, "not signed"), 2);
	ck_assert_ptr_nonnull(strstr(text, "More of refs/heads/main: not signed\n"));
	ck_assert_uint_eq(count(text, "    git commit --amend\n"), 1);
	ck_assert_uint_eq(count(text, "a subject"), 20);
	ck_assert_ptr_nonnull(strstr(text, "... and 5 more\n"));
	ck_assert_ptr_nonnull(strstr(text, "not a fast-forward\n  refs/heads/main\n"));
	ck_assert_ptr_nonnull(strstr(text, "gitsign-hsm: refused: 25 of 30 commits, rule \"main\" "
				     "(policy serial 12)\n"));
	check_lines(text);
	finish(&w);
}
END_TEST

/* Whatever is behind: the reasons and what mends them come first, in 24 lines. */
START_TEST(first_screen)
{
	static const char *const why[] = { "not signed", "its certificate expired",
					   "signed by bob, who may not sign here" };
	const char *text, *at;
	struct world w;
	size_t lines = 0;

	start(&w);
	w.r.commits_seen = 100;
	for (unsigned i = 1; i <= 90; i++)
		add(&w, "refs/heads/main", "main", i, "subject", why[i % 3],
		    i % 3 ? "Mend it so:\ngit commit -S" : "Mend it otherwise.", false);
	text = render(&w, 1);
	at = strstr(text, "More of ");
	ck_assert_ptr_nonnull(at);
	for (size_t i = 0; i < 3; i++)
		ck_assert(strstr(text, why[i]) < at);
	for (const char *p = text; p < at; p++)
		lines += *p == '\n';
	ck_assert_uint_lt(lines, 24);
	ck_assert_uint_eq(count(text, "git commit -S\n"), 2);
	ck_assert_uint_eq(count(text, "  000000000000"), 60); /* 20 of each */
	ck_assert_uint_eq(count(text, "... and 10 more\n"), 3);
	ck_assert_uint_eq(count(text, "... and 28 more\n"), 3);
	check_lines(text);
	finish(&w);
}
END_TEST

START_TEST(groups_apart)
{
	struct world w;
	const char *text;

	start(&w);
	w.r.commits_seen = 4;
	add(&w, "refs/heads/main", "main", 1, "", "not signed", "a", false);
	add(&w, "refs/heads/two", "main", 2, "", "not signed", "a", false);
	add(&w, "refs/heads/two", "main", 3, "", "not signed", "b", false);
	add(&w, "refs/heads/two", "main", 4, "", "not signed", "b", true);
	text = render(&w, 2);
	ck_assert_uint_eq(count(text, "not signed"), 4);
	ck_assert_uint_eq(count(text, "Would refuse: refs/heads/two"), 1);
	check_lines(text);
	finish(&w);
}
END_TEST

/* What is not kept is counted where it belongs. */
START_TEST(counted_only)
{
	const char *text;
	struct world w;

	start(&w);
	w.r.commits_seen = 5000;
	for (unsigned i = 1; i <= 20; i++)
		add(&w, "refs/heads/main", "main", i, "subject", "not signed", "sign", false);
	w.r.findings[0].alike = 980;
	w.r.findings[0].unlike = 4000;
	add(&w, "refs/heads/main", "main", 21, "subject", "not signed", "sign otherwise", false);
	text = render(&w, 1);
	ck_assert_uint_eq(count(text, "  000000000000"), 21);
	ck_assert_ptr_nonnull(strstr(text, "... and 996 more\n"));
	ck_assert_ptr_nonnull(strstr(text, "... and 980 more\n"));
	ck_assert_ptr_nonnull(strstr(text, "... and 4000 more findings of other kinds\n"));
	ck_assert_ptr_nonnull(strstr(text, "refused: 5000 of 5000 commits"));
	/* One that is alone in its group has nothing to list on the second screen. */
	w.r.findings[20].alike = 7;
	text = render(&w, 1);
	ck_assert_ptr_nonnull(strstr(text, "... and 7 more\n"));
	ck_assert_uint_eq(count(text, "More of "), 1);
	check_lines(text);
	finish(&w);
}
END_TEST

/* What is found at different times of the judgement counts once. */
START_TEST(counted_once)
{
	struct world w;

	start(&w);
	for (unsigned i = 0; i < 4; i++)
		add(&w, i % 2 ? "refs/heads/two" : "refs/heads/main", "main", 0, "",
		    i < 2 ? "the push says it stands at nothing" : "pushed without", "", false);
	ck_assert_ptr_nonnull(strstr(render(&w, 2), "refused: 2 of 2 refs, rule"));
	finish(&w);
	start(&w);
	w.r.commits_reported = 3;
	w.r.commits_reported_good = 1;
	for (unsigned i = 0; i < 4; i++)
		add(&w, "refs/heads/main", "main", 1 + i % 2, "", "not signed", "", true);
	ck_assert_ptr_nonnull(strstr(render(&w, 1), "would refuse: 2 of 3 commits, rule"));
	finish(&w);
}
END_TEST

START_TEST(accepted_line)
{
	struct world w;

	start(&w);
	w.r.commits = w.r.commits_seen = 3;
	w.r.updates = 1;
	w.r.entries = xcalloc(1, sizeof(*w.r.entries));
	w.r.entries_n = 1;
	w.r.entries[0].rule = xstrdup("main");
	judge_names_add(&w.r.who, "alice");
	ck_assert_str_eq(render(&w, 1), "gitsign-hsm: accepted 3 commits by alice on "
			 "refs/heads/main (rule main)\n");
	judge_names_add(&w.r.who, "somebody-with-a-very-long-name-indeed");
	ck_assert_uint_eq(count(render(&w, 1), "\n"), 1);
	check_lines(buf_str(&w.out));
	ck_assert_ptr_nonnull(strstr(render(&w, 2), " on 2 refs\n"));
	check_lines(buf_str(&w.out));
	finish(&w);
}
END_TEST

/* --- limits and progress ------------------------------------------------------ */

START_TEST(too_many_refs)
{
	struct policy p = { .refs = 1 };
	struct judge_context c = { .policy = &p };
	struct judge_result r;
	struct judge_update u[2] = { { .ref = NULL } };
	struct err err = ERR_INIT;

	ck_assert_int_eq(judge_push(&c, u, 2, &r, &err), ERR_BAD);
	ck_assert_ptr_nonnull(strstr(err.text, "2 refs in one push, and the policy allows 1"));
}
END_TEST

START_TEST(progress)
{
	struct judge_progress p;
	char line[JUDGE_PROGRESS_MAX];

	judge_progress_start(&p, 5000);
	ck_assert(!judge_progress(&p, 5000, 1, 1000, false, line));
	ck_assert(!judge_progress(&p, 5999, 440, 1000, false, line));
	ck_assert(!judge_progress_end(&p));
	ck_assert(!judge_progress(&p, 5999, 440, 440, true, line));
	ck_assert(judge_progress(&p, 6000, 440, 440, true, line)); /* not the last: more may come */
	ck_assert_str_eq(line, "Verifying signatures: 440 of 440 so far\r");
	ck_assert(judge_progress_end(&p));
	judge_progress_start(&p, 5000);
	ck_assert(judge_progress(&p, 6000, 450, 1000, false, line));
	ck_assert_str_eq(line, "Verifying signatures: 45% (450/1000)\r");
	ck_assert(!judge_progress(&p, 6249, 500, 1000, false, line));
	ck_assert(judge_progress(&p, 6250, 999, 1000, false, line));
	ck_assert_str_eq(line, "Verifying signatures: 99% (999/1000)\r");
	ck_assert(judge_progress(&p, 6251, 1000, 1000, false, line)); /* the last comes at once */
	ck_assert_str_eq(line, "Verifying signatures: 100% (1000/1000)\n");
	ck_assert(!judge_progress(&p, 9000, 1000, 1000, false, line)); /* and once */
	ck_assert(!judge_progress_end(&p));
}
END_TEST

START_TEST(progress_short)
{
	struct judge_progress p;
	char line[JUDGE_PROGRESS_MAX];

	judge_progress_start(&p, 0);
	ck_assert(!judge_progress(&p, 999, 1, 2, false, line));
	ck_assert(!judge_progress(&p, 5000, 2, 2, false, line)); /* it is over: no word */
	judge_progress_start(&p, 0);
	ck_assert(judge_progress(&p, 1000, 1, 2, false, line)); /* broken off in the middle */
	ck_assert(judge_progress_end(&p));
	ck_assert(!judge_progress_end(&p));
	judge_progress_start(&p, 0);
	ck_assert(judge_progress(&p, 1000, SIZE_MAX - 1, SIZE_MAX, false, line));
	ck_assert_uint_lt(strlen(line), JUDGE_COLUMNS + 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_judge");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, lines_taken);
	tcase_add_loop_test(t, lines_refused, 0, sizeof(bad_lines) / sizeof(bad_lines[0]));
	tcase_add_test(t, pushed_lines);
	tcase_add_test(t, pushed_lines_refused);
	tcase_add_test(t, transaction_lines);
	tcase_add_test(t, groups);
	tcase_add_test(t, groups_apart);
	tcase_add_test(t, counted_only);
	tcase_add_test(t, counted_once);
	tcase_add_test(t, first_screen);
	tcase_add_test(t, accepted_line);
	tcase_add_test(t, too_many_refs);
	tcase_add_test(t, progress);
	tcase_add_test(t, progress_short);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
