#include "cred/wire.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/os.h"

#define MAGIC "ghc1"

static void put_u32(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static size_t get_u32(const uint8_t *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

void cred_frame_write(struct secret *out, const struct cred_frame *f)
{
	uint8_t head[CRED_FRAME_HEAD] = { 'g', 'h', 'c', '1', (uint8_t)f->code };

	put_u32(head + 8, f->id.n);
	put_u32(head + 12, f->body.n);
	secret_add(out, head, sizeof(head));
	secret_add(out, f->id.p, f->id.n);
	secret_add(out, f->body.p, f->body.n);
}

size_t cred_frame_size(struct bytes head)
{
	size_t id, body;

	if (head.n < CRED_FRAME_HEAD || !bytes_starts(head, BYTES_LIT(MAGIC)) || head.p[5] != 0 ||
	    head.p[6] != 0 || head.p[7] != 0)
		return 0;
	id = get_u32(head.p + 8);
	body = get_u32(head.p + 12);
	if (id > CRED_FRAME_ID_MAX || body > CRED_FRAME_BODY_MAX)
		return 0;
	return CRED_FRAME_HEAD + id + body;
}

int cred_frame_parse(struct bytes whole, struct cred_frame *ret, struct err *err)
{
	size_t n = cred_frame_size(whole);

	if (n == 0 || n != whole.n)
		return err_set(err, ERR_INPUT, "the store's words are not understood");
	ret->code = whole.p[4];
	ret->id = bytes_of(whole.p + CRED_FRAME_HEAD, get_u32(whole.p + 8));
	ret->body = bytes_of(ret->id.p + ret->id.n, get_u32(whole.p + 12));
	return 0;
}

/* Up to `want` bytes into `space`; ERR_IO at the end of what is sent. */
static int fill(int fd, int64_t deadline, size_t want, struct secret *space, struct err *err)
{
	uint8_t some[4096];
	int r = 0;

	while (r == 0 && space->n < want) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - os_monotonic_ms();
		size_t more = want - space->n;
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
		ssize_t n;

		if (ready == 0)
			return err_set(err, ERR_IO, "the store does not answer");
		if (ready < 0 && errno == EINTR)
			continue; /* a read now might wait for ever */
		n = read(fd, some, more < sizeof(some) ? more : sizeof(some));
		if (n > 0)
			secret_add(space, some, (size_t)n);
		else if (n == 0)
			r = err_set(err, ERR_IO, "the store ended before it had answered");
		else if (errno != EINTR && errno != EAGAIN)
			r = err_errno(err, ERR_IO, "cannot read what the store says");
	}
	mem_wipe(some, sizeof(some));
	return r;
}

int cred_frame_read(int fd, int timeout_ms, struct secret *space, struct cred_frame *ret,
		    struct err *err)
{
	int64_t deadline = os_monotonic_ms() + timeout_ms;
	size_t n;
	int r;

	secret_free(space);
	r = fill(fd, deadline, CRED_FRAME_HEAD, space, err);
	if (r != 0)
		return r;
	n = cred_frame_size(bytes_of(space->p, space->n));
	if (n == 0)
		return err_set(err, ERR_INPUT, "the store's words are not understood");
	r = fill(fd, deadline, n, space, err);
	return r != 0 ? r : cred_frame_parse(bytes_of(space->p, space->n), ret, err);
}
