/*
 * Status lines in GnuPG's form (doc/DETAILS), as git parses them (git
 * gpg-interface.c). They are collected and written at once, when everything is
 * known: git takes the first line it understands for the truth.
 */
#ifndef GH_STATUS_H
#define GH_STATUS_H

#include "base/buf.h"
#include "base/err.h"
#include "sig/cert.h"
#include "trust/trust.h"

enum status_trust { TRUST_NEVER, TRUST_UNDEFINED, TRUST_MARGINAL, TRUST_FULLY };

void status_line(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* BEGIN_SIGNING and SIG_CREATED. */
void status_signed(struct buf *out, const struct cert *c, enum alg_hash h, int64_t when);

/* NEWSIG and what belongs to a verdict; `trust` counts only for a good one. */
void status_verdict(struct buf *out, const struct verdict *v, enum status_trust trust);

/* Exit status that goes with it: 0 only for a good verdict with trust from MARGINAL up. */
int status_exit(const struct verdict *v, enum status_trust trust);

const char *status_trust_name(enum status_trust t); /* "FULLY" */

#endif
