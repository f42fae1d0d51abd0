/*
 * The new commits of a set, judged by several threads. This one reads them and hands them
 * on in batches; while there is no room for more of them, and at the end, it judges along.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "policy/judge_internal.h"
#include "repo/walk.h"

#define BATCH_COMMITS 64
#define BATCH_BYTES ((size_t)128 << 10)
#define ROOM ((size_t)24 << 20)        /* for batches that are read and not in their place yet */
#define THREADS_AFTER 256              /* commits: fewer are not worth a thread */

struct item {
	struct walk_found found;
	size_t at, n; /* in the batch's bytes */
	struct judge_fate fate;
};

struct batch {
	struct batch *next;
	struct buf raw;
	struct item items[BATCH_COMMITS];
	size_t n;
	size_t number; /* in the order of reading */
	size_t size;   /* in memory, without what was found */
	size_t found;  /* bytes of findings */
};

/* One thread's own. */
struct worker {
	struct pool *pool;
	struct judge_result out;
	struct judge j;
	pthread_t thread;
};

struct pool {
	struct judge *j;
	struct judge_set *s;
	bool last_set;
	struct worker *workers; /* the first is the reader */
	size_t workers_n, workers_max;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed, finished;
	struct batch *first, **last; /* waiting */
	struct batch *done;
	size_t judged;
	bool ended; /* no more will come */
	/* The reader's own: */
	struct batch *held;  /* judged before an earlier one was; in order */
	struct batch *spare; /* buffers that have their pages */
	size_t handed_on, collected;
	size_t taken; /* of ROOM */
};

static void worker_init(struct pool *p, struct worker *w, struct trust *trust)
{
	w->pool = p;
	w->j = (struct judge){ .c = p->j->c, .trust = trust, .out = &w->out };
}

static size_t found_size(const struct judge_fate *f)
{
	size_t n = f->findings_n * (sizeof(*f->findings) + sizeof(*f->notes));

	for (size_t i = 0; i < f->findings_n; i++)
		n += strlen(f->findings[i].ref) + strlen(f->findings[i].rule) +
		     strlen(f->findings[i].subject) + strlen(f->findings[i].seen) +
		     strlen(f->findings[i].cure);
	return n;
}

static void judge_batch(struct worker *w, struct batch *b)
{
	const struct judge_set *s = w->pool->s;

	for (size_t i = 0; i < b->n; i++) {
		struct item *it = &b->items[i];
		struct judge_commit in = {
			.id = it->found.id,
			.job = s->tips[it->found.tip],
			.is_new = true,
			.type = it->found.type,
			.too_large = it->found.too_large,
			.raw = it->n ? bytes_of(b->raw.p + it->at, it->n) : BYTES_NONE,
		};

		judge_one_commit(&w->j, s, &in, &it->fate);
		b->found += found_size(&it->fate);
	}
}

/* --- the queue ------------------------------------------------------------ */

static struct batch *take_locked(struct pool *p)
{
	struct batch *b = p->first;

	if (!b)
		return NULL;
	p->first = b->next;
	if (!p->first)
		p->last = &p->first;
	return b;
}

static void put_done_locked(struct pool *p, struct batch *b)
{
	b->next = p->done;
	p->done = b;
	p->judged += b->n;
	pthread_cond_signal(&p->finished);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	struct batch *b;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		b = take_locked(p);
		if (!b && p->ended)
			break;
		if (!b) {
			pthread_cond_wait(&p->changed, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		judge_batch(w, b);
		pthread_mutex_lock(&p->lock);
		put_done_locked(p, b);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* One that cannot be started is done without. */
static void start_threads(struct pool *p)
{
	while (p->workers_n < p->workers_max) {
		struct worker *w = &p->workers[p->workers_n];

		worker_init(p, w, trust_clone(p->j->trust));
		if (pthread_create(&w->thread, NULL, work, w)) {
			trust_free(w->j.trust);
			p->workers_max = p->workers_n;
			return;
		}
		p->workers_n++;
	}
}

/* --- the reader ------------------------------------------------------------- */

static void hold(struct pool *p, struct batch *b)
{
	struct batch **at = &p->held;

	while (*at && (*at)->number < b->number)
		at = &(*at)->next;
	b->next = *at;
	*at = b;
	p->taken += b->found;
}

/* To their places in the set, with as much of the findings as is kept. */
static void place(struct pool *p, struct batch *b)
{
	struct judge_set *s = p->s;

	for (size_t i = 0; i < b->n; i++) {
		struct item *it = &b->items[i];

		judge_keep(p->j, s->tips[it->found.tip], &it->fate);
		s->fates[it->found.n] = it->fate;
	}
}

/* A buffer that a large object has made large is not kept. */
static void put_spare(struct pool *p, struct batch *b)
{
	if (b->raw.cap > 2 * BATCH_BYTES)
		buf_free(&b->raw);
	b->next = p->spare;
	p->spare = b;
}

/* Takes what was judged, in the order of reading: what is kept is the same for any number of
 * threads. With `all` whatever there is. */
static void collect(struct pool *p, bool all)
{
	struct batch *b, *next;

	pthread_mutex_lock(&p->lock);
	b = p->done;
	p->done = NULL;
	pthread_mutex_unlock(&p->lock);
	for (; b; b = next) {
		next = b->next;
		hold(p, b);
	}
	while (p->held && (all || p->held->number == p->collected)) {
		b = p->held;
		p->held = b->next;
		place(p, b);
		p->collected++;
		p->taken -= b->size + b->found;
		put_spare(p, b);
	}
}

static struct batch *new_batch(struct pool *p)
{
	struct batch *b = p->spare;

	if (b)
		p->spare = b->next;
	else
		b = xcalloc(1, sizeof(*b));
	b->n = b->found = 0;
	buf_clear(&b->raw);
	buf_reserve(&b->raw, BATCH_BYTES + BATCH_BYTES / 8);
	return b;
}

static void free_batches(struct batch *b)
{
	while (b) {
		struct batch *next = b->next;

		buf_free(&b->raw);
		free(b);
		b = next;
	}
}

/* Will no other set have commits? */
static bool is_last(const struct judge *j, const struct judge_set *s)
{
	for (const struct judge_set *next = s + 1; next < j->sets + j->sets_n; next++)
		for (size_t i = 0; i < j->jobs_n && !next->rule->judges_tags; i++)
			if (judge_set_has(next, &j->jobs[i]))
				return false;
	return true;
}

static void show(struct pool *p, bool all_read)
{
	const struct judge_context *c = p->j->c;
	size_t judged;

	pthread_mutex_lock(&p->lock);
	judged = p->judged;
	pthread_mutex_unlock(&p->lock);
	if (c->progress)
		c->progress(c->progress_ctx, p->j->done + judged,
			    p->j->done + walk_count(p->s->walk), !all_read || !p->last_set);
}

/* Judges one of the waiting batches here; false when there is none. */
static bool help(struct pool *p)
{
	struct batch *b;

	pthread_mutex_lock(&p->lock);
	b = take_locked(p);
	pthread_mutex_unlock(&p->lock);
	if (!b)
		return false;
	judge_batch(&p->workers[0], b);
	pthread_mutex_lock(&p->lock);
	put_done_locked(p, b);
	pthread_mutex_unlock(&p->lock);
	return true;
}

static void wait_for_one(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (!p->done)
		pthread_cond_wait(&p->finished, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

/*
 * Judges along until there is room for another batch. One that takes long keeps all that were
 * read after it from their place: then there is nothing to do but to wait for it. Whatever is
 * not in its place and not waiting is judged or being judged, so that one comes.
 */
static void make_way(struct pool *p)
{
	while (p->taken > ROOM || (p->workers_max == 1 && p->taken > 0)) {
		if (!help(p))
			wait_for_one(p);
		collect(p, false);
		show(p, false);
	}
}

static void hand_on(struct pool *p, struct batch *b)
{
	if (p->workers_n < p->workers_max && walk_count(p->s->walk) >= THREADS_AFTER)
		start_threads(p);
	b->number = p->handed_on++;
	b->size = sizeof(*b) + b->raw.cap;
	p->taken += b->size;
	pthread_mutex_lock(&p->lock);
	b->next = NULL;
	*p->last = b;
	p->last = &b->next;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
	collect(p, false);
	show(p, false);
	make_way(p);
}

/* Reads until the batch is full or the walk at its end. */
static int fill(struct pool *p, struct batch *b, bool *more, struct err *err)
{
	int rc = 0;

	*more = true;
	while (rc == 0 && *more && b->n < BATCH_COMMITS && b->raw.n < BATCH_BYTES) {
		struct item *it = &b->items[b->n];

		it->at = b->raw.n;
		rc = walk_next(p->s->walk, &b->raw, &it->found, more, err);
		if (rc == 0 && *more) {
			it->n = b->raw.n - it->at;
			b->n++;
		}
	}
	return rc;
}

static void make_room(struct judge_set *s)
{
	size_t n = walk_count(s->walk), cap = s->fates_cap;

	if (n <= cap)
		return;
	s->fates_cap = 2 * n;
	s->fates = xreallocarray(s->fates, s->fates_cap, sizeof(*s->fates));
	memset(s->fates + cap, 0, (s->fates_cap - cap) * sizeof(*s->fates));
}

static int read_all(struct pool *p, struct err *err)
{
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		struct batch *b = new_batch(p);

		rc = fill(p, b, &more, err);
		make_room(p->s);
		if (rc == 0 && b->n > 0) {
			hand_on(p, b);
		} else {
			put_spare(p, b);
		}
	}
	return rc;
}

/* Names that the fates point at live as long as the judgement. */
static void keep_addresses(struct judge *j, struct policy_names *from)
{
	struct policy_names *to = &j->addresses;

	if (from->n == 0)
		return;
	to->v = xreallocarray(to->v, to->n + from->n, sizeof(*to->v));
	memcpy(to->v + to->n, from->v, from->n * sizeof(*to->v));
	to->n += from->n;
	free(from->v);
}

/* Whatever went wrong: no thread and no batch is left. */
static void finish(struct pool *p, bool wanted)
{
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	if (!wanted) {
		free_batches(p->first);
		p->first = NULL;
	}
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	while (help(p))
		show(p, true);
	for (size_t i = 1; i < p->workers_n; i++) {
		pthread_join(p->workers[i].thread, NULL);
		trust_free(p->workers[i].j.trust);
	}
	for (size_t i = 0; i < p->workers_n; i++)
		keep_addresses(p->j, &p->workers[i].j.addresses);
	collect(p, true);
	free_batches(p->spare);
	if (wanted && walk_count(p->s->walk) > 0)
		show(p, true);
}

static size_t threads_of(const struct policy *p)
{
	size_t n = p->threads ? p->threads : os_processors();

	return p->threads || n < POLICY_THREADS ? n : POLICY_THREADS;
}

int judge_pool_run(struct judge *j, struct judge_set *s, struct err *err)
{
	size_t threads = threads_of(j->c->policy);
	struct pool p = {
		.j = j,
		.s = s,
		.last_set = is_last(j, s),
		.workers = xcalloc(threads, sizeof(*p.workers)),
		.workers_n = 1,
		.workers_max = threads,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.finished = PTHREAD_COND_INITIALIZER,
	};
	int rc;

	p.last = &p.first;
	trust_share(j->trust, threads);
	worker_init(&p, &p.workers[0], j->trust);
	rc = read_all(&p, err);
	finish(&p, rc == 0);
	pthread_cond_destroy(&p.changed);
	pthread_cond_destroy(&p.finished);
	pthread_mutex_destroy(&p.lock);
	free(p.workers);
	return rc;
}
