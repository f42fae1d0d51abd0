/* Real repositories, made by git in a directory of their own, for both backends. */
#ifndef GH_TESTS_REPO_TOOLS_H
#define GH_TESTS_REPO_TOOLS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/proc.h"
#include "repo/repo.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* What every test runs over: SHA-256 is for git alone. */
struct kind {
	const char *name, *format;
	enum repo_backend backend;
};
static const struct kind kinds[] = {
	{ "libgit2", "sha1", REPO_LIBGIT2 },
	{ "git", "sha1", REPO_GIT },
	{ "git", "sha256", REPO_GIT },
};

static char world[64];
static char *tool_env[16];

static inline char *sh(const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct proc_opts o = { .env = (const char *const *)tool_env,
			       .dir = world,
			       .errors = &errors };
	struct err err = ERR_INIT;
	int status = -1;

	ck_assert_msg(proc_run(argv, &o, &out, &status, &err) == 0, "%s", err.text);
	ck_assert_msg(status == 0, "%s\n%s", script, buf_str(&errors));
	buf_free(&errors);
	if (out.n > 0 && out.p[out.n - 1] == '\n')
		out.p[--out.n] = 0;
	buf_reserve(&out, 1); /* an empty string is a string */
	return buf_detach(&out);
}

static inline void run(const char *script)
{
	free(sh(script));
}

static inline void world_begin(const struct kind *k)
{
	static const char *const same[] = { "GIT_CONFIG_NOSYSTEM=1",
					    "GIT_AUTHOR_NAME=a",
					    "GIT_AUTHOR_EMAIL=a@example.com",
					    "GIT_COMMITTER_NAME=a",
					    "GIT_COMMITTER_EMAIL=a@example.com",
					    "LC_ALL=C" };
	const char *path = getenv("PATH");
	size_t n = 0;

	snprintf(world, sizeof(world), "/tmp/gh-repo.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world));
	tool_env[n++] = xasprintf("HOME=%s", world);
	tool_env[n++] = xasprintf("PATH=%s", path ? path : "/usr/bin:/bin");
	tool_env[n++] = xasprintf("GIT_DEFAULT_HASH=%s", k->format);
	for (size_t i = 0; i < N(same); i++)
		tool_env[n++] = xstrdup(same[i]);
	run("git config --global init.defaultBranch main");
	run("git config --global protocol.file.allow always");
}

static inline void world_end(void)
{
	const char *argv[] = { "rm", "-rf", world, NULL };
	int status;

	proc_run(argv, NULL, NULL, &status, NULL);
	for (size_t i = 0; tool_env[i]; i++) {
		free(tool_env[i]);
		tool_env[i] = NULL;
	}
}

/* The repository `name` of the world; NULL: the one of the environment. */
static inline struct repo *open_at(const struct kind *k, const char *name)
{
	_cleanup_free_ char *path = name ? xasprintf("%s/%s", world, name) : NULL;
	struct repo *r = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(repo_open(path, k->backend, &r, &err) == 0, "%s: %s", k->name, err.text);
	return r;
}

/* The id that a script prints. */
static inline struct oid id_of(const char *script)
{
	_cleanup_free_ char *hex = sh(script);
	struct oid id = { .n = 0 };

	ck_assert_msg(oid_parse(bytes_str(hex), &id), "%s: %s", script, hex);
	return id;
}

static inline void add_subject(const struct oid *id, const char *name, struct buf *to)
{
	char hex[OID_HEX_MAX];
	_cleanup_free_ char *script = xasprintf(
		"git -C %s --no-replace-objects log -1 --format=%%s %s", name, oid_hex(id, hex));
	_cleanup_free_ char *subject = sh(script);

	buf_addf(to, "%s%s", to->n ? " " : "", subject);
}

#endif
