/* The record as text: written out, read back strictly, put in another's place. */
#include <dirent.h>

#include "tests/unit/record_tools.h"

static void fill(void)
{
	struct record *r = opened();

	append(r, "main", "refs/heads/main", 0, 1, false, 1000);
	append(r, "main", "refs/heads/main", 1, 2, true, 1001);
	append_by(r, "-", "", "refs/heads/a b%", 3, 0, false, 1002);
	OK(record_commit(r, &err));
	record_close(r);
}

static int at_two(const char *ref, struct oid *ret, void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	*ret = strcmp(ref, "refs/heads/main") ? id(3) : id(2);
	return 0;
}

static void settle(void)
{
	struct record *r = opened();

	OK(record_settle(r, &any_time, at_two, NULL, &err));
	record_close(r);
}

static void export(struct buf *out)
{
	struct record *r = opened();

	buf_clear(out);
	OK(record_export(r, out, &err));
	record_close(r);
}

START_TEST(there_and_back)
{
	struct buf text = BUF_INIT, again = BUF_INIT;
	const struct record_entry *v;
	struct record *r;
	size_t n;

	world_open();
	fill();
	settle();
	export(&text);
	OK(record_parse("x", buf_bytes(&text), &r, &err));
	v = record_entries(r, &n);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(v[0].state, RECORD_DROPPED);
	ck_assert_int_eq(v[1].state, RECORD_LANDED);
	ck_assert_int_eq(v[2].state, RECORD_PENDING);
	ck_assert_str_eq(v[2].ref, "refs/heads/a b%");
	ck_assert_str_eq(v[2].who, "-");
	OK(record_export(r, &again, &err));
	ck_assert(bytes_eq(buf_bytes(&text), buf_bytes(&again)));
	/* It stands in memory alone. */
	append(r, "main", "refs/heads/main", 2, 3, true, 1003);
	FAILS(record_commit(r, &err), ERR_IO, "could not be written");
	record_close(r);
	buf_free(&text);
	buf_free(&again);
	world_close();
}
END_TEST

START_TEST(strict)
{
	struct buf text = BUF_INIT;
	struct record *r = NULL;

	world_open();
	fill();
	export(&text);
	FAILS(record_parse("x", bytes_of(text.p, text.n - 1), &r, &err), ERR_CONFIG, "line 3");
	text.p[text.n - 40] ^= 1;
	FAILS(record_parse("x", buf_bytes(&text), &r, &err), ERR_CONFIG, "line 3");
	text.p[text.n - 40] = 0; /* no crash is excused */
	FAILS(record_parse("x", buf_bytes(&text), &r, &err), ERR_CONFIG, "line 3");
	ck_assert_ptr_null(r);
	OK(record_parse("x", BYTES_NONE, &r, &err));
	ck_assert_uint_eq(entries_of(r), 0);
	record_close(r);
	buf_free(&text);
	world_close();
}
END_TEST

static size_t files(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void remove_kept(const char *kept)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, kept);

	ck_assert_int_eq(unlink(path), 0);
}

START_TEST(another_in_its_place)
{
	struct record_entry e[2] = {
		{ .state = RECORD_LANDED,
		  .received = 5,
		  .seq = 77,
		  .rule = xstrdup("r"),
		  .ref = xstrdup("refs/heads/new"),
		  .new_ = id(9),
		  .who = xstrdup("bob") },
		{ .state = RECORD_PENDING,
		  .received = 6,
		  .rule = xstrdup(""),
		  .ref = xstrdup("refs/heads/b"),
		  .new_ = id(8),
		  .who = xstrdup("") },
	};
	_cleanup_free_ char *kept = NULL;
	const struct record_entry *v;
	struct record *r, *waiting;
	struct buf before = BUF_INIT, now = BUF_INIT;
	struct err damage;
	size_t n;

	world_open();
	fill();
	read_back(&before);
	OK(record_take(dir, 1000, &r, &damage, &err));
	ck_assert_int_eq(damage.code, 0);
	ck_assert_uint_eq(entries_of(r), 3);
	FAILS(record_open(dir, 0, NULL, NULL, &waiting, &err), ERR_IO, "another push");
	OK(record_replace(r, dir, e, 2, &kept, &err));
	ck_assert_ptr_nonnull(kept);
	append(r, "main", "refs/heads/main", 2, 3, true, 1003);
	FAILS(record_commit(r, &err), ERR_IO, "could not be written");
	record_close(r);

	r = opened();
	v = record_entries(r, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(v[0].seq, 1);
	ck_assert_int_eq(v[0].state, RECORD_LANDED);
	ck_assert_str_eq(v[0].ref, "refs/heads/new");
	ck_assert_int_eq(v[1].state, RECORD_PENDING);
	record_close(r);
	ck_assert_uint_eq(files(), 2);
	free(file);
	file = xasprintf("%s/%s", dir, kept);
	read_back(&now);
	ck_assert(bytes_eq(buf_bytes(&before), buf_bytes(&now)));
	remove_kept(kept);
	free(file);
	file = xasprintf("%s/record", dir);
	for (size_t i = 0; i < 2; i++) {
		free(e[i].rule);
		free(e[i].ref);
		free(e[i].who);
	}
	buf_free(&before);
	buf_free(&now);
	world_close();
}
END_TEST

/* Whoever waited for the old file finds the new one. */
START_TEST(in_the_place_of_a_damaged_one)
{
	_cleanup_free_ char *kept = NULL, *none = NULL;
	struct record *r;
	struct err damage;

	world_open();
	OK(record_take(dir, 1000, &r, &damage, &err));
	OK(record_replace(r, dir, NULL, 0, &none, &err));
	ck_assert_ptr_null(none); /* nothing was there to keep */
	record_close(r);
	write_back(bytes_str("junk\n"));
	FAILS(record_open(dir, 1000, NULL, NULL, &r, &err), ERR_CONFIG, "damaged");
	OK(record_take(dir, 1000, &r, &damage, &err));
	ck_assert_int_eq(damage.code, ERR_CONFIG);
	ck_assert_uint_eq(entries_of(r), 0);
	OK(record_replace(r, dir, NULL, 0, &kept, &err));
	record_close(r);
	remove_kept(kept);
	push(1, 2);
	r = opened();
	ck_assert_uint_eq(entries_of(r), 1);
	record_unlock(r);
	push(2, 3); /* the lock is free */
	append(r, "main", "refs/heads/main", 2, 3, true, 1003);
	FAILS(record_commit(r, &err), ERR_IO, "could not be written");
	record_close(r);
	world_close();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("replace");

	tcase_add_test(tc, there_and_back);
	tcase_add_test(tc, strict);
	tcase_add_test(tc, another_in_its_place);
	tcase_add_test(tc, in_the_place_of_a_damaged_one);
	return run_suite("record_replace", tc);
}
