/* The limit on a process's time: text, status, and that it comes through a busy loop. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/deadline.h"
#include "base/os.h"

/* Runs `child` with its standard error in a pipe; returns waitpid()'s status. */
static int run(void (*child)(void), struct buf *said)
{
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		child();
		_exit(99);
	}
	close(fds[1]);
	ck_assert_int_eq(os_read_all(fds[0], 4096, "pipe", said, NULL), 0);
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void spin(void)
{
	volatile unsigned x = 0;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL); /* as a parent may have left it */
	if (deadline_set(1, "time is over\n", 7, NULL))
		_exit(98);
	for (;;)
		x++;
}

/* Set again: the later one counts, and a pipe that nobody empties is no obstacle. */
static void stuck(void)
{
	static char text[8192];

	memset(text, 'x', sizeof(text));
	fcntl(2, F_SETFL, O_NONBLOCK);
	while (write(2, text, sizeof(text)) > 0)
		;
	fcntl(2, F_SETFL, 0);
	if (deadline_set(3600, "later\n", 8, NULL) || deadline_set(1, "sooner\n", 9, NULL))
		_exit(98);
	for (;;)
		pause();
}

START_TEST(busy)
{
	struct buf said = BUF_INIT;
	int status = run(spin, &said);

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 7);
	ck_assert_str_eq(buf_str(&said), "time is over\n");
	buf_free(&said);
}
END_TEST

START_TEST(nobody_reads)
{
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 2);
		stuck();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 9);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(too_long)
{
	char text[DEADLINE_TEXT_MAX + 2];
	struct err err = ERR_INIT;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(deadline_set(3600, text, 1, &err), ERR_INTERNAL);
	text[sizeof(text) - 2] = '\0';
	ck_assert_int_eq(deadline_set(3600, text, 1, &err), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_deadline");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, busy);
	tcase_add_test(t, nobody_reads);
	tcase_add_test(t, too_long);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
