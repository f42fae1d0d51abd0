/* The second form of a certificate that is signed with ECDSA. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "base/der.h"
#include "sig/cert.h"

/* r stays, s becomes n - s (SEC 1 4.1.4: both verify). */
static bool negate(ECDSA_SIG *sig, const BIGNUM *order)
{
	BIGNUM *r = BN_dup(ECDSA_SIG_get0_r(sig)), *s = BN_new();

	if (r && s && BN_sub(s, order, ECDSA_SIG_get0_s(sig)) && ECDSA_SIG_set0(sig, r, s))
		return true;
	BN_free(r);
	BN_free(s);
	return false;
}

static void put_signature(struct buf *b, struct bytes der)
{
	size_t at = der_open(b, DER_BIT_STRING);

	buf_add_byte(b, 0); /* no unused bits */
	buf_add_bytes(b, der);
	der_close(b, at);
}

/* The certificate with `sig` in place of its own signature. */
static bool digest_with(const struct cert *c, const ECDSA_SIG *sig, uint8_t ret[32])
{
	struct bytes in = bytes_of(c->der, c->der_n), whole;
	struct der_item cert, tbs, alg;
	unsigned char *der = NULL;
	int n = i2d_ECDSA_SIG(sig, &der);
	struct buf b = BUF_INIT;
	bool ok = n > 0 && der_take(&in, DER_SEQUENCE, &cert) &&
		  der_take(&cert.value, DER_SEQUENCE, &tbs) &&
		  der_take(&cert.value, DER_SEQUENCE, &alg);

	if (ok) {
		size_t at = der_open(&b, DER_SEQUENCE);

		buf_add_bytes(&b, tbs.whole);
		buf_add_bytes(&b, alg.whole);
		put_signature(&b, bytes_of(der, (size_t)n));
		der_close(&b, at);
		whole = buf_bytes(&b);
		ok = alg_digest(HASH_SHA256, &whole, 1, ret);
	}
	OPENSSL_free(der);
	buf_free(&b);
	return ok;
}

bool cert_other_sha256(const struct cert *c, EVP_PKEY *issuer, uint8_t ret[32])
{
	const ASN1_BIT_STRING *bits;
	const unsigned char *p;
	ECDSA_SIG *sig = NULL;
	BIGNUM *order = NULL;
	bool ok;

	if (EVP_PKEY_get_base_id(issuer) != EVP_PKEY_EC)
		return false;
	X509_get0_signature(&bits, NULL, c->x509);
	p = ASN1_STRING_get0_data(bits);
	sig = d2i_ECDSA_SIG(NULL, &p, ASN1_STRING_length(bits));
	ok = sig && EVP_PKEY_get_bn_param(issuer, OSSL_PKEY_PARAM_EC_ORDER, &order) &&
	     negate(sig, order) && digest_with(c, sig, ret);
	ECDSA_SIG_free(sig);
	BN_free(order);
	return ok;
}
