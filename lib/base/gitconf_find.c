/* Where the repository is: git setup.c, as far as that is simple. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/gitconf_internal.h"
#include "base/mem.h"
#include "base/os.h"

#define POINTER_MAX ((size_t)8192) /* a .git file, a commondir file */

void gitconf_repo_free(struct gitconf_repo *r)
{
	free(r->git_dir);
	free(r->common);
	*r = (struct gitconf_repo){ NULL, NULL };
}

bool gitconf_absent(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

/* validate_headref; a HEAD that is a symbolic link is long out of use. */
static enum gitconf_found check_head(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/HEAD", dir);
	char text[256], *p = text;
	struct stat st;
	ssize_t n;
	int fd;

	if (lstat(path, &st) != 0)
		return gitconf_absent(errno) ? GITCONF_NONE : GITCONF_ODD;
	if (!S_ISREG(st.st_mode))
		return GITCONF_ODD;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return GITCONF_ODD;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (strncmp(p, "ref:", 4) == 0) {
		for (p += 4; gitconf_space(*p); p++)
			;
		return strncmp(p, "refs/", 5) == 0 ? GITCONF_FOUND : GITCONF_ODD;
	}
	return strspn(p, "0123456789abcdefABCDEF") >= 40 ? GITCONF_FOUND : GITCONF_NONE;
}

/* A file that holds one path; GITCONF_NONE when it is not there. */
static enum gitconf_found read_pointer(const char *path, const char *prefix, const char *base,
				       char **ret)
{
	struct buf text = BUF_INIT;
	enum gitconf_found found = GITCONF_ODD;
	const char *s;

	if (access(path, F_OK) != 0)
		return gitconf_absent(errno) ? GITCONF_NONE : GITCONF_ODD;
	if (os_file_read(path, OS_FILE_ANY, POINTER_MAX, &text, NULL) != 0)
		goto out;
	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.p[--text.n] = '\0';
	s = buf_str(&text);
	if (strlen(s) != text.n || strncmp(s, prefix, strlen(prefix)) != 0)
		goto out;
	s += strlen(prefix);
	if (*s == '\0')
		goto out;
	*ret = *s == '/' ? xstrdup(s) : xasprintf("%s/%s", base, s);
	found = GITCONF_FOUND;
out:
	buf_free(&text);
	return found;
}

static bool has_dir(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);

	return access(path, X_OK) == 0;
}

/* is_git_directory */
static enum gitconf_found check_git_dir(const char *dir, struct gitconf_repo *ret)
{
	_cleanup_free_ char *pointer = xasprintf("%s/commondir", dir);
	_cleanup_free_ char *common = NULL;
	enum gitconf_found found = check_head(dir);

	if (found != GITCONF_FOUND)
		return found;
	found = read_pointer(pointer, "", dir, &common);
	if (found == GITCONF_ODD)
		return found;
	if (found == GITCONF_NONE)
		common = xstrdup(dir);
	if (!has_dir(common, "objects") || !has_dir(common, "refs"))
		return GITCONF_NONE;
	ret->git_dir = xstrdup(dir);
	ret->common = common;
	common = NULL;
	return GITCONF_FOUND;
}

/* safe.directory is git's to weigh: only what is plainly ours is read here. */
static bool is_ours(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_uid == geteuid();
}

static enum gitconf_found check_work_tree(const char *top, struct gitconf_repo *ret)
{
	_cleanup_free_ char *dot_git = xasprintf("%s/.git", top);
	_cleanup_free_ char *target = NULL;
	struct stat st;
	enum gitconf_found found;

	if (stat(dot_git, &st) != 0)
		return gitconf_absent(errno) ? GITCONF_NONE : GITCONF_ODD;
	if (S_ISDIR(st.st_mode)) {
		found = check_git_dir(dot_git, ret);
	} else {
		if (!S_ISREG(st.st_mode) ||
		    read_pointer(dot_git, "gitdir: ", top, &target) != GITCONF_FOUND)
			return GITCONF_ODD;
		found = check_git_dir(target, ret);
		if (found != GITCONF_FOUND)
			return GITCONF_ODD;
	}
	if (found == GITCONF_FOUND &&
	    !(is_ours(dot_git) && is_ours(top) && is_ours(ret->git_dir))) {
		gitconf_repo_free(ret);
		return GITCONF_ODD;
	}
	return found;
}

static enum gitconf_found check_bare(const char *dir, const struct gitconf *c,
				     struct gitconf_repo *ret)
{
	enum gitconf_found found = check_git_dir(dir, ret);

	if (found == GITCONF_FOUND && (!is_ours(dir) || gitconf_get(c, "safe.bareRepository"))) {
		gitconf_repo_free(ret);
		return GITCONF_ODD;
	}
	return found;
}

/* Cuts the last component; false at the root. */
static bool go_up(char *dir)
{
	char *slash = strrchr(dir, '/');

	if (!slash || dir[1] == '\0')
		return false;
	slash[slash == dir] = '\0';
	return true;
}

static enum gitconf_found discover(const struct gitconf *c, struct gitconf_repo *ret)
{
	char dir[PATH_MAX];
	struct stat st;
	dev_t device;

	if (!getcwd(dir, sizeof(dir)) || dir[0] != '/' || stat(dir, &st) != 0)
		return GITCONF_ODD;
	device = st.st_dev;
	for (;;) {
		enum gitconf_found found = check_work_tree(dir, ret);

		if (found == GITCONF_NONE)
			found = check_bare(dir, c, ret);
		if (found != GITCONF_NONE || !go_up(dir))
			return found;
		if (stat(dir, &st) != 0 || st.st_dev != device)
			return GITCONF_ODD;
	}
}

enum gitconf_found gitconf_find(const struct gitconf *c, struct gitconf_repo *ret)
{
	static const char *const odd[] = { "GIT_COMMON_DIR", "GIT_CEILING_DIRECTORIES",
					   "GIT_OBJECT_DIRECTORY",
					   "GIT_TEST_ASSUME_DIFFERENT_OWNER" };
	const char *git_dir = getenv("GIT_DIR");

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (getenv(odd[i]))
			return GITCONF_ODD;
	if (!git_dir)
		return discover(c, ret);
	return check_git_dir(git_dir, ret) == GITCONF_FOUND ? GITCONF_FOUND : GITCONF_ODD;
}
