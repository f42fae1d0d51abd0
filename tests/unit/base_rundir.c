/* base: the directory of sockets and locks, and who may stand behind it. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rundir.h"

static char *top; /* XDG_RUNTIME_DIR */
static char *ours;

static void setup(void)
{
	char name[] = "/tmp/gh-rundir.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	top = xstrdup(name);
	ours = xasprintf("%s/gitsign-hsm", top);
	setenv("XDG_RUNTIME_DIR", top, 1);
}

static void teardown(void)
{
	_cleanup_free_ char *command = xasprintf("rm -rf '%s'", top);

	ck_assert_int_eq(system(command), 0);
	free(top);
	free(ours);
}

static int find(bool create, struct err *e)
{
	struct buf b = BUF_INIT;
	int r = rundir_path(create, &b, e);

	if (r == 0)
		ck_assert_str_eq(buf_str(&b), ours);
	buf_free(&b);
	return r;
}

START_TEST(made_when_wanted)
{
	struct err e = ERR_INIT;
	struct stat st;

	ck_assert_int_eq(find(false, &e), ERR_IO);
	ck_assert_int_eq(find(true, &e), 0);
	ck_assert_int_eq(stat(ours, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(find(false, &e), 0);
}
END_TEST

START_TEST(unsafe_is_refused)
{
	struct err e = ERR_INIT;
	int fd;

	ck_assert_int_eq(mkdir(ours, 0700), 0);
	ck_assert_int_eq(chmod(ours, 0750), 0);
	ck_assert_int_eq(find(true, &e), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "0700"));
	ck_assert_int_eq(rundir_lock("l", 0, &fd, &e), ERR_CONFIG);
	ck_assert_int_eq(rundir_listen("s", &fd, &e), ERR_CONFIG);
	ck_assert_int_eq(rundir_connect("s", &fd, &e), ERR_CONFIG);
	ck_assert_int_eq(rmdir(ours), 0);
	ck_assert_int_eq(symlink("/tmp", ours), 0);
	ck_assert_int_eq(find(true, &e), ERR_CONFIG);
	ck_assert_int_eq(unlink(ours), 0);
	fd = open(ours, O_CREAT | O_WRONLY, 0700);
	close(fd);
	ck_assert_int_eq(find(true, &e), ERR_CONFIG);
}
END_TEST

/* A directory that others may write to is no place for it. */
START_TEST(an_open_parent_is_not_used)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;

	ck_assert_int_eq(chmod(top, 0777), 0);
	(void)rundir_path(true, &b, &e);
	ck_assert_ptr_null(strstr(buf_str(&b), top));
	buf_free(&b);
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	(void)rundir_path(true, &b, &e);
	ck_assert_ptr_null(strstr(buf_str(&b), "relative"));
	buf_free(&b);
}
END_TEST

START_TEST(locks)
{
	_cleanup_free_ char *path = xasprintf("%s/l", ours);
	struct err e = ERR_INIT;
	int one = -1, two = -1;

	ck_assert_int_eq(rundir_lock("l", 0, &one, &e), 0);
	ck_assert_int_ge(one, 0);
	ck_assert_int_eq(rundir_lock("l", 0, &two, &e), 0);
	ck_assert_int_eq(two, -1);
	ck_assert_int_eq(rundir_lock("l", 60, &two, &e), 0);
	ck_assert_int_eq(two, -1);
	ck_assert_int_eq(rundir_lock("other", 0, &two, &e), 0);
	ck_assert_int_ge(two, 0);
	close(two);
	close(one);
	ck_assert_int_eq(rundir_lock("l", 0, &two, &e), 0);
	ck_assert_int_ge(two, 0);
	close(two);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("/tmp/gh-elsewhere", path), 0);
	ck_assert_int_eq(rundir_lock("l", 0, &two, &e), ERR_IO);
}
END_TEST

START_TEST(sockets)
{
	struct err e = ERR_INIT;
	int listener, client, other, third;
	struct rundir_file file, then;
	struct stat st;

	ck_assert_int_eq(rundir_connect("s", &client, &e), ERR_IO);
	ck_assert_int_eq(rundir_listen("s", &listener, &e), 0);
	ck_assert_int_eq(rundir_connect("s", &client, &e), 0);
	ck_assert(rundir_peer_ours(client));
	ck_assert(!rundir_peer_ours(STDIN_FILENO));
	close(client);
	/* in the place of one that is gone, or was killed */
	close(listener);
	ck_assert_int_eq(rundir_connect("s", &client, &e), ERR_IO);
	ck_assert_int_eq(rundir_listen("s", &other, &e), 0);
	ck_assert_int_eq(rundir_connect("s", &client, &e), 0);
	close(client);
	ck_assert(rundir_has("s"));
	file = rundir_file("s");
	ck_assert(file.number != 0 && stat("/proc", &st) == 0 && file.device != st.st_dev);
	ck_assert_int_eq(rundir_listen("s", &third, &e), 0);
	then = rundir_file("s");
	ck_assert(then.number != 0 && then.number != file.number && then.device == file.device);
	close(third);
	rundir_remove("s");
	ck_assert(!rundir_has("s"));
	ck_assert(rundir_file("s").number == 0);
	ck_assert_int_eq(rundir_connect("s", &client, &e), ERR_IO);
	close(other);
}
END_TEST

/* Whoever listens and is stopped takes nobody out of the queue. */
START_TEST(a_full_queue_is_not_waited_for)
{
	struct err e = ERR_INIT;
	int fds[512], listener, n = 0;

	ck_assert_int_eq(rundir_listen("s", &listener, &e), 0);
	while (n < 512 && rundir_connect("s", &fds[n], &e) == 0)
		n++;
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, 512);
	ck_assert_int_eq(e.code, ERR_IO);
	while (n > 0)
		close(fds[--n]);
	close(listener);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_rundir");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, made_when_wanted);
	tcase_add_test(t, unsafe_is_refused);
	tcase_add_test(t, an_open_parent_is_not_used);
	tcase_add_test(t, locks);
	tcase_add_test(t, sockets);
	tcase_add_test(t, a_full_queue_is_not_waited_for);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
