/* The signing program's side of the agent: asks, and answers what it is asked. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/os.h"
#include "base/rundir.h"
#include "base/wire.h"
#include "token/agent.h"

#define SEND_MS 30000
#define REPLY_MS (15 * 60 * 1000) /* another client may be at its PIN prompt */
#define PROMPT_MS (5 * 60 * 1000)
#define ANSWERS_MAX 16

static int answer(int fd, enum agent_kind kind, const char *text, const struct pin_source *pin,
		  struct err *err)
{
	struct err why = ERR_INIT;
	struct secret s = { NULL, 0, 0 };
	struct buf b = BUF_INIT;
	int r = 0;

	if (pin == NULL)
		r = err_set(&why, ERR_PIN, "nothing is answered to an agent elsewhere");
	else if (kind == AGENT_KIND_PIN)
		r = pin_get(pin, text, PROMPT_MS, &s, &why);
	else
		pin_tty_say(text);
	buf_add_byte(&b, AGENT_EXTENSION);
	wire_put_text(&b, AGENT_EXT_ANSWER);
	buf_add_byte(&b, (uint8_t)kind);
	wire_put_u32(&b, (uint32_t)r);
	if (r == 0 && kind == AGENT_KIND_PIN) {
		r = agent_send_secret(fd, buf_bytes(&b), &s, SEND_MS, err);
	} else {
		why.text[AGENT_ANSWER_MAX / 2] = '\0';
		wire_put_text(&b, why.text);
		r = agent_send(fd, buf_bytes(&b), SEND_MS, err);
	}
	secret_free(&s);
	buf_free(&b);
	return r;
}

struct reply {
	enum agent_kind kind;
	struct bytes first, second;
	uint32_t code;
};

static bool parse_reply(struct bytes in, const char *extension, struct reply *ret)
{
	uint8_t message, kind;
	struct bytes name;

	memset(ret, 0, sizeof(*ret));
	if (!wire_byte(&in, &message) || message != AGENT_EXTENSION_RESPONSE ||
	    !wire_string(&in, &name) || !bytes_eq_str(name, extension) || !wire_byte(&in, &kind))
		return false;
	ret->kind = (enum agent_kind)kind;
	if ((kind == AGENT_KIND_REFUSED || kind == AGENT_KIND_ELSEWHERE) &&
	    !wire_u32(&in, &ret->code))
		return false;
	if (!wire_string(&in, &ret->first))
		return false;
	if (kind == AGENT_KIND_SIGNED && !wire_string(&in, &ret->second))
		return false;
	return in.n == 0;
}

static int refused(const struct reply *r, struct err *err)
{
	enum err_code code =
		r->code > 0 && r->code <= ERR_INTERNAL ? (enum err_code)r->code : ERR_INTERNAL;

	return err_set(err, code, "%.*s", (int)(r->first.n < 2000 ? r->first.n : 2000),
		       r->first.n > 0 ? (const char *)r->first.p : "");
}

static enum agent_outcome take_reply(int fd, const struct reply *r, const struct pin_source *pin,
				     struct buf *armor, struct buf *status, bool *more,
				     struct err *err)
{
	struct buf text = BUF_INIT;
	int rc;

	*more = false;
	switch (r->kind) {
	case AGENT_KIND_SIGNED:
		buf_add_bytes(armor, r->first);
		buf_add_bytes(status, r->second);
		return AGENT_DONE;
	case AGENT_KIND_PIN:
	case AGENT_KIND_TOUCH:
		buf_add_bytes(&text, r->first);
		rc = answer(fd, r->kind, buf_str(&text), pin, err);
		buf_free(&text);
		*more = rc == 0;
		return AGENT_NO;
	case AGENT_KIND_ELSEWHERE:
		refused(r, err);
		return AGENT_NOT_THERE;
	default:
		refused(r, err);
		return AGENT_NO;
	}
}

/* *closed: it went away before it said anything, as one does that is about to end. */
static enum agent_outcome converse(int fd, struct bytes request, const struct pin_source *pin,
				   struct buf *armor, struct buf *status, bool *closed,
				   struct err *err)
{
	enum agent_outcome o = AGENT_NO;
	struct buf body = BUF_INIT;
	struct reply reply;
	bool more = true;

	if (agent_send(fd, request, SEND_MS, err) != 0) {
		*closed = true;
		return AGENT_NOT_THERE;
	}
	for (int i = 0; i < ANSWERS_MAX && more; i++) {
		if (agent_recv(fd, AGENT_FRAME_MAX, REPLY_MS, &body, closed, err) != 0) {
			err_prefix(err, "the agent");
			*closed = *closed && i == 0;
			o = *closed ? AGENT_NOT_THERE : AGENT_NO;
			break;
		}
		if (!parse_reply(buf_bytes(&body), AGENT_EXT_SIGN, &reply)) {
			err_set(err, ERR_IO,
				"the agent does not know this request: is it of another "
				"version? (gitsign-hsm agent stop)");
			o = AGENT_NOT_THERE;
			break;
		}
		o = take_reply(fd, &reply, pin, armor, status, &more, err);
	}
	buf_free(&body);
	return o;
}

enum agent_outcome agent_sign(const struct agent_ask *ask, const struct pin_source *pin,
			      int (*start)(struct err *err), struct buf *armor, struct buf *status,
			      struct err *err)
{
	enum agent_outcome o = AGENT_NOT_THERE;
	struct buf request = BUF_INIT;

	agent_ask_put(&request, ask);
	for (int tries = 0; tries < 3; tries++) {
		bool closed = false;
		int fd;

		if (rundir_connect(AGENT_SOCKET, &fd, err) != 0) {
			if (start == NULL || tries > 1 || start(err) != 0)
				break;
			continue;
		}
		o = converse(fd, buf_bytes(&request), pin, armor, status, &closed, err);
		close(fd);
		if (!closed)
			break;
	}
	buf_free(&request);
	return o;
}

static int connect_ssh(int *fd, struct err *err)
{
	const char *path = getenv("SSH_AUTH_SOCK");

	if (path == NULL || path[0] != '/')
		return err_set(err, ERR_IO, "hsm.agent is ssh, and SSH_AUTH_SOCK names no agent");
	return rundir_connect_path(path, fd, err);
}

enum agent_outcome agent_sign_forwarded(const struct agent_ask *ask, struct buf *armor,
					struct buf *status, struct err *err)
{
	enum agent_outcome o;
	struct buf request = BUF_INIT;
	bool closed = false;
	int fd;

	if (connect_ssh(&fd, err) != 0)
		return AGENT_NOT_THERE;
	agent_ask_put(&request, ask);
	o = converse(fd, buf_bytes(&request), NULL, armor, status, &closed, err);
	close(fd);
	buf_free(&request);
	return o;
}

int agent_ssh_request(struct bytes request, enum agent_message wanted, struct buf *reply,
		      struct err *err)
{
	struct buf body = BUF_INIT;
	bool closed;
	int fd, r = connect_ssh(&fd, err);

	if (r != 0)
		return r;
	r = agent_send(fd, request, SEND_MS, err);
	if (r == 0)
		r = agent_recv(fd, AGENT_SSH_FRAME_MAX, REPLY_MS, &body, &closed, err);
	close(fd);
	if (r == 0 && body.p[0] != (uint8_t)wanted)
		r = err_set(err, ERR_KEY, "the ssh-agent refuses (has it the key?)");
	if (r == 0)
		buf_add_bytes(reply, bytes_skip(buf_bytes(&body), 1));
	buf_free(&body);
	return r;
}

int agent_control(const char *verb, const char *argument, struct buf *out, struct err *err)
{
	struct buf b = BUF_INIT;
	struct reply reply;
	bool closed;
	int fd, r = rundir_connect(AGENT_SOCKET, &fd, err);

	if (r != 0)
		return err_prefix(err, "no agent");
	buf_add_byte(&b, AGENT_EXTENSION);
	wire_put_text(&b, AGENT_EXT_CONTROL);
	wire_put_text(&b, verb);
	wire_put_text(&b, argument);
	r = agent_send(fd, buf_bytes(&b), SEND_MS, err);
	if (r == 0)
		r = agent_recv(fd, AGENT_FRAME_MAX, SEND_MS, &b, &closed, err);
	if (r == 0 && !parse_reply(buf_bytes(&b), AGENT_EXT_CONTROL, &reply))
		r = err_set(err, ERR_IO, "the agent does not know this request");
	else if (r == 0 && reply.kind != AGENT_KIND_TEXT)
		r = refused(&reply, err);
	else if (r == 0)
		buf_add_bytes(out, reply.first);
	close(fd);
	buf_free(&b);
	return r;
}
