#include "issue.h"

#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/der.h"
#include "base/mem.h"
#include "base/pem.h"
#include "base/text.h"

#define DAY 86400L
#define EMAIL_MAX 255 /* RFC 5280, ub-emailaddress-length */

static int ssl_failed(struct err *err, const char *what)
{
	return err_set(err, ERR_INTERNAL, "%s cannot be built", what);
}

/* "/CN=Name/O=Company"; a backslash before a slash keeps it. */
static int parse_subject(X509_NAME *n, const char *text, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(text));
	struct buf part = BUF_INIT;
	const char *p = text;
	int entries = 0;

	while (*p == '/') {
		char *eq;

		buf_clear(&part);
		for (p++; *p != '\0' && *p != '/'; p++) {
			if (*p == '\\' && p[1] != '\0')
				p++;
			buf_add_byte(&part, (uint8_t)*p);
		}
		eq = part.n > 0 ? strchr((char *)part.p, '=') : NULL;
		if (eq == NULL || eq[1] == '\0')
			break;
		*eq = '\0';
		if (X509_NAME_add_entry_by_txt(n, (char *)part.p, MBSTRING_UTF8,
					       (const unsigned char *)eq + 1, -1, -1, 0) != 1)
			break;
		entries++;
		if (*p == '\0') {
			buf_free(&part);
			return 0;
		}
	}
	buf_free(&part);
	return err_set(err, ERR_USAGE, "--subject %s: write it like /CN=Name/O=Company", shown);
}

static int set_subject(const struct issue *i, X509_NAME *n, struct err *err)
{
	if (i->subject != NULL)
		return parse_subject(n, i->subject, err);
	if (i->name == NULL || i->name[0] == '\0')
		return err_set(err, ERR_USAGE,
			       "whose certificate? Give --subject /CN=NAME, or set "
			       "user.name");
	if (X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)i->name, -1,
				       -1, 0) != 1)
		return err_set(err, ERR_USAGE,
			       "the name does not fit a certificate (64 characters, "
			       "UTF-8)");
	return 0;
}

static int add_extension(STACK_OF(X509_EXTENSION) * all, X509V3_CTX *c, int nid, const char *value,
			 struct err *err)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, c, nid, value);

	if (e == NULL || sk_X509_EXTENSION_push(all, e) <= 0) {
		X509_EXTENSION_free(e);
		return ssl_failed(err, OBJ_nid2sn(nid));
	}
	return 0;
}

static bool add_email(GENERAL_NAMES *names, const char *email)
{
	GENERAL_NAME *n = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	if (n == NULL || s == NULL || ASN1_STRING_set(s, email, -1) != 1) {
		GENERAL_NAME_free(n);
		ASN1_IA5STRING_free(s);
		return false;
	}
	GENERAL_NAME_set0_value(n, GEN_EMAIL, s);
	return sk_GENERAL_NAME_push(names, n) > 0;
}

/* Not through OpenSSL's configuration syntax: an address may hold what means something
 * there. */
static int add_emails(STACK_OF(X509_EXTENSION) * all, const struct issue *i, struct err *err)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	X509_EXTENSION *e = NULL;
	bool ok = names != NULL;

	for (size_t k = 0; k < i->emails_n && ok; k++) {
		if (!text_email_ok(bytes_str(i->emails[k])) || strlen(i->emails[k]) > EMAIL_MAX) {
			_cleanup_free_ char *shown = text_escaped(bytes_str(i->emails[k]));

			GENERAL_NAMES_free(names);
			return err_set(err, ERR_USAGE, "%s is no e-mail address", shown);
		}
		ok = add_email(names, i->emails[k]);
	}
	if (ok)
		e = X509V3_EXT_i2d(NID_subject_alt_name, 0, names);
	GENERAL_NAMES_free(names);
	if (e == NULL || sk_X509_EXTENSION_push(all, e) <= 0) {
		X509_EXTENSION_free(e);
		return ssl_failed(err, "the e-mail addresses");
	}
	return 0;
}

static int extensions(const struct issue *i, X509V3_CTX *c, STACK_OF(X509_EXTENSION) * all,
		      struct err *err)
{
	int r;

	if (i->emails_n == 0)
		return err_set(err, ERR_USAGE,
			       "a commit is bound to its committer by the e-mail "
			       "address: give --email ADDRESS, or set user.email");
	if ((r = add_extension(all, c, NID_key_usage, "critical,digitalSignature", err)) != 0 ||
	    (r = add_extension(all, c, NID_ext_key_usage, "codeSigning,emailProtection", err)) != 0)
		return r;
	return add_emails(all, i, err);
}

/* SEQUENCE { what is signed, AlgorithmIdentifier, BIT STRING }: RFC 5280 4.1.1. */
static int sign(const struct issue *i, struct bytes tbs, struct buf *der, struct err *err)
{
	struct alg_key alg = alg_of_key(i->key);
	enum alg_hash h = alg_hash_for(alg);
	struct buf sig = BUF_INIT, bits = BUF_INIT;
	size_t whole, seq;
	int r = i->sign(i->ctx, h, tbs, &sig, err);

	if (r == 0) {
		whole = der_open(der, DER_SEQUENCE);
		buf_add_bytes(der, tbs);
		seq = der_open(der, DER_SEQUENCE);
		der_put(der, DER_OID, alg_signature_oid(alg.kind, h));
		if (alg.kind == KEY_RSA)
			der_put(der, DER_NULL, BYTES_NONE);
		der_close(der, seq);
		buf_add_byte(&bits, 0);
		buf_add_bytes(&bits, buf_bytes(&sig));
		der_put(der, DER_BIT_STRING, buf_bytes(&bits));
		der_close(der, whole);
	}
	buf_free(&sig);
	buf_free(&bits);
	return r;
}

static int no_match(struct err *err)
{
	return err_set(err, ERR_TOKEN,
		       "the token's signature does not verify with the public key "
		       "beside it: nothing was written");
}

/* --- a request ------------------------------------------------------------------ */

static int build_request(const struct issue *i, X509_REQ *q, struct err *err)
{
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
	X509V3_CTX c;
	int r = 0;

	X509V3_set_ctx(&c, NULL, NULL, q, NULL, 0);
	if (all == NULL || X509_REQ_set_version(q, 0) != 1 || X509_REQ_set_pubkey(q, i->key) != 1)
		r = ssl_failed(err, "the request");
	if (r == 0)
		r = set_subject(i, X509_REQ_get_subject_name(q), err);
	if (r == 0)
		r = extensions(i, &c, all, err);
	if (r == 0 && X509_REQ_add_extensions(q, all) != 1)
		r = ssl_failed(err, "the request");
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return r;
}

static bool request_verifies(struct bytes der, EVP_PKEY *key)
{
	const unsigned char *p = der.p;
	X509_REQ *q = d2i_X509_REQ(NULL, &p, (long)der.n);
	bool ok = q != NULL && p == der.p + der.n && X509_REQ_verify(q, key) == 1;

	X509_REQ_free(q);
	return ok;
}

int issue_request(const struct issue *i, struct buf *pem, struct err *err)
{
	X509_REQ *q = X509_REQ_new();
	unsigned char *tbs = NULL;
	struct buf der = BUF_INIT;
	int n = 0, r = q != NULL ? build_request(i, q, err) : ssl_failed(err, "the request");

	if (r == 0 && (n = i2d_re_X509_REQ_tbs(q, &tbs)) <= 0)
		r = ssl_failed(err, "the request");
	if (r == 0)
		r = sign(i, bytes_of(tbs, (size_t)n), &der, err);
	if (r == 0 && !request_verifies(buf_bytes(&der), i->key))
		r = no_match(err);
	if (r == 0)
		pem_write(pem, "CERTIFICATE REQUEST", buf_bytes(&der));
	OPENSSL_free(tbs);
	X509_REQ_free(q);
	buf_free(&der);
	return r;
}

/* --- a self-signed certificate ----------------------------------------------------- */

static bool set_serial(X509 *x)
{
	uint8_t b[16];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(b, sizeof(b)) != 1)
		return false;
	b[0] = (uint8_t)((b[0] & 0x7f) | 0x40); /* positive, and of one length */
	n = BN_bin2bn(b, sizeof(b), NULL);
	ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

static bool set_algorithm(X509 *x, struct alg_key alg)
{
	struct bytes oid = alg_signature_oid(alg.kind, alg_hash_for(alg));
	struct buf whole = BUF_INIT;
	const unsigned char *p;
	ASN1_OBJECT *o;
	/* Part of what is signed; OpenSSL sets it in X509_sign() only. */
	X509_ALGOR *in = (X509_ALGOR *)(uintptr_t)X509_get0_tbs_sigalg(x);
	bool ok;

	der_put(&whole, DER_OID, oid);
	p = whole.p;
	o = d2i_ASN1_OBJECT(NULL, &p, (long)whole.n);
	ok = o != NULL &&
	     X509_ALGOR_set0(in, o, alg.kind == KEY_RSA ? V_ASN1_NULL : V_ASN1_UNDEF, NULL) == 1;
	if (!ok)
		ASN1_OBJECT_free(o);
	buf_free(&whole);
	return ok;
}

static int add_all(const struct issue *i, X509 *x, struct err *err)
{
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
	X509V3_CTX c;
	int r = all != NULL ? 0 : ssl_failed(err, "the certificate");

	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	if (r == 0)
		r = add_extension(all, &c, NID_basic_constraints, "critical,CA:false", err);
	if (r == 0)
		r = extensions(i, &c, all, err);
	if (r == 0)
		r = add_extension(all, &c, NID_subject_key_identifier, "hash", err);
	for (int k = 0; r == 0 && k < sk_X509_EXTENSION_num(all); k++)
		if (X509_add_ext(x, sk_X509_EXTENSION_value(all, k), -1) != 1)
			r = ssl_failed(err, "the certificate");
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return r;
}

static int build_certificate(const struct issue *i, X509 *x, struct err *err)
{
	int r;

	if (X509_set_version(x, 2) != 1 || !set_serial(x) || X509_set_pubkey(x, i->key) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(x), -300) == NULL || /* clocks differ a little */
	    X509_gmtime_adj(X509_getm_notAfter(x), DAY * i->days) == NULL ||
	    !set_algorithm(x, alg_of_key(i->key)))
		return ssl_failed(err, "the certificate");
	r = set_subject(i, X509_get_subject_name(x), err);
	if (r == 0 && X509_set_issuer_name(x, X509_get_subject_name(x)) != 1)
		r = ssl_failed(err, "the certificate");
	return r == 0 ? add_all(i, x, err) : r;
}

static bool certificate_verifies(struct bytes der, EVP_PKEY *key)
{
	const unsigned char *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);
	bool ok = x != NULL && p == der.p + der.n && X509_verify(x, key) == 1;

	X509_free(x);
	return ok;
}

int issue_self_signed(const struct issue *i, struct buf *pem, struct err *err)
{
	X509 *x = X509_new();
	unsigned char *tbs = NULL;
	struct buf der = BUF_INIT;
	int n = 0,
	    r = x != NULL ? build_certificate(i, x, err) : ssl_failed(err, "the certificate");

	if (r == 0 && (n = i2d_re_X509_tbs(x, &tbs)) <= 0)
		r = ssl_failed(err, "the certificate");
	if (r == 0)
		r = sign(i, bytes_of(tbs, (size_t)n), &der, err);
	if (r == 0 && !certificate_verifies(buf_bytes(&der), i->key))
		r = no_match(err);
	if (r == 0)
		pem_write(pem, "CERTIFICATE", buf_bytes(&der));
	OPENSSL_free(tbs);
	X509_free(x);
	buf_free(&der);
	return r;
}
