/* A directory with a home and a work tree in it, and nothing of the system's or the caller's. */
#ifndef GH_TESTS_GITCONF_WORLD_H
#define GH_TESTS_GITCONF_WORLD_H

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "gitconf_tools.h"

static char dir[PATH_MAX];
static struct err err;

static void sh(const char *script)
{
	const char *argv[] = { "/bin/sh", "-euc", script, NULL };
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct proc_opts o = { .errors = &errors };
	int status = -1;

	ck_assert_msg(proc_run(argv, &o, &out, &status, &err) == 0, "%s", err.text);
	ck_assert_msg(status == 0, "%s\n%s%s", script, buf_str(&out), buf_str(&errors));
	buf_free(&out);
	buf_free(&errors);
}

/* A home with its configuration, nothing of the system's or the caller's. */
static void setup(void)
{
	static const char *const gone[] = { "XDG_CONFIG_HOME",
					    "GIT_DIR",
					    "GIT_WORK_TREE",
					    "GIT_COMMON_DIR",
					    "GIT_CEILING_DIRECTORIES",
					    "GIT_OBJECT_DIRECTORY",
					    "GIT_CONFIG",
					    "GIT_CONFIG_GLOBAL",
					    "GIT_CONFIG_SYSTEM",
					    "GIT_CONFIG_COUNT",
					    "GIT_CONFIG_PARAMETERS",
					    "GIT_TEST_ASSUME_DIFFERENT_OWNER" };
	char name[] = "/tmp/gh-gitconf.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	ck_assert_ptr_nonnull(realpath(name, dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(setenv("HOME", dir, 1), 0);
	ck_assert_int_eq(setenv("GIT_CONFIG_NOSYSTEM", "1", 1), 0);
	for (size_t i = 0; i < N(gone); i++)
		unsetenv(gone[i]);
	sh("printf '[user]\\n\\temail = alice@example.com\\n[a]\\n\\tb = home\\n' >.gitconfig");
	sh("git init -q tree && cd tree && git config a.b tree && git config hsm.key k &&"
	   "git -c user.name=alice commit -q --allow-empty -m one && mkdir -p deep/deeper");
}

static void teardown(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(setenv("D", dir, 1), 0);
	sh("rm -rf \"$D\"");
}

static inline void go(const char *where)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, where);

	ck_assert_msg(chdir(path) == 0, "%s", path);
}

static inline void set(const char *name, const char *value)
{
	ck_assert_int_eq(setenv(name, value, 1), 0);
}

static inline void set_path(const char *name, const char *below)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, below);

	set(name, path);
}

#endif
