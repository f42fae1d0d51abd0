/*
 * Raw git objects as pure bytes, strictly parsed: commits, tags and push
 * certificates; the signed payload and the signature split apart.
 *
 * Formats: git commit.c (parse_commit_buffer, parse_signed_commit), tag.c,
 * gpg-interface.c (parse_signed_buffer), fsck.c. Strict means that no byte of a
 * signed object is outside both payload and signature, and that no two readers
 * can see different things: where git takes the first of two headers, others the
 * last, two are refused.
 */
#ifndef GH_OBJECT_OBJECT_H
#define GH_OBJECT_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum object_type { OBJECT_NONE = 0, OBJECT_COMMIT, OBJECT_TREE, OBJECT_BLOB, OBJECT_TAG };

const char *object_type_name(enum object_type t);
enum object_type object_type_of(struct bytes name); /* OBJECT_NONE: unknown */

/* An object id: SHA-1 (20 bytes) or SHA-256 (32). */
struct oid {
	uint8_t n; /* 20, 32; 0: none */
	uint8_t b[32];
};

#define OID_HEX_MAX 65 /* with the NUL */

bool oid_parse(struct bytes hex, struct oid *ret);   /* exactly 40 or 64 lower-case digits */
const char *oid_hex(const struct oid *o, char out[OID_HEX_MAX]);
bool oid_is_null(const struct oid *o);               /* all zero */
bool oid_eq(const struct oid *a, const struct oid *b);
/* The id of an object: hash of "type SP size NUL content". */
bool oid_of_object(enum object_type t, struct bytes content, uint8_t hash_bytes, struct oid *ret);
/* The same of content in up to OID_PARTS_MAX parts. */
#define OID_PARTS_MAX 3
bool oid_of_parts(enum object_type t, const struct bytes *parts, size_t n, uint8_t hash_bytes,
		  struct oid *ret);

/* "Name <email> seconds +zone" */
struct object_ident {
	struct bytes name, email;
	int64_t when;
	int zone; /* minutes east of UTC */
};

#define OBJECT_MAX_PARENTS 1024
#define OBJECT_PAYLOAD_PIECES 2

struct object_commit {
	struct oid tree;
	struct oid *parents; /* owned */
	size_t parents_n;
	struct object_ident author, committer;
	struct bytes encoding;  /* as written: a spelling of UTF-8; empty: none written */
	size_t mergetags_n;
	struct bytes message;
	/* What was signed is the concatenation of these. Without signature: the object. */
	struct bytes payload[OBJECT_PAYLOAD_PIECES];
	struct buf signature;   /* armor, continuation spaces taken off; empty: unsigned */
	struct buf der;         /* what it holds, if X.509 and written as usual; empty: read it */
};

struct object_tag {
	struct oid target;
	enum object_type target_type;
	struct bytes name;
	bool has_tagger;
	struct object_ident tagger;
	struct bytes message; /* without the signature */
	struct bytes payload[OBJECT_PAYLOAD_PIECES];
	struct buf signature;
};

/*
 * `hash_bytes` is the repository's (20 or 32): ids must have that length, and the
 * signature header is gpgsig or gpgsig-sha256 accordingly. ERR_INPUT with what was
 * seen (escaped) for everything that is not strictly a commit:
 * headers out of git's order, repeated or unknown ones (known extra headers:
 * encoding UTF-8 only, mergetag, one gpgsig, and Jujutsu's change-id), duplicate
 * parents, NUL, CR or other control characters in headers, idents outside git's
 * grammar, bytes in gpgsig before BEGIN or after END (but for the one empty line that
 * GitHub writes behind an OpenPGP signature; `signature` is without it), armor of
 * another kind than git knows, more than one armor, a mergetag that is not a strict tag
 * of one of the parents, NUL in the message. OpenPGP's armor headers (Version, Comment)
 * are no part of what is signed: whoever verifies that format has to judge them.
 */
int object_parse_commit(struct bytes raw, uint8_t hash_bytes, struct object_commit *ret,
			struct err *err);
void object_commit_free(struct object_commit *c);

/* Likewise for a tag: exactly object, type, tag, tagger; the one armor ends the object. */
int object_parse_tag(struct bytes raw, uint8_t hash_bytes, struct object_tag *ret,
		     struct err *err);
void object_tag_free(struct object_tag *t);

/*
 * A push certificate's text and signature, and its facts (git send-pack.c): version
 * 0.1, pusher, at most one pushee, nonce, push options, a blank line, commands with
 * ids of one length. Unsigned: `signature` is empty.
 */
struct object_push_cert {
	struct bytes pusher; /* what git was told to sign with; proves nothing */
	int64_t when;	     /* the pusher's clock */
	int zone;
	struct bytes pushee; /* empty: none */
	struct bytes nonce;
	struct bytes options, commands; /* their lines, for the functions below */
	size_t options_n, commands_n;
	struct bytes payload[OBJECT_PAYLOAD_PIECES];
	struct buf signature;
};
int object_parse_push_cert(struct bytes raw, struct object_push_cert *ret, struct err *err);
void object_push_cert_free(struct object_push_cert *c);

struct object_command {
	struct oid old, new_;
	struct bytes ref;
};
/* Takes the next off the lines of a parsed certificate, in its order; false at the end. */
bool object_push_cert_command(struct bytes *commands, struct object_command *ret);
bool object_push_cert_option(struct bytes *options, struct bytes *value);

/* git's check-ref-format for a full name "refs/...", and no control or non-UTF-8 bytes. */
bool object_ref_ok(struct bytes name);

#endif
