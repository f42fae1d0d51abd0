/* Object ids and the names of object types. */
#include <stdio.h>
#include <string.h>

#include "base/alg.h"
#include "object/object.h"

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

/* Value + 1 of a lower-case hexadecimal digit, 0 for everything else. */
static const uint8_t hex_values[256] = {
	['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool oid_parse(struct bytes hex, struct oid *ret)
{
	struct oid o = { .n = (uint8_t)(hex.n / 2) };

	if (hex.n != 40 && hex.n != 64)
		return false;
	for (size_t i = 0; i < o.n; i++) {
		unsigned hi = hex_values[hex.p[2 * i]], lo = hex_values[hex.p[2 * i + 1]];

		if (!hi || !lo)
			return false;
		o.b[i] = (uint8_t)((hi - 1) << 4 | (lo - 1));
	}
	*ret = o;
	return true;
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

bool oid_of_object(enum object_type t, struct bytes content, uint8_t hash_bytes, struct oid *ret)
{
	enum alg_hash h = hash_bytes == 20 ? HASH_SHA1 : HASH_SHA256;
	uint8_t md[HASH_MAX_SIZE];
	char head[40];
	struct bytes v[2];
	int n;

	if ((hash_bytes != 20 && hash_bytes != 32) || t < OBJECT_COMMIT || t > OBJECT_TAG)
		return false;
	n = snprintf(head, sizeof(head), "%s %zu", object_type_name(t), content.n);
	v[0] = bytes_of(head, (size_t)n + 1); /* with its NUL */
	v[1] = content;
	if (!alg_digest(h, v, 2, md))
		return false;
	*ret = (struct oid){ .n = hash_bytes };
	memcpy(ret->b, md, hash_bytes);
	return true;
}
