/*
 * Loose objects, read by ourselves: libgit2 (1.5) never comes back from one that is cut
 * off. Nobody outside lib/repo includes this.
 *
 * A file xx/yyyy... below an objects directory holds one zlib stream (RFC 1950) of
 * "TYPE SP SIZE NUL CONTENT" and nothing behind it (git object-file.c).
 */
#ifndef GH_REPO_LOOSE_H
#define GH_REPO_LOOSE_H

#include "base/buf.h"
#include "base/err.h"
#include "object/object.h"

struct loose_info {
	enum object_type type;
	uint64_t size;
};

/*
 * Reads the object's header, and its content into `content` unless that is NULL. Not
 * there: *found false, and 0. Larger than `max`: ERR_INPUT, before it is inflated. Cut
 * off, or malformed in any other way: ERR_REPO. The id is not compared.
 */
int loose_read(const char *objects, const struct oid *id, size_t max, struct loose_info *ret,
	       struct buf *content, bool *found, struct err *err);
bool loose_has(const char *objects, const struct oid *id);
/* How many objects there have an id that begins with these hexadecimal digits (at least
 * two), and one of them. */
size_t loose_count(const char *objects, const char *digits, struct oid *ret);

#endif
