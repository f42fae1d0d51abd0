/* A file of the repository that ends, or cannot be read, below what is mapped of it. */
#ifndef GH_REPO_LOST_H
#define GH_REPO_LOST_H

#define REPO_LOST \
	"a file of the repository became shorter while it was read, or its disk has failed"

/*
 * Packs and their indexes are mapped, by repo.h and by libgit2: where one is cut meanwhile, or
 * its disk fails, there is nothing to return to (SIGBUS). From here on `text` (borrowed, until
 * the process ends) goes to standard error then, and the process ends with ERR_REPO (or ERR_IO
 * when it cannot be written), without exit handlers. Set again, the new text counts.
 */
void repo_lost_say(const char *text);

#endif
