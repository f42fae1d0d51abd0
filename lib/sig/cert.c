/* One X.509 certificate: OpenSSL reads it, our own walk finds the bytes that we compare. */
#include "sig/cert.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/der.h"
#include "base/mem.h"
#include "base/pem.h"
#include "base/text.h"
#include "sig/cert_keep.h"

#define EXTENSIONS_MAX 64
#define SUBJECT_MAX 1024 /* bytes, before it is cut: a status line is for people */

/* The fields of TBSCertificate (RFC 5280 4.1) that are compared as bytes. */
struct walk {
	struct der_item serial, issuer, not_before, not_after, subject, spki;
};

static bool walk_tbs(struct bytes in, struct walk *w)
{
	struct der_item version, alg, validity;
	bool found;

	return der_take_optional(&in, DER_CONTEXT_CONSTRUCTED(0), &version, &found) &&
	       der_take(&in, DER_INTEGER, &w->serial) && w->serial.value.n > 0 &&
	       der_take(&in, DER_SEQUENCE, &alg) && der_take(&in, DER_SEQUENCE, &w->issuer) &&
	       der_take(&in, DER_SEQUENCE, &validity) &&
	       der_next(&validity.value, &w->not_before) &&
	       der_next(&validity.value, &w->not_after) && validity.value.n == 0 &&
	       der_take(&in, DER_SEQUENCE, &w->subject) && der_take(&in, DER_SEQUENCE, &w->spki);
}

static bool walk_cert(struct bytes der, struct walk *w)
{
	struct der_item cert, tbs, alg, sig;

	return der_take(&der, DER_SEQUENCE, &cert) && der.n == 0 &&
	       der_take(&cert.value, DER_SEQUENCE, &tbs) &&
	       der_take(&cert.value, DER_SEQUENCE, &alg) &&
	       der_take(&cert.value, DER_BIT_STRING, &sig) && cert.value.n == 0 &&
	       walk_tbs(tbs.value, w);
}

/* --- subject --------------------------------------------------------------- */

/* The order in which gpgsm prints what it knows (sm/certdump.c); the rest follows. */
static const struct {
	int nid;
	const char *name;
} dn_parts[] = {
	{ NID_commonName, "CN" },      { NID_organizationalUnitName, "OU" },
	{ NID_organizationName, "O" }, { NID_streetAddress, "STREET" },
	{ NID_localityName, "L" },     { NID_stateOrProvinceName, "ST" },
	{ NID_countryName, "C" },
};
#define DN_PARTS (sizeof(dn_parts) / sizeof(dn_parts[0]))

static size_t dn_rank(int nid)
{
	size_t i;

	for (i = 0; i < DN_PARTS; i++)
		if (dn_parts[i].nid == nid)
			break;
	return i;
}

/* A slash inside a value would look like the next part, so it is escaped as gpgsm does. */
static void dn_escape(struct buf *out, struct bytes v)
{
	struct buf plain = BUF_INIT;
	size_t i, from = 0;

	for (i = 0; i <= v.n; i++) {
		if (i < v.n && v.p[i] != '/')
			continue;
		text_escape(&plain, bytes_of(v.p + from, i - from));
		if (i < v.n)
			buf_add_str(&plain, "\\x2f");
		from = i + 1;
	}
	text_escape_status(out, buf_bytes(&plain));
	buf_free(&plain);
}

static void dn_add(struct buf *out, const X509_NAME_ENTRY *e)
{
	const ASN1_OBJECT *obj = X509_NAME_ENTRY_get_object(e);
	int nid = OBJ_obj2nid(obj);
	size_t rank = dn_rank(nid);
	unsigned char *utf8 = NULL;
	char oid[80] = "?";
	int n;

	if (rank < DN_PARTS)
		snprintf(oid, sizeof(oid), "%s", dn_parts[rank].name);
	else if (nid != NID_undef)
		snprintf(oid, sizeof(oid), "%s", OBJ_nid2sn(nid));
	else
		OBJ_obj2txt(oid, sizeof(oid), obj, 1);
	buf_addf(out, "/%s=", oid);
	n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e));
	if (n >= 0)
		dn_escape(out, bytes_of(utf8, (size_t)n < SUBJECT_MAX ? (size_t)n : SUBJECT_MAX));
	else
		buf_add_byte(out, '?');
	OPENSSL_free(utf8);
}

static char *subject_text(const struct cert *c)
{
	const X509_NAME *name = X509_get_subject_name(c->x509);
	struct buf out = BUF_INIT;
	size_t rank;
	int i, n = X509_NAME_entry_count(name);

	for (rank = 0; rank <= DN_PARTS; rank++) {
		for (i = 0; i < n && out.n < SUBJECT_MAX; i++) {
			const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);

			if (dn_rank(OBJ_obj2nid(X509_NAME_ENTRY_get_object(e))) == rank)
				dn_add(&out, e);
		}
	}
	if (out.n >= SUBJECT_MAX)
		buf_add_str(&out, "...");
	if (out.n == 0) {
		buf_add_byte(&out, '/');
		text_hex(&out, c->serial.n <= 64 ? c->serial : bytes_of(c->serial.p, 64), true);
	}
	return buf_detach(&out);
}

/* --- extensions -------------------------------------------------------------- */

/* OpenSSL lets a repeated extension that it does not ask for pass (RFC 5280 4.2). */
static int check_repeats(const X509 *x, struct err *err)
{
	int i, j, n = X509_get_ext_count(x);

	if (n > EXTENSIONS_MAX)
		return err_set(err, ERR_INPUT, "the certificate has more than %d extensions",
			       EXTENSIONS_MAX);
	for (i = 0; i < n; i++) {
		const ASN1_OBJECT *a = X509_EXTENSION_get_object(X509_get_ext(x, i));

		for (j = i + 1; j < n; j++)
			if (!OBJ_cmp(a, X509_EXTENSION_get_object(X509_get_ext(x, j))))
				return err_set(err, ERR_INPUT,
					       "the certificate repeats an extension");
	}
	return 0;
}

static int add_email(struct cert *c, const GENERAL_NAME *g, struct err *err)
{
	int type;
	const ASN1_STRING *s = GENERAL_NAME_get0_value(g, &type);
	struct bytes v;

	if (type != GEN_EMAIL)
		return 0;
	v = bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	if (!text_email_ok(v)) {
		c->emails_malformed = true;
		return 0;
	}
	if (c->emails_n == CERT_MAX_EMAILS)
		return err_set(err, ERR_INPUT, "the certificate has more than %d e-mail addresses",
			       CERT_MAX_EMAILS);
	c->emails[c->emails_n++] = xstrndup((const char *)v.p, v.n);
	return 0;
}

static int read_emails(struct cert *c, struct err *err)
{
	GENERAL_NAMES *names;
	int i, crit, rc = 0;

	names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, &crit, NULL);
	if (!names)
		return crit == -1 ? 0
				  : err_set(err, ERR_INPUT,
					    "the certificate's subjectAltName is malformed");
	for (i = 0; i < sk_GENERAL_NAME_num(names) && rc == 0; i++)
		rc = add_email(c, sk_GENERAL_NAME_value(names, i), err);
	GENERAL_NAMES_free(names);
	return rc;
}

static const char *usage_fault(const struct cert *c)
{
	uint32_t flags = X509_get_extension_flags(c->x509);
	uint32_t xku = X509_get_extended_key_usage(c->x509);

	if (!c->key)
		return "its public key cannot be read";
	if (c->is_ca)
		return "it is a CA certificate, which may not sign commits";
	if (!(flags & EXFLAG_KUSAGE))
		return "it has no keyUsage extension (digitalSignature is needed)";
	if (!(X509_get_key_usage(c->x509) & KU_DIGITAL_SIGNATURE))
		return "its keyUsage lacks digitalSignature";
	if ((flags & EXFLAG_XKUSAGE) && !(xku & (XKU_CODE_SIGN | XKU_SMIME)))
		return "its extendedKeyUsage has neither codeSigning nor emailProtection";
	return NULL;
}

static void read_usage(struct cert *c)
{
	c->is_ca = X509_check_ca(c->x509) != 0;
	c->self_issued = X509_get_extension_flags(c->x509) & EXFLAG_SI;
	c->usage_why = usage_fault(c);
	c->usage_ok = !c->usage_why;
}

/* --- the whole ------------------------------------------------------------------ */

#define NESTED_MAX 32

/* What an OCTET STRING holds counts as well, as far as it is DER: extensions do. What is not is
 * taken for items of two bytes each, and there are none that are smaller. */
static size_t count_elements(struct bytes in, unsigned depth)
{
	struct der_item item;
	size_t n = 0;

	while (der_next(&in, &item)) {
		n++;
		if (depth > 0 && (item.tag & 0x20 || item.tag == DER_OCTET_STRING))
			n += count_elements(item.value, depth - 1);
	}
	return n + in.n / 2;
}

size_t cert_size(const struct cert *c)
{
	return sizeof(*c) + 4 * c->der_n + 112 * c->elements;
}

static int read_walk(struct cert *c, struct err *err)
{
	struct bytes der = bytes_of(c->der, c->der_n);
	struct walk w;

	if (!walk_cert(der, &w))
		return err_set(err, ERR_INPUT, "the certificate is not DER");
	c->elements = count_elements(der, NESTED_MAX);
	if (c->elements > CERT_MAX_ELEMENTS)
		return err_set(err, ERR_INPUT, "the certificate has more than %d parts",
			       CERT_MAX_ELEMENTS);
	if (!der_time(w.not_before, &c->not_before) || !der_time(w.not_after, &c->not_after))
		return err_set(err, ERR_INPUT,
			       "the certificate's validity is not in the form of RFC 5280");
	c->issuer = w.issuer.whole;
	c->serial = w.serial.value;
	if (!alg_digest(HASH_SHA1, &der, 1, c->sha1) ||
	    !alg_digest(HASH_SHA256, &der, 1, c->sha256) ||
	    !alg_digest(HASH_SHA256, &w.spki.whole, 1, c->spki_sha256))
		return err_set(err, ERR_INTERNAL, "cannot compute a digest");
	return 0;
}

static int read_x509(struct cert *c, struct err *err)
{
	const unsigned char *p = c->der;

	c->x509 = d2i_X509(NULL, &p, (long)c->der_n);
	if (!c->x509 || p != c->der + c->der_n)
		return err_set(err, ERR_INPUT, "not one X.509 certificate");
	if (check_repeats(c->x509, err))
		return ERR_INPUT;
	if (X509_get_extension_flags(c->x509) & EXFLAG_INVALID)
		return err_set(err, ERR_INPUT, "an extension of the certificate is malformed");
	c->key = X509_get0_pubkey(c->x509);
	if (c->key)
		c->alg = alg_of_key(c->key);
	return read_emails(c, err);
}

int cert_parse(struct bytes der, struct cert **ret, struct err *err)
{
	struct cert *c;
	int rc;

	/* Before anything else of OpenSSL: OPENSSL_CONF of the environment must not count. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (der.n == 0 || der.n > CERT_MAX_DER)
		return err_set(err, ERR_INPUT, "a certificate must have 1 to %zu bytes, not %zu",
			       CERT_MAX_DER, der.n);
	c = cert_kept(der);
	if (c) {
		*ret = c;
		return 0;
	}
	c = xcalloc(1, sizeof(*c));
	c->der = xmalloc(der.n);
	c->der_n = der.n;
	memcpy(c->der, der.p, der.n);

	rc = read_walk(c, err);
	if (rc == 0)
		rc = read_x509(c, err);
	ERR_clear_error(); /* what OpenSSL tried and gave up is no error of a later caller */
	if (rc != 0) {
		cert_free(c);
		return rc;
	}
	read_usage(c);
	c->subject = subject_text(c);
	cert_keep(c);
	*ret = c;
	return 0;
}

void cert_free(struct cert *c)
{
	size_t i;

	if (!c)
		return;
	if (c->owners > 0) {
		c->owners--;
		return;
	}
	for (i = 0; i < c->emails_n; i++)
		free(c->emails[i]);
	X509_free(c->x509);
	free(c->subject);
	free(c->der);
	free(c);
}

bool cert_may_issue(struct bytes der, const struct cert *c)
{
	const unsigned char *p;
	X509_NAME *name;
	struct walk w;
	bool may;

	if (!walk_cert(der, &w))
		return true;
	p = w.subject.whole.p;
	name = d2i_X509_NAME(NULL, &p, (long)w.subject.whole.n);
	may = name == NULL || X509_NAME_cmp(name, X509_get_issuer_name(c->x509)) == 0;
	X509_NAME_free(name);
	ERR_clear_error();
	return may;
}

bool cert_has_email(const struct cert *c, struct bytes email)
{
	size_t i;

	for (i = 0; i < c->emails_n; i++)
		if (text_email_eq(bytes_str(c->emails[i]), email))
			return true;
	return false;
}

/* --- lists ------------------------------------------------------------------------ */

void cert_list_free(struct cert_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		cert_free(l->v[i]);
	free(l->v);
	*l = (struct cert_list){ NULL, 0 };
}

void cert_list_add(struct cert_list *l, struct cert *c)
{
	l->v = xreallocarray(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = c;
}

/* One block of a PEM text into `l`; *found is false at the end of the text. */
static int add_from_pem(struct bytes *rest, size_t max, struct cert_list *l, bool *found,
			struct err *err)
{
	_cleanup_(buf_free) struct buf der = BUF_INIT;
	struct cert *c;

	if (pem_next(rest, PEM_CERTIFICATE, &der, found, err))
		return ERR_INPUT;
	if (!*found)
		return 0;
	if (l->n == max)
		return err_set(err, ERR_INPUT, "more than %zu certificates", max);
	if (cert_parse(buf_bytes(&der), &c, err))
		return err_prefix(err, "certificate %zu of the file", l->n + 1);
	cert_list_add(l, c);
	return 0;
}

int cert_list_add_pem(struct bytes text, size_t max, struct cert_list *l, struct err *err)
{
	struct cert_list got = { NULL, 0 };
	bool found = true;
	size_t i;
	int rc = 0;

	while (rc == 0 && found)
		rc = add_from_pem(&text, max, &got, &found, err);
	if (rc != 0) {
		cert_list_free(&got);
		return rc;
	}
	for (i = 0; i < got.n; i++)
		cert_list_add(l, got.v[i]);
	free(got.v);
	return 0;
}

int cert_list_from_pem(struct bytes text, size_t max, struct cert_list *l, struct err *err)
{
	size_t before = l->n;
	int rc = cert_list_add_pem(text, max, l, err);

	if (rc == 0 && l->n == before)
		rc = err_set(err, ERR_INPUT, "no certificate in PEM form found");
	return rc;
}

static const struct cert *issuer_of(const struct cert *c, const struct cert_list *pool)
{
	size_t i;

	for (i = 0; i < pool->n; i++) {
		const struct cert *p = pool->v[i];

		if (p->key && X509_check_issued(p->x509, c->x509) == X509_V_OK &&
		    X509_verify(c->x509, p->key) == 1)
			return p;
	}
	return NULL;
}

static bool self_signed(const struct cert *c)
{
	return X509_get_extension_flags(c->x509) & EXFLAG_SS;
}

static bool listed(const struct cert *const *v, size_t n, const struct cert *c)
{
	while (n > 0)
		if (v[--n] == c)
			return true;
	return false;
}

size_t cert_chain_for(const struct cert *leaf, const struct cert_list *pool,
		      const struct cert **out, size_t max)
{
	const struct cert *cur = leaf;
	size_t n = 0;

	while (n < max && !self_signed(cur)) {
		cur = issuer_of(cur, pool);
		if (!cur || self_signed(cur) || listed(out, n, cur))
			break;
		out[n++] = cur;
	}
	ERR_clear_error();
	return n;
}
