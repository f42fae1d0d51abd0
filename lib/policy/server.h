/*
 * What a server's repository is told by git's configuration (hsm.policy,
 * hsm.introduction, hsm.repository, hsm.stateDir, hsm.record, hsm.clockReset, hsm.pushUrl,
 * hsm.certMaxAge),
 * and whether it is in a state in which a hook can enforce anything.
 */
#ifndef GH_POLICY_SERVER_H
#define GH_POLICY_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/gitconf.h"
#include "object/object.h"

#define SERVER_POLICY "/etc/gitsign-hsm/policy"
#define SERVER_CERT_MAX_AGE 600

struct server {
	char *git_dir;     /* absolute */
	char *policy;      /* absolute; NULL: nobody named one */
	char *policy_from; /* "hsm.policy of the repository", ...; for people */
	char *repository;  /* hsm.repository, printable, without spaces; NULL: it has no name */
	char *state_dir;   /* absolute */
	bool no_record;    /* hsm.record = off */
	uint64_t clock_reset; /* hsm.clockReset, or 0 */
	char **push_urls;  /* hsm.pushUrl, as server_plain_url() has it; none: any will do */
	size_t push_urls_n;
	int64_t cert_max_age; /* hsm.certMaxAge, seconds */
	bool asks_certs;   /* receive.certNonceSeed: git takes push certificates */
	bool shared;       /* core.sharedRepository: git lets others write what it makes */
	struct oid *introductions;
	size_t introductions_n;
};

/*
 * Reads the configuration. The policy is that of the repository's configuration, else
 * of the system's, else SERVER_POLICY when it is there; introductions, the name and
 * clockReset count from the repository's own configuration only. ERR_CONFIG for relative paths, ids that are not
 * full, values of a later version.
 */
int server_load(const char *git_dir, uint8_t hash_bytes, struct server *ret, struct err *err);
/*
 * For a hook of the one who pushes: hsm.policy and hsm.introduction wherever git finds
 * them, push.gpgSign into asks_certs; git_dir, and nothing else.
 */
int server_load_client(const char *git_dir, uint8_t hash_bytes, struct server *ret,
		       struct err *err);
void server_free(struct server *s);

/* A URL as git writes it into push certificates: without user name and password (git
 * transport.c, transport_anonymize_url()); and without slashes at its end, for which git
 * has no rule. The caller frees. */
char *server_plain_url(const char *url);

/*
 * Calls `problem` with one text for each reason why a hook here enforces nothing:
 * owner, modes of repository, hook, policy and state directory, core.sharedRepository,
 * truncated history.
 * `hook` is the running hook's file, or NULL. Returns how many there were.
 */
size_t server_inspect(const struct server *s, const char *hook,
		      void (*problem)(const char *text, void *ctx), void *ctx);

#endif
