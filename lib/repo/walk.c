/*
 * Two colours: what tips reach, and what is accepted. Both are followed from young to old,
 * until nothing reached is left that could still turn out to be accepted.
 */
#include "repo/walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "repo/graph.h"
#include "repo/repo_internal.h"

/* What is accepted was judged once, perhaps under a larger limit. */
#define ACCEPTED_MAX ((size_t)256 << 20)
#define ACCEPTED_USUAL ((size_t)1 << 20) /* above it the kind is asked for first */

struct walk {
	struct repo *r;
	size_t max, accepted_max;
	struct graph g;
	struct buf scratch;
	uint32_t *tips, *hide;
	size_t tips_n, tips_cap, hide_n, hide_cap;
	bool quarantine;          /* what is not there before the push is not accepted */
	size_t next_tip;          /* to be reached */
	bool opened;              /* the accepted tips are in the queue */
	uint32_t reached, hidden; /* in the queue: candidates and new ones; accepted ones */
	uint32_t open;            /* candidates: reached, and neither accepted nor new so far */
	uint32_t at, edge;        /* whose parents are being followed, and which is next */
	uint32_t rest;            /* at the end: the next node that may be an open candidate */
	uint32_t *found;          /* nodes, by number of finding */
	size_t found_n, found_cap;
	uint32_t sought; /* GRAPH_NONE, or: has it been met? */
	bool met;
};

/* What walk_next() fills in. */
struct output {
	struct buf *content;
	struct walk_found *ret;
	bool done; /* there is one */
};

struct walk *walk_new(struct repo *r, size_t max)
{
	struct walk *w = xcalloc(1, sizeof(*w));

	w->r = r;
	w->max = max;
	w->accepted_max = ACCEPTED_MAX;
	w->at = w->sought = GRAPH_NONE;
	return w;
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	graph_free(&w->g);
	buf_free(&w->scratch);
	free(w->tips);
	free(w->hide);
	free(w->found);
	free(w);
}

static void add(uint32_t **v, size_t *n, size_t *cap, uint32_t node)
{
	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 64;
		*v = xreallocarray(*v, *cap, sizeof(**v));
	}
	(*v)[(*n)++] = node;
}

void walk_tip(struct walk *w, const struct oid *id)
{
	add(&w->tips, &w->tips_n, &w->tips_cap, graph_add(&w->g, id));
}

/* Nothing is read yet: often a new commit's parent is such a tip, and that is all. */
void walk_hide(struct walk *w, const struct oid *id)
{
	uint32_t n = graph_add(&w->g, id);

	if (w->g.node[n].flags & NODE_HIDDEN)
		return;
	w->g.node[n].flags |= NODE_HIDDEN;
	add(&w->hide, &w->hide_n, &w->hide_cap, n);
}

void walk_accepted_max(struct walk *w, size_t max)
{
	w->accepted_max = max;
}

void walk_push(struct walk *w)
{
	w->quarantine = w->r->quarantine;
}

static struct graph_node *node(struct walk *w, uint32_t n)
{
	return &w->g.node[n];
}

/* git gc may move it from one pack to another meanwhile. */
static int was_held(struct walk *w, const struct oid *id, bool *ret, struct err *err)
{
	int rc = w->r->ops->held(w->r, id, ret, err);

	if (rc == 0 && !*ret && w->r->ops->refresh && w->r->ops->refresh(w->r))
		rc = w->r->ops->held(w->r, id, ret, err);
	return rc;
}

/* --- what is accepted ------------------------------------------------------------ */

/* The target of a tag (git tag.c, parse_tag_buffer): "object ID LF". */
static void read_tag(struct walk *w, uint32_t n)
{
	struct bytes v = buf_bytes(&w->scratch), key = BYTES_LIT("object ");
	size_t digits = 2 * (size_t)node(w, n)->id.n;
	struct oid id;

	if (bytes_starts(v, key) && v.n > key.n + digits && v.p[key.n + digits] == '\n' &&
	    oid_parse(bytes_of(v.p + key.n, digits), &id))
		graph_edge(&w->g, n, graph_add(&w->g, &id));
	node(w, n)->flags |= NODE_READ;
	node(w, n)->date = INT64_MAX; /* where it leads is as good as here */
}

static int accepted_too_large(struct walk *w, const struct oid *id, enum object_type type,
			      uint64_t size, struct err *err)
{
	char hex[OID_HEX_MAX];

	return err_set(err, ERR_REPO, "the accepted history holds a %s of %llu bytes, and at most "
		       "%zu are read: %s. Name nothing that leads to it in hsm.introduction",
		       object_type_name(type), (unsigned long long)size, w->accepted_max,
		       oid_hex(id, hex));
}

/* Into `scratch`; a tree or a blob leads nowhere, and a large one is not read. */
static int read_accepted(struct walk *w, const struct oid *id, enum object_type *type, bool *there,
			 struct err *err)
{
	size_t usual = w->accepted_max < ACCEPTED_USUAL ? w->accepted_max : ACCEPTED_USUAL;
	uint64_t size;
	int rc = repo_read_found(w->r, id, usual, type, &w->scratch, there, err);

	if (rc != ERR_INPUT)
		return rc;
	rc = repo_stat(w->r, id, type, &size, err);
	if (rc || (*type != OBJECT_COMMIT && *type != OBJECT_TAG))
		return rc;
	if (size > w->accepted_max)
		return accepted_too_large(w, id, *type, size, err);
	return repo_read_found(w->r, id, w->accepted_max, type, &w->scratch, there, err);
}

/* Puts an accepted object into the queue, unless there is a hole in its place. */
static int open_hidden(struct walk *w, uint32_t n, struct err *err)
{
	struct oid id = node(w, n)->id;
	enum object_type type = OBJECT_NONE;
	bool there = true;
	int rc = 0;

	if (w->quarantine)
		rc = was_held(w, &id, &there, err);
	buf_clear(&w->scratch);
	if (rc == 0 && there)
		rc = read_accepted(w, &id, &type, &there, err);
	if (rc || !there) {
		node(w, n)->flags |= NODE_GONE;
		return rc;
	}
	if (type == OBJECT_COMMIT)
		graph_read(&w->g, n, buf_bytes(&w->scratch));
	else if (type == OBJECT_TAG)
		read_tag(w, n);
	graph_push(&w->g, n);
	w->hidden++;
	return 0;
}

static int hide(struct walk *w, uint32_t n, struct err *err)
{
	uint8_t flags = node(w, n)->flags;

	if (flags & (NODE_HIDDEN | NODE_NEW | NODE_GONE))
		return 0;
	if (!(flags & NODE_REACHED)) {
		int rc = open_hidden(w, n, err);

		if (rc == 0 && !(node(w, n)->flags & NODE_GONE))
			node(w, n)->flags |= NODE_HIDDEN;
		return rc;
	}
	/* A candidate after all, and what it led to as well. */
	node(w, n)->flags |= NODE_HIDDEN;
	w->open--;
	if (flags & NODE_QUEUED)
		w->reached--;
	else
		graph_push(&w->g, n);
	w->hidden++;
	return 0;
}

static int open_all_hidden(struct walk *w, struct err *err)
{
	int rc = 0;

	w->opened = true;
	for (size_t i = 0; i < w->hide_n && rc == 0; i++)
		rc = open_hidden(w, w->hide[i], err);
	return rc;
}

/* --- what is reached --------------------------------------------------------------- */

static void note_found(struct walk *w, uint32_t n, struct output *out)
{
	node(w, n)->flags |= NODE_NEW;
	node(w, n)->found = (uint32_t)w->found_n;
	*out->ret = (struct walk_found){
		.n = w->found_n,
		.id = node(w, n)->id,
		.tip = node(w, n)->tip,
		.type = OBJECT_COMMIT,
	};
	add(&w->found, &w->found_n, &w->found_cap, n);
	out->done = true;
}

/* Reads a commit at the end of `content`; what cannot be one is left to the caller's judgement. */
static int read_reached(struct walk *w, uint32_t n, struct buf *content, struct walk_found *ret,
			struct err *err)
{
	struct oid id = node(w, n)->id;
	size_t start = content->n;
	int rc = repo_read(w->r, &id, w->max, &ret->type, content, err);

	if (rc == ERR_INPUT) {
		ret->too_large = true;
		rc = 0;
	} else if (rc == 0 && ret->type == OBJECT_COMMIT && !(node(w, n)->flags & NODE_READ)) {
		graph_read(&w->g, n, bytes_skip(buf_bytes(content), start));
	}
	node(w, n)->flags |= NODE_READ;
	ret->root = node(w, n)->parents_n == 0;
	return rc;
}

/* Can nothing accepted reach it? */
static int is_sure(struct walk *w, uint32_t n, bool *ret, struct err *err)
{
	bool held = true;
	int rc = 0;

	*ret = w->hidden == 0 && (w->opened || w->hide_n == 0);
	if (*ret || !w->quarantine)
		return 0;
	rc = was_held(w, &node(w, n)->id, &held, err);
	*ret = !held;
	return rc;
}

static int reach(struct walk *w, uint32_t n, uint32_t tip, struct output *out, struct err *err)
{
	struct walk_found ignored;
	bool sure = false;
	int rc;

	w->met = w->met || n == w->sought;
	if (node(w, n)->flags & NODE_REACHED)
		return 0;
	node(w, n)->flags |= NODE_REACHED;
	node(w, n)->tip = tip;
	if (node(w, n)->flags & NODE_HIDDEN)
		return 0;
	rc = w->sought == GRAPH_NONE ? is_sure(w, n, &sure, err) : 0;
	if (rc)
		return rc;
	if (sure) {
		note_found(w, n, out);
		rc = read_reached(w, n, out->content, out->ret, err);
	} else {
		w->open++;
		buf_clear(&w->scratch);
		rc = read_reached(w, n, &w->scratch, &ignored, err);
	}
	graph_push(&w->g, n);
	w->reached++;
	return rc;
}

/* --- on and on ---------------------------------------------------------------------- */

static int follow(struct walk *w, struct output *out, struct err *err)
{
	const struct graph_node *at = node(w, w->at);
	uint32_t parent = w->g.edges[at->parents + w->edge++];

	return at->flags & NODE_HIDDEN ? hide(w, parent, err) : reach(w, parent, at->tip, out, err);
}

static void take(struct walk *w)
{
	w->at = graph_pop(&w->g);
	w->edge = 0;
	if (node(w, w->at)->flags & NODE_HIDDEN)
		w->hidden--;
	else
		w->reached--;
}

static bool next_is_new(const struct walk *w)
{
	return w->g.queue_n > 0 && (w->g.node[w->g.queue[0]].flags & NODE_NEW);
}

/* The candidates that nothing accepted has reached. */
static int take_rest(struct walk *w, struct output *out, struct err *err)
{
	for (; w->rest < w->g.nodes_n && w->open > 0; w->rest++) {
		uint8_t flags = node(w, w->rest)->flags;

		if (!(flags & NODE_REACHED) || (flags & (NODE_HIDDEN | NODE_NEW)))
			continue;
		w->open--;
		note_found(w, w->rest, out);
		return read_reached(w, w->rest++, out->content, out->ret, err);
	}
	return 0;
}

/* One step; *end when there are no more. */
static int step(struct walk *w, struct output *out, bool *end, struct err *err)
{
	if (w->at != GRAPH_NONE && w->edge < node(w, w->at)->parents_n)
		return follow(w, out, err);
	if (w->next_tip < w->tips_n) {
		uint32_t i = (uint32_t)w->next_tip++;

		return reach(w, w->tips[i], i, out, err);
	}
	if (!w->opened && w->open > 0 && !next_is_new(w))
		return open_all_hidden(w, err);
	if (w->reached > 0 || (w->open > 0 && w->hidden > 0)) {
		take(w);
		return 0;
	}
	*end = w->open == 0;
	return take_rest(w, out, err);
}

int walk_next(struct walk *w, struct buf *content, struct walk_found *ret, bool *more,
	      struct err *err)
{
	struct output out = { .content = content, .ret = ret };
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end && !out.done)
		rc = step(w, &out, &end, err);
	*more = out.done;
	return rc;
}

/* --- what was found ----------------------------------------------------------------- */

size_t walk_count(const struct walk *w)
{
	return w->found_n;
}

const struct oid *walk_id(const struct walk *w, size_t n)
{
	return &w->g.node[w->found[n]].id;
}

const struct oid *walk_first_parent(const struct walk *w, size_t n)
{
	const struct graph_node *c = &w->g.node[w->found[n]];

	return c->parents_n ? &w->g.node[w->g.edges[c->parents]].id : NULL;
}

size_t walk_whose(const struct walk *w, size_t n)
{
	return w->g.node[w->found[n]].tip;
}

bool walk_find(const struct walk *w, const struct oid *id, size_t *n)
{
	uint32_t i = graph_find(&w->g, id);

	if (i == GRAPH_NONE || !(w->g.node[i].flags & NODE_NEW))
		return false;
	*n = w->g.node[i].found;
	return true;
}

size_t *walk_order(const struct walk *w)
{
	return graph_order(&w->g, w->found_n);
}

/* --- ancestors ------------------------------------------------------------------------ */

/*
 * Nothing between a tip and its ancestor `old` is an ancestor of `old`: so the walk from
 * the tips may stop at those, and has been everywhere when it has no more to follow.
 */
static int seek(struct repo *r, const struct oid *tips, size_t n, const struct oid *old, bool *ret,
		struct err *err)
{
	struct walk *w = walk_new(r, ACCEPTED_MAX);
	bool end = false;
	int rc;

	walk_hide(w, old);
	w->sought = w->hide[0];
	for (size_t i = 0; i < n; i++)
		walk_tip(w, &tips[i]);
	rc = open_all_hidden(w, err);
	while (rc == 0 && !w->met && !end) {
		rc = step(w, NULL, &end, err);
		end = end || (w->reached == 0 && w->next_tip == w->tips_n &&
			      (w->at == GRAPH_NONE || w->edge == node(w, w->at)->parents_n));
	}
	if (rc == 0)
		*ret = w->met;
	walk_free(w);
	return rc;
}

int repo_seek(struct repo *r, const struct oid *tip, const struct oid *old, bool *ret,
	      struct err *err)
{
	return seek(r, tip, 1, old, ret, err);
}

struct border {
	struct walk *w;
	uint32_t *todo, todo_n;
	uint8_t *seen;
	struct oid *ids; /* where the new commits end */
	size_t ids_n;
};

static void visit(struct border *b, uint32_t n)
{
	if (b->seen[n])
		return;
	b->seen[n] = 1;
	b->todo[b->todo_n++] = n;
}

/* Follows new commits alone; true when `old` was met. */
static bool follow_new(struct border *b, uint32_t tip, uint32_t old)
{
	visit(b, tip);
	while (b->todo_n > 0) {
		uint32_t n = b->todo[--b->todo_n];
		const struct graph_node *c = node(b->w, n);

		if (n == old)
			return true;
		if (!(c->flags & NODE_NEW)) {
			b->ids = xreallocarray(b->ids, b->ids_n + 1, sizeof(*b->ids));
			b->ids[b->ids_n++] = c->id;
			continue;
		}
		for (uint32_t k = 0; k < c->parents_n; k++)
			visit(b, b->w->g.edges[c->parents + k]);
	}
	return false;
}

int walk_descends(struct walk *w, size_t tip, const struct oid *old, bool *ret, struct err *err)
{
	size_t n = w->g.nodes_n;
	struct border b = {
		.w = w,
		.todo = xcalloc(n, sizeof(*b.todo)),
		.seen = xcalloc(n, 1),
	};
	bool met = follow_new(&b, w->tips[tip], graph_find(&w->g, old));
	int rc = 0;

	if (!met && b.ids_n > 0)
		rc = seek(w->r, b.ids, b.ids_n, old, &met, err);
	if (rc == 0)
		*ret = met;
	free(b.todo);
	free(b.seen);
	free(b.ids);
	return rc;
}
