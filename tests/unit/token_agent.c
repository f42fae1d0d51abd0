/* The agent's protocol: requests, answers, frames; right ones and wrong ones. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"
#include "token/agent.h"

static const struct agent_ask sample = {
	AGENT_TAG, { (const uint8_t *)"object x\n", 9 }, "key", "[hsm]\n", "/work"
};

/* The request behind the message byte and the extension's name. */
static struct bytes body_of(const struct buf *b)
{
	struct bytes in = buf_bytes(b), name;
	uint8_t message = 0;

	ck_assert(wire_byte(&in, &message) && message == AGENT_EXTENSION);
	ck_assert(wire_string(&in, &name) && bytes_eq_str(name, AGENT_EXT_SIGN));
	return in;
}

START_TEST(asks)
{
	struct buf b = BUF_INIT;
	struct agent_ask got;
	struct bytes body;

	agent_ask_put(&b, &sample);
	body = body_of(&b);
	ck_assert(agent_ask_get(body, &got));
	ck_assert_int_eq(got.purpose, AGENT_TAG);
	ck_assert(bytes_eq(got.payload, sample.payload));
	ck_assert_str_eq(got.key, "key");
	ck_assert_str_eq(got.config, "[hsm]\n");
	ck_assert_str_eq(got.where, "/work");
	agent_ask_free(&got);
	for (size_t n = 0; n < body.n; n++)
		ck_assert_msg(!agent_ask_get(bytes_of(body.p, n), &got), "cut to %zu", n);
	buf_add_byte(&b, 0);
	ck_assert(!agent_ask_get(body_of(&b), &got));
	b.n--;
	b.p[b.n - body.n] = 9; /* no such purpose */
	ck_assert(!agent_ask_get(body_of(&b), &got));
	b.p[b.n - body.n] = AGENT_COMMIT;
	ck_assert(agent_ask_get(body_of(&b), &got));
	agent_ask_free(&got);
	b.p[b.n - 2] = '\0'; /* in a text */
	ck_assert(!agent_ask_get(body_of(&b), &got));
	buf_free(&b);
}
END_TEST

START_TEST(long_asks)
{
	char *text = xmalloc(AGENT_ASK_TEXT_MAX + 2);

	memset(text, 'x', AGENT_ASK_TEXT_MAX + 1);
	for (int i = 0; i < 6; i++) {
		struct agent_ask ask = sample, got;
		struct buf b = BUF_INIT;

		text[AGENT_ASK_TEXT_MAX + i % 2] = '\0';
		*(i < 2 ? &ask.key : i < 4 ? &ask.config : &ask.where) = text;
		agent_ask_put(&b, &ask);
		ck_assert_int_eq(agent_ask_get(body_of(&b), &got), i % 2 == 0);
		if (i % 2 == 0)
			agent_ask_free(&got);
		text[AGENT_ASK_TEXT_MAX] = 'x';
		buf_free(&b);
	}
	free(text);
}
END_TEST

static bool answers(enum agent_kind kind, const char *tail, enum agent_kind asked)
{
	struct buf b = BUF_INIT;
	struct secret s;
	uint32_t code = 7;
	bool ok;

	buf_add_byte(&b, AGENT_EXTENSION);
	wire_put_text(&b, AGENT_EXT_ANSWER);
	buf_add_byte(&b, (uint8_t)kind);
	wire_put_u32(&b, 0);
	wire_put_text(&b, "1234");
	buf_add_str(&b, tail);
	ck_assert_int_eq(secret_new(&s), 0);
	memcpy(s.p, b.p, b.n);
	s.n = b.n;
	ok = agent_answer_get(&s, asked, &code);
	if (ok) {
		ck_assert_uint_eq(code, 0);
		ck_assert_uint_eq(s.n, 4);
		ck_assert_str_eq(s.p, "1234");
		/* Nothing of the frame is left behind the PIN. */
		for (size_t i = 4; i < b.n; i++)
			ck_assert_int_eq(s.p[i], 0);
	}
	secret_free(&s);
	buf_free(&b);
	return ok;
}

START_TEST(answer)
{
	ck_assert(answers(AGENT_KIND_PIN, "", AGENT_KIND_PIN));
	ck_assert(!answers(AGENT_KIND_PIN, "x", AGENT_KIND_PIN));
	ck_assert(!answers(AGENT_KIND_TOUCH, "", AGENT_KIND_PIN));
}
END_TEST

START_TEST(steps)
{
	struct buf b = BUF_INIT;
	bool closed;
	size_t n;
	int s[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(agent_send(s[0], BYTES_LIT("hello"), 1000, NULL), 0);
	ck_assert_int_eq(agent_recv_head(s[1], 5, 1000, &n, &closed, NULL), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert_int_eq(agent_recv_skip(s[1], n, 1000, NULL), 0);
	ck_assert_int_eq(agent_recv_head(s[1], 5, 1000, &n, &closed, NULL), 0);
	ck_assert_int_eq(agent_recv_body(s[1], n, 1000, &b, NULL), 0);
	ck_assert_str_eq(buf_str(&b), "hello");
	ck_assert_int_ne(agent_recv_head(s[1], 4, 1000, &n, &closed, NULL), 0);
	ck_assert_int_ne(agent_recv_skip(s[1], 6, 50, NULL), 0);
	close(s[0]);
	close(s[1]);
	buf_free(&b);
}
END_TEST

START_TEST(frames)
{
	const uint8_t huge[4] = { 0xff, 0xff, 0xff, 0xff }, none[4] = { 0 };
	struct secret pin, frame;
	struct buf b = BUF_INIT;
	bool closed;
	int s[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	ck_assert_int_eq(agent_send(s[0], BYTES_LIT("hello"), 1000, NULL), 0);
	ck_assert_int_eq(agent_recv(s[1], 5, 1000, &b, &closed, NULL), 0);
	ck_assert_str_eq(buf_str(&b), "hello");
	ck_assert_int_eq(secret_new(&pin), 0);
	memcpy(pin.p, "99", 2);
	pin.n = 2;
	ck_assert_int_eq(agent_send_secret(s[0], BYTES_LIT("head"), &pin, 1000, NULL), 0);
	ck_assert_int_eq(agent_recv_secret(s[1], 1000, &frame, NULL), 0);
	ck_assert_uint_eq(frame.n, 4 + 4 + 2);
	ck_assert_int_eq(memcmp(frame.p, "head\0\0\0\00299", 10), 0);
	secret_free(&pin);
	secret_free(&frame);
	ck_assert_int_eq(agent_send(s[0], BYTES_LIT("hello!"), 1000, NULL), 0);
	ck_assert_int_ne(agent_recv(s[1], 5, 1000, &b, &closed, NULL), 0);
	ck_assert(!closed);
	close(s[0]);
	close(s[1]);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	ck_assert_int_eq(write(s[0], huge, 4), 4);
	ck_assert_int_ne(agent_recv(s[1], AGENT_FRAME_MAX, 1000, &b, &closed, NULL), 0);
	ck_assert_int_eq(write(s[0], none, 4), 4);
	ck_assert_int_ne(agent_recv(s[1], AGENT_FRAME_MAX, 1000, &b, &closed, NULL), 0);
	ck_assert_int_ne(agent_recv(s[1], 5, 50, &b, &closed, NULL), 0);
	ck_assert(!closed);
	close(s[0]);
	ck_assert_int_ne(agent_recv(s[1], 5, 1000, &b, &closed, NULL), 0);
	ck_assert(closed);
	close(s[1]);
	buf_free(&b);
}
END_TEST

START_TEST(purposes)
{
	ck_assert_int_eq(agent_purpose_of(BYTES_LIT("tree 1")), AGENT_COMMIT);
	ck_assert_int_eq(agent_purpose_of(BYTES_LIT("object 1")), AGENT_TAG);
	ck_assert_int_eq(agent_purpose_of(BYTES_LIT("certificate version 0.1\n")), AGENT_PUSH);
	ck_assert_int_eq(agent_purpose_of(BYTES_LIT("tre")), AGENT_NOTHING);
	ck_assert_int_eq(agent_purpose_of(BYTES_LIT("\x31\x81")), AGENT_NOTHING);
	ck_assert_int_eq(agent_purpose_of(BYTES_NONE), AGENT_NOTHING);
}
END_TEST

START_TEST(mpints)
{
	const struct {
		struct bytes in, want;
	} t[] = {
		{ BYTES_LIT("\x01"), BYTES_LIT("\0\0\0\1\x01") },
		{ BYTES_LIT("\x80"), BYTES_LIT("\0\0\0\2\0\x80") },
		{ BYTES_LIT("\0\0\x7f"), BYTES_LIT("\0\0\0\1\x7f") },
		{ BYTES_LIT("\0"), BYTES_LIT("\0\0\0\0") },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf b = BUF_INIT;

		wire_put_mpint(&b, t[i].in);
		ck_assert_msg(bytes_eq(buf_bytes(&b), t[i].want), "%zu", i);
		buf_free(&b);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("token_agent");
	TCase *c = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, asks);
	tcase_add_test(c, long_asks);
	tcase_add_test(c, steps);
	tcase_add_test(c, answer);
	tcase_add_test(c, frames);
	tcase_add_test(c, purposes);
	tcase_add_test(c, mpints);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
