/*
 * The highest serial of the policy that was in force here, in a file of the state
 * directory: an older policy, or another text of the same serial, is refused. The file
 * is replaced as a whole. A policy without a serial (0) is never remembered, and is
 * refused where one with a serial was.
 */
#ifndef GH_RECORD_SERIAL_H
#define GH_RECORD_SERIAL_H

#include <stdint.h>

#include "base/err.h"

/* May a policy of this serial be in force? `rules` is policy->rules_digest. ERR_CONFIG with what
 * to do; another error when the file cannot be read. Writes nothing. */
int record_serial_check(const char *dir, int64_t serial, const uint8_t rules[32],
			struct err *err);
/* The same, and remembers it. `dir` is there, and the record in it is open: its lock
 * spans this. */
int record_serial_keep(const char *dir, int64_t serial, const uint8_t rules[32],
		       struct err *err);

#endif
