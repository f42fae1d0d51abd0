/*
 * Where libgit2 takes objects from: its own readers of packs, and ours of loose objects,
 * in the directories that git would look in.
 */
#include <git2/sys/odb_backend.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "repo/libgit2.h"
#include "repo/loose.h"

#define DEPTH_MAX 5 /* as git (object-file.c, link_alt_odb_entries) */
#define DIRS_MAX 256
#define LIST_MAX ((size_t)1 << 20)
#define OBJECT_MAX ((size_t)1 << 29) /* what libgit2 itself wants to read */
#define DIGITS_MIN 2

/* --- directories ------------------------------------------------------------------- */

void repo_dirs_free(struct dirs *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i]);
	free(d->v);
	*d = (struct dirs){ NULL, 0, 0 };
}

static bool known(const struct dirs *d, const char *dir)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->v[i], dir) == 0)
			return true;
	return false;
}

static int add_dir(struct dirs *d, const char *dir, int depth, struct err *err);

/* A line of objects/info/alternates, or a part of the environment's list. */
static int add_entry(struct dirs *d, const char *from, struct bytes entry, int depth,
		     struct err *err)
{
	_cleanup_free_ char *path = NULL;

	if (entry.n == 0 || entry.p[0] == '#')
		return 0;
	if (entry.p[0] == '"' || memchr(entry.p, '\0', entry.n))
		return err_set(err, ERR_REPO, "an alternate object directory has an odd name");
	if (entry.p[0] == '/' || !from)
		path = xstrndup((const char *)entry.p, entry.n);
	else
		path = xasprintf("%s/%.*s", from, (int)entry.n, (const char *)entry.p);
	return add_dir(d, path, depth, err);
}

static int add_list(struct dirs *d, const char *from, struct bytes list, char separator, int depth,
		    struct err *err)
{
	int rc = 0;

	while (list.n > 0 && rc == 0) {
		const uint8_t *end = memchr(list.p, separator, list.n);
		size_t n = end ? (size_t)(end - list.p) : list.n;

		rc = add_entry(d, from, bytes_of(list.p, n), depth, err);
		list = bytes_skip(list, end ? n + 1 : n);
	}
	return rc;
}

/* A directory that is not there is passed over, as git does. */
static int add_dir(struct dirs *d, const char *dir, int depth, struct err *err)
{
	_cleanup_free_ char *real = realpath(dir, NULL), *info = NULL;
	struct buf list = BUF_INIT;
	int rc = 0;

	if (!real || known(d, real))
		return 0;
	if (depth > DEPTH_MAX || d->n == DIRS_MAX)
		return err_set(err, ERR_REPO, "too many alternate object directories");
	d->v = xreallocarray(d->v, d->n + 1, sizeof(*d->v));
	d->v[d->n++] = xstrdup(real);
	info = xasprintf("%s/info/alternates", real);
	if (access(info, F_OK) == 0)
		rc = os_file_read(info, OS_FILE_ANY, LIST_MAX, &list, err) ? ERR_REPO : 0;
	if (rc == 0)
		rc = add_list(d, real, buf_bytes(&list), '\n', depth + 1, err);
	buf_free(&list);
	return rc;
}

static const char *environment(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

int repo_dirs_find(const char *git_dir, bool hook, struct dirs *ret, struct err *err)
{
	_cleanup_free_ char *own = xasprintf("%s/objects", git_dir);
	const char *main = hook ? environment("GIT_OBJECT_DIRECTORY") : NULL;
	const char *more = hook ? environment("GIT_ALTERNATE_OBJECT_DIRECTORIES") : NULL;
	const char *apart = hook ? environment("GIT_QUARANTINE_PATH") : NULL;
	_cleanup_free_ char *quarantine = apart ? realpath(apart, NULL) : NULL;
	struct dirs d = { NULL, 0, 0 };
	int rc = add_dir(&d, main ? main : own, 0, err);

	if (rc == 0 && quarantine && d.n > 0 && strcmp(quarantine, d.v[0]) == 0)
		d.quarantine = d.n;
	if (rc == 0 && more)
		rc = add_list(&d, NULL, bytes_str(more), ':', 0, err);
	if (rc == 0 && d.n == 0)
		rc = err_set(err, ERR_REPO, "the repository has no directory of objects");
	if (rc)
		repo_dirs_free(&d);
	else
		*ret = d;
	return rc;
}

uint64_t repo_dirs_stamp(const struct dirs *d, size_t first)
{
	uint64_t x = 0;

	for (size_t i = first; i < d->n; i++) {
		_cleanup_free_ char *packs = xasprintf("%s/pack", d->v[i]);
		struct stat st;

		x *= 1000003;
		if (stat(packs, &st) == 0)
			x += (uint64_t)st.st_mtim.tv_sec * 1000000000 +
			     (uint64_t)st.st_mtim.tv_nsec;
	}
	return x;
}

/* --- loose objects ------------------------------------------------------------------ */

struct loose {
	git_odb_backend backend;
	char *dir;
};

static const char *dir_of(git_odb_backend *b)
{
	return ((struct loose *)b)->dir;
}

static git_object_t type_to_git(enum object_type t)
{
	static const git_object_t types[] = {
		[OBJECT_NONE] = GIT_OBJECT_INVALID, [OBJECT_COMMIT] = GIT_OBJECT_COMMIT,
		[OBJECT_TREE] = GIT_OBJECT_TREE,    [OBJECT_BLOB] = GIT_OBJECT_BLOB,
		[OBJECT_TAG] = GIT_OBJECT_TAG,
	};

	return types[t];
}

/* 0, GIT_ENOTFOUND or GIT_ERROR with its text. */
static int get(git_odb_backend *b, const git_oid *id, struct loose_info *info, struct buf *content)
{
	struct err err = ERR_INIT;
	struct oid o;
	bool found;
	int rc;

	repo_from_git(id, &o);
	rc = loose_read(dir_of(b), &o, OBJECT_MAX, info, content, &found, &err);
	if (rc)
		git_error_set_str(GIT_ERROR_ODB, err.text);
	return rc ? GIT_ERROR : found ? 0 : GIT_ENOTFOUND;
}

static int get_header(size_t *size, git_object_t *type, git_odb_backend *b, const git_oid *id)
{
	struct loose_info info;
	int rc = get(b, id, &info, NULL);

	if (rc)
		return rc;
	*size = info.size;
	*type = type_to_git(info.type);
	return 0;
}

static int get_object(void **data, size_t *size, git_object_t *type, git_odb_backend *b,
		      const git_oid *id)
{
	struct buf content = BUF_INIT;
	struct loose_info info;
	int rc = get(b, id, &info, &content);

	*data = rc ? NULL : git_odb_backend_data_alloc(b, content.n + 1);
	if (*data) {
		if (content.n > 0)
			memcpy(*data, content.p, content.n);
		((char *)*data)[content.n] = '\0';
		*size = content.n;
		*type = type_to_git(info.type);
	} else if (rc == 0) {
		rc = GIT_ERROR;
	}
	buf_free(&content);
	return rc;
}

static int exists(git_odb_backend *b, const git_oid *id)
{
	struct oid o;

	repo_from_git(id, &o);
	return loose_has(dir_of(b), &o);
}

static int complete(git_oid *full, git_odb_backend *b, const git_oid *id, size_t digits)
{
	char hex[GIT_OID_HEXSZ + 1];
	struct oid o;
	size_t n;

	git_oid_tostr(hex, digits < GIT_OID_HEXSZ ? digits + 1 : sizeof(hex), id);
	n = digits < DIGITS_MIN ? 0 : loose_count(dir_of(b), hex, &o);
	if (n == 1)
		return git_oid_fromraw(full, o.b);
	return n == 0 ? GIT_ENOTFOUND : GIT_EAMBIGUOUS;
}

static int get_by_prefix(git_oid *full, void **data, size_t *size, git_object_t *type,
			 git_odb_backend *b, const git_oid *id, size_t digits)
{
	int rc = complete(full, b, id, digits);

	return rc ? rc : get_object(data, size, type, b, full);
}

static void free_loose(git_odb_backend *b)
{
	free(((struct loose *)b)->dir);
	free(b);
}

static git_odb_backend *loose_backend(const char *dir)
{
	struct loose *l = xcalloc(1, sizeof(*l));

	git_odb_init_backend(&l->backend, GIT_ODB_BACKEND_VERSION);
	l->backend.read = get_object;
	l->backend.read_prefix = get_by_prefix;
	l->backend.read_header = get_header;
	l->backend.exists = exists;
	l->backend.exists_prefix = complete;
	l->backend.free = free_loose;
	l->dir = xstrdup(dir);
	return &l->backend;
}

/* --- the whole ----------------------------------------------------------------------- */

static int add_readers(git_odb *odb, const char *dir, int priority)
{
	git_odb_backend *packs = NULL, *loose;

	if (git_odb_backend_pack(&packs, dir))
		return -1;
	if (git_odb_add_alternate(odb, packs, priority + 1)) {
		packs->free(packs);
		return -1;
	}
	loose = loose_backend(dir);
	if (git_odb_add_alternate(odb, loose, priority) == 0)
		return 0;
	loose->free(loose);
	return -1;
}

int repo_odb_open(const struct dirs *d, size_t first, git_odb **ret, struct err *err)
{
	git_odb *odb = NULL;

	if (git_odb_new(&odb))
		return repo_libgit2_fail(err, "cannot open the repository");
	for (size_t i = first; i < d->n; i++)
		if (add_readers(odb, d->v[i], 2 * (int)(d->n - i))) {
			git_odb_free(odb);
			return repo_libgit2_fail(err, "cannot open the repository");
		}
	*ret = odb;
	return 0;
}
