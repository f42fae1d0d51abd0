#include "repo/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

void graph_free(struct graph *g)
{
	free(g->node);
	free(g->edges);
	free(g->slots);
	free(g->queue);
	memset(g, 0, sizeof(*g));
}

static void *grow(void *v, uint32_t n, uint32_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 64;
	return xreallocarray(v, *cap, size);
}

/* --- nodes ------------------------------------------------------------------- */

/* Object ids are digests: their first bytes are as good as a hash. The pusher can aim
 * a few at one slot, at the price of computing them. */
static uint32_t *slot_of(const struct graph *g, const struct oid *id)
{
	uint32_t mask = g->slots_n - 1, at;

	memcpy(&at, id->b, sizeof(at));
	for (at &= mask; g->slots[at]; at = (at + 1) & mask)
		if (oid_eq(&g->node[g->slots[at] - 1].id, id))
			break;
	return &g->slots[at];
}

static void rehash(struct graph *g)
{
	g->slots_n = g->slots_n ? g->slots_n * 2 : 256;
	free(g->slots);
	g->slots = xcalloc(g->slots_n, sizeof(*g->slots));
	for (uint32_t i = 0; i < g->nodes_n; i++)
		*slot_of(g, &g->node[i].id) = i + 1;
}

uint32_t graph_find(const struct graph *g, const struct oid *id)
{
	return g->slots_n ? *slot_of(g, id) - 1 : GRAPH_NONE;
}

uint32_t graph_add(struct graph *g, const struct oid *id)
{
	uint32_t *slot;

	if (g->nodes_n * 2 >= g->slots_n)
		rehash(g);
	slot = slot_of(g, id);
	if (*slot)
		return *slot - 1;
	g->node = grow(g->node, g->nodes_n, &g->nodes_cap, sizeof(*g->node));
	g->node[g->nodes_n] = (struct graph_node){ .id = *id, .found = GRAPH_NONE };
	*slot = ++g->nodes_n;
	return *slot - 1;
}

void graph_edge(struct graph *g, uint32_t n, uint32_t parent)
{
	struct graph_node *node = &g->node[n];

	if (node->parents_n == 0)
		node->parents = g->edges_n;
	g->edges = grow(g->edges, g->edges_n, &g->edges_cap, sizeof(*g->edges));
	g->edges[g->edges_n++] = parent;
	node->parents_n++;
}

/* --- queue ------------------------------------------------------------------- */

static bool before(const struct graph *g, uint32_t a, uint32_t b)
{
	const struct graph_node *x = &g->node[a], *y = &g->node[b];
	int new_x = x->flags & NODE_NEW, new_y = y->flags & NODE_NEW;

	if (new_x != new_y)
		return new_x;
	return x->date != y->date ? x->date > y->date : a < b;
}

void graph_push(struct graph *g, uint32_t n)
{
	uint32_t at = g->queue_n++;

	g->queue = grow(g->queue, at, &g->queue_cap, sizeof(*g->queue));
	for (; at > 0 && before(g, n, g->queue[(at - 1) / 2]); at = (at - 1) / 2)
		g->queue[at] = g->queue[(at - 1) / 2];
	g->queue[at] = n;
	g->node[n].flags |= NODE_QUEUED;
}

uint32_t graph_pop(struct graph *g)
{
	uint32_t top = g->queue[0], last = g->queue[--g->queue_n], at = 0, child;

	while ((child = 2 * at + 1) < g->queue_n) {
		if (child + 1 < g->queue_n && before(g, g->queue[child + 1], g->queue[child]))
			child++;
		if (!before(g, g->queue[child], last))
			break;
		g->queue[at] = g->queue[child];
		at = child;
	}
	g->queue[at] = last;
	g->node[top].flags &= (uint8_t)~NODE_QUEUED;
	return top;
}

/* --- commits ------------------------------------------------------------------- */

/* Takes "KEY ID LF" off the front. */
static bool take_id(struct bytes *v, const char *key, size_t digits, struct oid *ret)
{
	struct bytes k = bytes_str(key);

	if (v->n < k.n + digits + 1 || !bytes_starts(*v, k) || v->p[k.n + digits] != '\n' ||
	    !oid_parse(bytes_of(v->p + k.n, digits), ret))
		return false;
	*v = bytes_skip(*v, k.n + digits + 1);
	return true;
}

static bool skip_line(struct bytes *v)
{
	const uint8_t *nl = v->n ? memchr(v->p, '\n', v->n) : NULL;

	if (nl)
		*v = bytes_skip(*v, (size_t)(nl - v->p) + 1);
	return nl != NULL;
}

/* "committer NAME <EMAIL> SECONDS ZONE" behind the author's line. */
static int64_t date_of(struct bytes v)
{
	const uint8_t *nl, *gt = NULL;
	int64_t t = 0;

	if (!skip_line(&v) || !bytes_starts(v, BYTES_LIT("committer ")))
		return 0;
	nl = memchr(v.p, '\n', v.n);
	if (nl)
		gt = memrchr(v.p, '>', (size_t)(nl - v.p));
	if (!gt)
		return 0;
	for (gt += 2; gt < nl && *gt >= '0' && *gt <= '9' && t < INT64_MAX / 16; gt++)
		t = t * 10 + (*gt - '0');
	return t;
}

bool graph_read(struct graph *g, uint32_t n, struct bytes raw)
{
	size_t digits = 2 * (size_t)g->node[n].id.n;
	struct oid id;

	g->node[n].flags |= NODE_READ;
	if (!take_id(&raw, "tree ", digits, &id))
		return false;
	while (take_id(&raw, "parent ", digits, &id))
		graph_edge(g, n, graph_add(g, &id));
	g->node[n].date = date_of(raw);
	return true;
}

/* --- order ------------------------------------------------------------------------ */

struct order {
	const struct graph *g;
	uint32_t *children; /* of each node: new ones that are not in the order yet */
	uint32_t *ready;
	uint32_t ready_n;
	size_t *out, out_n;
};

static void count_children(struct order *o)
{
	const struct graph *g = o->g;

	for (uint32_t i = 0; i < g->nodes_n; i++)
		for (uint32_t k = 0; (g->node[i].flags & NODE_NEW) && k < g->node[i].parents_n; k++)
			o->children[g->edges[g->node[i].parents + k]]++;
	for (uint32_t i = g->nodes_n; i-- > 0;)
		if ((g->node[i].flags & NODE_NEW) && o->children[i] == 0)
			o->ready[o->ready_n++] = i;
}

/* The first parent comes next: lines of history stay together. */
static void put(struct order *o, uint32_t n)
{
	const struct graph_node *node = &o->g->node[n];

	o->out[o->out_n++] = node->found;
	for (uint32_t k = node->parents_n; k-- > 0;) {
		uint32_t parent = o->g->edges[node->parents + k];

		if (--o->children[parent] == 0 && (o->g->node[parent].flags & NODE_NEW))
			o->ready[o->ready_n++] = parent;
	}
}

size_t *graph_order(const struct graph *g, size_t found_n)
{
	struct order o = {
		.g = g,
		.children = xcalloc(g->nodes_n + 1, sizeof(*o.children)),
		.ready = xcalloc(g->nodes_n + 1, sizeof(*o.ready)),
		.out = xcalloc(found_n + 1, sizeof(*o.out)),
	};

	count_children(&o);
	while (o.ready_n > 0)
		put(&o, o.ready[--o.ready_n]);
	free(o.children);
	free(o.ready);
	return o.out;
}
