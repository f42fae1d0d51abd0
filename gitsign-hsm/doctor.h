/* What doctor finds: collected, since standard output is hidden while a module is loaded. */
#ifndef GH_DOCTOR_H
#define GH_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "settings.h"
#include "sig/cert.h"

enum doctor_level { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_PROBLEM };

struct doctor_finding {
	enum doctor_level level;
	char *what, *text;
	char *cure; /* NULL: none */
};

struct doctor {
	const struct settings *s;
	int64_t dated; /* what git would date a commit; 0: it cannot tell */
	bool outside;  /* of any repository: cures are for the account */
	struct doctor_finding *v;
	size_t n;
};

void doctor_add(struct doctor *d, enum doctor_level level, const char *what, const char *text,
		const char *cure);
void doctor_ok(struct doctor *d, const char *what, const char *text);
void doctor_note(struct doctor *d, const char *what, const char *text, const char *cure);
void doctor_problem(struct doctor *d, const char *what, const char *text, const char *cure);
size_t doctor_count(const struct doctor *d, enum doctor_level level);
void doctor_print(const struct doctor *d, bool json, struct buf *out);
void doctor_free(struct doctor *d);

/* What git commits as: GIT_COMMITTER_EMAIL, committer.email, user.email; NULL: none. */
const char *doctor_committer(const struct doctor *d);

/*
 * Would GitHub, GitLab and Bitbucket Data Center call a signature by this certificate
 * verified? Rule by rule, as they document and publish them. `above` are the issuers that
 * go into the signature, nearest first.
 */
void doctor_forges(struct doctor *d, const struct cert *leaf, const struct cert_list *above);

#endif
