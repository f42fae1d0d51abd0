/* Frames and the requests in them. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/os.h"
#include "base/wire.h"
#include "token/agent.h"

static int wait_for(int fd, short events, int64_t until, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = until - os_monotonic_ms();
		int r;

		if (left <= 0)
			return err_set(err, ERR_IO, "no answer came in time");
		r = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return err_errno(err, ERR_IO, "cannot wait for the other side");
	}
}

static int send_bytes(int fd, struct bytes v, int flags, int64_t until, struct err *err)
{
	while (v.n > 0) {
		ssize_t n = send(fd, v.p, v.n, MSG_NOSIGNAL | MSG_DONTWAIT | flags);
		int r;

		if (n >= 0) {
			v = bytes_skip(v, (size_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_errno(err, ERR_IO, "cannot send");
		r = wait_for(fd, POLLOUT, until, err);
		if (r != 0)
			return r;
	}
	return 0;
}

static int send_head(int fd, struct bytes head, size_t n, int64_t until, struct err *err)
{
	struct buf b = BUF_INIT;
	int r;

	wire_put_u32(&b, (uint32_t)n);
	buf_add_bytes(&b, head);
	r = send_bytes(fd, buf_bytes(&b), n > head.n ? MSG_MORE : 0, until, err);
	buf_free(&b);
	return r;
}

int agent_send(int fd, struct bytes body, int timeout_ms, struct err *err)
{
	return send_head(fd, body, body.n, os_monotonic_ms() + timeout_ms, err);
}

int agent_send_secret(int fd, struct bytes head, const struct secret *s, int timeout_ms,
		      struct err *err)
{
	int64_t until = os_monotonic_ms() + timeout_ms;
	struct buf b = BUF_INIT;
	int r;

	buf_add_bytes(&b, head);
	wire_put_u32(&b, (uint32_t)s->n);
	r = send_head(fd, buf_bytes(&b), b.n + s->n, until, err);
	if (r == 0)
		r = send_bytes(fd, bytes_of(s->p, s->n), 0, until, err);
	buf_free(&b);
	return r;
}

/* *closed: the other side ended the connection before the first byte. */
static int recv_bytes(int fd, uint8_t *p, size_t n, bool *closed, int64_t until, struct err *err)
{
	size_t got = 0;

	*closed = false;
	while (got < n) {
		ssize_t k = recv(fd, p + got, n - got, MSG_DONTWAIT);
		int r;

		if (k > 0) {
			got += (size_t)k;
			continue;
		}
		*closed = got == 0 && (k == 0 || errno == ECONNRESET);
		if (k == 0)
			return err_set(err, ERR_IO, "the other side closed the connection");
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_errno(err, ERR_IO, "cannot receive");
		r = wait_for(fd, POLLIN, until, err);
		if (r != 0)
			return r;
	}
	return 0;
}

bool agent_readable(int fd, int timeout_ms)
{
	return wait_for(fd, POLLIN, os_monotonic_ms() + timeout_ms, NULL) == 0;
}

static int recv_length(int fd, size_t max, size_t *n, bool *closed, int64_t until, struct err *err)
{
	uint8_t raw[4];
	struct bytes v = bytes_of(raw, sizeof(raw));
	uint32_t len;
	int r = recv_bytes(fd, raw, sizeof(raw), closed, until, err);

	if (r != 0)
		return r;
	(void)wire_u32(&v, &len);
	if (len == 0 || len > max)
		return err_set(err, ERR_IO, "a frame of %u bytes: 1 to %zu are allowed", len, max);
	*n = len;
	return 0;
}

#define PART ((size_t)65536)

/* Room as it comes: a length alone takes no memory. */
static int recv_body(int fd, size_t n, int64_t until, struct buf *body, struct err *err)
{
	bool torn;

	buf_clear(body);
	while (body->n < n) {
		size_t part = n - body->n < PART ? n - body->n : PART;
		int r = recv_bytes(fd, buf_reserve(body, part), part, &torn, until, err);

		if (r != 0)
			return r;
		body->n += part;
		body->p[body->n] = '\0';
	}
	return 0;
}

int agent_recv(int fd, size_t max, int timeout_ms, struct buf *body, bool *closed, struct err *err)
{
	int64_t until = os_monotonic_ms() + timeout_ms;
	size_t n = 0;
	int r = recv_length(fd, max, &n, closed, until, err);

	return r != 0 ? r : recv_body(fd, n, until, body, err);
}

int agent_recv_head(int fd, size_t max, int timeout_ms, size_t *n, bool *closed, struct err *err)
{
	return recv_length(fd, max, n, closed, os_monotonic_ms() + timeout_ms, err);
}

int agent_recv_body(int fd, size_t n, int timeout_ms, struct buf *body, struct err *err)
{
	return recv_body(fd, n, os_monotonic_ms() + timeout_ms, body, err);
}

int agent_recv_skip(int fd, size_t n, int timeout_ms, struct err *err)
{
	int64_t until = os_monotonic_ms() + timeout_ms;
	struct buf part = BUF_INIT;
	int r = 0;

	for (size_t left = n; left > 0 && r == 0; left -= left < PART ? left : PART)
		r = recv_body(fd, left < PART ? left : PART, until, &part, err);
	buf_free(&part);
	return r;
}

int agent_recv_secret(int fd, int timeout_ms, struct secret *body, struct err *err)
{
	int64_t until = os_monotonic_ms() + timeout_ms;
	size_t n = 0;
	bool closed;
	int r = recv_length(fd, AGENT_ANSWER_MAX, &n, &closed, until, err);

	if (r != 0)
		return r;
	if (secret_new(body) != 0)
		return err_set(err, ERR_INTERNAL, "no memory can be had for the PIN");
	r = recv_bytes(fd, (uint8_t *)body->p, n, &closed, until, err);
	body->n = n;
	if (r != 0)
		secret_free(body);
	return r;
}

void agent_ask_put(struct buf *out, const struct agent_ask *a)
{
	buf_add_byte(out, AGENT_EXTENSION);
	wire_put_text(out, AGENT_EXT_SIGN);
	buf_add_byte(out, (uint8_t)a->purpose);
	wire_put_string(out, a->payload);
	wire_put_text(out, a->key);
	wire_put_text(out, a->config);
	wire_put_text(out, a->where);
}

void agent_ask_free(struct agent_ask *a)
{
	free((char *)(uintptr_t)a->key);
	free((char *)(uintptr_t)a->config);
	free((char *)(uintptr_t)a->where);
	*a = (struct agent_ask){ .purpose = AGENT_NOTHING };
}

static bool get_text(struct bytes *in, char **ret)
{
	return wire_text(in, ret) && strlen(*ret) <= AGENT_ASK_TEXT_MAX;
}

bool agent_ask_get(struct bytes body, struct agent_ask *ret)
{
	char *key = NULL, *config = NULL, *where = NULL;
	struct bytes payload;
	uint8_t purpose;

	if (wire_byte(&body, &purpose) && wire_string(&body, &payload) && get_text(&body, &key) &&
	    get_text(&body, &config) && get_text(&body, &where) && body.n == 0 &&
	    purpose >= AGENT_COMMIT && purpose <= AGENT_PUSH && payload.n <= AGENT_PAYLOAD_MAX) {
		*ret = (struct agent_ask){ (enum agent_purpose)purpose, payload, key, config,
					   where };
		return true;
	}
	free(key);
	free(config);
	free(where);
	return false;
}

enum agent_purpose agent_purpose_of(struct bytes payload)
{
	if (bytes_starts(payload, BYTES_LIT("tree ")))
		return AGENT_COMMIT;
	if (bytes_starts(payload, BYTES_LIT("object ")))
		return AGENT_TAG;
	if (bytes_starts(payload, BYTES_LIT("certificate version ")))
		return AGENT_PUSH;
	return AGENT_NOTHING;
}

const char *agent_purpose_name(enum agent_purpose p)
{
	switch (p) {
	case AGENT_COMMIT:
		return "commit";
	case AGENT_TAG:
		return "tag";
	case AGENT_PUSH:
		return "push certificate";
	default:
		return "nothing";
	}
}

bool agent_answer_get(struct secret *frame, enum agent_kind asked, uint32_t *code)
{
	struct bytes in = bytes_of(frame->p, frame->n), name, text;
	uint8_t message, kind;

	if (!wire_byte(&in, &message) || message != AGENT_EXTENSION || !wire_string(&in, &name) ||
	    !bytes_eq_str(name, AGENT_EXT_ANSWER) || !wire_byte(&in, &kind) || kind != asked ||
	    !wire_u32(&in, code) || !wire_string(&in, &text) || in.n != 0)
		return false;
	memmove(frame->p, text.p, text.n);
	mem_wipe(frame->p + text.n, frame->n - text.n);
	frame->n = text.n;
	frame->p[frame->n] = '\0';
	return true;
}
