/* base: files, trust in paths, standard descriptors, child processes. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/proc.h"

static char dir[PATH_MAX];
static struct buf out;
static struct err err;

static void setup(void)
{
	char name[] = "/tmp/gh-os.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	ck_assert_ptr_nonnull(realpath(name, dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(setenv("HOME", dir, 1), 0);
	umask(077);
	buf_clear(&out);
}

static void teardown(void)
{
	const char *argv[] = { "rm", "-rf", dir, NULL };
	int status = 0;

	(void)!chdir("/");
	proc_run(argv, NULL, NULL, &status, &err);
	buf_free(&out);
}

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

#define OK(x) ck_assert_msg((x) == 0, "%s: %s", #x, err.text)
#define FAILS(x, code, with)                                                   \
	do {                                                                   \
		int rc_ = (x);                                                 \
		ck_assert_msg(rc_ == (code), "%s: %d %s", #x, rc_, err.text);  \
		ck_assert_msg(strstr(err.text, with), "%s: %s", #x, err.text); \
	} while (0)

/* --- files -------------------------------------------------------------------- */

START_TEST(reading)
{
	put("f", "content", 0644);
	OK(os_file_read("f", OS_FILE_TRUSTED, 7, &out, &err));
	ck_assert_str_eq(buf_str(&out), "content");
	FAILS(os_file_read("f", OS_FILE_ANY, 6, &out, &err), ERR_INPUT, "more than 6 bytes");
	ck_assert_uint_eq(out.n, 7); /* as it was */
	OK(os_file_read("f", OS_FILE_ANY, 1000, &out, &err));
	ck_assert_str_eq(buf_str(&out), "contentcontent");
	put("empty", "", 0644);
	OK(os_file_read("empty", OS_FILE_ANY, 0, &out, &err));
	FAILS(os_file_read("gone", OS_FILE_ANY, 9, &out, &err), ERR_CONFIG, "No such file");
	FAILS(os_file_read("f/x", OS_FILE_ANY, 9, &out, &err), ERR_CONFIG, "f/x");
	FAILS(os_file_read("a\nb", OS_FILE_ANY, 9, &out, &err), ERR_CONFIG, "a\\x0ab");
}
END_TEST

START_TEST(reading_much)
{
	struct buf big = BUF_INIT;

	for (size_t i = 0; i < 300000; i++)
		buf_add_byte(&big, (uint8_t)('a' + i % 26));
	put("big", buf_str(&big), 0644);
	OK(os_file_read("big", OS_FILE_ANY, 300000, &out, &err));
	ck_assert(bytes_eq(buf_bytes(&out), buf_bytes(&big)));
	FAILS(os_file_read("big", OS_FILE_ANY, 299999, &out, &err), ERR_INPUT, "big");
	buf_free(&big);
}
END_TEST

/* What is no file must neither hang nor be read. */
START_TEST(reading_odd)
{
	mkfifo("fifo", 0600);
	FAILS(os_file_read("fifo", OS_FILE_ANY, 9, &out, &err), ERR_CONFIG, "not a regular file");
	FAILS(os_file_read(".", OS_FILE_ANY, 9, &out, &err), ERR_CONFIG, "not a regular file");
	FAILS(os_file_read("/dev/zero", OS_FILE_ANY, 9, &out, &err), ERR_CONFIG, "regular");
	put("f", "x", 0600);
	ck_assert_int_eq(symlink("f", "link"), 0);
	OK(os_file_read("link", OS_FILE_SECRET, 9, &out, &err));
}
END_TEST

START_TEST(file_rules)
{
	static const struct {
		mode_t mode;
		bool trusted, secret;
	} v[] = {
		{ 0600, true, true },   { 0400, true, true },   { 0644, true, false },
		{ 0640, true, false },  { 0700, true, false },  { 0660, false, false },
		{ 0602, false, false }, { 0666, false, false }, { 0604, true, false },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		put("f", "x", 0600);
		ck_assert_int_eq(chmod("f", v[i].mode), 0);
		OK(os_file_read("f", OS_FILE_ANY, 9, &out, &err));
		if (v[i].trusted)
			OK(os_file_read("f", OS_FILE_TRUSTED, 9, &out, &err));
		else
			FAILS(os_file_read("f", OS_FILE_TRUSTED, 9, &out, &err), ERR_CONFIG,
			      "chmod go-w f");
		if (v[i].secret)
			OK(os_file_read("f", OS_FILE_SECRET, 9, &out, &err));
		else
			FAILS(os_file_read("f", OS_FILE_SECRET, 9, &out, &err), ERR_CONFIG,
			      "chmod 600 f");
		unlink("f");
	}
	if (geteuid() != 0)
		return;
	put("f", "x", 0600);
	ck_assert_int_eq(chown("f", 12345, (gid_t)-1), 0);
	FAILS(os_file_read("f", OS_FILE_TRUSTED, 9, &out, &err), ERR_CONFIG, "12345");
	FAILS(os_file_read("f", OS_FILE_SECRET, 9, &out, &err), ERR_CONFIG, "chown 0 f");
}
END_TEST

START_TEST(replacing)
{
	struct stat st;

	put("f", "old", 0600);
	OK(os_file_replace("f", BYTES_LIT("new\0x"), 0640, &err));
	OK(os_file_read("f", OS_FILE_ANY, 9, &out, &err));
	ck_assert_uint_eq(out.n, 5);
	ck_assert_int_eq(stat("f", &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	FAILS(os_file_replace("no/f", BYTES_LIT("x"), 0600, &err), ERR_IO, "no/f: its directory");
	/* A failure leaves what was there, and nothing beside it. */
	mkdir("d", 0700);
	FAILS(os_file_replace("d", BYTES_LIT("x"), 0600, &err), ERR_IO, "cannot replace d");
	ck_assert_int_eq(system("test \"$(ls)\" = \"d\nf\""), 0);
}
END_TEST

START_TEST(replacing_full)
{
	struct rlimit limit = { 4, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	put("f", "old", 0600);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	FAILS(os_file_replace("f", BYTES_LIT("much longer"), 0600, &err), ERR_IO, "cannot write");
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	OK(os_file_read("f", OS_FILE_ANY, 9, &out, &err));
	ck_assert_str_eq(buf_str(&out), "old");
	ck_assert_int_eq(system("test \"$(ls)\" = f"), 0);
}
END_TEST

START_TEST(pipes)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	OK(os_write_all(fds[1], BYTES_LIT("abc"), "pipe", &err));
	close(fds[1]);
	OK(os_read_all(fds[0], 3, "pipe", &out, &err));
	ck_assert_str_eq(buf_str(&out), "abc");
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	FAILS(os_write_all(fds[1], BYTES_LIT("abc"), "pipe", &err), ERR_IO, "Broken pipe");
	close(fds[1]);
	FAILS(os_read_all(fds[0], 3, "pipe", &out, &err), ERR_IO, "pipe");
}
END_TEST

/* Of every size around the rooms that are made for it; one byte more than is let in, too. */
START_TEST(reading_sizes)
{
	static const size_t sizes[] = { 1, 63, 16383, 16384, 16385, 40000, 200000 };
	size_t n = sizes[_i];
	char *text = xcalloc(n, 1);

	memset(text, 'x', n);
	text[n - 1] = 'y';
	for (int piped = 0; piped < 2; piped++) {
		for (size_t less = 0; less < 2; less++) {
			int fds[2];
			pid_t pid;

			ck_assert_int_eq(pipe(fds), 0);
			pid = fork();
			if (pid == 0) {
				close(fds[0]);
				_exit(os_write_all(fds[1], bytes_of(text, n), "it", NULL) != 0);
			}
			close(fds[1]);
			if (!piped) {
				close(fds[0]);
				fds[0] = open("sized", O_RDWR | O_CREAT | O_TRUNC, 0600);
				OK(os_write_all(fds[0], bytes_of(text, n), "it", &err));
				ck_assert_int_eq(lseek(fds[0], 0, SEEK_SET), 0);
			}
			buf_clear(&out);
			if (less)
				FAILS(os_read_all(fds[0], n - 1, "it", &out, &err), ERR_INPUT,
				      "more than");
			else
				OK(os_read_all(fds[0], n, "it", &out, &err));
			ck_assert(less ? out.n == 0 : bytes_eq(buf_bytes(&out), bytes_of(text, n)));
			close(fds[0]);
			waitpid(pid, NULL, 0);
		}
	}
	free(text);
}
END_TEST

/* --- trust in paths --------------------------------------------------------------- */

START_TEST(trusted_paths)
{
	uid_t we = geteuid();

	mkdir("a", 0755);
	mkdir("a/b", 0700);
	put("a/b/f", "x", 0644);
	OK(os_path_trusted("a/b/f", we, &err));
	OK(os_path_trusted("./a//b/../b/f", we, &err));
	OK(os_path_trusted("a/b/", we, &err));
	OK(os_path_trusted("/", we, &err));
	OK(os_path_trusted("/usr/bin/env", we, &err));
	FAILS(os_path_trusted("a/gone", we, &err), ERR_CONFIG, "a/gone");
	FAILS(os_path_trusted("a/b/f/x", we, &err), ERR_CONFIG, "a/b/f/x");

	chmod("a/b/f", 0664);
	FAILS(os_path_trusted("a/b/f", we, &err), ERR_CONFIG, "/a/b/f'");
	chmod("a/b/f", 0600);
	chmod("a", 0777);
	FAILS(os_path_trusted("a/b/f", we, &err), ERR_CONFIG, "/a'");
	ck_assert_ptr_nonnull(strstr(err.text, "chmod go-w"));
	chmod("a", 01777); /* sticky: what is ours there stays ours */
	OK(os_path_trusted("a/b/f", we, &err));
	FAILS(os_path_trusted("a", we, &err), ERR_CONFIG, "/a'"); /* but not what is in it */
	chmod("a", 0775);
	FAILS(os_path_trusted("a/b/f", we, &err), ERR_CONFIG, "0775");
}
END_TEST

/* Every step of a link counts, not only where it ends. */
START_TEST(trusted_links)
{
	uid_t we = geteuid();

	mkdir("open", 0700);
	mkdir("safe", 0700);
	put("safe/f", "x", 0600);
	ck_assert_int_eq(symlink("../safe", "open/link"), 0);
	OK(os_path_trusted("open/link/f", we, &err));
	chmod("open", 0777);
	FAILS(os_path_trusted("open/link/f", we, &err), ERR_CONFIG, "/open'");
	ck_assert_int_eq(symlink("open/link/f", "hop"), 0);
	FAILS(os_path_trusted("hop", we, &err), ERR_CONFIG, "/open'");
	chmod("open", 0700);
	OK(os_path_trusted("hop", we, &err));
	/* where the link ends */
	chmod("safe", 0777);
	FAILS(os_path_trusted("hop", we, &err), ERR_CONFIG, "/safe'");
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	FAILS(os_path_trusted("loop", we, &err), ERR_CONFIG, "too many links");
	ck_assert_int_eq(symlink("/usr/bin/env", "abs"), 0);
	OK(os_path_trusted("abs", we, &err));
}
END_TEST

START_TEST(trusted_owner)
{
	mkdir("a", 0755);
	put("a/f", "x", 0644);
	if (geteuid() != 0) {
		FAILS(os_path_trusted("a/f", geteuid() + 1, &err), ERR_CONFIG, "chown");
		return;
	}
	OK(os_path_trusted("a/f", 12345, &err)); /* root's is everybody's */
	ck_assert_int_eq(chown("a/f", 12345, (gid_t)-1), 0);
	OK(os_path_trusted("a/f", 12345, &err));
	FAILS(os_path_trusted("a/f", 12346, &err), ERR_CONFIG, "chown 12346 '");
	ck_assert_int_eq(symlink("a/f", "l"), 0);
	ck_assert_int_eq(lchown("l", 12345, (gid_t)-1), 0);
	FAILS(os_path_trusted("l", 12346, &err), ERR_CONFIG, "chown -h 12346 '");
}
END_TEST

/* --- the start, standard descriptors ------------------------------------------------ */

START_TEST(starting)
{
	struct rlimit limit;
	struct stat st;
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		close(0);
		close(1);
		close(2);
		os_start();
		getrlimit(RLIMIT_CORE, &limit);
		raise(SIGPIPE);
		_exit(fstat(0, &st) == 0 && S_ISCHR(st.st_mode) && fstat(1, &st) == 0 &&
				      read(0, &st, 1) < 0 && write(1, "x", 1) < 0 &&
				      write(2, "x", 1) < 0 && limit.rlim_max == 0 &&
				      prctl(PR_GET_DUMPABLE) == 0 && umask(0) == 077
			      ? 0
			      : 1);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* Descriptors that are open stay what they are. */
START_TEST(starting_open)
{
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		os_start();
		_exit(write(1, "y", 1) == 1 ? 0 : 1);
	}
	close(fds[1]);
	OK(os_read_all(fds[0], 9, "pipe", &out, &err));
	ck_assert_str_eq(buf_str(&out), "y");
	waitpid(pid, NULL, 0);
	close(fds[0]);
}
END_TEST

/* What is written while hidden goes nowhere, stdio's buffers included. */
START_TEST(hiding)
{
	int fds[2], status = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct os_stdio s;

		dup2(fds[1], 1);
		dup2(fds[1], 2);
		printf("before ");
		if (os_stdio_hide(&s, NULL))
			_exit(1);
		printf("hidden ");
		fprintf(stderr, "hidden ");
		if (write(1, "hidden", 6) != 6 || s.out < 3 || s.err < 3 ||
		    !(fcntl(s.out, F_GETFD) & FD_CLOEXEC) || !(fcntl(s.err, F_GETFD) & FD_CLOEXEC))
			_exit(2);
		os_stdio_restore(&s);
		printf("after");
		fflush(stdout);
		_exit(0);
	}
	close(fds[1]);
	OK(os_read_all(fds[0], 99, "pipe", &out, &err));
	ck_assert_str_eq(buf_str(&out), "before after");
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	close(fds[0]);
}
END_TEST

START_TEST(own_directory)
{
	char self[PATH_MAX];

	OK(os_self_dir(&out, &err));
	ck_assert_int_eq(buf_str(&out)[0], '/');
	buf_add_str(&out, "/base_os");
	ck_assert_ptr_nonnull(realpath(buf_str(&out), self));
	ck_assert_int_eq(access(self, X_OK), 0);
}
END_TEST

START_TEST(clocks)
{
	int64_t a = os_monotonic_ms();

	ck_assert_int_gt(os_now(), 1700000000);
	ck_assert_int_ge(os_monotonic_ms(), a);
}
END_TEST

/* --- child processes ---------------------------------------------------------------- */

static int run(const char *script, const struct proc_opts *o, int *status)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };

	buf_clear(&out);
	return proc_run(argv, o, &out, status, &err);
}

START_TEST(running)
{
	const char *none[] = { "gh-no-such-program", NULL };
	const char *true_[] = { "true", NULL };
	int st = -1;

	OK(run("printf hello; exit 3", NULL, &st));
	ck_assert_str_eq(buf_str(&out), "hello");
	ck_assert_int_eq(st, 3);
	OK(run("kill -9 $$", NULL, &st));
	ck_assert_int_eq(st, 128 + 9);
	OK(proc_run(true_, NULL, NULL, &st, &err));
	ck_assert_int_eq(st, 0);
	st = 77;
	setenv("PATH", "/usr/bin:/bin", 1); /* a directory that we may not read changes the word */
	FAILS(proc_run(none, NULL, &out, &st, &err), ERR_IO, "gh-no-such-program: No such file");
	ck_assert_int_eq(st, 77);
	none[0] = dir;
	FAILS(proc_run(none, NULL, &out, &st, &err), ERR_IO, "Permission denied");
}
END_TEST

START_TEST(running_input)
{
	struct buf in = BUF_INIT;
	struct proc_opts o = { .output_max = 1 << 22 };
	int st = -1;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 300000; i++)
		buf_add_str(&in, "0123456789");
	o.input = buf_bytes(&in);
	OK(run("cat", &o, &st));
	ck_assert(bytes_eq(buf_bytes(&out), buf_bytes(&in)));
	/* A child that reads nothing is not at fault, and we do not die of it. */
	OK(run("exec <&-; echo done", &o, &st));
	ck_assert_str_eq(buf_str(&out), "done\n");
	o.input = BYTES_NONE;
	OK(run("cat; echo none", &o, &st)); /* no input: /dev/null */
	ck_assert_str_eq(buf_str(&out), "none\n");
	buf_free(&in);
}
END_TEST

START_TEST(running_limits)
{
	struct proc_opts o = { .output_max = 10, .timeout_ms = 300 };
	int64_t start;
	int st = 77;

	OK(run("printf 0123456789", &o, &st));
	FAILS(run("printf 0123456789x", &o, &st), ERR_IO, "more than 10 bytes");
	ck_assert_uint_eq(out.n, 0);
	start = os_monotonic_ms();
	/* The whole group goes: a left sleep would write into the directory. */
	FAILS(run("(sleep 1; echo >late) & sleep 60", &o, &st), ERR_IO, "within 0.3 s");
	ck_assert_int_lt(os_monotonic_ms() - start, 5000);
	usleep(1200 * 1000);
	ck_assert_int_ne(access("late", F_OK), 0);
	FAILS(run("yes", &o, &st), ERR_IO, "more than");
	ck_assert_int_lt(os_monotonic_ms() - start, 9000);
	ck_assert_int_eq(st, 0);
	ck_assert_int_lt(waitpid(-1, NULL, WNOHANG), 0); /* nobody left behind */
}
END_TEST

/* A daemon that keeps the pipe open does not keep us. */
START_TEST(running_daemon)
{
	int64_t start = os_monotonic_ms();
	int st = -1;

	OK(run("sleep 3 & printf said", NULL, &st));
	ck_assert_str_eq(buf_str(&out), "said");
	ck_assert_int_lt(os_monotonic_ms() - start, 2500);
}
END_TEST

START_TEST(running_errors)
{
	struct buf errors = BUF_INIT;
	struct proc_opts o = { .errors = &errors };
	int st = -1;

	OK(run("echo out; echo err >&2", &o, &st));
	ck_assert_str_eq(buf_str(&out), "out\n");
	ck_assert_str_eq(buf_str(&errors), "err\n");
	buf_clear(&errors);
	OK(run("head -c 100000 /dev/zero >&2; echo end", &o, &st)); /* cut, not failed */
	ck_assert_uint_eq(errors.n, 65536);
	ck_assert_str_eq(buf_str(&out), "end\n");
	buf_free(&errors);
}
END_TEST

START_TEST(running_world)
{
	const char *const env[] = { "A=b", NULL };
	struct proc_opts o = { .env = env, .dir = "/" };
	int st = -1, stray = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */

	ck_assert_int_ge(stray, 3);
	signal(SIGPIPE, SIG_IGN);
	OK(run("env | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD; pwd", &o, &st));
	ck_assert_str_eq(buf_str(&out), "A=b\n/\n");
	setenv("LC_ALL", "de_DE.UTF-8", 1);
	setenv("LANGUAGE", "de", 1);
	OK(run("echo $LC_ALL $LANGUAGE $HOME", NULL, &st));
	ck_assert_msg(!strncmp(buf_str(&out), "C /", 3), "%s", buf_str(&out));
	OK(run("for f in /proc/self/fd/*; do case $f in */[012]) ;; *) "
	       "test -e $f && readlink $f;; esac; done | grep -v /proc",
	       NULL, &st));
	ck_assert_str_eq(buf_str(&out), "");
	/* SIGPIPE is as it is by birth; the group is its own. */
	OK(run("grep SigIgn /proc/self/status | cut -f2; "
	       "test $(ps -o pgid= -p $$) = $$ && echo group",
	       NULL, &st));
	ck_assert_msg((strtoull(buf_str(&out), NULL, 16) >> (SIGPIPE - 1) & 1) == 0, "%s",
		      buf_str(&out));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "group"));
	close(stray);
}
END_TEST

/* Whoever started us may ignore SIGCHLD: statuses are told nevertheless. */
START_TEST(running_unwaited)
{
	int st = -1;

	signal(SIGCHLD, SIG_IGN);
	OK(run("exit 5", NULL, &st));
	ck_assert_int_eq(st, 5);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_os");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, reading);
	tcase_add_test(t, reading_much);
	tcase_add_test(t, reading_odd);
	tcase_add_test(t, file_rules);
	tcase_add_test(t, replacing);
	tcase_add_test(t, replacing_full);
	tcase_add_test(t, pipes);
	tcase_add_loop_test(t, reading_sizes, 0, 7);
	tcase_add_test(t, trusted_paths);
	tcase_add_test(t, trusted_links);
	tcase_add_test(t, trusted_owner);
	tcase_add_test(t, starting);
	tcase_add_test(t, starting_open);
	tcase_add_test(t, hiding);
	tcase_add_test(t, own_directory);
	tcase_add_test(t, clocks);
	tcase_add_test(t, running);
	tcase_add_test(t, running_input);
	tcase_add_test(t, running_limits);
	tcase_add_test(t, running_daemon);
	tcase_add_test(t, running_errors);
	tcase_add_test(t, running_world);
	tcase_add_test(t, running_unwaited);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
