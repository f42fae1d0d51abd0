/* base: the configuration of a process, beside `git config --list -z`. */
#include "gitconf_world.h"

enum how { IN_PROCESS, BY_GIT };

/* We see what git sees, and in the way that is expected; returns a.b. */
static char *same(enum how how)
{
	static const char *const argv[] = { "git", "config", "--list", "-z", NULL };
	struct buf ours = BUF_INIT, gits = BUF_INIT;
	struct gitconf c = GITCONF_INIT;
	char *value;
	bool by_git;

	ck_assert_msg(gitconf_load(&c, &err) == 0, "%s", err.text);
	ck_assert_int_eq(run_git(argv, &gits), 0);
	list_entries(&c, &ours);
	same_lists(buf_bytes(&ours), buf_bytes(&gits), "git config --list -z");
	by_git = c.nfiles > 0 && strcmp(c.files[0], "git config") == 0;
	ck_assert_int_eq(by_git, how == BY_GIT);
	value = gitconf_get(&c, "a.b") ? xstrdup(gitconf_get(&c, "a.b")) : NULL;
	gitconf_free(&c);
	buf_free(&ours);
	buf_free(&gits);
	return value;
}

#define SAME(how, want)                                \
	do {                                           \
		_cleanup_free_ char *got_ = same(how); \
		ck_assert_pstr_eq(got_, want);         \
	} while (0)

/* Neither we nor git take it. */
static void refused(const char *why)
{
	static const char *const argv[] = { "git", "config", "--list", "-z", NULL };
	struct buf gits = BUF_INIT;
	struct gitconf c = GITCONF_INIT;
	int rc = gitconf_load(&c, &err);

	ck_assert_msg(rc == ERR_CONFIG, "%d", rc);
	ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
	ck_assert_int_ne(run_git(argv, &gits), 0);
	ck_assert_uint_eq(c.n, 0);
	buf_free(&gits);
}

/* --- where the repository is --------------------------------------------------- */

START_TEST(work_tree)
{
	go("tree");
	SAME(IN_PROCESS, "tree");
	go("tree/deep/deeper");
	SAME(IN_PROCESS, "tree");
	go("tree/.git");
	SAME(IN_PROCESS, "tree");
	go("tree/.git/refs/heads");
	SAME(IN_PROCESS, "tree");
	go("tree");
	sh("git checkout -q --detach");
	SAME(IN_PROCESS, "tree");
}
END_TEST

START_TEST(not_a_repository)
{
	sh("mkdir -p tree/deep/.git tree/none/objects tree/none/refs; echo x >tree/none/HEAD");
	go("tree/deep"); /* an empty .git is passed by */
	SAME(IN_PROCESS, "tree");
	go("tree/none");
	SAME(IN_PROCESS, "tree");
	set("GIT_DIR", "/nowhere");
	SAME(BY_GIT, "home");
}
END_TEST

START_TEST(linked_work_tree)
{
	sh("cd tree && git worktree add -q ../linked && mkdir ../linked/sub");
	go("linked/sub");
	SAME(IN_PROCESS, "tree");
	sh("git config extensions.worktreeConfig true && git config --worktree a.b linked");
	SAME(IN_PROCESS, "linked");
	go("tree");
	SAME(IN_PROCESS, "tree");
	sh("git config --worktree a.b main");
	SAME(IN_PROCESS, "main");
	sh("git config extensions.worktreeConfig false");
	SAME(IN_PROCESS, "tree");
	go("tree/.git/worktrees/linked");
	SAME(IN_PROCESS, "tree");
	go(".");
	set("GIT_DIR", "tree/.git/worktrees/linked");
	SAME(IN_PROCESS, "tree");
}
END_TEST

START_TEST(git_file)
{
	sh("mv tree/.git moved && echo 'gitdir: ../moved' >tree/.git");
	go("tree/deep");
	SAME(IN_PROCESS, "tree");
	sh("printf 'gitdir: %s/moved\\r\\n\\n' \"$HOME\" >../.git");
	SAME(IN_PROCESS, "tree");
	sh("echo 'gitdir: ../nowhere' >../.git");
	refused("not a git repository");
	sh("echo 'gitdir:../moved' >../.git");
	refused("invalid gitfile format");
}
END_TEST

START_TEST(bare)
{
	sh("git init -q --bare b.git && git -C b.git config a.b bare");
	go("b.git");
	SAME(IN_PROCESS, "bare");
	go("b.git/refs");
	SAME(IN_PROCESS, "bare");
	sh("git config --global safe.bareRepository all");
	SAME(BY_GIT, "bare");
	sh("git config --global safe.bareRepository explicit");
	SAME(BY_GIT, "home");
}
END_TEST

START_TEST(named_directory)
{
	sh("cd tree && git init -q in && git -C in config a.b in");
	set("GIT_DIR", "tree/.git");
	SAME(IN_PROCESS, "tree");
	go("tree/in");
	unsetenv("GIT_DIR");
	SAME(IN_PROCESS, "in");
	set("GIT_DIR", "../.git");
	SAME(IN_PROCESS, "tree");
	set("GIT_COMMON_DIR", "../../tree/.git");
	SAME(BY_GIT, "tree");
}
END_TEST

START_TEST(strange_surroundings)
{
	go("tree/deep");
	set("GIT_CEILING_DIRECTORIES", dir);
	SAME(BY_GIT, "tree");
	go("tree/deep/deeper");
	set_path("GIT_CEILING_DIRECTORIES", "tree/deep");
	SAME(BY_GIT, "home");
	unsetenv("GIT_CEILING_DIRECTORIES");
	SAME(IN_PROCESS, "tree");
	sh("git config core.repositoryFormatVersion 99");
	SAME(BY_GIT, "home");
}
END_TEST

/* What is another's is not read unless git, who knows safe.directory, says so. */
START_TEST(another_owner)
{
	go("tree");
	set("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
	SAME(BY_GIT, "home");
	sh("git config --global safe.directory '*'");
	SAME(BY_GIT, "tree");
	unsetenv("GIT_TEST_ASSUME_DIFFERENT_OWNER");
	SAME(IN_PROCESS, "tree");
	sh("git config --global --unset safe.directory");
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(lchown(".git", 12345, 12345), 0);
	SAME(BY_GIT, "home");
	ck_assert_int_eq(lchown(".git", 0, 0), 0);
	SAME(IN_PROCESS, "tree");
	ck_assert_int_eq(lchown(".", 12345, 12345), 0);
	SAME(BY_GIT, "home");
	go("tree/deep");
	SAME(BY_GIT, "home");
	sh("git init -q --bare b.git && git -C b.git config a.b bare");
	go("tree/deep/b.git");
	SAME(IN_PROCESS, "bare");
	ck_assert_int_eq(lchown(".", 12345, 12345), 0);
	SAME(BY_GIT, "home");
}
END_TEST

/* --- files and variables ----------------------------------------------------------- */

START_TEST(user_files)
{
	sh("mkdir -p .config/git xdg/git && git config -f .config/git/config a.b early &&"
	   "git config -f xdg/git/config a.c xdg && git config -f other a.b other");
	go("tree/deep");
	sh("git config --unset a.b");
	SAME(IN_PROCESS, "home"); /* ~/.gitconfig after .config/git/config */
	sh("git config --global --unset a.b");
	SAME(IN_PROCESS, "early");
	set_path("XDG_CONFIG_HOME", "xdg");
	SAME(IN_PROCESS, NULL);
	set("XDG_CONFIG_HOME", "xdg");
	SAME(BY_GIT, NULL);
	set("XDG_CONFIG_HOME", "");
	SAME(IN_PROCESS, "early");
	set_path("GIT_CONFIG_GLOBAL", "other");
	SAME(IN_PROCESS, "other");
	set("GIT_CONFIG_GLOBAL", "../other"); /* from the top of the work tree */
	SAME(BY_GIT, "other");
	set("GIT_CONFIG_GLOBAL", "");
	SAME(IN_PROCESS, NULL);
	set("GIT_CONFIG_GLOBAL", "/dev/null");
	SAME(IN_PROCESS, NULL);
	set("GIT_CONFIG_GLOBAL", "/nowhere");
	SAME(IN_PROCESS, NULL);
	unsetenv("GIT_CONFIG_GLOBAL");
	unsetenv("HOME");
	SAME(IN_PROCESS, NULL);
}
END_TEST

START_TEST(system_file)
{
	sh("git config -f system a.b system");
	set_path("GIT_CONFIG_SYSTEM", "system");
	go("tree");
	sh("git config --global --unset a.b; git config --unset a.b");
	SAME(IN_PROCESS, NULL); /* GIT_CONFIG_NOSYSTEM is stronger */
	set("GIT_CONFIG_NOSYSTEM", "no");
	SAME(IN_PROCESS, "system");
	unsetenv("GIT_CONFIG_NOSYSTEM");
	SAME(IN_PROCESS, "system");
	set("GIT_CONFIG_SYSTEM", "/nowhere");
	SAME(IN_PROCESS, NULL);
	set("GIT_CONFIG_NOSYSTEM", "perhaps");
	refused("GIT_CONFIG_NOSYSTEM");
}
END_TEST

START_TEST(counted)
{
	go("tree");
	set("GIT_CONFIG_COUNT", "2");
	set("GIT_CONFIG_KEY_0", "A.b");
	set("GIT_CONFIG_VALUE_0", "zero");
	set("GIT_CONFIG_KEY_1", "X.Y z\\.\"=.W");
	set("GIT_CONFIG_VALUE_1", "one\ntwo ");
	SAME(IN_PROCESS, "zero");
	set("GIT_CONFIG_PARAMETERS", "'a.b'='after'");
	SAME(IN_PROCESS, "after");
	unsetenv("GIT_CONFIG_PARAMETERS");
	set("GIT_CONFIG_COUNT", "0");
	SAME(IN_PROCESS, "tree");
	set("GIT_CONFIG_COUNT", "");
	SAME(IN_PROCESS, "tree");
	set("GIT_CONFIG_COUNT", "01"); /* git takes it: it is asked */
	SAME(BY_GIT, "zero");
	set("GIT_CONFIG_COUNT", "3");
	refused("GIT_CONFIG_KEY_2");
	set("GIT_CONFIG_COUNT", "x");
	refused("bogus count");
	set("GIT_CONFIG_COUNT", "-1");
	refused("too many");
	set("GIT_CONFIG_COUNT", "1");
	unsetenv("GIT_CONFIG_VALUE_0");
	refused("GIT_CONFIG_VALUE_0");
}
END_TEST

START_TEST(counted_keys)
{
	static const char *const bad[] = { "",      "a",     ".b",    "a.",       "a.9",
					   "a.b_c", "a_b.c", "a b.c", "a.x\ny.b", "\xc3\xbc.b" };
	static const char *const good[] = { "a.b",     "A-9.B-9",  "9.b",    "a..b",
					    "a.x y.b", "a.\xff.b", "a.b.c.d" };

	go("tree");
	set("GIT_CONFIG_COUNT", "1");
	set("GIT_CONFIG_VALUE_0", "v");
	for (size_t i = 0; i < N(bad); i++) {
		set("GIT_CONFIG_KEY_0", bad[i]);
		refused("git config");
	}
	for (size_t i = 0; i < N(good); i++) {
		set("GIT_CONFIG_KEY_0", good[i]);
		free(same(IN_PROCESS));
	}
}
END_TEST

/* What `git -c` itself makes for its children. */
START_TEST(command_line)
{
	static const char *const argv[] = { "git",
					    "-c",
					    "alias.p=!printf %s "
					    "\"$GIT_CONFIG_PARAMETERS\"",
					    "-c",
					    "a.b=it's 'so'!",
					    "-c",
					    "a.B",
					    "-c",
					    "x.Y=z.w=",
					    "-c",
					    "x.e=",
					    "-c",
					    "a.b= c\nd",
					    "p",
					    NULL };
	struct buf text = BUF_INIT;

	go("tree");
	ck_assert_int_eq(run_git(argv, &text), 0);
	ck_assert_uint_gt(text.n, 80);
	set("GIT_CONFIG_PARAMETERS", buf_str(&text));
	SAME(IN_PROCESS, " c\nd");
	buf_free(&text);
}
END_TEST

START_TEST(parameters)
{
	static const char *const good[] = { "",
					    "'a.b'='c'",
					    "'a.b=c'",
					    "'a.b'",
					    "'a.b'=",
					    "'a.b'= 'c.d'='e'",
					    "'a.b'=''",
					    "'a.b='",
					    "' a.b =c'",
					    "'A.B'='c' \t\n 'a.X=Y.c=d'",
					    "'a.x=y.b'='c'",
					    "'a.b'='it'\\''s'\\!''",
					    "'a.b=c'  ",
					    "'a.b=\n'",
					    "'a.'\\''.b'='c'" };
	static const char *const bad[] = { "a.b=c",
					   "'a.b",
					   "'a.b'x",
					   "'a.b'='c",
					   "'a.b'='c'x",
					   "'a.b'=c",
					   "'a.b'\\x'='c'",
					   "''",
					   "'='",
					   "'=c'",
					   "'b=c'",
					   "''='c'",
					   "'a.b'='c','d.e'='f'",
					   " 'a.b'='c'",
					   "'a.b'='c' d",
					   "'a b=c'",
					   "'a.b '='c'",
					   "'a.b'\\'c'" };

	go("tree");
	for (size_t i = 0; i < N(good); i++) {
		set("GIT_CONFIG_PARAMETERS", good[i]);
		free(same(IN_PROCESS));
	}
	for (size_t i = 0; i < N(bad); i++) {
		set("GIT_CONFIG_PARAMETERS", bad[i]);
		refused("git config");
	}
}
END_TEST

START_TEST(includes)
{
	sh("git config -f more a.b more");
	go("tree");
	sh("git config include.path ../../more");
	SAME(BY_GIT, "more");
	set("GIT_CONFIG", "/nowhere"); /* counts for `git config` alone: not asked for */
	{
		struct gitconf c = GITCONF_INIT;

		ck_assert_int_eq(gitconf_load(&c, &err), 0);
		ck_assert_str_eq(gitconf_get(&c, "a.b"), "more");
		gitconf_free(&c);
	}
	unsetenv("GIT_CONFIG");
	sh("git config --unset include.path");
	SAME(IN_PROCESS, "tree");
	sh("git config --global includeIf.gitdir:~/tree/.path more; git config --unset a.b");
	SAME(BY_GIT, "more");
	sh("git config --global --remove-section includeIf.gitdir:~/tree/");
	SAME(IN_PROCESS, "home");
	set("GIT_CONFIG_PARAMETERS", "'include.path'='/nowhere/x'");
	SAME(BY_GIT, "home");
	set("GIT_CONFIG_PARAMETERS", "'include.path'");
	refused("include.path");
}
END_TEST

START_TEST(faults)
{
	sh("mkdir away; git config -f bad x.y z; printf '\\001' >>bad");
	go("tree");
	sh("printf '[a\\n' >>.git/config");
	refused("/tree/.git/config, line 10: ");
	go("away");
	set_path("GIT_CONFIG_GLOBAL", "bad");
	refused("/bad, line 3: ");
	set("GIT_CONFIG_GLOBAL", dir); /* a directory */
	{
		struct gitconf c = GITCONF_INIT;

		ck_assert_int_ne(gitconf_load(&c, &err), 0);
	}
}
END_TEST

/* What stood in the table before does not stay. */
START_TEST(replaces)
{
	struct gitconf c = GITCONF_INIT;

	go("tree");
	ck_assert_int_eq(gitconf_parse(&c, BYTES_LIT("[old]k=v"), "old", &err), 0);
	ck_assert_int_eq(gitconf_load(&c, &err), 0);
	ck_assert_ptr_null(gitconf_get(&c, "old.k"));
	ck_assert_str_eq(gitconf_get(&c, "hsm.key"), "k");
	set("GIT_CONFIG_COUNT", "x");
	ck_assert_int_eq(gitconf_load(&c, &err), ERR_CONFIG);
	ck_assert_str_eq(gitconf_get(&c, "hsm.key"), "k");
	gitconf_free(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_gitconf_load");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, work_tree);
	tcase_add_test(t, not_a_repository);
	tcase_add_test(t, linked_work_tree);
	tcase_add_test(t, git_file);
	tcase_add_test(t, bare);
	tcase_add_test(t, named_directory);
	tcase_add_test(t, strange_surroundings);
	tcase_add_test(t, another_owner);
	tcase_add_test(t, user_files);
	tcase_add_test(t, system_file);
	tcase_add_test(t, counted);
	tcase_add_test(t, counted_keys);
	tcase_add_test(t, command_line);
	tcase_add_test(t, parameters);
	tcase_add_test(t, includes);
	tcase_add_test(t, faults);
	tcase_add_test(t, replaces);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
