/* What the record says: settling, tips, last values, time. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "record/push.h"
#include "record/record_internal.h"

/* Ids that mean "there is no such ref": all zeros, or none at all. */
static bool nothing(const struct oid *o)
{
	return o->n == 0 || oid_is_null(o);
}

static bool same(const struct oid *a, const struct oid *b)
{
	return nothing(a) ? nothing(b) : !nothing(b) && oid_eq(a, b);
}

/* --- settling --------------------------------------------------------------- */

struct verdict {
	size_t at;
	enum record_state to;
};

static int write_verdicts(struct record *r, const struct verdict *v, size_t n, struct err *err)
{
	struct buf text = BUF_INIT;
	struct line_sum last = r->last;
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++)
		if (!line_put_change(&text, &r->hash, &last, r->v[v[i].at].seq, v[i].to))
			rc = err_set(err, ERR_INTERNAL, "SHA-256 failed");
	if (!rc)
		rc = record_write(r, buf_bytes(&text), err);
	if (!rc) {
		for (size_t i = 0; i < n; i++)
			r->v[v[i].at].state = v[i].to;
		r->last = last;
		index_drop(r);
	}
	buf_free(&text);
	return rc;
}

bool record_is_awaited(const struct record_awaited *a, const struct record_entry *e)
{
	return e->state == RECORD_PENDING && e->seq > a->skip && e->received >= a->since;
}

struct record_awaited record_awaited_at(const struct record *r, int64_t now, uint64_t skip,
					int64_t seconds)
{
	uint64_t from;

	return (struct record_awaited){ record_time(r, now, skip, &from) - seconds, skip };
}

bool record_is_of(const struct record_entry *e, const char *push)
{
	return !e->push || !*e->push || (push && strcmp(e->push, push) == 0);
}

/* Entries of one push stand together: it is asked for once. */
struct asked {
	const char *push;
	bool over;
};

static bool is_over(const struct record_entry *e, struct asked *a)
{
	if (!e->push || !*e->push)
		return false;
	if (!a->push || strcmp(a->push, e->push) != 0)
		*a = (struct asked){ e->push, push_is_over(e->push) };
	return a->over;
}

int record_settle(struct record *r, const struct record_awaited *awaited,
		  int (*value)(const char *ref, struct oid *ret, void *ctx, struct err *err),
		  void *ctx, struct err *err)
{
	_cleanup_free_ struct verdict *v = NULL;
	struct asked asked = { .push = NULL };
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct record_entry *e = &r->v[i];
		struct oid now = { .n = 0 };
		bool over;
		int rc;

		if (e->state != RECORD_PENDING)
			continue;
		over = is_over(e, &asked); /* first: else it may land in between, and end */
		rc = value(e->ref, &now, ctx, err);
		if (rc)
			return rc;
		if (!same(&now, &e->new_) && same(&now, &e->old) && !over &&
		    record_is_awaited(awaited, e))
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 16;
			v = xreallocarray(v, cap, sizeof(*v));
		}
		v[n++] = (struct verdict){ i,
					   same(&now, &e->new_) ? RECORD_LANDED : RECORD_DROPPED };
	}
	return n ? write_verdicts(r, v, n, err) : 0;
}

int64_t record_time(const struct record *r, int64_t now, uint64_t skip, uint64_t *from)
{
	*from = 0;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].seq > skip && r->v[i].received > now) {
			now = r->v[i].received;
			*from = r->v[i].seq;
		}
	return now;
}

/* --- the index: landed entries of one key, newest first --------------------- */

#define NONE SIZE_MAX

/* By ref, and by rule and ref: open addressing, each slot the newest entry. */
struct record_index {
	bool built;
	uint64_t seed; /* refs are chosen by pushers: no collisions on purpose */
	size_t mask;
	size_t *by_ref, *by_rule;
	size_t *earlier_ref, *earlier_rule; /* entry -> the one before it with its key */
	const struct record_entry **coming; /* pending values of refs; by ref */
	size_t coming_n;
};

struct record_index *index_new(void)
{
	struct record_index *x = xcalloc(1, sizeof(*x));

	if (getrandom(&x->seed, sizeof(x->seed), GRND_NONBLOCK) != (ssize_t)sizeof(x->seed))
		x->seed = (uint64_t)(uintptr_t)x;
	return x;
}

static void index_clear(struct record_index *x)
{
	free(x->by_ref);
	free(x->by_rule);
	free(x->earlier_ref);
	free(x->earlier_rule);
	free(x->coming);
	x->by_ref = x->by_rule = x->earlier_ref = x->earlier_rule = NULL;
	x->coming = NULL;
	x->coming_n = 0;
	x->built = false;
}

void index_drop(struct record *r)
{
	index_clear(r->index);
}

void index_free(struct record_index *x)
{
	index_clear(x);
	free(x);
}

static uint64_t mix(uint64_t h, const char *s)
{
	for (; *s; s++) {
		h = (h ^ (uint8_t)*s) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return (h ^ 0xff) * 0xbf58476d1ce4e5b9u;
}

static bool same_key(const struct record_entry *e, const char *rule, const char *ref)
{
	return !strcmp(e->ref, ref) && (!rule || !strcmp(e->rule, rule));
}

/* The slot of a key in `table`: its entry, or a free one. rule NULL: by ref alone. */
static size_t *slot(const struct record *r, size_t *table, const char *rule, const char *ref)
{
	const struct record_index *x = r->index;
	uint64_t h = mix(x->seed, ref);
	size_t i;

	if (rule)
		h = mix(h, rule);
	for (i = (size_t)(h ^ h >> 32) & x->mask; table[i] != NONE; i = (i + 1) & x->mask)
		if (same_key(&r->v[table[i]], rule, ref))
			break;
	return &table[i];
}

static size_t *filled(size_t n)
{
	size_t *v = xreallocarray(NULL, n, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = NONE;
	return v;
}

static int by_name(const void *a, const void *b)
{
	const struct record_entry *const *x = a, *const *y = b;

	return strcmp((*x)->ref, (*y)->ref);
}

static bool is_coming(const struct record_entry *e)
{
	return e->state == RECORD_PENDING && !nothing(&e->new_);
}

static void index_coming(struct record_index *x, const struct record *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += is_coming(&r->v[i]);
	if (n == 0)
		return;
	x->coming = xcalloc(n, sizeof(*x->coming));
	for (size_t i = 0; i < r->n; i++)
		if (is_coming(&r->v[i]))
			x->coming[x->coming_n++] = &r->v[i];
	qsort(x->coming, n, sizeof(*x->coming), by_name);
}

static const struct record_index *index_of(const struct record *r)
{
	struct record_index *x = r->index;
	size_t size = 16;

	if (x->built)
		return x;
	while (size < 2 * r->n)
		size *= 2;
	index_clear(x);
	x->mask = size - 1;
	x->by_ref = filled(size);
	x->by_rule = filled(size);
	x->earlier_ref = filled(r->n + 1);
	x->earlier_rule = filled(r->n + 1);
	for (size_t i = 0; i < r->n; i++) {
		const struct record_entry *e = &r->v[i];
		size_t *s;

		if (e->state != RECORD_LANDED)
			continue;
		s = slot(r, x->by_ref, NULL, e->ref);
		x->earlier_ref[i] = *s;
		*s = i;
		s = slot(r, x->by_rule, e->rule, e->ref);
		x->earlier_rule[i] = *s;
		*s = i;
	}
	index_coming(x, r);
	x->built = true;
	return x;
}

bool record_is_coming(const struct record *r, const char *ref)
{
	const struct record_index *x = index_of(r);
	struct asked asked = { .push = NULL };
	size_t from = 0, to = x->coming_n;

	while (from < to) { /* the first of this name */
		size_t mid = from + (to - from) / 2;

		if (strcmp(x->coming[mid]->ref, ref) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	for (; from < x->coming_n && strcmp(x->coming[from]->ref, ref) == 0; from++)
		if (!is_over(x->coming[from], &asked))
			return true;
	return false;
}

/* --- tips and last values --------------------------------------------------- */

struct tips {
	struct oid *v;
	size_t n, cap;
};

static void tips_add(struct tips *t, const struct oid *o)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->v = xreallocarray(t->v, t->cap, sizeof(*t->v));
	}
	t->v[t->n++] = *o;
}

/*
 * The tips of one rule and ref, newest first. An entry's new value is left out when
 * the next value that stood there descends from it. What stood there before a
 * deletion is the new value of an earlier entry; a deletion's own `old` says what
 * the ref was, not that it was judged, and never becomes a tip.
 */
static void add_tips(const struct record *r, const struct record_index *x, size_t newest,
		     struct tips *t)
{
	const struct oid *passed = NULL; /* the later entry descends from this value */

	for (size_t i = newest; i != NONE; i = x->earlier_rule[i]) {
		const struct record_entry *e = &r->v[i];

		if (nothing(&e->new_)) {
			passed = NULL;
			continue;
		}
		if (!passed || !same(passed, &e->new_))
			tips_add(t, &e->new_);
		passed = e->forward && !nothing(&e->old) ? &e->old : NULL;
	}
}

static int cmp_oid(const void *a, const void *b)
{
	const struct oid *x = a, *y = b;

	return bytes_cmp(bytes_of(x->b, x->n), bytes_of(y->b, y->n));
}

size_t record_tips(const struct record *r, bool (*want)(const char *rule, void *ctx), void *ctx,
		   struct oid **ret)
{
	const struct record_index *x = index_of(r);
	struct tips t = { NULL, 0, 0 };
	size_t k = 0;

	for (size_t i = 0; i <= x->mask; i++)
		if (x->by_rule[i] != NONE && want(r->v[x->by_rule[i]].rule, ctx))
			add_tips(r, x, x->by_rule[i], &t);
	if (t.n)
		qsort(t.v, t.n, sizeof(*t.v), cmp_oid);
	for (size_t i = 0; i < t.n; i++)
		if (i == 0 || cmp_oid(&t.v[i], &t.v[k - 1]) != 0)
			t.v[k++] = t.v[i];
	*ret = t.v;
	return k;
}

void record_ref(const struct record *r, const char *ref, bool *known, bool *deleted,
		struct oid *last)
{
	const struct record_index *x = index_of(r);
	size_t i = *slot(r, x->by_ref, NULL, ref);

	*known = i != NONE;
	*deleted = *known && nothing(&r->v[i].new_);
	*last = (struct oid){ .n = 0 };
	if (!*known)
		return;
	if (!*deleted) {
		*last = r->v[i].new_;
		return;
	}
	/* A deletion may have been recorded twice, the second time without a value. */
	for (; i != NONE && nothing(last); i = x->earlier_ref[i])
		*last = nothing(&r->v[i].new_) ? r->v[i].old : r->v[i].new_;
}
