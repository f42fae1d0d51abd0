/* The repository that a verb works on. */
#ifndef GH_VERB_REPO_H
#define GH_VERB_REPO_H

#include "repo/repo.h"

/*
 * repo_open() of the repository at or above `path`, or, when that is NULL, the current
 * directory. From here on a file of it that becomes shorter ends the process with a word.
 */
int verb_repo_open(const char *path, struct repo **ret, struct err *err);

#endif
