/*
 * Whatever is unusual here (an include, a mount point on the way up, another
 * owner, strange variables) is not imitated: git is asked, for a millisecond.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/gitconf_internal.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/proc.h"
#include "base/text.h"

#define SYSTEM_FILE "/etc/gitconfig"

/* --- files -------------------------------------------------------------- */

/* git config.c, do_git_config_sequence: the user's files may be unreadable (a
 * daemon that kept root's HOME), the others not. */
static int read_file(struct gitconf *c, const char *path, bool gently, struct err *err)
{
	struct buf text = BUF_INIT;
	int rc;

	if (strcmp(path, "/dev/null") == 0)
		return 0;
	if (access(path, R_OK) != 0 && (gitconf_absent(errno) || (gently && errno == EACCES)))
		return 0;
	rc = os_file_read(path, OS_FILE_ANY, GITCONF_TEXT_MAX, &text, err);
	if (!rc)
		rc = gitconf_parse(c, buf_bytes(&text), path, err);
	buf_free(&text);
	return rc;
}

static bool is_key(const struct gitconf_entry *e, const char *section, const char *name)
{
	return e->name && strcmp(e->section, section) == 0 && strcmp(e->name, name) == 0;
}

static const struct gitconf_entry *find_include(const struct gitconf *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_key(&c->v[i], "include", "path") || is_key(&c->v[i], "includeif", "path"))
			return &c->v[i];
	return NULL;
}

/* extensions.* count in the repository's own file only. */
static int wants_worktree_file(const struct gitconf *c, size_t from, bool *ret, struct err *err)
{
	int truth = 0;

	for (size_t i = from; i < c->n; i++)
		if (is_key(&c->v[i], "extensions", "worktreeconfig") && !c->v[i].subsection)
			truth = gitconf_truth(c->v[i].value);
	if (truth < 0)
		return err_set(err, ERR_CONFIG,
			       "extensions.worktreeConfig of the repository must "
			       "be true or false");
	*ret = truth > 0;
	return 0;
}

static int read_repository(struct gitconf *c, const struct gitconf_repo *r, struct err *err)
{
	_cleanup_free_ char *config = xasprintf("%s/config", r->common);
	_cleanup_free_ char *worktree = xasprintf("%s/config.worktree", r->git_dir);
	size_t from = c->n;
	bool more = false;
	int rc = read_file(c, config, false, err);

	if (!rc)
		rc = wants_worktree_file(c, from, &more, err);
	if (!rc && more)
		rc = read_file(c, worktree, false, err);
	return rc;
}

/* --- the environment: git config.c, git_config_from_parameters ------------ */

/* git_config_parse_key */
static bool key_ok(const char *key)
{
	const char *first = strchr(key, '.'), *last = strrchr(key, '.');

	if (!last || last == key || !gitconf_letter(last[1]))
		return false;
	for (const char *p = key; *p; p++) {
		bool middle = p >= first && p <= last;

		if (middle ? *p == '\n' : !gitconf_name_char(*p))
			return false;
	}
	return true;
}

static bool add_pair(struct gitconf *c, const char *key, const char *value,
		     struct gitconf_place *at)
{
	at->line++;
	return key_ok(key) && gitconf_add(c, bytes_str(key), false, value, *at);
}

static bool read_counted(struct gitconf *c)
{
	const char *text = getenv("GIT_CONFIG_COUNT");
	struct gitconf_place at = { 0, 0 };
	uint64_t count;

	if (!text || *text == '\0')
		return true;
	if (!text_parse_u64(bytes_str(text), &count) || count > GITCONF_ENTRIES_MAX)
		return false;
	at.file = gitconf_source(c, "GIT_CONFIG_COUNT");
	for (uint64_t i = 0; i < count; i++) {
		_cleanup_free_ char *k = xasprintf("GIT_CONFIG_KEY_%u", (unsigned)i);
		_cleanup_free_ char *v = xasprintf("GIT_CONFIG_VALUE_%u", (unsigned)i);
		const char *key = getenv(k), *value = getenv(v);

		if (!key || !value || !add_pair(c, key, value, &at))
			return false;
	}
	return true;
}

/* quote.c, sq_dequote_step: one 'word', in which '\'' and '\!' stand for ' and !. */
static bool unquote(const char **p, struct buf *out)
{
	const char *s = *p;

	buf_clear(out);
	if (*s != '\'')
		return false;
	for (;;) {
		const char *end = strchr(++s, '\'');

		if (!end)
			return false;
		buf_add(out, s, (size_t)(end - s));
		s = end + 1;
		if (s[0] != '\\' || (s[1] != '\'' && s[1] != '!') || s[2] != '\'')
			break;
		buf_add_byte(out, (uint8_t)s[1]);
		s += 2;
	}
	*p = s;
	return true;
}

/* 'key=value', 'key' */
static bool add_old_style(struct gitconf *c, const char *pair, struct gitconf_place *at)
{
	const char *equals = strchr(pair, '=');
	const char *end = equals ? equals : pair + strlen(pair);
	_cleanup_free_ char *key = NULL;

	while (pair < end && gitconf_space(*pair))
		pair++;
	while (end > pair && gitconf_space(end[-1]))
		end--;
	key = xstrndup(pair, (size_t)(end - pair));
	return add_pair(c, key, equals ? equals + 1 : NULL, at);
}

static bool ends_word(char c)
{
	return c == '\0' || gitconf_space(c);
}

/* 'key'='value', 'key'= */
static bool read_parameter(struct gitconf *c, const char **p, struct buf *key, struct buf *value,
			   struct gitconf_place *at)
{
	if (!unquote(p, key))
		return false;
	if (ends_word(**p))
		return add_old_style(c, buf_str(key), at);
	if (*(*p)++ != '=')
		return false;
	if (ends_word(**p))
		return add_pair(c, buf_str(key), NULL, at);
	return unquote(p, value) && ends_word(**p) && add_pair(c, buf_str(key), buf_str(value), at);
}

static bool read_parameters(struct gitconf *c)
{
	const char *p = getenv("GIT_CONFIG_PARAMETERS");
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct gitconf_place at = { 0, 0 };
	bool ok = true;

	if (!p)
		return true;
	at.file = gitconf_source(c, "GIT_CONFIG_PARAMETERS");
	while (ok && *p) {
		ok = read_parameter(c, &p, &key, &value, &at);
		while (ok && gitconf_space(*p))
			p++;
	}
	buf_free(&key);
	buf_free(&value);
	return ok;
}

/* --- asking git --------------------------------------------------------- */

static int add_listed(struct gitconf *c, struct bytes list, struct err *err)
{
	struct gitconf_place at = { gitconf_source(c, "git config"), 0 };

	while (list.n > 0) {
		const uint8_t *end = memchr(list.p, 0, list.n);
		struct bytes entry = bytes_of(list.p, end ? (size_t)(end - list.p) : 0);
		const uint8_t *feed = entry.n ? memchr(entry.p, '\n', entry.n) : NULL;
		struct bytes key = feed ? bytes_of(entry.p, (size_t)(feed - entry.p)) : entry;

		at.line++;
		if (!end || !gitconf_add(c, key, false, feed ? (const char *)feed + 1 : NULL, at))
			return err_set(err, ERR_CONFIG,
				       "entry %u of `git config --list -z` cannot "
				       "be used",
				       at.line);
		list = bytes_skip(list, entry.n + 1);
	}
	return 0;
}

/* GIT_CONFIG names the one file that `git config`, and no other command, reads. */
static const char **environment_for_git(void)
{
	size_t n = 0, k = 0;
	const char **v;

	while (environ && environ[n])
		n++;
	v = xcalloc(n + 2, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "GIT_CONFIG=", 11) && strncmp(environ[i], "LC_ALL=", 7) &&
		    strncmp(environ[i], "LANGUAGE=", 9))
			v[k++] = environ[i];
	v[k] = "LC_ALL=C";
	return v;
}

static int ask_git(struct gitconf *c, struct err *err)
{
	static const char *const argv[] = { "git", "config", "--list", "-z", NULL };
	_cleanup_free_ const char **env = environment_for_git();
	struct buf list = BUF_INIT, errors = BUF_INIT;
	struct proc_opts opts = { .output_max = 2 * GITCONF_TEXT_MAX,
				  .env = env,
				  .errors = &errors };
	int status = -1;
	int rc = proc_run(argv, &opts, &list, &status, err);

	if (!rc && status != 0) {
		_cleanup_free_ char *shown = NULL;

		while (errors.n > 0 && errors.p[errors.n - 1] == '\n')
			errors.n--;
		shown = text_escaped(buf_bytes(&errors));
		rc = err_set(err, ERR_CONFIG, "`git config --list` fails: %s", shown);
	}
	if (!rc)
		rc = add_listed(c, buf_bytes(&list), err);
	buf_free(&list);
	buf_free(&errors);
	return rc;
}

/* --- the whole ---------------------------------------------------------- */

static int read_user(struct gitconf *c, const char *home, const char *xdg_home, struct err *err)
{
	_cleanup_free_ char *xdg = NULL, *rc_file = NULL;
	int rc = 0;

	if (xdg_home && *xdg_home)
		xdg = xasprintf("%s/git/config", xdg_home);
	else if (home)
		xdg = xasprintf("%s/.config/git/config", home);
	if (xdg)
		rc = read_file(c, xdg, true, err);
	if (rc || !home)
		return rc;
	rc_file = xasprintf("%s/.gitconfig", home);
	return read_file(c, rc_file, true, err);
}

static int read_wide(struct gitconf *c, struct err *err)
{
	const char *no_system = getenv("GIT_CONFIG_NOSYSTEM");
	const char *system = getenv("GIT_CONFIG_SYSTEM");
	const char *global = getenv("GIT_CONFIG_GLOBAL");
	int rc = 0;

	if (!no_system || gitconf_truth(no_system) == 0)
		rc = read_file(c, system ? system : SYSTEM_FILE, false, err);
	if (rc)
		return rc;
	return global ? read_file(c, global, true, err)
		      : read_user(c, getenv("HOME"), getenv("XDG_CONFIG_HOME"), err);
}

/* git resolves relative paths after it went to the top of the work tree. */
static bool odd_variables(void)
{
	static const char *const paths[] = { "GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL",
					     "XDG_CONFIG_HOME", "HOME" };
	const char *no_system = getenv("GIT_CONFIG_NOSYSTEM");

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *v = getenv(paths[i]);

		if (v && *v && *v != '/')
			return true;
	}
	return no_system && gitconf_truth(no_system) < 0;
}

/* A format that git may not know: it would not read the file at all. */
static bool known_format(const struct gitconf *c)
{
	const char *v = gitconf_get(c, "core.repositoryFormatVersion");

	return !v || strcmp(v, "0") == 0 || strcmp(v, "1") == 0;
}

static int load_here(struct gitconf *c, bool *odd, struct err *err)
{
	struct gitconf_repo r = { NULL, NULL };
	enum gitconf_found found;
	int rc;

	*odd = odd_variables();
	rc = *odd ? 0 : read_wide(c, err);
	if (rc || *odd)
		return rc;
	found = gitconf_find(c, &r);
	if (found == GITCONF_FOUND)
		rc = read_repository(c, &r, err);
	gitconf_repo_free(&r);
	*odd = found == GITCONF_ODD;
	if (!rc && !*odd)
		*odd = !read_counted(c) || !read_parameters(c) || find_include(c) ||
		       !known_format(c);
	return rc;
}

int gitconf_load(struct gitconf *c, struct err *err)
{
	struct gitconf fresh = GITCONF_INIT;
	bool odd = false;
	int rc = load_here(&fresh, &odd, err);

	if (!rc && odd) {
		gitconf_free(&fresh);
		rc = ask_git(&fresh, err);
	}
	if (rc) {
		gitconf_free(&fresh);
		return rc;
	}
	gitconf_free(c);
	*c = fresh;
	return 0;
}

static int refuse_include(const struct gitconf *c, struct err *err)
{
	const struct gitconf_entry *e = find_include(c);
	_cleanup_free_ char *shown = NULL;

	if (!e)
		return 0;
	shown = text_escaped(bytes_str(c->files[e->file]));
	return err_set(err, ERR_CONFIG,
		       "%s, line %u: hooks do not follow includes: write the hsm.* "
		       "keys into the repository's config, and remove the include",
		       shown, e->line);
}

/* Without its config the repository would look like one without a policy. */
static int check_repository(const char *git_dir, struct err *err)
{
	_cleanup_free_ char *config = xasprintf("%s/config", git_dir);
	_cleanup_free_ char *pointer = xasprintf("%s/commondir", git_dir);
	_cleanup_free_ char *shown = text_escaped(bytes_str(git_dir));
	struct stat st;

	if (lstat(pointer, &st) == 0)
		return err_set(err, ERR_CONFIG,
			       "%s belongs to a linked work tree: name the main "
			       "repository",
			       shown);
	if (stat(config, &st) != 0)
		return err_errno(err, ERR_CONFIG, "cannot find %s/config (is it a repository?)",
				 shown);
	return 0;
}

int gitconf_load_repo(struct gitconf *c, const char *git_dir, struct err *err)
{
	struct gitconf fresh = GITCONF_INIT;
	const char *home = getenv("HOME");
	char *dir = xstrdup(git_dir);
	struct gitconf_repo r = { dir, dir };
	int rc = check_repository(git_dir, err);

	if (!rc)
		rc = read_file(&fresh, SYSTEM_FILE, false, err);
	if (!rc)
		rc = read_user(&fresh, home && *home == '/' ? home : NULL, NULL, err);
	if (!rc)
		rc = read_repository(&fresh, &r, err);
	if (!rc)
		rc = refuse_include(&fresh, err);
	free(dir);
	if (rc) {
		gitconf_free(&fresh);
		return rc;
	}
	gitconf_free(c);
	*c = fresh;
	return 0;
}
