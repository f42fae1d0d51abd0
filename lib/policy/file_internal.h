/* What the files of the policy's reader share; tests and fuzzers include it too. */
#ifndef GH_POLICY_FILE_INTERNAL_H
#define GH_POLICY_FILE_INTERNAL_H

#include "base/gitconf.h"
#include "policy/policy.h"

#define POLICY_TEXT_MAX ((size_t)1 << 20) /* of the file, and of each one it names */
#define POLICY_PATTERN_MAX 255            /* bytes of a `ref` */
#define POLICY_NAME_MAX 64                /* bytes of a signer's, role's, ... name */
#define POLICY_SIGNERS_MAX 4096
#define POLICY_SECTIONS_MAX 1024          /* roles, rules */
#define POLICY_PATTERNS_MAX 4096          /* of all rules */

/* How a file that the policy names is read, of at most `max` bytes; `path` is joined to
 * the policy's own. */
typedef int policy_reader(void *ctx, const char *path, size_t max, struct buf *out,
			  struct err *err);

/* A policy from memory: `path` stands in the errors, and is what others are relative to. */
int policy_parse(struct bytes text, const char *path, policy_reader *read, void *ctx,
		 struct policy **ret, struct err *err);

/* --- patterns (match.c) ---------------------------------------------------------- */

/* What is wrong with a pattern, and what to write; NULL: nothing. */
const char *policy_pattern_fault(const char *pattern);
/* Pattern without wildcard: SIZE_MAX; else the length before the first one. */
size_t policy_pattern_rank(const char *pattern);
/*
 * Is there a name that both patterns match? Takes the product of their lengths off
 * `*budget`; when there is not as much left, it becomes 0 and the answer is yes.
 */
bool policy_patterns_meet(const char *a, const char *b, size_t *budget);

/* --- reading (file.c) ------------------------------------------------------------ */

/* A name as written, to be looked up when every section is known. */
struct policy_word {
	const char *text; /* lives in the parsed configuration */
	unsigned line;
};

struct policy_words {
	struct policy_word *v;
	size_t n, cap;
};

/* What only one signer may have at a time. */
struct policy_claim {
	char *text; /* "email alice@example.com", comparable byte by byte */
	size_t signer;
	size_t key; /* SIZE_MAX: the signer's own line, else the [key] that has it */
	unsigned line;
};

struct policy_role {
	const char *name;
	struct policy_words words;
	size_t *signers; size_t signers_n;
	unsigned line;
};

struct policy_crl {
	char *path; /* joined */
	unsigned line;
	struct buf text;
};

enum policy_crls { CRLS_REQUIRE, CRLS_IF_PRESENT, CRLS_OFF };

struct policy_anchors {
	const char *name;
	char *roots; /* path, joined */
	unsigned line, roots_line;
	struct buf pem;
	struct policy_crl *crls; size_t crls_n;
	enum policy_crls asks;
	unsigned asks_line; /* 0: not said */
};

struct policy_fault {
	unsigned line;
	size_t order; /* of detection: faults of one line stay in it */
	char *text;
};

struct policy_key;

struct policy_draft {
	struct policy *p;
	const char *path;
	policy_reader *read;
	void *ctx;
	struct gitconf conf;

	struct policy_anchors *anchors; size_t anchors_n;
	struct policy_role *roles; size_t roles_n;
	struct policy_words *rule_words; /* beside p->rules: of `signer`, `accepts`, `pusher` */
	struct policy_words *accept_words, *pusher_words;
	struct policy_words trust_words; /* of all signers and keys */
	struct policy_word *key_signers; /* beside p->keys; text NULL: none said */
	struct policy_claim *claims; size_t claims_n, claims_cap;
	size_t patterns_n;
	bool key_said, hash_said, bits_said; /* [algorithms] has such a key */
	unsigned bits_line;

	/* The section and the key at hand. */
	const char *section;
	unsigned section_line, line;
	const struct policy_key *keys; /* of the section */
	uint64_t seen; /* bit i: keys[i] stood in this section */

	struct policy_fault *faults; size_t faults_n, faults_all;
};

/* Notes a fault of the file; reading goes on. */
void policy_fault(struct policy_draft *d, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A value for a fault: escaped, long ones cut. The caller frees. */
char *policy_shown(const char *value);
bool policy_key_seen(const struct policy_draft *d, const char *name);
void policy_word_add(struct policy_words *w, const char *text, unsigned line);

/* --- keys (file_keys.c) ---------------------------------------------------------- */

enum policy_key_kind { KEY_ONCE, KEY_REPEAT, KEY_LATER };

struct policy_key {
	const char *name; /* as it is written in the manual */
	enum policy_key_kind kind;
	bool required;
	void (*set)(struct policy_draft *d, const char *value);
};

struct policy_section {
	const char *name;
	bool named;                       /* [name "x"] */
	const struct policy_key *keys;
	void (*begin)(struct policy_draft *d, const char *name);
	void (*end)(struct policy_draft *d);
};

#define POLICY_KEYS_END { NULL, KEY_ONCE, false, NULL }
#define POLICY_KEY_LATER(name) { name, KEY_LATER, false, NULL }

/* Makes room for one more, zeroed. */
void *policy_grow(void *list, size_t *n, size_t size);
void policy_names_add(struct policy_names *names, const char *name);
/* One of two words; the fault names both. */
bool policy_word_of_two(struct policy_draft *d, const char *key, const char *value,
			const char *yes, const char *no);

/* file_signer.c, file_rule.c */
extern const struct policy_key policy_key_keys[], policy_revoked_keys[];
extern const struct policy_key policy_signer_keys[], policy_role_keys[], policy_rule_keys[];
void policy_begin_signer(struct policy_draft *d, const char *name);
void policy_end_signer(struct policy_draft *d);
void policy_begin_key(struct policy_draft *d, const char *name);
void policy_end_key(struct policy_draft *d);
void policy_begin_revoked(struct policy_draft *d, const char *name);
void policy_end_revoked(struct policy_draft *d);
void policy_set_time(struct policy_draft *d, const char *key, const char *value, int64_t *ret);
/* Adds "sha256:..." to a list. With `claims` it belongs to the signer or
 * [key] at hand alone. */
void policy_add_digest(struct policy_draft *d, const char *key, const char *value,
		       uint8_t (**list)[32], size_t *n, bool claims);
/* "trust = NAME" of a signer or a key. */
void policy_add_trust(struct policy_draft *d, struct policy_names *trusts, const char *value);
void policy_begin_role(struct policy_draft *d, const char *name);
void policy_begin_rule(struct policy_draft *d, const char *name);
void policy_end_rule(struct policy_draft *d);

/* NULL: there is no such section. `name` is lower case. */
const struct policy_section *policy_section_find(const char *name);

/* --- the files that are named (file_trust.c) -------------------------------------- */

void policy_read_files(struct policy_draft *d);
/* Anchors, lists and [revoked] into the policy's trust object; faults are noted. */
void policy_load_trust(struct policy_draft *d);
/* Of `text` and of all that was read. False: there is no SHA-256. */
bool policy_digest(struct policy_draft *d, struct bytes text);

/* --- the whole (file_check.c) ---------------------------------------------------- */

/* What one section alone cannot show: names, windows that overlap, rules that tie. */
void policy_check_whole(struct policy_draft *d);
/* file_accepts.c: resolves `accepts`. */
void policy_check_accepts(struct policy_draft *d);

#endif
