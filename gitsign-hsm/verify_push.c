/* verify --as-push: the question that a server's hook will ask, asked before the push. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/mem.h"
#include "base/text.h"
#include "findings.h"
#include "json.h"
#include "policy/remote.h"
#include "verify_modes.h"

struct question {
	struct audit audit;
	struct judge_update u;
	struct past_ref *there; /* what is known of the other repository; the asked ref last */
	size_t there_n;
	struct past *past;
};

static void question_free(struct question *q)
{
	past_free(q->past);
	past_refs_free(q->there, q->there_n);
	free(q->u.ref);
	audit_close(&q->audit);
}

static int resolve(struct repo *repo, const char *rev, bool commit, struct oid *ret,
		   struct err *err)
{
	_cleanup_free_ char *full =
		xasprintf("%s%s", rev[0] != '\0' ? rev : "HEAD", commit ? "^{commit}" : "");

	return repo_resolve(repo, full, ret, err);
}

/* As git push takes a short name: of the kind of what is pushed. */
static char *full_name(struct repo *repo, const char *ref, const struct oid *new_)
{
	enum object_type type = OBJECT_NONE;
	uint64_t size;

	if (strncmp(ref, "refs/", 5) == 0)
		return xstrdup(ref);
	(void)repo_stat(repo, new_, &type, &size, NULL);
	return xasprintf("%s%s", type == OBJECT_TAG ? "refs/tags/" : "refs/heads/", ref);
}

/* What the remote is known to have; without --remote the one that git push would take. */
static int read_remote(struct question *q, const char *remote, struct err *err)
{
	const struct gitconf *conf = &q->audit.settings.conf;
	const char *name = remote != NULL ? remote : gitconf_get(conf, "remote.pushDefault");
	int rc = remote_refs(q->audit.repo, conf, name != NULL ? name : "origin", &q->there,
			     &q->there_n, err);

	if (rc == 0 && remote != NULL && q->there_n == 0) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(remote));

		rc = err_set(err, ERR_CONFIG, "nothing is known of a remote %s: git fetch %s",
			     shown, shown);
	}
	return rc;
}

static struct oid known_value(const struct question *q)
{
	for (size_t i = q->there_n; i > 0; i--)
		if (strcmp(q->there[i - 1].name, q->u.ref) == 0)
			return q->there[i - 1].value;
	return (struct oid){ .n = repo_hash_bytes(q->audit.repo) };
}

static int read_range(struct question *q, const char *ref, const char *range, struct err *err)
{
	struct repo *repo = q->audit.repo;
	const char *dots = strstr(range, "..");
	bool tag = strncmp(ref, "refs/tags/", 10) == 0;
	_cleanup_free_ char *left = NULL;
	int rc;

	if (dots != NULL && dots[2] == '.')
		return err_set(err, ERR_USAGE,
			       "A...B is not taken: give A..B, where A is what the "
			       "ref is there now; or B alone");
	rc = resolve(repo, dots != NULL ? dots + 2 : range, false, &q->u.new_, err);
	if (rc != 0)
		return rc;
	q->u.ref = full_name(repo, ref, &q->u.new_);
	tag |= strncmp(q->u.ref, "refs/tags/", 10) == 0;
	if (!tag)
		rc = resolve(repo, dots != NULL ? dots + 2 : range, true, &q->u.new_, err);
	q->u.old = known_value(q);
	if (rc == 0 && dots != NULL) {
		left = xstrndup(range, (size_t)(dots - range));
		rc = resolve(repo, left, !tag, &q->u.old, err);
	}
	return rc;
}

static int make_past(struct question *q, struct err *err)
{
	q->there = xreallocarray(q->there, q->there_n + 1, sizeof(*q->there));
	q->there[q->there_n++] = (struct past_ref){ xstrdup(q->u.ref), q->u.old };
	return past_of_list(q->there, q->there_n, q->audit.policy, &q->past, err);
}

static void print_json(const struct question *q, const struct judge_result *res)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, '{');
	json_put_text(&b, "ref", q->u.ref);
	findings_json_oid(&b, "old", &q->u.old);
	findings_json_oid(&b, "new", &q->u.new_);
	json_put_bool(&b, "accepted", !res->refused);
	findings_json(&b, res);
	buf_add_byte(&b, '}');
	puts(buf_str(&b));
	buf_free(&b);
}

static int answer(struct question *q, const struct verify_mode *m, struct err *err)
{
	struct judge_context c = audit_context(&q->audit);
	struct judge_result res = { .refused = false };
	bool same = oid_eq(&q->u.old, &q->u.new_); /* git sends nothing then */
	int rc = 0;

	c.past = q->past;
	c.all_findings = m->json;
	if (!same)
		rc = judge_push(&c, &q->u, 1, &res, err);
	if (rc != 0)
		return rc;
	if (m->json)
		print_json(q, &res);
	else if (same)
		puts("gitsign-hsm: nothing to push");
	else
		findings_print(&res, q->audit.policy, &q->u, 1);
	rc = res.refused ? ERR_BAD : 0;
	judge_result_free(&res);
	return rc;
}

int verify_as_push(const struct verify_mode *m, const char *range, struct err *err)
{
	struct question q = { .there = NULL };
	int rc = audit_open(NULL, m->policy, true, &q.audit, err);

	if (rc != 0)
		return rc;
	rc = read_remote(&q, m->remote, err);
	if (rc == 0)
		rc = read_range(&q, m->as_push, range, err);
	if (rc == 0)
		rc = make_past(&q, err);
	if (rc == 0)
		rc = answer(&q, m, err);
	question_free(&q);
	return rc;
}
