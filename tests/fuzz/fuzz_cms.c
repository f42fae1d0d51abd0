/*
 * CMS messages: views lie inside, what is read out of BER reads the same as DER,
 * nothing is good under a key that signed nothing, OpenSSL, where it reads the same
 * message, finds the same in it, what is good to us is good to it, by its CMS code and by
 * its PKCS#7 code, and what is good to it we refuse for a reason that the manual names.
 */
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <stdlib.h>
#include <string.h>

#include "sig/cert.h"
#include "sig/cms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void inside(struct bytes raw, struct bytes v)
{
	must(v.n == 0 || (v.p >= raw.p && v.p + v.n <= raw.p + raw.n));
}

static void check_views(const struct cms *c)
{
	inside(c->der, c->issuer);
	inside(c->der, c->serial);
	inside(c->der, c->certs_whole);
	inside(c->der, c->signed_attrs_whole);
	inside(c->signed_attrs_whole, c->signed_attrs);
	inside(c->signed_attrs, c->message_digest);
	inside(c->signed_attrs, c->ess_cert_hash);
	inside(c->signed_attrs, c->ess_v1_hash);
	inside(c->der, c->signature);
	inside(c->der, c->timestamp_token);
	for (size_t i = 0; i < c->certs_n; i++)
		inside(c->certs_whole, c->certs[i]);
}

static void check_facts(const struct cms *c)
{
	int i = cms_signer_index(c);

	must(c->hash >= HASH_SHA256 && c->hash <= HASH_SHA512);
	must(c->family == KEY_RSA || c->family == KEY_P256 || c->family == KEY_ED25519);
	must(c->certs_n <= CMS_MAX_CERTS && i >= -1 && i < (int)c->certs_n);
	must(c->signature.n > 0 && c->signature.n <= SIG_MAX_SIZE);
	must(c->has_ess == (c->ess_cert_hash.n + c->ess_v1_hash.n > 0));
	must(c->ess_cert_hash.n == alg_hash_size(c->ess_hash));
	must(c->ess_v1_hash.n == 0 || c->ess_v1_hash.n == 20);
}

static void same(const struct cms *a, const struct cms *b)
{
	must(b->own.n == 0 && a->hash == b->hash && a->family == b->family);
	must(a->certs_n == b->certs_n && a->ess_hash == b->ess_hash);
	must(a->has_signing_time == b->has_signing_time && a->signing_time == b->signing_time);
	must(bytes_eq(a->issuer, b->issuer) && bytes_eq(a->serial, b->serial));
	must(bytes_eq(a->certs_whole, b->certs_whole) && bytes_eq(a->signature, b->signature));
	must(bytes_eq(a->signed_attrs_whole, b->signed_attrs_whole));
	must(bytes_eq(a->message_digest, b->message_digest));
	must(bytes_eq(a->ess_cert_hash, b->ess_cert_hash));
	must(bytes_eq(a->ess_v1_hash, b->ess_v1_hash));
	must(bytes_eq(a->timestamp_token, b->timestamp_token));
}

/* By a key that signed nothing. */
static void check_not_good(const struct cms *c)
{
	static EVP_PKEY *keys[3];
	static struct cms_key *prepared[3];
	struct bytes payload = BYTES_LIT("never signed");

	for (int i = 0; i < 3; i++) {
		if (!keys[i]) {
			keys[i] = i == 0   ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
				  : i == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
					   : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
			must(cms_key_new(keys[i], &prepared[i], NULL) == 0);
		}
		must(cms_check(c, &payload, 1, c->certs[0], prepared[i], NULL) == ERR_BAD);
	}
}

static bool same_octets(const ASN1_OCTET_STRING *a, struct bytes b)
{
	return a && bytes_eq(bytes_of(ASN1_STRING_get0_data(a), (size_t)ASN1_STRING_length(a)), b);
}

static void check_signer(CMS_SignerInfo *si, const struct cms *c)
{
	struct bytes serial = c->serial;
	ASN1_INTEGER *number;
	X509_NAME *issuer;
	unsigned char *der = NULL;
	int n;

	must(same_octets(CMS_SignerInfo_get0_signature(si), c->signature));
	must(same_octets(CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_messageDigest), -3,
						     V_ASN1_OCTET_STRING),
			 c->message_digest));
	must(CMS_SignerInfo_get0_signer_id(si, NULL, &issuer, &number) == 1);
	n = i2d_ASN1_INTEGER(number, &der);
	must(n > 2 && (size_t)n >= serial.n);
	must(serial.n > 127 || bytes_eq(bytes_of(der + 2, (size_t)n - 2), serial));
	OPENSSL_free(der);
}

/* It may refuse what we leave to others: names, certificates. */
static void check_library(const struct cms *c)
{
	const unsigned char *p = c->der.p;
	CMS_ContentInfo *ci = d2i_CMS_ContentInfo(NULL, &p, (long)c->der.n);
	STACK_OF(CMS_SignerInfo) *infos = ci ? CMS_get0_SignerInfos(ci) : NULL;
	STACK_OF(X509) *certs = ci ? CMS_get1_certs(ci) : NULL;

	if (ci) {
		must(p == c->der.p + c->der.n && CMS_is_detached(ci) == 1);
		must(sk_CMS_SignerInfo_num(infos) == 1);
		must((certs ? sk_X509_num(certs) : 0) == (int)c->certs_n);
		check_signer(sk_CMS_SignerInfo_value(infos, 0), c);
	}
	sk_X509_pop_free(certs, X509_free);
	CMS_ContentInfo_free(ci);
	ERR_clear_error();
}

/* Over the bytes that the seeds are signatures of (seeds.sh), apart from all trust. */
static bool cms_verifies(struct bytes der, struct bytes payload)
{
	const unsigned char *p = der.p;
	CMS_ContentInfo *ci = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	BIO *in = BIO_new_mem_buf(payload.p, (int)payload.n);
	bool ok = ci && p == der.p + der.n &&
		  CMS_verify(ci, NULL, NULL, in, NULL,
			     CMS_BINARY | CMS_DETACHED | CMS_NO_SIGNER_CERT_VERIFY) == 1;

	BIO_free(in);
	CMS_ContentInfo_free(ci);
	ERR_clear_error();
	return ok;
}

static bool pkcs7_verifies(struct bytes der, struct bytes payload)
{
	const unsigned char *p = der.p;
	PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.n);
	BIO *in = BIO_new_mem_buf(payload.p, (int)payload.n);
	bool ok = p7 && p == der.p + der.n && PKCS7_type_is_signed(p7) && PKCS7_is_detached(p7) &&
		  PKCS7_verify(p7, NULL, NULL, in, NULL, PKCS7_BINARY | PKCS7_NOVERIFY) == 1;

	BIO_free(in);
	PKCS7_free(p7);
	ERR_clear_error();
	return ok;
}

/* As lib/trust has it: one certificate that cannot be read, and nothing is good. */
static bool bag_is_read(const struct cms *c)
{
	for (size_t i = 0; i < c->certs_n; i++) {
		struct cert *x = NULL;

		if (cert_parse(c->certs[i], &x, NULL))
			return false;
		cert_free(x);
	}
	return true;
}

/* OpenSSL asks the certificate alone which kind of key it is. */
static bool other_family(const struct cms *c, const struct cert *leaf)
{
	enum alg_kind kind = leaf->alg.kind;

	return c->family != (kind == KEY_RSA || kind == KEY_ED25519 ? kind : KEY_P256);
}

/* Is it good to us? Else why not. */
static bool we_verify(const struct cms *c, struct bytes payload, struct err *err)
{
	int i = cms_signer_index(c);
	struct cms_key *key = NULL;
	struct cert *leaf = NULL;
	bool ok;

	if (i < 0 || !bag_is_read(c) || cert_parse(c->certs[i], &leaf, NULL)) {
		err_set(err, ERR_BAD, "the certificates");
		return false;
	}
	if (leaf->key && other_family(c, leaf)) {
		cert_free(leaf);
		err_set(err, ERR_BAD, "a signature algorithm of another kind of key");
		return false;
	}
	ok = leaf->key && cms_key_new(leaf->key, &key, err) == 0 &&
	     cms_check(c, &payload, 1, c->certs[i], key, err) == 0;
	cms_key_free(key);
	cert_free(leaf);
	return ok;
}

/* gitsign-hsm(1), LIMITATIONS: what OpenSSL takes and we do not. */
static bool named_difference(const char *why)
{
	static const char *const known[] = {
		"digest algorithm",
		"there are no signed attributes",
		"signed attribute",
		"signed attributes",
		"unsigned attribute",
		"a timestamp that is not one",
		"of version 1",
		"not named by issuer",
		"carries its own",
		"certificate bag",
		"more than 16",
		"CRLs, or something behind",
		"more than one Signer",
		"signature algorithm",
		"stands behind",
		"larger than",
		"Algorithm",
		"the content is not id-data",
		"the certificates",
		"of a kind that is not known",
		"names another certificate",
		"do not agree",
		"neither DER nor BER",
		"the signature value",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(why, known[i]))
			return true;
	return false;
}

/* OpenSSL's CMS code knows no Ed25519 (RFC 8419). */
static void check_second_opinion(const struct cms *c, struct bytes payload)
{
	struct err err = ERR_INIT;
	bool cms = cms_verifies(c->der, payload), pkcs7 = pkcs7_verifies(c->der, payload);

	if (we_verify(c, payload, &err))
		must(c->family == KEY_ED25519 || (cms && pkcs7));
	else if (cms || pkcs7)
		must(named_difference(err.text));
}

static void check_refusal(struct bytes data, struct bytes payload, const char *why)
{
	if (!named_difference(why))
		must(!cms_verifies(data, payload) && !pkcs7_verifies(data, payload));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes payload = BYTES_LIT("payload\n");
	struct err err = ERR_INIT;
	struct cms c, again;
	int r = cms_parse(bytes_of(data, size), &c, &err);

	if (r != 0) {
		must(r == ERR_INPUT && err.code == ERR_INPUT && err.text[0]);
		check_refusal(bytes_of(data, size), payload, err.text);
		return 0;
	}
	if (c.own.n == 0)
		must(c.der.p == data && c.der.n == size);
	check_views(&c);
	check_facts(&c);
	must(cms_parse(c.der, &again, NULL) == 0);
	same(&c, &again);
	cms_free(&again);
	check_not_good(&c);
	check_library(&c);
	check_second_opinion(&c, payload);
	cms_free(&c);
	return 0;
}
