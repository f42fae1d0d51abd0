/* CRLs for tests, made by OpenSSL: good ones but for what the specification says. */
#ifndef GH_TESTS_CRL_MAKE_H
#define GH_TESTS_CRL_MAKE_H

#include "tests/unit/pki.h"

struct crl_spec {
	int from, until; /* days from PKI_NOW; 0: -1 and 7 */
	bool no_next, v1, no_key_id;
	const EVP_MD *md; /* default SHA-256 */
	const char *ext;  /* "OID" of an extension with NULL in it */
	bool critical;
	const char *idp; /* issuingDistributionPoint, as in openssl's configuration */
	int entries;     /* so many others, with serial numbers from 100000 up */
	long serial;     /* 0: none else is revoked */
	int revoked;     /* days from PKI_NOW */
	int invalid;     /* invalidityDate; 0: none */
	int reason;      /* -1: no extension */
	const char *entry_ext;
	bool entry_critical;
};

static inline void crl_time(ASN1_TIME *t, int days)
{
	PKI_MUST(ASN1_TIME_set(t, PKI_NOW + days * PKI_DAY));
}

static inline X509_EXTENSION *crl_ext(const char *oid, bool critical)
{
	static const unsigned char null[] = { 0x05, 0x00 };
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *os = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e;

	PKI_MUST(obj && ASN1_OCTET_STRING_set(os, null, 2));
	e = X509_EXTENSION_create_by_OBJ(NULL, obj, critical, os);
	ASN1_OCTET_STRING_free(os);
	ASN1_OBJECT_free(obj);
	return e;
}

static inline void crl_add(X509_CRL *crl, long serial, const struct crl_spec *s)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	ASN1_TIME *t = ASN1_TIME_new();
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
	ASN1_GENERALIZEDTIME *inv = ASN1_GENERALIZEDTIME_new();
	X509_EXTENSION *e;

	crl_time(t, s->revoked);
	PKI_MUST(ASN1_INTEGER_set(n, serial) && X509_REVOKED_set_serialNumber(r, n));
	PKI_MUST(X509_REVOKED_set_revocationDate(r, t));
	PKI_MUST(ASN1_ENUMERATED_set(reason, s->reason));
	if (s->reason >= 0)
		PKI_MUST(X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, reason, 0, 0) > 0);
	PKI_MUST(ASN1_GENERALIZEDTIME_set(inv, PKI_NOW + s->invalid * PKI_DAY));
	if (s->invalid)
		PKI_MUST(X509_REVOKED_add1_ext_i2d(r, NID_invalidity_date, inv, 0, 0) > 0);
	if (s->entry_ext) {
		e = crl_ext(s->entry_ext, s->entry_critical);
		PKI_MUST(X509_REVOKED_add_ext(r, e, -1));
		X509_EXTENSION_free(e);
	}
	PKI_MUST(X509_CRL_add0_revoked(crl, r));
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(t);
	ASN1_ENUMERATED_free(reason);
	ASN1_GENERALIZEDTIME_free(inv);
}

static inline void crl_extensions(X509_CRL *crl, const struct pki_cert *issuer,
				  const struct crl_spec *s)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer->x, NULL, NULL, crl, 0);
	if (!s->no_key_id && X509_get_ext_by_NID(issuer->x, NID_subject_key_identifier, -1) >= 0) {
		e = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
		PKI_MUST(e && X509_CRL_add_ext(crl, e, -1));
		X509_EXTENSION_free(e);
	}
	if (s->idp) {
		e = X509V3_EXT_conf_nid(NULL, &ctx, NID_issuing_distribution_point, s->idp);
		PKI_MUST(e && X509_CRL_add_ext(crl, e, -1));
		X509_EXTENSION_free(e);
	}
	if (s->ext) {
		e = crl_ext(s->ext, s->critical);
		PKI_MUST(X509_CRL_add_ext(crl, e, -1));
		X509_EXTENSION_free(e);
	}
}

/* DER of a list in the name of `issuer`, signed with `key` (NULL: the issuer's). */
static inline void crl_make(const struct crl_spec *s, const struct pki_cert *issuer, EVP_PKEY *key,
			    struct buf *der)
{
	static const struct crl_spec plain = { .reason = -1 };
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	unsigned char *p = NULL;
	int n, i;

	/* Version 1 is said by saying nothing. */
	PKI_MUST(s->v1 || X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	PKI_MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x)));
	crl_time(t, s->from ? s->from : -1);
	PKI_MUST(X509_CRL_set1_lastUpdate(crl, t));
	crl_time(t, s->until ? s->until : 7);
	if (!s->no_next)
		PKI_MUST(X509_CRL_set1_nextUpdate(crl, t));
	for (i = 0; i < s->entries; i++)
		crl_add(crl, 100000 + i, &plain);
	if (s->serial)
		crl_add(crl, s->serial, s);
	if (!s->v1)
		crl_extensions(crl, issuer, s);
	key = key ? key : issuer->key;
	PKI_MUST(X509_CRL_sign(crl, key,
			       EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL
			       : s->md                                       ? s->md
									     : EVP_sha256()));
	n = i2d_X509_CRL(crl, &p);
	PKI_MUST(n > 0);
	buf_add(der, p, (size_t)n);
	OPENSSL_free(p);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
}

#endif
