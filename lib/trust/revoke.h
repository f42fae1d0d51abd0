/*
 * What the CRLs under one trust name, and keys known to be revoked, say about a chain.
 * Facts without time: when they count is compared at each verdict.
 */
#ifndef GH_TRUST_REVOKE_H
#define GH_TRUST_REVOKE_H

#include <openssl/x509.h>

#include "sig/cert.h"
#include "sig/crl.h"
#include "trust/trust.h"

/* Keys that are refused, by the digest of their SubjectPublicKeyInfo, and certificates,
 * by their own. */
enum revoked_kind { REVOKED_KEY, REVOKED_CERTIFICATE };
struct revoked_key {
	enum revoked_kind kind;
	uint8_t sha256[32];
	int64_t since;
	char *why; /* behind "(": "keyCompromise", or another's certificate; escaped */
};
struct revoked_keys {
	struct revoked_key *v;
	size_t n;
};
void revoked_keys_add(struct revoked_keys *k, enum revoked_kind kind, const uint8_t sha256[32],
		      int64_t since, const char *why);
void revoked_keys_free(struct revoked_keys *k);

/* The earliest revocation that is known. */
struct revoked {
	int64_t at; /* INT64_MAX: none */
	char *why;  /* one sentence, owned; NULL: none */
};
#define REVOKED_NONE ((struct revoked){ INT64_MAX, NULL })
/* `issuer` (NULL: not known) tells which other form the certificate has. */
void revoked_key_look(const struct revoked_keys *k, const struct cert *c, const struct cert *issuer,
		      struct revoked *ret);

/* Are the CRLs there that have to be asked about a chain? */
struct crl_cover {
	int64_t from, until;      /* all that were found are current in it, inclusive */
	char *from_of, *until_of; /* whose CRL bounds it; owned; NULL when open */
	char *missing;            /* why one cannot be had; owned; NULL: all are there */
	bool wrong;               /* and that is because what is there is wrong */
};
void crl_cover_free(struct crl_cover *c);

/* The lists under one trust name. Not for two threads at once: crl_set_clone(). */
struct crl_set {
	struct crl_use {
		struct crl *crl;
		uint8_t spki[32]; /* of the issuer it was last checked with */
		bool tried, good;
	} * v;
	size_t n;
};
void crl_set_free(struct crl_set *s);
void crl_set_clone(const struct crl_set *of, struct crl_set *ret);

/*
 * Reads files of CRLs, which may also hold certificates in PEM form. One of these that a
 * list revokes makes its key a revoked one; its issuer stands there too, or in `anchors`.
 * ERR_CONFIG with the reason, and the index of the file in *bad.
 */
int crl_set_read(const struct bytes *files, size_t n, const struct cert_list *anchors,
		 struct crl_set *ret, struct revoked_keys *keys, size_t *bad, struct err *err);

/* The latest nextUpdate of an issuer's lists; returns the index of its first one. */
size_t crl_set_until(const struct crl_set *s, const char *issuer, int64_t *until);

/* Looks each certificate of a good chain up, its anchor left out. `revoked` and `cover`
 * are filled in before, and narrowed. */
void crl_set_judge(struct crl_set *s, const STACK_OF(X509) * chain, const struct revoked_keys *keys,
		   struct revoked *revoked, struct crl_cover *cover);

#endif
