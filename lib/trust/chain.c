/* Chains: OpenSSL validates the path (RFC 5280 6), we decide what else must hold. */
#include "trust/chain.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"

#define DEPTH_MAX 8
#define RSA_EXPONENT_MIN_BITS 17 /* 65537, which FIPS 186-5 A.1.1 asks for at least */
#define RSA_EXPONENT_MAX_BITS 64 /* larger ones only cost time */
#define RSA_MAX_BITS 8192

/*
 * What strict mode finds and path validation does not need (RFC 5280 6.1): key
 * identifiers help to find issuers and decide nothing. An anchor is trusted because
 * somebody configured it, so two habits of private roots are let pass on it alone.
 */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
	int depth = X509_STORE_CTX_get_error_depth(ctx);

	if (ok)
		return 1;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
	case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
		return 1;
	case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
	case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
		/* These checks come after the chain was built to its anchor. */
		return depth == sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;
	default:
		return 0;
	}
}

/* Any policy will do, unless an authority asks for one (RFC 5280 6.1.1, policyConstraints). */
X509_STORE *chain_store_new(void)
{
	X509_STORE *s = X509_STORE_new();
	X509_VERIFY_PARAM *p;

	if (!s)
		return NULL;
	p = X509_STORE_get0_param(s);
	X509_VERIFY_PARAM_set_depth(p, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(p, 2); /* 112 bits: RSA 2048, no SHA-1, no MD5 */
	if (!X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN |
						    X509_V_FLAG_TRUSTED_FIRST |
						    X509_V_FLAG_POLICY_CHECK |
						    X509_V_FLAG_NO_CHECK_TIME) ||
	    !X509_VERIFY_PARAM_add0_policy(p, OBJ_nid2obj(NID_any_policy)) ||
	    !X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_ANY)) {
		X509_STORE_free(s);
		return NULL;
	}
	X509_STORE_set_verify_cb(s, on_verify);
	return s;
}

/* --- keys -------------------------------------------------------------------- */

const char *chain_key_fault(EVP_PKEY *key)
{
	struct alg_key alg = alg_of_key(key);
	BIGNUM *e = NULL;
	bool ok;

	if (alg.kind == KEY_OTHER)
		return "a key of a kind that is not allowed";
	if (alg.kind != KEY_RSA)
		return NULL;
	if (alg.bits > RSA_MAX_BITS)
		return "an RSA key of more than 8192 bits";
	ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) && BN_is_odd(e) &&
	     BN_num_bits(e) >= RSA_EXPONENT_MIN_BITS && BN_num_bits(e) <= RSA_EXPONENT_MAX_BITS;
	BN_free(e);
	return ok ? NULL : "an RSA key with a weak public exponent";
}

/* --- the bag -------------------------------------------------------------------- */

static bool issued(const struct cert *c, const struct cert *issuer)
{
	return issuer->key &&
	       !X509_NAME_cmp(X509_get_issuer_name(c->x509),
			      X509_get_subject_name(issuer->x509)) &&
	       !chain_key_fault(issuer->key) && X509_verify(c->x509, issuer->key) == 1;
}

/* The index of the issuer of `c` among those not used yet; bag->n: none. */
static size_t find_issuer(const struct cert *c, const struct cert_list *bag, const bool *used)
{
	size_t i;

	for (i = 0; i < bag->n; i++)
		if (!used[i] && issued(c, bag->v[i]))
			break;
	return i;
}

int chain_order(const struct cert *leaf, const struct cert_list *bag, const struct cert **above,
		struct err *err)
{
	_cleanup_free_ bool *used = xcalloc(bag->n + 1, sizeof(*used));
	const struct cert *cur = leaf;
	size_t n, i;
	int fault;

	for (n = 0; n < bag->n; n++) {
		i = find_issuer(cur, bag, used);
		if (i == bag->n)
			break;
		fault = X509_check_issued(bag->v[i]->x509, cur->x509);
		if (fault != X509_V_OK)
			return err_set(err, ERR_BAD, "certificate %s may not issue certificates: %s",
				       bag->v[i]->subject, X509_verify_cert_error_string(fault));
		used[i] = true;
		above[n] = cur = bag->v[i];
	}
	ERR_clear_error();
	if (n == bag->n)
		return 0;
	for (i = 0; used[i]; i++)
		;
	return err_set(err, ERR_BAD, "the signature carries a certificate that is not part of "
				     "the signer's chain: %s", bag->v[i]->subject);
}

/* --- the path -------------------------------------------------------------------- */

static bool asn1_seconds(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm))
		return false;
	*ret = timegm(&tm);
	return true;
}

/* Narrows the interval by one certificate. */
static bool narrow(struct chain_result *r, const X509 *x)
{
	int64_t from, until;

	if (!asn1_seconds(X509_get0_notBefore(x), &from) ||
	    !asn1_seconds(X509_get0_notAfter(x), &until))
		return false;
	if (from > r->from)
		r->from = from;
	if (until < r->until)
		r->until = until;
	return true;
}

static void fail(struct chain_result *r, enum verdict_level level, const char *what, const X509 *x)
{
	char name[160] = "?";

	/* oneline escapes all that is not printable ASCII */
	if (x)
		X509_NAME_oneline(X509_get_subject_name(x), name, sizeof(name));
	r->level = level;
	snprintf(r->why, sizeof(r->why), "certificate %s: %s", name, what);
}

/*
 * The purposes that a certificate leaves to what it issues. RFC 5280 4.2.1.12 says nothing of
 * authorities; that theirs narrow what is below is what public authorities are held to.
 */
static uint32_t purposes_of(X509 *x)
{
	uint32_t signs = XKU_CODE_SIGN | XKU_SMIME, has;

	if (!(X509_get_extension_flags(x) & EXFLAG_XKUSAGE))
		return signs;
	has = X509_get_extended_key_usage(x);
	return has & XKU_ANYEKU ? signs : has & signs;
}

/* OpenSSL counts nsCertType among what it knows, and asks for it under no purpose of ours. */
static const char *extension_fault(const X509 *x)
{
	int at = X509_get_ext_by_NID(x, NID_netscape_cert_type, -1);

	return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x, at)) ?
		       "a critical extension that is not asked about here: nsCertType" : NULL;
}

/* The chain that OpenSSL found good. */
static void judge_built(const STACK_OF(X509) *chain, struct chain_result *r)
{
	uint32_t purposes = XKU_CODE_SIGN | XKU_SMIME;
	const char *fault;
	int i;

	r->from = INT64_MIN;
	r->until = INT64_MAX;
	for (i = 0; i < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);
		EVP_PKEY *key = X509_get0_pubkey(x);

		fault = key ? chain_key_fault(key) : "a key that cannot be read";
		fault = fault ? fault : extension_fault(x);
		if (fault) {
			fail(r, VERDICT_FORBIDDEN, fault, x);
			return;
		}
		purposes &= purposes_of(x);
		if (purposes == 0) {
			fail(r, VERDICT_FORBIDDEN, "its extendedKeyUsage lets nothing below it sign "
			     "commits (codeSigning or emailProtection)", x);
			return;
		}
		if (!narrow(r, x)) {
			fail(r, VERDICT_FORBIDDEN, "its validity cannot be read", x);
			return;
		}
	}
	r->level = i > 0 ? VERDICT_GOOD : VERDICT_FORBIDDEN;
}

static void judge_refused(X509_STORE_CTX *ctx, struct chain_result *r)
{
	int code = X509_STORE_CTX_get_error(ctx);
	const X509 *x = X509_STORE_CTX_get_current_cert(ctx);

	switch (code) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		fail(r, VERDICT_UNKNOWN, "its chain does not end at a configured trust anchor", x);
		break;
	default:
		fail(r, VERDICT_FORBIDDEN, X509_verify_cert_error_string(code), x);
	}
}

void chain_judge(X509_STORE *anchors, const struct cert *leaf, const struct cert *const *above,
		 size_t above_n, void (*built)(const STACK_OF(X509) *chain, void *ctx),
		 void *built_ctx, struct chain_result *ret)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *pool = sk_X509_new_null();
	size_t i;
	bool ok = ctx && pool;

	*ret = (struct chain_result){ .level = VERDICT_FORBIDDEN };
	for (i = 0; ok && i < above_n; i++)
		ok = sk_X509_push(pool, above[i]->x509) > 0;
	if (!ok || !X509_STORE_CTX_init(ctx, anchors, leaf->x509, pool))
		fail(ret, VERDICT_FORBIDDEN, "it cannot be judged: out of memory", leaf->x509);
	else if (X509_verify_cert(ctx) == 1)
		judge_built(X509_STORE_CTX_get0_chain(ctx), ret);
	else
		judge_refused(ctx, ret);
	if (built && ret->level == VERDICT_GOOD)
		built(X509_STORE_CTX_get0_chain(ctx), built_ctx);
	sk_X509_free(pool);
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
}
