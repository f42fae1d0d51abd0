/* What /proc tells of another process (proc(5)). */
#ifndef GH_BASE_PROCESS_H
#define GH_BASE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct process {
	char name[64]; /* escaped */
	pid_t parent;
	long tty; /* its number; 0: none */
	unsigned long long
		start; /* in ticks since the system's start: with the pid it is one process */
};

/* False when there is none, or when it is not to be seen. */
bool process_read(pid_t pid, struct process *ret);

#endif
