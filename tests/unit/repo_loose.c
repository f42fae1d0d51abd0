/* repo: loose objects, whole and in every way broken. */
#include <sys/stat.h>
#include <zlib.h>

#include "base/os.h"
#include "repo/loose.h"
#include "tests/unit/repo_tools.h"

#define HEX "0123456789012345678901234567890123456789"

/* Writes a file of an object into world/01/23...: `plain` compressed, and `behind` it. */
static void put(const void *plain, size_t n, size_t cut, const char *behind)
{
	_cleanup_free_ char *path = xasprintf("%s/01/%s", world, &HEX[2]);
	uLongf size = compressBound(n);
	uint8_t *zipped = xmalloc(size);
	struct buf file = BUF_INIT;
	struct err err = ERR_INIT;

	ck_assert_int_eq(compress(zipped, &size, plain, n), Z_OK);
	ck_assert_uint_le(cut, size);
	buf_add(&file, zipped, size - cut);
	buf_add_str(&file, behind);
	ck_assert_msg(os_file_replace(path, buf_bytes(&file), 0644, &err) == 0, "%s", err.text);
	buf_free(&file);
	free(zipped);
}

static int get(size_t max, struct buf *content, struct loose_info *info, struct err *err)
{
	struct oid id;
	bool found = false;
	int rc;

	ck_assert(oid_parse(bytes_str(HEX), &id));
	rc = loose_read(world, &id, max, info, content, &found, err);
	ck_assert(found);
	return rc;
}

static void is_good(const char *plain, size_t n, enum object_type type, const char *text)
{
	struct buf content = BUF_INIT;
	struct loose_info info = { OBJECT_NONE, 0 };
	struct err err = ERR_INIT;

	put(plain, n, 0, "");
	buf_add_str(&content, "kept ");
	ck_assert_msg(get(strlen(text), &content, &info, &err) == 0, "%s", err.text);
	ck_assert(info.type == type && info.size == strlen(text));
	ck_assert_str_eq(buf_str(&content) + 5, text);
	ck_assert_int_eq(get(100, NULL, &info, &err), 0);
	buf_free(&content);
}

static void is_bad(const char *plain, size_t n, size_t cut, const char *behind, const char *word)
{
	struct buf content = BUF_INIT;
	struct loose_info info;
	struct err err = ERR_INIT;

	put(plain, n, cut, behind);
	buf_add_str(&content, "kept");
	ck_assert_msg(get(1000, &content, &info, &err) == ERR_REPO, "%s", err.text);
	ck_assert_msg(strstr(err.text, word) && strstr(err.text, HEX), "%s", err.text);
	ck_assert_uint_eq(content.n, 4);
	buf_free(&content);
}
#define GOOD(s, type, text) is_good(s, sizeof(s) - 1, type, text)
#define BAD(s, word) is_bad(s, sizeof(s) - 1, 0, "", word)

START_TEST(whole)
{
	world_begin(&kinds[0]);
	run("mkdir 01");
	GOOD("blob 5\0hello", OBJECT_BLOB, "hello");
	GOOD("blob 0\0", OBJECT_BLOB, "");
	GOOD("commit 1\0x", OBJECT_COMMIT, "x");
	GOOD("tag 41\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", OBJECT_TAG,
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	world_end();
}
END_TEST

START_TEST(broken)
{
	static const char good[] = "blob 5\0hello";

	world_begin(&kinds[0]);
	run("mkdir 01");
	BAD("blob 6\0hello", "less than");
	BAD("blob 4\0hello", "more than");
	BAD("blob 05\0hello", "type and a size");
	BAD("blob -5\0hello", "type and a size");
	BAD("blob 5", "type and a size");
	BAD("blob5\0hello", "type and a size");
	BAD("blop 5\0hello", "type and a size");
	BAD(" 5\0hello", "type and a size");
	BAD("", "type and a size");
	BAD("blob 99999999999999999999999999999999999999\0", "type and a size");
	is_bad(good, sizeof(good) - 1, 0, "x", "behind");
	for (size_t cut = 1; cut <= 20; cut++)
		is_bad(good, sizeof(good) - 1, cut, "", "too early");
	is_bad(good, sizeof(good) - 1, 12, "garbage and garbage", "");
	world_end();
}
END_TEST

START_TEST(large)
{
	struct buf plain = BUF_INIT, content = BUF_INIT;
	struct loose_info info;
	struct err err = ERR_INIT;
	size_t n = 300000;

	world_begin(&kinds[0]);
	run("mkdir 01");
	buf_addf(&plain, "blob %zu", n);
	buf_add_byte(&plain, 0);
	for (size_t i = 0; i < n; i++)
		buf_add_byte(&plain, (uint8_t)((i * 2654435761u) >> 13));
	put(plain.p, plain.n, 0, "");
	ck_assert_msg(get(n, &content, &info, &err) == 0, "%s", err.text);
	ck_assert(content.n == n && memcmp(content.p, plain.p + plain.n - n, n) == 0);
	ck_assert_int_eq(get(n - 1, &content, &info, &err), ERR_INPUT);
	ck_assert_uint_eq(content.n, n);
	/* Inflated, it would be the size that it does not admit. */
	memcpy(plain.p, "blob 100000", 11);
	put(plain.p, plain.n, 0, "");
	ck_assert_int_eq(get(n, &content, &info, &err), ERR_REPO);
	put(plain.p, plain.n, 1000, "");
	ck_assert_int_eq(get(n, &content, &info, &err), ERR_REPO);
	buf_free(&plain);
	buf_free(&content);
	world_end();
}
END_TEST

START_TEST(not_there)
{
	struct loose_info info;
	struct err err = ERR_INIT;
	struct oid id, got;
	bool found = true;

	world_begin(&kinds[0]);
	ck_assert(oid_parse(bytes_str(HEX), &id));
	ck_assert_int_eq(loose_read(world, &id, 9, &info, NULL, &found, &err), 0);
	ck_assert(!found && !loose_has(world, &id) && loose_count(world, "0123", &got) == 0);
	run("mkdir 01 && mkdir 01/23456789012345678901234567890123456789");
	ck_assert_int_eq(loose_read(world, &id, 9, &info, NULL, &found, &err), ERR_REPO);
	run("rmdir 01/*; mkfifo 01/23456789012345678901234567890123456789");
	ck_assert_int_eq(loose_read(world, &id, 9, &info, NULL, &found, &err), ERR_REPO);
	ck_assert_uint_eq(loose_count(world, "0123", &got), 1);
	ck_assert(oid_eq(&got, &id));
	run("touch 01/23456789012345678901234567890123456780 01/tmp_obj_x");
	ck_assert_uint_eq(loose_count(world, "0123", &got), 2);
	ck_assert_uint_eq(loose_count(world, "01234567890123456789012345678901234567", &got), 2);
	ck_assert_uint_eq(loose_count(world, "0124", &got), 0);
	world_end();
}
END_TEST

/* The same through the repository, whoever reads it: an error, and the next one is read. */
START_TEST(in_repository)
{
	const struct kind *k = &kinds[_i];
	struct oid cut, head;
	struct repo *r;

	world_begin(k);
	run("git init -q a && cd a && git commit -q --allow-empty -m x && "
	    "id=$(echo long and longer | git hash-object -w --stdin) && echo $id >id && "
	    "f=.git/objects/$(echo $id | sed 's,..,&/,') && chmod u+w $f && "
	    "cp $f whole && head -c 20 whole >$f");
	cut = id_of("cat a/id");
	head = id_of("git -C a rev-parse HEAD");
	r = open_at(k, "a");
	for (int again = 0; again < 2; again++) {
		struct buf b = BUF_INIT;
		struct err err = ERR_INIT;
		enum object_type type;

		ck_assert_int_eq(repo_read(r, &cut, 1000, &type, &b, &err), ERR_REPO);
		ck_assert_int_eq(repo_read(r, &head, 1000, &type, &b, &err), 0);
		buf_free(&b);
	}
	repo_close(r);
	world_end();
}
END_TEST

/* Objects of other repositories, as far as git goes; and revisions among them. */
START_TEST(alternates)
{
	const struct kind *k = &kinds[_i];
	struct oid id, want;
	struct err err = ERR_INIT;
	struct repo *r;

	world_begin(k);
	run("git init -q a && git -C a commit -q --allow-empty -m x && "
	    "git clone -q --shared a b && git clone -q --shared b c && "
	    "git init -q d && echo ../../../c/.git/objects >d/.git/objects/info/alternates && "
	    "echo '# x' >>d/.git/objects/info/alternates && "
	    "echo /nowhere >>d/.git/objects/info/alternates && "
	    "git -C d update-ref refs/heads/main $(git -C a rev-parse HEAD)");
	want = id_of("git -C a rev-parse HEAD");
	r = open_at(k, "d");
	ck_assert(repo_has(r, &want));
	ck_assert_msg(repo_resolve(r, "main", &id, &err) == 0 && oid_eq(&id, &want), "%s",
		      err.text);
	{
		char hex[OID_HEX_MAX];

		oid_hex(&want, hex);
		hex[9] = '\0';
		ck_assert_msg(repo_resolve(r, hex, &id, &err) == 0, "%s", err.text);
		ck_assert(oid_eq(&id, &want));
	}
	repo_close(r);
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("repo_loose");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, whole);
	tcase_add_test(tc, broken);
	tcase_add_test(tc, large);
	tcase_add_test(tc, not_there);
	tcase_add_loop_test(tc, in_repository, 0, N(kinds));
	tcase_add_loop_test(tc, alternates, 0, N(kinds));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
