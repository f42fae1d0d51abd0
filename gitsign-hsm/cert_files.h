/*
 * hsm.certificate and hsm.chain: certificates in files, for modules that hold none.
 */
#ifndef GH_CERT_FILES_H
#define GH_CERT_FILES_H

#include "base/err.h"
#include "settings.h"
#include "sig/cert.h"
#include "token/token.h"

/*
 * Every certificate of the PEM files that `key` ("hsm.certificate", "hsm.chain") names;
 * none is fine. Files are opened as they are: what is trusted is decided elsewhere.
 */
int cert_files_load(const struct settings *s, const char *key, struct cert_list *ret,
		    struct err *err);

/*
 * Adds to `o` each certificate of hsm.certificate whose public key is on a token that `u`
 * (NULL: all) fits, as if it stood beside that key. One that stands there anyway is passed
 * over; one whose key is nowhere is left out.
 */
int cert_files_match(const struct settings *s, struct token *t, const struct uri *u,
		     struct token_objects *o, struct err *err);

#endif
