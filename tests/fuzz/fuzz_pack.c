/*
 * An index and a pack: two bytes that say how long the index is, the index, the pack. Each
 * object that the index names is read; what there is of it has the size that it says.
 */
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "repo/pack.h"

#define MAX ((size_t)1 << 20)
#define OBJECTS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void read_one(const struct pack_index *x, const struct oid *id, struct bytes pack)
{
	static struct libdeflate_decompressor *z;
	enum object_type type = OBJECT_NONE;
	struct buf content = BUF_INIT;
	uint64_t at;

	if (!z)
		z = libdeflate_alloc_decompressor();
	buf_add_str(&content, "kept");
	if (pack_index_find(x, id, &at) && pack_entry_read(pack, at, z, MAX, &type, &content))
		must(type >= OBJECT_COMMIT && type <= OBJECT_TAG && content.n <= MAX + 4);
	else
		must(content.n == 4);
	must(memcmp(content.p, "kept", 4) == 0);
	buf_free(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes all = bytes_of(data, size), index, pack;
	struct pack_index x;
	size_t n = size < 2 ? 0 : (size_t)data[0] << 8 | data[1];

	if (size < 2 || n > size - 2)
		return 0;
	index = bytes_of(data + 2, n);
	pack = bytes_skip(all, n + 2);
	if (!pack_index_open(index, &x) || !pack_open(pack, x.n))
		return 0;
	for (uint32_t i = 0; i < x.n && i < OBJECTS; i++) {
		struct oid id = { .n = 20 };

		memcpy(id.b, x.ids + (size_t)i * 20, 20);
		read_one(&x, &id, pack);
		id.b[19] ^= 1;
		read_one(&x, &id, pack);
	}
	return 0;
}
