#include "verb_repo.h"

#include "repo/lost.h"

int verb_repo_open(const char *path, struct repo **ret, struct err *err)
{
	repo_lost_say("gitsign-hsm: " REPO_LOST ". See with: git fsck\n");
	return repo_open(path != NULL ? path : ".", REPO_AUTO, ret, err);
}
