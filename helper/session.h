/* What the session's daemon holds, by itself: frames in, frames out. */
#ifndef GH_HELPER_SESSION_H
#define GH_HELPER_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/mem.h"

/* Appends the answer to one whole frame. */
void memory_answer(struct bytes frame, struct secret *out);
/* Forgets what is of no more use: expired, and nothing to refresh it with. Returns how
 * many are left. */
size_t memory_expire(int64_t now);
void memory_wipe(void);

#endif
