/*
 * What the tests of CMS have in common: a payload, a signer of each kind and whether
 * a message is good.
 */
#ifndef GH_TESTS_CMS_JUDGE_H
#define GH_TESTS_CMS_JUDGE_H

#include <check.h>

#include "base/mem.h"
#include "tests/unit/forge.h"

#define PAYLOAD BYTES_LIT("tree 0123\nauthor Alice <alice@example.com> 1 +0000\n\nfirst\n")

/* Made once in main(): each test is a child process. */
static struct pki_cert root, ec, rsa, ed, other;

#define EC (&ec)
#define RSA_ (&rsa)
#define ED (&ed)

static inline int check_key(struct bytes der, struct bytes payload, const struct pki_cert *leaf,
			    struct err *err)
{
	struct cms_key *key = NULL;
	struct cms c;
	int r = cms_parse(der, &c, err);

	if (r != 0)
		return r;
	r = cms_key_new(leaf->key, &key, err);
	if (r == 0)
		r = cms_check(&c, &payload, 1, buf_bytes(&leaf->der), key, err);
	cms_key_free(key);
	cms_free(&c);
	return r;
}

static inline void good(struct bytes der, const struct pki_cert *leaf)
{
	struct err err = ERR_INIT;

	ck_assert_msg(check_key(der, PAYLOAD, leaf, &err) == 0, "%s", err.text);
}

static inline void refused(struct bytes der, const struct pki_cert *leaf, int code,
			   const char *word)
{
	struct err err = ERR_INIT;
	int r = check_key(der, PAYLOAD, leaf, &err);

	ck_assert_msg(r == code, "%d, not %d: %s", r, code, err.text);
	ck_assert_msg(strstr(err.text, word) != NULL, "\"%s\" lacks \"%s\"", err.text, word);
}

#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

static inline void make_signers(void)
{
	root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	ec = pki_make(&(struct pki_spec){ .cn = "Alice" }, &root, false);
	rsa = pki_make(&(struct pki_spec){ .cn = "Alice", .key = "rsa:2048" }, &root, false);
	ed = pki_make(&(struct pki_spec){ .cn = "Alice", .key = "ed25519" }, &root, false);
	other = pki_make(&(struct pki_spec){ .cn = "Bob" }, &root, false);
}

static inline void free_signers(void)
{
	pki_free(&root);
	pki_free(&ec);
	pki_free(&rsa);
	pki_free(&ed);
	pki_free(&other);
}

/* The status for main(). */
static inline int run_suite(Suite *s)
{
	SRunner *sr;
	int failed;

	make_signers();
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	free_signers();
	return failed != 0;
}

#endif
