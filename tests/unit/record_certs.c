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

static enum record_cert find(unsigned n, int64_t issued)
{
	enum record_cert ret = RECORD_CERT_USED;
	int64_t floor = -1;

	ck_assert_int_eq(record_certs_find(dir, id_of(n), issued, &ret, &floor, NULL), 0);
	ck_assert_int_ge(floor, 0);
	return ret;
}

static bool used(unsigned n)
{
	return find(n, INT64_MAX) == RECORD_CERT_USED;
}

static int64_t floor_now(void)
{
	enum record_cert ret;
	int64_t floor = -1;

	ck_assert_int_eq(record_certs_find(dir, id_of(0), 1, &ret, &floor, NULL), 0);
	return floor;
}

static void add(unsigned n, int64_t issued, int64_t oldest)
{
	struct err err = ERR_INIT;

	ck_assert_msg(record_certs_add(dir, id_of(n), issued, oldest, &err) == 0, "%s", err.text);
}

START_TEST(kept_and_forgotten)
{
	ck_assert(find(1, 1) == RECORD_CERT_NEW && floor_now() == 0);
	add(1, 1000, 400);
	ck_assert(used(1) && !used(2));
	add(2, 1500, 900);
	add(3, 1490, 1000); /* signed sooner, sent later */
	ck_assert(used(1) && used(2) && used(3) && floor_now() == 0);
	add(4, 2200, 1001);
	ck_assert(!used(1) && used(2) && used(3) && used(4));
	add(5, 100, -500); /* a clock set back forgets nothing */
	ck_assert(used(2) && used(3) && used(4) && used(5));
}
END_TEST

/* What was forgotten does not come again, however old one may be from now on. */
START_TEST(no_way_back)
{
	add(1, 1000, 400);
	add(2, 1300, 700);
	add(3, 2000, 1300);
	ck_assert_int_eq(floor_now(), 1000);
	ck_assert_int_eq(find(1, 1000), RECORD_CERT_FORGOTTEN);
	ck_assert_int_eq(find(7, 999), RECORD_CERT_FORGOTTEN);
	ck_assert_int_eq(find(7, 1001), RECORD_CERT_NEW);
	ck_assert(used(2));
	add(4, 1999, 1000); /* older ones may be taken again */
	ck_assert_int_eq(floor_now(), 1000);
	add(5, 9000, 8000); /* a clock that is ahead */
	add(6, 2100, 1500); /* and right again */
	ck_assert_int_eq(floor_now(), 2000);
	ck_assert_int_eq(find(4, 1999), RECORD_CERT_FORGOTTEN);
	ck_assert(used(5) && used(6));
	add(8, 2200, 3000); /* late as it is, it is remembered */
	ck_assert(used(8) && used(5));
	ck_assert_int_eq(floor_now(), 2100);
	add(9, 2300, 1000);
	ck_assert_int_eq(floor_now(), 2100);
}
END_TEST

START_TEST(private)
{
	struct stat st;

	add(1, 1000, 0);
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
	enum record_cert ret;
	int64_t floor;

	write_file(text, n);
	ck_assert_int_eq(record_certs_find(dir, id_of(1), 1, &ret, &floor, &err), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "damaged: make a new receive.certNonceSeed"));
	ck_assert_int_eq(record_certs_add(dir, id_of(9), 1000, 0, &err), ERR_CONFIG);
}

START_TEST(damage)
{
	struct buf text = BUF_INIT;

	add(0, 999, 0);
	add(1, 1000, 1000);
	add(2, 1001, 1000);
	ck_assert_int_eq(floor_now(), 999);
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
	ck_assert(used(1) && used(2));
	buf_free(&text);
}
END_TEST

START_TEST(others_can_write)
{
	struct err err = ERR_INIT;
	enum record_cert ret;
	int64_t floor;

	add(1, 1000, 0);
	chmod(file, 0620);
	ck_assert_int_eq(record_certs_find(dir, id_of(1), 1, &ret, &floor, &err), ERR_CONFIG);
	chmod(file, 0600);
	ck_assert(used(1));
}
END_TEST

/* `lines` and the sum that they need. */
static void write_lines(struct buf *lines)
{
	uint8_t sum[EVP_MAX_MD_SIZE];

	ck_assert(EVP_Digest(lines->p, lines->n, sum, NULL, EVP_sha256(), NULL));
	buf_add_str(lines, "sum ");
	text_hex(lines, bytes_of(sum, 16), false);
	buf_add_str(lines, "\n");
	write_file((const char *)lines->p, lines->n);
	buf_free(lines);
}

/* A file with `head` and `n` ids of one time. */
static void fill(const char *head, int64_t time, unsigned n)
{
	struct buf text = BUF_INIT;

	buf_add_str(&text, head);
	for (unsigned i = 0; i < n; i++) {
		buf_addf(&text, "%lld ", (long long)time);
		text_hex(&text, bytes_of(id_of(i), 32), false);
		buf_add_str(&text, "\n");
	}
	write_lines(&text);
}

START_TEST(full)
{
	fill("v2 0\n", 2000, RECORD_CERTS_MAX - 1);
	add(RECORD_CERTS_MAX, 2001, 1000);
	ck_assert(used(0) && used(RECORD_CERTS_MAX) && floor_now() == 0);
	add(1 << 20, 2002, 1000); /* the oldest makes room, and comes in no more */
	ck_assert(used(RECORD_CERTS_MAX) && used(1 << 20) && floor_now() == 2000);
	ck_assert_int_eq(find(0, 2000), RECORD_CERT_FORGOTTEN);
}
END_TEST

/* What a right sum does not make right. */
START_TEST(strict)
{
	static const char *const texts[] = {
		"",         "v2\n",   "v2 \n",     "v2 -1\n", "v2 01\n",
		"v2 1 \n",  "v3 1\n", "v1 1\n",    "1\n",     "v2 9223372036854775808\n",
		"v2 1\n\n", "v2 1",   "v2 1\nx\n", NULL
	};
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	enum record_cert ret;
	int64_t floor;

	for (const char *const *t = texts; *t; t++) {
		buf_add_str(&text, *t);
		write_lines(&text);
		ck_assert_msg(record_certs_find(dir, id_of(1), 1, &ret, &floor, &err) == ERR_CONFIG,
			      "taken: %s", *t);
	}
	fill("v2 1\n", 2, 2);
	ck_assert(used(0) && used(1) && floor_now() == 1);
}
END_TEST

/* Of what v1 has forgotten nothing is known but that it was before the file was written. */
START_TEST(version_one)
{
	struct stat st;

	fill("v1\n", 2200, 3);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert(used(0) && used(2));
	ck_assert_int_eq(find(7, st.st_mtime), RECORD_CERT_FORGOTTEN);
	ck_assert_int_eq(find(7, st.st_mtime + 1), RECORD_CERT_NEW);
	add(3, st.st_mtime + 2, 1000);
	ck_assert(used(0) && used(2) && used(3));
	ck_assert_int_eq(floor_now(), st.st_mtime); /* kept, though written again */
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
	tcase_add_test(t, no_way_back);
	tcase_add_test(t, private);
	tcase_add_test(t, damage);
	tcase_add_test(t, others_can_write);
	tcase_add_test(t, full);
	tcase_add_test(t, strict);
	tcase_add_test(t, version_one);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
