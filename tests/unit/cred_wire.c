/* cred: the frames that stores are asked with. */
#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cred/wire.h"

static struct secret make(unsigned code, const char *id, const char *body)
{
	const struct cred_frame f = { .code = code, .id = bytes_str(id), .body = bytes_str(body) };
	struct secret s = SECRET_NONE;

	cred_frame_write(&s, &f);
	return s;
}

START_TEST(there_and_back)
{
	struct secret s = make(CRED_ASK_SAVE, "an id", "a body");
	struct cred_frame f;
	struct err e = ERR_INIT;

	ck_assert_uint_eq(cred_frame_size(bytes_of(s.p, CRED_FRAME_HEAD)), s.n);
	ck_assert_int_eq(cred_frame_parse(bytes_of(s.p, s.n), &f, &e), 0);
	ck_assert_uint_eq(f.code, CRED_ASK_SAVE);
	ck_assert(bytes_eq_str(f.id, "an id"));
	ck_assert(bytes_eq_str(f.body, "a body"));
	secret_free(&s);
}
END_TEST

START_TEST(refused)
{
	struct secret s = make(CRED_ASK_LOAD, "id", "body");
	struct cred_frame f;
	struct err e = ERR_INIT;

	for (size_t n = 0; n < s.n; n++)
		ck_assert_int_eq(cred_frame_parse(bytes_of(s.p, n), &f, &e), ERR_INPUT);
	secret_add(&s, "x", 1);
	ck_assert_int_eq(cred_frame_parse(bytes_of(s.p, s.n), &f, &e), ERR_INPUT);
	s.n--;
	/* the magic, the zero bytes, lengths beyond the limits */
	for (size_t i = 0; i < CRED_FRAME_HEAD; i++) {
		char was = s.p[i];

		s.p[i] = (char)(was ^ 0x55);
		if (i != 4)
			ck_assert_msg(cred_frame_parse(bytes_of(s.p, s.n), &f, &e) == ERR_INPUT,
				      "byte %zu", i);
		s.p[i] = was;
	}
	ck_assert_int_eq(cred_frame_parse(bytes_of(s.p, s.n), &f, &e), 0);
	secret_free(&s);
}
END_TEST

static int read_from(const struct secret *s, size_t n, bool close_it, struct err *e)
{
	struct secret space = SECRET_NONE;
	struct cred_frame f;
	int ends[2], r;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], s->p, n), n);
	if (close_it)
		close(ends[1]);
	r = cred_frame_read(ends[0], close_it ? 60000 : 50, &space, &f, e);
	if (r == 0)
		ck_assert(bytes_eq_str(f.id, "id") && bytes_eq_str(f.body, "body"));
	secret_free(&space);
	close(ends[0]);
	if (!close_it)
		close(ends[1]);
	return r;
}

START_TEST(reads_a_pipe)
{
	struct secret s = make(CRED_ASK_LOAD, "id", "body");
	struct err e = ERR_INIT;

	ck_assert_int_eq(read_from(&s, s.n, true, &e), 0);
	ck_assert_int_eq(read_from(&s, s.n, false, &e), 0);
	for (size_t n = 0; n < s.n; n++)
		ck_assert_int_eq(read_from(&s, n, true, &e), ERR_IO);
	/* one that stops in the middle is not waited for */
	ck_assert_int_eq(read_from(&s, s.n - 1, false, &e), ERR_IO);
	ck_assert_ptr_nonnull(strstr(e.text, "does not answer"));
	s.p[0] = 'x';
	ck_assert_int_eq(read_from(&s, s.n, false, &e), ERR_INPUT);
	secret_free(&s);
}
END_TEST

static void on_alarm(int n)
{
	(void)n;
}

/* A signal in the meantime is no answer: what is waited for no longer than that stays so. */
START_TEST(signals)
{
	const struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	const struct itimerval soon = { .it_value = { .tv_usec = 10000 } };
	struct secret s = make(CRED_ASK_LOAD, "id", "body");
	struct err e = ERR_INIT;

	ck_assert_int_eq(sigaction(SIGALRM, &sa, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
	ck_assert_int_eq(read_from(&s, s.n - 1, false, &e), ERR_IO);
	ck_assert_ptr_nonnull(strstr(e.text, "does not answer"));
	secret_free(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cred_wire");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, there_and_back);
	tcase_add_test(t, refused);
	tcase_add_test(t, reads_a_pipe);
	tcase_add_test(t, signals);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
