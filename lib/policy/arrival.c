/* When commits and tags came, by the record. */
#include "policy/arrival.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define TAG_MAX ((size_t)1 << 20)
#define TAG_LEVELS_MAX 8

struct came {
	struct oid id; /* n == 0: a free slot */
	int64_t when;
};

struct arrival {
	struct came *slots;
	size_t n, size; /* a power of two */
	int64_t when;   /* of the entry that is being walked */
};

/* --- the table ----------------------------------------------------------------- */

static struct came *slot_of(const struct arrival *a, const struct oid *id)
{
	size_t mask = a->size - 1, at;

	memcpy(&at, id->b, sizeof(at)); /* a digest is as good as a hash */
	for (at &= mask; a->slots[at].id.n; at = (at + 1) & mask)
		if (oid_eq(&a->slots[at].id, id))
			break;
	return &a->slots[at];
}

static void grow(struct arrival *a)
{
	struct arrival bigger = { .size = a->size ? 2 * a->size : 1024 };

	bigger.slots = xcalloc(bigger.size, sizeof(*bigger.slots));
	for (size_t i = 0; i < a->size; i++)
		if (a->slots[i].id.n)
			*slot_of(&bigger, &a->slots[i].id) = a->slots[i];
	free(a->slots);
	a->slots = bigger.slots;
	a->size = bigger.size;
}

static int put(const struct oid *id, void *ctx)
{
	struct arrival *a = ctx;
	struct came *s;

	if (2 * (a->n + 1) > a->size)
		grow(a);
	s = slot_of(a, id);
	if (s->id.n == 0) {
		*s = (struct came){ *id, a->when };
		a->n++;
	}
	return 0; /* the first time counts */
}

int64_t arrival_time(const struct oid *id, int64_t now, const void *ctx)
{
	const struct arrival *a = ctx;
	const struct came *s;

	if (a->size == 0)
		return now;
	s = slot_of(a, id);
	return s->id.n ? s->when : now;
}

void arrival_free(struct arrival *a)
{
	if (!a)
		return;
	free(a->slots);
	free(a);
}

/* --- filling it ------------------------------------------------------------------- */

/* Where walks end: the introductions, and behind them what was walked from. */
struct ends {
	struct oid *v;
	size_t n, cap, introductions;
};

static void add_end(struct ends *e, const struct oid *id)
{
	if (e->n == e->cap) {
		e->cap = e->cap ? 2 * e->cap : 64;
		e->v = xreallocarray(e->v, e->cap, sizeof(*e->v));
	}
	e->v[e->n++] = *id;
}

/* A new value that descends from the old one takes its place. */
static void replace_end(struct ends *e, const struct oid *old, const struct oid *new_)
{
	for (size_t i = e->n; old && i > e->introductions; i--)
		if (oid_eq(&e->v[i - 1], old)) {
			e->v[i - 1] = *new_;
			return;
		}
	add_end(e, new_);
}

/* The other ends need not be hidden when all that is new lies above the old value. */
static int walk_from(struct arrival *a, struct repo *repo, const struct oid *tip,
		     const struct oid *old, const struct ends *e, struct err *err)
{
	struct ends few = { NULL, 0, 0, 0 };
	int rc;

	if (!old || !repo_has(repo, old))
		return repo_walk(repo, tip, 1, e->v, e->n, put, a, err);
	for (size_t i = 0; i < e->introductions; i++)
		add_end(&few, &e->v[i]);
	add_end(&few, old);
	rc = repo_walk(repo, tip, 1, few.v, few.n, put, a, err);
	free(few.v);
	return rc;
}

/* To what the tag says it is of; the tag came with the update. */
static int through_tag(struct arrival *a, struct repo *repo, struct oid *id, enum object_type *type,
		       struct err *err)
{
	struct buf raw = BUF_INIT;
	struct object_tag t;
	uint64_t size;
	int rc = repo_read(repo, id, TAG_MAX, type, &raw, err);

	put(id, a);
	*type = OBJECT_NONE;
	if (rc == 0 && object_parse_tag(buf_bytes(&raw), repo_hash_bytes(repo), &t, NULL) == 0) {
		*id = t.target;
		object_tag_free(&t);
		rc = repo_has(repo, id) ? repo_stat(repo, id, type, &size, err) : 0;
	}
	buf_free(&raw);
	return rc == ERR_INPUT ? 0 : rc; /* too large to be let in again */
}

static int walk_entry(struct arrival *a, struct repo *repo, const struct record_entry *x,
		      struct ends *e, struct err *err)
{
	const struct oid *old = x->forward && !oid_is_null(&x->old) ? &x->old : NULL;
	struct oid tip = x->new_;
	enum object_type type = OBJECT_NONE;
	uint64_t size;
	int rc;

	if (oid_is_null(&tip) || !repo_has(repo, &tip))
		return 0;
	rc = repo_stat(repo, &tip, &type, &size, err);
	for (int i = 0; i < TAG_LEVELS_MAX && rc == 0 && type == OBJECT_TAG; i++) {
		rc = through_tag(a, repo, &tip, &type, err);
		old = NULL;
	}
	if (rc || type != OBJECT_COMMIT)
		return rc;
	rc = walk_from(a, repo, &tip, old, e, err);
	if (rc == 0)
		replace_end(e, old, &tip);
	return rc;
}

int arrival_of_record(const struct record_entry *v, size_t n, struct repo *repo,
		      const struct oid *introductions, size_t introductions_n, int64_t now,
		      struct arrival **ret, struct err *err)
{
	struct arrival *a = xcalloc(1, sizeof(*a));
	struct ends e = { NULL, 0, 0, 0 };
	int rc = 0;

	for (size_t i = 0; i < introductions_n; i++)
		add_end(&e, &introductions[i]);
	e.introductions = e.n;
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (v[i].state != RECORD_LANDED)
			continue;
		a->when = v[i].received < now ? v[i].received : now;
		rc = walk_entry(a, repo, &v[i], &e, err);
	}
	free(e.v);
	if (rc) {
		arrival_free(a);
		return rc;
	}
	*ret = a;
	return 0;
}
