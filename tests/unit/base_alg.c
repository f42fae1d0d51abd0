/* The table of algorithms, beside OpenSSL's own. */
#include <check.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "base/alg.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct bytes oid_of(int nid)
{
	const ASN1_OBJECT *o = OBJ_nid2obj(nid);

	return bytes_of(OBJ_get0_data(o), OBJ_length(o));
}

static const struct {
	const char *spec, *name;
	enum alg_kind kind;
	int bits;
	enum alg_hash hash;
	int signature_nid, gpg;
} keys[] = {
	{ "RSA", "rsa2048", KEY_RSA, 2048, HASH_SHA256, NID_sha256WithRSAEncryption, 1 },
	{ "P-256", "p256", KEY_P256, 256, HASH_SHA256, NID_ecdsa_with_SHA256, 19 },
	{ "prime256v1", "p256", KEY_P256, 256, HASH_SHA256, NID_ecdsa_with_SHA256, 19 },
	{ "P-384", "p384", KEY_P384, 384, HASH_SHA384, NID_ecdsa_with_SHA384, 19 },
	{ "P-521", "p521", KEY_P521, 521, HASH_SHA512, NID_ecdsa_with_SHA512, 19 },
	{ "ED25519", "ed25519", KEY_ED25519, 256, HASH_SHA512, NID_ED25519, 22 },
	{ "P-224", "other", KEY_OTHER, 224, HASH_NONE, NID_undef, 0 },
	{ "secp256k1", "other", KEY_OTHER, 256, HASH_NONE, NID_undef, 0 },
	{ "brainpoolP256r1", "other", KEY_OTHER, 256, HASH_NONE, NID_undef, 0 },
	{ "RSA-PSS", "other", KEY_OTHER, 2048, HASH_NONE, NID_undef, 0 },
	{ "ED448", "other", KEY_OTHER, 456, HASH_NONE, NID_undef, 0 },
	{ "X25519", "other", KEY_OTHER, 253, HASH_NONE, NID_undef, 0 },
};

static EVP_PKEY *make(const char *spec)
{
	if (!strncmp(spec, "RSA", 3)) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, spec, NULL);
		EVP_PKEY *key = NULL;

		ck_assert(EVP_PKEY_keygen_init(ctx) > 0);
		ck_assert(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) > 0);
		ck_assert(EVP_PKEY_keygen(ctx, &key) > 0);
		EVP_PKEY_CTX_free(ctx);
		return key;
	}
	if (!strncmp(spec, "ED", 2) || !strncmp(spec, "X2", 2))
		return EVP_PKEY_Q_keygen(NULL, NULL, spec);
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC", spec);
}

START_TEST(kinds)
{
	EVP_PKEY *key = make(keys[_i].spec);
	struct alg_key a = alg_of_key(key);
	struct bytes oid;

	ck_assert_ptr_nonnull(key);
	ck_assert_int_eq(a.kind, keys[_i].kind);
	ck_assert_int_eq(a.bits, keys[_i].bits);
	ck_assert_str_eq(alg_key_name(a), keys[_i].name);
	ck_assert_int_eq(alg_hash_for(a), keys[_i].hash);
	ck_assert_int_eq(alg_gpg_pk(a.kind), keys[_i].gpg);
	oid = alg_signature_oid(a.kind, alg_hash_for(a));
	if (keys[_i].signature_nid == NID_undef)
		ck_assert_uint_eq(oid.n, 0);
	else
		ck_assert(bytes_eq(oid, oid_of(keys[_i].signature_nid)));
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(no_key)
{
	ck_assert_int_eq(alg_of_key(NULL).kind, KEY_OTHER);
	ck_assert_str_eq(alg_key_name(alg_of_key(NULL)), "other");
}
END_TEST

START_TEST(hashes)
{
	static const struct {
		enum alg_hash h;
		int nid, gpg;
		const char *name;
	} t[] = {
		{ HASH_SHA1, NID_sha1, 2, "sha1" },
		{ HASH_SHA256, NID_sha256, 8, "sha256" },
		{ HASH_SHA384, NID_sha384, 9, "sha384" },
		{ HASH_SHA512, NID_sha512, 10, "sha512" },
	};
	static const int others[] = { NID_md5, NID_sha224, NID_sha512_256, NID_sha3_256,
				      NID_ripemd160 };

	for (size_t i = 0; i < N(t); i++) {
		const EVP_MD *md = alg_hash_md(t[i].h);

		ck_assert_int_eq(EVP_MD_get_type(md), t[i].nid);
		ck_assert_uint_eq(alg_hash_size(t[i].h), (size_t)EVP_MD_get_size(md));
		ck_assert_int_eq(alg_hash_by_oid(oid_of(t[i].nid)), t[i].h);
		ck_assert(bytes_eq(alg_hash_oid(t[i].h), oid_of(t[i].nid)));
		ck_assert_int_eq(alg_gpg_hash(t[i].h), t[i].gpg);
		ck_assert_str_eq(alg_hash_name(t[i].h), t[i].name);
	}
	for (size_t i = 0; i < N(others); i++)
		ck_assert_int_eq(alg_hash_by_oid(oid_of(others[i])), HASH_NONE);
	ck_assert_int_eq(alg_hash_by_oid(BYTES_NONE), HASH_NONE);
	ck_assert_ptr_null(alg_hash_md(HASH_NONE));
	ck_assert_uint_eq(alg_hash_size(HASH_NONE), 0);
}
END_TEST

START_TEST(signatures)
{
	static const struct {
		int nid;
		enum alg_kind family;
		enum alg_hash h;
		bool ok;
	} t[] = {
		{ NID_sha256WithRSAEncryption, KEY_RSA, HASH_SHA256, true },
		{ NID_sha384WithRSAEncryption, KEY_RSA, HASH_SHA384, true },
		{ NID_sha512WithRSAEncryption, KEY_RSA, HASH_SHA512, true },
		{ NID_rsaEncryption, KEY_RSA, HASH_NONE, true },
		{ NID_ecdsa_with_SHA256, KEY_P256, HASH_SHA256, true },
		{ NID_ecdsa_with_SHA384, KEY_P256, HASH_SHA384, true },
		{ NID_ecdsa_with_SHA512, KEY_P256, HASH_SHA512, true },
		{ NID_ED25519, KEY_ED25519, HASH_NONE, true },
		{ NID_sha1WithRSAEncryption, KEY_OTHER, HASH_NONE, false },
		{ NID_md5WithRSAEncryption, KEY_OTHER, HASH_NONE, false },
		{ NID_sha224WithRSAEncryption, KEY_OTHER, HASH_NONE, false },
		{ NID_rsassaPss, KEY_OTHER, HASH_NONE, false },
		{ NID_ecdsa_with_SHA1, KEY_OTHER, HASH_NONE, false },
		{ NID_X9_62_id_ecPublicKey, KEY_OTHER, HASH_NONE, false },
		{ NID_dsa_with_SHA256, KEY_OTHER, HASH_NONE, false },
		{ NID_ED448, KEY_OTHER, HASH_NONE, false },
	};

	for (size_t i = 0; i < N(t); i++) {
		enum alg_kind family = KEY_OTHER;
		enum alg_hash h = HASH_NONE;

		ck_assert_msg(alg_signature_by_oid(oid_of(t[i].nid), &family, &h) == t[i].ok, "%s",
			      OBJ_nid2sn(t[i].nid));
		ck_assert_int_eq(family, t[i].family);
		ck_assert_int_eq(h, t[i].h);
	}
	ck_assert_uint_eq(alg_signature_oid(KEY_RSA, HASH_SHA1).n, 0);
	ck_assert_uint_eq(alg_signature_oid(KEY_P256, HASH_SHA1).n, 0);
	ck_assert_uint_eq(alg_signature_oid(KEY_OTHER, HASH_SHA256).n, 0);
}
END_TEST

START_TEST(digests)
{
	struct bytes v[3] = { BYTES_LIT("a"), BYTES_NONE, BYTES_LIT("bc") };
	uint8_t ours[HASH_MAX_SIZE], theirs[HASH_MAX_SIZE];

	for (enum alg_hash h = HASH_SHA1; h <= HASH_SHA512; h++) {
		ck_assert(alg_digest(h, v, 3, ours));
		ck_assert(EVP_Digest("abc", 3, theirs, NULL, alg_hash_md(h), NULL));
		ck_assert_mem_eq(ours, theirs, alg_hash_size(h));
	}
	ck_assert(!alg_digest(HASH_NONE, v, 3, ours));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_alg");
	TCase *tc = tcase_create("alg");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, kinds, 0, N(keys));
	tcase_add_test(tc, no_key);
	tcase_add_test(tc, hashes);
	tcase_add_test(tc, signatures);
	tcase_add_test(tc, digests);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
