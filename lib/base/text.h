/* Text: hexadecimal, escaping for people and for status lines, time, columns. */
#ifndef GH_BASE_TEXT_H
#define GH_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/bytes.h"

void text_hex(struct buf *out, struct bytes v, bool upper);
/* Decodes exactly v.n / 2 bytes; false on an odd length or another character. */
bool text_unhex(struct bytes v, uint8_t *out, size_t out_n);

/*
 * Appends `v` for a terminal or a log: printable ASCII and well-formed,
 * printable UTF-8 stay; everything else (control characters, C1, bidi and
 * zero-width characters, broken UTF-8, backslash) becomes \xNN.
 */
void text_escape(struct buf *out, struct bytes v);
/* The same into a new string that the caller frees. */
char *text_escaped(struct bytes v);
/* One word of a shell's command line that people copy: in single quotes where it needs them. */
void text_shell(struct buf *out, const char *s);
/* For a GnuPG status line: %XX for bytes < 0x20, 0x7f and '%' (doc/DETAILS). */
void text_escape_status(struct buf *out, struct bytes v);

/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void text_json(struct buf *out, struct bytes v);

/* Wraps at `columns`; continuation lines start with `indent` spaces. Words longer
 * than a line stand alone. Ends with a newline. */
void text_wrap(struct buf *out, const char *text, int columns, int indent);

/* 2026-11-24T15:21:10Z; and a date alone or that form back to seconds since 1970 UTC. */
void text_time(struct buf *out, int64_t t);
bool text_parse_time(struct bytes v, int64_t *ret);

/* Decimal without sign, leading zeros allowed only for "0"; false on overflow. */
bool text_parse_u64(struct bytes v, uint64_t *ret);
/* Seconds: a whole number, and s, m, h, d or w behind it (minutes, ...; none: seconds). */
bool text_parse_duration(struct bytes v, int64_t *ret);

/* Lower-cases ASCII letters only. */
char text_lower(char c);
bool text_eq_nocase(struct bytes a, struct bytes b); /* ASCII */

/* E-mail addresses: local part exact, domain with ASCII letters lowered. */
bool text_email_eq(struct bytes a, struct bytes b);
/* One '@', both sides non-empty, no control, space, '<', '>' or non-ASCII local part. */
bool text_email_ok(struct bytes v);

#endif
