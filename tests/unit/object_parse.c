/* object: names, idents, commits, tags, push certificates: accepted, and their twins refused. */
#include <check.h>
#include <stdlib.h>

#include "object/object_internal.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define ID_A "1111111111111111111111111111111111111111"
#define ID_B "2222222222222222222222222222222222222222"
#define ID_C "33333333333333333333333333333333333333aF"
#define ID_0 "0000000000000000000000000000000000000000"
#define LONG_A ID_A "444444444444444444444444"
#define LONG_B ID_B "444444444444444444444444"
#define WHO "Alice <alice@example.com> 1700000000 +0100"

#define CMS "-----BEGIN SIGNED MESSAGE-----\nTUlJ\n-----END SIGNED MESSAGE-----\n"
#define CMS_FOLDED "-----BEGIN SIGNED MESSAGE-----\n TUlJ\n -----END SIGNED MESSAGE-----\n"
#define PGP_FOLDED \
	"-----BEGIN PGP SIGNATURE-----\n Version: GnuPG v1\n \n TUlJ\n =abcd\n" \
	" -----END PGP SIGNATURE-----\n"

#define TREE "tree " ID_A "\n"
#define PARENT "parent " ID_B "\n"
#define AUTHOR "author " WHO "\n"
#define COMMITTER "committer Bob <bob@example.com> 1700000001 -0230\n"
#define ROOT TREE AUTHOR COMMITTER
#define CHILD TREE PARENT AUTHOR COMMITTER
#define GPGSIG "gpgsig " CMS_FOLDED
#define TAG "object " ID_B "\ntype commit\ntag v1.0\ntagger " WHO "\n"
#define MERGETAG \
	"mergetag object " ID_B "\n type commit\n tag v1.0\n tagger " WHO "\n \n Version 1\n " \
	CMS_FOLDED

struct row {
	bool ok;
	uint8_t hash_bytes;
	struct bytes raw;
};
#define OK(s) { true, 20, { (const uint8_t *)(s), sizeof(s) - 1 } }
#define NO(s) { false, 20, { (const uint8_t *)(s), sizeof(s) - 1 } }
#define OK32(s) { true, 32, { (const uint8_t *)(s), sizeof(s) - 1 } }
#define NO32(s) { false, 32, { (const uint8_t *)(s), sizeof(s) - 1 } }

/* --- ids ------------------------------------------------------------------- */

/* Each byte at each place; what is wrong leaves what was there. */
START_TEST(ids)
{
	static const char digits[] = "0123456789abcdef";
	char hex[41] = ID_A, back[OID_HEX_MAX];
	struct oid id = { .n = 0 };
	unsigned taken = 0;

	for (size_t at = 0; at < 40; at++) {
		char was = hex[at];

		for (int byte = 0; byte < 256; byte++) {
			bool in = byte != 0 && strchr(digits, byte) != NULL;

			hex[at] = (char)byte;
			id.n = 0;
			ck_assert_int_eq(oid_parse(bytes_of(hex, 40), &id), in);
			ck_assert_uint_eq(id.n, in ? 20 : 0);
			if (in)
				ck_assert_str_eq(oid_hex(&id, back), hex);
			taken += in;
		}
		hex[at] = was;
	}
	ck_assert_uint_eq(taken, 40 * 16);
	ck_assert(!oid_parse(bytes_of(hex, 39), &id) && !oid_parse(bytes_of(hex, 38), &id));
}
END_TEST

/* As `git hash-object -t blob`, of sizes of one, two and six digits. */
START_TEST(ids_of_objects)
{
	static const struct {
		size_t n;
		const char *sha1, *sha256;
	} t[] = {
		{ 0, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
		  "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813" },
		{ 10, "72035e10b5524757f990eb198acfce358b268c12",
		  "2cc1a93c8ba664f9790ddb77cfac0d430155ee960652b593b87f3f71ad83286b" },
		{ 100000, "56e0448612acbb706b96b7e8e46a210f15386a38",
		  "7e45ad7ac31cbd9c56b0a1680ce2dfa475d31025fed1c9dcf98861d2d288ec0f" },
	};
	static uint8_t content[100000];
	char hex[OID_HEX_MAX];
	struct oid id;

	memset(content, 'x', sizeof(content));
	for (size_t i = 0; i < N(t); i++) {
		ck_assert(oid_of_object(OBJECT_BLOB, bytes_of(content, t[i].n), 20, &id));
		ck_assert_str_eq(oid_hex(&id, hex), t[i].sha1);
		ck_assert(oid_of_object(OBJECT_BLOB, bytes_of(content, t[i].n), 32, &id));
		ck_assert_str_eq(oid_hex(&id, hex), t[i].sha256);
	}
	{
		const struct bytes parts[] = { bytes_of(content, 3), BYTES_NONE,
					       bytes_of(content, 7), BYTES_NONE };

		ck_assert(oid_of_parts(OBJECT_BLOB, parts, 3, 20, &id));
		ck_assert_str_eq(oid_hex(&id, hex), "72035e10b5524757f990eb198acfce358b268c12");
		ck_assert(!oid_of_parts(OBJECT_BLOB, parts, OID_PARTS_MAX + 1, 20, &id));
	}
	ck_assert(!oid_of_object(OBJECT_NONE, BYTES_NONE, 20, &id));
	ck_assert(!oid_of_object(OBJECT_BLOB, BYTES_NONE, 21, &id));
}
END_TEST

/* --- names of refs, idents ------------------------------------------------ */

START_TEST(ref_names)
{
	static const struct {
		bool ok;
		const char *name;
	} t[] = {
		{ true, "refs/heads/main" },	   { false, "refs/heads/ma\tin" },
		{ true, "refs/heads/m\xc3\xa4in" }, { false, "refs/heads/m\xe4in" },
		{ true, "refs/heads/\xe2\x82\xac" }, { false, "refs/heads/\xe2\x82" },
		{ true, "refs/heads/\xc2\xa0" },   { false, "refs/heads/\xc2\x9b" },
		{ false, "refs/heads/\xc0\xaf" },  { false, "refs/heads/\xe0\x80\xaf" },
		{ false, "refs/heads/\xed\xa0\x80" }, { true, "refs/heads/\xed\x9f\xbf" },
		{ false, "refs/heads/\xf4\x90\x80\x80" }, { true, "refs/heads/\xf4\x8f\xbf\xbf" },
		{ false, "refs/heads/\xf0\x8f\xbf\xbf" }, { true, "refs/heads/\xf0\x90\x80\x80" },
		{ false, "heads/main" },	   { false, "HEAD" },
		{ false, "" },			   { false, "refs/" },
		{ false, "refs/heads/a\nb" },	   { true, "refs/x" },
	};

	for (size_t i = 0; i < N(t); i++)
		ck_assert_msg(object_ref_ok(bytes_str(t[i].name)) == t[i].ok, "row %zu", i);
	ck_assert(!object_ref_ok(BYTES_NONE));
	ck_assert(!object_ref_ok(BYTES_LIT("refs/heads/a\0b")));
}
END_TEST

START_TEST(idents)
{
	static const struct {
		const char *text, *name, *email; /* no name: refused */
		int64_t when;
		int zone;
	} t[] = {
		{ WHO, "Alice", "alice@example.com", 1700000000, 60 },
		{ "A <a> 0 +0000", "A", "a", 0, 0 },
		{ " <a@x> 1 -0130", "", "a@x", 1, -90 },
		{ "A <> 1 +1400", "A", "", 1, 840 },
		{ "A B C <a b> 253402300799 +0000", "A B C", "a b", 253402300799, 0 },
		{ .text = "A B C <a b> 253402300800 +0000" },
		{ .text = "A <a> 99999999999999999999 +0000" },
		{ .text = "<a@x> 1 +0000" },
		{ .text = "A<a@x> 1 +0000" },
		{ .text = "A >a@x> 1 +0000" },
		{ .text = "A <a@x< 1 +0000" },
		{ .text = "A <a@x>1 +0000" },
		{ .text = "A <a@x>  1 +0000" },
		{ .text = "A <a@x> 01 +0000" },
		{ .text = "A <a@x> -1 +0000" },
		{ .text = "A <a@x> +1 +0000" },
		{ .text = "A <a@x> 1  +0000" },
		{ .text = "A <a@x> 1 0000" },
		{ .text = "A <a@x> 1 +000" },
		{ .text = "A <a@x> 1 +00000" },
		{ .text = "A <a@x> 1 +00a0" },
		{ .text = "A <a@x> 1 +0000 " },
		{ .text = "A <a@x> 1" },
		{ .text = "A <a@x>" },
		{ .text = "A <a@x> <b@y> 1 +0000" },
		{ .text = "A <a@x <b@y> 1 +0000" },
		{ .text = "A > <a@x> 1 +0000" },
		{ .text = "A <a@x>> 1 +0000" },
		{ .text = "A <a@x 1 +0000" },
		{ .text = "A\r <a@x> 1 +0000" },
		{ .text = "A\x7f <a@x> 1 +0000" },
		{ .text = "A <a@x\t> 1 +0000" },
		{ .text = "" },
	};
	struct object_ident id;

	for (size_t i = 0; i < N(t); i++) {
		bool ok = object_parse_ident(bytes_str(t[i].text), &id);

		ck_assert_msg(ok == (t[i].name != NULL), "%s", t[i].text);
		if (!ok)
			continue;
		ck_assert(bytes_eq_str(id.name, t[i].name));
		ck_assert(bytes_eq_str(id.email, t[i].email));
		ck_assert_int_eq(id.when, t[i].when);
		ck_assert_int_eq(id.zone, t[i].zone);
	}
	ck_assert(!object_parse_ident(BYTES_LIT("A\0B <a@x> 1 +0000"), &id));
}
END_TEST

/* --- commits --------------------------------------------------------------- */

static const struct row commits[] = {
	OK(ROOT "\nhello\n"),
	OK(CHILD "\nhello\n"),
	OK(ROOT "\n"),
	NO(ROOT),
	NO(ROOT "x"),
	NO(""),
	NO("\n"),
	NO(TREE),
	NO("tree " ID_A),
	/* the order and number of headers */
	NO(TREE TREE AUTHOR COMMITTER "\nm\n"),
	NO(AUTHOR TREE COMMITTER "\nm\n"),
	NO(PARENT TREE AUTHOR COMMITTER "\nm\n"),
	NO(TREE AUTHOR PARENT COMMITTER "\nm\n"),
	NO(TREE COMMITTER AUTHOR "\nm\n"),
	NO(TREE AUTHOR AUTHOR COMMITTER "\nm\n"),
	NO(ROOT COMMITTER "\nm\n"),
	NO(ROOT PARENT "\nm\n"),
	NO(TREE AUTHOR "\nm\n"),
	NO(TREE COMMITTER "\nm\n"),
	NO(GPGSIG ROOT "\nm\n"),
	NO(TREE GPGSIG AUTHOR COMMITTER "\nm\n"),
	/* ids */
	NO("tree " ID_C "\n" AUTHOR COMMITTER "\nm\n"),
	NO("tree " ID_0 "\n" AUTHOR COMMITTER "\nm\n"),
	NO("tree " LONG_A "\n" AUTHOR COMMITTER "\nm\n"),
	NO("tree  " ID_A "\n" AUTHOR COMMITTER "\nm\n"),
	NO("tree " ID_A " \n" AUTHOR COMMITTER "\nm\n"),
	NO("tree " ID_A "\r\n" AUTHOR COMMITTER "\nm\n"),
	NO("tree\t" ID_A "\n" AUTHOR COMMITTER "\nm\n"),
	OK32("tree " LONG_A "\nparent " LONG_B "\n" AUTHOR COMMITTER "\nm\n"),
	NO32(CHILD "\nm\n"),
	NO32("tree " LONG_A "\n" PARENT AUTHOR COMMITTER "\nm\n"),
	/* parents */
	OK(TREE PARENT "parent " ID_A "\n" AUTHOR COMMITTER "\nm\n"),
	NO(TREE PARENT PARENT AUTHOR COMMITTER "\nm\n"),
	NO(TREE PARENT "parents " ID_A "\n" AUTHOR COMMITTER "\nm\n"),
	/* idents */
	OK(TREE "author  <> 1 +0000\n" COMMITTER "\nm\n"),
	NO(TREE "author <> 1 +0000\n" COMMITTER "\nm\n"),
	NO(TREE "author A\r <a@x> 1 +0000\n" COMMITTER "\nm\n"),
	NO(TREE "author A <a@x> <b@y> 1 +0000\n" COMMITTER "\nm\n"),
	NO(TREE "author A\n <a@x> 1 +0000\n" COMMITTER "\nm\n"),
	/* NUL */
	NO(ROOT "\nhello\0\n"),
	NO(TREE "author A\0 <a@x> 1 +0000\n" COMMITTER "\nm\n"),
	NO(ROOT GPGSIG "\nm\n\0"),
	/* encoding */
	OK(ROOT "encoding UTF-8\n\nm\n"),
	OK(ROOT "encoding utf8\n\nm\n"),
	NO(ROOT "encoding UTF-7\n\nm\n"),
	NO(ROOT "encoding UTF-16\n\nm\n"),
	NO(ROOT "encoding ISO-8859-1\n\nm\n"),
	NO(ROOT "encoding \n\nm\n"),
	NO(ROOT "encoding\n\nm\n"),
	NO(ROOT "encoding UTF-8\nencoding UTF-8\n\nm\n"),
	NO(ROOT "encoding UTF-8\n x\n\nm\n"),
	/* other headers */
	NO(ROOT "HG:extra x\n\nm\n"),
	NO(ROOT " x\n\nm\n"),
	NO(ROOT " " GPGSIG "\nm\n"),
	OK(ROOT "change-id zzzzzzzzzzzzzzzzkkkkkkkkkkkkkkkk\n\nm\n"),
	NO(ROOT "change-id zzzzzzzzzzzzzzzzkkkkkkkkkkkkkkka\n\nm\n"),
	NO(ROOT "change-id zzzzzzzzzzzzzzzzkkkkkkkkkkkkkkk\n\nm\n"),
	NO(ROOT "change-id zzzzzzzzzzzzzzzzkkkkkkkkkkkkkkkk\n"
		"change-id zzzzzzzzzzzzzzzzkkkkkkkkkkkkkkkk\n\nm\n"),
	/* the signature header */
	OK(ROOT GPGSIG "\nm\n"),
	OK(ROOT GPGSIG "encoding UTF-8\n\nm\n"),
	OK(ROOT "encoding UTF-8\n" GPGSIG "\nm\n"),
	OK(ROOT "gpgsig " PGP_FOLDED "\nm\n"),
	OK(ROOT "gpgsig " PGP_FOLDED " \n\nm\n"), /* GitHub's empty line */
	NO(ROOT "gpgsig " PGP_FOLDED " \n \n\nm\n"),
	NO(ROOT GPGSIG " \n\nm\n"),
	NO(ROOT GPGSIG GPGSIG "\nm\n"),
	NO(ROOT GPGSIG "gpgsig " PGP_FOLDED "\nm\n"),
	NO(ROOT GPGSIG "gpgsig-sha256 " CMS_FOLDED "\nm\n"),
	NO(ROOT "gpgsig-sha256 " CMS_FOLDED "\nm\n"),
	OK32("tree " LONG_A "\n" AUTHOR COMMITTER "gpgsig-sha256 " CMS_FOLDED "\nm\n"),
	NO32("tree " LONG_A "\n" AUTHOR COMMITTER GPGSIG "\nm\n"),
	NO(ROOT GPGSIG "gpgsig-foo x\n y\n\nm\n"),
	NO(ROOT GPGSIG "gpgsigEVIL x\n\nm\n"),
	NO(ROOT "gpgsig\n\nm\n"),
	NO(ROOT "gpgsig \n\nm\n"),
	NO(ROOT "gpgsig JUNK\n\nm\n"),
	NO(ROOT "gpgsig  " CMS_FOLDED "\nm\n"),
	NO(ROOT "gpgsig x\n " CMS_FOLDED "\nm\n"),
	NO(ROOT GPGSIG " x\n\nm\n"),
	NO(ROOT GPGSIG " " CMS_FOLDED "\nm\n"),
	NO(ROOT "gpgsig -----BEGIN PKCS7-----\n TUlJ\n -----END PKCS7-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----\n TUlJ\n -----END PGP MESSAGE-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----\n TUlJ\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----\n -----END SIGNED MESSAGE-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----x\n TUlJ\n -----END SIGNED MESSAGE-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----\r\n TUlJ\r\n -----END SIGNED MESSAGE-----\r\n"
		"\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----\n TU lJ\n -----END SIGNED MESSAGE-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----\n \n TUlJ\n -----END SIGNED MESSAGE-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----\nTUlJ\n -----END SIGNED MESSAGE-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SIGNED MESSAGE-----\n TUlJ\n -----END SIGNED MESSAGE-----"),
	NO(ROOT "gpgsig -----BEGIN PGP SIGNATURE-----\n TUlJ\n -----END PGP SIGNATURE-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN PGP SIGNATURE-----\n A: \x1b[2J\n \n TUlJ\n"
		" -----END PGP SIGNATURE-----\n\nm\n"),
	NO(ROOT "gpgsig -----BEGIN SSH SIGNATURE-----\n A: b\n \n TUlJ\n"
		" -----END SSH SIGNATURE-----\n\nm\n"),
	OK(ROOT "gpgsig -----BEGIN SSH SIGNATURE-----\n TUlJ\n -----END SSH SIGNATURE-----\n\nm\n"),
	/* mergetag */
	OK(CHILD MERGETAG "\nm\n"),
	OK(CHILD MERGETAG GPGSIG "\nm\n"),
	OK(CHILD MERGETAG MERGETAG "\nm\n"),
	NO(ROOT MERGETAG "\nm\n"),
	NO(TREE "parent " ID_A "\n" AUTHOR COMMITTER MERGETAG "\nm\n"),
	NO(CHILD "mergetag x\n\nm\n"),
	NO(CHILD "mergetag object " ID_B "\n type tree\n tag v1\n tagger " WHO "\n \n m\n\nm\n"),
	NO(CHILD MERGETAG " x\n\nm\n"),
	NO(CHILD "mergetag object " ID_B "\n type commit\n tag v1\n \n m"),
};

START_TEST(commit_table)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < N(commits); i++) {
		struct object_commit c;
		int rc = object_parse_commit(commits[i].raw, commits[i].hash_bytes, &c, &err);

		ck_assert_msg((rc == 0) == commits[i].ok, "row %zu: %s: %.*s", i,
			      rc ? err.text : "accepted", (int)commits[i].raw.n,
			      (const char *)commits[i].raw.p);
		if (rc == 0)
			object_commit_free(&c);
		else
			ck_assert_int_eq(rc, ERR_INPUT);
	}
	/* No prefix of a commit without its message is one: nothing is read past the end. */
	for (size_t n = 0; n <= sizeof(CHILD MERGETAG GPGSIG) - 1; n++) {
		struct object_commit c;
		char *copy = malloc(n + 1);

		memcpy(copy, CHILD MERGETAG GPGSIG, n);
		ck_assert_int_eq(object_parse_commit(bytes_of(copy, n), 20, &c, NULL), ERR_INPUT);
		free(copy);
	}
}
END_TEST

START_TEST(commit_fields)
{
	struct bytes raw = BYTES_LIT(TREE PARENT "parent " ID_A "\n" AUTHOR COMMITTER MERGETAG GPGSIG
				     "encoding utf-8\n\nmessage\n\n" CMS);
	struct object_commit c;
	struct err err = ERR_INIT;
	char hex[OID_HEX_MAX];

	ck_assert_int_eq(object_parse_commit(raw, 20, &c, &err), 0);
	ck_assert_str_eq(oid_hex(&c.tree, hex), ID_A);
	ck_assert_uint_eq(c.parents_n, 2);
	ck_assert_str_eq(oid_hex(&c.parents[0], hex), ID_B);
	ck_assert_str_eq(oid_hex(&c.parents[1], hex), ID_A);
	ck_assert(bytes_eq_str(c.author.email, "alice@example.com"));
	ck_assert(bytes_eq_str(c.committer.email, "bob@example.com"));
	ck_assert_int_eq(c.committer.zone, -150);
	ck_assert(bytes_eq_str(c.encoding, "utf-8"));
	ck_assert_uint_eq(c.mergetags_n, 1);
	ck_assert(bytes_eq_str(c.message, "message\n\n" CMS));
	ck_assert_str_eq(buf_str(&c.signature), CMS);
	ck_assert(bytes_eq_str(c.payload[0], TREE PARENT "parent " ID_A "\n" AUTHOR COMMITTER MERGETAG));
	ck_assert(bytes_eq_str(c.payload[1], "encoding utf-8\n\nmessage\n\n" CMS));
	object_commit_free(&c);
}
END_TEST

/* Text in the message is no signature, whatever it looks like. */
START_TEST(commit_unsigned)
{
	struct bytes raw = BYTES_LIT(ROOT "\n" GPGSIG CMS);
	struct object_commit c;

	ck_assert_int_eq(object_parse_commit(raw, 20, &c, NULL), 0);
	ck_assert_uint_eq(c.signature.n, 0);
	ck_assert(bytes_eq(c.payload[0], raw));
	ck_assert_uint_eq(c.payload[1].n, 0);
	object_commit_free(&c);
}
END_TEST

START_TEST(commit_github)
{
	struct object_commit c;

	ck_assert_int_eq(object_parse_commit(BYTES_LIT(ROOT "gpgsig " PGP_FOLDED " \n\nm\n"), 20, &c,
					     NULL), 0);
	ck_assert_str_eq(buf_str(&c.signature),
			 "-----BEGIN PGP SIGNATURE-----\nVersion: GnuPG v1\n\nTUlJ\n=abcd\n"
			 "-----END PGP SIGNATURE-----\n");
	ck_assert(bytes_eq_str(c.payload[0], ROOT));
	ck_assert(bytes_eq_str(c.payload[1], "\nm\n"));
	object_commit_free(&c);
}
END_TEST

START_TEST(commit_octopus)
{
	for (unsigned n = OBJECT_MAX_PARENTS; n <= OBJECT_MAX_PARENTS + 1; n++) {
		struct buf raw = BUF_INIT;
		struct object_commit c;
		int rc;

		buf_add_str(&raw, TREE);
		for (unsigned i = 1; i <= n; i++)
			buf_addf(&raw, "parent %040u\n", i);
		buf_add_str(&raw, AUTHOR COMMITTER "\nm\n");
		rc = object_parse_commit(buf_bytes(&raw), 20, &c, NULL);
		ck_assert_int_eq(rc, n > OBJECT_MAX_PARENTS ? ERR_INPUT : 0);
		if (rc == 0) {
			ck_assert_uint_eq(c.parents_n, n);
			object_commit_free(&c);
		}
		buf_free(&raw);
	}
}
END_TEST

/* Errors are one printable line that does not grow with the input. */
START_TEST(error_texts)
{
	struct buf raw = BUF_INIT;
	struct object_commit c;
	struct err err = ERR_INIT;

	buf_add_str(&raw, ROOT "x\x1b[2J");
	for (int i = 0; i < 100000; i++)
		buf_add_str(&raw, "\xe2\x80\xae");
	buf_add_str(&raw, "\n\n");
	ck_assert_int_eq(object_parse_commit(buf_bytes(&raw), 20, &c, &err), ERR_INPUT);
	ck_assert_uint_lt(strlen(err.text), 400);
	for (const char *p = err.text; *p; p++)
		ck_assert(*p >= 0x20 && *p < 0x7f);
	ck_assert_int_eq(object_parse_commit(BYTES_LIT(ROOT "\n"), 21, &c, &err), ERR_INTERNAL);
	buf_free(&raw);
}
END_TEST

/* --- tags ------------------------------------------------------------------ */

static const struct row tags[] = {
	OK(TAG "\nVersion 1\n"),
	OK(TAG "\n"),
	OK(TAG "\nVersion 1\n" CMS),
	OK(TAG "\n" CMS),
	OK("object " ID_B "\ntype commit\ntag v1.0\n\nold\n"),
	OK("object " ID_B "\ntype blob\ntag junio/key\n\nold\n"),
	NO(TAG),
	NO(""),
	/* headers */
	NO("type commit\nobject " ID_B "\ntag v1.0\ntagger " WHO "\n\nm\n"),
	NO("object " ID_B "\n" TAG "\nm\n"),
	NO("object " ID_C "\ntype commit\ntag v1.0\n\nm\n"),
	NO("object " ID_B "\ntype commits\ntag v1.0\n\nm\n"),
	NO("object " ID_B "\ntype nothing\ntag v1.0\n\nm\n"),
	NO("object " ID_B "\ntag v1.0\n\nm\n"),
	NO("object " ID_B "\ntype commit\n\nm\n"),
	NO("object " ID_B "\ntype commit\ntag \n\nm\n"),
	NO("object " ID_B "\ntype commit\ntag v1..0\n\nm\n"),
	NO("object " ID_B "\ntype commit\ntag v1\r\n\nm\n"),
	NO("object " ID_B "\ntype commit\ntag v1\ntag v2\n\nm\n"),
	NO("object " ID_B "\ntype commit\ntag v1\ntagger\n\nm\n"),
	NO("object " ID_B "\ntype commit\ntag v1\ntagger A\n\nm\n"),
	NO(TAG "tagger " WHO "\n\nm\n"),
	NO(TAG GPGSIG "\nm\n"),
	NO(TAG "gpgsig-sha256 " CMS_FOLDED "\nm\n"),
	NO(TAG "x y\n\nm\n"),
	NO32(TAG "\nm\n"),
	OK32("object " LONG_B "\ntype tag\ntag v1\ntagger " WHO "\n\nm\n" CMS),
	/* the signature */
	NO(TAG "\nm\n" CMS "download from elsewhere\n"),
	NO(TAG "\nm\n" CMS "\n"),
	NO(TAG "\nm\n" CMS "\0evil"),
	NO(TAG "\nm\n" CMS CMS),
	NO(TAG "\nm\n" CMS "and\n" CMS),
	NO(TAG "\n-----BEGIN PGP SIGNATURE----- is how it begins\n" CMS),
	NO(TAG "\n-----BEGIN PGP SIGNATURE----- is how it begins\n"),
	OK(TAG "\n> -----BEGIN PGP SIGNATURE----- is how it begins\n" CMS),
	NO(TAG "\nm\n-----BEGIN SIGNED MESSAGE-----\nTUlJ\n-----END SIGNED MESSAGE-----"),
	NO(TAG "\nm\n-----BEGIN SIGNED MESSAGE-----\n"),
	NO(TAG "\nm\n-----BEGIN SIGNED MESSAGE-----"),
	NO(TAG "\nm\n-----BEGIN SIGNED MESSAGE-----\nTUlJ\n-----END SIGNED MESSAGE-----\r\n"),
	NO(TAG "\nm\n-----BEGIN SIGNED MESSAGE-----\nTUlJ\n-----END PGP SIGNATURE-----\n"),
	OK(TAG "\nm\n -----BEGIN SIGNED MESSAGE-----\nTUlJ\n"), /* unsigned, as for git */
	OK(TAG "\nm\n-----BEGIN PKCS7-----\nTUlJ\n"),		/* likewise */
};

START_TEST(tag_table)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < N(tags); i++) {
		struct object_tag t;
		int rc = object_parse_tag(tags[i].raw, tags[i].hash_bytes, &t, &err);

		ck_assert_msg((rc == 0) == tags[i].ok, "row %zu: %s: %.*s", i,
			      rc ? err.text : "accepted", (int)tags[i].raw.n,
			      (const char *)tags[i].raw.p);
		if (rc == 0)
			object_tag_free(&t);
	}
}
END_TEST

START_TEST(tag_fields)
{
	struct object_tag t;
	char hex[OID_HEX_MAX];

	ck_assert_int_eq(object_parse_tag(BYTES_LIT(TAG "\nVersion 1\n" CMS), 20, &t, NULL), 0);
	ck_assert_str_eq(oid_hex(&t.target, hex), ID_B);
	ck_assert_int_eq(t.target_type, OBJECT_COMMIT);
	ck_assert(bytes_eq_str(t.name, "v1.0"));
	ck_assert(t.has_tagger && bytes_eq_str(t.tagger.name, "Alice"));
	ck_assert(bytes_eq_str(t.message, "Version 1\n"));
	ck_assert(bytes_eq_str(t.payload[0], TAG "\nVersion 1\n"));
	ck_assert_uint_eq(t.payload[1].n, 0);
	ck_assert_str_eq(buf_str(&t.signature), CMS);
	object_tag_free(&t);
}
END_TEST

/* --- push certificates ------------------------------------------------------ */

#define VERSION "certificate version 0.1\n"
#define PUSHER "pusher " WHO "\n"
#define PUSHEE "pushee ssh://git.example.com/x.git\n"
#define NONCE "nonce 1700000000-abcdef\n"
#define OPTION "push-option ci.skip\n"
#define COMMAND ID_0 " " ID_A " refs/heads/main\n"
#define CERT VERSION PUSHER PUSHEE NONCE

static const struct row certs[] = {
	OK(CERT "\n" COMMAND CMS),
	OK(CERT "\n" COMMAND),
	OK(VERSION PUSHER NONCE "\n" COMMAND CMS),
	OK(CERT OPTION OPTION "push-option \n\n" COMMAND CMS),
	OK(CERT "\n" COMMAND ID_A " " ID_0 " refs/tags/v1\n" CMS),
	OK(VERSION "pusher SHA256:abc/+  1700000000 +0000\n" NONCE "\n" COMMAND CMS),
	OK(CERT "\n" LONG_A " " LONG_B " refs/heads/main\n" CMS),
	NO(CERT "\n" LONG_A " " LONG_B " refs/heads/main\n" COMMAND CMS),
	NO(CERT "\n" ID_A " " LONG_B " refs/heads/main\n" CMS),
	NO(""),
	NO("certificate version 0.2\n" PUSHER NONCE "\n" COMMAND CMS),
	NO(PUSHER NONCE "\n" COMMAND CMS),
	NO(VERSION NONCE "\n" COMMAND CMS),
	NO(VERSION "pusher alice\n" NONCE "\n" COMMAND CMS),
	NO(VERSION "pusher 1700000000 +0000\n" NONCE "\n" COMMAND CMS),
	NO(VERSION "pusher alice today +0000\n" NONCE "\n" COMMAND CMS),
	NO(VERSION "pusher alice 1700000000 0000\n" NONCE "\n" COMMAND CMS),
	NO(VERSION "pusher a\x1b[m 1700000000 +0000\n" NONCE "\n" COMMAND CMS),
	NO(VERSION PUSHER PUSHER NONCE "\n" COMMAND CMS),
	NO(VERSION PUSHER PUSHEE PUSHEE NONCE "\n" COMMAND CMS),
	NO(VERSION PUSHER PUSHEE "\n" COMMAND CMS),
	NO(VERSION PUSHER "pushee \n" NONCE "\n" COMMAND CMS),
	NO(VERSION PUSHER "nonce \n\n" COMMAND CMS),
	NO(VERSION PUSHER NONCE PUSHEE "\n" COMMAND CMS),
	NO(CERT NONCE "\n" COMMAND CMS),
	NO(CERT "x y\n\n" COMMAND CMS),
	NO(CERT "push-option a\x1b\n\n" COMMAND CMS),
	NO(CERT COMMAND CMS),
	NO(CERT "\n" CMS),
	NO(CERT "\n"),
	NO(CERT),
	NO(CERT "\n\n" COMMAND CMS),
	NO(CERT "\n" COMMAND "\n" CMS),
	NO(CERT "\n" ID_C " " ID_A " refs/heads/main\n" CMS),
	NO(CERT "\n" ID_0 "  " ID_A " refs/heads/main\n" CMS),
	NO(CERT "\n" ID_0 "\t" ID_A " refs/heads/main\n" CMS),
	NO(CERT "\n" ID_0 " " ID_A "\trefs/heads/main\n" CMS),
	NO(CERT "\n" ID_0 " " ID_C " refs/heads/main\n" CMS),
	NO(CERT "\n" ID_0 " " ID_A " HEAD\n" CMS),
	NO(CERT "\n" ID_0 " " ID_A " refs/heads/main\r\n" CMS),
	NO(CERT "\n" ID_0 " " ID_A " \n" CMS),
	NO(CERT "\n" ID_0 " " ID_A "\n" CMS),
	NO(CERT "\n" ID_0 " " ID_A " refs/heads/main"),
	NO(CERT "\n" COMMAND CMS COMMAND),
	NO(CERT "\n" COMMAND CMS CMS),
	NO(CERT "\n" COMMAND "\0" CMS),
};

START_TEST(cert_table)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < N(certs); i++) {
		struct object_push_cert c;
		int rc = object_parse_push_cert(certs[i].raw, &c, &err);

		ck_assert_msg((rc == 0) == certs[i].ok, "row %zu: %s: %.*s", i,
			      rc ? err.text : "accepted", (int)certs[i].raw.n,
			      (const char *)certs[i].raw.p);
		if (rc == 0)
			object_push_cert_free(&c);
	}
}
END_TEST

START_TEST(cert_fields)
{
	struct bytes raw = BYTES_LIT(CERT OPTION "push-option \n\n" COMMAND ID_A " " ID_B
				     " refs/tags/v1\n" CMS);
	struct object_push_cert c;
	struct object_command command;
	struct bytes rest, value;
	char hex[OID_HEX_MAX];

	ck_assert_int_eq(object_parse_push_cert(raw, &c, NULL), 0);
	ck_assert(bytes_eq_str(c.pusher, "Alice <alice@example.com>"));
	ck_assert_int_eq(c.when, 1700000000);
	ck_assert_int_eq(c.zone, 60);
	ck_assert(bytes_eq_str(c.pushee, "ssh://git.example.com/x.git"));
	ck_assert(bytes_eq_str(c.nonce, "1700000000-abcdef"));
	ck_assert_uint_eq(c.options_n, 2);
	rest = c.options;
	ck_assert(object_push_cert_option(&rest, &value) && bytes_eq_str(value, "ci.skip"));
	ck_assert(object_push_cert_option(&rest, &value) && value.n == 0);
	ck_assert(!object_push_cert_option(&rest, &value));
	ck_assert_uint_eq(c.commands_n, 2);
	rest = c.commands;
	ck_assert(object_push_cert_command(&rest, &command) && oid_is_null(&command.old));
	ck_assert(bytes_eq_str(command.ref, "refs/heads/main"));
	ck_assert(object_push_cert_command(&rest, &command));
	ck_assert_str_eq(oid_hex(&command.new_, hex), ID_B);
	ck_assert(!object_push_cert_command(&rest, &command));
	ck_assert_uint_eq(c.payload[0].n, raw.n - strlen(CMS));
	ck_assert_str_eq(buf_str(&c.signature), CMS);
	object_push_cert_free(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("object");
	TCase *tc = tcase_create("parse");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, ids);
	tcase_add_test(tc, ids_of_objects);
	tcase_add_test(tc, ref_names);
	tcase_add_test(tc, idents);
	tcase_add_test(tc, commit_table);
	tcase_add_test(tc, commit_fields);
	tcase_add_test(tc, commit_unsigned);
	tcase_add_test(tc, commit_github);
	tcase_add_test(tc, commit_octopus);
	tcase_add_test(tc, error_texts);
	tcase_add_test(tc, tag_table);
	tcase_add_test(tc, tag_fields);
	tcase_add_test(tc, cert_table);
	tcase_add_test(tc, cert_fields);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
