/* Writing SignedData: RFC 5652 5, with the attributes of RFC 5652 11 and RFC 5035 4. */
#include <openssl/x509.h>

#include "base/der.h"
#include "sig/cms.h"
#include "sig/cms_oid.h"

/* tbsCertificate's issuer (whole) and serialNumber (whole): RFC 5280 4.1. */
static bool issuer_and_serial(struct bytes cert, struct bytes *issuer, struct bytes *serial)
{
	struct der_item outer, tbs, version, number, alg, name;
	bool has_version;

	if (!der_take(&cert, DER_SEQUENCE, &outer) || cert.n != 0 ||
	    !der_take(&outer.value, DER_SEQUENCE, &tbs) ||
	    !der_take_optional(&tbs.value, DER_CONTEXT_CONSTRUCTED(0), &version, &has_version) ||
	    !der_take(&tbs.value, DER_INTEGER, &number) ||
	    !der_take(&tbs.value, DER_SEQUENCE, &alg) ||
	    !der_take(&tbs.value, DER_SEQUENCE, &name))
		return false;
	*issuer = name.whole;
	*serial = number.whole;
	return true;
}

static struct alg_key key_of(struct bytes cert)
{
	struct alg_key k = { KEY_OTHER, 0 };
	const unsigned char *p = cert.p;
	X509 *x = cert.n > 0 ? d2i_X509(NULL, &p, (long)cert.n) : NULL;

	if (x != NULL && p == cert.p + cert.n)
		k = alg_of_key(X509_get0_pubkey(x));
	X509_free(x);
	return k;
}

static void put_algorithm(struct buf *b, struct bytes oid, bool null)
{
	size_t seq = der_open(b, DER_SEQUENCE);

	der_put(b, DER_OID, oid);
	if (null)
		der_put(b, DER_NULL, BYTES_NONE);
	der_close(b, seq);
}

static size_t open_attribute(struct buf *b, struct bytes oid, size_t *set)
{
	size_t seq = der_open(b, DER_SEQUENCE);

	der_put(b, DER_OID, oid);
	*set = der_open(b, DER_SET);
	return seq;
}

static void close_attribute(struct buf *b, size_t seq, size_t set)
{
	der_close(b, set);
	der_close(b, seq);
}

/* SigningCertificateV2 with one ESSCertIDv2; SHA-256 is its default and then left out. */
static void put_ess(struct buf *b, enum alg_hash h, struct bytes cert_hash)
{
	size_t set, attr = open_attribute(b, OID_SIGNING_CERTIFICATE_V2, &set);
	size_t signing = der_open(b, DER_SEQUENCE);
	size_t list = der_open(b, DER_SEQUENCE);
	size_t id = der_open(b, DER_SEQUENCE);

	if (h != HASH_SHA256)
		put_algorithm(b, alg_hash_oid(h), false);
	der_put(b, DER_OCTET_STRING, cert_hash);
	der_close(b, id);
	der_close(b, list);
	der_close(b, signing);
	close_attribute(b, attr, set);
}

/* The signed attributes as the SET OF that is hashed. */
static bool put_attributes(struct buf *b, const struct cms_input *in, enum alg_hash h)
{
	uint8_t digest[HASH_MAX_SIZE], cert_hash[HASH_MAX_SIZE];
	size_t mark, attr, set;

	if (!alg_digest(h, in->payload, sizeof(in->payload) / sizeof(in->payload[0]), digest) ||
	    !alg_digest(h, &in->leaf, 1, cert_hash))
		return false;
	mark = der_open(b, DER_SET);
	attr = open_attribute(b, OID_CONTENT_TYPE, &set);
	der_put(b, DER_OID, OID_DATA);
	close_attribute(b, attr, set);
	attr = open_attribute(b, OID_SIGNING_TIME, &set);
	der_put_time(b, in->signing_time);
	close_attribute(b, attr, set);
	attr = open_attribute(b, OID_MESSAGE_DIGEST, &set);
	der_put(b, DER_OCTET_STRING, bytes_of(digest, alg_hash_size(h)));
	close_attribute(b, attr, set);
	put_ess(b, h, bytes_of(cert_hash, alg_hash_size(h)));
	der_close_set_of(b, mark);
	return true;
}

static void put_certificates(struct buf *b, const struct cms_input *in)
{
	size_t mark = der_open(b, DER_CONTEXT_CONSTRUCTED(0));

	buf_add_bytes(b, in->leaf);
	for (size_t i = 0; i < in->chain_n; i++)
		buf_add_bytes(b, in->chain[i]);
	/* CertificateSet is a SET OF: sorted in DER */
	der_close_set_of(b, mark);
}

struct signed_parts {
	struct alg_key key;
	enum alg_hash hash;
	struct bytes issuer, serial; /* whole items */
	struct bytes attrs;          /* as SET OF */
	struct bytes signature;
};

static void put_signer_info(struct buf *b, const struct signed_parts *s)
{
	size_t info = der_open(b, DER_SEQUENCE), sid, at;

	der_put_int(b, 1);
	sid = der_open(b, DER_SEQUENCE);
	buf_add_bytes(b, s->issuer);
	buf_add_bytes(b, s->serial);
	der_close(b, sid);
	put_algorithm(b, alg_hash_oid(s->hash), false);
	at = b->n;
	buf_add_bytes(b, s->attrs);
	b->p[at] = DER_CONTEXT_CONSTRUCTED(0); /* [0] IMPLICIT in place of SET OF */
	put_algorithm(b, alg_signature_oid(s->key.kind, s->hash), s->key.kind == KEY_RSA);
	der_put(b, DER_OCTET_STRING, s->signature);
	der_close(b, info);
}

static void put_message(struct buf *b, const struct cms_input *in, const struct signed_parts *s)
{
	size_t message = der_open(b, DER_SEQUENCE), wrap, data, set;

	der_put(b, DER_OID, OID_SIGNED_DATA);
	wrap = der_open(b, DER_CONTEXT_CONSTRUCTED(0));
	data = der_open(b, DER_SEQUENCE);
	der_put_int(b, 1);
	set = der_open(b, DER_SET);
	put_algorithm(b, alg_hash_oid(s->hash), false);
	der_close(b, set);
	set = der_open(b, DER_SEQUENCE);
	der_put(b, DER_OID, OID_DATA); /* and no eContent: detached */
	der_close(b, set);
	put_certificates(b, in);
	set = der_open(b, DER_SET);
	put_signer_info(b, s);
	der_close(b, set);
	der_close(b, data);
	der_close(b, wrap);
	der_close(b, message);
}

int cms_sign(const struct cms_input *in, struct buf *out, struct err *err)
{
	struct buf attrs = BUF_INIT, sig = BUF_INIT;
	struct signed_parts s = { .key = in->key };
	int r = 0;

	if (s.key.kind == KEY_OTHER)
		s.key = key_of(in->leaf);
	s.hash = alg_hash_for(s.key);
	if (in->chain_n + 1 > CMS_MAX_CERTS)
		r = err_set(err, ERR_INPUT, "the chain has more than %d certificates",
			    CMS_MAX_CERTS - 1);
	else if (s.hash == HASH_NONE || !issuer_and_serial(in->leaf, &s.issuer, &s.serial))
		r = err_set(err, ERR_INPUT, "the signer's certificate cannot be used for CMS");
	else if (!put_attributes(&attrs, in, s.hash))
		r = err_set(err, ERR_INTERNAL, "no digest could be made");
	if (r == 0)
		r = in->signer.sign(in->signer.ctx, s.hash, buf_bytes(&attrs), &sig, err);
	if (r == 0) {
		s.attrs = buf_bytes(&attrs);
		s.signature = buf_bytes(&sig);
		put_message(out, in, &s);
	}
	buf_free(&attrs);
	buf_free(&sig);
	return r;
}
