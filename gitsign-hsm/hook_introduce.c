/* Introductions: what is there today, and is not judged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/proc.h"
#include "gitcmd.h"
#include "hook_place.h"

struct tips {
	char **v;
	size_t n, cap;
	const struct hook_place *p;
};

static void tips_free(struct tips *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i]);
	free(t->v);
}

static void tips_add(struct tips *t, const char *hex)
{
	if (t->n == t->cap)
		t->v = xreallocarray(t->v, t->cap = t->cap ? t->cap * 2 : 64, sizeof(*t->v));
	t->v[t->n++] = xstrdup(hex);
}

/* A branch's commit, or the commit that a tag leads to. */
static int add_tip(const char *name, const struct oid *id, bool symbolic, void *ctx)
{
	struct tips *t = ctx;
	char hex[OID_HEX_MAX];
	struct oid commit;
	_cleanup_free_ char *rev = xasprintf("%s^{commit}", oid_hex(id, hex));

	(void)name;
	(void)symbolic;
	if (repo_resolve(t->p->repo, rev, &commit, NULL) == 0)
		tips_add(t, oid_hex(&commit, hex));
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void unique(struct tips *t)
{
	size_t kept = 0;

	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_text);
	for (size_t i = 0; i < t->n; i++) {
		if (kept && strcmp(t->v[kept - 1], t->v[i]) == 0)
			free(t->v[i]);
		else
			t->v[kept++] = t->v[i];
	}
	t->n = kept;
}

#define INDEPENDENT_MAX 1000

/* Ancestors of another tip need not be named. An aid only: more names do no harm. */
static int keep_maximal(struct tips *t, struct err *err)
{
	const char **argv = xcalloc(t->n + 6, sizeof(*argv));
	struct proc_opts opts = { .output_max = (size_t)INDEPENDENT_MAX * OID_HEX_MAX + 1 };
	struct buf out = BUF_INIT;
	size_t n = 0;
	int status = 0, rc;

	argv[n++] = "git";
	argv[n++] = "--git-dir";
	argv[n++] = t->p->server.git_dir;
	argv[n++] = "merge-base";
	argv[n++] = "--independent";
	for (size_t i = 0; i < t->n; i++)
		argv[n++] = t->v[i];
	rc = proc_run(argv, &opts, &out, &status, err);
	if (rc == 0 && status == 0) {
		char *at = NULL, *text = buf_detach(&out);
		struct tips less = { .p = t->p };

		for (char *w = strtok_r(text, "\n", &at); w; w = strtok_r(NULL, "\n", &at))
			tips_add(&less, w);
		free(text);
		tips_free(t);
		*t = less;
	}
	buf_free(&out);
	free(argv);
	return rc;
}

static bool introduced(const struct server *s, const char *hex)
{
	char known[OID_HEX_MAX];

	for (size_t i = 0; i < s->introductions_n; i++)
		if (strcmp(oid_hex(&s->introductions[i], known), hex) == 0)
			return true;
	return false;
}

static int write_all(struct tips *t, struct err *err)
{
	size_t added = 0;
	int rc = 0;

	for (size_t i = 0; i < t->n && rc == 0; i++) {
		if (introduced(&t->p->server, t->v[i]))
			continue;
		rc = gitcmd_add(t->p->scope, "hsm.introduction", t->v[i], err);
		added += rc == 0;
	}
	if (rc == 0)
		printf("hsm.introduction: %zu added; what they reach is not judged\n", added);
	return rc;
}

int hook_introduce_all(const struct hook_place *p, struct err *err)
{
	struct tips t = { .p = p };
	int rc = repo_refs(p->repo, "refs/", add_tip, &t, err);

	unique(&t);
	if (rc == 0 && t.n > 1 && t.n <= INDEPENDENT_MAX)
		rc = keep_maximal(&t, err);
	if (rc == 0)
		rc = write_all(&t, err);
	tips_free(&t);
	return rc;
}

/* A tag is exempt by its own id: no commit reaches it. */
static int add_tag(struct tips *t, const struct oid *id, struct err *err)
{
	enum object_type type = OBJECT_NONE;
	char hex[OID_HEX_MAX];
	uint64_t size;
	int rc = repo_stat(t->p->repo, id, &type, &size, err);

	if (rc == 0 && type == OBJECT_TAG)
		tips_add(t, oid_hex(id, hex));
	return rc;
}

int hook_introduce_refs(const struct hook_place *p, const struct past_ref *refs, size_t n,
			struct err *err)
{
	struct tips commits = { .p = p }, tags = { .p = p };
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = add_tag(&tags, &refs[i].value, err);
		add_tip(refs[i].name, &refs[i].value, false, &commits);
	}
	unique(&commits);
	unique(&tags);
	if (rc == 0 && commits.n > 1 && commits.n <= INDEPENDENT_MAX)
		rc = keep_maximal(&commits, err);
	for (size_t i = 0; i < tags.n; i++)
		tips_add(&commits, tags.v[i]);
	if (rc == 0)
		rc = write_all(&commits, err);
	tips_free(&commits);
	tips_free(&tags);
	return rc;
}
