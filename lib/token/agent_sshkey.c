/* Keys and signatures between X.509's forms and ssh's. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/wire.h"
#include "token/agent_ssh.h"

static const struct curve {
	enum alg_kind kind;
	const char *name, *alg;
	enum alg_hash hash;
} curves[] = {
	{ KEY_P256, "nistp256", "ecdsa-sha2-nistp256", HASH_SHA256 },
	{ KEY_P384, "nistp384", "ecdsa-sha2-nistp384", HASH_SHA384 },
	{ KEY_P521, "nistp521", "ecdsa-sha2-nistp521", HASH_SHA512 },
};

static const struct curve *curve_of(enum alg_kind kind)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (curves[i].kind == kind)
			return &curves[i];
	return NULL;
}

static bool put_bn(struct buf *out, const BIGNUM *n)
{
	uint8_t raw[SIG_MAX_SIZE];
	int len = n != NULL ? BN_num_bytes(n) : -1;

	if (len < 0 || (size_t)len > sizeof(raw))
		return false;
	BN_bn2bin(n, raw);
	wire_put_mpint(out, bytes_of(raw, (size_t)len));
	return true;
}

static bool put_rsa(EVP_PKEY *key, struct buf *out)
{
	BIGNUM *n = NULL, *e = NULL;
	bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
		  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1;

	wire_put_text(out, "ssh-rsa");
	ok = ok && put_bn(out, e) && put_bn(out, n);
	BN_free(n);
	BN_free(e);
	return ok;
}

static bool put_ec(EVP_PKEY *key, const struct curve *c, struct buf *out)
{
	uint8_t point[256];
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
					    &n) != 1 ||
	    n == 0 || point[0] != 4)
		return false;
	wire_put_text(out, c->alg);
	wire_put_text(out, c->name);
	wire_put_string(out, bytes_of(point, n));
	return true;
}

static bool put_ed25519(EVP_PKEY *key, struct buf *out)
{
	uint8_t raw[32];
	size_t n = sizeof(raw);

	if (EVP_PKEY_get_raw_public_key(key, raw, &n) != 1 || n != sizeof(raw))
		return false;
	wire_put_text(out, "ssh-ed25519");
	wire_put_string(out, bytes_of(raw, n));
	return true;
}

bool ssh_key_blob(EVP_PKEY *key, struct buf *out)
{
	enum alg_kind kind = alg_of_key(key).kind;
	const struct curve *c = curve_of(kind);
	size_t before = out->n;
	bool ok = c != NULL             ? put_ec(key, c, out)
		  : kind == KEY_RSA     ? put_rsa(key, out)
		  : kind == KEY_ED25519 ? put_ed25519(key, out)
					: false;

	if (!ok)
		out->n = before;
	return ok;
}

bool ssh_key_alg(EVP_PKEY *key, uint32_t flags, const char **name, enum alg_hash *h)
{
	enum alg_kind kind = alg_of_key(key).kind;
	const struct curve *c = curve_of(kind);

	*name = c != NULL ? c->alg : "ssh-ed25519";
	*h = c != NULL ? c->hash : HASH_SHA512; /* Ed25519 takes the bytes themselves */
	if (kind == KEY_RSA) {
		*name = (flags & SSH_FLAG_SHA512) != 0 ? "rsa-sha2-512" : "rsa-sha2-256";
		*h = (flags & SSH_FLAG_SHA512) != 0 ? HASH_SHA512 : HASH_SHA256;
		return (flags & (SSH_FLAG_SHA256 | SSH_FLAG_SHA512)) != 0;
	}
	return c != NULL || kind == KEY_ED25519;
}

bool ssh_signature_put(struct buf *out, EVP_PKEY *key, const char *alg, struct bytes sig)
{
	struct buf body = BUF_INIT;
	const unsigned char *p = sig.p;
	ECDSA_SIG *pair = NULL;
	bool ok = true;

	if (curve_of(alg_of_key(key).kind) != NULL) { /* RFC 5656 3.1.2 */
		pair = d2i_ECDSA_SIG(NULL, &p, (long)sig.n);
		ok = pair != NULL && p == sig.p + sig.n && put_bn(&body, ECDSA_SIG_get0_r(pair)) &&
		     put_bn(&body, ECDSA_SIG_get0_s(pair));
		ECDSA_SIG_free(pair);
	} else {
		buf_add_bytes(&body, sig);
	}
	if (ok) {
		wire_put_text(out, alg);
		wire_put_string(out, buf_bytes(&body));
	}
	buf_free(&body);
	return ok;
}

static bool get_ecdsa(struct bytes in, struct buf *sig)
{
	struct bytes r, s;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *rn = NULL, *sn = NULL;
	unsigned char *der = NULL;
	int n = -1;

	if (wire_string(&in, &r) && wire_string(&in, &s) && in.n == 0 && r.n > 0 && r.n < 80 &&
	    s.n > 0 && s.n < 80) {
		rn = BN_bin2bn(r.p, (int)r.n, NULL);
		sn = BN_bin2bn(s.p, (int)s.n, NULL);
		if (pair != NULL && rn != NULL && sn != NULL && ECDSA_SIG_set0(pair, rn, sn) == 1) {
			rn = sn = NULL; /* they are the pair's now */
			n = i2d_ECDSA_SIG(pair, &der);
		}
	}
	if (n > 0)
		buf_add(sig, der, (size_t)n);
	OPENSSL_free(der);
	BN_free(rn);
	BN_free(sn);
	ECDSA_SIG_free(pair);
	return n > 0;
}

bool ssh_signature_get(struct bytes in, EVP_PKEY *key, const char *alg, struct buf *sig)
{
	struct bytes name, body;

	if (!wire_string(&in, &name) || !bytes_eq_str(name, alg) || !wire_string(&in, &body) ||
	    in.n != 0)
		return false;
	if (curve_of(alg_of_key(key).kind) != NULL)
		return get_ecdsa(body, sig);
	buf_add_bytes(sig, body);
	return body.n > 0;
}
