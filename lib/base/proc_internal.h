/* What the ways to run a child share; nobody outside lib/base includes this. */
#ifndef GH_BASE_PROC_INTERNAL_H
#define GH_BASE_PROC_INTERNAL_H

#include <sys/types.h>

#include "base/proc.h"

#define PROC_TIMEOUT_MS 30000

/* A pipe whose end `ours` (0: reading, 1: writing) does not block; -1 with errno. */
int proc_make_pipe(int fds[2], int ours);
/* A child that nobody waits for would leave us no status to read. */
void proc_want_children(void);
/* Starts argv with `child` as its descriptors 0, 1 and 2 (-1: /dev/null), in a process
 * group of its own; returns 0 or an errno. Of `o` env, dir, foreground and keep_stderr
 * count. */
int proc_spawn(const char *const *argv, const struct proc_opts *o, const int child[3], pid_t *pid);
/* Waits for the end; -1 with errno, or the exit status or 128 + signal. */
int proc_reap(pid_t pid);

#endif
