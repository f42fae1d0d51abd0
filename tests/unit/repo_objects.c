/* repo: opening, objects that are there, missing, rotten, too large, elsewhere. */
#include <string.h>

#include "tests/unit/repo_tools.h"

static const struct oid nowhere = { .n = 20, .b = { 1, 2, 3 } };

static void read_is(struct repo *r, const struct oid *id, enum object_type type, const char *text)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	enum object_type t;
	uint64_t size;

	ck_assert(repo_has(r, id));
	ck_assert_msg(repo_stat(r, id, &t, &size, &err) == 0, "%s", err.text);
	ck_assert_int_eq(t, type);
	ck_assert_uint_eq(size, strlen(text));
	buf_add_str(&b, "kept ");
	t = OBJECT_NONE;
	ck_assert_msg(repo_read(r, id, strlen(text), &t, &b, &err) == 0, "%s", err.text);
	ck_assert_int_eq(t, type);
	ck_assert_msg(strncmp(buf_str(&b), "kept ", 5) == 0 && strcmp(buf_str(&b) + 5, text) == 0,
		      "%s", buf_str(&b));
	buf_free(&b);
}

static void read_fails(struct repo *r, const struct oid *id, size_t max, int code, const char *word)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	enum object_type t = OBJECT_TAG;

	buf_add_str(&b, "kept");
	ck_assert_int_eq(repo_read(r, id, max, &t, &b, &err), code);
	ck_assert_msg(strstr(err.text, word), "%s", err.text);
	ck_assert_uint_eq(b.n, 4);
	ck_assert_int_eq(t, OBJECT_TAG);
	buf_free(&b);
}

START_TEST(opening)
{
	const struct kind *k = &kinds[_i];
	_cleanup_free_ char *dir = NULL;
	struct repo *r;

	world_begin(k);
	run("git init -q a && mkdir a/deep && git init -q --bare b.git");
	r = open_at(k, "a/deep");
	dir = xasprintf("%s/a/.git", world);
	ck_assert_str_eq(repo_git_dir(r), dir);
	ck_assert(!repo_is_bare(r));
	ck_assert_uint_eq(repo_hash_bytes(r), strcmp(k->format, "sha1") ? 32 : 20);
	ck_assert_str_eq(repo_backend_name(r), k->name);
	repo_close(r);
	r = open_at(k, "b.git");
	ck_assert(repo_is_bare(r));
	repo_close(r);
	/* A worktree has a directory of its own; the common one is meant. */
	run("cd a && git commit -q --allow-empty -m x && git worktree add -q ../tree");
	r = open_at(k, "tree");
	ck_assert_str_eq(repo_git_dir(r), dir);
	repo_close(r);
	repo_close(NULL);
	world_end();
}
END_TEST

START_TEST(opening_fails)
{
	_cleanup_free_ char *none = NULL;
	struct err err = ERR_INIT;
	struct repo *r = NULL;

	world_begin(&kinds[_i]);
	none = xasprintf("%s/none", world);
	run("mkdir none");
	ck_assert_int_eq(repo_open(none, kinds[_i].backend, &r, &err), ERR_REPO);
	ck_assert_ptr_null(r);
	ck_assert_msg(strstr(err.text, "cannot open the repository"), "%s", err.text);
	run("rmdir none");
	ck_assert_int_eq(repo_open(none, kinds[_i].backend, &r, &err), ERR_REPO);
	ck_assert_msg(strstr(err.text, "cannot open the repository"), "%s", err.text);
	run("echo a file >none");
	ck_assert_int_eq(repo_open(none, kinds[_i].backend, &r, &err), ERR_REPO);
	ck_assert_msg(strstr(err.text, "cannot open the repository"), "%s", err.text);
	world_end();
}
END_TEST

START_TEST(which_backend)
{
	struct kind automatic = { "auto", "sha1", REPO_AUTO };
	_cleanup_free_ char *path = NULL;
	struct err err = ERR_INIT;
	struct repo *r = NULL;

	world_begin(&automatic);
	run("git init -q a && git init -q --object-format=sha256 b && git init -q c && "
	    "git -C c config core.repositoryFormatVersion 1 && "
	    "git -C c config extensions.unheardOf true");
	r = open_at(&automatic, "a");
	ck_assert_str_eq(repo_backend_name(r), "libgit2");
	repo_close(r);
	r = open_at(&automatic, "b");
	ck_assert_str_eq(repo_backend_name(r), "git");
	repo_close(r);
	/* What neither knows is refused, not half understood. */
	path = xasprintf("%s/c", world);
	ck_assert_int_eq(repo_open(path, REPO_AUTO, &r, &err), ERR_REPO);
	ck_assert_msg(strstr(err.text, "unheard"), "%s", err.text);
	world_end();
}
END_TEST

START_TEST(objects)
{
	const struct kind *k = &kinds[_i];
	_cleanup_free_ char *commit = NULL, *tag = NULL;
	struct oid c, t, b, e;
	struct repo *r;

	world_begin(k);
	run("git init -q a && cd a && printf hello >f && : >e && git add . && "
	    "git commit -q -m x && git tag -a -m y v1");
	c = id_of("git -C a rev-parse HEAD");
	t = id_of("git -C a rev-parse v1");
	b = id_of("git -C a rev-parse HEAD:f");
	e = id_of("git -C a rev-parse HEAD:e");
	commit = sh("git -C a cat-file commit HEAD; echo");
	tag = sh("git -C a cat-file tag v1; echo");
	for (int packed = 0; packed < 2; packed++) {
		if (packed)
			run("git -C a gc -q && test -z \"$(find a/.git/objects/?? -type f)\"");
		r = open_at(k, "a");
		read_is(r, &c, OBJECT_COMMIT, commit);
		read_is(r, &t, OBJECT_TAG, tag);
		read_is(r, &b, OBJECT_BLOB, "hello");
		read_is(r, &e, OBJECT_BLOB, "");
		read_fails(r, &b, 4, ERR_INPUT, "5 bytes");
		read_is(r, &b, OBJECT_BLOB, "hello"); /* a refusal breaks nothing */
		repo_close(r);
	}
	world_end();
}
END_TEST

START_TEST(missing)
{
	const struct kind *k = &kinds[_i];
	struct oid id = nowhere, other, null;
	struct err err = ERR_INIT;
	enum object_type type;
	struct repo *r;
	uint64_t size;

	world_begin(k);
	run("git init -q a");
	r = open_at(k, "a");
	id.n = repo_hash_bytes(r);
	null = (struct oid){ .n = id.n };
	other = id;
	other.n = id.n == 20 ? 32 : 20;
	for (int again = 0; again < 2; again++) {
		ck_assert(!repo_has(r, &id));
		read_fails(r, &id, 100, ERR_REPO, "not in the repository");
	}
	ck_assert_int_eq(repo_stat(r, &id, &type, &size, &err), ERR_REPO);
	ck_assert(!repo_has(r, &null));
	ck_assert(!repo_has(r, &other));
	read_fails(r, &other, 100, ERR_REPO, "bytes");
	/* What comes later is found. */
	run("printf later | git -C a hash-object -w --stdin");
	id = id_of("printf later | git -C a hash-object --stdin");
	read_is(r, &id, OBJECT_BLOB, "later");
	repo_close(r);
	world_end();
}
END_TEST

#define LOOSE "$(echo $id | sed 's,..,&/,')"

START_TEST(corrupt)
{
	const struct kind *k = &kinds[_i];
	struct oid good, swapped, cut, rubbish;
	struct repo *r;

	world_begin(k);
	run("git init -q a && cd a && for w in good swap cut rubbish; do "
	    "printf $w | git hash-object -w --stdin >../$w; done; chmod -R u+w .git/objects; "
	    "cd .git/objects; id=$(cat ../../../good); from=" LOOSE "; "
	    "id=$(cat ../../../swap); cp $from " LOOSE "; "
	    "id=$(cat ../../../cut); truncate -s 12 " LOOSE "; "
	    "id=$(cat ../../../rubbish); echo rubbish >" LOOSE);
	good = id_of("cat good");
	swapped = id_of("cat swap");
	cut = id_of("cat cut");
	rubbish = id_of("cat rubbish");
	r = open_at(k, "a");
	for (int again = 0; again < 2; again++) {
		read_fails(r, &swapped, 100, ERR_REPO, "corrupt");
		read_is(r, &good, OBJECT_BLOB, "good"); /* the reader lives, or is started again */
		/* libgit2 1.5 never comes back from a loose object that is cut short. */
		if (k->backend == REPO_GIT)
			read_fails(r, &cut, 100, ERR_REPO, "");
		read_is(r, &good, OBJECT_BLOB, "good");
		read_fails(r, &rubbish, 100, ERR_REPO, "");
		read_is(r, &good, OBJECT_BLOB, "good");
	}
	repo_close(r);
	world_end();
}
END_TEST

/* 256 MiB of zeros are refused by their header: inflating them would be felt. */
START_TEST(oversized)
{
	const struct kind *k = &kinds[_i];
	struct oid id;
	struct repo *r;

	world_begin(k);
	run("git init -q a && cd a && truncate -s 256M f && git hash-object -w f >../id && rm f");
	id = id_of("cat id");
	r = open_at(k, "a");
	read_fails(r, &id, 1 << 20, ERR_INPUT, "268435456 bytes");
	repo_close(r);
	world_end();
}
END_TEST

START_TEST(alternates)
{
	const struct kind *k = &kinds[_i];
	struct oid id;
	struct repo *r;

	world_begin(k);
	run("git init -q a && printf far | git -C a hash-object -w --stdin >id && "
	    "git init -q b && git init -q c && "
	    "echo ../../../a/.git/objects >b/.git/objects/info/alternates");
	id = id_of("cat id");
	r = open_at(k, "b");
	read_is(r, &id, OBJECT_BLOB, "far");
	repo_close(r);
	r = open_at(k, "c");
	ck_assert(!repo_has(r, &id));
	repo_close(r);
	world_end();
}
END_TEST

/* As receive-pack sets a hook's environment (tmp-objdir.c); with a colon git quotes. */
static void in_quarantine(const struct kind *k, const char *name)
{
	_cleanup_free_ char *script =
		xasprintf("git init -q --bare '%s' && cd '%s' && "
			  "printf old | git hash-object -w --stdin >../old && "
			  "mkdir objects/tmp_objdir-incoming-x && printf new | "
			  "GIT_OBJECT_DIRECTORY=$PWD/objects/tmp_objdir-incoming-x "
			  "git hash-object -w --stdin >../new",
			  name, name);
	_cleanup_free_ char *dir = xasprintf("%s/%s", world, name);
	_cleanup_free_ char *incoming = xasprintf("%s/objects/tmp_objdir-incoming-x", dir);
	_cleanup_free_ char *main_dir = xasprintf("%s%s/objects%s", strchr(name, ':') ? "\"" : "",
						  dir, strchr(name, ':') ? "\"" : "");
	struct oid old, new_;
	struct repo *r;

	run(script);
	old = id_of("cat old");
	new_ = id_of("cat new");
	r = open_at(k, name);
	ck_assert(repo_has(r, &old));
	ck_assert(!repo_has(r, &new_)); /* nobody looks into a quarantine by chance */
	repo_close(r);
	ck_assert_int_eq(chdir(dir), 0);
	setenv("GIT_DIR", ".", 1);
	setenv("GIT_OBJECT_DIRECTORY", incoming, 1);
	setenv("GIT_QUARANTINE_PATH", incoming, 1);
	setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", main_dir, 1);
	r = open_at(k, NULL);
	ck_assert_str_eq(repo_git_dir(r), dir);
	read_is(r, &old, OBJECT_BLOB, "old");
	read_is(r, &new_, OBJECT_BLOB, "new");
	repo_close(r);
	/* A path is a path, whatever the environment says. */
	run("git init -q other");
	r = open_at(k, "other");
	ck_assert(!repo_has(r, &old));
	repo_close(r);
	ck_assert_int_eq(chdir("/"), 0);
	unsetenv("GIT_DIR");
	unsetenv("GIT_OBJECT_DIRECTORY");
	unsetenv("GIT_QUARANTINE_PATH");
	unsetenv("GIT_ALTERNATE_OBJECT_DIRECTORIES");
}

START_TEST(quarantine)
{
	struct kind k = kinds[_i];

	world_begin(&k);
	in_quarantine(&k, "plain.git");
	if (k.backend == REPO_LIBGIT2)
		k.backend = REPO_AUTO; /* git, where libgit2 would misread the list */
	in_quarantine(&k, "co:lon.git");
	world_end();
}
END_TEST

/* What a partial clone has promised is missing: nothing is fetched. */
START_TEST(partial_clone)
{
	const struct kind *k = &kinds[_i];
	struct oid id;
	struct repo *r;

	world_begin(k);
	run("git init -q a && cd a && git config uploadpack.allowFilter true && "
	    "git config uploadpack.allowAnySHA1InWant true && printf far >f && git add f && "
	    "git commit -q -m x && git rev-parse HEAD:f >../id && cd .. && "
	    "git clone -q -n --filter=blob:none file://$PWD/a b");
	id = id_of("cat id");
	r = open_at(k, "b");
	ck_assert(!repo_has(r, &id));
	read_fails(r, &id, 100, ERR_REPO, "");
	repo_close(r);
	run("test -z \"$(git -C b rev-list --objects --missing=print HEAD | grep -v '^?' | "
	    "grep \"$(cat id)\")\"");
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("repo_objects");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, opening, 0, N(kinds));
	tcase_add_loop_test(tc, opening_fails, 0, N(kinds));
	tcase_add_test(tc, which_backend);
	tcase_add_loop_test(tc, objects, 0, N(kinds));
	tcase_add_loop_test(tc, missing, 0, N(kinds));
	tcase_add_loop_test(tc, corrupt, 0, N(kinds));
	tcase_add_loop_test(tc, oversized, 0, N(kinds));
	tcase_add_loop_test(tc, alternates, 0, N(kinds));
	tcase_add_loop_test(tc, quarantine, 0, N(kinds));
	tcase_add_loop_test(tc, partial_clone, 0, N(kinds));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
