/* CRLs read: every kind that is refused stands beside one that is not. */
#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "sig/crl.h"
#include "tests/unit/crl_make.h"

static const struct {
	const char *name;
	struct crl_spec s;
	const char *fault; /* NULL: it is read */
} cases[] = {
	{ "empty", { .reason = -1 }, NULL },
	{ "one entry", { .serial = 5, .reason = -1 }, NULL },
	{ "a reason", { .serial = 5, .reason = CRL_KEY_COMPROMISE }, NULL },
	{ "version 1", { .v1 = true, .serial = 5, .reason = -1 }, NULL },
	{ "SHA-384", { .md = (void *)384, .reason = -1 }, NULL },
	{ "SHA-1", { .md = (void *)1, .reason = -1 }, "algorithm" },
	{ "no nextUpdate", { .no_next = true, .reason = -1 }, "nextUpdate" },
	{ "ends before it begins", { .from = 3, .until = 2, .reason = -1 }, "nextUpdate" },
	{ "delta", { .ext = "2.5.29.27", .critical = true, .reason = -1 }, "delta" },
	{ "indirect", { .idp = "critical,indirectCRL:TRUE", .reason = -1 }, "indirect" },
	{ "users only", { .idp = "critical,onlyuser:TRUE", .reason = -1 }, "part" },
	{ "one distribution point",
	  { .idp = "critical,fullname:URI:http://example.com/a", .reason = -1 },
	  "part" },
	{ "unknown extension", { .ext = "1.2.3.4", .reason = -1 }, NULL },
	{ "unknown critical extension",
	  { .ext = "1.2.3.4", .critical = true, .reason = -1 },
	  "1.2.3.4" },
	{ "freshest CRL", { .ext = "2.5.29.46", .reason = -1 }, NULL },
	{ "unknown extension of an entry",
	  { .serial = 5, .entry_ext = "1.2.3.4", .reason = -1 },
	  NULL },
	{ "unknown critical extension of an entry",
	  { .serial = 5, .entry_ext = "1.2.3.4", .entry_critical = true, .reason = -1 },
	  "of an entry that is not known here (1.2.3.4)" },
	{ "another issuer's entry",
	  { .serial = 5, .entry_ext = "2.5.29.29", .entry_critical = true, .reason = -1 },
	  "indirect" },
	{ "removeFromCRL", { .serial = 5, .reason = 8 }, "removeFromCRL" },
	{ "unused reason", { .serial = 5, .reason = 7 }, "reason" },
	{ "hold", { .serial = 5, .reason = CRL_HOLD }, NULL },
};

static struct pki_cert root;

static void make(const struct crl_spec *given, struct buf *der)
{
	struct crl_spec s = *given;

	s.md = s.md == (void *)1 ? EVP_sha1() : s.md ? EVP_sha384() : NULL;
	crl_make(&s, &root, NULL, der);
}

START_TEST(table)
{
	struct buf der = BUF_INIT;
	struct err err = ERR_INIT;
	struct crl *c = NULL;
	int rc;

	make(&cases[_i].s, &der);
	rc = crl_parse(buf_bytes(&der), &c, &err);
	if (cases[_i].fault) {
		ck_assert_msg(rc == ERR_INPUT && c == NULL, "%s was read", cases[_i].name);
		ck_assert_msg(strstr(err.text, cases[_i].fault), "%s: %s", cases[_i].name,
			      err.text);
	} else {
		ck_assert_msg(rc == 0, "%s: %s", cases[_i].name, err.text);
		ck_assert_int_eq(crl_verify(c, root.key, &err), 0);
		ck_assert_uint_eq(c->entries_n, cases[_i].s.serial != 0);
	}
	crl_free(c);
	buf_free(&der);
}
END_TEST

/* What is cut, and what is changed anywhere, is not read or does not verify. */
START_TEST(damaged)
{
	struct crl_spec s = { .serial = 5, .reason = CRL_SUPERSEDED, .invalid = -3 };
	struct buf der = BUF_INIT;
	size_t i;

	make(&s, &der);
	for (i = 0; i < der.n; i++) {
		struct crl *c = NULL;

		ck_assert_int_ne(crl_parse(bytes_of(der.p, i), &c, NULL), 0);
		der.p[i] ^= 1;
		if (crl_parse(buf_bytes(&der), &c, NULL) == 0)
			ck_assert_msg(crl_verify(c, root.key, NULL) == ERR_BAD, "byte %zu", i);
		crl_free(c);
		der.p[i] ^= 1;
	}
	buf_free(&der);
}
END_TEST

START_TEST(dates)
{
	struct crl_spec s = {
		.serial = 5, .reason = CRL_KEY_COMPROMISE, .revoked = -1, .invalid = -3
	};
	struct buf der = BUF_INIT;
	struct crl_entry e;
	struct crl *c = NULL;

	make(&s, &der);
	ck_assert_int_eq(crl_parse(buf_bytes(&der), &c, NULL), 0);
	ck_assert(crl_find(c, BYTES_LIT("\x05"), &e));
	ck_assert_int_eq(e.since, PKI_NOW - 3 * PKI_DAY);
	ck_assert_int_eq(e.reason, CRL_KEY_COMPROMISE);
	ck_assert(!crl_find(c, BYTES_LIT("\x06"), &e));
	ck_assert_int_eq(c->this_update, PKI_NOW - PKI_DAY);
	ck_assert_int_eq(c->next_update, PKI_NOW + 7 * PKI_DAY);
	crl_free(c);
	s.invalid = 3; /* an invalidityDate after the revocation takes nothing back */
	buf_clear(&der);
	make(&s, &der);
	ck_assert_int_eq(crl_parse(buf_bytes(&der), &c, NULL), 0);
	ck_assert(crl_find(c, BYTES_LIT("\x05"), &e));
	ck_assert_int_eq(e.since, PKI_NOW - PKI_DAY);
	crl_free(c);
	buf_free(&der);
}
END_TEST

START_TEST(large)
{
	struct crl_spec s = { .entries = 20000, .serial = 7, .reason = -1 };
	struct buf der = BUF_INIT;
	struct crl_entry e;
	struct crl *c = NULL;

	make(&s, &der);
	ck_assert_int_eq(crl_parse(buf_bytes(&der), &c, NULL), 0);
	ck_assert_uint_eq(c->entries_n, 20001);
	ck_assert(crl_find(c, BYTES_LIT("\x07"), &e));
	ck_assert(crl_find(c, BYTES_LIT("\x01\x86\xa0"), &e)); /* 100000 */
	ck_assert(crl_find(c, BYTES_LIT("\x01\xd4\xbf"), &e)); /* 119999 */
	ck_assert(!crl_find(c, BYTES_LIT("\x01\xd4\xc0"), &e));
	crl_free(c);
	buf_free(&der);
}
END_TEST

START_TEST(files)
{
	struct crl_spec s = { .reason = -1 };
	struct buf der = BUF_INIT, pem = BUF_INIT;
	struct crl_list l = { NULL, 0 };
	struct err err = ERR_INIT;

	make(&s, &der);
	ck_assert_int_eq(crl_list_read(buf_bytes(&der), &l, &err), 0);
	ck_assert_uint_eq(l.n, 1);
	crl_list_free(&l);
	buf_add_str(&pem, "about this file\n");
	pem_write(&pem, PEM_CRL, buf_bytes(&der));
	pem_write(&pem, PEM_CRL, buf_bytes(&der));
	ck_assert_int_eq(crl_list_read(buf_bytes(&pem), &l, &err), 0);
	ck_assert_uint_eq(l.n, 2);
	crl_list_free(&l);
	buf_add_str(&pem, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
	ck_assert_int_eq(crl_list_read(buf_bytes(&pem), &l, &err), ERR_INPUT);
	ck_assert_msg(strstr(err.text, "list 3"), "%s", err.text);
	ck_assert_int_eq(crl_list_read(BYTES_LIT("nothing"), &l, &err), ERR_INPUT);
	ck_assert_int_eq(crl_list_read(BYTES_NONE, &l, &err), ERR_INPUT);
	buf_add_byte(&der, 0);
	ck_assert_int_eq(crl_list_read(buf_bytes(&der), &l, &err), ERR_INPUT);
	buf_free(&der);
	buf_free(&pem);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crl");
	TCase *tc = tcase_create("crl");
	SRunner *sr;
	int failed;

	root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, table, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, dates);
	tcase_add_test(tc, large);
	tcase_add_test(tc, files);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	pki_free(&root);
	return failed != 0;
}
