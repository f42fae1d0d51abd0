#include "repo/pack.h"

#include <libdeflate.h>
#include <string.h>

#define ID_SIZE 20
#define INDEX_HEADER 8
#define FANOUT_SIZE 1024
#define PACK_HEADER 12
#define LARGE 0x80000000u

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* --- the index ------------------------------------------------------------------------ */

/* Each place of the fanout: how many ids begin with this byte or a smaller one. */
static bool fanout_ok(const uint8_t *fanout, uint32_t *n)
{
	uint32_t before = 0;

	for (size_t i = 0; i < 256; i++) {
		uint32_t up_to = be32(fanout + 4 * i);

		if (up_to < before)
			return false;
		before = up_to;
	}
	*n = before;
	return true;
}

bool pack_index_open(struct bytes file, struct pack_index *ret)
{
	static const uint8_t magic[INDEX_HEADER] = { 0xff, 't', 'O', 'c', 0, 0, 0, 2 };
	uint64_t fixed = INDEX_HEADER + FANOUT_SIZE + 2 * ID_SIZE, rest;
	uint32_t n;

	if (file.n < fixed || memcmp(file.p, magic, sizeof(magic)) != 0 ||
	    !fanout_ok(file.p + INDEX_HEADER, &n))
		return false;
	/* An id, a checksum and an offset each, and large offsets, which not all can have. */
	rest = file.n - fixed;
	if (rest / (ID_SIZE + 8) < n)
		return false;
	rest -= (uint64_t)n * (ID_SIZE + 8);
	if (rest % 8 != 0 || (rest > 0 && rest / 8 >= n))
		return false;
	ret->n = n;
	ret->large_n = (uint32_t)(rest / 8);
	ret->fanout = file.p + INDEX_HEADER;
	ret->ids = ret->fanout + FANOUT_SIZE;
	ret->offsets = ret->ids + (size_t)n * (ID_SIZE + 4);
	ret->large = ret->offsets + (size_t)n * 4;
	return true;
}

static bool offset_of(const struct pack_index *x, uint32_t i, uint64_t *ret)
{
	uint32_t v = be32(x->offsets + (size_t)i * 4);
	const uint8_t *p;

	if (!(v & LARGE)) {
		*ret = v;
		return true;
	}
	v &= ~LARGE;
	if (v >= x->large_n)
		return false;
	p = x->large + (size_t)v * 8;
	*ret = (uint64_t)be32(p) << 32 | be32(p + 4);
	return true;
}

bool pack_index_find(const struct pack_index *x, const struct oid *id, uint64_t *offset)
{
	uint32_t low = id->b[0] ? be32(x->fanout + 4 * (id->b[0] - 1)) : 0;
	uint32_t high = be32(x->fanout + 4 * id->b[0]);

	if (id->n != ID_SIZE)
		return false;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = memcmp(id->b, x->ids + (size_t)mid * ID_SIZE, ID_SIZE);

		if (c == 0)
			return offset_of(x, mid, offset);
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

/* --- the pack ------------------------------------------------------------------------- */

bool pack_open(struct bytes file, uint32_t objects)
{
	uint32_t version;

	if (file.n < PACK_HEADER + ID_SIZE || memcmp(file.p, "PACK", 4) != 0)
		return false;
	version = be32(file.p + 4);
	return (version == 2 || version == 3) && be32(file.p + 8) == objects;
}

/* Three bits of type and the size, low bits first. */
static bool entry_header(struct bytes *v, enum object_type *type, uint64_t *size)
{
	static const enum object_type types[8] = {
		[1] = OBJECT_COMMIT, [2] = OBJECT_TREE, [3] = OBJECT_BLOB, [4] = OBJECT_TAG
	};
	uint8_t c = v->p[0];
	size_t i = 1;

	*type = types[c >> 4 & 7];
	*size = c & 15;
	for (unsigned shift = 4; c & 0x80; shift += 7, i++) {
		if (i == v->n || shift > 63 - 7)
			return false;
		c = v->p[i];
		*size |= (uint64_t)(c & 0x7f) << shift;
	}
	*v = bytes_skip(*v, i);
	return *type != OBJECT_NONE;
}

bool pack_entry_read(struct bytes pack, uint64_t offset, struct libdeflate_decompressor *z,
		     size_t max, enum object_type *type, struct buf *content)
{
	uint64_t end = pack.n - ID_SIZE, size;
	struct bytes v;

	if (offset < PACK_HEADER || offset >= end)
		return false;
	v = bytes_of(pack.p + offset, (size_t)(end - offset));
	if (!entry_header(&v, type, &size) || size > max || size > BUF_MAX / 2)
		return false;
	/* Without a place for the real size it must be this one, or it is an error. */
	if (libdeflate_zlib_decompress(z, v.p, v.n, buf_reserve(content, (size_t)size),
				       (size_t)size, NULL) != LIBDEFLATE_SUCCESS)
		return false;
	content->n += (size_t)size;
	return true;
}
