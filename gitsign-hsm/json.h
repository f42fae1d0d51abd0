/* JSON by hand: what the verbs print has few shapes. */
#ifndef GH_JSON_H
#define GH_JSON_H

#include "base/buf.h"

/* Each appends one member of an object, with a comma before it when the last byte there
 * is no opening bracket. */
void json_put_text(struct buf *b, const char *name, const char *value); /* NULL: null */
void json_put_hex(struct buf *b, const char *name, const void *p, size_t n);
void json_put_bool(struct buf *b, const char *name, int value); /* negative: null */
void json_put_number(struct buf *b, const char *name, long long value);
/* The name alone: what follows is the caller's. */
void json_put_name(struct buf *b, const char *name);
/* The comma between members of an array or object. */
void json_put_comma(struct buf *b);

#endif
