/* The names of the verbs: help, completions and both programs read this table. */
#ifndef GH_VERB_TABLE_H
#define GH_VERB_TABLE_H

#include <stdbool.h>
#include <stdio.h>

struct verb {
	const char *noun; /* NULL ends the table */
	const char *verb; /* NULL: the noun stands alone */
	const char *help;
};

extern const struct verb verb_table[];

/* NULL when there is no such verb; *noun_known tells whether others begin alike. */
const struct verb *verb_find(const char *noun, const char *verb, bool *noun_known);
/* Lists them (those of one noun, or all). */
void verb_list(FILE *f, const char *noun);

#endif
