/* Tokens made, keys made, read back and used: on a real SoftHSM2 token. */
#include <check.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "token/token_admin.h"

static const char *const modules[] = { "/usr/lib/softhsm/libsofthsm2.so",
				       "/usr/lib64/pkcs11/libsofthsm2.so",
				       "/usr/lib64/softhsm/libsofthsm.so",
				       "/usr/local/lib/softhsm/libsofthsm2.so" };
static char dir[256];
static struct token *token;

/* SoftHSM2 loses a curve's name that it cannot read (2.6.1). Its frames, by which
 * tests/lsan.supp knows it, are seen by the slow unwinder only. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}

static const char *module(void)
{
	const char *m = getenv("GH_MODULE");

	for (size_t i = 0; m == NULL && i < sizeof(modules) / sizeof(modules[0]); i++)
		if (access(modules[i], R_OK) == 0)
			m = modules[i];
	ck_assert_msg(m != NULL, "SoftHSM's module is not found: make deps, or set GH_MODULE");
	return m;
}

static void open_token(void)
{
	struct token_config cfg = { .module = module(), .deadline_fd = 2 };
	struct err err = ERR_INIT;

	ck_assert_msg(token_open(&cfg, &token, &err) == 0, "%s", err.text);
}

static struct secret secret_of(const char *text)
{
	struct secret s = SECRET_NONE;

	secret_add_str(&s, text);
	return s;
}

static int get_pin(void *ctx, const struct token_slot *s, struct secret *pin, struct err *err)
{
	(void)s;
	(void)err;
	*pin = secret_of(ctx);
	return 0;
}

/* A world with one token "made", opened for writing and logged in. */
static void set_up(void)
{
	struct secret so = secret_of("87654321"), pin = secret_of("1234");
	char path[300], conf[512];
	struct token_blank blank;
	struct err err = ERR_INIT;
	static char right[] = "1234";
	FILE *f;

	snprintf(dir, sizeof(dir), "%s/token-admin.XXXXXX",
		 getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/conf", dir);
	snprintf(conf, sizeof(conf), "directories.tokendir = %s\nlog.level = ERROR\n", dir);
	f = fopen(path, "w");
	ck_assert(f != NULL && fputs(conf, f) >= 0 && fclose(f) == 0);
	setenv("SOFTHSM2_CONF", path, 1);
	open_token();
	ck_assert_uint_eq(token_blanks(token, &blank, 1), 1);
	ck_assert_msg(token_init(token, blank.slot, "made", &so, &pin, &err) == 0, "%s", err.text);
	token_close(token);
	open_token();
	token_writable(token);
	ck_assert_msg(token_login(token, 0, get_pin, right, false, &err) == 0, "%s", err.text);
	secret_free(&so);
	secret_free(&pin);
}

static void tear_down(void)
{
	char command[300];

	token_close(token);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct bytes id_of(const char *text)
{
	return bytes_str(text);
}

static const struct {
	enum alg_kind kind;
	int bits;
} kinds[] = {
	{ KEY_RSA, 2048 }, { KEY_P256, 0 }, { KEY_P384, 0 }, { KEY_P521, 0 }, { KEY_ED25519, 0 }
};

static bool verifies(EVP_PKEY *key, enum alg_hash h, struct bytes tbs, const struct buf *sig)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ed = EVP_PKEY_get_id(key) == EVP_PKEY_ED25519;
	bool ok = EVP_DigestVerifyInit(c, NULL, ed ? NULL : alg_hash_md(h), NULL, key) == 1 &&
		  EVP_DigestVerify(c, sig->p, sig->n, tbs.p, tbs.n) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

START_TEST(make_and_sign)
{
	struct token_key_spec spec = {
		.kind = kinds[_i].kind, .bits = kinds[_i].bits, .label = "k", .id = id_of("one")
	};
	struct token_keys list = { NULL, 0 };
	struct buf sig = BUF_INIT;
	EVP_PKEY *pub = NULL;
	struct err err = ERR_INIT;
	enum alg_hash h;

	ck_assert(token_can_generate(token, 0, spec.kind) && token_can_sign(token, 0, spec.kind));
	ck_assert_msg(token_generate(token, 0, &spec, &pub, &err) == 0, "%s", err.text);
	ck_assert_int_eq(alg_of_key(pub).kind, spec.kind);
	ck_assert_msg(token_public_keys(token, NULL, &list, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(list.n, 1);
	ck_assert_str_eq(list.v[0].label, "k");
	ck_assert(list.v[0].key != NULL && EVP_PKEY_eq(list.v[0].key, pub) == 1);
	h = alg_hash_for(alg_of_key(pub));
	ck_assert_msg(token_sign(token, 0, spec.id, pub, h, bytes_str("payload"), &sig, &err) == 0,
		      "%s", err.text);
	ck_assert(verifies(pub, h, bytes_str("payload"), &sig));
	ck_assert(!verifies(pub, h, bytes_str("Payload"), &sig));
	token_keys_free(&list);
	EVP_PKEY_free(pub);
	buf_free(&sig);
}
END_TEST

START_TEST(facts)
{
	struct token_key_spec spec = {
		.kind = KEY_P256, .label = "k", .id = id_of("one"), .each_time = _i == 1
	};
	struct token_key_facts f;
	EVP_PKEY *pub = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(token_generate(token, 0, &spec, &pub, &err) == 0, "%s", err.text);
	ck_assert_int_eq(token_key_facts(token, 0, spec.id, &f, &err), 0);
	ck_assert_int_eq(f.sensitive, FACT_YES);
	ck_assert_int_eq(f.extractable, FACT_NO);
	ck_assert_int_eq(f.local, FACT_YES);
	ck_assert_int_eq(f.sign, FACT_YES);
	ck_assert_int_eq(f.decrypt, FACT_NO);
	ck_assert_int_eq(f.unwrap, FACT_NO);
	ck_assert_int_eq(f.derive, FACT_NO);
	ck_assert_int_eq(f.always_authenticate, _i == 1 ? FACT_YES : FACT_NO);
	ck_assert_int_eq(token_key_facts(token, 0, id_of("two"), &f, &err), ERR_KEY);
	EVP_PKEY_free(pub);
}
END_TEST

static int pins;

static int count_pin(void *ctx, const struct token_slot *s, struct secret *pin, struct err *err)
{
	pins++;
	return get_pin(ctx, s, pin, err);
}

/* A PIN for every signature: the login's own serves the first, then it is asked for. */
START_TEST(each_time)
{
	struct token_key_spec spec = {
		.kind = KEY_P256, .label = "k", .id = id_of("one"), .each_time = true
	};
	static char right[] = "1234", wrong[] = "4321";
	EVP_PKEY *pub = NULL;
	struct buf sig = BUF_INIT;
	struct err err = ERR_INIT;

	ck_assert_int_eq(token_generate(token, 0, &spec, &pub, &err), 0);
	token_close(token);
	open_token();
	pins = 0;
	ck_assert_int_eq(token_login(token, 0, count_pin, right, false, &err), 0);
	for (int i = 1; i <= 3; i++) {
		buf_clear(&sig);
		ck_assert_msg(token_sign(token, 0, spec.id, pub, HASH_SHA256, bytes_str("x"), &sig,
					 &err) == 0,
			      "%s", err.text);
		ck_assert(verifies(pub, HASH_SHA256, bytes_str("x"), &sig));
		ck_assert_int_eq(pins, i);
	}
	strcpy(right, wrong); /* what is asked for from here on */
	ck_assert_int_eq(token_sign(token, 0, spec.id, pub, HASH_SHA256, bytes_str("x"), &sig,
				    &err),
			 ERR_PIN);
	ck_assert_int_eq(pins, 4);
	EVP_PKEY_free(pub);
	buf_free(&sig);
}
END_TEST

START_TEST(id_in_use)
{
	struct token_key_spec spec = { .kind = KEY_P256, .label = "k", .id = id_of("one") };
	EVP_PKEY *pub = NULL, *other = NULL;
	struct err err = ERR_INIT;
	struct token_keys list = { NULL, 0 };

	ck_assert_int_eq(token_generate(token, 0, &spec, &pub, &err), 0);
	ck_assert_int_eq(token_generate(token, 0, &spec, &other, &err), ERR_KEY);
	ck_assert(strstr(err.text, "id is used") != NULL && other == NULL);
	spec.id = id_of("two");
	ck_assert_int_eq(token_generate(token, 0, &spec, &other, &err), 0);
	ck_assert_int_eq(token_public_keys(token, NULL, &list, &err), 0);
	ck_assert_uint_eq(list.n, 2);
	ck_assert_int_eq(EVP_PKEY_eq(pub, other), 0);
	token_keys_free(&list);
	EVP_PKEY_free(pub);
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(not_writable)
{
	struct token_key_spec spec = { .kind = KEY_P256, .label = "k", .id = id_of("one") };
	EVP_PKEY *pub = NULL;
	struct err err = ERR_INIT;

	token_close(token);
	open_token();
	ck_assert_int_eq(token_generate(token, 0, &spec, &pub, &err), ERR_TOKEN);
	ck_assert(pub == NULL);
}
END_TEST

static X509 *certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	EVP_PKEY *ca = EVP_EC_gen("P-256");

	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
				   (const unsigned char *)"me", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	ck_assert_int_gt(X509_sign(x, ca, EVP_sha256()), 0);
	EVP_PKEY_free(ca);
	return x;
}

START_TEST(certificates)
{
	struct token_key_spec spec = { .kind = KEY_P256, .label = "k", .id = id_of("one") };
	struct token_objects list = { NULL, 0 };
	EVP_PKEY *pub = NULL;
	struct err err = ERR_INIT;
	bool stored = false;
	X509 *x;

	ck_assert_int_eq(token_generate(token, 0, &spec, &pub, &err), 0);
	x = certificate(pub);
	ck_assert_msg(token_store_certificate(token, 0, spec.id, "k", x, &stored, &err) == 0, "%s",
		      err.text);
	ck_assert(stored);
	ck_assert_int_eq(token_store_certificate(token, 0, spec.id, "k", x, &stored, &err), 0);
	ck_assert(!stored);
	ck_assert_int_eq(token_certificates(token, NULL, &list, &err), 0);
	ck_assert_uint_eq(list.n, 1);
	ck_assert_int_eq(list.v[0].der_n, i2d_X509(x, NULL));
	ck_assert(bytes_eq(bytes_of(list.v[0].id, list.v[0].id_n), spec.id));
	token_objects_free(&list);
	EVP_PKEY_free(pub);
	X509_free(x);
}
END_TEST

static const char *const bad_labels[] = { "", "123456789012345678901234567890123", "a\tb",
					  "\xc3\xa4" };

START_TEST(labels)
{
	struct secret so = secret_of("87654321"), pin = secret_of("1234");
	struct token_blank blank;
	struct err err = ERR_INIT;

	ck_assert_uint_ge(token_blanks(token, &blank, 1), 1);
	ck_assert_int_eq(token_init(token, blank.slot, bad_labels[_i], &so, &pin, &err), ERR_USAGE);
	secret_free(&so);
	secret_free(&pin);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token_admin");
	TCase *t = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120); /* making RSA keys on a loaded machine */
	tcase_add_loop_test(t, make_and_sign, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_loop_test(t, facts, 0, 2);
	tcase_add_test(t, each_time);
	tcase_add_test(t, id_in_use);
	tcase_add_test(t, not_writable);
	tcase_add_test(t, certificates);
	tcase_add_loop_test(t, labels, 0, sizeof(bad_labels) / sizeof(bad_labels[0]));
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
