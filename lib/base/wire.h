/*
 * The data types of the SSH protocols (RFC 4251 5): bytes, uint32 and strings of
 * bytes behind their length. Readers take a value off the front of `*in` and return
 * false, with `*in` as it was, when it is not there whole; views live as long as
 * the bytes.
 */
#ifndef GH_BASE_WIRE_H
#define GH_BASE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

bool wire_byte(struct bytes *in, uint8_t *ret);
bool wire_u32(struct bytes *in, uint32_t *ret);
bool wire_string(struct bytes *in, struct bytes *ret);
/* A string that may become a C string: without NUL. The caller frees it. */
bool wire_text(struct bytes *in, char **ret);

void wire_put_u32(struct buf *b, uint32_t v);
void wire_put_string(struct buf *b, struct bytes v);
void wire_put_text(struct buf *b, const char *s); /* NULL is "" */
/* A positive number, most significant byte first, as mpint. */
void wire_put_mpint(struct buf *b, struct bytes magnitude);

#endif
