#include "base/wire.h"

#include <string.h>

#include "base/mem.h"

bool wire_byte(struct bytes *in, uint8_t *ret)
{
	if (in->n < 1)
		return false;
	*ret = in->p[0];
	*in = bytes_skip(*in, 1);
	return true;
}

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool wire_u32(struct bytes *in, uint32_t *ret)
{
	if (in->n < 4)
		return false;
	*ret = big_endian(in->p);
	*in = bytes_skip(*in, 4);
	return true;
}

bool wire_string(struct bytes *in, struct bytes *ret)
{
	struct bytes rest;
	uint32_t n;

	if (in->n < 4)
		return false;
	n = big_endian(in->p);
	rest = bytes_skip(*in, 4);
	if (n > rest.n)
		return false;
	*ret = bytes_of(rest.p, n);
	*in = bytes_skip(rest, n);
	return true;
}

bool wire_text(struct bytes *in, char **ret)
{
	struct bytes before = *in, v;

	if (!wire_string(in, &v))
		return false;
	if (v.n > 0 && memchr(v.p, '\0', v.n) != NULL) {
		*in = before;
		return false;
	}
	*ret = xstrndup(v.n > 0 ? (const char *)v.p : "", v.n);
	return true;
}

void wire_put_u32(struct buf *b, uint32_t v)
{
	const uint8_t p[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			       (uint8_t)v };

	buf_add(b, p, sizeof(p));
}

void wire_put_string(struct buf *b, struct bytes v)
{
	wire_put_u32(b, (uint32_t)v.n);
	buf_add_bytes(b, v);
}

void wire_put_text(struct buf *b, const char *s)
{
	wire_put_string(b, bytes_str(s != NULL ? s : ""));
}

void wire_put_mpint(struct buf *b, struct bytes m)
{
	while (m.n > 0 && m.p[0] == 0)
		m = bytes_skip(m, 1);
	if (m.n > 0 && m.p[0] >= 0x80) {
		wire_put_u32(b, (uint32_t)m.n + 1);
		buf_add_byte(b, 0);
		buf_add_bytes(b, m);
	} else {
		wire_put_string(b, m);
	}
}
