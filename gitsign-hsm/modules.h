/*
 * The PKCS#11 modules of this machine: those that p11-kit's configuration names
 * (pkcs11.conf(5)), and those at places where distributions and vendors put them.
 */
#ifndef GH_MODULES_H
#define GH_MODULES_H

#include <stdbool.h>
#include <stddef.h>

struct module_found {
	char *path;   /* absolute, as named */
	char *says;   /* after probing, for people: its tokens, or what is wrong with it */
	size_t tokens, blanks; /* initialised, and not yet */
};

struct modules {
	struct module_found *v;
	size_t n;
};

/*
 * Those that are there, each once. p11-kit's proxy, client and trust modules are not
 * among them: they stand for other modules, or hold no keys.
 */
void modules_find(struct modules *m);
/*
 * Asks each for its tokens, in a process of its own with a deadline: a module may hang,
 * crash, or print. With `progress` tells on standard error which one takes its time.
 */
void modules_probe(struct modules *m, bool progress);
void modules_free(struct modules *m);

#endif
