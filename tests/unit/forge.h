/*
 * CMS messages for tests: right ones, and wrong ones in a known way. All are truly
 * signed over what they say, so that a refusal is that of the rule in question.
 * Needs tests/unit/pki.h for PKI_MUST.
 */
#ifndef GH_TESTS_FORGE_H
#define GH_TESTS_FORGE_H

#include "base/der.h"
#include "sig/cms_oid.h"
#include "tests/unit/pki.h"

enum forge_flag {
	FORGE_NO_TYPE = 1 << 0,
	FORGE_NO_DIGEST = 1 << 1,
	FORGE_NO_TIME = 1 << 2,
	FORGE_NO_ESS = 1 << 3,
	FORGE_WRONG_DIGEST = 1 << 4, /* of other content than is there */
	FORGE_NO_ATTRS = 1 << 5,     /* the payload itself is signed */
	FORGE_UNSORTED = 1 << 6,     /* and signed in that order */
	FORGE_CONTENT = 1 << 7,      /* the payload stands inside */
	FORGE_SKI = 1 << 8,          /* sid [0] subjectKeyIdentifier, version 3 */
	FORGE_NO_SIGNER = 1 << 9,
	FORGE_TWO_SIGNERS = 1 << 10,
	FORGE_PSS = 1 << 11,
	FORGE_CRL = 1 << 12,
	FORGE_NO_BAG = 1 << 13,
	FORGE_NULLS = 1 << 14, /* NULL parameters for the digest algorithms */
	FORGE_TRAILING = 1 << 15,
	FORGE_BER = 1 << 16,         /* indefinite lengths */
	FORGE_PIECES = 1 << 17,      /* BER, and each OCTET STRING in pieces */
	FORGE_VERSION = 1 << 18,     /* 3 for the SignedData */
	FORGE_TOKEN = 1 << 19,       /* a timestamp token, by nobody */
	FORGE_TOKEN_OTHER = 1 << 20, /* of something else */
	FORGE_TOKENS = 1 << 21,      /* two of them */
	FORGE_FULL_NULLS = 1 << 22,  /* as FORGE_NULLS, with a byte in each */
	FORGE_SKI_V1 = 1 << 23       /* with FORGE_SKI: version 1 all the same */
};

#define FORGE_BAG 20

struct forge {
	struct bytes leaf, payload;
	EVP_PKEY *key;
	int64_t time;
	unsigned flags;
	struct bytes bag[FORGE_BAG]; /* behind the leaf; whole items */
	size_t bag_n;
	enum alg_hash hash, listed;         /* NONE: the key's; the same */
	struct bytes ess_cert;              /* what ESS names; none: the leaf */
	struct bytes attrs, unsigned_attrs; /* further ones, whole items */
	struct bytes sid;                   /* whole; none: the leaf's issuer and serial number */
	struct bytes sig_oid;               /* none: what fits */
	void (*bend)(struct buf *sig);      /* of the signature, before it goes in */
};

static inline struct forge forge_of(const struct pki_cert *leaf, struct bytes payload)
{
	return (struct forge){
		.leaf = buf_bytes(&leaf->der), .payload = payload, .key = leaf->key, .time = PKI_NOW
	};
}

static void forge_algorithm(struct buf *b, struct bytes oid, bool null)
{
	size_t m = der_open(b, DER_SEQUENCE);

	der_put(b, DER_OID, oid);
	if (null)
		der_put(b, DER_NULL, BYTES_NONE);
	der_close(b, m);
}

/* The digest's, with parameters by the flags. */
static void forge_digest_algorithm(struct buf *b, enum alg_hash h, unsigned flags)
{
	size_t m = der_open(b, DER_SEQUENCE);

	der_put(b, DER_OID, alg_hash_oid(h));
	if (flags & (FORGE_NULLS | FORGE_FULL_NULLS))
		der_put(b, DER_NULL, flags & FORGE_FULL_NULLS ? BYTES_LIT("x") : BYTES_NONE);
	der_close(b, m);
}

/* An attribute; `value` is a whole item, or several. */
static void forge_attr(struct buf *b, struct bytes oid, struct bytes value)
{
	size_t m = der_open(b, DER_SEQUENCE);

	der_put(b, DER_OID, oid);
	der_put(b, DER_SET, value);
	der_close(b, m);
}

static void forge_octets_attr(struct buf *b, struct bytes oid, struct bytes octets)
{
	struct buf v = BUF_INIT;

	der_put(&v, DER_OCTET_STRING, octets);
	forge_attr(b, oid, buf_bytes(&v));
	buf_free(&v);
}

static void forge_time_attr(struct buf *b, int64_t t)
{
	struct buf v = BUF_INIT;

	der_put_time(&v, t);
	forge_attr(b, OID_SIGNING_TIME, buf_bytes(&v));
	buf_free(&v);
}

static void forge_type_attr(struct buf *b, struct bytes type)
{
	struct buf v = BUF_INIT;

	der_put(&v, DER_OID, type);
	forge_attr(b, OID_CONTENT_TYPE, buf_bytes(&v));
	buf_free(&v);
}

/* Sid of a certificate: [0] version, serial, algorithm, issuer come first in it. */
static inline void forge_sid(struct buf *b, struct bytes cert)
{
	struct der_item outer, tbs, skip, serial, issuer;
	bool has;
	size_t m;

	PKI_MUST(der_take(&cert, DER_SEQUENCE, &outer));
	PKI_MUST(der_take(&outer.value, DER_SEQUENCE, &tbs));
	PKI_MUST(der_take_optional(&tbs.value, DER_CONTEXT_CONSTRUCTED(0), &skip, &has));
	PKI_MUST(der_take(&tbs.value, DER_INTEGER, &serial) && der_next(&tbs.value, &skip));
	PKI_MUST(der_take(&tbs.value, DER_SEQUENCE, &issuer));
	m = der_open(b, DER_SEQUENCE);
	buf_add_bytes(b, issuer.whole);
	buf_add_bytes(b, serial.whole);
	der_close(b, m);
}

/* signingCertificate (`h` SHA-1) or V2; `more` stands behind the hash. */
static inline void forge_ess_attr(struct buf *b, enum alg_hash h, struct bytes cert,
				  struct bytes more)
{
	struct buf v = BUF_INIT;
	uint8_t md[HASH_MAX_SIZE];
	size_t m[3];

	PKI_MUST(alg_digest(h, &cert, 1, md));
	for (int i = 0; i < 3; i++)
		m[i] = der_open(&v, DER_SEQUENCE);
	if (h > HASH_SHA256)
		forge_algorithm(&v, alg_hash_oid(h), false);
	der_put(&v, DER_OCTET_STRING, bytes_of(md, alg_hash_size(h)));
	buf_add_bytes(&v, more);
	for (int i = 3; i-- > 0;)
		der_close(&v, m[i]);
	forge_attr(b, h == HASH_SHA1 ? OID_SIGNING_CERTIFICATE : OID_SIGNING_CERTIFICATE_V2,
		   buf_bytes(&v));
	buf_free(&v);
}

/* CMSAlgorithmProtection of RFC 6211. */
/* `null`: a whole item behind the signature algorithm's OID, or nothing. */
static inline void forge_protection_with(struct buf *b, struct bytes digest,
					 struct bytes signature, struct bytes null)
{
	struct buf v = BUF_INIT;
	size_t seq = der_open(&v, DER_SEQUENCE), sig;

	forge_algorithm(&v, digest, false);
	sig = der_open(&v, DER_CONTEXT_CONSTRUCTED(1));
	der_put(&v, DER_OID, signature);
	buf_add_bytes(&v, null);
	der_close(&v, sig);
	der_close(&v, seq);
	forge_attr(b, OID_ALGORITHM_PROTECTION, buf_bytes(&v));
	buf_free(&v);
}

static inline void forge_protection_attr(struct buf *b, struct bytes digest, struct bytes signature)
{
	forge_protection_with(b, digest, signature, BYTES_NONE);
}

/* As the SET OF that is signed. */
static void forge_attrs(struct buf *b, const struct forge *f)
{
	struct bytes what = f->flags & FORGE_WRONG_DIGEST ? BYTES_LIT("other") : f->payload;
	size_t m = der_open(b, DER_SET);
	uint8_t md[HASH_MAX_SIZE];

	PKI_MUST(alg_digest(f->hash, &what, 1, md));
	if (!(f->flags & FORGE_NO_DIGEST))
		forge_octets_attr(b, OID_MESSAGE_DIGEST, bytes_of(md, alg_hash_size(f->hash)));
	if (!(f->flags & FORGE_NO_TYPE))
		forge_type_attr(b, OID_DATA);
	if (!(f->flags & FORGE_NO_TIME))
		forge_time_attr(b, f->time);
	if (!(f->flags & FORGE_NO_ESS))
		forge_ess_attr(b, f->hash < HASH_SHA256 ? HASH_SHA256 : f->hash,
			       f->ess_cert.n ? f->ess_cert : f->leaf, BYTES_NONE);
	buf_add_bytes(b, f->attrs);
	if (f->flags & FORGE_UNSORTED)
		der_close(b, m); /* the longer messageDigest is in front */
	else
		der_close_set_of(b, m);
}

static void forge_raw(const struct forge *f, struct bytes tbs, struct buf *sig)
{
	bool ed = EVP_PKEY_get_base_id(f->key) == EVP_PKEY_ED25519;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	size_t n = SIG_MAX_SIZE;

	PKI_MUST(EVP_DigestSignInit(md, &ctx, ed ? NULL : alg_hash_md(f->hash), NULL, f->key) > 0);
	if (f->flags & FORGE_PSS)
		PKI_MUST(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0);
	PKI_MUST(EVP_DigestSign(md, buf_reserve(sig, n), &n, tbs.p, tbs.n) > 0);
	sig->n += n;
	EVP_MD_CTX_free(md);
	if (f->bend)
		f->bend(sig);
}

/* The algorithm that the SignerInfo tells, with what parameters it should have. */
static void forge_signature_algorithm(struct buf *b, const struct forge *f)
{
	enum alg_kind kind = alg_of_key(f->key).kind;
	struct bytes oid = f->sig_oid;

	if (f->flags & FORGE_PSS)
		oid = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a");
	else if (oid.n == 0 && f->hash == HASH_SHA1)
		oid = BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x01"); /* ecdsa-with-SHA1 */
	else if (oid.n == 0)
		oid = alg_signature_oid(kind, f->hash);
	forge_algorithm(b, oid, kind == KEY_RSA);
}

/* A timestamp token (RFC 3161) over `what`, with a SignerInfo that is none. */
static void forge_token(struct buf *b, struct bytes what)
{
	struct buf info = BUF_INIT, v = BUF_INIT;
	size_t m[4], tst = der_open(&info, DER_SEQUENCE), imprint;
	uint8_t md[HASH_MAX_SIZE];

	PKI_MUST(alg_digest(HASH_SHA256, &what, 1, md));
	der_put_int(&info, 1);
	der_put(&info, DER_OID, BYTES_LIT("\x2a\x03"));
	imprint = der_open(&info, DER_SEQUENCE);
	forge_algorithm(&info, alg_hash_oid(HASH_SHA256), true);
	der_put(&info, DER_OCTET_STRING, bytes_of(md, 32));
	der_close(&info, imprint);
	der_put_int(&info, 77);
	der_put(&info, 0x18, BYTES_LIT("20270115080000Z"));
	der_close(&info, tst);

	m[0] = der_open(&v, DER_SEQUENCE);
	der_put(&v, DER_OID, OID_SIGNED_DATA);
	m[1] = der_open(&v, DER_CONTEXT_CONSTRUCTED(0));
	m[2] = der_open(&v, DER_SEQUENCE);
	der_put_int(&v, 3);
	m[3] = der_open(&v, DER_SET);
	forge_algorithm(&v, alg_hash_oid(HASH_SHA256), false);
	der_close(&v, m[3]);
	m[3] = der_open(&v, DER_SEQUENCE);
	der_put(&v, DER_OID, OID_TST_INFO);
	imprint = der_open(&v, DER_CONTEXT_CONSTRUCTED(0));
	der_put(&v, DER_OCTET_STRING, buf_bytes(&info));
	der_close(&v, imprint);
	der_close(&v, m[3]);
	der_put(&v, DER_SET, BYTES_LIT("\x30\x00"));
	for (int i = 3; i-- > 0;)
		der_close(&v, m[i]);
	forge_attr(b, OID_TIME_STAMP_TOKEN, buf_bytes(&v));
	buf_free(&info);
	buf_free(&v);
}

static void forge_unsigned_attrs(struct buf *b, const struct forge *f, struct bytes sig)
{
	struct buf v = BUF_INIT;

	if (f->flags & (FORGE_TOKEN | FORGE_TOKENS))
		forge_token(&v, sig);
	if (f->flags & FORGE_TOKENS)
		forge_token(&v, sig);
	if (f->flags & FORGE_TOKEN_OTHER)
		forge_token(&v, BYTES_LIT("another signature"));
	buf_add_bytes(&v, f->unsigned_attrs);
	if (v.n)
		der_put(b, DER_CONTEXT_CONSTRUCTED(1), buf_bytes(&v));
	buf_free(&v);
}

static void forge_signer_info(struct buf *b, const struct forge *f)
{
	struct buf attrs = BUF_INIT, sig = BUF_INIT;
	size_t info = der_open(b, DER_SEQUENCE);

	forge_attrs(&attrs, f);
	forge_raw(f, f->flags & FORGE_NO_ATTRS ? f->payload : buf_bytes(&attrs), &sig);
	der_put_int(b, (f->flags & (FORGE_SKI | FORGE_SKI_V1)) == FORGE_SKI ? 3 : 1);
	if (f->flags & FORGE_SKI)
		der_put(b, DER_CONTEXT(0), BYTES_LIT("12345678901234567890"));
	else if (f->sid.n)
		buf_add_bytes(b, f->sid);
	else
		forge_sid(b, f->leaf);
	forge_digest_algorithm(b, f->hash, f->flags);
	if (!(f->flags & FORGE_NO_ATTRS)) {
		attrs.p[0] = DER_CONTEXT_CONSTRUCTED(0);
		buf_add_bytes(b, buf_bytes(&attrs));
	}
	forge_signature_algorithm(b, f);
	der_put(b, DER_OCTET_STRING, buf_bytes(&sig));
	forge_unsigned_attrs(b, f, buf_bytes(&sig));
	der_close(b, info);
	buf_free(&attrs);
	buf_free(&sig);
}

static void forge_content(struct buf *b, const struct forge *f)
{
	size_t m = der_open(b, DER_SEQUENCE), content;

	der_put(b, DER_OID, OID_DATA);
	if (f->flags & FORGE_CONTENT) {
		content = der_open(b, DER_CONTEXT_CONSTRUCTED(0));
		der_put(b, DER_OCTET_STRING, f->payload);
		der_close(b, content);
	}
	der_close(b, m);
}

static void forge_signed_data(struct buf *b, const struct forge *f)
{
	size_t data = der_open(b, DER_SEQUENCE), m;

	der_put_int(b, f->flags & FORGE_VERSION ? 3 : 1);
	m = der_open(b, DER_SET);
	forge_digest_algorithm(b, f->listed, f->flags);
	der_close(b, m);
	forge_content(b, f);
	if (!(f->flags & FORGE_NO_BAG)) {
		m = der_open(b, DER_CONTEXT_CONSTRUCTED(0));
		buf_add_bytes(b, f->leaf);
		for (size_t i = 0; i < f->bag_n; i++)
			buf_add_bytes(b, f->bag[i]);
		der_close(b, m);
	}
	if (f->flags & FORGE_CRL)
		der_put(b, DER_CONTEXT_CONSTRUCTED(1), BYTES_LIT("\x30\x00"));
	m = der_open(b, DER_SET);
	if (!(f->flags & FORGE_NO_SIGNER))
		forge_signer_info(b, f);
	if (f->flags & FORGE_TWO_SIGNERS)
		forge_signer_info(b, f);
	der_close(b, m);
	der_close(b, data);
}

/* --- another encoding of the same ------------------------------------------------ */

static void forge_ber(struct buf *out, struct bytes der, bool pieces);

static void forge_ber_octets(struct buf *out, struct bytes octets)
{
	size_t half = octets.n / 2;

	buf_add(out, "\x24\x80", 2);
	der_put(out, DER_OCTET_STRING, bytes_of(octets.p, half));
	der_put(out, DER_OCTET_STRING, bytes_skip(octets, half));
	buf_add(out, "\0\0", 2);
}

/* Every constructed value with an indefinite length: certificates too, as all may be. */
static void forge_ber(struct buf *out, struct bytes der, bool pieces)
{
	struct der_item item;

	while (der.n > 0) {
		PKI_MUST(der_next(&der, &item));
		if (item.tag & 0x20) {
			buf_add_byte(out, item.tag);
			buf_add_byte(out, 0x80);
			forge_ber(out, item.value, pieces);
			buf_add(out, "\0\0", 2);
		} else if (pieces && item.tag == DER_OCTET_STRING) {
			forge_ber_octets(out, item.value);
		} else {
			buf_add_bytes(out, item.whole);
		}
	}
}

/* Appends the whole message. */
static void forge(struct buf *out, const struct forge *wanted)
{
	struct forge f = *wanted;
	struct buf der = BUF_INIT;
	size_t message = der_open(&der, DER_SEQUENCE), wrap;

	if (f.hash == HASH_NONE)
		f.hash = alg_hash_for(alg_of_key(f.key));
	if (f.listed == HASH_NONE)
		f.listed = f.hash;
	der_put(&der, DER_OID, OID_SIGNED_DATA);
	wrap = der_open(&der, DER_CONTEXT_CONSTRUCTED(0));
	forge_signed_data(&der, &f);
	der_close(&der, wrap);
	der_close(&der, message);
	if (f.flags & (FORGE_BER | FORGE_PIECES))
		forge_ber(out, buf_bytes(&der), f.flags & FORGE_PIECES);
	else
		buf_add_bytes(out, buf_bytes(&der));
	if (f.flags & FORGE_TRAILING)
		buf_add_byte(out, 0);
	buf_free(&der);
}

#endif
