/* repo: refs, revisions, walks, ancestors; what must not bend them. */
#include <string.h>

#include "tests/unit/repo_tools.h"

/* m: o0 - a - b - c - M (octopus of c, x, y); side: x, y on a. */
static void make_history(void)
{
	run("git init -q h && cd h && c() { git commit -q --allow-empty -m $1; } && c o0 && c a && "
	    "git branch x && git branch y && c b && c c && git checkout -q x && echo x >x && "
	    "git add x && c x && git checkout -q y && echo y >y && git add y && c y && "
	    "git checkout -q main && git merge -q -m M x y >/dev/null && git tag -a -m t v1 "
	    "HEAD~1");
}

static struct oid rev(const char *name)
{
	_cleanup_free_ char *script =
		xasprintf("git -C h --no-replace-objects rev-parse '%s'", name);

	return id_of(script);
}

/* --- refs --------------------------------------------------------------------- */

static void ref_is(struct repo *r, const char *name, const struct oid *want, bool want_symbolic)
{
	bool found = !want, symbolic = !want_symbolic;
	struct oid id = { .n = 0 };
	struct err err = ERR_INIT;

	ck_assert_msg(repo_ref(r, name, &id, &found, &symbolic, &err) == 0, "%s: %s", name,
		      err.text);
	ck_assert_msg(found == (want != NULL), "%s: found %d", name, found);
	ck_assert_msg(symbolic == want_symbolic, "%s: symbolic %d", name, symbolic);
	ck_assert_msg(!want || oid_eq(&id, want), "%s", name);
}

static int list(const char *name, const struct oid *id, bool symbolic, void *ctx)
{
	char hex[OID_HEX_MAX];

	ck_assert_int_eq(symbolic, !strcmp(name, "refs/heads/alias"));
	buf_addf(ctx, "%s %s\n", oid_hex(id, hex), name);
	return 0;
}

static int stop(const char *name, const struct oid *id, bool symbolic, void *ctx)
{
	(void)name;
	(void)id;
	(void)symbolic;
	return ++*(int *)ctx == 2 ? 42 : 0;
}

START_TEST(refs)
{
	const struct kind *k = &kinds[_i];
	struct oid tip, tag, x;
	struct err err = ERR_INIT;
	struct repo *r;

	world_begin(k);
	make_history();
	run("cd h && git symbolic-ref refs/heads/alias refs/heads/x && "
	    "git symbolic-ref refs/heads/dangling refs/heads/nothing");
	tip = rev("refs/heads/main");
	tag = rev("refs/tags/v1");
	x = rev("refs/heads/x");
	for (int packed = 0; packed < 2; packed++) {
		_cleanup_free_ char *heads = NULL, *all = NULL;
		struct buf got = BUF_INIT;
		int n = 0;

		if (packed)
			run("git -C h pack-refs --all");
		heads = sh("git -C h for-each-ref --format='%(objectname) %(refname)' refs/heads; "
			   "echo");
		all = sh("git -C h for-each-ref --format='%(objectname) %(refname)'; echo");
		r = open_at(k, "h");
		ref_is(r, "refs/heads/main", &tip, false);
		ref_is(r, "refs/tags/v1", &tag, false); /* the tag, not its commit */
		ref_is(r, "refs/heads/alias", &x, true);
		ref_is(r, "HEAD", &tip, true);
		ref_is(r, "refs/heads/dangling", NULL, true);
		ref_is(r, "refs/heads/nothing", NULL, false);
		ref_is(r, "refs/heads/mai", NULL, false);
		ref_is(r, "refs/heads", NULL, false);
		ref_is(r, "main", NULL, false);
		ref_is(r, "refs/heads/*", NULL, false);
		ref_is(r, "refs/heads/../heads/main", NULL, false);
		ref_is(r, "--all", NULL, false);
		ref_is(r, "", NULL, false);
		ref_is(r, "refs/heads/main\nrefs/heads/x", NULL, false);
		ck_assert_int_eq(repo_refs(r, "refs/heads/", list, &got, &err), 0);
		ck_assert_str_eq(buf_str(&got), heads);
		buf_clear(&got);
		ck_assert_int_eq(repo_refs(r, "refs/", list, &got, &err), 0);
		ck_assert_str_eq(buf_str(&got), all);
		ck_assert_int_eq(repo_refs(r, "refs/", stop, &n, &err), 42);
		ck_assert_int_eq(n, 2);
		buf_free(&got);
		repo_close(r);
	}
	world_end();
}
END_TEST

START_TEST(no_refs)
{
	const struct kind *k = &kinds[_i];
	struct buf got = BUF_INIT;
	struct err err = ERR_INIT;
	struct repo *r;

	world_begin(k);
	run("git init -q h");
	r = open_at(k, "h");
	ref_is(r, "HEAD", NULL, true);
	ck_assert_int_eq(repo_refs(r, "refs/", list, &got, &err), 0);
	ck_assert_uint_eq(got.n, 0);
	repo_close(r);
	world_end();
}
END_TEST

START_TEST(revisions)
{
	static const char *const good[] = { "main", "HEAD",         "v1",  "v1^{commit}", "main^3",
					    "x~1",  "refs/heads/y", ":/b", "main@{0}" };
	static const char *const bad[] = {
		"",
		"nothing",
		"-n1",
		"--all",
		"--git-dir=/",
		"^main",
		"main..x",
		"main...x",
		"main\nx",
		"main\n",
		"\x1b[2J",
		"main^9",
		"1234567890123456789012345678901234567890",
		"1234567890123456789012345678901234567890123456789012345678901234"
	};
	const struct kind *k = &kinds[_i];
	char hex[OID_HEX_MAX], *long_one = xcalloc(1, 5000);
	struct err err = ERR_INIT;
	struct oid want, id;
	struct repo *r;

	world_begin(k);
	make_history();
	r = open_at(k, "h");
	for (size_t i = 0; i < N(good); i++) {
		want = rev(good[i]);
		ck_assert_msg(repo_resolve(r, good[i], &id, &err) == 0, "%s: %s", good[i],
			      err.text);
		ck_assert_msg(oid_eq(&id, &want), "%s", good[i]);
	}
	oid_hex(&want, hex);
	ck_assert_int_eq(repo_resolve(r, hex, &id, &err), 0);
	ck_assert(oid_eq(&id, &want));
	hex[10] = '\0';
	ck_assert_int_eq(repo_resolve(r, hex, &id, &err), 0);
	ck_assert(oid_eq(&id, &want));
	for (size_t i = 0; i < N(bad); i++) {
		id.n = 7;
		ck_assert_msg(repo_resolve(r, bad[i], &id, &err) == ERR_REPO, "%s", bad[i]);
		ck_assert_uint_eq(id.n, 7);
		ck_assert_ptr_null(strchr(err.text, '\n'));
		ck_assert_ptr_null(strchr(err.text, '\x1b'));
	}
	memset(long_one, 'a', 4999);
	ck_assert_int_eq(repo_resolve(r, long_one, &id, &err), ERR_REPO);
	free(long_one);
	repo_close(r);
	world_end();
}
END_TEST

/* --- walks ---------------------------------------------------------------------- */

struct walked {
	struct repo *r;
	struct buf subjects;
	int stop_after;
};

/* Reads while it walks, as the hook does. */
static int note(const struct oid *id, void *ctx)
{
	struct walked *w = ctx;
	struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;
	enum object_type type;

	ck_assert_msg(repo_read(w->r, id, 65536, &type, &raw, &err) == 0, "%s", err.text);
	buf_free(&raw);
	add_subject(id, "h", &w->subjects);
	return w->stop_after && --w->stop_after == 0 ? 42 : 0;
}

static void walk_at(int line, struct repo *r, const char *tips, const char *hide, const char *want)
{
	struct oid t[4], h[4];
	size_t tn = 0, hn = 0;
	struct walked w = { .r = r, .subjects = BUF_INIT };
	struct err err = ERR_INIT;
	char *save, *word;
	_cleanup_free_ char *a = xstrdup(tips), *b = xstrdup(hide);

	for (word = strtok_r(a, " ", &save); word; word = strtok_r(NULL, " ", &save))
		t[tn++] = rev(word);
	for (word = strtok_r(b, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (strcmp(word, "gone") == 0)
			h[hn++] = (struct oid){ .n = repo_hash_bytes(r), .b = { 1 } };
		else
			h[hn++] = rev(word);
	ck_assert_msg(repo_walk(r, t, tn, h, hn, note, &w, &err) == 0, "%d: %s", line, err.text);
	if (strchr(want, '|')) { /* siblings stand in either order */
		_cleanup_free_ char *both = xstrdup(want);
		char *second = strchr(both, '|');

		*second++ = '\0';
		ck_assert_msg(strcmp(buf_str(&w.subjects), both) == 0 ||
				      strcmp(buf_str(&w.subjects), second) == 0,
			      "%d: %s", line, buf_str(&w.subjects));
	} else {
		ck_assert_msg(strcmp(buf_str(&w.subjects), want) == 0, "%d: %s", line,
			      buf_str(&w.subjects));
	}
	buf_free(&w.subjects);
}
#define walk_is(...) walk_at(__LINE__, __VA_ARGS__)

START_TEST(walks)
{
	const struct kind *k = &kinds[_i];
	struct walked w = { .stop_after = 2 };
	struct err err = ERR_INIT;
	struct oid ids[2];
	struct repo *r;

	world_begin(k);
	make_history();
	r = open_at(k, "h");
	walk_is(r, "main~1", "", "c b a o0");
	walk_is(r, "main~1", "main~2", "c");
	walk_is(r, "main~1", "main", "");
	walk_is(r, "main", "main~1", "M x y|M y x");
	walk_is(r, "main", "main~1 x y", "M");
	walk_is(r, "main", "x y main~1 gone", "M");
	walk_is(r, "x", "gone", "x a o0");
	walk_is(r, "x", "v1", "x");       /* a tag hides its commit's history */
	walk_is(r, "x", "x:x", "x a o0"); /* a blob hides nothing */
	walk_is(r, "x x", "y", "x");
	walk_is(r, "", "x", "");
	w.r = r;
	ids[0] = rev("main~1");
	ck_assert_int_eq(repo_walk(r, ids, 1, NULL, 0, note, &w, &err), 42);
	ck_assert_str_eq(buf_str(&w.subjects), "c b");
	/* A tip must be a commit that is there. */
	ids[1] = (struct oid){ .n = repo_hash_bytes(r), .b = { 1 } };
	ck_assert_int_eq(repo_walk(r, ids, 2, NULL, 0, note, &w, &err), ERR_REPO);
	ids[1] = rev("v1");
	ck_assert_int_eq(repo_walk(r, ids, 2, NULL, 0, note, &w, &err), ERR_REPO);
	buf_free(&w.subjects);
	repo_close(r);
	world_end();
}
END_TEST

START_TEST(ancestors)
{
	static const struct {
		const char *old, *tip;
		bool yes;
	} v[] = { { "main~3", "main", true }, { "main", "main~3", false }, { "x", "y", false },
		  { "x", "main", true },      { "y", "main", true },       { "main", "main", true },
		  { "main~1", "x", false },   { "x~2", "y", true } };
	const struct kind *k = &kinds[_i];
	struct err err = ERR_INIT;
	struct oid gone, tip;
	struct repo *r;
	bool is;

	world_begin(k);
	make_history();
	r = open_at(k, "h");
	for (size_t i = 0; i < N(v); i++) {
		struct oid old = rev(v[i].old);

		tip = rev(v[i].tip);
		is = !v[i].yes;
		ck_assert_msg(repo_is_ancestor(r, &old, &tip, &is, &err) == 0, "%s", err.text);
		ck_assert_msg(is == v[i].yes, "%s %s", v[i].old, v[i].tip);
	}
	gone = (struct oid){ .n = repo_hash_bytes(r), .b = { 1 } };
	ck_assert_int_eq(repo_is_ancestor(r, &gone, &tip, &is, &err), ERR_REPO);
	ck_assert_int_eq(repo_is_ancestor(r, &tip, &gone, &is, &err), ERR_REPO);
	gone = rev("v1");
	ck_assert_int_eq(repo_is_ancestor(r, &gone, &tip, &is, &err), ERR_REPO);
	repo_close(r);
	world_end();
}
END_TEST

/* --- what git itself would follow -------------------------------------------------- */

START_TEST(replaced)
{
	const struct kind *k = &kinds[_i];
	struct repo *r;

	world_begin(k);
	make_history();
	run("cd h && git replace main~1 main~3 && git show main~1 -s --format=%s | grep -q '^a$'");
	run("cd h && echo $(git rev-parse x) >.git/info/grafts");
	r = open_at(k, "h");
	walk_is(r, "main~1", "", "c b a o0");
	walk_is(r, "x", "", "x a o0");
	repo_close(r);
	/* The environment does not ask for them either. */
	setenv("GIT_GRAFT_FILE", "/tmp", 1);
	unsetenv("GIT_NO_REPLACE_OBJECTS");
	r = open_at(k, "h");
	walk_is(r, "main~1", "", "c b a o0");
	repo_close(r);
	unsetenv("GIT_GRAFT_FILE");
	world_end();
}
END_TEST

static int ignore(const struct oid *id, void *ctx)
{
	(void)id;
	(void)ctx;
	return 0;
}

/* History that is not there does not end there. */
START_TEST(cut_short)
{
	const struct kind *k = &kinds[_i];
	struct err err = ERR_INIT;
	struct oid tip;
	struct repo *r;

	world_begin(k);
	make_history();
	run("git clone -q --depth 2 --branch x file://$PWD/h s && test -s s/.git/shallow");
	r = open_at(k, "s");
	tip = rev("x");
	ck_assert_int_eq(repo_walk(r, &tip, 1, NULL, 0, ignore, NULL, &err), ERR_REPO);
	repo_close(r);
	/* A list that claims more than is true is not believed. */
	run("git -C h rev-parse x >h/.git/shallow");
	r = open_at(k, "h");
	walk_is(r, "x", "", "x a o0");
	repo_close(r);
	run("rm h/.git/shallow; cd h; git gc -q; git unpack-objects -q <$(ls "
	    ".git/objects/pack/*.pack); "
	    "mv .git/objects/pack ../away; mkdir .git/objects/pack; "
	    "git unpack-objects -q <$(ls ../away/*.pack); id=$(git rev-parse x~1); "
	    "rm -f .git/objects/$(echo $id | sed 's,..,&/,')");
	r = open_at(k, "h");
	ck_assert_int_eq(repo_walk(r, &tip, 1, NULL, 0, ignore, NULL, &err), ERR_REPO);
	repo_close(r);
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("repo_history");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, refs, 0, N(kinds));
	tcase_add_loop_test(tc, no_refs, 0, N(kinds));
	tcase_add_loop_test(tc, revisions, 0, N(kinds));
	tcase_add_loop_test(tc, walks, 0, N(kinds));
	tcase_add_loop_test(tc, ancestors, 0, N(kinds));
	tcase_add_loop_test(tc, replaced, 0, N(kinds));
	tcase_add_loop_test(tc, cut_short, 0, N(kinds));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
