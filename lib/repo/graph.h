/* Commits met on a walk, by number; nobody outside lib/repo includes this. */
#ifndef GH_REPO_GRAPH_H
#define GH_REPO_GRAPH_H

#include "object/object.h"

#define GRAPH_NONE UINT32_MAX

enum {
	NODE_REACHED = 1, /* from a tip */
	NODE_HIDDEN = 2,  /* from what is accepted */
	NODE_READ = 4,    /* its parents are known */
	NODE_NEW = 8,     /* found: nothing accepted reaches it */
	NODE_QUEUED = 16,
	NODE_GONE = 32 /* accepted, but it was not there before the push */
};

struct graph_node {
	struct oid id;
	uint8_t flags;
	uint32_t tip;                /* whose it is, once reached */
	uint32_t found;              /* its number among the new ones */
	uint32_t parents, parents_n; /* in graph.edges */
	int64_t date;                /* the committer's; proves nothing */
};

struct graph {
	struct graph_node *node;
	uint32_t nodes_n, nodes_cap;
	uint32_t *edges; /* numbers of nodes */
	uint32_t edges_n, edges_cap;
	uint32_t *slots, slots_n; /* hash table: number plus one */
	uint32_t *queue;          /* heap: new ones first, then the youngest */
	uint32_t queue_n, queue_cap;
};

void graph_free(struct graph *g);
uint32_t graph_find(const struct graph *g, const struct oid *id); /* GRAPH_NONE: not met */
uint32_t graph_add(struct graph *g, const struct oid *id);        /* found or made */
void graph_edge(struct graph *g, uint32_t n, uint32_t parent);    /* all of n's in a row */
void graph_push(struct graph *g, uint32_t n);                     /* sets NODE_QUEUED */
uint32_t graph_pop(struct graph *g);                              /* the queue must not be empty */

/*
 * What git takes for the parents of a commit (commit.c, parse_commit_buffer), and its
 * date, 0 where none can be read. False when it does not begin with a tree.
 */
bool graph_read(struct graph *g, uint32_t n, struct bytes raw);
/* New nodes, children before parents, as their numbers of finding. */
size_t *graph_order(const struct graph *g, size_t found_n);

#endif
