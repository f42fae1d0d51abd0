/* A limit on how long the process may go on, whatever it hangs in. */
#ifndef GH_BASE_DEADLINE_H
#define GH_BASE_DEADLINE_H

#include "base/err.h"

#define DEADLINE_TEXT_MAX 1024

/*
 * `seconds` (at least 1) from now `text` is written to standard error, and the process
 * ends with `status`, without exit handlers: locks on open files end with it. Set again,
 * the new values count. Takes the signal SIGALRM and ITIMER_REAL. ERR_INTERNAL when the
 * text is longer than DEADLINE_TEXT_MAX, or the system has no such timer.
 */
int deadline_set(long seconds, const char *text, int status, struct err *err);

#endif
