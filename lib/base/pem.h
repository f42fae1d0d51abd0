/*
 * PEM (RFC 7468) and the armor that git recognises as an X.509 signature:
 * "-----BEGIN SIGNED MESSAGE-----" (git gpg-interface.c, x509_sigs).
 */
#ifndef GH_BASE_PEM_H
#define GH_BASE_PEM_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define PEM_SIGNED_MESSAGE "SIGNED MESSAGE"
#define PEM_CERTIFICATE "CERTIFICATE"
#define PEM_CRL "X509 CRL"

/* Lines of 64 characters, a newline behind the END line. */
void pem_write(struct buf *out, const char *label, struct bytes der);

/*
 * Reads exactly one block that begins at the first byte of `text` and after
 * whose END line nothing stands but one newline (or none). Lines may end in
 * CRLF when `crlf`. Base64 is strict: alphabet, padding, zero spare bits, no
 * blank lines, no headers, lines of at most 76. ERR_INPUT otherwise.
 */
int pem_read_one(struct bytes text, const char *label, bool crlf, struct buf *der, struct err *err);

/*
 * Iterates over blocks of `label` in a file that may hold other text between
 * blocks (as CA bundles do). `*rest` starts as the whole text and is moved on.
 * Returns 0 with *found false at the end.
 */
int pem_next(struct bytes *rest, const char *label, struct buf *der, bool *found, struct err *err);

/*
 * Takes the body of a block off the front of `*rest`, as git folds it into a header: each line
 * behind a blank, all of 64 characters but the last one. Appends the lines without the blanks
 * to `text`, and what they hold to `der`. False where anything else stands; what was taken
 * and appended by then is the caller's to undo. What is taken pem_read_one() reads alike.
 */
bool pem_take_folded(struct bytes *rest, struct buf *text, struct buf *der);

/* How many characters at the front are surely of the alphabet: a multiple of 16. */
size_t base64_span(struct bytes v);
void base64_encode(struct buf *out, struct bytes v);

#endif
