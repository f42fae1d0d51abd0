/* One interface over two backends: arguments are checked here, and what they read. */
#include "repo/repo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "repo/repo_internal.h"
#include "repo/walk.h"

#define REV_MAX 1024
#define COMMIT_MAX ((size_t)64 << 20)

/* --- opening -------------------------------------------------------------- */

int repo_set_git_dir(struct repo *r, const char *dir, struct err *err)
{
	r->git_dir = realpath(dir, NULL);
	if (!r->git_dir)
		return err_errno(err, ERR_REPO, "cannot find the repository's directory");
	return 0;
}

/*
 * git quotes a directory with a colon in this list (environment.c,
 * link_alt_odb_entries()); libgit2 takes the quotes for part of the name.
 */
static bool libgit2_misreads_environment(void)
{
	const char *dirs = getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES");

	return dirs && strchr(dirs, '"');
}

int repo_open(const char *path, enum repo_backend backend, struct repo **ret, struct err *err)
{
	bool skip = backend == REPO_GIT ||
		    (backend == REPO_AUTO && !path && libgit2_misreads_environment());
	int rc = skip ? ERR_REPO : repo_libgit2_open(path, ret, err);

	if (rc == 0 || backend == REPO_LIBGIT2)
		return rc;
	return repo_git_open(path, ret, err);
}

void repo_close(struct repo *r)
{
	char *dir;

	if (!r)
		return;
	dir = r->git_dir;
	r->ops->close(r);
	free(dir);
}

uint8_t repo_hash_bytes(const struct repo *r)
{
	return r->hash_bytes;
}

const char *repo_git_dir(const struct repo *r)
{
	return r->git_dir;
}

bool repo_is_bare(const struct repo *r)
{
	return r->bare;
}

const char *repo_backend_name(const struct repo *r)
{
	return r->ops->name;
}

/* --- objects --------------------------------------------------------------- */

/* "object 1234…: not in the repository", with a word about shallow ones. */
static int repo_missing(const struct repo *r, const struct oid *id, struct err *err)
{
	_cleanup_free_ char *shallow = xasprintf("%s/shallow", r->git_dir);
	char hex[OID_HEX_MAX];

	return err_set(err, ERR_REPO, "object %s is not in the repository%s", oid_hex(id, hex),
		       access(shallow, F_OK) == 0
			       ? ", which is a shallow one: git fetch --unshallow"
			       : "");
}

static int check_id(const struct repo *r, const struct oid *id, struct err *err)
{
	if (id->n == r->hash_bytes)
		return 0;
	return err_set(err, ERR_REPO, "an object id of %u bytes in a repository of %u-byte ids",
		       (unsigned)id->n, (unsigned)r->hash_bytes);
}

static int find(struct repo *r, const struct oid *id, enum object_type *type, uint64_t *size,
		bool *found, struct err *err)
{
	int rc = check_id(r, id, err);

	*found = false;
	if (rc == 0 && !oid_is_null(id))
		rc = r->ops->stat(r, id, type, size, found, err);
	return rc;
}

int repo_stat(struct repo *r, const struct oid *id, enum object_type *type, uint64_t *size,
	      struct err *err)
{
	enum object_type t;
	uint64_t n;
	bool found;
	int rc = find(r, id, &t, &n, &found, err);

	if (rc == 0 && !found)
		rc = repo_missing(r, id, err);
	if (rc)
		return rc;
	*type = t;
	*size = n;
	return 0;
}

bool repo_has(struct repo *r, const struct oid *id)
{
	enum object_type type;
	uint64_t size;
	bool found;

	return find(r, id, &type, &size, &found, NULL) == 0 && found;
}

/* Disks rot, and libgit2's own check is off: it costs more than this one. */
static int check_content(const struct repo *r, const struct oid *id, enum object_type type,
			 struct bytes content, struct err *err)
{
	char hex[OID_HEX_MAX];
	struct oid is;

	if (oid_of_object(type, content, r->hash_bytes, &is) && oid_eq(&is, id))
		return 0;
	return err_set(err, ERR_REPO, "object %s is corrupt: its content has another id",
		       oid_hex(id, hex));
}

int repo_too_large(const struct oid *id, uint64_t size, size_t max, struct err *err)
{
	char hex[OID_HEX_MAX];

	return err_set(err, ERR_INPUT, "object %s has %llu bytes, more than %zu", oid_hex(id, hex),
		       (unsigned long long)size, max);
}

int repo_read_found(struct repo *r, const struct oid *id, size_t max, enum object_type *type,
		    struct buf *content, bool *found, struct err *err)
{
	size_t start = content->n;
	enum object_type t = OBJECT_NONE;
	bool there = false;
	int rc = check_id(r, id, err);

	if (rc == 0 && !oid_is_null(id))
		rc = r->ops->read(r, id, max, &t, content, &there, err);
	if (rc == 0 && there)
		rc = check_content(r, id, t, bytes_skip(buf_bytes(content), start), err);
	if (rc) {
		content->n = start;
		return rc;
	}
	*found = there;
	if (there)
		*type = t;
	return 0;
}

int repo_read(struct repo *r, const struct oid *id, size_t max, enum object_type *type,
	      struct buf *content, struct err *err)
{
	bool found;
	int rc = repo_read_found(r, id, max, type, content, &found, err);

	return rc == 0 && !found ? repo_missing(r, id, err) : rc;
}

/* --- refs and revisions ---------------------------------------------------- */

int repo_ref(struct repo *r, const char *name, struct oid *ret, bool *found, bool *symbolic,
	     struct err *err)
{
	bool there = false, points = false;
	struct oid id;
	int rc = 0;

	/* Names that git would not write are the names of nothing. */
	if (strcmp(name, "HEAD") == 0 || object_ref_ok(bytes_str(name)))
		rc = r->ops->ref(r, name, &id, &there, &points, err);
	if (rc)
		return rc;
	if (there)
		*ret = id;
	*found = there;
	if (symbolic)
		*symbolic = points;
	return 0;
}

int repo_refs(struct repo *r, const char *prefix, repo_ref_fn fn, void *ctx, struct err *err)
{
	return r->ops->refs(r, prefix, fn, ctx, err);
}

/* Neither an option nor two words for whoever reads lines, nor a range. */
static bool rev_ok(const char *rev)
{
	size_t n = strlen(rev);

	if (n == 0 || n > REV_MAX || rev[0] == '-' || rev[0] == '^' || strstr(rev, ".."))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)rev[i] < 0x20 || rev[i] == 0x7f)
			return false;
	return true;
}

int repo_resolve(struct repo *r, const char *rev, struct oid *ret, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_of(rev, strnlen(rev, 80)));
	struct oid id;
	int rc;

	if (!rev_ok(rev))
		return err_set(err, ERR_REPO, "\"%s\" is not a revision (gitrevisions(7))", shown);
	rc = r->ops->resolve(r, rev, &id, err);
	if (rc == 0 && !repo_has(r, &id))
		rc = ERR_REPO;
	if (rc == ERR_REPO)
		return err_set(err, ERR_REPO, "\"%s\" names nothing in this repository", shown);
	if (rc == 0)
		*ret = id;
	return rc;
}

/* --- walks ----------------------------------------------------------------- */

static int want_commit(struct repo *r, const struct oid *id, struct err *err)
{
	enum object_type type;
	char hex[OID_HEX_MAX];
	uint64_t size;
	int rc = repo_stat(r, id, &type, &size, err);

	if (rc == 0 && type != OBJECT_COMMIT)
		rc = err_set(err, ERR_REPO, "object %s is a %s, not a commit", oid_hex(id, hex),
			     object_type_name(type));
	return rc;
}

/* No judge of what was found is here: whoever wants ids alone wants whole commits. */
static int find_all(struct walk *w, struct err *err)
{
	struct buf content = BUF_INIT;
	struct walk_found f;
	char hex[OID_HEX_MAX];
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		buf_clear(&content);
		rc = walk_next(w, &content, &f, &more, err);
		if (rc == 0 && more && (f.too_large || f.type != OBJECT_COMMIT))
			rc = err_set(err, ERR_REPO, "object %s is %s", oid_hex(&f.id, hex),
				     f.too_large ? "too large"
						 : "named as a parent, but no commit");
	}
	buf_free(&content);
	return rc;
}

int repo_walk(struct repo *r, const struct oid *tips, size_t tips_n, const struct oid *hide,
	      size_t hide_n, repo_walk_fn fn, void *ctx, struct err *err)
{
	struct walk *w = walk_new(r, COMMIT_MAX);
	_cleanup_free_ size_t *order = NULL;
	int rc = 0;

	for (size_t i = 0; i < hide_n && rc == 0; i++) {
		rc = check_id(r, &hide[i], err);
		walk_hide(w, &hide[i]);
	}
	for (size_t i = 0; i < tips_n && rc == 0; i++) {
		rc = want_commit(r, &tips[i], err);
		walk_tip(w, &tips[i]);
	}
	if (rc == 0)
		rc = find_all(w, err);
	if (rc == 0)
		order = walk_order(w);
	for (size_t i = 0; rc == 0 && i < walk_count(w); i++)
		rc = fn(walk_id(w, order[i]), ctx);
	walk_free(w);
	return rc;
}

int repo_is_ancestor(struct repo *r, const struct oid *old, const struct oid *tip, bool *ret,
		     struct err *err)
{
	int rc = want_commit(r, old, err);

	if (rc == 0)
		rc = want_commit(r, tip, err);
	if (rc)
		return rc;
	if (oid_eq(old, tip)) {
		*ret = true;
		return 0;
	}
	return repo_seek(r, tip, old, ret, err);
}
