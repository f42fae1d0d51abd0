/* Tags, as git writes and fsck checks them (builtin/tag.c, fsck.c). */
#include "base/mem.h"
#include "object/object_internal.h"

static int take_type(struct bytes *rest, enum object_type *ret, struct err *err)
{
	struct bytes line = *rest, value;

	if (!object_line(rest, &line) || !object_header(line, "type", &value))
		return object_bad(err, "no \"type\" line", line);
	*ret = object_type_of(value);
	return *ret == OBJECT_NONE ? object_bad(err, "no type of object", value) : 0;
}

/* A name that can be no ref's is another name to whoever makes it one. */
static bool name_ok(struct bytes name)
{
	struct buf ref = BUF_INIT;
	bool ok;

	buf_add_str(&ref, "refs/tags/");
	buf_add_bytes(&ref, name);
	ok = object_ref_ok(buf_bytes(&ref));
	buf_free(&ref);
	return ok;
}

static int take_name(struct bytes *rest, struct bytes *ret, struct err *err)
{
	struct bytes line = *rest;

	if (!object_line(rest, &line) || !object_header(line, "tag", ret))
		return object_bad(err, "no \"tag\" line", line);
	return name_ok(*ret) ? 0 : object_bad(err, "no name for a tag", *ret);
}

static int take_tagger(struct bytes *rest, struct object_tag *t, struct err *err)
{
	t->has_tagger = bytes_starts(*rest, BYTES_LIT("tagger"));
	return t->has_tagger ? object_take_ident(rest, "tagger", &t->tagger, err) : 0;
}

int object_parse_tag(struct bytes raw, uint8_t hash_bytes, struct object_tag *ret, struct err *err)
{
	struct object_tag t = { .has_tagger = false };
	struct bytes rest = raw, armor;
	int rc = object_check_raw(raw, hash_bytes, err);

	if (rc == 0)
		rc = object_take_id(&rest, "object", hash_bytes, &t.target, err);
	if (rc == 0)
		rc = take_type(&rest, &t.target_type, err);
	if (rc == 0)
		rc = take_name(&rest, &t.name, err);
	if (rc == 0)
		rc = take_tagger(&rest, &t, err);
	if (rc == 0)
		rc = object_take_blank(&rest, t.has_tagger ? "tagger" : "tag", err);
	if (rc == 0)
		rc = object_armor_split(rest, &t.message, &armor, err);
	if (rc)
		return rc;
	t.payload[0] = bytes_of(raw.p, raw.n - armor.n);
	buf_add_bytes(&t.signature, armor);
	*ret = t;
	return 0;
}

void object_tag_free(struct object_tag *t)
{
	buf_free(&t->signature);
}
