/* DER and BER: what is read, what is refused, and OpenSSL's reader beside ours. */
#include <check.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <time.h>

#include "base/der.h"
#include "base/mem.h"
#include "base/text.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct buf hex(const char *text)
{
	struct buf b = BUF_INIT;
	size_t n = strlen(text) / 2;

	ck_assert_msg(text_unhex(bytes_str(text), buf_reserve(&b, n + 1), n), "%s", text);
	b.n = n;
	return b;
}

/* --- one item --------------------------------------------------------------------- */

static const struct {
	const char *in; /* hexadecimal */
	bool ok;
	size_t head, n;
} heads[] = {
	{ "0500", true, 2, 0 },
	{ "0401aa", true, 2, 1 },
	{ "0401aabb", true, 2, 1 }, /* what follows is left */
	{ "", false, 0, 0 },
	{ "04", false, 0, 0 },
	{ "0402aa", false, 0, 0 },
	{ "0480aa0000", false, 0, 0 }, /* indefinite */
	{ "3080", false, 0, 0 },
	{ "308000", false, 0, 0 },
	{ "04817faa", false, 0, 0 }, /* not minimal, and too short */
	{ "048101aa", false, 0, 0 }, /* not minimal */
	{ "04820001aa", false, 0, 0 },
	{ "0484000001ff", false, 0, 0 },
	{ "0485010000000000", false, 0, 0 }, /* more than 4 GiB */
	{ "0488ffffffffffffffff", false, 0, 0 },
	{ "0484ffffffff", false, 0, 0 },
	{ "0484fffffffa0000", false, 0, 0 },
	{ "04ff", false, 0, 0 },
	{ "1f0100", false, 0, 0 },   /* identifiers of several bytes */
	{ "bf8101020500", false, 0, 0 },
	{ "df1f00", false, 0, 0 },
};

START_TEST(items)
{
	for (size_t i = 0; i < N(heads); i++) {
		struct buf b = hex(heads[i].in);
		struct bytes in = buf_bytes(&b);
		struct der_item item;
		bool ok = der_next(&in, &item);

		ck_assert_msg(ok == heads[i].ok, "%s", heads[i].in);
		if (ok) {
			ck_assert_uint_eq(item.tag, b.p[0]);
			ck_assert_uint_eq(item.value.n, heads[i].n);
			ck_assert_ptr_eq(item.value.p, b.p + heads[i].head);
			ck_assert_ptr_eq(item.whole.p, b.p);
			ck_assert_uint_eq(item.whole.n, heads[i].head + heads[i].n);
			ck_assert_ptr_eq(in.p, b.p + item.whole.n);
		} else {
			ck_assert_uint_eq(in.n, b.n);
		}
		buf_free(&b);
	}
}
END_TEST

/* A length of each size, whole and without its last byte; the writer's beside OpenSSL's. */
START_TEST(lengths)
{
	static const size_t sizes[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffff,
					0x1000000 };
	struct buf content = BUF_INIT, der = BUF_INIT;

	for (size_t i = 0; i < N(sizes); i++) {
		unsigned char *theirs = NULL;
		ASN1_OCTET_STRING *os = ASN1_OCTET_STRING_new();
		struct der_item item;
		struct bytes in;
		int n;

		memset(buf_reserve(&content, sizes[i] + 1), 0x5a, sizes[i]);
		buf_clear(&der);
		der_put(&der, DER_OCTET_STRING, bytes_of(content.p, sizes[i]));
		ck_assert(ASN1_OCTET_STRING_set(os, content.p, (int)sizes[i]));
		n = i2d_ASN1_OCTET_STRING(os, &theirs);
		ck_assert(n > 0 && bytes_eq(buf_bytes(&der), bytes_of(theirs, (size_t)n)));
		in = buf_bytes(&der);
		ck_assert(der_take(&in, DER_OCTET_STRING, &item) && in.n == 0);
		ck_assert_uint_eq(item.value.n, sizes[i]);
		in = bytes_of(der.p, der.n - 1);
		ck_assert(!der_next(&in, &item));
		OPENSSL_free(theirs);
		ASN1_OCTET_STRING_free(os);
	}
	buf_free(&content);
	buf_free(&der);
}
END_TEST

START_TEST(taking)
{
	static const uint8_t text[] = { 0x02, 0x01, 0x07, 0x05, 0x00 };
	struct bytes in = bytes_of(text, sizeof(text));
	struct der_item item;
	bool found = true;
	uint8_t tag;

	ck_assert(!der_take(&in, DER_OCTET_STRING, &item) && in.n == 5);
	ck_assert(der_take_optional(&in, DER_SEQUENCE, &item, &found) && !found && in.n == 5);
	ck_assert(der_peek(in, &tag) && tag == DER_INTEGER);
	ck_assert(der_take_optional(&in, DER_INTEGER, &item, &found) && found && in.n == 2);
	ck_assert(der_take(&in, DER_NULL, &item) && in.n == 0 && item.value.n == 0);
	ck_assert(!der_take(&in, DER_NULL, &item) && !der_peek(in, &tag));
	ck_assert(der_take_optional(&in, DER_NULL, &item, &found) && !found);
	in = BYTES_LIT("\x05\x01x"); /* a NULL that holds something */
	ck_assert(!der_take(&in, DER_NULL, &item) && in.n == 3);
	ck_assert(!der_take_optional(&in, DER_NULL, &item, &found) && found);
	in = bytes_of(text, 2); /* there, but cut off */
	ck_assert(!der_take_optional(&in, DER_INTEGER, &item, &found) && found);
}
END_TEST

static const struct {
	const char *in;
	int value; /* -1: refused */
} ints[] = {
	{ "020100", 0 },	  { "02017f", 127 },	{ "02020080", 128 },
	{ "02047fffffff", 0x7fffffff }, { "0200", -1 }, { "020180", -1 },
	{ "0201ff", -1 },	  { "02020001", -1 },	{ "0202007f", -1 },
	{ "02050080000000", -1 }, { "040107", -1 },
};

START_TEST(small_ints)
{
	for (size_t i = 0; i < N(ints); i++) {
		struct buf b = hex(ints[i].in);
		struct bytes in = buf_bytes(&b);
		struct der_item item;
		int value = -1;

		ck_assert(der_next(&in, &item));
		ck_assert_msg(der_small_int(item, &value) == (ints[i].value >= 0), "%s", ints[i].in);
		ck_assert_int_eq(value, ints[i].value);
		buf_free(&b);
	}
}
END_TEST

/* --- time --------------------------------------------------------------------------- */

static const struct {
	unsigned tag;
	const char *text;
	bool ok;
} times[] = {
	{ DER_UTC_TIME, "270115080000Z", true },
	{ DER_UTC_TIME, "500101000000Z", true }, /* 1950 */
	{ DER_UTC_TIME, "491231235959Z", true }, /* 2049 */
	{ DER_UTC_TIME, "240229000000Z", true },
	{ DER_UTC_TIME, "230229000000Z", false },
	{ DER_UTC_TIME, "2701150800Z", false },	 /* BER: without seconds */
	{ DER_UTC_TIME, "270115080000+0100", false },
	{ DER_UTC_TIME, "270115080000", false },
	{ DER_UTC_TIME, "270115080000z", false },
	{ DER_UTC_TIME, "271315080000Z", false },
	{ DER_UTC_TIME, "270015080000Z", false },
	{ DER_UTC_TIME, "270100080000Z", false },
	{ DER_UTC_TIME, "270132080000Z", false },
	{ DER_UTC_TIME, "270115240000Z", false },
	{ DER_UTC_TIME, "270115086000Z", false },
	{ DER_UTC_TIME, "270115080060Z", false },
	{ DER_UTC_TIME, "27011508000 Z", false },
	{ DER_UTC_TIME, "-70115080000Z", false },
	{ DER_UTC_TIME, "20270115080000Z", false },
	{ DER_GENERALIZED_TIME, "20500101000000Z", true },
	{ DER_GENERALIZED_TIME, "99991231235959Z", true },
	{ DER_GENERALIZED_TIME, "270115080000Z", false },
	{ DER_GENERALIZED_TIME, "20270115080000.5Z", false },
	{ DER_GENERALIZED_TIME, "", false },
	{ DER_OCTET_STRING, "270115080000Z", false },
	{ DER_OCTET_STRING, "20270115080000Z", false },
};

START_TEST(time_forms)
{
	for (size_t i = 0; i < N(times); i++) {
		struct der_item item = { (uint8_t)times[i].tag, bytes_str(times[i].text), BYTES_NONE };
		bool ok, general = times[i].tag == DER_GENERALIZED_TIME;
		int64_t t = -1;
		struct tm tm;

		ok = der_time(item, &t);
		ck_assert_msg(ok == times[i].ok, "%s", times[i].text);
		if (ok) { /* OpenSSL may take more, and must take these, as the same */
			ASN1_TIME *theirs = ASN1_STRING_type_new(general ? V_ASN1_GENERALIZEDTIME
									 : V_ASN1_UTCTIME);

			ck_assert(ASN1_STRING_set(theirs, times[i].text, -1));
			ck_assert(ASN1_TIME_to_tm(theirs, &tm));
			ck_assert_int_eq(timegm(&tm), t);
			ASN1_TIME_free(theirs);
		}
	}
}
END_TEST

START_TEST(time_written)
{
	static const int64_t t[] = { 0, 1800000000, -631152000, -631152001, 2524607999, 2524608000,
				     253402300799 };

	for (size_t i = 0; i < N(t); i++) {
		struct buf b = BUF_INIT;
		struct bytes in;
		struct der_item item;
		int64_t back;

		der_put_time(&b, t[i]);
		in = buf_bytes(&b);
		ck_assert(der_next(&in, &item) && in.n == 0 && der_time(item, &back));
		ck_assert_int_eq(back, t[i]);
		ck_assert_uint_eq(item.tag == DER_UTC_TIME,
				  t[i] >= -631152000 && t[i] < 2524608000);
		buf_free(&b);
	}
}
END_TEST

/* --- BER ------------------------------------------------------------------------------- */

static const struct {
	const char *in, *out; /* out NULL: refused */
	bool changed;
} bers[] = {
	{ "0500", "0500", false },
	{ "30030201ff", "30030201ff", false },
	{ "30800201070000", "3003020107", true },
	{ "3080308002010700000000", "30053003020107", true },
	{ "3003048100", "30020400", true }, /* not minimal */
	{ "30820003020107", "3003020107", true },
	{ "3088000000000000000302010700", NULL, false },
	{ "30880000000000000003020107", "3003020107", true },
	{ "24800401aa0402bbcc0000", "0403aabbcc", true }, /* pieces */
	{ "24070401aa0402bbcc", "0403aabbcc", true },
	{ "2400", "0400", true },
	{ "248024800401aa00000401bb0000", "0402aabb", true },
	{ "24800201070000", NULL, false },     /* a piece of another kind */
	{ "248030800401aa00000000", NULL, false },
	{ "a08004010a0000", "a00304010a", true },
	{ "", NULL, false },
	{ "05", NULL, false },
	{ "050000", NULL, false },	   /* more than one value */
	{ "308002010700000500", NULL, false },
	{ "3080020107", NULL, false },	   /* no end */
	{ "308002010700", NULL, false },
	{ "3003020107ff", NULL, false },
	{ "300302010", NULL, false },
	{ "04800000", NULL, false },	   /* indefinite, but primitive */
	{ "0000", NULL, false },
	{ "30020000", NULL, false },	   /* an end that nothing waits for */
	{ "300430800201070000", NULL, false }, /* an inner end behind the outer one */
	{ "3005308002010700", NULL, false },
	{ "3080000100", NULL, false },
	{ "308000810000", NULL, false },
	{ "1f0100", NULL, false },
	{ "3089010000000000000000", NULL, false },
	{ "3084ffffffff", NULL, false },
	{ "3088ffffffffffffffff", NULL, false },
	{ "30880100000000000000", NULL, false },
};

START_TEST(ber_table)
{
	for (size_t i = 0; i < N(bers); i++) {
		struct buf in, want, out = BUF_INIT;
		bool changed = false, ok;

		if (strlen(bers[i].in) % 2)
			continue;
		in = hex(bers[i].in);
		want = hex(bers[i].out ? bers[i].out : "");
		buf_add_str(&out, "before");
		ok = der_from_ber(buf_bytes(&in), &out, &changed);
		ck_assert_msg(ok == (bers[i].out != NULL), "%s", bers[i].in);
		ck_assert_msg(bytes_eq(bytes_skip(buf_bytes(&out), 6), buf_bytes(&want)), "%s",
			      bers[i].in);
		ck_assert_msg(changed == bers[i].changed, "%s", bers[i].in);
		buf_free(&in);
		buf_free(&want);
		buf_free(&out);
	}
}
END_TEST

/* `depth` constructed values in one another: definite, or indefinite. */
static void nest(struct buf *b, size_t depth, unsigned tag, bool indefinite)
{
	buf_clear(b);
	for (size_t i = 0; indefinite && i < depth; i++) {
		buf_add_byte(b, (uint8_t)tag);
		buf_add_byte(b, 0x80);
	}
	for (size_t i = 0; indefinite && i < depth; i++)
		buf_add(b, "\0", 2);
	for (size_t i = 0; !indefinite && i < depth; i++) {
		size_t n = b->n, mark;
		struct buf in = *b;

		*b = (struct buf)BUF_INIT;
		mark = der_open(b, tag);
		buf_add(b, in.p, n);
		der_close(b, mark);
		buf_free(&in);
	}
}

START_TEST(nesting)
{
	static const unsigned tags[] = { DER_SEQUENCE, 0x24, 0xa0, 0x31 };
	struct buf in = BUF_INIT, out = BUF_INIT;
	bool changed;

	for (size_t i = 0; i < 2 * N(tags); i++) {
		unsigned tag = tags[i / 2];
		bool indefinite = i % 2;

		nest(&in, 33, tag, indefinite);
		ck_assert_msg(der_from_ber(buf_bytes(&in), &out, &changed), "tag %x", tag);
		nest(&in, 34, tag, indefinite);
		ck_assert_msg(!der_from_ber(buf_bytes(&in), &out, &changed), "tag %x", tag);
	}
	nest(&in, 500 * 1000, DER_SEQUENCE, true); /* neither stack nor time are used up */
	ck_assert(!der_from_ber(buf_bytes(&in), &out, &changed));
	ck_assert(!der_from_ber(bytes_of(in.p, in.n / 2), &out, &changed));
	buf_free(&in);
	buf_free(&out);
}
END_TEST

/* Many empty values side by side are no bomb either: out is no larger than in. */
START_TEST(wide)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	bool changed;

	buf_add(&in, "\x30\x80", 2);
	for (int i = 0; i < 200 * 1000; i++)
		buf_add(&in, "\x30\x80\0\0", 4);
	buf_add(&in, "\0\0", 2);
	ck_assert(der_from_ber(buf_bytes(&in), &out, &changed) && changed);
	ck_assert_uint_le(out.n, in.n);
	buf_free(&in);
	buf_free(&out);
}
END_TEST

/* A message with each form in it, cut at each byte: never good, never read past its end. */
START_TEST(ber_cut)
{
	struct buf whole = hex("3080a0800201070000248004020a0b04810101000030820002050031"
			       "0b300906035504030c024142" "0000");
	bool changed;

	for (size_t n = 0; n <= whole.n; n++) {
		struct buf out = BUF_INIT;
		uint8_t *copy = xmalloc(n + 1); /* of its own size, so that ASan sees */
		uint8_t *exact = n ? xmalloc(n) : copy;
		bool ok;

		memcpy(exact, whole.p, n);
		ok = der_from_ber(bytes_of(exact, n), &out, &changed);
		ck_assert_msg(ok == (n == whole.n), "cut at %zu", n);
		ck_assert_uint_eq(out.n == 0, !ok);
		if (n)
			free(exact);
		free(copy);
		buf_free(&out);
	}
	buf_free(&whole);
}
END_TEST

/* --- OpenSSL beside ours ------------------------------------------------------------------ */

/* A small generator: the same values in every run. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void put_random(struct buf *b, uint32_t *state, int depth)
{
	uint32_t kind = next_random(state) % (depth > 4 ? 3 : 6);
	size_t mark;

	if (kind < 3) {
		uint8_t content[200];
		size_t n = next_random(state) % 180 + 1;

		for (size_t i = 0; i < n; i++)
			content[i] = (uint8_t)next_random(state);
		der_put(b, kind == 0 ? DER_OCTET_STRING : kind == 1 ? 0x13u : DER_CONTEXT(1),
			bytes_of(content, n));
		return;
	}
	mark = der_open(b, kind == 3 ? DER_SEQUENCE : kind == 4 ? DER_SET : DER_CONTEXT_CONSTRUCTED(2));
	for (uint32_t n = next_random(state) % 4; n > 0; n--)
		put_random(b, state, depth + 1);
	der_close(b, mark);
}

/* The items that our reader takes are the ones that ASN1_get_object() takes. */
static void same_items(struct bytes in)
{
	while (in.n > 0) {
		const unsigned char *p = in.p;
		struct der_item item;
		int tag, class;
		long n;
		int r = ASN1_get_object(&p, &n, &tag, &class, (long)in.n);

		if (!der_next(&in, &item)) {
			ERR_clear_error();
			return; /* ours refuses more */
		}
		ck_assert_msg(!(r & 0x80) && !(r & 1), "OpenSSL refuses what ours takes");
		ck_assert_ptr_eq(p, item.value.p);
		ck_assert_int_eq(n, (long)item.value.n);
		ck_assert_int_eq(class, item.tag & 0xc0);
		ck_assert_int_eq(tag, item.tag & 0x1f);
		ck_assert_int_eq(!!(r & V_ASN1_CONSTRUCTED), !!(item.tag & 0x20));
		if (item.tag & 0x20)
			same_items(item.value);
	}
}

START_TEST(same_as_openssl)
{
	uint32_t state = 1;

	for (int i = 0; i < 300; i++) {
		struct buf b = BUF_INIT, out = BUF_INIT;
		bool changed = true;

		put_random(&b, &state, 0);
		ck_assert(der_from_ber(buf_bytes(&b), &out, &changed) && !changed);
		ck_assert(bytes_eq(buf_bytes(&out), buf_bytes(&b)));
		same_items(buf_bytes(&b));
		for (int k = 0; k < 30; k++) { /* and with a byte of it changed */
			size_t at = next_random(&state) % b.n;
			uint8_t was = b.p[at];

			b.p[at] = (uint8_t)next_random(&state);
			same_items(buf_bytes(&b));
			buf_clear(&out);
			if (der_from_ber(buf_bytes(&b), &out, &changed) && !changed)
				ck_assert(bytes_eq(buf_bytes(&out), buf_bytes(&b)));
			b.p[at] = was;
		}
		buf_free(&b);
		buf_free(&out);
	}
}
END_TEST

/* --- the writer ------------------------------------------------------------------------- */

START_TEST(set_of_sorted)
{
	struct buf b = BUF_INIT, want = hex("310e" "020101" "020102" "04020000" "040200ff");
	size_t mark = der_open(&b, DER_SET);

	der_put(&b, DER_OCTET_STRING, BYTES_LIT("\x00\xff"));
	der_put_int(&b, 2);
	der_put(&b, DER_OCTET_STRING, BYTES_LIT("\0\0"));
	der_put_int(&b, 1);
	der_close_set_of(&b, mark);
	ck_assert(bytes_eq(buf_bytes(&b), buf_bytes(&want)));
	buf_clear(&b);
	mark = der_open(&b, DER_SET);
	der_close_set_of(&b, mark);
	ck_assert(b.n == 2 && b.p[1] == 0);
	buf_free(&b);
	buf_free(&want);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_der");
	TCase *tc = tcase_create("der");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, items);
	tcase_add_test(tc, lengths);
	tcase_add_test(tc, taking);
	tcase_add_test(tc, small_ints);
	tcase_add_test(tc, time_forms);
	tcase_add_test(tc, time_written);
	tcase_add_test(tc, ber_table);
	tcase_add_test(tc, nesting);
	tcase_add_test(tc, wide);
	tcase_add_test(tc, ber_cut);
	tcase_add_test(tc, same_as_openssl);
	tcase_add_test(tc, set_of_sorted);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
