/*
 * Which push a hook belongs to. All hooks of a push are run by one git-receive-pack, whatever
 * stands between it and them: the nearest of a hook's ancestors that is one stands for the
 * push, by its number, its start, its system's start and its PID namespace.
 */
#ifndef GH_RECORD_PUSH_H
#define GH_RECORD_PUSH_H

#include <stdbool.h>

/*
 * The push that this process works for, as a word without spaces; owned. NULL: none is to be
 * seen, because this is no push, because the hooks are run by a daemon in receive-pack's place,
 * or because /proc is missing or is another namespace's.
 */
char *push_here(void);
/*
 * Is it over, so that nothing of it can land any more? False also when that cannot be known:
 * it is of another system, of another namespace, of a time before the last start.
 */
bool push_is_over(const char *push);

#endif
