/*
 * Which key signs: exactly one usable certificate, or a refusal that lists the
 * candidates and why each was left out.
 */
#ifndef GH_SELECT_H
#define GH_SELECT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "settings.h"
#include "sig/cert.h"
#include "token/token.h"

enum selector_kind { SELECT_ANY, SELECT_EMAIL, SELECT_SHA1, SELECT_SHA256, SELECT_URI };

struct selector {
	enum selector_kind kind;
	char *email;
	uint8_t digest[32];
	struct uri uri;
};

/*
 * "" or NULL: any; a fingerprint (40 or 64 hexadecimal digits; colons, spaces and
 * "0x" allowed); a PKCS#11 URI; an e-mail address, bare, in <> or behind a name.
 * ERR_KEY else.
 */
int selector_parse(const char *text, struct selector *ret, struct err *err);
void selector_free(struct selector *s);

/* One certificate on a token, parsed and judged for signing. */
struct candidate {
	const struct token_object *object;
	const struct token_slot *slot;
	struct cert *cert; /* NULL: not a certificate that can be read */
	char why[160];     /* why it cannot sign; "" when it can */
	bool passed;       /* it is not what is looked for, and was not parsed */
};

struct candidates {
	struct token_objects objects;
	struct candidate *v;
	size_t n;
};

/*
 * Everything on the tokens that `want` fits (a URI's token; NULL: all), and what
 * hsm.certificate adds. Certificates that a fingerprint or a URI's id in `want` cannot mean
 * are passed: on a token with a thousand keys, parsing them is nearly all there is to do.
 */
int candidates_load(const struct settings *s, struct token *t, const struct selector *want,
		    int64_t now, struct candidates *ret, struct err *err);
/* Parses what was passed: all of it, or what may stand in the chain of `leaf` (not NULL). */
void candidates_parse(struct candidates *c, const struct cert *leaf, int64_t now);
void candidates_free(struct candidates *c);

/*
 * The one usable candidate that `s` names. When an e-mail or a fingerprint (of a certificate
 * that is on several tokens) fits several, the one that `fallback` (hsm.key; may be NULL)
 * names wins. ERR_KEY with the list else.
 */
int candidates_pick(const struct candidates *c, const struct selector *s,
		    const struct selector *fallback, const struct candidate **ret, struct err *err);

/*
 * Of two certificates of one key, person and authority with different ends (one was renewed
 * before it was over) the one that lasts longer; NULL when they are a choice to make.
 */
const struct cert *select_later(const struct cert *a, const struct cert *b);

/* Is the certificate within its validity? `why` ("expired at ...", 64 bytes do) is set if not. */
bool select_in_force(const struct cert *x, int64_t now, char *why, size_t room);
/* Fills `why` for a certificate that can be read. */
void candidate_judge(struct candidate *c, int64_t now);
bool candidate_matches(const struct candidate *c, const struct selector *s);

/* A PKCS#11 URI for a candidate's key, without secrets; with the token's serial number, too. */
void candidate_uri(const struct candidate *c, struct buf *out);
void candidate_uri_exact(const struct candidate *c, struct buf *out);

#endif
