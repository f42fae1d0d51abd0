/*
 * git's configuration: the syntax (git-config(1), "Syntax"; git config.c), and
 * the values that are in force for a process that git started.
 */
#ifndef GH_BASE_GITCONF_H
#define GH_BASE_GITCONF_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

struct gitconf_entry {
	char *section;    /* lower case */
	char *subsection; /* as written, or NULL */
	char *name;       /* lower case; NULL for the section header itself */
	char *value;      /* NULL: no "=" (git reads that as true) */
	unsigned line;    /* from 1 */
	unsigned file;    /* index into gitconf.files */
};

struct gitconf {
	struct gitconf_entry *v;
	size_t n, cap;
	char **files;
	size_t nfiles;
};

#define GITCONF_INIT { NULL, 0, 0, NULL, 0 }
void gitconf_free(struct gitconf *c);

/*
 * Parses one file's text and appends its entries in order. Section headers are
 * appended too (name NULL), so that a reader can see empty and repeated ones.
 * Includes are not followed. ERR_CONFIG names the file and line, and leaves `c`
 * as it was. NUL bytes and keys before the first section are faults. Bounded:
 * 4 MiB of text, 100,000 entries, 64 MiB of copied names and values.
 */
int gitconf_parse(struct gitconf *c, struct bytes text, const char *file, struct err *err);

/*
 * What git would see: system, global, local and worktree files, then
 * GIT_CONFIG_COUNT and GIT_CONFIG_PARAMETERS, in the order of git. Files are
 * read in process; when one of them has an include, or the repository cannot be
 * found by the simple rules, `git config --list -z` is asked instead (one source
 * "git config", no section headers). Replaces what `c` held.
 */
int gitconf_load(struct gitconf *c, struct err *err);
/*
 * For a hook: the given repository directory's own `config` (and
 * config.worktree), the user's and the system's files at their fixed places;
 * nothing of the environment but HOME is believed. Includes, a missing `config`
 * and the directory of a linked work tree: ERR_CONFIG. The names in `files` are
 * git_dir, or HOME, with what stands below it. Replaces what `c` held.
 */
int gitconf_load_repo(struct gitconf *c, const char *git_dir, struct err *err);

/* The last value of "section.name" or "section.sub.name"; NULL when there is none,
 * "" for a key without "=" (gitconf_bool tells it from an empty value). */
const char *gitconf_get(const struct gitconf *c, const char *key);
/* Every value in order: calls fn until it returns non-zero, and returns that. */
int gitconf_each(const struct gitconf *c, const char *key, int (*fn)(const char *value, void *ctx),
		 void *ctx);
/* true/yes/on, false/no/off/"" in any case, or a number that gitconf_parse_size
 * takes, of which only 0 is false; a valueless key is true. Else ERR_CONFIG. */
int gitconf_bool(const struct gitconf *c, const char *key, bool fallback, bool *ret,
		 struct err *err);
/* The same of a value: 1, 0, or -1 for one that is neither. NULL is true. */
int gitconf_truth(const char *value);
/* A decimal integer with an optional k, m or g (powers of 1024) in either case;
 * false for a sign, a leading zero, overflow or NULL. */
bool gitconf_parse_size(const char *value, uint64_t *ret);

#endif
