/* Signatures that are read at once, as they are folded: the same as by the reader of armors. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/pem.h"
#include "object/object_internal.h"

#define HEAD                                                                                       \
	"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"                                          \
	"author A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n"
#define TAG_HEAD                                                                                   \
	"object 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ntype tree\ntag t\n"                      \
	"tagger A <a@example.com> 1 +0000\n\nm\n"
#define LINE64 "TUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJ"
#define BEGIN_CHARS 31 /* with the newline */

static void fold(struct buf *out, struct bytes armor)
{
	buf_add_str(out, HEAD "gpgsig ");
	for (size_t i = 0; i < armor.n; i++) {
		buf_add_byte(out, armor.p[i]);
		if (armor.p[i] == '\n' && i + 1 < armor.n)
			buf_add_byte(out, ' ');
	}
	buf_add_str(out, "\nm\n");
}

static int parse_said(struct bytes armor, struct object_commit *c, struct err *err)
{
	struct buf raw = BUF_INIT;
	int r;

	fold(&raw, armor);
	*c = (struct object_commit){ .parents = NULL };
	r = object_parse_commit(buf_bytes(&raw), 20, c, err);
	/* What is kept must not lean on `raw`. */
	if (r == 0)
		ck_assert(bytes_eq(buf_bytes(&c->signature), armor));
	buf_free(&raw);
	return r;
}

static int parse(struct bytes armor, struct object_commit *c)
{
	return parse_said(armor, c, NULL);
}

/* A tag's armor is not folded, and read by the other way. */
static int parse_in_tag(struct bytes armor)
{
	struct buf raw = BUF_INIT;
	struct object_tag t;
	int r;

	buf_add_str(&raw, TAG_HEAD);
	buf_add_bytes(&raw, armor);
	r = object_parse_tag(buf_bytes(&raw), 20, &t, NULL);
	if (r == 0)
		object_tag_free(&t);
	buf_free(&raw);
	return r;
}

static void make(struct buf *armor, size_t n)
{
	uint8_t content[400];

	for (size_t i = 0; i < n; i++)
		content[i] = (uint8_t)(i * 151 + n);
	buf_clear(armor);
	pem_write(armor, PEM_SIGNED_MESSAGE, bytes_of(content, n));
}

START_TEST(every_length)
{
	struct buf armor = BUF_INIT, der = BUF_INIT;
	struct object_commit c;

	for (size_t n = 1; n <= 400; n++) {
		make(&armor, n);
		buf_clear(&der);
		ck_assert_int_eq(pem_read_one(buf_bytes(&armor), PEM_SIGNED_MESSAGE, false, &der,
					      NULL), 0);
		ck_assert_int_eq(parse(buf_bytes(&armor), &c), 0);
		ck_assert_uint_eq(c.der.n, n);
		ck_assert(bytes_eq(buf_bytes(&c.der), buf_bytes(&der)));
		object_commit_free(&c);
	}
	buf_free(&armor);
	buf_free(&der);
}
END_TEST

/* Whatever one byte becomes: accepted or not as ever, and never another content. */
START_TEST(every_byte)
{
	static const char becomes[] = "A=-+ ~\t\r\x80";
	struct buf armor = BUF_INIT, der = BUF_INIT;
	struct object_commit c;

	make(&armor, (size_t)_i);
	for (size_t at = BEGIN_CHARS; at < armor.n; at++) {
		uint8_t was = armor.p[at];

		for (const char *b = becomes; *b != '\0'; b++) {
			int r;

			armor.p[at] = (uint8_t)*b;
			r = parse(buf_bytes(&armor), &c);
			ck_assert_int_eq(r, parse_in_tag(buf_bytes(&armor)));
			if (r != 0)
				continue;
			buf_clear(&der);
			r = pem_read_one(buf_bytes(&armor), PEM_SIGNED_MESSAGE, false, &der, NULL);
			ck_assert_uint_eq(c.der.n > 0, r == 0);
			ck_assert(r != 0 || bytes_eq(buf_bytes(&c.der), buf_bytes(&der)));
			object_commit_free(&c);
		}
		armor.p[at] = was;
	}
	buf_free(&armor);
	buf_free(&der);
}
END_TEST

/* The other ways to write it are read as ever; what they hold is left to the armor's reader. */
static const struct {
	const char *armor;
	int status;
} others[] = {
	{ "-----BEGIN SIGNED MESSAGE-----\nTUlJ\n-----END SIGNED MESSAGE-----\n", 0 },
	{ "-----BEGIN SIGNED MESSAGE-----\n-----END SIGNED MESSAGE-----\n", ERR_INPUT },
	{ "-----BEGIN SIGNED MESSAGE-----\n\n-----END SIGNED MESSAGE-----\n", ERR_INPUT },
	{ "-----BEGIN SIGNED MESSAGE-----\nTUlJTUlJ\nTUlJ\n-----END SIGNED MESSAGE-----\n", 0 },
	{ "-----BEGIN SIGNED MESSAGE-----\nTUlJ\nTUlJTUlJ\n-----END SIGNED MESSAGE-----\n",
	  ERR_INPUT },
	{ "-----BEGIN SIGNED MESSAGE-----\nTUlJTUl\n-----END SIGNED MESSAGE-----\n", 0 },
	{ "-----BEGIN SIGNED MESSAGE-----\nTUlJ\n-----END SIGNED MESSAGE----- \n", ERR_INPUT },
	{ "-----BEGIN SIGNED MESSAGE-----\nTUlJ\n-----END SIGNED MESSAGE-----\nx\n", ERR_INPUT },
	{ "-----BEGIN SIGNED MESSAGE----- \nTUlJ\n-----END SIGNED MESSAGE-----\n", ERR_INPUT },
	{ "-----BEGIN SIGNED MESSAGE-----\n" LINE64 "\n" LINE64 "TUlJ\n-----END SIGNED MESSAGE-----\n",
	  ERR_INPUT },
	{ "-----BEGIN SSH SIGNATURE-----\nTUlJ\n-----END SSH SIGNATURE-----\n", 0 },
};

START_TEST(other_ways)
{
	struct bytes armor = bytes_str(others[_i].armor);
	bool usual = _i == 0;
	struct object_commit c;

	ck_assert_int_eq(parse(armor, &c), others[_i].status);
	ck_assert_int_eq(parse_in_tag(armor), others[_i].status);
	if (others[_i].status != 0)
		return;
	ck_assert_uint_eq(c.der.n, usual ? 3 : 0);
	object_commit_free(&c);
}
END_TEST

/* What goes on behind its end is still the signature's: the reason names that. */
START_TEST(goes_on)
{
	struct bytes armor =
		BYTES_LIT("-----BEGIN SIGNED MESSAGE-----\nTUlJ\n-----END SIGNED MESSAGE-----\nx\n");
	struct object_commit c;
	struct err err = ERR_INIT;

	ck_assert_int_eq(parse_said(armor, &c, &err), ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "bytes behind the signature's END"));
}
END_TEST

/* A line without its blank is no part of the header; one without its end is no line. */
START_TEST(unfolded)
{
	struct buf armor = BUF_INIT, raw = BUF_INIT;
	struct object_commit c;

	make(&armor, 130);
	fold(&raw, buf_bytes(&armor));
	for (size_t at = sizeof(HEAD); at < raw.n; at++) {
		if (raw.p[at - 1] != '\n' || raw.p[at] != ' ')
			continue;
		raw.p[at] = 'A';
		ck_assert_int_eq(object_parse_commit(buf_bytes(&raw), 20, &c, NULL), ERR_INPUT);
		raw.p[at] = ' ';
		raw.p[at - 1] = 'A';
		ck_assert_int_eq(object_parse_commit(buf_bytes(&raw), 20, &c, NULL), ERR_INPUT);
		raw.p[at - 1] = '\n';
	}
	ck_assert_int_eq(object_parse_commit(buf_bytes(&raw), 20, &c, NULL), 0);
	object_commit_free(&c);
	buf_free(&armor);
	buf_free(&raw);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("object_folded");
	TCase *tc = tcase_create("folded");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, every_length);
	tcase_add_loop_test(tc, every_byte, 100, 103);
	tcase_add_loop_test(tc, other_ways, 0, (int)(sizeof(others) / sizeof(others[0])));
	tcase_add_test(tc, goes_on);
	tcase_add_test(tc, unfolded);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
