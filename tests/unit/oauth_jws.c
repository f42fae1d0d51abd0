/* oauth: JSON web tokens, checked by OpenSSL's own verification. */
#include <check.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/json.h"
#include "oauth/jws.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static EVP_MD_CTX *context(const struct jws_alg *a, EVP_PKEY *key, bool verify)
{
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	EVP_PKEY_CTX *c = NULL;
	const EVP_MD *md = a->kind == KEY_ED25519 ? NULL : alg_hash_md(a->hash);
	int ok = verify ? EVP_DigestVerifyInit(m, &c, md, NULL, key)
			: EVP_DigestSignInit(m, &c, md, NULL, key);

	ck_assert_int_eq(ok, 1);
	if (a->pss) {
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	return m;
}

static int sign(void *ctx, const struct jws_alg *a, struct bytes tbs, struct buf *sig,
		struct err *err)
{
	EVP_MD_CTX *m = context(a, ctx, false);
	size_t n = SIG_MAX_SIZE;

	(void)err;
	ck_assert_int_eq(EVP_DigestSign(m, buf_reserve(sig, n), &n, tbs.p, tbs.n), 1);
	sig->n += n;
	EVP_MD_CTX_free(m);
	return 0;
}

/* Decodes base64url, which has no padding. */
static size_t decode(const char *p, size_t n, uint8_t *out)
{
	char text[4096];
	size_t padded = (n + 3) / 4 * 4;

	ck_assert_uint_lt(padded, sizeof(text));
	for (size_t i = 0; i < padded; i++) {
		text[i] = i < n ? p[i] : '=';
		ck_assert(text[i] != '+' && text[i] != '/');
		if (text[i] == '-' || text[i] == '_')
			text[i] = text[i] == '-' ? '+' : '/';
	}
	ck_assert_int_ge(EVP_DecodeBlock(out, (uint8_t *)text, (int)padded), 0);
	return n * 3 / 4;
}

static bool verifies(const struct jws_alg *a, EVP_PKEY *key, const struct secret *jws, size_t half)
{
	const char *dot = strrchr(jws->p, '.');
	uint8_t raw[2048], *der = NULL;
	size_t n = decode(dot + 1, strlen(dot + 1), raw);
	EVP_MD_CTX *m = context(a, key, true);
	bool ok;

	if (half > 0) {
		ECDSA_SIG *pair = ECDSA_SIG_new();

		ck_assert_uint_eq(n, 2 * half);
		ECDSA_SIG_set0(pair, BN_bin2bn(raw, (int)half, NULL),
			       BN_bin2bn(raw + half, (int)half, NULL));
		n = (size_t)i2d_ECDSA_SIG(pair, &der);
		ECDSA_SIG_free(pair);
	}
	ok = EVP_DigestVerify(m, der != NULL ? der : raw, n, (const uint8_t *)jws->p,
			      (size_t)(dot - jws->p)) == 1;
	EVP_MD_CTX_free(m);
	OPENSSL_free(der);
	return ok;
}

static const struct {
	const char *alg;
	enum alg_kind kind;
	const char *type, *param;
	size_t half;
} all[] = {
	{ "RS256", KEY_RSA, "RSA", NULL, 0 },     { "PS256", KEY_RSA, "RSA", NULL, 0 },
	{ "ES256", KEY_P256, "EC", "P-256", 32 }, { "ES384", KEY_P384, "EC", "P-384", 48 },
	{ "ES512", KEY_P521, "EC", "P-521", 66 }, { "EdDSA", KEY_ED25519, "ED25519", NULL, 0 },
};

static EVP_PKEY *key_for(size_t i)
{
	if (all[i].kind == KEY_RSA)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	return all[i].param != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", all[i].param)
				    : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

START_TEST(every_algorithm)
{
	json_t *offered = json_pack("[s]", all[_i].alg);
	const struct jws_alg *a = jws_alg_for(all[_i].kind, offered);
	EVP_PKEY *key = key_for((size_t)_i), *other = key_for((size_t)_i);
	struct jws_signer signer = { sign, key };
	json_t *claims = json_pack("{s:s, s:i}", "iss", "c\xc3\xa9", "exp", 7), *head;
	struct err e = ERR_INIT;

	ck_assert_str_eq(a->name, all[_i].alg);
	/* Halves that begin with zero bytes come often enough in 40 signatures. */
	for (int n = 0; n < (all[_i].kind == KEY_RSA ? 1 : 40); n++) {
		struct secret jws = SECRET_NONE;
		uint8_t text[512] = { 0 };

		ck_assert_int_eq(
			jws_make(&jws, a, "t+jwt", n % 2 ? "k1" : NULL, claims, &signer, &e), 0);
		decode(jws.p, strcspn(jws.p, "."), text);
		ck_assert_int_eq(json_read(bytes_str((char *)text), "head", false, &head, &e), 0);
		ck_assert_str_eq(json_string_value(json_object_get(head, "alg")), all[_i].alg);
		ck_assert_str_eq(json_string_value(json_object_get(head, "typ")), "t+jwt");
		ck_assert(json_is_string(json_object_get(head, "kid")) == (n % 2 == 1));
		json_decref(head);
		ck_assert(verifies(a, key, &jws, all[_i].half));
		ck_assert(!verifies(a, other, &jws, all[_i].half));
		jws.p[4] ^= 1;
		ck_assert(!verifies(a, key, &jws, all[_i].half));
		secret_free(&jws);
	}
	json_decref(offered);
	json_decref(claims);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(choice)
{
	json_t *only_es = json_pack("[s]", "ES256"),
	       *both = json_pack("[s, s, i]", "PS256", "RS256", 1);

	ck_assert_str_eq(jws_alg_for(KEY_RSA, NULL)->name, "RS256");
	ck_assert_str_eq(jws_alg_for(KEY_RSA, both)->name, "RS256");
	ck_assert_ptr_null(jws_alg_for(KEY_RSA, only_es));
	ck_assert_ptr_null(jws_alg_for(KEY_P384, only_es));
	ck_assert_ptr_null(jws_alg_for(KEY_OTHER, NULL));
	json_decref(only_es);
	json_decref(both);
}
END_TEST

static int fails(void *ctx, const struct jws_alg *a, struct bytes tbs, struct buf *sig,
		 struct err *err)
{
	(void)a;
	(void)tbs;
	if (ctx == NULL)
		return err_set(err, ERR_PIN, "no");
	buf_add_str(sig, ctx);
	return 0;
}

START_TEST(a_signer_that_fails)
{
	struct jws_signer refuses = { fails, NULL }, lies = { fails, (void *)(uintptr_t) "no DER" };
	const struct jws_alg *a = jws_alg_for(KEY_P256, NULL);
	json_t *claims = json_object();
	struct secret out = SECRET_NONE;
	struct err e = ERR_INIT;

	ck_assert_int_eq(jws_make(&out, a, NULL, NULL, claims, &refuses, &e), ERR_PIN);
	ck_assert_int_eq(jws_make(&out, a, NULL, NULL, claims, &lies, &e), ERR_TOKEN);
	ck_assert_ptr_null(out.p);
	json_decref(claims);
}
END_TEST

/* What jws_ecdsa_raw refuses: more than r and s, another length, trailing bytes. */
START_TEST(ecdsa_forms)
{
	const uint8_t small[] = { 0x30, 6, 2, 1, 5, 2, 1, 6 };
	const uint8_t more[] = { 0x30, 6, 2, 1, 5, 2, 1, 6, 0 };
	const uint8_t wide[] = { 0x30, 8, 2, 3, 1, 0, 0, 2, 1, 6 };
	struct buf out = BUF_INIT;

	ck_assert(jws_ecdsa_raw(bytes_of(small, sizeof(small)), 2, &out));
	ck_assert(bytes_eq(buf_bytes(&out), bytes_of("\0\5\0\6", 4)));
	ck_assert(!jws_ecdsa_raw(bytes_of(more, sizeof(more)), 2, &out));
	ck_assert(!jws_ecdsa_raw(bytes_of(wide, sizeof(wide)), 2, &out));
	ck_assert(!jws_ecdsa_raw(BYTES_NONE, 2, &out));
	ck_assert_uint_eq(out.n, 4);
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oauth_jws");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, every_algorithm, 0, (int)N(all));
	tcase_add_test(t, choice);
	tcase_add_test(t, a_signer_that_fails);
	tcase_add_test(t, ecdsa_forms);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
