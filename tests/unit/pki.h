/*
 * A PKI for tests, made in memory: every certificate is a good one but for what
 * its specification says otherwise.
 */
#ifndef GH_TESTS_PKI_H
#define GH_TESTS_PKI_H

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alg.h"
#include "base/buf.h"
#include "base/pem.h"
#include "sig/cms.h"

#define PKI_NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define PKI_DAY 86400

enum pki_ext { EXT_NONE, EXT_UNKNOWN, EXT_UNKNOWN_CRITICAL, EXT_TWICE, EXT_SAN_NUL, EXT_SAN_COMMA, EXT_BAD_BC };

/* Text members: NULL is the default, "" leaves the extension out. */
struct pki_spec {
	const char *cn, *o;
	const char *bc, *ku, *eku, *san, *nc;
	enum pki_ext ext;
	const char *key; /* "rsa:BITS[:E]", "ec:CURVE", "ed25519"; default P-256 */
	const EVP_MD *md;
	int from, until; /* days from PKI_NOW; 0: -10 and 10 */
	long serial;
	bool v1, no_ids, empty_name;
};

struct pki_cert {
	X509 *x;
	EVP_PKEY *key;
	struct buf der;
};

#define PKI_MUST(x)                                                                   \
	do {                                                                          \
		if (!(x)) {                                                           \
			fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #x); \
			abort();                                                      \
		}                                                                     \
	} while (0)

static EVP_PKEY *pki_rsa(const char *spec)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	const char *e = strchr(spec, ':');
	EVP_PKEY *key = NULL;
	BIGNUM *bn = NULL;

	PKI_MUST(EVP_PKEY_keygen_init(ctx) > 0);
	PKI_MUST(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, atoi(spec)) > 0);
	if (e) {
		PKI_MUST(BN_dec2bn(&bn, e + 1));
		PKI_MUST(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, bn) > 0);
	}
	PKI_MUST(EVP_PKEY_keygen(ctx, &key) > 0);
	EVP_PKEY_CTX_free(ctx);
	BN_free(bn);
	return key;
}

static EVP_PKEY *pki_key(const char *spec)
{
	EVP_PKEY *key;

	if (spec && !strncmp(spec, "rsa:", 4))
		return pki_rsa(spec + 4);
	if (spec && !strcmp(spec, "ed25519"))
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", spec ? spec + 3 : "P-256");
	PKI_MUST(key);
	return key;
}

static void pki_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	if (!*value)
		return;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	PKI_MUST(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

static void pki_raw_ext(X509 *x, const char *oid, bool critical, const void *p, int n)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *os = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e;

	PKI_MUST(obj && os && ASN1_OCTET_STRING_set(os, p, n));
	e = X509_EXTENSION_create_by_OBJ(NULL, obj, critical, os);
	PKI_MUST(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(os);
	ASN1_OBJECT_free(obj);
}

static void pki_odd_ext(X509 *x, enum pki_ext kind)
{
	static const unsigned char null[] = { 0x05, 0x00 };
	static const unsigned char san[] = "\x30\x1d\x81\x1b" "alice@example.com\0@evil.com";
	static const unsigned char comma[] = "\x30\x13\x81\x11" "a,bob@example.com";

	if (kind == EXT_UNKNOWN || kind == EXT_TWICE)
		pki_raw_ext(x, "1.2.3.4.5", false, null, 2);
	if (kind == EXT_TWICE)
		pki_raw_ext(x, "1.2.3.4.5", false, null, 2);
	if (kind == EXT_UNKNOWN_CRITICAL)
		pki_raw_ext(x, "1.2.3.4.5", true, null, 2);
	if (kind == EXT_SAN_NUL)
		pki_raw_ext(x, "2.5.29.17", false, san, sizeof(san) - 1);
	if (kind == EXT_SAN_COMMA)
		pki_raw_ext(x, "2.5.29.17", false, comma, sizeof(comma) - 1);
	if (kind == EXT_BAD_BC)
		pki_raw_ext(x, "2.5.29.19", true, null, 2);
}

static const char *pki_or(const char *value, const char *fallback)
{
	return value ? value : fallback;
}

static void pki_extensions(X509 *x, X509 *issuer, const struct pki_spec *s, bool ca)
{
	pki_ext(x, issuer, NID_basic_constraints,
		pki_or(s->bc, ca ? "critical,CA:TRUE" : "critical,CA:FALSE"));
	pki_ext(x, issuer, NID_key_usage,
		pki_or(s->ku, ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"));
	pki_ext(x, issuer, NID_ext_key_usage, pki_or(s->eku, ""));
	pki_ext(x, issuer, NID_subject_alt_name, pki_or(s->san, ca ? "" : "email:alice@example.com"));
	pki_ext(x, issuer, NID_name_constraints, pki_or(s->nc, ""));
	if (!s->no_ids) {
		pki_ext(x, issuer, NID_subject_key_identifier, "hash");
		/* An issuer of version 1 has none that could be named. */
		if (X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) >= 0)
			pki_ext(x, issuer, NID_authority_key_identifier, "keyid:always");
	}
	pki_odd_ext(x, s->ext);
}

static void pki_name(X509 *x, const struct pki_spec *s, bool ca)
{
	X509_NAME *n = X509_get_subject_name(x);

	if (s->empty_name)
		return;
	if (s->o)
		PKI_MUST(X509_NAME_add_entry_by_txt(n, "O", MBSTRING_UTF8, (const void *)s->o, -1,
						    -1, 0));
	PKI_MUST(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8,
					    (const void *)pki_or(s->cn, ca ? "Test CA" : "Alice"),
					    -1, -1, 0));
}

static void pki_finish(struct pki_cert *c)
{
	unsigned char *der = NULL;
	int n = i2d_X509(c->x, &der);

	PKI_MUST(n > 0);
	c->der = (struct buf)BUF_INIT;
	buf_add(&c->der, der, (size_t)n);
	OPENSSL_free(der);
}

/* `issuer` NULL: self-signed. */
static struct pki_cert pki_make(const struct pki_spec *s, const struct pki_cert *issuer, bool ca)
{
	static long serial = 1000;
	struct pki_cert c = { .x = X509_new(), .key = pki_key(s->key) };
	X509 *up = issuer ? issuer->x : c.x;

	PKI_MUST(X509_set_version(c.x, s->v1 ? X509_VERSION_1 : X509_VERSION_3));
	PKI_MUST(ASN1_INTEGER_set(X509_get_serialNumber(c.x), s->serial ? s->serial : ++serial));
	PKI_MUST(ASN1_TIME_set(X509_getm_notBefore(c.x),
			       PKI_NOW + (s->from ? s->from : -10) * PKI_DAY));
	PKI_MUST(ASN1_TIME_set(X509_getm_notAfter(c.x),
			       PKI_NOW + (s->until ? s->until : 10) * PKI_DAY));
	PKI_MUST(X509_set_pubkey(c.x, c.key));
	pki_name(c.x, s, ca);
	PKI_MUST(X509_set_issuer_name(c.x, X509_get_subject_name(up)));
	if (!s->v1)
		pki_extensions(c.x, up, s, ca);
	PKI_MUST(X509_sign(c.x, issuer ? issuer->key : c.key,
			   EVP_PKEY_get_base_id(issuer ? issuer->key : c.key) == EVP_PKEY_ED25519 ?
				   NULL : s->md ? s->md : EVP_sha256()));
	pki_finish(&c);
	return c;
}

static void pki_free(struct pki_cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
	buf_free(&c->der);
}

static inline void pki_pem(struct buf *out, const struct pki_cert *c)
{
	pem_write(out, PEM_CERTIFICATE, buf_bytes(&c->der));
}

/* --- signing with a key in memory ---------------------------------------------- */

static inline int pki_sign_raw(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig,
			       struct err *err)
{
	EVP_PKEY *key = (EVP_PKEY *)ctx;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ed = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
	size_t n = SIG_MAX_SIZE;

	(void)err;
	PKI_MUST(EVP_DigestSignInit(md, NULL, ed ? NULL : alg_hash_md(h), NULL, key) > 0);
	PKI_MUST(EVP_DigestSign(md, buf_reserve(sig, n), &n, tbs.p, tbs.n) > 0);
	sig->n += n;
	EVP_MD_CTX_free(md);
	return 0;
}

/* DER of a signature by `leaf`, with further certificates in the bag. */
static inline void pki_sign(const struct pki_cert *leaf, const struct bytes *bag, size_t bag_n,
			    struct bytes payload, struct buf *der)
{
	struct cms_input in = {
		.payload = { payload },
		.leaf = buf_bytes(&leaf->der),
		.chain = bag,
		.chain_n = bag_n,
		.signing_time = PKI_NOW,
		.signer = { pki_sign_raw, leaf->key },
	};
	struct err err = ERR_INIT;

	if (cms_sign(&in, der, &err)) {
		fprintf(stderr, "cms_sign: %s\n", err.text);
		abort();
	}
}

#endif
