/*
 * The facts of one X.509 certificate that this project asks about (RFC 5280).
 * No trust is decided here.
 */
#ifndef GH_SIG_CERT_H
#define GH_SIG_CERT_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/alg.h"

#define CERT_MAX_DER ((size_t)64 << 10)
#define CERT_MAX_ELEMENTS 2048 /* of its DER: each costs OpenSSL up to thirty times its bytes */
#define CERT_MAX_EMAILS 32

struct cert {
	X509 *x509;
	uint8_t *der; /* owned */
	size_t der_n;
	size_t elements;     /* items of DER, those in other items counted */
	struct bytes issuer; /* DER of the Name, a view into der */
	struct bytes serial; /* content octets of the INTEGER, a view into der */
	EVP_PKEY *key;       /* borrowed from x509 */
	struct alg_key alg;
	uint8_t sha1[20];
	uint8_t sha256[32];
	uint8_t spki_sha256[32];       /* of the whole SubjectPublicKeyInfo */
	char *subject;                 /* "/CN=Name/O=..." escaped for status lines; never empty */
	char *emails[CERT_MAX_EMAILS]; /* rfc822Name of the subjectAltName, in order,
	                                  parsed from the ASN.1, only well-formed ones */
	size_t emails_n;
	bool emails_malformed;         /* a rfc822Name with NUL, control bytes or a bad form */
	int64_t not_before, not_after; /* seconds since 1970; not_after is inclusive */
	bool is_ca;
	bool self_issued;
	/* May it sign commits? digitalSignature in keyUsage (the extension must be
	 * there), and extendedKeyUsage, when there, with codeSigning or
	 * emailProtection. */
	bool usage_ok;
	const char *usage_why; /* what is wrong, when not usage_ok */
	unsigned owners;       /* beside the first (cert_keep.h) */
};

/* Exactly one certificate, nothing behind it. The caller frees with cert_free(), and changes
 * nothing: it may not be the only owner. */
int cert_parse(struct bytes der, struct cert **ret, struct err *err);
void cert_free(struct cert *c); /* accepts NULL */

/*
 * The SHA-256 of the certificate in its other form: whoever has one that is signed with
 * ECDSA can put n - s in place of s, and it is as good. False: by this issuer's key there
 * is no other form.
 */
bool cert_other_sha256(const struct cert *c, EVP_PKEY *issuer, uint8_t ret[32]);

/*
 * Can this certificate, by its subject, be the issuer of `c`? For choosing what to parse,
 * which costs twenty times as much: true also for what cannot be read.
 */
bool cert_may_issue(struct bytes der, const struct cert *c);

/* About how many bytes it takes in memory: rather too many. */
size_t cert_size(const struct cert *c);

bool cert_has_email(const struct cert *c, struct bytes email); /* text_email_eq */

/* A list of them, as in a chain or a bundle. */
struct cert_list {
	struct cert **v;
	size_t n;
};
void cert_list_free(struct cert_list *l);
void cert_list_add(struct cert_list *l, struct cert *c); /* takes it */
/* All certificates of a PEM text; at least one, at most `max`. */
int cert_list_from_pem(struct bytes text, size_t max, struct cert_list *l, struct err *err);
/* The same, and none is no error. */
int cert_list_add_pem(struct bytes text, size_t max, struct cert_list *l, struct err *err);
/* The issuers of `leaf` out of `pool`, in order, self-signed ones left out. Borrowed pointers. */
size_t cert_chain_for(const struct cert *leaf, const struct cert_list *pool,
		      const struct cert **out, size_t max);

#endif
