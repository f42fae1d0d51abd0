/*
 * Reading SignedData strictly (RFC 5652 5). gpgsm writes BER with indefinite
 * lengths: what is not DER is brought into it first. That changes no byte that a
 * signature covers but in the signed attributes, which are hashed as DER whatever
 * their form; they must then be in order, or the message is refused.
 */
#include "base/der.h"
#include "base/text.h"
#include "sig/cms.h"
#include "sig/cms_oid.h"

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "malformed signature: %s", what);
}

/* AlgorithmIdentifier whose parameters are absent or NULL. */
static bool take_algorithm(struct bytes *in, struct bytes *oid)
{
	struct der_item seq, id, null;
	bool has_null;

	if (!der_take(in, DER_SEQUENCE, &seq) || !der_take(&seq.value, DER_OID, &id) ||
	    !der_take_optional(&seq.value, DER_NULL, &null, &has_null) || seq.value.n != 0)
		return false;
	*oid = id.value;
	return true;
}

static bool take_hash(struct bytes *in, enum alg_hash *ret)
{
	struct bytes oid;

	if (!take_algorithm(in, &oid))
		return false;
	*ret = alg_hash_by_oid(oid);
	return *ret >= HASH_SHA256;
}

/* --- attributes ------------------------------------------------------------------- */

static bool read_content_type(struct cms *c, struct bytes v)
{
	struct der_item oid;

	(void)c;
	return der_take(&v, DER_OID, &oid) && v.n == 0 && bytes_eq(oid.value, OID_DATA);
}

static bool read_message_digest(struct cms *c, struct bytes v)
{
	struct der_item octets;

	if (!der_take(&v, DER_OCTET_STRING, &octets) || v.n != 0)
		return false;
	c->message_digest = octets.value;
	return true;
}

static bool read_signing_time(struct cms *c, struct bytes v)
{
	struct der_item time;

	c->has_signing_time = der_next(&v, &time) && v.n == 0 && der_time(time, &c->signing_time);
	return c->has_signing_time;
}

/*
 * IssuerSerial (RFC 5035 5): optional; the hash decides, but what is there must be
 * the SignerInfo's own issuer, as a directoryName, and serial number.
 */
static bool take_issuer_serial(const struct cms *c, struct bytes *in)
{
	struct der_item seq, names, name, serial;
	bool has;

	if (!der_take_optional(in, DER_SEQUENCE, &seq, &has))
		return false;
	return !has ||
	       (der_take(&seq.value, DER_SEQUENCE, &names) &&
		der_take(&seq.value, DER_INTEGER, &serial) && seq.value.n == 0 &&
		der_take(&names.value, DER_CONTEXT_CONSTRUCTED(4), &name) && names.value.n == 0 &&
		bytes_eq(name.value, c->issuer) && bytes_eq(serial.value, c->serial));
}

/*
 * SigningCertificate (RFC 2634) and V2 (RFC 5035): the first ESSCertID is the
 * signer's; more would name the chain, and nobody we know writes them: refused.
 */
static bool read_ess(struct cms *c, struct bytes v, bool v2)
{
	struct der_item signing, list, id, hash;
	enum alg_hash h = v2 ? HASH_SHA256 : HASH_SHA1;
	uint8_t tag;

	if (!der_take(&v, DER_SEQUENCE, &signing) || v.n != 0 ||
	    !der_take(&signing.value, DER_SEQUENCE, &list) || signing.value.n != 0 ||
	    !der_take(&list.value, DER_SEQUENCE, &id) || list.value.n != 0)
		return false;
	if (v2 && der_peek(id.value, &tag) && tag == DER_SEQUENCE && !take_hash(&id.value, &h))
		return false;
	if (!der_take(&id.value, DER_OCTET_STRING, &hash) || !take_issuer_serial(c, &id.value) ||
	    id.value.n != 0 || hash.value.n != alg_hash_size(h))
		return false;
	if (v2) {
		c->ess_hash = h;
		c->ess_cert_hash = hash.value;
	} else {
		c->ess_v1_hash = hash.value;
	}
	c->has_ess = true;
	return true;
}

static bool read_ess_v1(struct cms *c, struct bytes v)
{
	return read_ess(c, v, false);
}

static bool read_ess_v2(struct cms *c, struct bytes v)
{
	return read_ess(c, v, true);
}

/* RFC 6211: must say what the SignerInfo says; compared in read_signer_info(). */
struct protection {
	bool there;
	enum alg_hash hash;
	struct bytes signature_oid;
};

static bool read_protection(struct bytes v, struct protection *p)
{
	struct der_item seq, sig;
	struct bytes inner;

	if (!der_take(&v, DER_SEQUENCE, &seq) || v.n != 0 || !take_hash(&seq.value, &p->hash) ||
	    !der_take(&seq.value, DER_CONTEXT_CONSTRUCTED(1), &sig) || seq.value.n != 0)
		return false;
	inner = sig.value;
	/* [1] IMPLICIT AlgorithmIdentifier: its members without the SEQUENCE */
	struct der_item id, null;
	bool has_null;

	if (!der_take(&inner, DER_OID, &id) ||
	    !der_take_optional(&inner, DER_NULL, &null, &has_null) || inner.n != 0)
		return false;
	p->there = true;
	p->signature_oid = id.value;
	return true;
}

/*
 * SMIMECapabilities (RFC 8551 2.5.2): capability OIDs of ciphers, as gpgsm and
 * OpenSSL write them. Strict, because whatever an attribute can hold freely is room
 * for bytes that mean something else under another format.
 */
static bool known_capability(struct bytes oid, struct bytes params)
{
	static const struct {
		struct bytes oid;
		bool bits; /* a key length of at most two octets may follow (RC2) */
	} known[] = {
		{ { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x02", 9 },
		  false }, /* aes128 */
		{ { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x16", 9 },
		  false }, /* aes192 */
		{ { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9 },
		  false },                                                             /* aes256 */
		{ { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x03\x07", 8 }, false }, /* 3DES */
		{ { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x03\x02", 8 }, true },  /* RC2 */
		{ { (const uint8_t *)"\x2b\x0e\x03\x02\x07", 5 }, false },             /* DES */
		{ { (const uint8_t *)"\x2a\x85\x03\x02\x02\x09", 6 }, false },         /* GOST 94 */
		{ { (const uint8_t *)"\x2a\x85\x03\x02\x02\x15", 6 }, false },         /* GOST 89 */
		{ { (const uint8_t *)"\x2a\x85\x03\x07\x01\x01\x02\x02", 8 }, false },
		{ { (const uint8_t *)"\x2a\x85\x03\x07\x01\x01\x02\x03", 8 }, false },
	};
	struct der_item number;
	int value;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!bytes_eq(oid, known[i].oid))
			continue;
		if (params.n == 0)
			return true;
		return known[i].bits && der_take(&params, DER_INTEGER, &number) && params.n == 0 &&
		       number.value.n <= 2 && der_small_int(number, &value);
	}
	return false;
}

static bool read_capabilities(struct cms *c, struct bytes v)
{
	struct der_item list, cap, oid;
	int n = 0;

	(void)c;
	if (!der_take(&v, DER_SEQUENCE, &list) || v.n != 0)
		return false;
	while (list.value.n > 0) {
		if (++n > 16 || !der_take(&list.value, DER_SEQUENCE, &cap) ||
		    !der_take(&cap.value, DER_OID, &oid) || !known_capability(oid.value, cap.value))
			return false;
	}
	return true;
}

/* An attribute's OID and its one value. */
static bool take_attribute(struct bytes *in, struct bytes *oid, struct bytes *value)
{
	struct der_item attr, id, set, first;
	struct bytes rest;

	if (!der_take(in, DER_SEQUENCE, &attr) || !der_take(&attr.value, DER_OID, &id) ||
	    !der_take(&attr.value, DER_SET, &set) || attr.value.n != 0)
		return false;
	rest = set.value;
	if (!der_next(&rest, &first) || rest.n != 0)
		return false;
	*oid = id.value;
	*value = set.value;
	return true;
}

enum attr { A_TYPE, A_DIGEST, A_TIME, A_ESS, A_ESS2, A_CAPS, A_PROTECTION, A_KINDS };

static enum attr attr_of(struct bytes oid)
{
	static const struct bytes oids[A_KINDS] = {
		[A_TYPE] = OID_CONTENT_TYPE,
		[A_DIGEST] = OID_MESSAGE_DIGEST,
		[A_TIME] = OID_SIGNING_TIME,
		[A_ESS] = OID_SIGNING_CERTIFICATE,
		[A_ESS2] = OID_SIGNING_CERTIFICATE_V2,
		[A_CAPS] = OID_SMIME_CAPABILITIES,
		[A_PROTECTION] = OID_ALGORITHM_PROTECTION,
	};
	int i;

	for (i = 0; i < A_KINDS && !bytes_eq(oid, oids[i]); i++)
		;
	return (enum attr)i;
}

static bool read_attribute(struct cms *c, enum attr kind, struct bytes value, struct protection *p)
{
	static bool (*const readers[])(struct cms *, struct bytes) = {
		[A_TYPE] = read_content_type, [A_DIGEST] = read_message_digest,
		[A_TIME] = read_signing_time, [A_ESS] = read_ess_v1,
		[A_ESS2] = read_ess_v2,       [A_CAPS] = read_capabilities,
	};

	return kind == A_PROTECTION ? read_protection(value, p) : readers[kind](c, value);
}

static int read_signed_attrs(struct cms *c, struct protection *p, struct err *err)
{
	struct bytes in = c->signed_attrs, before = BYTES_NONE;
	bool seen[A_KINDS] = { false };

	while (in.n > 0) {
		struct bytes oid, value, whole = in;
		enum attr kind;

		if (!take_attribute(&in, &oid, &value))
			return bad(err, "a signed attribute is not one OID with one value");
		whole.n -= in.n;
		if (before.n > 0 && bytes_cmp(before, whole) >= 0)
			return bad(err, "the signed attributes are not in DER order");
		before = whole;
		kind = attr_of(oid);
		if (kind == A_KINDS)
			return bad(err, "a signed attribute of a kind that is not allowed");
		if (seen[kind])
			return bad(err, "a signed attribute stands twice");
		seen[kind] = true;
		if (!read_attribute(c, kind, value, p))
			return bad(err, "the value of a signed attribute");
	}
	if (!seen[A_TYPE] || !seen[A_DIGEST])
		return bad(err, "contentType and messageDigest must be signed attributes");
	return 0;
}

static int read_unsigned_attrs(struct cms *c, struct bytes in, struct err *err)
{
	bool token = false, entry = false;

	while (in.n > 0) {
		struct bytes oid, value;

		if (!take_attribute(&in, &oid, &value))
			return bad(err, "an unsigned attribute is not one OID with one value");
		if (bytes_eq(oid, OID_TIME_STAMP_TOKEN) && !token) {
			token = true;
			c->timestamp_token = value;
			if (!cms_token_covers(value, c->signature))
				return bad(err, "a timestamp that is not one of this signature");
		} else if (bytes_eq(oid, OID_GITSIGN_ENTRY) && !entry) {
			entry = true;
		} else {
			return bad(err, "an unsigned attribute that is not allowed, or twice");
		}
	}
	return 0;
}

/* --- the SignerInfo ------------------------------------------------------------------ */

static bool read_sid(struct cms *c, struct bytes *in)
{
	struct der_item sid, name, serial;

	if (!der_take(in, DER_SEQUENCE, &sid) || !der_take(&sid.value, DER_SEQUENCE, &name) ||
	    !der_take(&sid.value, DER_INTEGER, &serial) || sid.value.n != 0)
		return false;
	c->issuer = name.whole;
	c->serial = serial.value;
	return true;
}

/* Do the two algorithms, and what protects them, agree? */
static int check_algorithms(struct cms *c, struct bytes signature_oid, const struct protection *p,
			    struct err *err)
{
	enum alg_hash h;

	if (!alg_signature_by_oid(signature_oid, &c->family, &h))
		return bad(err, "a signature algorithm that is not allowed");
	if (h != HASH_NONE && h != c->hash)
		return bad(err, "the signature algorithm names another digest");
	if (c->family == KEY_ED25519 && c->hash != HASH_SHA512)
		return bad(err, "Ed25519 goes with SHA-512 (RFC 8419)");
	if (p->there && (p->hash != c->hash || !bytes_eq(p->signature_oid, signature_oid)))
		return bad(err, "CMSAlgorithmProtection names other algorithms");
	return 0;
}

static int read_signer_info(struct cms *c, struct bytes in, struct err *err)
{
	struct der_item version, attrs, sig, unsig;
	struct protection p = { false, HASH_NONE, { NULL, 0 } };
	struct bytes oid;
	bool has_unsigned;
	int v, r;

	if (!der_take(&in, DER_INTEGER, &version) || !der_small_int(version, &v) || v != 1)
		return bad(err, "the SignerInfo is not of version 1 (issuer and serial number)");
	if (!read_sid(c, &in))
		return bad(err, "the signer is not named by issuer and serial number");
	if (!take_hash(&in, &c->hash))
		return bad(err, "a digest algorithm that is not allowed");
	if (!der_take(&in, DER_CONTEXT_CONSTRUCTED(0), &attrs))
		return bad(err, "there are no signed attributes");
	c->signed_attrs = attrs.value;
	c->signed_attrs_whole = attrs.whole;
	if (!take_algorithm(&in, &oid))
		return bad(err, "the signature algorithm");
	if (!der_take(&in, DER_OCTET_STRING, &sig) || sig.value.n == 0 ||
	    sig.value.n > SIG_MAX_SIZE)
		return bad(err, "the signature value");
	c->signature = sig.value;
	if (!der_take_optional(&in, DER_CONTEXT_CONSTRUCTED(1), &unsig, &has_unsigned) || in.n != 0)
		return bad(err, "something stands behind the signature value");
	if ((r = read_signed_attrs(c, &p, err)) != 0 ||
	    (r = check_algorithms(c, oid, &p, err)) != 0)
		return r;
	return has_unsigned ? read_unsigned_attrs(c, unsig.value, err) : 0;
}

/* --- SignedData ------------------------------------------------------------------------ */

static int read_digests(struct bytes in, enum alg_hash *ret, struct err *err)
{
	if (!take_hash(&in, ret) || in.n != 0)
		return bad(err, "not one digest algorithm of those allowed");
	return 0;
}

static int read_certificates(struct cms *c, struct bytes in, struct err *err)
{
	struct der_item cert;

	c->certs_whole = in;
	while (in.n > 0) {
		if (c->certs_n == CMS_MAX_CERTS)
			return err_set(err, ERR_INPUT,
				       "the signature carries more than %d certificates",
				       CMS_MAX_CERTS);
		if (!der_take(&in, DER_SEQUENCE, &cert))
			return bad(err, "the certificate bag");
		c->certs[c->certs_n++] = cert.whole;
	}
	return 0;
}

static int read_signed_data(struct cms *c, struct bytes in, struct err *err)
{
	struct der_item version, digests, encap, type, certs, infos, info;
	enum alg_hash listed = HASH_NONE;
	bool has_certs;
	int v, r;

	if (!der_take(&in, DER_INTEGER, &version) || !der_small_int(version, &v) || v != 1)
		return bad(err, "the SignedData is not of version 1");
	if (!der_take(&in, DER_SET, &digests))
		return bad(err, "the digest algorithms");
	if ((r = read_digests(digests.value, &listed, err)) != 0)
		return r;
	if (!der_take(&in, DER_SEQUENCE, &encap) || !der_take(&encap.value, DER_OID, &type) ||
	    !bytes_eq(type.value, OID_DATA))
		return bad(err, "the content is not id-data");
	if (encap.value.n != 0)
		return bad(err, "it carries its own content: signatures must be detached");
	if (!der_take_optional(&in, DER_CONTEXT_CONSTRUCTED(0), &certs, &has_certs))
		return bad(err, "the certificate bag");
	if (has_certs && (r = read_certificates(c, certs.value, err)) != 0)
		return r;
	if (!der_take(&in, DER_SET, &infos) || in.n != 0)
		return bad(err, "CRLs, or something behind the SignerInfos");
	if (!der_take(&infos.value, DER_SEQUENCE, &info))
		return bad(err, "there is no SignerInfo");
	if (infos.value.n != 0)
		return bad(err, "more than one SignerInfo");
	if ((r = read_signer_info(c, info.value, err)) != 0)
		return r;
	return listed == c->hash ? 0 : bad(err, "the digest algorithms do not agree");
}

static int read_message(struct cms *c, struct err *err)
{
	struct bytes in = c->der;
	struct der_item message, type, wrap, data;

	if (!der_take(&in, DER_SEQUENCE, &message) || !der_take(&message.value, DER_OID, &type) ||
	    !bytes_eq(type.value, OID_SIGNED_DATA))
		return bad(err, "it is not CMS SignedData");
	if (in.n != 0)
		return bad(err, "something stands behind it");
	if (!der_take(&message.value, DER_CONTEXT_CONSTRUCTED(0), &wrap) || message.value.n != 0 ||
	    !der_take(&wrap.value, DER_SEQUENCE, &data) || wrap.value.n != 0)
		return bad(err, "the SignedData");
	return read_signed_data(c, data.value, err);
}

int cms_parse(struct bytes ber, struct cms *ret, struct err *err)
{
	struct bytes in = ber;
	struct der_item whole;
	bool changed;
	int r;

	*ret = (struct cms){ .own = BUF_INIT, .der = ber };
	if (ber.n > CMS_MAX_DER)
		return err_set(err, ERR_INPUT, "the signature is larger than %zu bytes",
			       CMS_MAX_DER);
	/* Not a definite outer length: BER. Faults further in are found below. */
	if (!der_next(&in, &whole)) {
		if (!der_from_ber(ber, &ret->own, &changed)) {
			cms_free(ret);
			return bad(err, "neither DER nor BER");
		}
		ret->der = buf_bytes(&ret->own);
	}
	r = read_message(ret, err);
	if (r != 0 && ret->own.n == 0 && der_from_ber(ber, &ret->own, &changed) && changed) {
		*ret = (struct cms){ .own = ret->own };
		ret->der = buf_bytes(&ret->own);
		r = read_message(ret, err);
	}
	if (r != 0)
		cms_free(ret);
	return r;
}

void cms_free(struct cms *c)
{
	buf_free(&c->own);
	memset(c, 0, sizeof(*c));
}

/* tbsCertificate's issuer and serial number (RFC 5280 4.1). */
static bool names(struct bytes cert, struct bytes issuer, struct bytes serial)
{
	struct der_item outer, tbs, version, number, alg, name;
	bool has_version;

	return der_take(&cert, DER_SEQUENCE, &outer) &&
	       der_take(&outer.value, DER_SEQUENCE, &tbs) &&
	       der_take_optional(&tbs.value, DER_CONTEXT_CONSTRUCTED(0), &version, &has_version) &&
	       der_take(&tbs.value, DER_INTEGER, &number) &&
	       der_take(&tbs.value, DER_SEQUENCE, &alg) &&
	       der_take(&tbs.value, DER_SEQUENCE, &name) && bytes_eq(name.whole, issuer) &&
	       bytes_eq(number.value, serial);
}

int cms_signer_index(const struct cms *c)
{
	int found = -1;

	for (size_t i = 0; i < c->certs_n; i++) {
		if (!names(c->certs[i], c->issuer, c->serial))
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return found;
}
