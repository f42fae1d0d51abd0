#include "hook_place.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "gitcmd.h"
#include "verb_repo.h"

/* Keys under which the values from before stand, in a section of their own:
 * hsm.before.<key> = value, or hsm.before.<key> = "-unset". */
#define BEFORE "hsm-before"
#define UNSET "-unset"

/* --- finding --------------------------------------------------------------- */

static const char *const names[HOOK_KINDS] = { "pre-receive", "post-receive",
						 "reference-transaction", "pre-push" };

/* Beside libexec/gitsign-hsm/verbs when installed, in build/hooks when not. */
static int find_program(struct hook_file *f, struct err *err)
{
	static const char *const places[] = { "../../hooks", "hooks" };
	struct buf dir = BUF_INIT;
	int rc = os_self_dir(&dir, err);

	for (size_t i = 0; i < 2 && rc == 0 && !f->program; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s/%s", buf_str(&dir), places[i],
						      f->name);
		char real[PATH_MAX];

		if (access(path, X_OK) == 0 && realpath(path, real))
			f->program = xstrdup(real);
	}
	buf_free(&dir);
	if (rc == 0 && !f->program)
		rc = err_set(err, ERR_CONFIG, "the hook program %s is not installed beside this "
			     "one: make install", f->name);
	return rc;
}

static int look_at(struct hook_place *p, enum hook_kind kind, struct err *err)
{
	struct hook_file *f = &p->files[kind];
	char real[PATH_MAX];
	struct stat st;
	int rc;

	f->name = names[kind];
	rc = find_program(f, err);
	if (rc)
		return rc;
	f->path = xasprintf("%s/hooks/%s", p->server.git_dir, f->name);
	f->there = lstat(f->path, &st) == 0;
	f->ours = f->there && realpath(f->path, real) && strcmp(real, f->program) == 0;
	f->runs = f->there && access(f->path, X_OK) == 0;
	return 0;
}

static int open_place(const char *path, bool client, struct hook_place *ret, struct err *err)
{
	struct hook_place p = { .repo = NULL };
	int rc = verb_repo_open(path, &p.repo, err);

	if (rc == 0 && client)
		p.server.git_dir = xstrdup(repo_git_dir(p.repo));
	else if (rc == 0)
		rc = server_load(repo_git_dir(p.repo), repo_hash_bytes(p.repo), &p.server, err);
	for (int i = 0; i < HOOK_KINDS && rc == 0; i++)
		rc = look_at(&p, (enum hook_kind)i, err);
	if (rc) {
		hook_place_close(&p);
		return rc;
	}
	p.scope = xasprintf("--file=%s/config", p.server.git_dir);
	*ret = p;
	return 0;
}

int hook_place_open(const char *path, struct hook_place *ret, struct err *err)
{
	return open_place(path, false, ret, err);
}

int hook_place_open_client(const char *path, struct hook_place *ret, struct err *err)
{
	return open_place(path, true, ret, err);
}

void hook_place_close(struct hook_place *p)
{
	repo_close(p->repo);
	server_free(&p->server);
	for (int i = 0; i < HOOK_KINDS; i++) {
		free(p->files[i].path);
		free(p->files[i].program);
	}
	free(p->scope);
	memset(p, 0, sizeof(*p));
}

/* --- traps ------------------------------------------------------------------ */

static bool means_false(const char *v)
{
	static const char *const words[] = { "false", "no", "off", "0", "" };

	for (size_t i = 0; v && i < sizeof(words) / sizeof(words[0]); i++)
		if (text_eq_nocase(bytes_str(v), bytes_str(words[i])))
			return true;
	return false;
}

static bool same_dir(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];

	return realpath(a, x) && realpath(b, y) && strcmp(x, y) == 0;
}

size_t hook_place_traps(const struct hook_place *p,
			void (*problem)(const char *text, void *ctx), void *ctx, struct err *err)
{
	_cleanup_free_ char *hooks = xasprintf("%s/hooks", p->server.git_dir);
	struct gitconf conf = GITCONF_INIT;
	const char *path, *enabled;
	size_t n = 0;

	if (gitconf_load_repo(&conf, p->server.git_dir, err)) {
		problem(err->text, ctx);
		gitconf_free(&conf);
		return 1;
	}
	path = gitconf_get(&conf, "core.hookspath");
	enabled = gitconf_get(&conf, "hook.pre-receive.enabled");
	if (path && !same_dir(path, hooks)) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(path));
		_cleanup_free_ char *text = xasprintf(
			"core.hooksPath is %s: git does not look into the repository's hooks. Unset "
			"it, or set it for this repository: git config core.hooksPath '%s'", shown,
			hooks);

		problem(text, ctx);
		n++;
	}
	if (enabled && means_false(enabled)) {
		problem("hook.pre-receive.enabled is false: newer versions of git would not run "
			"the hook. Unset it", ctx);
		n++;
	}
	gitconf_free(&conf);
	return n;
}

/* --- what was changed ------------------------------------------------------- */

/* "receive.fsckObjects" stands as "hsm-before.receive.fsckObjects.value". */
static char *before_key(const char *key)
{
	return xasprintf(BEFORE ".%s.value", key);
}

int hook_place_note(const struct hook_place *p, const char *key, struct err *err)
{
	_cleanup_free_ char *before = before_key(key);
	struct buf old = BUF_INIT, kept = BUF_INIT;
	bool had = false, known = false;
	int rc = gitcmd_get(p->scope, key, &old, &had, err);

	if (rc == 0)
		rc = gitcmd_get(p->scope, before, &kept, &known, err);
	if (rc == 0 && !known)
		rc = gitcmd_set(p->scope, before, had ? buf_str(&old) : UNSET, err);
	buf_free(&old);
	buf_free(&kept);
	return rc;
}

int hook_place_set(const struct hook_place *p, const char *key, const char *value,
		   struct err *err)
{
	int rc = hook_place_note(p, key, err);

	return rc ? rc : gitcmd_set(p->scope, key, value, err);
}

static int restore_one(const struct hook_place *p, const char *key, const char *value,
		       struct err *err)
{
	_cleanup_free_ char *before = before_key(key);
	int rc = gitcmd_set(p->scope, key, strcmp(value, UNSET) == 0 ? NULL : value, err);

	return rc ? rc : gitcmd_set(p->scope, before, NULL, err);
}

int hook_place_restore(const struct hook_place *p,
		       void (*tell)(const char *key, const char *value), struct err *err)
{
	static const char *const keys[] = { "hsm.policy", "receive.fsckObjects",
					    "receive.certNonceSeed", "receive.certNonceSlop" };
	int rc = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && rc == 0; i++) {
		_cleanup_free_ char *before = before_key(keys[i]);
		struct buf value = BUF_INIT;
		bool known = false;

		rc = gitcmd_get(p->scope, before, &value, &known, err);
		if (rc == 0 && known)
			rc = restore_one(p, keys[i], buf_str(&value), err);
		if (rc == 0 && known)
			tell(keys[i], strcmp(buf_str(&value), UNSET) == 0 ? NULL : buf_str(&value));
		buf_free(&value);
	}
	return rc;
}
