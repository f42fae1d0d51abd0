/* The memory of used push certificates: kept as long as it must be, and no longer. */
#include <check.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "record/certs.h"

static char *dir, *file;

static void setup(void)
{
	dir = xstrdup("/tmp/gh-certs.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	file = xasprintf("%s/push-certificates", dir);
}

static void teardown(void)
{
	unlink(file);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing else was left there */
	free(file);
	free(dir);
}

/* Ids that differ in four bytes only. */
static const uint8_t *id_of(unsigned n)
{
	static uint8_t id[32];

	memset(id, 0xab, sizeof(id));
	memcpy(id + 7, &n, sizeof(n));
	return id;
}

static bool seen(unsigned n)
{
	bool ret = false;

	ck_assert_int_eq(record_certs_seen(dir, id_of(n), &ret, NULL), 0);
	return ret;
}

static void add(unsigned n, int64_t now)
{
	struct err err = ERR_INIT;

	ck_assert_msg(record_certs_add(dir, id_of(n), now, 1200, &err) == 0, "%s", err.text);
}

START_TEST(kept_and_forgotten)
{
	ck_assert(!seen(1));
	add(1, 1000);
	ck_assert(seen(1) && !seen(2));
	add(2, 1500);
	ck_assert(seen(1) && seen(2));
	add(3, 2200); /* the first is kept to 2200 */
	ck_assert(seen(1) && seen(2) && seen(3));
	add(4, 2201);
	ck_assert(!seen(1) && seen(2) && seen(3) && seen(4));
	add(5, 100); /* a clock set back forgets nothing */
	ck_assert(seen(2) && seen(3) && seen(4) && seen(5));
}
END_TEST

START_TEST(private)
{
	struct stat st;

	add(1, 1000);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

static void write_file(const char *text, size_t n)
{
	FILE *f = fopen(file, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
	chmod(file, 0600);
}

static void expect_damaged(const char *text, size_t n)
{
	struct err err = ERR_INIT;
	bool ret = true;

	write_file(text, n);
	ck_assert_int_eq(record_certs_seen(dir, id_of(1), &ret, &err), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "damaged"));
	ck_assert_int_eq(record_certs_add(dir, id_of(9), 1000, 1200, &err), ERR_CONFIG);
}

START_TEST(damage)
{
	struct buf text = BUF_INIT;

	add(1, 1000);
	add(2, 1001);
	ck_assert_int_eq(os_file_read(file, OS_FILE_SECRET, 1 << 20, &text, NULL), 0);
	for (size_t i = 0; i < text.n; i++) {
		uint8_t was = text.p[i];

		text.p[i] ^= 1;
		expect_damaged((const char *)text.p, text.n);
		text.p[i] = was;
		expect_damaged((const char *)text.p, i); /* cut off */
	}
	buf_add_str(&text, "\n");
	expect_damaged((const char *)text.p, text.n);
	write_file((const char *)text.p, text.n - 1);
	ck_assert(seen(1) && seen(2));
	buf_free(&text);
}
END_TEST

START_TEST(others_can_write)
{
	struct err err = ERR_INIT;
	bool ret;

	add(1, 1000);
	chmod(file, 0620);
	ck_assert_int_eq(record_certs_seen(dir, id_of(1), &ret, &err), ERR_CONFIG);
	chmod(file, 0600);
	ck_assert(seen(1));
}
END_TEST

/* A file of `n` ids, as record_certs_add() would have left it. */
static void fill(unsigned n)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	struct buf text = BUF_INIT;

	buf_add_str(&text, "v1\n");
	for (unsigned i = 0; i < n; i++) {
		buf_addf(&text, "2200 ");
		text_hex(&text, bytes_of(id_of(i), 32), false);
		buf_add_str(&text, "\n");
	}
	ck_assert(EVP_Digest(text.p, text.n, sum, NULL, EVP_sha256(), NULL));
	buf_add_str(&text, "sum ");
	text_hex(&text, bytes_of(sum, 16), false);
	buf_add_str(&text, "\n");
	write_file((const char *)text.p, text.n);
	buf_free(&text);
}

START_TEST(full)
{
	struct err err = ERR_INIT;

	fill(RECORD_CERTS_MAX - 1);
	add(RECORD_CERTS_MAX, 2000);
	ck_assert(seen(0) && seen(RECORD_CERTS_MAX));
	ck_assert_int_eq(record_certs_add(dir, id_of(1 << 20), 2000, 1200, &err), ERR_BAD);
	ck_assert_ptr_nonnull(strstr(err.text, "try again"));
	ck_assert(!seen(1 << 20));
	add(1 << 20, 2201); /* there is room again */
	ck_assert(!seen(0) && seen(1 << 20));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("record_certs");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, kept_and_forgotten);
	tcase_add_test(t, private);
	tcase_add_test(t, damage);
	tcase_add_test(t, others_can_write);
	tcase_add_test(t, full);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
