/* A hash for tables in memory; no digest: it protects nothing but speed. */
#ifndef GH_BASE_HASH_H
#define GH_BASE_HASH_H

#include <stdint.h>

#include "base/bytes.h"

/* A start that nobody outside knows, so that input cannot be made to share a bucket. */
uint64_t hash_seed(void);

/* Goes on from `h`, a seed or the hash of what stands before. */
uint64_t hash_bytes(uint64_t h, struct bytes v);

#endif
