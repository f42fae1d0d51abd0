/* Object ids and the names of object types. */
#include <string.h>

#include "base/alg.h"
#include "object/object.h"

#define OBJECT_HEAD_MAX 32

static const char *const type_names[] = {
	[OBJECT_NONE] = "nothing", [OBJECT_COMMIT] = "commit", [OBJECT_TREE] = "tree",
	[OBJECT_BLOB] = "blob",	   [OBJECT_TAG] = "tag",
};

const char *object_type_name(enum object_type t)
{
	if ((size_t)t >= sizeof(type_names) / sizeof(type_names[0]))
		return type_names[OBJECT_NONE];
	return type_names[t];
}

enum object_type object_type_of(struct bytes name)
{
	for (enum object_type t = OBJECT_COMMIT; t <= OBJECT_TAG; t++)
		if (bytes_eq_str(name, type_names[t]))
			return t;
	return OBJECT_NONE;
}

/* 16 + the value of a lower-case hexadecimal digit, 0 for everything else. */
static const uint8_t hex_values[256] = {
	['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21,
	['6'] = 22, ['7'] = 23, ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27,
	['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
};

bool oid_parse(struct bytes hex, struct oid *ret)
{
	struct oid o = { .n = (uint8_t)(hex.n / 2) };
	unsigned good = 16;

	if (hex.n != 40 && hex.n != 64)
		return false;
	for (size_t i = 0; i < o.n; i++) {
		unsigned hi = hex_values[hex.p[2 * i]], lo = hex_values[hex.p[2 * i + 1]];

		good &= hi & lo;
		o.b[i] = (uint8_t)(hi << 4 | (lo & 15));
	}
	if (good)
		*ret = o;
	return good;
}

const char *oid_hex(const struct oid *o, char out[OID_HEX_MAX])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = o->n <= sizeof(o->b) ? o->n : sizeof(o->b);

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[o->b[i] >> 4];
		out[2 * i + 1] = digits[o->b[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

bool oid_is_null(const struct oid *o)
{
	uint8_t any = 0;

	for (size_t i = 0; i < o->n && i < sizeof(o->b); i++)
		any |= o->b[i];
	return any == 0;
}

bool oid_eq(const struct oid *a, const struct oid *b)
{
	return a->n == b->n && memcmp(a->b, b->b, a->n) == 0;
}

/* "TYPE SIZE" with its NUL, which an id begins with. Made for each object that is read: no printf. */
static struct bytes object_head(enum object_type t, size_t size, char head[OBJECT_HEAD_MAX])
{
	char *end = head + OBJECT_HEAD_MAX, *p = end;
	struct bytes name = bytes_str(object_type_name(t));

	*--p = '\0';
	do
		*--p = (char)('0' + size % 10);
	while ((size /= 10) > 0);
	*--p = ' ';
	p -= name.n;
	memcpy(p, name.p, name.n);
	return bytes_of(p, (size_t)(end - p));
}

bool oid_of_parts(enum object_type t, const struct bytes *parts, size_t n, uint8_t hash_bytes,
		  struct oid *ret)
{
	enum alg_hash h = hash_bytes == 20 ? HASH_SHA1 : HASH_SHA256;
	uint8_t md[HASH_MAX_SIZE];
	char head[OBJECT_HEAD_MAX];
	struct bytes v[1 + OID_PARTS_MAX];
	size_t size = 0;

	if ((hash_bytes != 20 && hash_bytes != 32) || t < OBJECT_COMMIT || t > OBJECT_TAG ||
	    n > OID_PARTS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		v[1 + i] = parts[i];
		size += parts[i].n;
	}
	v[0] = object_head(t, size, head);
	if (!alg_digest(h, v, 1 + n, md))
		return false;
	*ret = (struct oid){ .n = hash_bytes };
	memcpy(ret->b, md, hash_bytes);
	return true;
}

bool oid_of_object(enum object_type t, struct bytes content, uint8_t hash_bytes, struct oid *ret)
{
	return oid_of_parts(t, &content, 1, hash_bytes, ret);
}
