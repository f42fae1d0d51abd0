/* What the parsers of this directory share. Views point into the object. */
#ifndef GH_OBJECT_OBJECT_INTERNAL_H
#define GH_OBJECT_OBJECT_INTERNAL_H

#include "object/object.h"

/* --- header.c: lines and headers ----------------------------------------- */

/* ERR_INPUT: `what`, and behind it the first bytes of what was seen, escaped. */
int object_bad(struct err *err, const char *what, struct bytes seen);
/* No byte below 0x20, and not 0x7f. */
bool object_no_control(struct bytes v);
/* Takes a line off `*rest`, without its LF; false when no LF is left. */
bool object_line(struct bytes *rest, struct bytes *line);
/* Is `line` "KEY VALUE"? */
bool object_header(struct bytes line, const char *key, struct bytes *value);
/*
 * Takes the continuation lines (one space in front, git commit.c) off `*rest` and
 * appends `first` and them to `out`, a LF behind each. False: the last has no LF.
 */
bool object_unfold(struct bytes first, struct bytes *rest, struct buf *out);
/* Takes the line "KEY ID" off `*rest`. */
int object_take_id(struct bytes *rest, const char *key, uint8_t hash_bytes, struct oid *ret,
		   struct err *err);
int object_take_ident(struct bytes *rest, const char *key, struct object_ident *ret,
		      struct err *err);
/* Takes the blank line that ends the headers. */
int object_take_blank(struct bytes *rest, const char *after, struct err *err);
/* What every object is asked first: a hash that is known, and no NUL anywhere. */
int object_check_raw(struct bytes raw, uint8_t hash_bytes, struct err *err);

/* --- ident.c --------------------------------------------------------------- */

bool object_parse_ident(struct bytes v, struct object_ident *ret);
/* "SECONDS ZONE", all of `v`. */
bool object_parse_date(struct bytes v, int64_t *when, int *zone);

/* --- armor.c --------------------------------------------------------------- */

/*
 * Splits a text that may end in an armor, as tags and push certificates do.
 * `*armor` is empty when no line begins one. ERR_INPUT: two begin, or the one is
 * not strict, or does not end the text.
 */
int object_armor_split(struct bytes text, struct bytes *before, struct bytes *armor,
		       struct err *err);
/*
 * Strict: from the first byte to the last, which is the LF of the END line, one
 * armor of a kind that git knows (gpg-interface.c); lines of base64, at most 76
 * long; the two OpenPGP kinds alone have armor headers and a blank line.
 */
int object_armor_check(struct bytes text, struct err *err);

#endif
