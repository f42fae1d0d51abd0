/* PEM and base64: strict where git objects are read, lenient between blocks of a bundle. */
#include <check.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pem.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define BEGIN "-----BEGIN SIGNED MESSAGE-----\n"
#define END "-----END SIGNED MESSAGE-----\n"
#define L76 "TWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFuTWFu"

static const struct {
	const char *text, *der; /* der NULL: refused */
	size_t n;               /* of text */
	bool crlf;
} blocks[] = {
#define TAKE(s, der)                         \
	{                                    \
		s, der, sizeof(s) - 1, false \
	}
#define NO(s)                                 \
	{                                     \
		s, NULL, sizeof(s) - 1, false \
	}
#define CRLF(s, der)                        \
	{                                   \
		s, der, sizeof(s) - 1, true \
	}
#define NO_CRLF(s)                           \
	{                                    \
		s, NULL, sizeof(s) - 1, true \
	}
	TAKE(BEGIN "TWFu\n" END, "Man"),
	TAKE(BEGIN "TWE=\n" END, "Ma"),
	TAKE(BEGIN "TQ==\n" END, "M"),
	TAKE(BEGIN "TWFu\nTWE=\n" END, "ManMa"),
	TAKE(BEGIN "TW\nFu\n" END, "Man"),                       /* groups go over lines */
	TAKE(BEGIN "TWFu\n-----END SIGNED MESSAGE-----", "Man"), /* no last newline */
	TAKE(BEGIN END, ""),
	TAKE(BEGIN L76 "\n" END, "ManManManManManManManManManManManManManManManManManManMan"),
	NO(BEGIN L76 "T\nWFu\n" END),
	/* the frame */
	NO(""),
	NO("\n" BEGIN "TWFu\n" END),
	NO(" " BEGIN "TWFu\n" END),
	NO("text\n" BEGIN "TWFu\n" END),
	NO(BEGIN),
	NO(BEGIN "TWFu\n"),
	NO(BEGIN "TWFu"),
	NO(BEGIN "TWFu\n" END "\n"),
	NO(BEGIN "TWFu\n" END "x"),
	NO(BEGIN "TWFu\n" END BEGIN "TWFu\n" END),
	NO(BEGIN "TWFu\n"
		 "-----END CERTIFICATE-----\n"),
	NO(BEGIN "TWFu\n"
		 "-----END SIGNED MESSAGE----- \n"),
	NO(BEGIN "TWFu\n"
		 " " END),
	NO(BEGIN "TWFu\n"
		 "-----END SIGNED MESSAGE----\n"),
	NO(BEGIN "TWFu\n"
		 "-----END  SIGNED MESSAGE-----\n"),
	NO("-----BEGIN CERTIFICATE-----\nTWFu\n-----END CERTIFICATE-----\n"),
	NO("-----BEGIN SIGNED MESSAGE----- \nTWFu\n" END),
	NO("-----BEGIN SIGNED MESSAGE-----TWFu\n" END),
	NO("----BEGIN SIGNED MESSAGE-----\nTWFu\n" END),
	NO(BEGIN BEGIN "TWFu\n" END),
	/* what is in it */
	NO(BEGIN "Comment: x\n\nTWFu\n" END),
	NO(BEGIN "\nTWFu\n" END),
	NO(BEGIN "TWFu\n\n" END),
	NO(BEGIN "TWFu \n" END),
	NO(BEGIN " TWFu\n" END),
	NO(BEGIN "TWFu\r\n" END),
	NO(BEGIN "TW\tFu\n" END),
	NO(BEGIN "TWF\n" END),
	NO(BEGIN "TW\n" END),
	NO(BEGIN "T\n" END),
	NO(BEGIN "TWFuT\n" END),
	NO(BEGIN "TWE\n" END),
	NO(BEGIN "TWE==\n" END),
	NO(BEGIN "TQ=\n" END),
	NO(BEGIN "TQ===\n" END),
	NO(BEGIN "T===\n" END),
	NO(BEGIN "====\n" END),
	NO(BEGIN "=TWF\n" END),
	NO(BEGIN "TQ=u\n" END),
	NO(BEGIN "TQ==TWFu\n" END), /* nothing behind the padding */
	NO(BEGIN "TQ==\nTWFu\n" END),
	NO(BEGIN "TR==\n" END), /* spare bits */
	NO(BEGIN "TWF=\n" END),
	NO(BEGIN "TW-_\n" END),
	NO(BEGIN "TW\xc3\xa4u\n" END),
	NO(BEGIN "TWF\0\n" END),
	/* CRLF where it is asked for */
	CRLF("-----BEGIN SIGNED MESSAGE-----\r\nTWFu\r\n-----END SIGNED MESSAGE-----\r\n", "Man"),
	CRLF(BEGIN "TWFu\n" END, "Man"),
	NO("-----BEGIN SIGNED MESSAGE-----\r\nTWFu\r\n-----END SIGNED MESSAGE-----\r\n"),
	NO_CRLF(BEGIN "TWFu\r\r\n" END),
	NO_CRLF(BEGIN "TWFu\n"
		      "-----END SIGNED MESSAGE-----\r"),
};

START_TEST(one_block)
{
	struct bytes text = bytes_of(blocks[_i].text, blocks[_i].n);
	struct err err = ERR_INIT;
	struct buf der = BUF_INIT;
	int rc;

	buf_add_str(&der, "x");
	rc = pem_read_one(text, PEM_SIGNED_MESSAGE, blocks[_i].crlf, &der, &err);
	ck_assert_msg((rc == 0) == (blocks[_i].der != NULL), "%s: %s", blocks[_i].text, err.text);
	if (rc)
		ck_assert(rc == ERR_INPUT && err.code == ERR_INPUT && err.text[0]);
	ck_assert_str_eq(buf_str(&der) + 1, blocks[_i].der ? blocks[_i].der : "");
	buf_free(&der);
}
END_TEST

/* Every length: written, read back, and as OpenSSL writes it. */
START_TEST(round_trip)
{
	uint8_t content[400];
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 151 + 7);
	for (size_t n = 0; n <= sizeof(content); n++) {
		struct buf text = BUF_INIT, der = BUF_INIT;
		BIO *bio = BIO_new(BIO_s_mem());
		char *theirs;
		long theirs_n;

		pem_write(&text, PEM_SIGNED_MESSAGE, bytes_of(content, n));
		ck_assert_msg(pem_read_one(buf_bytes(&text), PEM_SIGNED_MESSAGE, false, &der,
					   &err) == 0,
			      "%zu: %s", n, err.text);
		ck_assert(bytes_eq(buf_bytes(&der), bytes_of(content, n)));
		ck_assert(PEM_write_bio(bio, PEM_SIGNED_MESSAGE, "", content, (long)n) >= 0);
		theirs_n = BIO_get_mem_data(bio, &theirs);
		ck_assert(n == 0 || bytes_eq(buf_bytes(&text), bytes_of(theirs, (size_t)theirs_n)));
		/* Cut at each byte, but for the newline at the end, it is no block any more. */
		for (size_t cut = 0; n < 100 && cut + 1 < text.n; cut++) {
			struct buf none = BUF_INIT;

			ck_assert_int_eq(pem_read_one(bytes_of(text.p, cut), PEM_SIGNED_MESSAGE,
						      false, &none, NULL),
					 ERR_INPUT);
			ck_assert_uint_eq(none.n, 0);
			buf_free(&none);
		}
		BIO_free(bio);
		buf_free(&text);
		buf_free(&der);
	}
}
END_TEST

/* Lines of one to five characters, so that groups go over their ends, into a buffer of each size. */
START_TEST(short_lines)
{
	uint8_t content[400];

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 151 + 7);
	for (size_t n = 1; n <= sizeof(content); n++)
		for (size_t width = 1; width <= 5; width++) {
			struct buf text = BUF_INIT, all = BUF_INIT, der = BUF_INIT;

			base64_encode(&all, bytes_of(content, n));
			buf_add_str(&text, BEGIN);
			for (size_t i = 0; i < all.n; i += width) {
				buf_add(&text, all.p + i, all.n - i < width ? all.n - i : width);
				buf_add_byte(&text, '\n');
			}
			buf_add_str(&text, END);
			ck_assert_int_eq(pem_read_one(buf_bytes(&text), PEM_SIGNED_MESSAGE, false,
						      &der, NULL),
					 0);
			ck_assert(bytes_eq(buf_bytes(&der), bytes_of(content, n)));
			buf_free(&text);
			buf_free(&all);
			buf_free(&der);
		}
}
END_TEST

/* What our strict decoder takes, OpenSSL's takes, as the same bytes. */
START_TEST(same_as_openssl)
{
	static const char alphabet[] = "AQgwM/+=9z";
	unsigned taken = 0;
	char group[9];

	for (unsigned i = 0; i < 10 * 10 * 10 * 10; i++) {
		struct buf text = BUF_INIT, der = BUF_INIT;
		uint8_t theirs[8];
		unsigned x = i;
		size_t pad = 0;
		int n;

		for (int k = 0; k < 4; k++, x /= 10)
			group[k] = alphabet[x % 10];
		group[4] = '\0';
		buf_addf(&text, BEGIN "%s\n" END, group);
		if (pem_read_one(buf_bytes(&text), PEM_SIGNED_MESSAGE, false, &der, NULL) == 0) {
			n = EVP_DecodeBlock(theirs, (const unsigned char *)group, 4);
			for (int k = 3; k > 1 && group[k] == '='; k--)
				pad++;
			ck_assert_int_eq(n, 3);
			ck_assert(bytes_eq(buf_bytes(&der), bytes_of(theirs, 3 - pad)));
			taken++;
		}
		buf_free(&text);
		buf_free(&der);
	}
	ck_assert_uint_gt(taken, 9 * 9 * 9 * 9);
}
END_TEST

/* Each byte at each place of a whole line, as long as what is decoded in blocks. */
START_TEST(each_byte)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned taken = 0;

	for (size_t at = 0; at < 64; at++)
		for (int byte = 0; byte < 256; byte++) {
			struct buf text = BUF_INIT, der = BUF_INIT;
			bool in = byte != 0 && strchr(alphabet, byte) != NULL;
			uint8_t theirs[48], line[64];
			int r;

			memcpy(line, alphabet, 64);
			line[at] = (uint8_t)byte;
			buf_add_str(&text, BEGIN);
			buf_add(&text, line, 64);
			buf_add_str(&text, "\n" END);
			r = pem_read_one(buf_bytes(&text), PEM_SIGNED_MESSAGE, false, &der, NULL);
			ck_assert_msg(r == 0 || !in, "%d at %zu", byte, at);
			if (in) {
				ck_assert_int_eq(EVP_DecodeBlock(theirs, line, 64), 48);
				ck_assert(bytes_eq(buf_bytes(&der), bytes_of(theirs, 48)));
			}
			taken += r == 0;
			buf_free(&text);
			buf_free(&der);
		}
	ck_assert_uint_eq(taken, 64 * 64);
}
END_TEST

/* --- bundles ------------------------------------------------------------------------- */

#define C(text) "-----BEGIN CERTIFICATE-----\n" text "-----END CERTIFICATE-----\n"

static void expect_blocks(const char *text, const char *joined, bool broken)
{
	struct bytes rest = bytes_str(text);
	struct buf all = BUF_INIT;
	struct err err = ERR_INIT;
	bool found = true;
	int rc = 0;

	while (rc == 0 && found) {
		struct buf der = BUF_INIT;

		rc = pem_next(&rest, PEM_CERTIFICATE, &der, &found, &err);
		ck_assert(rc == 0 || (!found && der.n == 0));
		if (found)
			buf_addf(&all, "%s,", buf_str(&der));
		buf_free(&der);
	}
	ck_assert_msg((rc != 0) == broken, "%s: %s", text, err.text);
	ck_assert_str_eq(buf_str(&all), joined);
	buf_free(&all);
}

START_TEST(bundles)
{
	expect_blocks("", "", false);
	expect_blocks("no PEM at all", "", false);
	expect_blocks(C("TWFu\n"), "Man,", false);
	expect_blocks(C("TWFu\n") C("TWE=\n"), "Man,Ma,", false);
	expect_blocks("# root\n" C("TWFu\n") "\nsubject=x\n\n" C("TWE=\n") "end", "Man,Ma,", false);
	expect_blocks("-----BEGIN X509 CRL-----\nTWFu\n-----END X509 CRL-----\n" C("TWE=\n"), "Ma,",
		      false);
	expect_blocks("-----BEGIN CERTIFICATE-----\r\nTWFu\r\n-----END CERTIFICATE-----\r\n",
		      "Man,", false);
	expect_blocks("x -----BEGIN CERTIFICATE-----\n", "",
		      false); /* not at the start of a line */
	expect_blocks(C("TWFu\n") C("TW\n"), "Man,", true);
	expect_blocks(C("TWFu\n") "-----BEGIN CERTIFICATE-----\nTWFu\n", "Man,", true);
	expect_blocks("-----BEGIN CERTIFICATE-----\n" C("TWFu\n"), "", true);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_pem");
	TCase *tc = tcase_create("pem");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, one_block, 0, N(blocks));
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, short_lines);
	tcase_add_test(tc, same_as_openssl);
	tcase_add_test(tc, each_byte);
	tcase_add_test(tc, bundles);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
