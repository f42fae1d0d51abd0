/* The serial of a policy only grows, whatever happens to the file that remembers it. */
#include "record/serial.h"
#include "tests/unit/record_tools.h"

static const uint8_t one[32] = { 1 }, two[32] = { 2 };
static char *serial_file;

static void begin(void)
{
	world_open();
	OK(mkdir(dir, 0700));
	serial_file = xasprintf("%s/policy-serial", dir);
}

static void end(void)
{
	unlink(serial_file);
	free(serial_file);
	world_close();
}

START_TEST(grows)
{
	begin();
	OK(record_serial_check(dir, 12, one, &err)); /* and remembers nothing */
	ck_assert_int_ne(access(serial_file, F_OK), 0);
	OK(record_serial_keep(dir, 12, one, &err));
	OK(record_serial_keep(dir, 12, one, &err));
	FAILS(record_serial_keep(dir, 12, two, &err), ERR_CONFIG, "write serial = 13");
	FAILS(record_serial_keep(dir, 11, one, &err), ERR_CONFIG,
	      "has serial 11, but serial 12 was in force already");
	FAILS(record_serial_keep(dir, 0, one, &err), ERR_CONFIG, "give this one serial = 13");
	FAILS(record_serial_check(dir, 11, one, &err), ERR_CONFIG, "in force already");
	OK(record_serial_check(dir, 13, two, &err));
	OK(record_serial_keep(dir, 12, one, &err));
	OK(record_serial_keep(dir, 13, two, &err));
	FAILS(record_serial_keep(dir, 12, one, &err), ERR_CONFIG, "in force already");
	OK(record_serial_keep(dir, INT64_MAX - 1, two, &err));
	FAILS(record_serial_keep(dir, INT64_MAX - 2, two, &err), ERR_CONFIG, "in force already");
	end();
}
END_TEST

/* Without a serial nothing is promised. */
START_TEST(without)
{
	begin();
	OK(record_serial_keep(dir, 0, one, &err));
	OK(record_serial_keep(dir, 0, two, &err));
	ck_assert_int_ne(access(serial_file, F_OK), 0);
	OK(record_serial_keep(dir, 1, two, &err));
	FAILS(record_serial_keep(dir, 0, two, &err), ERR_CONFIG, "serial 1 was in force");
	end();
}
END_TEST

/* Every byte changed, the end cut off, bytes behind it: never another serial. */
START_TEST(damage)
{
	struct buf text = BUF_INIT;

	begin();
	OK(record_serial_keep(dir, 12, one, &err));
	OK(os_file_read(serial_file, OS_FILE_SECRET, 4096, &text, &err));
	for (size_t i = 0; i < text.n; i++) {
		text.p[i] ^= 1;
		OK(os_file_replace(serial_file, buf_bytes(&text), 0600, &err));
		FAILS(record_serial_keep(dir, 13, two, &err), ERR_CONFIG, "then remove that file");
		text.p[i] ^= 1;
		OK(os_file_replace(serial_file, bytes_of(text.p, i), 0600, &err));
		FAILS(record_serial_keep(dir, 13, two, &err), ERR_CONFIG, "then remove that file");
	}
	buf_add_byte(&text, '\n');
	OK(os_file_replace(serial_file, buf_bytes(&text), 0600, &err));
	FAILS(record_serial_keep(dir, 12, one, &err), ERR_CONFIG, "then remove that file");
	text.n--;
	OK(os_file_replace(serial_file, buf_bytes(&text), 0622, &err));
	FAILS(record_serial_keep(dir, 12, one, &err), ERR_CONFIG, "policy-serial");
	OK(os_file_replace(serial_file, buf_bytes(&text), 0600, &err));
	OK(record_serial_keep(dir, 12, one, &err));
	buf_free(&text);
	end();
}
END_TEST

/* What cannot be looked at is not the same as what is not there. */
START_TEST(unreadable)
{
	begin();
	OK(symlink("policy-serial", serial_file));
	FAILS(record_serial_check(dir, 1, one, &err), ERR_CONFIG, "policy-serial");
	FAILS(record_serial_keep(dir, 1, one, &err), ERR_CONFIG, "policy-serial");
	unlink(serial_file);
	OK(record_serial_keep(dir, 1, one, &err));
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("record_serial");
	TCase *t = tcase_create("serial");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, grows);
	tcase_add_test(t, without);
	tcase_add_test(t, damage);
	tcase_add_test(t, unreadable);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
