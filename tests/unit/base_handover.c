/* What one process hands over to another: each message has its refused twin. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/handover.h"
#include "base/wire.h"

#define TEXT(s) ((char[]){ s })

static char *args[] = { TEXT("gitsign-hsm"), TEXT("--verify"), TEXT("sig"), TEXT("-"), NULL };
static char *env[] = { TEXT("A=b"), TEXT("EMPTY="), TEXT("no equals sign"), NULL };
static char *none[] = { NULL };

static bool reads(const struct buf *b)
{
	struct handover h;
	bool ok = handover_get(buf_bytes(b), &h);

	if (ok)
		handover_free(&h);
	return ok;
}

START_TEST(message)
{
	struct buf b = BUF_INIT;
	struct handover h;

	handover_put(&b, "place", args, env);
	ck_assert(handover_get(buf_bytes(&b), &h));
	ck_assert_str_eq(h.place, "place");
	ck_assert_uint_eq(h.args_n, 4);
	ck_assert_str_eq(h.args[2], "sig");
	ck_assert_ptr_null(h.args[4]);
	ck_assert_uint_eq(h.env_n, 3);
	ck_assert_str_eq(h.env[2], "no equals sign");
	handover_free(&h);
	for (size_t n = b.n; n-- > 0;)
		ck_assert(!handover_get(bytes_of(b.p, n), &h));
	buf_add_byte(&b, 0);
	ck_assert(!reads(&b));
	buf_free(&b);
}
END_TEST

/* A list of n empty strings. */
static void list(struct buf *b, uint32_t n)
{
	wire_put_u32(b, n);
	for (uint32_t i = 0; i < n; i++)
		wire_put_text(b, "");
}

static bool reads_lists(uint32_t args_n, uint32_t env_n)
{
	struct buf b = BUF_INIT;
	bool ok;

	wire_put_text(&b, "place");
	list(&b, args_n);
	list(&b, env_n);
	ok = reads(&b);
	buf_free(&b);
	return ok;
}

START_TEST(bounds)
{
	struct buf b = BUF_INIT;

	ck_assert(reads_lists(1, 0));
	ck_assert(!reads_lists(0, 0));
	ck_assert(reads_lists(HANDOVER_ARGS_MAX, HANDOVER_ENV_MAX));
	ck_assert(!reads_lists(HANDOVER_ARGS_MAX + 1, 0));
	ck_assert(!reads_lists(1, HANDOVER_ENV_MAX + 1));
	/* NUL in a text; more strings than bytes could hold */
	wire_put_text(&b, "place");
	wire_put_u32(&b, 1);
	wire_put_string(&b, BYTES_LIT("a\0b"));
	wire_put_u32(&b, 0);
	ck_assert(!reads(&b));
	buf_clear(&b);
	wire_put_text(&b, "place");
	wire_put_u32(&b, HANDOVER_ARGS_MAX);
	wire_put_text(&b, "one");
	ck_assert(!reads(&b));
	buf_free(&b);
}
END_TEST

static int pair[2];

static void open_pair(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(void)
{
	close(pair[0]);
	close(pair[1]);
}

static int receive(int timeout_ms, struct buf *got)
{
	return handover_recv(pair[1], timeout_ms, got, NULL);
}

/* What a failed receipt leaves open is seen by the number that comes next. */
static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

START_TEST(over_a_socket)
{
	struct buf got = BUF_INIT;

	ck_assert_int_eq(handover_send(pair[0], BYTES_LIT("hello"), NULL), 0);
	ck_assert_int_eq(receive(5000, &got), 0);
	ck_assert(bytes_eq(buf_bytes(&got), BYTES_LIT("hello")));
	buf_clear(&got);
	/* with bytes behind it; nothing at all; torn */
	ck_assert_int_eq(write(pair[0], "\0\0\0\1xy", 6), 6);
	ck_assert_int_eq(receive(5000, &got), ERR_INPUT);
	ck_assert_int_eq(receive(10, &got), ERR_IO);
	ck_assert_int_eq(write(pair[0], "\0\0\0\5x", 5), 5);
	ck_assert_int_eq(receive(10, &got), ERR_IO);
	ck_assert_uint_eq(got.n, 0);
	buf_free(&got);
}
END_TEST

START_TEST(too_long)
{
	uint8_t *large = calloc(1, HANDOVER_MAX + 5);
	struct buf got = BUF_INIT;

	ck_assert_int_eq(handover_send(pair[0], bytes_of(large, HANDOVER_MAX + 1), NULL),
			 ERR_INPUT);
	ck_assert_int_eq(handover_send(pair[0], bytes_of(large, HANDOVER_MAX), NULL), 0);
	ck_assert_int_eq(receive(5000, &got), 0);
	ck_assert_uint_eq(got.n, HANDOVER_MAX);
	/* a length that is a lie */
	memset(large, 0xff, 4);
	ck_assert_int_eq(write(pair[0], large, HANDOVER_MAX + 5), HANDOVER_MAX + 5);
	ck_assert_int_eq(receive(5000, &got), ERR_INPUT);
	buf_free(&got);
	free(large);
}
END_TEST

START_TEST(descriptors)
{
	const int fds[HANDOVER_FDS] = { 0, 1, 2, pair[0] };
	int got[HANDOVER_FDS], before = next_fd();

	ck_assert(handover_give(pair[0], fds, HANDOVER_FDS));
	ck_assert(handover_take(pair[1], 5000, got, HANDOVER_FDS));
	for (int i = 0; i < HANDOVER_FDS; i++) {
		ck_assert_int_ne(fcntl(got[i], F_GETFD) & FD_CLOEXEC, 0);
		close(got[i]);
	}
	/* fewer, more, none, nothing, the end: and none is left open */
	ck_assert(handover_give(pair[0], fds, 3));
	ck_assert(!handover_take(pair[1], 5000, got, HANDOVER_FDS));
	ck_assert(handover_give(pair[0], fds, HANDOVER_FDS));
	ck_assert(!handover_take(pair[1], -1, got, 1));
	ck_assert_int_eq(write(pair[0], "+", 1), 1);
	ck_assert(!handover_take(pair[1], -1, got, 1));
	ck_assert(!handover_take(pair[1], 10, got, 1));
	shutdown(pair[0], SHUT_WR);
	ck_assert(!handover_take(pair[1], -1, got, 1));
	ck_assert_int_eq(next_fd(), before);
}
END_TEST

START_TEST(places)
{
	struct buf one = BUF_INIT, two = BUF_INIT;

	ck_assert(handover_place("/proc/self/exe", &one));
	ck_assert(handover_place("/proc/self/exe", &two));
	ck_assert_str_eq(buf_str(&one), buf_str(&two));
	buf_clear(&two);
	ck_assert(handover_place("/dev/null", &two));
	ck_assert_str_ne(buf_str(&one), buf_str(&two));
	ck_assert(!handover_place("/nonexistent", &two));
	buf_free(&one);
	buf_free(&two);
}
END_TEST

START_TEST(load)
{
	char *plain[] = { TEXT("HOME=/"), TEXT("TZ=UTC"), NULL };
	char *preload[] = { TEXT("LD_PRELOAD=x.so"), TEXT("HOME=/root"), NULL };
	char *other[] = { TEXT("LD_PRELOAD=y.so"), NULL };

	ck_assert(handover_same_load(plain, none));
	ck_assert(handover_same_load(preload, preload));
	ck_assert(!handover_same_load(preload, plain));
	ck_assert(!handover_same_load(plain, preload));
	ck_assert(!handover_same_load(other, preload));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("handover");
	TCase *pure = tcase_create("message"), *socket = tcase_create("socket");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(pure, message);
	tcase_add_test(pure, bounds);
	tcase_add_test(pure, places);
	tcase_add_test(pure, load);
	tcase_add_checked_fixture(socket, open_pair, close_pair);
	tcase_add_test(socket, over_a_socket);
	tcase_add_test(socket, too_long);
	tcase_add_test(socket, descriptors);
	suite_add_tcase(s, pure);
	suite_add_tcase(s, socket);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
