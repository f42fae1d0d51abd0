/*
 * The policy file: who may sign what, in git-config syntax. Its full meaning is
 * in gitsign-hsm-policy(5).
 */
#ifndef GH_POLICY_POLICY_H
#define GH_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "trust/trust.h"

#define POLICY_VERSION 1
#define POLICY_TIME 600
#define POLICY_REFS 10000
#define POLICY_THREADS 4

enum policy_commits { COMMITS_SIGNED, COMMITS_TIP, COMMITS_ANY };

/* Whose the author's e-mail must be: anybody's; the signer's; a [signer]'s of the file. */
enum policy_author { AUTHOR_ANY, AUTHOR_MATCH, AUTHOR_KNOWN };

struct policy_names { char **v; size_t n; };

struct policy_trust {
	char *name;
	char *email_domain; /* emailDomain; NULL: none */
	uint8_t roots[32];  /* SHA-256 of the file of anchors */
	const char *crls;   /* crlPolicy; NULL: no crl */
};

struct policy_signer {
	char *name;
	struct policy_names emails;
	bool has_key_line;                     /* one of: */
	struct policy_names trusts;            /* key lines: alternatives */
	uint8_t (*certs)[32]; size_t certs_n;  /* SHA-256 of certificates */
	uint8_t (*spkis)[32]; size_t spkis_n;  /* SHA-256 of public keys */
	int64_t valid_from, valid_until;       /* INT64_MIN, INT64_MAX: open */
	unsigned line;
};

/* [key]: a key of a signer under conditions of its own, which must all hold. */
struct policy_key_lines {
	char *name;
	size_t signer;                         /* index */
	struct policy_names trusts;            /* at most one of each */
	uint8_t (*certs)[32]; size_t certs_n;
	uint8_t (*spkis)[32]; size_t spkis_n;
	int64_t valid_from, valid_until;
	unsigned line;
};

struct policy_revoked {
	char *name;
	uint8_t (*certs)[32]; size_t certs_n;  /* any of them */
	uint8_t (*spkis)[32]; size_t spkis_n;
	int64_t since;                         /* INT64_MIN: always */
	char *reason;                          /* of RFC 5280 5.3.1, or NULL */
	unsigned line;
};

struct policy_rule {
	char *name;
	struct policy_names refs;       /* patterns */
	bool judges_tags;               /* has a `tag` key */
	bool tags_signed;               /* tag = signed */
	bool target_any;                /* target = any; else what a tag tags is accepted */
	enum policy_commits commits;
	bool anyone;                    /* signer = anyone */
	size_t *signers; size_t signers_n; /* indices, roles resolved, no duplicates */
	size_t *trusts; size_t trusts_n;   /* signer = trust:NAME: indices */
	size_t *accepts; size_t accepts_n; /* indices of rules, itself left out */
	bool committer_match;
	enum policy_author author;
	bool any_root;                  /* roots = any */
	bool allow_rewind, allow_delete, allow_keyless;
	bool pusher_said;               /* has a `pusher` key; else the signers may push */
	bool any_pusher;                /* pusher = anyone */
	size_t *pushers; size_t pushers_n; /* as signers */
	size_t *push_trusts; size_t push_trusts_n; /* pusher = trust:NAME: as trusts */
	bool cert_required;             /* pushCertificate = required */
	int64_t expiry_grace;           /* expiryGrace, in seconds; default 0 */
	bool report;                    /* mode = report */
	unsigned line;
};

struct policy {
	char *path;
	uint8_t digest[32];             /* of the file and of every file it names */
	uint8_t rules_digest[32];       /* the same without CRLs: what a serial stands for */
	int64_t serial;
	bool report;                    /* [policy] mode = report */
	struct policy_trust *trusts; size_t trusts_n;
	struct policy_signer *signers; size_t signers_n;
	struct policy_key_lines *keys; size_t keys_n;
	struct policy_revoked *revoked; size_t revoked_n;
	struct policy_rule *rules; size_t rules_n;
	struct trust_limits limits;
	uint64_t object_size;           /* [limits] objectSize; default 1 MiB */
	int64_t time;                   /* [limits] time, seconds; default POLICY_TIME */
	size_t refs;                    /* [limits] refs of one push; default POLICY_REFS */
	size_t threads;                 /* [limits] threads; 0: one a processor, at most
					   POLICY_THREADS */
	struct trust *trust;            /* anchors, CRLs and [revoked] loaded */
};

/*
 * Reads the file and the files it names, each opened once and safely (owner root or
 * the running uid, not writable by others). ERR_CONFIG with "path:line: ..." else.
 * Unknown sections and keys are errors; keys of a later version are said to be so.
 */
int policy_load(const char *path, struct policy **ret, struct err *err);
/* The same without the ownership test (`policy check` on somebody's draft). */
int policy_load_draft(const char *path, struct policy **ret, struct err *err);
void policy_free(struct policy *p);

/* Glob: '*' stops at '/', '**' does not; bytes compare exactly. */
bool policy_glob(const char *pattern, struct bytes name);
/*
 * The enforcing rule that governs a ref: a pattern without wildcard beats one with,
 * else the longer literal prefix wins. NULL: none. Two that tie: ERR_CONFIG.
 */
int policy_rule_for(const struct policy *p, struct bytes ref, const struct policy_rule **ret,
		    struct err *err);
bool policy_rule_covers(const struct policy_rule *r, struct bytes ref);
/* Is a report rule (or the whole file) watching this ref? */
bool policy_reported(const struct policy *p, struct bytes ref);

/* Is `when` in the signer's window? validFrom is, validUntil is not any more. */
bool policy_signer_in_window(const struct policy_signer *s, int64_t when);
/* Has the signer a key then, by the windows of both? 0: yes; -1: not yet; 1: not any more. */
int policy_signer_at(const struct policy *p, const struct policy_signer *s, int64_t when);

/*
 * Which signer a good verdict belongs to at `when`; NULL with the reason in `why`
 * (nobody; or two: ambiguous).
 */
const struct policy_signer *policy_signer_of(const struct policy *p, const struct verdict *v,
					     int64_t when, char *why, size_t why_n);
/* By name or role, or `anyone`. */
bool policy_rule_allows(const struct policy *p, const struct policy_rule *r,
			const struct policy_signer *s);
/* May this signer push, with a push certificate, to the refs of a rule? */
bool policy_rule_allows_push(const struct policy *p, const struct policy_rule *r,
			     const struct policy_signer *s);

/* Who signed, as one rule sees it. Borrowed: lives as long as policy and verdict. */
struct policy_who {
	const struct policy_signer *signer; /* NULL: nobody whom the file names */
	const char *name;                   /* the signer's, else an address; NULL: nobody's */
	const size_t *trusts; size_t trusts_n; /* admitted by one of these trust:NAME; else none */
	const struct policy *policy;
	const struct verdict *verdict;
	char why[512];                      /* when not admitted, and there is no signer */
};
/*
 * May the owner of a good verdict's key sign under the rule? By the [signer] that it
 * belongs to; or because an address of its certificate is in the emailDomain of a trust:NAME
 * that the chain ends at, unless the address is one of a [signer]: then that section
 * decides. False: `why`, or a signer who may not sign here.
 */
bool policy_admits(const struct policy *p, const struct policy_rule *r, const struct verdict *v,
		   int64_t when, struct policy_who *ret);
/* The same for the push certificate: by `pusher`, or where the rule has none by `signer`. */
bool policy_admits_push(const struct policy *p, const struct policy_rule *r,
			const struct verdict *v, int64_t when, struct policy_who *ret);
/* Is an address one of the signer's: of the section, or of the certificate in a domain. */
bool policy_who_has(const struct policy_who *w, struct bytes email);
/* The address to write; NULL: none. */
const char *policy_who_email(const struct policy_who *w);
/* Is an address in the emailDomain of a trust:NAME of the rule? */
bool policy_rule_domain(const struct policy *p, const struct policy_rule *r, struct bytes email);

#endif
