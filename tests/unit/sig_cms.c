/* CMS: what we write and read, cut, flipped and nested. */
#include <openssl/cms.h>

#include "tests/unit/cms_judge.h"

/* --- what we write, we read; and OpenSSL's library does -------------------------------- */

static const char *const key_kinds[] = { "rsa:2048", "rsa:3072", "rsa:4096", "ec:P-256",
					 "ec:P-384", "ec:P-521", "ed25519" };

static void library_agrees(struct bytes der, struct bytes payload, X509 *leaf)
{
	const unsigned char *p = der.p;
	CMS_ContentInfo *ci = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	BIO *in = BIO_new_mem_buf(payload.p, (int)payload.n);
	STACK_OF(X509) *certs = sk_X509_new_null();
	unsigned char *again = NULL;
	int n;

	ck_assert(ci != NULL && p == der.p + der.n && in != NULL && sk_X509_push(certs, leaf) > 0);
	n = i2d_CMS_ContentInfo(ci, &again);
	ck_assert(n > 0 && bytes_eq(der, bytes_of(again, (size_t)n)));
	OPENSSL_free(again);
	/* OpenSSL 3.0 has no CMS with Ed25519 */
	if (EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)) != EVP_PKEY_ED25519)
		ck_assert_int_eq(CMS_verify(ci, certs, NULL, in, NULL,
					    CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | CMS_DETACHED),
				 1);
	sk_X509_free(certs);
	BIO_free(in);
	CMS_ContentInfo_free(ci);
}

static void read_facts(const struct cms *c, const struct pki_cert *leaf)
{
	struct alg_key k = alg_of_key(leaf->key);
	unsigned char *name = NULL;
	int n = i2d_X509_NAME(X509_get_issuer_name(leaf->x), &name);
	uint8_t md[HASH_MAX_SIZE];
	struct bytes der = buf_bytes(&leaf->der);

	ck_assert(c->own.n == 0 && c->has_signing_time && c->signing_time == PKI_NOW);
	ck_assert_int_eq(c->hash, alg_hash_for(k));
	ck_assert(bytes_eq(c->issuer, bytes_of(name, (size_t)n)));
	ck_assert(c->has_ess && alg_digest(c->ess_hash, &der, 1, md));
	ck_assert(bytes_eq(c->ess_cert_hash, bytes_of(md, alg_hash_size(c->ess_hash))));
	ck_assert_uint_eq(c->certs_n, 2);
	ck_assert_int_ge(cms_signer_index(c), 0);
	ck_assert(bytes_eq(c->certs[cms_signer_index(c)], der));
	ck_assert_uint_eq(c->timestamp_token.n, 0);
	OPENSSL_free(name);
}

START_TEST(round_trip)
{
	struct pki_spec spec = { .key = key_kinds[_i] };
	struct pki_cert leaf = pki_make(&spec, &root, false);
	struct bytes bag = buf_bytes(&other.der);
	struct buf der = BUF_INIT;
	struct err err = ERR_INIT;
	struct cms c;

	pki_sign(&leaf, &bag, 1, PAYLOAD, &der);
	ck_assert_msg(cms_parse(buf_bytes(&der), &c, &err) == 0, "%s", err.text);
	read_facts(&c, &leaf);
	cms_free(&c);
	good(buf_bytes(&der), &leaf);
	refused(buf_bytes(&der), &other, ERR_BAD, "another certificate");
	ck_assert_int_eq(check_key(buf_bytes(&der), BYTES_LIT("first\n"), &leaf, &err), ERR_BAD);
	ck_assert_msg(strstr(err.text, "other content") != NULL, "%s", err.text);
	library_agrees(buf_bytes(&der), PAYLOAD, leaf.x);
	buf_free(&der);
	pki_free(&leaf);
}
END_TEST

START_TEST(payload_in_pieces)
{
	struct bytes p = PAYLOAD;
	struct bytes v[4] = { bytes_of(p.p, 3), BYTES_NONE, bytes_of(p.p + 3, 10),
			      bytes_skip(p, 13) };
	struct cms_input in = { .payload = { v[0], v[1], v[2], v[3] },
				.leaf = buf_bytes(&ec.der),
				.signing_time = PKI_NOW,
				.signer = { pki_sign_raw, ec.key } };
	struct buf der = BUF_INIT;
	struct err err = ERR_INIT;
	struct cms_key *key;
	struct cms c;

	ck_assert_int_eq(cms_sign(&in, &der, &err), 0);
	good(buf_bytes(&der), &ec);
	ck_assert_int_eq(cms_parse(buf_bytes(&der), &c, &err), 0);
	ck_assert_int_eq(cms_key_new(ec.key, &key, &err), 0);
	ck_assert_int_eq(cms_check(&c, v, 4, in.leaf, key, &err), 0);
	/* a key may be used again, after failures too */
	ck_assert_int_eq(cms_check(&c, v, 3, in.leaf, key, &err), ERR_BAD);
	ck_assert_int_eq(cms_check(&c, &p, 1, in.leaf, key, &err), 0);
	cms_key_free(key);
	cms_free(&c);
	buf_free(&der);
}
END_TEST

/* What the caller says of the key is not read out of the certificate, and not believed either. */
START_TEST(named_key)
{
	struct pki_spec spec = { .key = key_kinds[_i] };
	struct pki_cert leaf = pki_make(&spec, &root, false);
	struct cms_input in = { .payload = { PAYLOAD },
				.leaf = buf_bytes(&leaf.der),
				.key = alg_of_key(leaf.key),
				.signing_time = PKI_NOW,
				.signer = { pki_sign_raw, leaf.key } };
	struct buf der = BUF_INIT;
	struct err err = ERR_INIT;

	ck_assert_int_eq(cms_sign(&in, &der, &err), 0);
	good(buf_bytes(&der), &leaf);
	library_agrees(buf_bytes(&der), PAYLOAD, leaf.x);
	buf_clear(&der);
	in.key.kind = in.key.kind == KEY_RSA ? KEY_P256 : KEY_RSA;
	ck_assert_int_eq(cms_sign(&in, &der, &err), 0);
	refused(buf_bytes(&der), &leaf, ERR_BAD, "does not verify");
	buf_free(&der);
	pki_free(&leaf);
}
END_TEST

/* One key for many: what it keeps of one signature is nothing to the next. */
START_TEST(kept_key)
{
	struct pki_spec spec = { .key = key_kinds[_i] };
	struct pki_cert leaf = pki_make(&spec, &root, false);
	struct bytes bag = buf_bytes(&other.der), cert = buf_bytes(&leaf.der);
	struct bytes payload[2] = { PAYLOAD, BYTES_LIT("another payload\n") };
	struct buf der[2] = { BUF_INIT, BUF_INIT };
	struct err err = ERR_INIT;
	struct cms_key *key;
	struct cms c[2];

	ck_assert_int_eq(cms_key_new(leaf.key, &key, &err), 0);
	for (int i = 0; i < 2; i++) {
		pki_sign(&leaf, &bag, 1, payload[i], &der[i]);
		ck_assert_int_eq(cms_parse(buf_bytes(&der[i]), &c[i], &err), 0);
	}
	for (int round = 0; round < 3; round++) {
		struct cms mixed = c[0];

		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(cms_check(&c[i], &payload[i], 1, cert, key, &err), 0);
		mixed.signature = c[1].signature;
		ck_assert_int_eq(cms_check(&mixed, &payload[0], 1, cert, key, &err), ERR_BAD);
		ck_assert_msg(strstr(err.text, "does not verify") != NULL, "%s", err.text);
		ck_assert_int_eq(cms_check(&c[0], &payload[0], 1, bag, key, &err), ERR_BAD);
		ck_assert_msg(strstr(err.text, "another certificate") != NULL, "%s", err.text);
	}
	for (int i = 0; i < 2; i++) {
		cms_free(&c[i]);
		buf_free(&der[i]);
	}
	cms_key_free(key);
	pki_free(&leaf);
}
END_TEST

static int sign_fails(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig,
		      struct err *err)
{
	(void)ctx, (void)h, (void)tbs;
	buf_add_str(sig, "half a sig");
	return err_set(err, ERR_TOKEN, "pulled out");
}

START_TEST(nothing_written_on_failure)
{
	struct bytes many[CMS_MAX_CERTS];
	struct cms_input in = { .payload = { PAYLOAD },
				.leaf = buf_bytes(&ec.der),
				.chain = many,
				.signing_time = PKI_NOW,
				.signer = { sign_fails, NULL } };
	struct buf der = BUF_INIT;
	struct err err = ERR_INIT;

	buf_add_str(&der, "before");
	ck_assert_int_eq(cms_sign(&in, &der, &err), ERR_TOKEN);
	ck_assert_str_eq(err.text, "pulled out");
	in.signer = (struct cms_signer){ pki_sign_raw, ec.key };
	for (in.chain_n = 0; in.chain_n < CMS_MAX_CERTS; in.chain_n++)
		many[in.chain_n] = buf_bytes(&other.der);
	ck_assert_int_eq(cms_sign(&in, &der, &err), ERR_INPUT);
	in.chain_n = 0;
	in.leaf.n--;
	ck_assert_int_eq(cms_sign(&in, &der, &err), ERR_INPUT);
	in.leaf = BYTES_NONE;
	ck_assert_int_eq(cms_sign(&in, &der, &err), ERR_INPUT);
	ck_assert_str_eq(buf_str(&der), "before");
	in.leaf = buf_bytes(&ec.der);
	in.chain_n = CMS_MAX_CERTS - 1;
	ck_assert_int_eq(cms_sign(&in, &der, &err), 0);
	good(bytes_skip(buf_bytes(&der), 6), &ec);
	buf_free(&der);
}
END_TEST

/* --- who signed ----------------------------------------------------------------------- */

static int index_in(const struct forge *f)
{
	struct buf der = BUF_INIT;
	struct err err = ERR_INIT;
	struct cms c;
	int i;

	forge(&der, f);
	ck_assert_msg(cms_parse(buf_bytes(&der), &c, &err) == 0, "%s", err.text);
	i = cms_signer_index(&c);
	cms_free(&c);
	buf_free(&der);
	return i;
}

START_TEST(signer)
{
	struct forge f = forge_of(&ec, PAYLOAD);
	struct buf sid = BUF_INIT;

	f.bag[f.bag_n++] = buf_bytes(&other.der);
	ck_assert_int_eq(index_in(&f), 0);
	forge_sid(&sid, buf_bytes(&other.der));
	f.sid = buf_bytes(&sid);
	ck_assert_int_eq(index_in(&f), 1);
	f.bag[f.bag_n++] = buf_bytes(&other.der);
	ck_assert_int_eq(index_in(&f), -1); /* twice */
	f.bag_n = 0;
	ck_assert_int_eq(index_in(&f), -1);
	f.bag[f.bag_n++] = BYTES_LIT("\x30\x00"); /* no certificate at all */
	ck_assert_int_eq(index_in(&f), -1);
	f.flags = FORGE_NO_BAG;
	ck_assert_int_eq(index_in(&f), -1);
	buf_free(&sid);
}
END_TEST

/* --- cut, flipped, deep ------------------------------------------------------------------ */

/* With the leaf that the message itself carries, as a program does it. */
static bool is_good(struct bytes der, struct bytes payload, struct cms_key *key)
{
	struct cms c;
	bool ok;
	int i;

	if (cms_parse(der, &c, NULL) != 0)
		return false;
	i = cms_signer_index(&c);
	ok = i >= 0 && cms_check(&c, &payload, 1, c.certs[i], key, NULL) == 0;
	cms_free(&c);
	return ok;
}

static const struct {
	const struct pki_cert *leaf;
	unsigned flags;
} flips[] = { { EC, 0 }, { RSA_, 0 }, { ED, 0 }, { EC, FORGE_BER }, { RSA_, FORGE_PIECES } };

START_TEST(cut)
{
	struct forge f = forge_of(flips[_i].leaf, PAYLOAD);
	struct buf der = BUF_INIT;
	struct cms_key *key;
	struct cms c;

	f.flags = flips[_i].flags;
	forge(&der, &f);
	ck_assert_int_eq(cms_key_new(f.key, &key, NULL), 0);
	ck_assert(is_good(buf_bytes(&der), PAYLOAD, key));
	for (size_t n = 0; n < der.n; n++) {
		/* in memory of its own size, so that a sanitizer sees one byte too far */
		uint8_t *copy = xmalloc(n ? n : 1);

		memcpy(copy, der.p, n);
		ck_assert_msg(cms_parse(bytes_of(copy, n), &c, NULL) == ERR_INPUT, "%zu bytes", n);
		free(copy);
	}
	cms_key_free(key);
	buf_free(&der);
}
END_TEST

START_TEST(flip)
{
	struct forge f = forge_of(flips[_i].leaf, PAYLOAD);
	struct buf der = BUF_INIT;
	struct cms_key *key;

	f.flags = flips[_i].flags;
	forge(&der, &f);
	ck_assert_int_eq(cms_key_new(f.key, &key, NULL), 0);
	ck_assert(is_good(buf_bytes(&der), PAYLOAD, key));
	for (size_t bit = 0; bit < der.n * 8; bit++) {
		der.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(!is_good(buf_bytes(&der), PAYLOAD, key), "bit %zu of byte %zu",
			      bit % 8, bit / 8);
		der.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert(is_good(buf_bytes(&der), PAYLOAD, key));
	cms_key_free(key);
	buf_free(&der);
}
END_TEST

START_TEST(deep)
{
	size_t sizes[] = { 40, 1000, CMS_MAX_DER - 10, CMS_MAX_DER };
	struct cms c;

	for (size_t i = 0; i < 4; i++) {
		uint8_t *p = xmalloc(sizes[i]);

		memset(p, 0x30, sizes[i]);
		for (size_t k = 1; k < sizes[i]; k += 2)
			p[k] = 0x80;
		ck_assert_int_eq(cms_parse(bytes_of(p, sizes[i]), &c, NULL), ERR_INPUT);
		memset(p, 0x30, sizes[i]);
		ck_assert_int_eq(cms_parse(bytes_of(p, sizes[i]), &c, NULL), ERR_INPUT);
		memset(p, 0x24, sizes[i]);
		ck_assert_int_eq(cms_parse(bytes_of(p, sizes[i]), &c, NULL), ERR_INPUT);
		free(p);
	}
}
END_TEST

START_TEST(large)
{
	struct forge f = forge_of(&ec, PAYLOAD);
	struct buf der = BUF_INIT, octets = BUF_INIT, filler = BUF_INIT;
	struct err err = ERR_INIT;

	buf_reserve(&filler, CMS_MAX_DER);
	memset(filler.p, 0, CMS_MAX_DER);
	der_put(&octets, DER_OCTET_STRING, bytes_of(filler.p, CMS_MAX_DER - 4096));
	buf_clear(&filler);
	forge_attr(&filler, OID_GITSIGN_ENTRY, buf_bytes(&octets));
	f.unsigned_attrs = buf_bytes(&filler);
	forge(&der, &f);
	good(buf_bytes(&der), &ec);
	while (der.n <= CMS_MAX_DER)
		buf_add_byte(&der, 0);
	ck_assert_int_eq(check_key(buf_bytes(&der), PAYLOAD, &ec, &err), ERR_INPUT);
	ck_assert_msg(strstr(err.text, "larger") != NULL, "%s", err.text);
	buf_free(&der);
	buf_free(&octets);
	buf_free(&filler);
}
END_TEST

START_TEST(odd_keys)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
	struct cms_key *key = NULL;

	ck_assert_ptr_nonnull(k);
	ck_assert_int_eq(cms_key_new(k, &key, NULL), ERR_BAD);
	ck_assert_int_eq(cms_key_new(ec.key, &key, NULL), 0);
	cms_key_free(key);
	cms_key_free(NULL);
	EVP_PKEY_free(k);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sig/cms");
	TCase *tc = tcase_create("cms");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, round_trip, 0, N(key_kinds));
	tcase_add_test(tc, payload_in_pieces);
	tcase_add_loop_test(tc, named_key, 0, N(key_kinds));
	tcase_add_loop_test(tc, kept_key, 0, N(key_kinds));
	tcase_add_test(tc, nothing_written_on_failure);
	tcase_add_test(tc, signer);
	tcase_add_loop_test(tc, cut, 0, N(flips));
	tcase_add_loop_test(tc, flip, 0, N(flips));
	tcase_add_test(tc, deep);
	tcase_add_test(tc, large);
	tcase_add_test(tc, odd_keys);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
