/* The record's file: what is written stays, what is torn is cut off, what is damaged refuses. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/record_tools.h"

/* --- appending ----------------------------------------------------------------- */

START_TEST(empty_then_kept)
{
	const struct record_entry *e;
	struct record *r = opened();
	struct stat st;
	size_t n;

	ck_assert_uint_eq(entries_of(r), 0);
	ck_assert_ptr_null(record_note(r));
	ck_assert(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	ck_assert(stat(file, &st) == 0 && (st.st_mode & 07777) == 0600);
	append(r, "main", "refs/heads/main", 0, 1, false, 1234567890123);
	append(r, "", "refs/heads/a%b \xc3\xa4\x7f", 1, 0, true, -5);
	ck_assert_uint_eq(entries_of(r), 0);
	OK(record_commit(r, &err));
	ck_assert_uint_eq(entries_of(r), 2);
	record_close(r);

	r = opened();
	e = record_entries(r, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert(e[0].seq == 1 && e[0].state == RECORD_PENDING && e[0].received == 1234567890123);
	ck_assert(e[0].policy[0] == 0xab && e[0].policy[31] == 0xab && !e[0].forward);
	ck_assert_str_eq(e[0].rule, "main");
	ck_assert_str_eq(e[0].ref, "refs/heads/main");
	ck_assert_str_eq(e[0].who, "alice");
	ck_assert(oid_is_null(&e[0].old) && e[0].new_.b[19] == 1);
	ck_assert(e[1].seq == 2 && e[1].received == 0 && e[1].forward);
	ck_assert_str_eq(e[1].rule, "");
	ck_assert_str_eq(e[1].ref, "refs/heads/a%b \xc3\xa4\x7f");
	record_close(r);
}
END_TEST

/* Whose push it is stands in the record, and in what is put in its place. */
START_TEST(of_a_push)
{
	static const char word[] = "boot:1:2:3";
	struct record_entry bound = { .ref = xstrdup("refs/x"), .push = xstrdup(word) };
	const struct record_entry *e;
	struct buf text = BUF_INIT;
	struct record *r = opened();
	size_t n;

	record_append(r, &bound);
	append(r, "main", "refs/y", 0, 1, false, 1);
	OK(record_commit(r, &err));
	record_close(r);
	r = opened();
	e = record_entries(r, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(e[0].push, word);
	ck_assert(record_is_of(&e[0], word) && !record_is_of(&e[0], "boot:1:2:4"));
	ck_assert(!record_is_of(&e[0], NULL));
	ck_assert_str_eq(e[1].push, "");
	ck_assert(record_is_of(&e[1], word) && record_is_of(&e[1], NULL));
	OK(record_export(r, &text, &err));
	record_close(r);
	OK(record_parse("exported", buf_bytes(&text), &r, &err));
	e = record_entries(r, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(e[0].push, word);
	ck_assert_str_eq(e[1].push, "");
	record_close(r);
	buf_free(&text);
	free(bound.ref);
	free(bound.push);
}
END_TEST

/* Strings that the file's own marks stand for. */
START_TEST(odd_strings)
{
	static const char *const odd[] = { "-", "%", "%2D", "", " ", "\n", "a\tb", "\xff", "--" };
	const struct record_entry *e;
	struct record *r = opened();
	size_t n;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		append_by(r, odd[i], odd[i], "refs/x", 0, 1, false, 1);
	OK(record_commit(r, &err));
	record_close(r);
	r = opened();
	e = record_entries(r, &n);
	ck_assert_uint_eq(n, sizeof(odd) / sizeof(odd[0]));
	for (size_t i = 0; i < n; i++) {
		ck_assert_str_eq(e[i].rule, odd[i]);
		ck_assert_str_eq(e[i].who, odd[i]);
		ck_assert(oid_is_null(&e[i].old));
	}
	record_close(r);
}
END_TEST

START_TEST(not_committed)
{
	struct record *r = opened();

	append(r, "main", "refs/heads/main", 0, 1, false, 1);
	record_close(r);
	r = opened();
	ck_assert_uint_eq(entries_of(r), 0);
	OK(record_commit(r, &err)); /* nothing queued: nothing written */
	record_close(r);
	record_close(NULL);
}
END_TEST

/* --- what a crash leaves ---------------------------------------------------------- */

/* Every length that a torn last line can have. */
START_TEST(torn_at_each_byte)
{
	struct buf whole = BUF_INIT, now = BUF_INIT;
	struct record *r;
	size_t first;

	push(0, 1);
	read_back(&whole);
	first = whole.n;
	push(1, 2);
	read_back(&whole);
	for (size_t cut = first; cut <= whole.n; cut++) {
		bool torn = cut != first && cut != whole.n;

		write_back(bytes_of(whole.p, cut));
		r = opened();
		ck_assert_uint_eq(entries_of(r), cut == whole.n ? 2 : 1);
		ck_assert_msg(!record_note(r) == !torn, "cut at %zu", cut);
		ck_assert(!torn || strstr(record_note(r), "torn"));
		record_close(r);
		read_back(&now);
		ck_assert_uint_eq(now.n, cut == whole.n ? whole.n : first);
	}
	/* What was cut off is made up for: the numbers go on without a gap. */
	write_back(bytes_of(whole.p, whole.n - 3));
	push(1, 3);
	r = opened();
	ck_assert_uint_eq(entries_of(r), 2);
	ck_assert_ptr_null(record_note(r));
	record_close(r);
	buf_free(&whole);
	buf_free(&now);
}
END_TEST

/* Blocks that the disk never got read as zeros. */
static size_t count_read(void)
{
	struct record *r = NULL;
	size_t n;

	OK(record_read(dir, &r, &err));
	n = entries_of(r);
	record_close(r);
	return n;
}

/* Read beside one who writes: nothing is made, cut off or waited for. */
START_TEST(read_alone)
{
	struct buf whole = BUF_INIT, now = BUF_INIT;
	struct record *r, *other;
	struct stat st;
	size_t first;

	ck_assert_uint_eq(count_read(), 0);
	ck_assert(stat(dir, &st) < 0 && errno == ENOENT);
	push(0, 1);
	read_back(&whole);
	first = whole.n;
	push(1, 2);
	read_back(&whole);
	r = opened(); /* and locked */
	for (size_t cut = first; cut <= whole.n; cut++) {
		write_back(bytes_of(whole.p, cut));
		ck_assert_uint_eq(count_read(), cut == whole.n ? 2 : 1);
		read_back(&now);
		ck_assert_uint_eq(now.n, cut);
	}
	record_close(r);
	OK(record_read(dir, &other, &err));
	append(other, "main", "refs/heads/main", 2, 3, false, 1);
	FAILS(record_commit(other, &err), ERR_IO, "could not be written");
	record_close(other);
	whole.p[first - 40] ^= 1;
	write_back(buf_bytes(&whole));
	FAILS(record_read(dir, &other, &err), ERR_CONFIG, "damaged");
	chmod(file, 0622);
	FAILS(record_read(dir, &other, &err), ERR_CONFIG, "chmod");
	buf_free(&whole);
	buf_free(&now);
}
END_TEST

START_TEST(torn_zeros)
{
	struct buf whole = BUF_INIT;
	struct record *r;

	push(0, 1);
	read_back(&whole);
	for (int i = 0; i < 5000; i++)
		buf_add_byte(&whole, 0);
	for (int end = 0; end < 2; end++) {
		write_back(buf_bytes(&whole));
		r = opened();
		ck_assert_uint_eq(entries_of(r), 1);
		ck_assert_ptr_nonnull(record_note(r));
		record_close(r);
		buf_add_str(&whole, "alice 0123456789abcdef0123456789abcdef\n");
	}
	buf_free(&whole);
}
END_TEST

static void refused(const char *with)
{
	struct record *r = NULL;

	FAILS(record_open(dir, 1000, NULL, NULL, &r, &err), ERR_CONFIG, with);
	ck_assert_ptr_null(r);
}

/* One bit of any byte but the last newline, without which the last line is a torn one. */
START_TEST(damaged)
{
	struct buf whole = BUF_INIT, now = BUF_INIT;

	push(0, 1);
	push(1, 2);
	read_back(&whole);
	for (size_t i = 0; i + 1 < whole.n; i++) {
		whole.p[i] ^= 1;
		write_back(buf_bytes(&whole));
		refused(" of the record ");
		ck_assert_msg(strstr(err.text, "damaged") || strstr(err.text, "newer"), "%s",
			      err.text);
		read_back(&now);
		ck_assert(bytes_eq(buf_bytes(&now), buf_bytes(&whole))); /* left as it is */
		whole.p[i] ^= 1;
	}
	write_back(buf_bytes(&whole));
	record_close(opened());
	buf_free(&whole);
	buf_free(&now);
}
END_TEST

/* Lines taken out, moved, repeated: the sum of each holds the one before. */
START_TEST(rearranged)
{
	struct buf whole = BUF_INIT, other = BUF_INIT;
	struct bytes line[3];
	size_t at[4] = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		push(i, i + 1);
		read_back(&whole);
		at[i + 1] = whole.n;
	}
	for (int i = 0; i < 3; i++)
		line[i] = bytes_of(whole.p + at[i], at[i + 1] - at[i]);
	for (int i = 0; i < 4; i++) {
		static const int order[4][4] = {
			{ 0, 2, 1 }, { 1, 2, 0 }, { 0, 2, 2 }, { 0, 0, 1 }
		};

		buf_clear(&other);
		for (int k = 0; k < 3; k++)
			buf_add_bytes(&other, line[order[i][k]]);
		write_back(buf_bytes(&other));
		refused("damaged");
	}
	buf_free(&whole);
	buf_free(&other);
}
END_TEST

START_TEST(newer_version)
{
	push(0, 1);
	write_back(BYTES_LIT("v3 something that only later versions know\n"));
	refused("newer version");
	write_back(BYTES_LIT("v3 something\nv3 else"));
	refused("newer version");
}
END_TEST

/* --- who may write ------------------------------------------------------------------ */

START_TEST(writable_by_others)
{
	static const struct {
		mode_t dir, file;
		bool good;
	} t[] = {
		{ 0700, 0600, true },  { 0750, 0640, true },   { 0755, 0644, true },
		{ 0770, 0600, false }, { 0702, 0600, false },  { 0700, 0620, false },
		{ 0700, 0602, false }, { 01777, 0600, false },
	};

	push(0, 1);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ck_assert(chmod(file, t[i].file) == 0 && chmod(dir, t[i].dir) == 0);
		if (t[i].good)
			record_close(opened());
		else
			refused("chmod go-w");
	}
	ck_assert(chmod(file, 0600) == 0 && chmod(dir, 0700) == 0);
	/* The directory above is as good as the directory itself. */
	ck_assert_int_eq(chmod(top, 0777), 0);
	refused("chmod go-w");
	ck_assert_int_eq(chmod(top, 0700), 0);
}
END_TEST

START_TEST(not_ours)
{
	struct record *r = NULL;

	if (geteuid() != 0) {
		FAILS(record_open("/usr", 0, NULL, NULL, &r, &err), ERR_CONFIG, "belongs to user");
		return;
	}
	push(0, 1);
	ck_assert_int_eq(chown(file, 1, (gid_t)-1), 0);
	refused("belongs to user");
	ck_assert_int_eq(chown(file, 0, (gid_t)-1), 0);
	ck_assert_int_eq(chown(dir, 1, (gid_t)-1), 0);
	refused("belongs to user");
	ck_assert_int_eq(chown(dir, 0, (gid_t)-1), 0);
}
END_TEST

START_TEST(no_file_there)
{
	char *other = xasprintf("%s/other", top);

	push(0, 1);
	ck_assert_int_eq(rename(file, other), 0);
	ck_assert_int_eq(symlink(other, file), 0);
	refused("cannot open the record");
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(mkfifo(file, 0600), 0);
	refused("not a regular file");
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rename(other, file), 0);
	record_close(opened());
	free(other);
	/* A directory above that is missing is not made: it may be a disk not mounted. */
	free(dir);
	dir = xasprintf("%s/no/state", top);
	refused("cannot create");
}
END_TEST

/* --- the lock -------------------------------------------------------------------------- */

/* Runs `body` in a child, which has opened the record when this returns. */
static pid_t child_with_record(void (*body)(struct record *r, int fd), int *to_child)
{
	int up[2], down[2];
	char c;
	pid_t pid;

	ck_assert(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct record *r = NULL;

		close(up[0]);
		close(down[1]);
		if (record_open(dir, 5000, NULL, NULL, &r, NULL) || write(up[1], "x", 1) != 1)
			_exit(1);
		body(r, down[0]);
		_exit(0);
	}
	close(up[1]);
	close(down[0]);
	ck_assert_int_eq(read(up[0], &c, 1), 1);
	close(up[0]);
	*to_child = down[1];
	return pid;
}

/* Until the parent closes its end. */
static void hold(struct record *r, int fd)
{
	char c;

	append(r, "main", "refs/heads/main", 0, 7, false, 1);
	while (read(fd, &c, 1) > 0)
		;
	if (record_commit(r, NULL))
		_exit(1);
	record_close(r);
}

static void waited(void *ctx)
{
	close(*(int *)ctx); /* lets the holder go */
	*(int *)ctx = -1;
}

START_TEST(lock_waited_for)
{
	struct record *r = NULL;
	int to_child, status;
	pid_t pid = child_with_record(hold, &to_child);

	FAILS(record_open(dir, 100, NULL, NULL, &r, &err), ERR_IO, "another push");
	OK(record_open(dir, 30000, waited, &to_child, &r, &err));
	ck_assert_int_eq(to_child, -1);
	ck_assert_uint_eq(entries_of(r), 1); /* read after the other one wrote */
	record_close(r);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* Killed between judging and recording: the lock goes, and nothing is recorded. */
START_TEST(killed_before_commit)
{
	struct record *r;
	int to_child, status;
	pid_t pid = child_with_record(hold, &to_child);

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(to_child);
	r = opened();
	ck_assert_uint_eq(entries_of(r), 0);
	ck_assert_ptr_null(record_note(r));
	record_close(r);
}
END_TEST

/* The file is put back from a copy while somebody waits: the new one counts. */
static void replace(struct record *r, int fd)
{
	char *copy = xasprintf("%s.copy", file), c;
	int out = open(copy, O_WRONLY | O_CREAT, 0600);

	while (read(fd, &c, 1) > 0)
		;
	if (out < 0 || rename(copy, file))
		_exit(1);
	record_close(r);
}

START_TEST(replaced_while_waiting)
{
	struct record *r = NULL;
	int to_child, status;
	pid_t pid;

	push(0, 1);
	pid = child_with_record(replace, &to_child);
	OK(record_open(dir, 30000, waited, &to_child, &r, &err));
	ck_assert_uint_eq(entries_of(r), 0);
	record_close(r);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* --- a full disk ------------------------------------------------------------------------- */

/* At every size: all of the batch, or none of it, and the record goes on. */
START_TEST(disk_full)
{
	struct buf before = BUF_INIT, after = BUF_INIT;
	struct rlimit old, small;
	int rc = ERR_IO, failed = 0;

	push(0, 1);
	read_back(&before);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t room = 0; rc != 0; room += 37) {
		struct record *r = opened();

		small = (struct rlimit){ before.n + room, old.rlim_max };
		append(r, "main", "refs/heads/main", 1, 2, true, 1);
		append(r, "main", "refs/heads/main", 2, 3, true, 1);
		ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
		rc = record_commit(r, &err);
		ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
		ck_assert(rc == 0 || rc == ERR_IO);
		ck_assert_uint_eq(entries_of(r), rc ? 1 : 3);
		record_close(r);
		read_back(&after);
		ck_assert(rc == 0 || bytes_eq(buf_bytes(&after), buf_bytes(&before)));
		failed += rc != 0;
	}
	ck_assert_int_gt(failed, 5);
	push(3, 4);
	buf_free(&before);
	buf_free(&after);
}
END_TEST

/* Settling that cannot be written is no settling. */
static int value_one(const char *ref, struct oid *ret, void *ctx, struct err *e)
{
	(void)ref, (void)ctx, (void)e;
	*ret = id(1);
	return 0;
}

/* What is settled is nobody's to apply any more. */
START_TEST(landed_of_no_push)
{
	struct record_entry bound = { .ref = xstrdup("refs/x"), .push = xstrdup("boot:1:2:3") };
	struct buf text = BUF_INIT;
	struct record *r = opened();

	bound.new_ = id(1);
	record_append(r, &bound);
	OK(record_commit(r, &err));
	OK(record_settle(r, &any_time, value_one, NULL, &err));
	OK(record_export(r, &text, &err));
	ck_assert(!memmem(text.p, text.n, bound.push, strlen(bound.push)));
	record_close(r);
	OK(record_parse("exported", buf_bytes(&text), &r, &err));
	ck_assert_int_eq(record_entries(r, &(size_t){ 0 })[0].state, RECORD_LANDED);
	record_close(r);
	buf_free(&text);
	free(bound.ref);
	free(bound.push);
}
END_TEST

START_TEST(disk_full_when_settling)
{
	struct rlimit old, small;
	struct buf before = BUF_INIT;
	struct record *r;
	size_t n;

	push(0, 1);
	read_back(&before);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_IGN);
	small = (struct rlimit){ before.n + 10, old.rlim_max };
	r = opened();
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	FAILS(record_settle(r, &any_time, value_one, NULL, &err), ERR_IO, "cannot write");
	ck_assert_int_eq(record_entries(r, &n)[0].state, RECORD_PENDING);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	OK(record_settle(r, &any_time, value_one, NULL, &err));
	ck_assert_int_eq(record_entries(r, &n)[0].state, RECORD_LANDED);
	record_close(r);
	buf_free(&before);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("file");

	tcase_add_checked_fixture(tc, world_open, world_close);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, empty_then_kept);
	tcase_add_test(tc, of_a_push);
	tcase_add_test(tc, landed_of_no_push);
	tcase_add_test(tc, odd_strings);
	tcase_add_test(tc, not_committed);
	tcase_add_test(tc, torn_at_each_byte);
	tcase_add_test(tc, read_alone);
	tcase_add_test(tc, torn_zeros);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, rearranged);
	tcase_add_test(tc, newer_version);
	tcase_add_test(tc, writable_by_others);
	tcase_add_test(tc, not_ours);
	tcase_add_test(tc, no_file_there);
	tcase_add_test(tc, lock_waited_for);
	tcase_add_test(tc, killed_before_commit);
	tcase_add_test(tc, replaced_while_waiting);
	tcase_add_test(tc, disk_full);
	tcase_add_test(tc, disk_full_when_settling);
	return run_suite("record_file", tc);
}
