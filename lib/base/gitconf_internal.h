/* Between gitconf_parse.c, gitconf_find.c and gitconf_load.c only. */
#ifndef GH_BASE_GITCONF_INTERNAL_H
#define GH_BASE_GITCONF_INTERNAL_H

#include "base/gitconf.h"

#define GITCONF_TEXT_MAX ((size_t)4 << 20)
#define GITCONF_ENTRIES_MAX ((size_t)100000)

/* Where an entry comes from: index into files, line from 1. */
struct gitconf_place {
	unsigned file;
	unsigned line;
};

/* Notes a source's name; returns its index. */
unsigned gitconf_source(struct gitconf *c, const char *name);
/*
 * Appends one entry. `key` is "section", "section.name" or
 * "section.subsection.name" as git canonicalises it; a header (`header`) has no
 * name. False when the table is full.
 */
bool gitconf_add(struct gitconf *c, struct bytes key, bool header, const char *value,
		 struct gitconf_place at);
/* The characters of git's ctype for white space and names, locale or not. */
bool gitconf_space(int c);
bool gitconf_letter(int c);
bool gitconf_name_char(int c);

struct gitconf_repo {
	char *git_dir; /* of this work tree */
	char *common;  /* of all work trees: has the config */
};
void gitconf_repo_free(struct gitconf_repo *r);

enum gitconf_found {
	GITCONF_NONE, /* no repository here */
	GITCONF_FOUND,
	GITCONF_ODD /* git must say: another owner, a mount point, strange variables */
};
/* The repository of GIT_DIR or of the working directory. `c` holds what the
 * system and the user say. *ret is filled for GITCONF_FOUND only. */
enum gitconf_found gitconf_find(const struct gitconf *c, struct gitconf_repo *ret);
/* An errno that says that nothing has that name. */
bool gitconf_absent(int error);

#endif
