/* For the tests of base/gitconf: entries as `git config --list -z` writes them. */
#ifndef GH_TESTS_GITCONF_TOOLS_H
#define GH_TESTS_GITCONF_TOOLS_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/gitconf.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static inline void list_entries(const struct gitconf *c, struct buf *to)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct gitconf_entry *e = &c->v[i];

		ck_assert_uint_lt(e->file, c->nfiles);
		if (!e->name)
			continue;
		buf_add_str(to, e->section);
		if (e->subsection)
			buf_addf(to, ".%s", e->subsection);
		buf_addf(to, ".%s", e->name);
		if (e->value)
			buf_addf(to, "\n%s", e->value);
		buf_add_byte(to, 0);
	}
}

/* Runs git to its end; returns its status. */
static inline int run_git(const char *const *argv, struct buf *to)
{
	struct proc_opts o = { .output_max = 16 << 20 };
	struct err err = ERR_INIT;
	int status = -1;

	buf_clear(to);
	ck_assert_msg(proc_run(argv, &o, to, &status, &err) == 0, "%s", err.text);
	return status;
}

static inline void same_lists(struct bytes ours, struct bytes gits, const char *what)
{
	_cleanup_free_ char *a = text_escaped(ours);
	_cleanup_free_ char *b = text_escaped(gits);

	ck_assert_msg(bytes_eq(ours, gits), "%s\nours: %s\ngit:  %s", what, a, b);
}

#endif
