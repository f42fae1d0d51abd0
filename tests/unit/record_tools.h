/* For the tests of record/: a state directory, entries, and the file's bytes. */
#ifndef GH_TESTS_RECORD_TOOLS_H
#define GH_TESTS_RECORD_TOOLS_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "record/record.h"

#define OK(x) ck_assert_msg((x) == 0, "%s: %s", #x, err.text)
#define FAILS(x, code_, with)                                                           \
	do {                                                                            \
		int rc_ = (x);                                                          \
		ck_assert_msg(rc_ == (code_), "%s: %d %s", #x, rc_, err.text);          \
		ck_assert_msg(strstr(err.text, with), "no \"%s\": %s", with, err.text); \
	} while (0)

static char *top, *dir, *file; /* of the test; the state directory in it; its record */
static struct err err;

static void world_open(void)
{
	char name[] = "/tmp/gh-record.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	top = xstrdup(name);
	dir = xasprintf("%s/state", top);
	file = xasprintf("%s/record", dir);
	err = (struct err)ERR_INIT;
	umask(077);
}

static void world_close(void)
{
	unlink(file);
	rmdir(dir);
	rmdir(top);
	free(file);
	free(dir);
	free(top);
}

/* The id 0...0N, or none for 0. */
static inline struct oid id(unsigned n)
{
	struct oid o = { .n = 20 };

	for (int i = 0; i < 4; i++)
		o.b[19 - i] = (uint8_t)(n >> 8 * i);
	return o;
}

/* However long ago it was received. */
static const struct record_awaited any_time = { 0, 0 };

static inline struct record *opened(void)
{
	struct record *r = NULL;

	OK(record_open(dir, 5000, NULL, NULL, &r, &err));
	ck_assert_ptr_nonnull(r);
	return r;
}

static inline void append_by(struct record *r, const char *who, const char *rule, const char *ref,
			     unsigned old, unsigned new_, bool forward, int64_t received)
{
	struct record_entry e = {
		.received = received,
		.rule = xstrdup(rule),
		.ref = xstrdup(ref),
		.old = id(old),
		.new_ = id(new_),
		.forward = forward,
		.who = xstrdup(who),
	};

	memset(e.policy, 0xab, sizeof(e.policy));
	record_append(r, &e);
	free(e.rule);
	free(e.ref);
	free(e.who);
}

static inline void append(struct record *r, const char *rule, const char *ref, unsigned old,
			  unsigned new_, bool forward, int64_t received)
{
	append_by(r, "alice", rule, ref, old, new_, forward, received);
}

static inline size_t entries_of(const struct record *r)
{
	size_t n;

	record_entries(r, &n);
	return n;
}

/* Opens, appends one update of refs/heads/main and commits it. */
static inline void push(unsigned old, unsigned new_)
{
	struct record *r = opened();

	append(r, "main", "refs/heads/main", old, new_, true, 1000);
	OK(record_commit(r, &err));
	record_close(r);
}

static inline void read_back(struct buf *out)
{
	buf_clear(out);
	OK(os_file_read(file, OS_FILE_ANY, 64 << 20, out, &err));
}

static inline void write_back(struct bytes v)
{
	int fd = open(file, O_WRONLY | O_TRUNC);

	ck_assert_int_ge(fd, 0);
	OK(os_write_all(fd, v, file, &err));
	close(fd);
}

static inline int run_suite(const char *name, TCase *tc)
{
	Suite *s = suite_create(name);
	SRunner *sr;
	int failed;

	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}

#endif
