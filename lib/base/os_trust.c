/* os_path_trusted(): every directory and link on the way to a file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"

#define LINKS_MAX 40 /* as the kernel has it */

/*
 * Names are walked one by one, as the kernel does: a link that others can
 * replace is as bad as a directory that they can write to, and realpath()
 * would hide it.
 */
struct walk {
	struct buf at;   /* judged so far: absolute, no links, no final slash; "" is the root */
	struct buf rest; /* still to walk */
	uid_t uid;
	int links;
};

static int culprit(const struct walk *w, const struct stat *st, struct err *err)
{
	const char *path = w->at.n ? buf_str(&w->at) : "/";
	_cleanup_free_ char *name = text_escaped(bytes_str(path));
	const char *kind = S_ISDIR(st->st_mode) ? "directory " : S_ISLNK(st->st_mode) ? "link " : "";

	if (st->st_uid != 0 && st->st_uid != w->uid)
		return err_set(err, ERR_CONFIG,
			       "%s'%s' belongs to user id %u, who could change it: run as that "
			       "user, or chown %s%u '%s'",
			       kind, name, (unsigned)st->st_uid, S_ISLNK(st->st_mode) ? "-h " : "",
			       (unsigned)w->uid, name);
	return err_set(err, ERR_CONFIG, "%s'%s' can be written by others (mode %04o): chmod go-w '%s'",
		       kind, name, (unsigned)(st->st_mode & 07777), name);
}

static int judge(const struct walk *w, const struct stat *st, bool last, struct err *err)
{
	if (st->st_uid != 0 && st->st_uid != w->uid)
		return culprit(w, st, err);
	if (S_ISLNK(st->st_mode) || !(st->st_mode & 022))
		return 0;
	/* Sticky: others may add names here, but not touch the one that we follow,
	 * whose owner is judged next. In the last one whatever they add counts. */
	if (!last && S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))
		return 0;
	return culprit(w, st, err);
}

static int follow(struct walk *w, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(buf_str(&w->at), target, sizeof(target));
	_cleanup_free_ char *name = text_escaped(buf_bytes(&w->at));
	struct buf rest = BUF_INIT;

	if (n <= 0 || n >= (ssize_t)sizeof(target))
		return err_errno(err, ERR_CONFIG, "cannot read the link '%s'", name);
	if (++w->links > LINKS_MAX)
		return err_set(err, ERR_CONFIG, "too many links on the way to '%s'", name);
	buf_add(&rest, target, (size_t)n);
	buf_add_byte(&rest, '/');
	buf_add_bytes(&rest, buf_bytes(&w->rest));
	buf_free(&w->rest);
	w->rest = rest;
	if (target[0] == '/')
		w->at.n = 0;
	else
		w->at.n = (size_t)((const uint8_t *)memrchr(w->at.p, '/', w->at.n) - w->at.p);
	return 0;
}

/* Takes the next name off `rest` and puts it behind `at`. */
static bool step(struct walk *w)
{
	const char *s = buf_str(&w->rest);
	size_t skip = strspn(s, "/"), n = strcspn(s + skip, "/");
	const uint8_t *slash;

	if (n == 0)
		return false;
	if (n == 2 && s[skip] == '.' && s[skip + 1] == '.') {
		slash = w->at.n ? memrchr(w->at.p, '/', w->at.n) : NULL;
		w->at.n = slash ? (size_t)(slash - w->at.p) : 0;
	} else if (n != 1 || s[skip] != '.') {
		buf_add_byte(&w->at, '/');
		buf_add(&w->at, s + skip, n);
	}
	memmove(w->rest.p, w->rest.p + skip + n, w->rest.n - skip - n + 1);
	w->rest.n -= skip + n;
	return true;
}

static int walk(struct walk *w, struct err *err)
{
	struct stat st;
	int rc;

	do {
		const char *rest = buf_str(&w->rest);
		bool last = rest[strspn(rest, "/")] == '\0';
		const char *at = w->at.n ? buf_str(&w->at) : "/";

		if (lstat(at, &st) < 0) {
			_cleanup_free_ char *name = text_escaped(bytes_str(at));

			return err_errno(err, ERR_CONFIG, "cannot look at '%s'", name);
		}
		rc = judge(w, &st, last, err);
		if (!rc && S_ISLNK(st.st_mode))
			rc = follow(w, err);
		if (rc)
			return rc;
	} while (step(w));
	return 0;
}

int os_path_trusted(const char *path, uid_t uid, struct err *err)
{
	struct walk w = { BUF_INIT, BUF_INIT, uid, 0 };
	int rc;

	if (path[0] != '/') {
		_cleanup_free_ char *here = getcwd(NULL, 0);

		if (!here)
			return err_errno(err, ERR_IO, "cannot tell the working directory");
		buf_addf(&w.rest, "%s/", here);
	}
	buf_add_str(&w.rest, path);
	rc = walk(&w, err);
	buf_free(&w.at);
	buf_free(&w.rest);
	return rc;
}
