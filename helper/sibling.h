/* The programs of libexec/gitsign-hsm. */
#ifndef GH_HELPER_SIBLING_H
#define GH_HELPER_SIBLING_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

/* Appends the path of the sibling `name`, seen from bin/ and from libexec/gitsign-hsm/. */
int sibling_path(const char *name, struct buf *out, struct err *err);

/*
 * Becomes the sibling: argv[0] is its name, the rest its arguments. `input` is its
 * standard input, in memory; what stands there stays when `input` is empty. Returns only
 * when that fails: ERR_CONFIG or ERR_IO.
 */
int sibling_become(const char *const *argv, struct bytes input, struct err *err);

#endif
