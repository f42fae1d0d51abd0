/*
 * Objects in packs, read by ourselves: libgit2 looks each one up twice and inflates with
 * zlib, which together is half of what judging a commit costs beside its signature.
 * Nobody outside lib/repo includes this.
 *
 * Formats: gitformat-pack(5), an index of version 2 and a pack of version 2 or 3, both of
 * SHA-1. Only entries that are whole are read. Deltas, other versions, whatever is cut off
 * or contradicts itself: "not here", and the caller asks libgit2, which reads it or says
 * what is wrong. So nothing here fails.
 *
 * What is returned need not be what git stores under the id, for nothing here hashes it.
 * repo_read_found() does, whoever has read; `git index-pack` has looked for collisions when
 * the pack came.
 */
#ifndef GH_REPO_PACK_H
#define GH_REPO_PACK_H

#include "base/buf.h"
#include "object/object.h"

/* An index whose tables lie in the file and have as many entries as it says. */
struct pack_index {
	const uint8_t *fanout, *ids, *offsets, *large;
	uint32_t n;       /* objects */
	uint32_t large_n; /* offsets of 2 GiB and more */
};

bool pack_index_open(struct bytes file, struct pack_index *ret);
bool pack_index_find(const struct pack_index *x, const struct oid *id, uint64_t *offset);
/* Is it a pack of so many objects? */
bool pack_open(struct bytes file, uint32_t objects);

struct libdeflate_decompressor;
/* The entry at an offset of such a pack, its content appended; false, too, when that has
 * more than `max` bytes: it is not inflated then. */
bool pack_entry_read(struct bytes pack, uint64_t offset, struct libdeflate_decompressor *z,
		     size_t max, enum object_type *type, struct buf *content);

/* The packs of directories of objects, in their order, the first ones if there are many. */
struct packs;
struct packs *packs_open(char *const *dirs, size_t n);
void packs_free(struct packs *p); /* accepts NULL */
bool packs_read(struct packs *p, const struct oid *id, size_t max, enum object_type *type,
		struct buf *content);

#endif
