/* Certificates: the facts that are read, and what is refused. */
#include <check.h>
#include <openssl/sha.h>

#include "base/mem.h"
#include "sig/cert.h"
#include "sig/cert_keep.h"
#include "tests/unit/pki.h"

static struct cert *parse_ok(const struct pki_cert *p)
{
	struct err err = ERR_INIT;
	struct cert *c = NULL;

	ck_assert_msg(cert_parse(buf_bytes(&p->der), &c, &err) == 0, "%s", err.text);
	return c;
}

static void refused(struct bytes der, const char *word)
{
	struct err err = ERR_INIT;
	struct cert *c = NULL;

	ck_assert_int_eq(cert_parse(der, &c, &err), ERR_INPUT);
	ck_assert_ptr_null(c);
	ck_assert_msg(strstr(err.text, word), "\"%s\" lacks \"%s\"", err.text, word);
}

START_TEST(facts)
{
	struct pki_spec s = { .cn = "Alice", .o = "Example", .serial = 0x1234 };
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct pki_cert p = pki_make(&s, &root, false);
	struct cert *c = parse_ok(&p);
	unsigned char *spki = NULL, *name = NULL;
	uint8_t md[32];
	int n;

	ck_assert_str_eq(c->subject, "/CN=Alice/O=Example");
	ck_assert_int_eq(c->not_before, PKI_NOW - 10 * PKI_DAY);
	ck_assert_int_eq(c->not_after, PKI_NOW + 10 * PKI_DAY);
	ck_assert(bytes_eq(c->serial, BYTES_LIT("\x12\x34")));
	n = i2d_X509_NAME(X509_get_issuer_name(p.x), &name);
	ck_assert(bytes_eq(c->issuer, bytes_of(name, (size_t)n)));
	ck_assert(c->issuer.p > c->der && c->issuer.p < c->der + c->der_n);
	SHA256(p.der.p, p.der.n, md);
	ck_assert_mem_eq(c->sha256, md, 32);
	SHA1(p.der.p, p.der.n, md);
	ck_assert_mem_eq(c->sha1, md, 20);
	n = i2d_PUBKEY(p.key, &spki);
	SHA256(spki, (size_t)n, md);
	ck_assert_mem_eq(c->spki_sha256, md, 32);
	ck_assert_int_eq(c->alg.kind, KEY_P256);
	ck_assert_uint_eq(c->emails_n, 1);
	ck_assert(cert_has_email(c, BYTES_LIT("alice@EXAMPLE.com")));
	ck_assert(!cert_has_email(c, BYTES_LIT("Alice@example.com")));
	ck_assert(!cert_has_email(c, BYTES_LIT("bob@example.com")));
	ck_assert(!c->is_ca && !c->self_issued && c->usage_ok && !c->emails_malformed);
	OPENSSL_free(name);
	OPENSSL_free(spki);
	cert_free(c);
	pki_free(&p);
	pki_free(&root);
}
END_TEST

static const struct {
	const char *name;
	struct pki_spec spec;
	bool ca;
	const char *why; /* NULL: may sign */
} usage[] = {
	{ "default", { 0 }, false, NULL },
	{ "no basicConstraints", { .bc = "" }, false, NULL },
	{ "with nonRepudiation", { .ku = "critical,digitalSignature,nonRepudiation" }, false, NULL },
	{ "codeSigning", { .eku = "codeSigning" }, false, NULL },
	{ "emailProtection", { .eku = "emailProtection" }, false, NULL },
	{ "emailProtection among others", { .eku = "clientAuth,emailProtection" }, false, NULL },
	{ "no keyUsage", { .ku = "" }, false, "no keyUsage" },
	{ "keyEncipherment only", { .ku = "keyEncipherment" }, false, "digitalSignature" },
	{ "nonRepudiation only", { .ku = "nonRepudiation" }, false, "digitalSignature" },
	{ "serverAuth", { .eku = "serverAuth" }, false, "extendedKeyUsage" },
	{ "timeStamping", { .eku = "critical,timeStamping" }, false, "extendedKeyUsage" },
	{ "anyExtendedKeyUsage alone", { .eku = "anyExtendedKeyUsage" }, false, "extendedKeyUsage" },
	{ "an EKU nobody knows", { .eku = "1.2.3.4" }, false, "extendedKeyUsage" },
	{ "CA", { .ku = "critical,digitalSignature,keyCertSign" }, true, "CA certificate" },
	{ "keyCertSign, no basicConstraints", { .bc = "", .ku = "digitalSignature,keyCertSign" },
	  false, "CA certificate" },
	{ "version 1", { .v1 = true }, false, "CA certificate" },
};

START_TEST(usages)
{
	struct pki_cert p = pki_make(&usage[_i].spec, NULL, usage[_i].ca);
	struct cert *c = parse_ok(&p);

	ck_assert_msg(c->usage_ok == !usage[_i].why, "%s: %s", usage[_i].name,
		      c->usage_why ? c->usage_why : "ok");
	if (usage[_i].why)
		ck_assert_msg(strstr(c->usage_why, usage[_i].why), "%s: %s", usage[_i].name,
			      c->usage_why);
	cert_free(c);
	pki_free(&p);
}
END_TEST

static const struct {
	const char *san;
	enum pki_ext ext;
	const char *emails; /* with commas */
	bool malformed;
} san[] = {
	{ "email:alice@example.com", EXT_NONE, "alice@example.com", false },
	{ "email:alice@example.com,email:bob@example.com", EXT_NONE,
	  "alice@example.com,bob@example.com", false },
	{ "DNS:example.com,URI:email:eve@example.com,email:bob@example.com", EXT_NONE,
	  "bob@example.com", false },
	{ "", EXT_NONE, "", false },
	{ "otherName:1.3.6.1.5.5.7.8.9;UTF8:alice@example.com", EXT_NONE, "", false },
	{ "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@example.com", EXT_NONE, "", false },
	{ "", EXT_SAN_NUL, "", true },
	{ "email:alice@example.com@evil", EXT_NONE, "", true },
	{ "email:alice,email:bob@example.com", EXT_NONE, "bob@example.com", true },
};

START_TEST(emails)
{
	struct pki_spec s = { .san = san[_i].san, .ext = san[_i].ext };
	struct pki_cert p = pki_make(&s, NULL, false);
	struct cert *c = parse_ok(&p);
	struct buf got = BUF_INIT;
	size_t i;

	for (i = 0; i < c->emails_n; i++)
		buf_addf(&got, "%s%s", i ? "," : "", c->emails[i]);
	ck_assert_str_eq(buf_str(&got), san[_i].emails);
	ck_assert_int_eq(c->emails_malformed, san[_i].malformed);
	buf_free(&got);
	cert_free(c);
	pki_free(&p);
}
END_TEST

START_TEST(too_many_emails)
{
	struct buf list = BUF_INIT;
	struct pki_spec s = { 0 };
	struct pki_cert p;
	int i;

	for (i = 0; i < CERT_MAX_EMAILS; i++)
		buf_addf(&list, "%semail:a%d@example.com", i ? "," : "", i);
	s.san = buf_str(&list);
	p = pki_make(&s, NULL, false);
	cert_free(parse_ok(&p));
	pki_free(&p);
	buf_add_str(&list, ",email:bob@example.com");
	s.san = buf_str(&list);
	p = pki_make(&s, NULL, false);
	refused(buf_bytes(&p.der), "e-mail addresses");
	pki_free(&p);
	buf_free(&list);
}
END_TEST

static const struct {
	const char *cn, *o, *subject;
} names[] = {
	{ "Alice", NULL, "/CN=Alice" },
	{ "x/O=Corp", "Evil", "/CN=x\\x2fO=Corp/O=Evil" },
	{ "a\nGOODSIG", NULL, "/CN=a\\x0aGOODSIG" },
	{ "50%", NULL, "/CN=50%25" },
	{ "J\xc3\xb6rg", NULL, "/CN=J\xc3\xb6rg" },
	{ "a\xe2\x80\xae" "b", NULL, "/CN=a\\xe2\\x80\\xaeb" },
};

START_TEST(subjects)
{
	struct pki_spec s = { .cn = names[_i].cn, .o = names[_i].o };
	struct pki_cert p = pki_make(&s, NULL, false);
	struct cert *c = parse_ok(&p);

	ck_assert_str_eq(c->subject, names[_i].subject);
	cert_free(c);
	pki_free(&p);
}
END_TEST

START_TEST(empty_subject)
{
	struct pki_spec s = { .empty_name = true, .serial = 0x2a };
	struct pki_cert p = pki_make(&s, NULL, false);
	struct cert *c = parse_ok(&p);

	ck_assert_str_eq(c->subject, "/2A");
	cert_free(c);
	pki_free(&p);
}
END_TEST

/* Each beside the same certificate unbroken. */
START_TEST(malformed)
{
	struct pki_cert p = pki_make(&(struct pki_spec){ .ext = EXT_UNKNOWN }, NULL, false);
	struct pki_cert twice = pki_make(&(struct pki_spec){ .ext = EXT_TWICE }, NULL, false);
	struct pki_cert bad_bc =
		pki_make(&(struct pki_spec){ .bc = "", .ext = EXT_BAD_BC }, NULL, false);
	struct pki_cert san_twice = pki_make(&(struct pki_spec){ .ext = EXT_SAN_NUL }, NULL, false);
	struct buf b = BUF_INIT;
	size_t i;

	cert_free(parse_ok(&p));
	refused(buf_bytes(&twice.der), "repeats");
	refused(buf_bytes(&san_twice.der), "repeats");
	refused(buf_bytes(&bad_bc.der), "malformed");
	refused(BYTES_NONE, "bytes");
	buf_add_bytes(&b, buf_bytes(&p.der));
	buf_add_byte(&b, 0);
	refused(buf_bytes(&b), "DER");
	for (i = 1; i < p.der.n; i += 7)
		refused(bytes_of(p.der.p, i), "DER");
	buf_clear(&b);
	buf_reserve(&b, CERT_MAX_DER + 1);
	b.n = CERT_MAX_DER + 1;
	refused(buf_bytes(&b), "bytes");
	buf_free(&b);
	pki_free(&p);
	pki_free(&twice);
	pki_free(&san_twice);
	pki_free(&bad_bc);
}
END_TEST

/* Few bytes of DER can become very many objects. */
START_TEST(elements)
{
	static const size_t counts[] = { 1900, 2100 };
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < 2; i++) {
		struct pki_cert p;

		buf_clear(&text);
		buf_add_str(&text, "email:alice@example.com");
		for (size_t k = 0; k < counts[i]; k++)
			buf_add_str(&text, ",DNS:a");
		p = pki_make(&(struct pki_spec){ .san = buf_str(&text) }, NULL, false);
		if (i == 0)
			cert_free(parse_ok(&p));
		else
			refused(buf_bytes(&p.der), "more than 2048 parts");
		pki_free(&p);
	}
	buf_free(&text);
}
END_TEST

/* No byte of a certificate may bring the reader down; run it under ASan. */
START_TEST(flipped)
{
	struct pki_cert p = pki_make(&(struct pki_spec){ .eku = "codeSigning" }, NULL, false);
	size_t i;

	for (i = 0; i < p.der.n; i++) {
		struct cert *c = NULL;
		int bit;

		for (bit = 0; bit < 8; bit++) {
			p.der.p[i] ^= (uint8_t)(1 << bit);
			if (cert_parse(buf_bytes(&p.der), &c, NULL) == 0)
				cert_free(c);
			p.der.p[i] ^= (uint8_t)(1 << bit);
		}
	}
	pki_free(&p);
}
END_TEST

START_TEST(lists)
{
	struct pki_cert a = pki_make(&(struct pki_spec){ .cn = "A" }, NULL, true);
	struct pki_cert b = pki_make(&(struct pki_spec){ .cn = "B" }, NULL, true);
	struct cert_list l = { NULL, 0 };
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;

	buf_add_str(&text, "# a bundle\n");
	pki_pem(&text, &a);
	buf_add_str(&text, "\nSubject: B\n");
	pki_pem(&text, &b);
	ck_assert_int_eq(cert_list_from_pem(buf_bytes(&text), 1, &l, &err), ERR_INPUT);
	ck_assert_uint_eq(l.n, 0);
	ck_assert_int_eq(cert_list_from_pem(buf_bytes(&text), 2, &l, &err), 0);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_str_eq(l.v[1]->subject, "/CN=B");
	ck_assert_int_eq(cert_list_from_pem(BYTES_LIT("nothing\n"), 2, &l, &err), ERR_INPUT);
	ck_assert_int_eq(cert_list_from_pem(BYTES_NONE, 2, &l, &err), ERR_INPUT);
	ck_assert_uint_eq(l.n, 2);
	cert_list_free(&l);
	buf_free(&text);
	pki_free(&a);
	pki_free(&b);
}
END_TEST

START_TEST(chains)
{
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct pki_cert ica = pki_make(&(struct pki_spec){ .cn = "Sub" }, &root, true);
	struct pki_cert fake = pki_make(&(struct pki_spec){ .cn = "Sub", .no_ids = true }, NULL, true);
	struct pki_cert leaf = pki_make(&(struct pki_spec){ .no_ids = true }, &ica, false);
	struct cert_list pool = { NULL, 0 };
	const struct cert *out[4];
	struct cert *c = parse_ok(&leaf);

	cert_list_add(&pool, parse_ok(&fake));
	ck_assert_uint_eq(cert_chain_for(c, &pool, out, 4), 0);
	cert_list_add(&pool, parse_ok(&root));
	cert_list_add(&pool, parse_ok(&ica));
	ck_assert_uint_eq(cert_chain_for(c, &pool, out, 4), 1);
	ck_assert_ptr_eq(out[0], pool.v[2]);
	ck_assert_uint_eq(cert_chain_for(c, &pool, out, 0), 0);
	ck_assert_uint_eq(cert_chain_for(pool.v[1], &pool, out, 4), 0);
	/* by the name alone */
	ck_assert(cert_may_issue(buf_bytes(&ica.der), c) && cert_may_issue(buf_bytes(&fake.der), c));
	ck_assert(!cert_may_issue(buf_bytes(&root.der), c));
	ck_assert(!cert_may_issue(buf_bytes(&leaf.der), c));
	ck_assert(cert_may_issue(BYTES_LIT("what is that"), c) && cert_may_issue(BYTES_NONE, c));
	cert_free(c);
	cert_list_free(&pool);
	pki_free(&leaf);
	pki_free(&fake);
	pki_free(&ica);
	pki_free(&root);
}
END_TEST

START_TEST(keeping)
{
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct pki_cert p = pki_make(&(struct pki_spec){ .cn = "A" }, &root, false);
	struct cert *one = parse_ok(&p), *two, *three;
	uint8_t *bent = xmalloc(p.der.n);

	ck_assert_uint_eq(cert_keep_count(), 0);
	cert_keep_start();
	two = parse_ok(&p);
	three = parse_ok(&p);
	ck_assert_ptr_ne(one, two);
	ck_assert_ptr_eq(two, three);
	ck_assert_str_eq(one->subject, two->subject);
	ck_assert_uint_eq(cert_keep_count(), 1);
	ck_assert(bytes_eq(cert_keep_at(0), buf_bytes(&p.der)));
	/* other bytes are another certificate, however alike; what is none is not kept */
	memcpy(bent, p.der.p, p.der.n);
	bent[p.der.n - 1] ^= 1;
	cert_free(one);
	ck_assert_int_eq(cert_parse(bytes_of(bent, p.der.n), &one, NULL), 0);
	ck_assert_ptr_ne(one, two);
	refused(bytes_of(bent, p.der.n - 1), "");
	ck_assert_uint_eq(cert_keep_count(), 2);
	/* all owners may go in any order */
	cert_free(two);
	cert_keep_end();
	ck_assert_str_eq(three->subject, "/CN=A");
	cert_free(three);
	cert_free(one);
	two = parse_ok(&p);
	ck_assert_uint_eq(cert_keep_count(), 0);
	cert_free(two);
	free(bent);
	pki_free(&p);
	pki_free(&root);
}
END_TEST

START_TEST(keeping_is_bounded)
{
	struct pki_spec s = { .cn = "B", .serial = 1 };
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct cert *first = NULL, *last = NULL;

	cert_keep_start();
	for (int i = 0; i <= CERT_KEEP_MAX; i++) {
		struct pki_cert p = pki_make(&s, &root, false);
		struct cert *c = parse_ok(&p);

		s.serial++;
		cert_free(i == 0 ? NULL : last);
		last = c;
		if (i == 0)
			first = c;
		pki_free(&p);
	}
	ck_assert_uint_eq(cert_keep_count(), CERT_KEEP_MAX);
	ck_assert(bytes_eq(cert_keep_at(0), bytes_of(first->der, first->der_n)));
	ck_assert_uint_eq(last->owners, 0);
	cert_free(last);
	cert_keep_end();
	pki_free(&root);
}
END_TEST

#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("sig/cert");
	TCase *tc = tcase_create("cert");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, facts);
	tcase_add_loop_test(tc, usages, 0, N(usage));
	tcase_add_loop_test(tc, emails, 0, N(san));
	tcase_add_test(tc, too_many_emails);
	tcase_add_loop_test(tc, subjects, 0, N(names));
	tcase_add_test(tc, empty_subject);
	tcase_add_test(tc, malformed);
	tcase_add_test(tc, elements);
	tcase_add_test(tc, flipped);
	tcase_add_test(tc, lists);
	tcase_add_test(tc, chains);
	tcase_add_test(tc, keeping);
	tcase_add_test(tc, keeping_is_bounded);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
