/* repo: packs, whole and in every way broken, and the id that watches over them. */
#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

#include "repo/pack.h"
#include "tests/unit/repo_tools.h"

#define TEXT "what an object says, more than once, more than once"
#define TEXT_N (sizeof(TEXT) - 1)
#define HEAD 12 /* of a pack */

static void add_be32(struct buf *b, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_byte(b, (uint8_t)(v >> shift));
}

/* A pack of one entry: its type, the size it says, and TEXT deflated. */
static void make_pack(struct buf *b, unsigned type, uint64_t size)
{
	uint8_t zipped[200];
	uLongf n = sizeof(zipped);

	ck_assert_int_eq(compress(zipped, &n, (const Bytef *)TEXT, TEXT_N), Z_OK);
	buf_clear(b);
	buf_add_str(b, "PACK");
	add_be32(b, 2);
	add_be32(b, 1);
	buf_add_byte(b, (uint8_t)((size > 15 ? 0x80 : 0) | type << 4 | (size & 15)));
	for (size >>= 4; size > 0; size >>= 7)
		buf_add_byte(b, (uint8_t)((size > 0x7f ? 0x80 : 0) | (size & 0x7f)));
	buf_add(b, zipped, n);
	for (int i = 0; i < 20; i++)
		buf_add_byte(b, 0);
}

/* False, and nothing has been added; or true, and TEXT was. */
static bool reads(struct bytes pack, uint64_t offset, size_t max)
{
	struct libdeflate_decompressor *z = libdeflate_alloc_decompressor();
	struct buf content = BUF_INIT, tight = BUF_INIT;
	enum object_type type = OBJECT_NONE;
	bool ok;

	buf_add_bytes(&tight, pack);
	buf_add_str(&content, "kept ");
	ok = pack_open(buf_bytes(&tight), 1) &&
	     pack_entry_read(buf_bytes(&tight), offset, z, max, &type, &content);
	ck_assert_str_eq(buf_str(&content), ok ? "kept " TEXT : "kept ");
	ck_assert(!ok || type == OBJECT_BLOB);
	libdeflate_free_decompressor(z);
	buf_free(&content);
	buf_free(&tight);
	return ok;
}

START_TEST(entry)
{
	struct buf b = BUF_INIT;

	make_pack(&b, 3, TEXT_N);
	ck_assert(reads(buf_bytes(&b), HEAD, 100));
	ck_assert(reads(buf_bytes(&b), HEAD, TEXT_N));
	ck_assert(!reads(buf_bytes(&b), HEAD, TEXT_N - 1));
	b.p[7] = 3;
	ck_assert(reads(buf_bytes(&b), HEAD, 100));
	b.p[7] = 4;
	ck_assert(!reads(buf_bytes(&b), HEAD, 100));
	buf_free(&b);
}
END_TEST

START_TEST(broken_entry)
{
	static const unsigned types[] = { 0, 5, 6, 7 };
	static const uint64_t sizes[] = { 0, 1, TEXT_N - 1, TEXT_N + 1, 1000, UINT64_MAX };
	/* A blob of nothing. */
	static const uint8_t empty[] = { 0x30, 0x78, 0x9c, 3, 0, 0, 0, 0, 1 };
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < N(types); i++) {
		make_pack(&b, types[i], TEXT_N);
		ck_assert(!reads(buf_bytes(&b), HEAD, 100));
	}
	for (size_t i = 0; i < N(sizes); i++) {
		make_pack(&b, 3, sizes[i]);
		ck_assert(!reads(buf_bytes(&b), HEAD, 2000));
	}
	make_pack(&b, 3, TEXT_N);
	for (size_t n = 0; n < b.n; n++)
		ck_assert(!reads(bytes_of(b.p, n), HEAD, 100));
	/* What stands behind the entries is none, even if it looks like one. */
	memcpy(b.p + b.n - 20, empty, sizeof(empty));
	memcpy(b.p + b.n - 10, empty, sizeof(empty));
	for (uint64_t at = 0; at < b.n + 9; at++)
		ck_assert(at == HEAD || !reads(buf_bytes(&b), at, 100));
	ck_assert(!reads(buf_bytes(&b), UINT64_MAX, 100));
	/* A size without an end. */
	memset(b.p + HEAD, 0xb1, b.n - HEAD);
	ck_assert(!reads(buf_bytes(&b), HEAD, SIZE_MAX));
	buf_free(&b);
}
END_TEST

START_TEST(damaged_stream)
{
	struct buf b = BUF_INIT;

	make_pack(&b, 3, TEXT_N);
	for (size_t i = HEAD + 2; i + 20 < b.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			b.p[i] ^= (uint8_t)(1 << bit);
			/* Bits of zlib's header that mean nothing here may change (RFC 1950). */
			if (reads(buf_bytes(&b), HEAD, 100))
				ck_assert_uint_lt(i, HEAD + 4);
			b.p[i] ^= (uint8_t)(1 << bit);
		}
	buf_free(&b);
}
END_TEST

/* An index of two objects, 11... and 22..., at these offsets; `large` behind it. */
static void make_index(struct buf *b, uint32_t first, uint32_t second, size_t large)
{
	buf_clear(b);
	buf_add(b, "\377tOc\0\0\0\2", 8);
	for (int i = 0; i < 256; i++)
		add_be32(b, i < 0x11 ? 0 : i < 0x22 ? 1 : 2);
	for (int i = 0; i < 20; i++)
		buf_add_byte(b, 0x11);
	for (int i = 0; i < 20; i++)
		buf_add_byte(b, 0x22);
	add_be32(b, 0);
	add_be32(b, 0);
	add_be32(b, first);
	add_be32(b, second);
	for (size_t i = 0; i < large; i++) {
		add_be32(b, 7);
		add_be32(b, (uint32_t)i);
	}
	for (int i = 0; i < 40; i++)
		buf_add_byte(b, 0);
}

static bool finds(const struct buf *b, const char *two_digits, uint64_t *at)
{
	struct buf hex = BUF_INIT, tight = BUF_INIT;
	struct pack_index x;
	struct oid id;
	bool ok;

	for (int i = 0; i < 20; i++)
		buf_add_str(&hex, two_digits);
	ck_assert(oid_parse(buf_bytes(&hex), &id));
	buf_add_bytes(&tight, buf_bytes(b));
	ok = pack_index_open(buf_bytes(&tight), &x) && pack_index_find(&x, &id, at);
	buf_free(&hex);
	buf_free(&tight);
	return ok;
}

START_TEST(index_tables)
{
	struct buf b = BUF_INIT;
	uint64_t at = 0;

	make_index(&b, 12, 99, 0);
	ck_assert(finds(&b, "11", &at) && at == 12);
	ck_assert(finds(&b, "22", &at) && at == 99);
	ck_assert(!finds(&b, "00", &at) && !finds(&b, "12", &at) && !finds(&b, "ff", &at));
	make_index(&b, 12, 0x80000000, 1);
	ck_assert(finds(&b, "11", &at) && at == 12);
	ck_assert(finds(&b, "22", &at) && at == (uint64_t)7 << 32);
	make_index(&b, 12, 0x80000001, 1);
	ck_assert(finds(&b, "11", &at) && !finds(&b, "22", &at));
	make_index(&b, 0x80000000, 0xffffffff, 0);
	ck_assert(!finds(&b, "11", &at) && !finds(&b, "22", &at));
	buf_free(&b);
}
END_TEST

START_TEST(broken_index)
{
	struct buf b = BUF_INIT;
	struct pack_index x;

	make_index(&b, 12, 99, 0);
	ck_assert(pack_index_open(buf_bytes(&b), &x) && x.n == 2);
	for (size_t n = 0; n < b.n; n++)
		ck_assert(!pack_index_open(bytes_of(b.p, n), &x));
	for (size_t i = 0; i < 8; i++) {
		b.p[i] ^= 1;
		ck_assert(!pack_index_open(buf_bytes(&b), &x));
		b.p[i] ^= 1;
	}
	b.p[8 + 3] = 2; /* two begin with 00, one with 01 or less */
	ck_assert(!pack_index_open(buf_bytes(&b), &x));
	b.p[8 + 3] = 0;
	b.p[8 + 4 * 255] = 0x7f;
	ck_assert(!pack_index_open(buf_bytes(&b), &x));
	make_index(&b, 12, 99, 2); /* the first object lies in front */
	ck_assert(!pack_index_open(buf_bytes(&b), &x));
	make_index(&b, 12, 99, 0);
	buf_add_byte(&b, 0);
	ck_assert(!pack_index_open(buf_bytes(&b), &x));
	buf_free(&b);
}
END_TEST

#define HISTORY                                                                               \
	"git init -q r; cd r; for i in 1 2 3 4 5 6 7 8; do seq 1 $((i * 300)) >f; git add f;" \
	" git commit -qm c$i; done; git tag -am t v1; "

/* All objects of a repository: how many were read here, each the same as git reads it. */
static size_t compare(size_t *all)
{
	_cleanup_free_ char *dir = xasprintf("%s/r/.git/objects", world);
	_cleanup_free_ char *list = sh("git -C r cat-file --batch-all-objects --batch-check='%"
				       "(objectname)'");
	struct packs *p = packs_open(&dir, 1);
	struct repo *ours = open_at(&kinds[0], "r"), *gits = open_at(&kinds[1], "r");
	size_t here = 0;

	*all = 0;
	for (char *save, *hex = strtok_r(list, "\n", &save); hex;
	     hex = strtok_r(NULL, "\n", &save)) {
		struct buf a = BUF_INIT, b = BUF_INIT, c = BUF_INIT;
		enum object_type ta, tb, tc;
		struct err err = ERR_INIT;
		struct oid id;

		ck_assert(oid_parse(bytes_str(hex), &id));
		ck_assert_msg(repo_read(ours, &id, 99999, &ta, &a, &err) == 0, "%s", err.text);
		ck_assert_msg(repo_read(gits, &id, 99999, &tb, &b, &err) == 0, "%s", err.text);
		ck_assert(ta == tb && bytes_eq(buf_bytes(&a), buf_bytes(&b)));
		if (packs_read(p, &id, 99999, &tc, &c)) {
			ck_assert(tc == tb && bytes_eq(buf_bytes(&c), buf_bytes(&b)));
			here++;
		}
		++*all;
		buf_free(&a);
		buf_free(&b);
		buf_free(&c);
	}
	repo_close(ours);
	repo_close(gits);
	packs_free(p);
	return here;
}

START_TEST(real_packs)
{
	size_t all;

	world_begin(&kinds[0]);
	run(HISTORY);
	ck_assert_uint_eq(compare(&all), 0);
	ck_assert_uint_gt(all, 20);
	run("git -C r repack -qadF --window=0");
	ck_assert_uint_eq(compare(&all), all);
	run("cd r/.git/objects/pack; rm -f *.idx; git index-pack --index-version=2,0x40 *.pack");
	ck_assert_uint_eq(compare(&all), all); /* offsets as in a pack of 2 GiB and more */
	run("git -C r repack -qadF --window=50");
	ck_assert_uint_lt(compare(&all), all); /* deltas are libgit2's */
	run("cd r; for i in 1 2; do git commit -q --allow-empty -m p$i; git repack -qd; done");
	ck_assert_uint_lt(compare(&all), all);
	world_end();
}
END_TEST

/* The index leads to another object than the one that is asked for. */
START_TEST(other_content)
{
	struct err err = ERR_INIT;
	struct buf content = BUF_INIT;
	enum object_type type;
	struct oid a, b;
	struct repo *r;

	world_begin(&kinds[0]);
	run("git init -q r; cd r; git commit -q --allow-empty -m a; git commit -q --allow-empty -m "
	    "b;"
	    "git repack -qadF --window=0; chmod -R u+w .git/objects/pack");
	a = id_of("git -C r rev-parse main");
	b = id_of("git -C r rev-parse main~1");
	r = open_at(&kinds[0], "r");
	ck_assert_int_eq(repo_read(r, &a, 9999, &type, &content, &err), 0);
	ck_assert_int_eq(repo_read(r, &b, 9999, &type, &content, &err), 0);
	repo_close(r);
	/* Three objects, the tables of ids (20 bytes each) and checksums (4): all offsets become 12. */
	run("cd r/.git/objects/pack; for i in 0 1 2; do printf '\\0\\0\\0\\014' |"
	    " dd of=$(ls *.idx) bs=1 seek=$((1032 + 72 + 4 * i)) conv=notrunc 2>/dev/null; done");
	buf_clear(&content);
	r = open_at(&kinds[0], "r");
	ck_assert_int_eq(repo_read(r, &a, 9999, &type, &content, &err), 0);
	buf_clear(&content);
	ck_assert_int_eq(repo_read(r, &b, 9999, &type, &content, &err), ERR_REPO);
	ck_assert_msg(strstr(err.text, "another id"), "%s", err.text);
	ck_assert_uint_eq(content.n, 0);
	repo_close(r);
	buf_free(&content);
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("repo_pack");
	TCase *t = tcase_create("pack");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, entry);
	tcase_add_test(t, broken_entry);
	tcase_add_test(t, damaged_stream);
	tcase_add_test(t, index_tables);
	tcase_add_test(t, broken_index);
	tcase_add_test(t, real_packs);
	tcase_add_test(t, other_content);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
