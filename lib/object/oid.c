#include <stdio.h>

#include "base/alg.h"
#include "base/text.h"
#include "object/object.h"

static const char *const type_names[] = {
	[OBJECT_COMMIT] = "commit",
	[OBJECT_TREE] = "tree",
	[OBJECT_BLOB] = "blob",
	[OBJECT_TAG] = "tag",
};

const char *object_type_name(enum object_type t)
{
	return t >= OBJECT_COMMIT && t <= OBJECT_TAG ? type_names[t] : "unknown";
}

enum object_type object_type_of(struct bytes name)
{
	for (int t = OBJECT_COMMIT; t <= OBJECT_TAG; t++) {
		if (bytes_eq_str(name, type_names[t]))
			return (enum object_type)t;
	}
	return OBJECT_NONE;
}

bool oid_parse(struct bytes hex, struct oid *ret)
{
	struct oid o = { 0 };

	if (hex.n != 40 && hex.n != 64)
		return false;
	for (size_t i = 0; i < hex.n; i++) {
		if (hex.p[i] >= 'A' && hex.p[i] <= 'F')
			return false;
	}
	o.n = (uint8_t)(hex.n / 2);
	if (!text_unhex(hex, o.b, o.n))
		return false;
	*ret = o;
	return true;
}

const char *oid_hex(const struct oid *o, char out[OID_HEX_MAX])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < o->n; i++) {
		out[2 * i] = digit[o->b[i] >> 4];
		out[2 * i + 1] = digit[o->b[i] & 15];
	}
	out[2 * o->n] = '\0';
	return out;
}

bool oid_is_null(const struct oid *o)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->b[i] != 0)
			return false;
	}
	return true;
}

bool oid_eq(const struct oid *a, const struct oid *b)
{
	return a->n == b->n && memcmp(a->b, b->b, a->n) == 0;
}

bool oid_of_object(enum object_type t, struct bytes content, uint8_t hash_bytes, struct oid *ret)
{
	enum alg_hash h = hash_bytes == 20 ? HASH_SHA1 : HASH_SHA256;
	uint8_t digest[HASH_MAX_SIZE];
	struct bytes pieces[2];
	char head[48];
	int n = snprintf(head, sizeof(head), "%s %zu", object_type_name(t), content.n);

	if ((hash_bytes != 20 && hash_bytes != 32) || n < 0)
		return false;
	pieces[0] = bytes_of(head, (size_t)n + 1); /* with the NUL */
	pieces[1] = content;
	if (!alg_digest(h, pieces, 2, digest))
		return false;
	*ret = (struct oid){ .n = hash_bytes };
	memcpy(ret->b, digest, hash_bytes);
	return true;
}
