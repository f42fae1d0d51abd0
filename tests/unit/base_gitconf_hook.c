/* base: the configuration of a hook: no word of the environment counts. */
#include "gitconf_world.h"

/* Loads tree/.git as a hook would; the value of a.b. */
static char *hook(const char *git_dir)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, git_dir);
	struct gitconf c = GITCONF_INIT;
	char *value = NULL;
	int rc = gitconf_load_repo(&c, path, &err);

	ck_assert_msg(rc == 0, "%s", err.text);
	if (gitconf_get(&c, "a.b"))
		value = xstrdup(gitconf_get(&c, "a.b"));
	gitconf_free(&c);
	return value;
}

#define HOOK(want)                                             \
	do {                                                   \
		_cleanup_free_ char *got_ = hook("tree/.git"); \
		ck_assert_pstr_eq(got_, want);                 \
	} while (0)

static void hook_refused(const char *git_dir, const char *why)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, git_dir);
	struct gitconf c = GITCONF_INIT;
	int rc = gitconf_load_repo(&c, path, &err);

	ck_assert_msg(rc == ERR_CONFIG, "%d", rc);
	ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
	ck_assert_uint_eq(c.n, 0);
}

START_TEST(hook_environment)
{
	sh("git config -f other a.b other; git init -q --bare b.git; git -C b.git config a.b bare");
	go("b.git");
	set("GIT_DIR", ".");
	set("GIT_CONFIG_GLOBAL", "../other");
	set("GIT_CONFIG_PARAMETERS", "'a.b'='parameter'");
	set("GIT_CONFIG_COUNT", "1");
	set("GIT_CONFIG_KEY_0", "a.b");
	set("GIT_CONFIG_VALUE_0", "counted");
	HOOK("tree");
	sh("GIT_CONFIG_PARAMETERS= GIT_CONFIG_COUNT= GIT_DIR=../tree/.git git config --unset a.b");
	HOOK("home");
	sh("rm ../.gitconfig");
	set("XDG_CONFIG_HOME", dir);
	sh("mkdir -p ../git ../.config/git; mv ../other ../git/config");
	HOOK(NULL);
	sh("mv ../git/config ../.config/git/config");
	HOOK("other");
	sh("cp -R ../.config .");
	HOOK("other");
	set("HOME", ".");
	HOOK(NULL);
	unsetenv("HOME");
	HOOK(NULL);
}
END_TEST

/* The names tell whose a value is. */
START_TEST(hook_files)
{
	_cleanup_free_ char *git_dir = xasprintf("%s/tree/.git", dir);
	_cleanup_free_ char *user = xasprintf("%s/.gitconfig", dir);
	_cleanup_free_ char *local = xasprintf("%s/tree/.git/config", dir);
	_cleanup_free_ char *worktree = xasprintf("%s/tree/.git/config.worktree", dir);
	struct gitconf c = GITCONF_INIT;

	sh("cd tree; git config -f .git/config.worktree a.b worktree");
	HOOK("tree");
	sh("cd tree; git config extensions.worktreeConfig true");
	HOOK("worktree");
	ck_assert_int_eq(gitconf_load_repo(&c, git_dir, &err), 0);
	ck_assert_uint_ge(c.nfiles, 3);
	ck_assert_str_eq(c.files[c.nfiles - 3], user);
	ck_assert_str_eq(c.files[c.nfiles - 2], local);
	ck_assert_str_eq(c.files[c.nfiles - 1], worktree);
	ck_assert_uint_eq(c.v[c.n - 1].file, c.nfiles - 1);
	gitconf_free(&c);
	/* Said elsewhere than in the repository it does not count. */
	sh("cd tree; git config --unset extensions.worktreeConfig;"
	   "git config --global extensions.worktreeConfig true");
	HOOK("tree");
	sh("cd tree; git config extensions.worktreeConfig perhaps");
	hook_refused("tree/.git", "extensions.worktreeConfig");
}
END_TEST

START_TEST(hook_refusals)
{
	sh("cd tree; git worktree add -q ../linked; git config -f .git/more a.b more");
	hook_refused("tree/.git/worktrees/linked", "linked work tree");
	hook_refused("nowhere", "is it a repository?");
	HOOK("tree");
	sh("cd tree; git config include.path more");
	hook_refused("tree/.git", "/tree/.git/config, line ");
	ck_assert_ptr_nonnull(strstr(err.text, "remove the include"));
	sh("cd tree; git config --unset include.path");
	HOOK("tree");
	sh("git config --global includeIf.onbranch:x.path more");
	hook_refused("tree/.git", "/.gitconfig, line ");
	sh("rm .gitconfig; printf '[a]\\n\\tb = \\000\\n' >>tree/.git/config");
	hook_refused("tree/.git", "a NUL byte");
	sh("rm tree/.git/config");
	hook_refused("tree/.git", "is it a repository?");
	sh("mkdir tree/.git/config");
	hook_refused("tree/.git", "config");
}
END_TEST

/* A daemon may have kept the HOME of somebody who does not show it. */
START_TEST(hook_closed_home)
{
	if (geteuid() == 0)
		return;
	sh("mkdir closed; cp .gitconfig closed; chmod 0 closed");
	HOOK("tree");
	set("HOME", "closed");
	HOOK("tree");
	sh("chmod 0 tree/.git/config");
	hook_refused("tree/.git", "config");
	sh("chmod 700 closed");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_gitconf_hook");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, hook_environment);
	tcase_add_test(t, hook_files);
	tcase_add_test(t, hook_refusals);
	tcase_add_test(t, hook_closed_home);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
