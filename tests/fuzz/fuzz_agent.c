/*
 * What comes over the agent's sockets; the first byte chooses. '0': a request for a
 * signature; '1': an answer to a question; '2': what ssh wants signed, behind a key blob;
 * '3': frames, as they come; '4': what is handed over to the verifier; '5': SSH's data types,
 * each behind a byte that says which.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/handover.h"
#include "base/wire.h"
#include "token/agent.h"
#include "token/agent_ssh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What was taken, written out again, is what stood there. */
static void check_ask(struct bytes in)
{
	struct buf again = BUF_INIT;
	struct agent_ask ask;
	struct bytes rest, name;
	uint8_t message;

	if (!agent_ask_get(in, &ask))
		return;
	agent_ask_put(&again, &ask);
	rest = buf_bytes(&again);
	must(wire_byte(&rest, &message) && wire_string(&rest, &name));
	must(bytes_eq(rest, in));
	must(strlen(agent_purpose_name(ask.purpose)) > 0);
	(void)agent_purpose_of(ask.payload);
	agent_ask_free(&ask);
	buf_free(&again);
}

static void check_handover(struct bytes in)
{
	struct buf again = BUF_INIT;
	struct handover h;

	if (!handover_get(in, &h))
		return;
	must(h.args_n > 0 && h.args_n <= HANDOVER_ARGS_MAX && h.env_n <= HANDOVER_ENV_MAX);
	handover_put(&again, h.place, h.args, h.env);
	must(bytes_eq(buf_bytes(&again), in));
	handover_free(&h);
	buf_free(&again);
}

static void check_answer(struct bytes in)
{
	struct secret s;
	uint32_t code = 0;

	if (in.n > AGENT_ANSWER_MAX || secret_new(&s) != 0)
		return;
	memcpy(s.p, in.p, in.n);
	s.n = in.n;
	if (agent_answer_get(&s, AGENT_KIND_PIN, &code)) {
		must(s.n < in.n && s.p[s.n] == '\0');
		for (size_t i = s.n; i < in.n; i++)
			must(s.p[i] == '\0');
	}
	secret_free(&s);
}

static bool inside(struct bytes part, struct bytes whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* Nothing that something else signs is taken for ssh's: CMS attributes, JWTs, TLS. */
static void check_ssh(struct bytes in)
{
	struct ssh_request r;
	struct bytes blob;

	if (!wire_string(&in, &blob))
		return;
	r = ssh_request_parse(in, blob);
	must(inside(r.user, in) && inside(r.session, in) && inside(r.space, in));
	if (r.kind == SSH_OTHER)
		return;
	must(in.n > 6 && (r.kind == SSH_LOGIN ? in.p[0] == 0 : in.p[0] == 'S'));
	/* Cut off, or with a byte more, it is neither. */
	must(ssh_request_parse(bytes_of(in.p, in.n - 1), blob).kind == SSH_OTHER);
}

#define FRAME_MAX 1024

/* What arrived is sent on, as it is and as a secret, and arrives again. */
static void check_sent(struct bytes body)
{
	struct buf back = BUF_INIT;
	struct secret secret;
	bool closed;
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	must(agent_send(s[0], body, 1000, NULL) == 0 && agent_readable(s[1], 1000));
	must(agent_recv(s[1], FRAME_MAX, 1000, &back, &closed, NULL) == 0);
	must(bytes_eq(buf_bytes(&back), body));
	must(agent_send(s[0], body, 1000, NULL) == 0);
	if (agent_recv_secret(s[1], 1000, &secret, NULL) == 0) {
		struct bytes in, head, text;

		must(bytes_eq(bytes_of(secret.p, secret.n), body));
		must(agent_send_secret(s[0], BYTES_LIT("\0\0\0\1h"), &secret, 1000, NULL) == 0);
		must(agent_recv(s[1], FRAME_MAX + 9, 1000, &back, &closed, NULL) == 0);
		in = buf_bytes(&back);
		must(wire_string(&in, &head) && bytes_eq_str(head, "h"));
		must(wire_string(&in, &text) && bytes_eq(text, body) && in.n == 0);
		secret_free(&secret);
	} else {
		must(body.n > AGENT_ANSWER_MAX);
	}
	must(agent_recv_secret(s[1], 0, &secret, NULL) == ERR_IO); /* there is no more */
	close(s[0]);
	close(s[1]);
	buf_free(&back);
}

/* How many frames there are, of which every other one is skipped. */
static size_t count_frames(int fd)
{
	struct buf body = BUF_INIT;
	size_t n, k = 0;
	bool closed;

	while (agent_recv_head(fd, FRAME_MAX, 0, &n, &closed, NULL) == 0) {
		if (k % 2 == 1 ? agent_recv_skip(fd, n, 0, NULL)
			       : agent_recv_body(fd, n, 0, &body, NULL))
			break;
		k++;
	}
	buf_free(&body);
	return k;
}

static void check_frames(struct bytes in)
{
	struct buf body = BUF_INIT;
	size_t frames = 0;
	bool closed;
	int s[2];

	if (in.n > 4096 || socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		return;
	must(write(s[0], in.p, in.n) == (ssize_t)in.n);
	must(write(s[1], in.p, in.n) == (ssize_t)in.n);
	/* the other end stays open: what is not there whole is not waited for */
	frames = count_frames(s[0]);
	close(s[0]);
	for (; agent_recv(s[1], FRAME_MAX, 1000, &body, &closed, NULL) == 0; frames--) {
		must(body.n > 0 && body.n <= FRAME_MAX && frames > 0);
		check_sent(buf_bytes(&body));
	}
	must(frames == 0);
	close(s[1]);
	buf_free(&body);
}

/* A positive number in its shortest form, of the same value. */
static void check_mpint(struct bytes magnitude)
{
	struct buf b = BUF_INIT;
	struct bytes in, v;

	wire_put_mpint(&b, magnitude);
	in = buf_bytes(&b);
	must(wire_string(&in, &v) && in.n == 0);
	while (magnitude.n > 0 && magnitude.p[0] == 0)
		magnitude = bytes_skip(magnitude, 1);
	must(v.n == 0 || v.p[0] < 0x80);
	if (v.n > 0 && v.p[0] == 0) {
		must(v.n > 1 && v.p[1] >= 0x80);
		v = bytes_skip(v, 1);
	}
	must(bytes_eq(v, magnitude));
	buf_free(&b);
}

/* One value, and as it is written. */
static bool take_value(uint8_t kind, struct bytes *in, struct buf *again)
{
	struct bytes v;
	char *text;
	uint32_t n;

	if (kind == 'u') {
		if (!wire_u32(in, &n))
			return false;
		wire_put_u32(again, n);
	} else if (kind == 't') {
		if (!wire_text(in, &text))
			return false;
		wire_put_text(again, text);
		free(text);
	} else {
		if (!wire_string(in, &v))
			return false;
		wire_put_string(again, v);
		check_mpint(v);
	}
	return true;
}

/* Written out again it is what stood there; what is not there whole is left as it was. */
static void check_wire(struct bytes in)
{
	uint8_t kind;

	while (wire_byte(&in, &kind)) {
		struct buf again = BUF_INIT;
		struct bytes before = in;
		bool taken = take_value(kind, &in, &again);

		must(in.n + again.n == before.n && in.p == before.p + again.n);
		must(bytes_starts(before, buf_bytes(&again)));
		buf_free(&again);
		if (!taken)
			break;
	}
	must(in.n > 0 || !wire_byte(&in, &kind));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const check[])(struct bytes) = { check_ask,    check_answer,   check_ssh,
						       check_frames, check_handover, check_wire };

	if (size == 0 || size > 65536 || data[0] < '0' || data[0] > '5')
		return 0;
	check[data[0] - '0'](bytes_of(data + 1, size - 1));
	return 0;
}
