/*
 * DER (X.690): a bounded reader, a BER-to-DER normaliser and a writer.
 * The reader copies nothing; its views live as long as the bytes it reads.
 */
#ifndef GH_BASE_DER_H
#define GH_BASE_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

/* Identifier octets of one byte: all that CMS and X.509 use here. */
enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31
};
#define DER_CONTEXT(n) (0x80u | (n))             /* [n] IMPLICIT, primitive */
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0u | (n)) /* [n], constructed */

struct der_item {
	uint8_t tag;
	struct bytes value; /* content octets */
	struct bytes whole; /* identifier, length and content */
};

/*
 * Takes the next item off `*in`. Strict DER: one-byte identifier, definite and
 * minimal length that fits. False at the end of input or on any fault.
 */
bool der_next(struct bytes *in, struct der_item *ret);
/* The same, and the tag must be `tag`; a NULL must be empty (X.690 8.8.2). */
bool der_take(struct bytes *in, unsigned tag, struct der_item *ret);
/* The same when the next tag is `tag`; otherwise *found = false and success. */
bool der_take_optional(struct bytes *in, unsigned tag, struct der_item *ret, bool *found);
bool der_peek(struct bytes in, uint8_t *tag);

/* A non-negative INTEGER, minimal, that fits 31 bits. */
bool der_small_int(struct der_item item, int *ret);
/* UTCTime or GeneralizedTime in the forms of RFC 5280 4.1.2.5 (Z, seconds). */
bool der_time(struct der_item item, int64_t *ret);

/*
 * Copies one BER value to DER as far as lengths and constructed strings go:
 * indefinite lengths become definite, non-minimal lengths minimal, constructed
 * OCTET STRINGs are joined. It does not sort SETs. Depth at most 32, all of
 * `in` must be used. `*changed` tells whether the input was not DER already.
 */
bool der_from_ber(struct bytes in, struct buf *out, bool *changed);

/* Writer: opening a constructed value returns a mark; closing it fixes the length. */
size_t der_open(struct buf *b, unsigned tag);
void der_close(struct buf *b, size_t mark);
void der_put(struct buf *b, unsigned tag, struct bytes value);
void der_put_int(struct buf *b, int value); /* 0..127 */
/* UTCTime up to 2049, GeneralizedTime after (RFC 5652 11.3). */
void der_put_time(struct buf *b, int64_t t);
/* Sorts the members of the SET OF opened at `mark` by their encoding and closes it. */
void der_close_set_of(struct buf *b, size_t mark);

#endif
