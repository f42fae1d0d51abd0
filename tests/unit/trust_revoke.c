/* Revocation: what a CRL refuses, and what it does not. */
#include <check.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "sig/crl.h"
#include "tests/unit/crl_make.h"
#include "tests/unit/world.h"

#define REQUIRE TRUST_CRLS_REQUIRE
#define IF_PRESENT TRUST_CRLS_IF_PRESENT
#define LEAF 77
#define SUB 66

/* A list of each of the two authorities; the signer's serial is LEAF, its issuer's SUB. */
struct rcase {
	const char *name;
	struct crl_spec sub, root;
	bool no_sub, no_root;  /* the list is not there */
	bool forged;           /* the list of Sub is signed with another key */
	bool forged_root;      /* that of Root */
	bool other_key;        /* it is of another certificate of Sub, with another key */
	const char *sub_usage; /* keyUsage of Sub */
	enum trust_crls asked;
	int64_t when; /* days */
	enum verdict_level level;
	const char *word;
};

#define NONE { .reason = -1 }
#define HIT(...)                            \
	{                                   \
		.serial = LEAF, __VA_ARGS__ \
	}

static const struct rcase cases[] = {
	{ "nobody", NONE, NONE, .level = GOOD },
	{ "nobody, required", NONE, NONE, .asked = REQUIRE, .level = GOOD },
	{ "revoked", HIT(.reason = CRL_KEY_COMPROMISE, .revoked = -1), NONE, .asked = REQUIRE,
	  .level = VERDICT_REVOKED, "was revoked at 2027-01-14T08:00:00Z (keyCompromise)" },
	{ "revoked, if present", HIT(.reason = -1, .revoked = -1), NONE, .level = VERDICT_REVOKED,
	  "(unspecified)" },
	{ "another serial",
	  { .serial = LEAF + 1, .reason = -1, .revoked = -1 },
	  NONE,
	  .asked = REQUIRE,
	  .level = GOOD },
	{ "the serial in another's list", NONE, HIT(.reason = -1, .revoked = -1), .asked = REQUIRE,
	  .level = GOOD },
	{ "this second", HIT(.reason = -1), NONE, .level = VERDICT_REVOKED, "" },
	{ "later", HIT(.reason = -1, .revoked = 2), NONE, .level = GOOD },
	{ "later, then", HIT(.reason = -1, .revoked = 2), NONE, .when = 2, .level = VERDICT_REVOKED,
	  "" },
	{ "invalid before", HIT(.reason = -1, .revoked = 2, .invalid = -2), NONE,
	  .level = VERDICT_REVOKED, "2027-01-13" },
	{ "on hold", HIT(.reason = CRL_HOLD, .revoked = -1), NONE, .level = VERDICT_REVOKED,
	  "certificateHold" },
	{ "the authority above",
	  NONE,
	  { .serial = SUB, .reason = CRL_CA_COMPROMISE, .revoked = -1 },
	  .asked = REQUIRE,
	  .level = VERDICT_REVOKED,
	  "certificate /CN=Sub was revoked" },
	{ "no list of Sub", NONE, NONE, .no_sub = true, .asked = REQUIRE,
	  .level = VERDICT_UNCHECKED, "there is no CRL of /CN=Sub" },
	{ "no list of Root", NONE, NONE, .no_root = true, .asked = REQUIRE,
	  .level = VERDICT_UNCHECKED, "there is no CRL of /CN=Root" },
	{ "no lists, if present", NONE, NONE, .no_root = true, .no_sub = true, .level = GOOD },
	{ "stale", NONE, NONE, .asked = REQUIRE, .when = 8, .level = VERDICT_UNCHECKED,
	  "CRL of /CN=Sub is out of date since 2027-01-22" },
	{ "last second", NONE, NONE, .asked = REQUIRE, .when = 7, .level = GOOD },
	{ "stale, if present", NONE, NONE, .when = 8, .level = GOOD },
	{ "stale and revoked", HIT(.reason = -1, .revoked = -1), NONE, .when = 8,
	  .level = VERDICT_REVOKED, "" },
	{ "stale and expired", NONE, NONE, .asked = REQUIRE, .when = 11, .level = VERDICT_UNCHECKED,
	  "out of date" },
	{ "revoked and expired", HIT(.reason = -1, .revoked = -1), NONE, .when = 11,
	  .level = VERDICT_REVOKED, "" },
	{ "of the future",
	  { .from = 1, .reason = -1 },
	  NONE,
	  .asked = REQUIRE,
	  .level = VERDICT_UNCHECKED,
	  "CRL of /CN=Sub is not valid before 2027-01-16" },
	{ "first second",
	  { .from = 1, .reason = -1 },
	  NONE,
	  .asked = REQUIRE,
	  .when = 1,
	  .level = GOOD },
	{ "forged", HIT(.reason = -1, .revoked = -1), NONE, .forged = true, .asked = REQUIRE,
	  .level = VERDICT_UNCHECKED, "CRL of /CN=Sub is not signed by it" },
	{ "forged, if present", NONE, NONE, .forged = true, .level = VERDICT_UNCHECKED,
	  "is not signed by it" },
	{ "by another key of Sub", NONE, NONE, .other_key = true, .asked = REQUIRE,
	  .level = VERDICT_UNCHECKED, "there is no CRL of /CN=Sub" },
	{ "by another key of Sub, if present", NONE, NONE, .other_key = true, .level = GOOD },
	{ "forged above, if present and none below", NONE, NONE, .no_sub = true, .forged_root = true,
	  .level = VERDICT_UNCHECKED, "CRL of /CN=Root is not signed by it" },
	{ "stale above",
	  { .until = 30, .reason = -1 },
	  NONE,
	  .asked = REQUIRE,
	  .when = 8,
	  .level = VERDICT_UNCHECKED,
	  "CRL of /CN=Root is out of date since 2027-01-22" },
	{ "of the future above",
	  NONE,
	  { .from = 1, .reason = -1 },
	  .asked = REQUIRE,
	  .level = VERDICT_UNCHECKED,
	  "CRL of /CN=Root is not valid before 2027-01-16" },
	{ "may not sign lists", NONE, NONE, .sub_usage = "critical,keyCertSign", .asked = REQUIRE,
	  .level = VERDICT_UNCHECKED, "/CN=Sub may not sign CRLs" },
	{ "no key identifier",
	  { .no_key_id = true, .reason = -1 },
	  NONE,
	  .asked = REQUIRE,
	  .level = GOOD },
	{ "version 1", HIT(.v1 = true, .reason = -1), NONE, .level = VERDICT_REVOKED, "" },
};

static struct wcase with_serials(const char *sub_usage)
{
	return (struct wcase){ "", ICA = { .cn = "Sub", .serial = SUB, .ku = sub_usage },
			       .leaf = { .serial = LEAF } };
}

static void set_crls(struct trust *t, enum trust_crls asked, const struct buf *a,
		     const struct buf *b)
{
	struct bytes files[2] = { buf_bytes(a), b ? buf_bytes(b) : BYTES_NONE };
	struct err err = ERR_INIT;
	size_t n = (a->n > 0) + (b && b->n > 0), bad;

	if (a->n == 0 && b)
		files[0] = buf_bytes(b);
	ck_assert_msg(trust_set_crls(t, "corp", asked, files, n, &bad, &err) == 0, "%s", err.text);
}

START_TEST(table)
{
	const struct rcase *c = &cases[_i];
	struct wcase wc = with_serials(c->sub_usage);
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	struct buf sub = BUF_INIT, root = BUF_INIT;
	struct pki_cert sub2;
	struct trust *clone;
	struct world w;

	world_open(&w, &wc);
	sub2 = pki_make(&(struct pki_spec){ .cn = "Sub" }, &w.root, true);
	expect_at(c->name, &w.v, GOOD);
	if (!c->no_sub)
		crl_make(&c->sub, c->other_key ? &sub2 : &w.ica, c->forged ? other : NULL, &sub);
	if (!c->no_root)
		crl_make(&c->root, &w.root, c->forged_root ? other : NULL, &root);
	set_crls(w.t, c->asked, &sub, &root);
	for (int again = 0; again < 2; again++) {
		judge(w.t, PAYLOAD, &w.der, PKI_NOW + c->when * PKI_DAY, &w.v);
		expect_at(c->name, &w.v, c->level, c->word);
	}
	clone = trust_clone(w.t);
	judge(clone, PAYLOAD, &w.der, PKI_NOW + c->when * PKI_DAY, &w.v);
	expect_at(c->name, &w.v, c->level, c->word);
	trust_free(clone);
	buf_free(&sub);
	buf_free(&root);
	pki_free(&sub2);
	EVP_PKEY_free(other);
	world_close(&w);
}
END_TEST

/* Grace is for what has expired alone: lists have to be there, and current. */
START_TEST(grace)
{
	const struct crl_spec usual = NONE, lasting = { .until = 30, .reason = -1 };
	struct wcase wc = with_serials(NULL);
	struct buf sub = BUF_INIT, root = BUF_INIT;
	struct bytes payload = PAYLOAD;
	struct world w;

	world_open(&w, &wc);
	crl_make(_i ? &lasting : &usual, &w.ica, NULL, &sub);
	crl_make(&lasting, &w.root, NULL, &root);
	set_crls(w.t, REQUIRE, &sub, &root);
	trust_judge_late(w.t, &payload, 1, BYTES_LIT("-----BEGIN SIGNED MESSAGE-----"),
			 buf_bytes(&w.der), w.v.valid_until + 1, PKI_DAY, &w.v);
	if (_i)
		expect(&w.v, GOOD);
	else
		expect(&w.v, VERDICT_UNCHECKED, "out of date");
	buf_free(&sub);
	buf_free(&root);
	world_close(&w);
}
END_TEST

/* One entry of the table of known certificates serves all times. */
/* --- a second opinion --------------------------------------------------------------- */

static void add_crl(X509_STORE *store, const struct buf *der)
{
	const unsigned char *p = der->p;
	X509_CRL *crl = der->n ? d2i_X509_CRL(NULL, &p, (long)der->n) : NULL;

	PKI_MUST(der->n == 0 || (crl && X509_STORE_add_crl(store, crl)));
	X509_CRL_free(crl);
}

/* What OpenSSL finds with both lists asked for the whole chain at a time; X509_V_OK. */
static int openssl_says(const struct world *w, const struct buf *sub, const struct buf *root,
			int64_t when)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *pool = sk_X509_new_null();
	int ret;

	PKI_MUST(X509_STORE_add_cert(store, w->root.x) && sk_X509_push(pool, w->ica.x));
	add_crl(store, sub);
	add_crl(store, root);
	PKI_MUST(X509_STORE_CTX_init(ctx, store, w->leaf.x, pool));
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_STORE_CTX_set_time(ctx, 0, (time_t)when);
	ret = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
	sk_X509_free(pool);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return ret;
}

/*
 * Two differences: OpenSSL takes an entry as revoked whatever its date says, and a list as
 * out of date in the very second of nextUpdate, which RFC 5280 6.3.3 (a) does not.
 */
START_TEST(openssl_agrees)
{
	const struct rcase *c = &cases[_i];
	struct wcase wc = with_serials(c->sub_usage);
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	int64_t when = PKI_NOW + c->when * PKI_DAY;
	struct buf sub = BUF_INIT, root = BUF_INIT;
	struct world w;
	int says;

	world_open(&w, &wc);
	if (!c->no_sub)
		crl_make(&c->sub, &w.ica, c->forged ? other : NULL, &sub);
	if (!c->no_root)
		crl_make(&c->root, &w.root, NULL, &root);
	says = openssl_says(&w, &sub, &root, when);
	set_crls(w.t, REQUIRE, &sub, &root);
	judge(w.t, PAYLOAD, &w.der, when, &w.v);
	if (w.v.level == VERDICT_GOOD && c->sub.revoked <= c->when && c->when != 7)
		ck_assert_msg(says == X509_V_OK, "%s: %s", c->name,
			      X509_verify_cert_error_string(says));
	if (says == X509_V_OK)
		ck_assert_msg(w.v.level == VERDICT_GOOD, "%s: %s", c->name, w.v.why);
	if (says == X509_V_ERR_CERT_REVOKED && c->sub.revoked <= c->when && !c->forged)
		ck_assert_msg(w.v.level == VERDICT_REVOKED, "%s: %s", c->name, w.v.why);
	EVP_PKEY_free(other);
	buf_free(&sub);
	buf_free(&root);
	world_close(&w);
}
END_TEST

START_TEST(time_decides)
{
	struct wcase wc = with_serials(NULL);
	struct crl_spec s = { .serial = LEAF, .revoked = -2, .reason = CRL_SUPERSEDED };
	struct buf sub = BUF_INIT;
	struct world w;

	world_open(&w, &wc);
	crl_make(&s, &w.ica, NULL, &sub);
	set_crls(w.t, IF_PRESENT, &sub, NULL);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_REVOKED, "superseded");
	ck_assert_int_eq(w.v.revoked_at, PKI_NOW - 2 * PKI_DAY);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW - 2 * PKI_DAY - 1, &w.v);
	expect(&w.v, GOOD);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW - 2 * PKI_DAY, &w.v);
	expect(&w.v, VERDICT_REVOKED, "");
	judge(w.t, BYTES_LIT("else"), &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_BAD, "");
	buf_free(&sub);
	world_close(&w);
}
END_TEST

/* What was received before the list was made, is told of by the list today. */
START_TEST(audit)
{
	struct wcase wc = with_serials(NULL);
	struct crl_spec s = { .reason = -1 };
	struct buf sub = BUF_INIT, root = BUF_INIT;
	struct world w;

	world_open(&w, &wc);
	crl_make(&s, &w.ica, NULL, &sub);
	crl_make(&s, &w.root, NULL, &root);
	set_crls(w.t, REQUIRE, &sub, &root);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW - 5 * PKI_DAY, &w.v);
	expect(&w.v, VERDICT_UNCHECKED, "not valid before");
	trust_set_now(w.t, PKI_NOW);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW - 5 * PKI_DAY, &w.v);
	expect(&w.v, GOOD);
	buf_free(&sub);
	buf_free(&root);
	world_close(&w);
}
END_TEST

/* Old list beside new: a hold is lifted, another revocation stays. */
static void two_lists(int reason, enum verdict_level level)
{
	struct wcase wc = with_serials(NULL);
	struct crl_spec before = { .from = -3, .serial = LEAF, .revoked = -4, .reason = reason };
	struct crl_spec now = { .reason = -1 };
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct world w;

	world_open(&w, &wc);
	crl_make(&before, &w.ica, NULL, &a);
	crl_make(&now, &w.ica, NULL, &b);
	set_crls(w.t, IF_PRESENT, &a, &b);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, level, "");
	buf_free(&a);
	buf_free(&b);
	world_close(&w);
}

START_TEST(superseded_lists)
{
	two_lists(CRL_HOLD, VERDICT_GOOD);
	two_lists(CRL_KEY_COMPROMISE, VERDICT_REVOKED);
}
END_TEST

/* A list under one name refuses under all. */
START_TEST(other_names)
{
	struct wcase wc = with_serials(NULL);
	struct crl_spec s = { .serial = LEAF, .revoked = -2, .reason = -1 };
	struct buf sub = BUF_INIT;
	struct world w;

	world_open(&w, &wc);
	add_roots(w.t, "second", &w.root);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	ck_assert_uint_eq(w.v.trust_set, 3);
	s.serial = 1;
	crl_make(&s, &w.ica, NULL, &sub);
	set_crls(w.t, REQUIRE, &sub, NULL); /* none of Root: "corp" does not count */
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	ck_assert_uint_eq(w.v.trust_set, 2);
	ck_assert_str_eq(w.v.trust_name, "second");
	world_close(&w);

	world_open(&w, &wc);
	add_roots(w.t, "second", &w.root);
	s.serial = LEAF;
	buf_clear(&sub);
	crl_make(&s, &w.ica, NULL, &sub);
	set_crls(w.t, IF_PRESENT, &sub, NULL);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_REVOKED, "");
	buf_free(&sub);
	world_close(&w);
}
END_TEST

/* The key of a revoked certificate, in a new one: known when the old one stands beside. */
START_TEST(same_key)
{
	struct wcase wc = with_serials(NULL);
	struct crl_spec s = { .serial = LEAF + 1, .revoked = -2, .reason = CRL_KEY_COMPROMISE };
	struct buf der = BUF_INIT, file = BUF_INIT;
	struct err err = ERR_INIT;
	struct pki_cert old;
	struct bytes v;
	struct world w;
	size_t bad;

	world_open(&w, &wc);
	old = pki_make(&(struct pki_spec){ .cn = "Old", .serial = LEAF + 1 }, &w.ica, false);
	PKI_MUST(X509_set_pubkey(old.x, w.leaf.key) && X509_sign(old.x, w.ica.key, EVP_sha256()));
	buf_free(&old.der);
	pki_finish(&old);
	crl_make(&s, &w.ica, NULL, &der);
	pem_write(&file, PEM_CRL, buf_bytes(&der));
	pki_pem(&file, &old);
	v = buf_bytes(&file);
	ck_assert_int_eq(trust_set_crls(w.t, "corp", IF_PRESENT, &v, 1, &bad, &err), ERR_CONFIG);
	ck_assert_msg(strstr(err.text, "its issuer"), "%s", err.text);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	pki_pem(&file, &w.ica);
	set_crls(w.t, IF_PRESENT, &file, NULL);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_REVOKED, "the key of certificate /CN=Alice is revoked since");
	judge(w.t, PAYLOAD, &w.der, PKI_NOW - 3 * PKI_DAY, &w.v);
	expect(&w.v, GOOD);
	buf_free(&der);
	buf_free(&file);
	pki_free(&old);
	world_close(&w);
}
END_TEST

/* Whatever in the chain it names, by key or by certificate. */
START_TEST(named)
{
	struct wcase wc = with_serials(NULL);
	const struct pki_cert *of;
	struct cert *c;
	struct world w;

	world_open(&w, &wc);
	of = _i / 2 == 0 ? &w.leaf : _i / 2 == 1 ? &w.ica : &w.root;
	ck_assert_int_eq(cert_parse(buf_bytes(&of->der), &c, NULL), 0);
	/* The digest of the one does not name the other. */
	trust_revoke_key(w.t, c->sha256, INT64_MIN, "never");
	trust_revoke_certificate(w.t, c->spki_sha256, INT64_MIN, "never");
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	if (_i % 2)
		trust_revoke_key(w.t, c->spki_sha256, PKI_NOW, "keyCompromise");
	else
		trust_revoke_certificate(w.t, c->sha256, PKI_NOW, "keyCompromise");
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_REVOKED, _i % 2 ? "the key of certificate /CN=" : "certificate /CN=");
	ck_assert_msg(strstr(w.v.why, "is revoked since 2027-01-15T08:00:00Z (keyCompromise)"),
		      "%s", w.v.why);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW - 1, &w.v);
	expect(&w.v, GOOD);
	trust_revoke_key(w.t, c->spki_sha256, INT64_MIN, "always");
	judge(w.t, PAYLOAD, &w.der, PKI_NOW - PKI_DAY, &w.v);
	expect(&w.v, VERDICT_REVOKED, "is revoked (always)");
	cert_free(c);
	world_close(&w);
}
END_TEST

/* What is revoked is so whoever made its certificate. */
START_TEST(without_anchors)
{
	struct wcase wc = { "without anchors", ROOT };
	struct trust *t = trust_new(NULL);
	struct cert *c;
	struct world w;

	world_open(&w, &wc);
	ck_assert_int_eq(cert_parse(buf_bytes(&w.leaf.der), &c, NULL), 0);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_UNKNOWN, "no trust anchors");
	trust_revoke_key(t, c->spki_sha256, INT64_MIN, "always");
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_REVOKED, "is revoked (always)");
	cert_free(c);
	trust_free(t);
	world_close(&w);
}
END_TEST

/* n - s in place of s in the certificate's own signature. */
static void bend(struct pki_cert *c, EVP_PKEY *issuer)
{
	const ASN1_BIT_STRING *bits;
	BIGNUM *order = NULL, *s = BN_new();
	const unsigned char *p;
	unsigned char *der = NULL;
	ECDSA_SIG *sig;
	int n;

	X509_get0_signature(&bits, NULL, c->x);
	p = ASN1_STRING_get0_data(bits);
	PKI_MUST(sig = d2i_ECDSA_SIG(NULL, &p, ASN1_STRING_length(bits)));
	PKI_MUST(EVP_PKEY_get_bn_param(issuer, OSSL_PKEY_PARAM_EC_ORDER, &order));
	PKI_MUST(BN_sub(s, order, ECDSA_SIG_get0_s(sig)));
	PKI_MUST(ECDSA_SIG_set0(sig, BN_dup(ECDSA_SIG_get0_r(sig)), s));
	n = i2d_ECDSA_SIG(sig, &der);
	PKI_MUST(n > 0 && ASN1_BIT_STRING_set((ASN1_BIT_STRING *)(uintptr_t)bits, der, n));
	buf_free(&c->der);
	pki_finish(c);
	PKI_MUST(X509_verify(c->x, issuer) == 1);
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	BN_free(order);
}

/* Whoever has a certificate that is signed with ECDSA can make another of it. */
START_TEST(other_form)
{
	static const char *const curves[] = { NULL, "ec:P-384", "ec:P-521" };
	struct wcase wc = with_serials(NULL);
	struct pki_cert *of;
	struct cert *c;
	struct bytes bag;
	struct buf der = BUF_INIT;
	struct world w;

	wc.root.key = wc.ica.key = curves[_i / 2];
	world_open(&w, &wc);
	of = _i % 2 ? &w.ica : &w.leaf;
	ck_assert_int_eq(cert_parse(buf_bytes(&of->der), &c, NULL), 0);
	bend(of, _i % 2 ? w.root.key : w.ica.key);
	bag = buf_bytes(&w.ica.der);
	pki_sign(&w.leaf, &bag, 1, PAYLOAD, &der);
	judge(w.t, PAYLOAD, &der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	trust_revoke_certificate(w.t, c->spki_sha256, INT64_MIN, "never");
	judge(w.t, PAYLOAD, &der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	trust_revoke_certificate(w.t, c->sha256, PKI_NOW, "keyCompromise");
	judge(w.t, PAYLOAD, &der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_REVOKED, "certificate /CN=");
	judge(w.t, PAYLOAD, &der, PKI_NOW - 1, &w.v);
	expect(&w.v, GOOD);
	cert_free(c);
	buf_free(&der);
	world_close(&w);
}
END_TEST

START_TEST(one_form)
{
	static const char *const keys[] = { "rsa:2048", "ed25519" };
	struct pki_cert root = pki_make(&(struct pki_spec){ .key = keys[_i] }, NULL, true);
	struct pki_cert leaf = pki_make(&(struct pki_spec){ .cn = "Leaf" }, &root, false);
	uint8_t other[32];
	struct cert *c;

	ck_assert_int_eq(cert_parse(buf_bytes(&leaf.der), &c, NULL), 0);
	ck_assert(!cert_other_sha256(c, root.key, other));
	ck_assert(!cert_other_sha256(c, leaf.key, other)); /* not by this one */
	cert_free(c);
	pki_free(&leaf);
	pki_free(&root);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("revoke");
	TCase *tc = tcase_create("revoke");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, table, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_loop_test(tc, openssl_agrees, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_loop_test(tc, grace, 0, 2);
	tcase_add_test(tc, time_decides);
	tcase_add_test(tc, audit);
	tcase_add_test(tc, superseded_lists);
	tcase_add_test(tc, other_names);
	tcase_add_test(tc, same_key);
	tcase_add_loop_test(tc, named, 0, 6);
	tcase_add_test(tc, without_anchors);
	tcase_add_loop_test(tc, other_form, 0, 6);
	tcase_add_loop_test(tc, one_form, 0, 2);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
