/* The certificates in the bag of a signature, and the anchors that they lead to. */
#include <check.h>

#include "tests/unit/world.h"

/* --- the bag ----------------------------------------------------------------------- */

static void bag_case(struct world *w, const struct bytes *bag, size_t n, enum verdict_level level,
		     const char *word)
{
	struct buf der = BUF_INIT;

	pki_sign(&w->leaf, bag, n, PAYLOAD, &der);
	judge(w->t, PAYLOAD, &der, PKI_NOW, &w->v);
	expect_at(word ? word : "bag", &w->v, level, word);
	buf_free(&der);
}

START_TEST(bags)
{
	struct pki_cert other = pki_make(&(struct pki_spec){ .cn = "Other" }, NULL, true);
	struct pki_cert bob, cross;
	struct world w;
	struct bytes bag[4];

	world_open(&w, &plain);
	bob = pki_make(&(struct pki_spec){ .cn = "Bob" }, &w.ica, false);
	bag[0] = buf_bytes(&w.ica.der);
	bag[1] = buf_bytes(&w.root.der);
	bag_case(&w, bag, 1, GOOD);
	bag_case(&w, bag, 2, GOOD);
	bag_case(&w, bag, 0, VERDICT_UNKNOWN, "trust anchor");
	bag_case(&w, bag + 1, 1, FORBIDDEN, "not part of");
	bag[1] = buf_bytes(&other.der);
	bag_case(&w, bag, 2, FORBIDDEN, "not part of the signer's chain: /CN=Other");
	bag[1] = buf_bytes(&bob.der);
	bag_case(&w, bag, 2, FORBIDDEN, "/CN=Bob");
	bag[0] = buf_bytes(&bob.der);
	bag[1] = buf_bytes(&w.ica.der);
	bag_case(&w, bag, 2, FORBIDDEN, "/CN=Bob");

	/*
	 * The intermediate once more, by another root: two chains are not one. Either may
	 * come first in the sorted bag: nothing but its issuer shall be odd.
	 */
	cross = pki_make(&(struct pki_spec){ .cn = "Sub" }, &other, true);
	X509_set_pubkey(cross.x, w.ica.key);
	X509_EXTENSION_free(X509_delete_ext(
		cross.x, X509_get_ext_by_NID(cross.x, NID_subject_key_identifier, -1)));
	ck_assert(X509_sign(cross.x, other.key, EVP_sha256()) > 0);
	buf_free(&cross.der);
	pki_finish(&cross);
	bag[0] = buf_bytes(&w.ica.der);
	bag[1] = buf_bytes(&cross.der);
	bag_case(&w, bag, 2, FORBIDDEN, "not part of");
	pki_free(&cross);
	pki_free(&bob);
	pki_free(&other);
	world_close(&w);
}
END_TEST

/* Two certificates that the SignerInfo's issuer and serial both name. */
START_TEST(equal_serials)
{
	struct wcase c = { "serials", ROOT, .leaf = { .serial = 7 } };
	struct pki_cert twin;
	struct bytes bag;
	struct world w;

	world_open(&w, &c);
	expect(&w.v, GOOD);
	twin = pki_make(&(struct pki_spec){ .cn = "Mallory", .serial = 7 }, &w.root, false);
	bag = buf_bytes(&twin.der);
	bag_case(&w, &bag, 1, VERDICT_BAD, "exactly once");
	pki_free(&twin);
	twin = pki_make(&(struct pki_spec){ .cn = "Mallory", .serial = 8 }, &w.root, false);
	bag = buf_bytes(&twin.der);
	bag_case(&w, &bag, 1, FORBIDDEN, "not part of");
	pki_free(&twin);
	world_close(&w);
}
END_TEST

/* A certificate like the signer's, same name and serial, other key: the bytes decide. */
START_TEST(swapped_leaf)
{
	struct pki_spec s = { .cn = "Alice", .serial = 9 };
	struct wcase c = { "swap", ROOT, .leaf = { .cn = "Alice", .serial = 9 } };
	struct pki_cert liar;
	struct buf der = BUF_INIT;
	struct world w;

	world_open(&w, &c);
	liar = pki_make(&s, &w.root, false);
	EVP_PKEY_free(liar.key);
	liar.key = w.leaf.key;
	EVP_PKEY_up_ref(liar.key);
	pki_sign(&liar, NULL, 0, PAYLOAD, &der);
	judge(w.t, PAYLOAD, &der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_BAD, "");
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	buf_free(&der);
	pki_free(&liar);
	world_close(&w);
}
END_TEST

/* --- anchors ----------------------------------------------------------------------------- */

static void anchored(const struct world *w, const struct pki_cert *anchor,
		     enum verdict_level level, const char *word)
{
	struct trust *t = trust_new(NULL);
	struct verdict v;

	if (anchor)
		add_roots(t, "corp", anchor);
	judge(t, PAYLOAD, &w->der, PKI_NOW, &v);
	expect_at(word ? word : "anchor", &v, level, word);
	trust_free(t);
}

START_TEST(any_anchor)
{
	struct pki_cert stranger = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct pki_cert same_name = pki_make(&(struct pki_spec){ .cn = "Root", .no_ids = true },
					     NULL, true);
	struct world w;

	world_open(&w, &plain);
	anchored(&w, &w.root, GOOD);
	anchored(&w, &w.ica, GOOD);
	anchored(&w, &w.leaf, GOOD);
	anchored(&w, NULL, VERDICT_UNKNOWN, "no trust anchors");
	anchored(&w, &stranger, VERDICT_UNKNOWN, "trust anchor");
	anchored(&w, &same_name, FORBIDDEN, "");
	pki_free(&stranger);
	pki_free(&same_name);
	world_close(&w);
}
END_TEST

/* A developer's own certificate may be its own anchor, under the same rules of usage. */
START_TEST(self_signed)
{
	static const struct {
		struct pki_spec spec;
		enum verdict_level level;
		const char *word;
	} t[] = {
		{ { .cn = "Alice" }, GOOD },
		{ { .cn = "Alice", .eku = "serverAuth" }, FORBIDDEN, "extendedKeyUsage" },
		{ { .cn = "Alice", .ku = "" }, FORBIDDEN, "keyUsage" },
		{ { .cn = "Alice", .ext = EXT_UNKNOWN_CRITICAL }, FORBIDDEN, "critical extension" },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct world w = { .leaf = pki_make(&t[i].spec, NULL, false) };

		pki_sign(&w.leaf, NULL, 0, PAYLOAD, &w.der);
		anchored(&w, &w.leaf, t[i].level, t[i].word);
		world_close(&w);
	}
}
END_TEST

/* Alice's certificate as anchor lets nobody in whom she "issued": the chain ends at it, but
 * it may not issue. */
START_TEST(leaf_anchor_issues_nothing)
{
	struct pki_cert alice = pki_make(&(struct pki_spec){ .cn = "Alice" }, NULL, false);
	struct world w = { .leaf = pki_make(&(struct pki_spec){ .cn = "Mallory" }, &alice, false) };

	pki_sign(&w.leaf, NULL, 0, PAYLOAD, &w.der);
	anchored(&w, &alice, FORBIDDEN, "invalid CA certificate");
	pki_free(&alice);
	world_close(&w);
}
END_TEST

START_TEST(several_names)
{
	struct pki_cert other = pki_make(&(struct pki_spec){ .cn = "Other" }, NULL, true);
	struct wcase c = plain;
	struct world w;
	struct trust *t = trust_new(NULL);
	struct verdict v;

	c.root.until = 3;
	world_open(&w, &c);
	add_roots(t, "other", &other);
	add_roots(t, "root", &w.root);
	add_roots(t, "sub", &w.ica);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &v);
	expect(&v, GOOD);
	ck_assert_str_eq(v.trust_name, "root");
	ck_assert(verdict_has_trust(t, &v, "root") && verdict_has_trust(t, &v, "sub"));
	ck_assert(!verdict_has_trust(t, &v, "other") && !verdict_has_trust(t, &v, "nobody"));
	ck_assert_str_eq(trust_name_at(t, 2), "sub");
	ck_assert_ptr_null(trust_name_at(t, 3));
	/* The root has expired, the intermediate as an anchor has not. */
	judge(t, PAYLOAD, &w.der, PKI_NOW + 4 * PKI_DAY, &v);
	expect(&v, GOOD);
	ck_assert_str_eq(v.trust_name, "sub");
	ck_assert(!verdict_has_trust(t, &v, "root"));
	judge(t, PAYLOAD, &w.der, PKI_NOW + 11 * PKI_DAY, &v);
	expect(&v, VERDICT_EXPIRED, "expired");
	ck_assert(verdict_has_trust(t, &v, "root") && verdict_has_trust(t, &v, "sub"));
	trust_free(t);
	pki_free(&other);
	world_close(&w);
}
END_TEST

/* Anchors that come later count, also for what was judged before. */
START_TEST(later_anchor)
{
	struct pki_cert other = pki_make(&(struct pki_spec){ .cn = "Other" }, NULL, true);
	struct world w;
	struct trust *t = trust_new(NULL);

	world_open(&w, &plain);
	add_roots(t, "corp", &other);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_UNKNOWN, "");
	add_roots(t, "corp", &w.root);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	trust_free(t);
	pki_free(&other);
	world_close(&w);
}
END_TEST

START_TEST(bad_anchors)
{
	struct pki_cert broken = pki_make(&(struct pki_spec){ .ext = EXT_TWICE }, NULL, true);
	struct trust *t = trust_new(NULL);
	struct err err = ERR_INIT;
	struct buf pem = BUF_INIT;

	ck_assert_int_eq(trust_add_roots(t, "corp", BYTES_NONE, &err), ERR_CONFIG);
	ck_assert_msg(err.code == ERR_CONFIG && strstr(err.text, "corp"), "%s", err.text);
	ck_assert_int_eq(trust_add_roots(t, "corp", BYTES_LIT("no PEM\n"), NULL), ERR_CONFIG);
	pki_pem(&pem, &broken);
	ck_assert_int_eq(trust_add_roots(t, "corp", buf_bytes(&pem), &err), ERR_CONFIG);
	ck_assert_ptr_null(trust_name_at(t, 0));
	buf_free(&pem);
	pki_free(&broken);
	trust_free(t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("chain");
	TCase *tc = tcase_create("chain");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, bags);
	tcase_add_test(tc, equal_serials);
	tcase_add_test(tc, swapped_leaf);
	tcase_add_test(tc, any_anchor);
	tcase_add_test(tc, self_signed);
	tcase_add_test(tc, leaf_anchor_issues_nothing);
	tcase_add_test(tc, several_names);
	tcase_add_test(tc, later_anchor);
	tcase_add_test(tc, bad_anchors);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
