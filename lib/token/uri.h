/* PKCS#11 URIs (RFC 7512), the path part and module-path, module-name, pin-source. */
#ifndef GH_TOKEN_URI_H
#define GH_TOKEN_URI_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

struct uri {
	/* NULL: not named, matches anything. Percent-decoded, NUL-terminated. */
	char *token, *manufacturer, *serial, *model; /* of the token */
	char *object;   /* CKA_LABEL */
	uint8_t *id;    /* CKA_ID */
	size_t id_n;
	bool has_id;
	char *type;     /* "private", "cert", "public" or NULL */
	long slot_id;   /* -1: not named */
};

/*
 * ERR_USAGE for what is not a PKCS#11 URI, for unknown or repeated path
 * attributes, for NUL, and always for pin-value and for pin-source (PINs are
 * configured with hsm.pinSource: git publishes user.signingKey). The error text
 * never repeats the query.
 */
int uri_parse(const char *text, struct uri *ret, struct err *err);
void uri_free(struct uri *u);
bool uri_is(const char *text); /* begins with "pkcs11:" in any case */

/* "pkcs11:token=...;id=%01;object=..." for a key, percent-encoded. */
void uri_format(struct buf *out, const struct uri *u);

#endif
