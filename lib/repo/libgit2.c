/* Objects and refs through libgit2, in process. It knows neither replace refs nor grafts
 * nor shallow files (1.5), and never fetches. */
#include <git2/sys/repository.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "repo/libgit2.h"
#include "repo/pack.h"

struct libgit2 {
	struct repo repo;
	git_repository *git;
	git_odb *odb;
	git_odb *before; /* without the quarantine; NULL: there is none */
	struct dirs dirs;
	struct packs *packs;     /* opened by the first that reads */
	uint64_t stamp;          /* of the packs in `before`, not later than it */
	struct timespec stamped; /* when that was looked at last */
};

static struct libgit2 *of(struct repo *r)
{
	return (struct libgit2 *)r;
}

int repo_libgit2_fail(struct err *err, const char *what)
{
	const git_error *e = git_error_last();
	_cleanup_free_ char *why =
		text_escaped(bytes_str(e && e->message ? e->message : "unknown"));

	return err_set(err, ERR_REPO, "%s: %s", what, why);
}

static void to_git(const struct oid *id, git_oid *ret)
{
	git_oid_fromraw(ret, id->b);
}

void repo_from_git(const git_oid *id, struct oid *ret)
{
	*ret = (struct oid){ .n = GIT_OID_RAWSZ };
	memcpy(ret->b, id->id, GIT_OID_RAWSZ);
}

static enum object_type type_of(git_object_t t)
{
	switch (t) {
	case GIT_OBJECT_COMMIT:
		return OBJECT_COMMIT;
	case GIT_OBJECT_TREE:
		return OBJECT_TREE;
	case GIT_OBJECT_BLOB:
		return OBJECT_BLOB;
	case GIT_OBJECT_TAG:
		return OBJECT_TAG;
	default:
		return OBJECT_NONE;
	}
}

/*
 * libgit2 with mbedTLS, as Debian has it, reads all certificates of the system at its
 * start: 4 ms of each push. It never connects to anything here, so it finds none.
 */
int mbedtls_x509_crt_parse_file(void *chain, const char *path);
int mbedtls_x509_crt_parse_file(void *chain, const char *path)
{
	(void)chain;
	(void)path;
	return 0;
}

/* --- opening -------------------------------------------------------------- */

/*
 * No configuration but the repository's. Each object is read once, so the cache only
 * costs; the hash is checked by repo_read(), at a third of the price.
 */
static int start_library(struct err *err)
{
	static const int levels[] = { GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
				      GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL };
	int rc = git_libgit2_init();

	if (rc < 0)
		return repo_libgit2_fail(err, "cannot start libgit2");
	rc = 0;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]) && rc == 0; i++)
		rc = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	if (rc == 0)
		rc = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	if (rc == 0)
		rc = git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	if (rc == 0)
		rc = git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	if (rc == 0)
		return 0;
	rc = repo_libgit2_fail(err, "cannot set libgit2 up");
	git_libgit2_shutdown();
	return rc;
}

static void close_repo(struct repo *r)
{
	git_odb_free(of(r)->odb);
	git_odb_free(of(r)->before);
	packs_free(of(r)->packs);
	repo_dirs_free(&of(r)->dirs);
	git_repository_free(of(r)->git);
	free(r);
	git_libgit2_shutdown();
}

static int open_repo(struct libgit2 *g, const char *path, struct err *err)
{
	unsigned flags = path ? 0 : GIT_REPOSITORY_OPEN_FROM_ENV;
	int rc;

	if (git_repository_open_ext(&g->git, path, flags, NULL))
		return repo_libgit2_fail(err, "cannot open the repository");
	g->repo.hash_bytes = GIT_OID_RAWSZ;
	g->repo.bare = git_repository_is_bare(g->git) == 1;
	rc = repo_set_git_dir(&g->repo, git_repository_commondir(g->git), err);
	if (rc == 0)
		rc = repo_dirs_find(g->repo.git_dir, !path, &g->dirs, err);
	if (rc == 0)
		rc = repo_odb_open(&g->dirs, 0, &g->odb, err);
	if (rc == 0)
		g->stamp = repo_dirs_stamp(&g->dirs, g->dirs.quarantine);
	if (rc == 0 && g->dirs.quarantine)
		rc = repo_odb_open(&g->dirs, g->dirs.quarantine, &g->before, err);
	if (rc == 0 && git_repository_set_odb(g->git, g->odb))
		rc = repo_libgit2_fail(err, "cannot open the repository");
	g->repo.quarantine = g->before != NULL;
	return rc;
}

/* --- objects --------------------------------------------------------------- */

static int stat_object(struct repo *r, const struct oid *id, enum object_type *type, uint64_t *size,
		       bool *found, struct err *err)
{
	git_object_t t;
	git_oid o;
	size_t n;
	int rc;

	to_git(id, &o);
	rc = git_odb_read_header(&n, &t, of(r)->odb, &o);
	if (rc == GIT_ENOTFOUND)
		return 0;
	if (rc)
		return repo_libgit2_fail(err, "cannot read an object");
	*type = type_of(t);
	if (*type == OBJECT_NONE)
		return err_set(err, ERR_REPO, "an object of no known type");
	*size = n;
	*found = true;
	return 0;
}

/* By libgit2: loose objects, deltas, and all that pack.h does not read. */
static int read_any(struct repo *r, const struct oid *id, size_t max, enum object_type *type,
		    struct buf *content, bool *found, struct err *err)
{
	git_odb_object *o = NULL;
	uint64_t size = 0;
	git_oid oid;
	int rc = stat_object(r, id, type, &size, found, err);

	if (rc || !*found)
		return rc;
	if (size > max)
		return repo_too_large(id, size, max, err);
	to_git(id, &oid);
	if (git_odb_read(&o, of(r)->odb, &oid))
		return repo_libgit2_fail(err, "cannot read an object");
	if (git_odb_object_size(o) != size || type_of(git_odb_object_type(o)) != *type)
		rc = err_set(err, ERR_REPO, "an object is not what its header says");
	else
		buf_add(content, git_odb_object_data(o), size);
	git_odb_object_free(o);
	return rc;
}

static int read_object(struct repo *r, const struct oid *id, size_t max, enum object_type *type,
		       struct buf *content, bool *found, struct err *err)
{
	struct libgit2 *g = of(r);

	if (!g->packs)
		g->packs = packs_open(g->dirs.v, g->dirs.n);
	*found = packs_read(g->packs, id, max, type, content);
	return *found ? 0 : read_any(r, id, max, type, content, found, err);
}

static int held(struct repo *r, const struct oid *id, bool *ret, struct err *err)
{
	git_oid oid;

	(void)err;
	to_git(id, &oid);
	*ret = git_odb_exists_ext(of(r)->before, &oid, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
	return 0;
}

/* Asked of every new commit: no more than once in a tick of the system's clock. */
static bool refresh(struct repo *r)
{
	struct timespec now, last = of(r)->stamped;
	uint64_t stamp;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (now.tv_sec == last.tv_sec && now.tv_nsec == last.tv_nsec)
		return false;
	of(r)->stamped = now;
	stamp = repo_dirs_stamp(&of(r)->dirs, of(r)->dirs.quarantine);
	if (stamp == of(r)->stamp || git_odb_refresh(of(r)->before))
		return false;
	of(r)->stamp = stamp;
	return true;
}

/* --- refs and revisions ---------------------------------------------------- */

static int read_ref(struct repo *r, const char *name, struct oid *ret, bool *found, bool *symbolic,
		    struct err *err)
{
	git_reference *ref = NULL, *end = NULL;
	int rc = git_reference_lookup(&ref, of(r)->git, name);

	if (rc == GIT_ENOTFOUND)
		return 0;
	if (rc)
		return repo_libgit2_fail(err, "cannot read a ref");
	*symbolic = git_reference_type(ref) == GIT_REFERENCE_SYMBOLIC;
	rc = git_reference_resolve(&end, ref);
	git_reference_free(ref);
	if (rc == GIT_ENOTFOUND)
		return 0; /* HEAD before the first commit */
	if (rc)
		return repo_libgit2_fail(err, "cannot read a ref");
	repo_from_git(git_reference_target(end), ret);
	*found = true;
	git_reference_free(end);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_refs(struct repo *r, const char *prefix, repo_ref_fn fn, void *ctx, struct err *err)
{
	git_strarray names = { NULL, 0 };
	int rc = 0;

	if (git_reference_list(&names, of(r)->git))
		return repo_libgit2_fail(err, "cannot list the refs");
	if (names.count > 0)
		qsort(names.strings, names.count, sizeof(*names.strings), by_name);
	for (size_t i = 0; i < names.count && rc == 0; i++) {
		const char *name = names.strings[i];
		bool found = false, symbolic;
		struct oid id;

		if (strncmp(name, prefix, strlen(prefix)) != 0)
			continue;
		rc = read_ref(r, name, &id, &found, &symbolic, err);
		if (rc == 0 && found)
			rc = fn(name, &id, symbolic, ctx);
	}
	git_strarray_dispose(&names);
	return rc;
}

static int resolve(struct repo *r, const char *rev, struct oid *ret, struct err *err)
{
	git_object *o = NULL;

	if (git_revparse_single(&o, of(r)->git, rev))
		return repo_libgit2_fail(err, "cannot find a revision");
	repo_from_git(git_object_id(o), ret);
	git_object_free(o);
	return 0;
}

static const struct repo_ops ops = {
	.name = "libgit2",
	.close = close_repo,
	.stat = stat_object,
	.read = read_object,
	.held = held,
	.refresh = refresh,
	.ref = read_ref,
	.refs = read_refs,
	.resolve = resolve,
};

int repo_libgit2_open(const char *path, struct repo **ret, struct err *err)
{
	struct libgit2 *g;
	int rc = start_library(err);

	if (rc)
		return rc;
	g = xcalloc(1, sizeof(*g));
	g->repo.ops = &ops;
	rc = open_repo(g, path, err);
	if (rc == 0)
		*ret = &g->repo;
	else
		repo_close(&g->repo);
	return rc;
}
