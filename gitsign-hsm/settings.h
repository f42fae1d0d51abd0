/* The hsm.* part of git's configuration, as one struct. */
#ifndef GH_SETTINGS_H
#define GH_SETTINGS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/gitconf.h"
#include "token/pin.h"

enum settings_agent {
	SETTINGS_AGENT_OFF,
	SETTINGS_AGENT_AUTO,
	SETTINGS_AGENT_REQUIRED,
	SETTINGS_AGENT_SSH /* the one that SSH_AUTH_SOCK names */
};

struct settings {
	struct gitconf conf; /* all views below point into it */
	const char *module, *module_args;
	const char *key;
	const char *pin_source_text;
	struct pin_source pin_source;
	int timeout_ms;
	enum settings_agent agent;
	const char *policy, *roots;
	const char *format;             /* gpg.format; NULL: openpgp */
	const char *user_key;           /* user.signingKey */
	const char *tag_key, *push_key; /* hsm.tagKey, hsm.pushKey; NULL: as for commits */
};

/* Reads what is in force here. ERR_CONFIG for a value that cannot be used. */
int settings_load(struct settings *ret, struct err *err);
/* The same from one text: what settings_text() made in another process. */
int settings_parse(struct bytes text, struct settings *ret, struct err *err);
/* The hsm section of the configuration, without subsections, in git's syntax. */
void settings_text(const struct settings *s, struct buf *out);
void settings_free(struct settings *s);

/*
 * The key for what is being signed, when git names `named`: hsm.tagKey and hsm.pushKey take
 * the place of user.signingKey, of the committer's identity that git gives without one, and
 * of "", but not of a key that the user named for this object (git tag -u).
 */
const char *settings_key_for(const struct settings *s, struct bytes payload, const char *named);

/*
 * Did git call us as its OpenPGP program? Then *ret is true: the output would be
 * taken for an OpenPGP signature.
 */
bool settings_is_openpgp(const struct settings *s);

#endif
