/* Objects and refs through libgit2, in process. It knows neither replace refs nor grafts
 * nor shallow files (1.5), and never fetches. */
#include <git2.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "repo/repo_internal.h"

struct libgit2 {
	struct repo repo;
	git_repository *git;
	git_odb *odb;
};

static struct libgit2 *of(struct repo *r)
{
	return (struct libgit2 *)r;
}

static int fail(struct err *err, const char *what)
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

static void from_git(const git_oid *id, struct oid *ret)
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
		return fail(err, "cannot start libgit2");
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
	rc = fail(err, "cannot set libgit2 up");
	git_libgit2_shutdown();
	return rc;
}

static void close_repo(struct repo *r)
{
	git_odb_free(of(r)->odb);
	git_repository_free(of(r)->git);
	free(r);
	git_libgit2_shutdown();
}

static int open_repo(struct libgit2 *g, const char *path, struct err *err)
{
	unsigned flags = path ? 0 : GIT_REPOSITORY_OPEN_FROM_ENV;

	if (git_repository_open_ext(&g->git, path, flags, NULL) ||
	    git_repository_odb(&g->odb, g->git))
		return fail(err, "cannot open the repository");
	g->repo.hash_bytes = GIT_OID_RAWSZ;
	g->repo.bare = git_repository_is_bare(g->git) == 1;
	return repo_set_git_dir(&g->repo, git_repository_commondir(g->git), err);
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
		return fail(err, "cannot read an object");
	*type = type_of(t);
	if (*type == OBJECT_NONE)
		return err_set(err, ERR_REPO, "an object of no known type");
	*size = n;
	*found = true;
	return 0;
}

static int read_object(struct repo *r, const struct oid *id, uint64_t size, struct buf *content,
		       struct err *err)
{
	git_odb_object *o = NULL;
	git_oid oid;
	int rc = 0;

	to_git(id, &oid);
	if (git_odb_read(&o, of(r)->odb, &oid))
		return fail(err, "cannot read an object");
	if (git_odb_object_size(o) != size)
		rc = err_set(err, ERR_REPO, "an object is not as long as its header says");
	else
		buf_add(content, git_odb_object_data(o), size);
	git_odb_object_free(o);
	return rc;
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
		return fail(err, "cannot read a ref");
	*symbolic = git_reference_type(ref) == GIT_REFERENCE_SYMBOLIC;
	rc = git_reference_resolve(&end, ref);
	git_reference_free(ref);
	if (rc == GIT_ENOTFOUND)
		return 0; /* HEAD before the first commit */
	if (rc)
		return fail(err, "cannot read a ref");
	from_git(git_reference_target(end), ret);
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
		return fail(err, "cannot list the refs");
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
		return fail(err, "cannot find a revision");
	from_git(git_object_id(o), ret);
	git_object_free(o);
	return 0;
}

/* --- walks ----------------------------------------------------------------- */

static int set_walk(git_revwalk *w, const struct oid *ids, size_t n,
		    int (*add)(git_revwalk *, const git_oid *), struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		git_oid o;

		to_git(&ids[i], &o);
		if (add(w, &o))
			return fail(err, "cannot walk the history");
	}
	return 0;
}

static int walk_on(git_revwalk *w, repo_walk_fn fn, void *ctx, struct err *err)
{
	for (;;) {
		git_oid o;
		struct oid id;
		int rc = git_revwalk_next(&o, w);

		if (rc == GIT_ITEROVER)
			return 0;
		if (rc)
			return fail(err, "cannot walk the history");
		from_git(&o, &id);
		rc = fn(&id, ctx);
		if (rc)
			return rc;
	}
}

static int walk(struct repo *r, const struct oid *tips, size_t tips_n, const struct oid *hide,
		size_t hide_n, repo_walk_fn fn, void *ctx, struct err *err)
{
	git_revwalk *w = NULL;
	int rc;

	if (git_revwalk_new(&w, of(r)->git) || git_revwalk_sorting(w, GIT_SORT_TOPOLOGICAL)) {
		rc = fail(err, "cannot walk the history");
	} else {
		rc = set_walk(w, tips, tips_n, git_revwalk_push, err);
		if (rc == 0)
			rc = set_walk(w, hide, hide_n, git_revwalk_hide, err);
		if (rc == 0)
			rc = walk_on(w, fn, ctx, err);
	}
	git_revwalk_free(w);
	return rc;
}

static int is_ancestor(struct repo *r, const struct oid *old, const struct oid *tip, bool *ret,
		       struct err *err)
{
	git_oid o, t;
	int rc;

	to_git(old, &o);
	to_git(tip, &t);
	rc = git_graph_descendant_of(of(r)->git, &t, &o);
	if (rc < 0)
		return fail(err, "cannot walk the history");
	*ret = rc == 1;
	return 0;
}

static const struct repo_ops ops = {
	.name = "libgit2",
	.close = close_repo,
	.stat = stat_object,
	.read = read_object,
	.ref = read_ref,
	.refs = read_refs,
	.resolve = resolve,
	.walk = walk,
	.is_ancestor = is_ancestor,
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
