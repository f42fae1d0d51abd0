/* Commits, as git writes and reads them (commit.c, fsck.c). */
#include <stdlib.h>

#include "base/mem.h"
#include "base/pem.h"
#include "base/text.h"
#include "object/object_internal.h"

#define CHANGE_ID_CHARS 32
#define SIGNATURE_USUAL 4096

struct reader {
	struct bytes raw, rest;
	uint8_t hash_bytes;
	struct object_commit c;
	bool has_change_id;
	struct err *err;
};

static bool has_parent(const struct object_commit *c, const struct oid *id)
{
	for (size_t i = 0; i < c->parents_n; i++)
		if (oid_eq(&c->parents[i], id))
			return true;
	return false;
}

static int take_parents(struct reader *r)
{
	struct object_commit *c = &r->c;
	size_t cap = 0;
	struct oid id;

	while (bytes_starts(r->rest, BYTES_LIT("parent"))) {
		int rc = object_take_id(&r->rest, "parent", r->hash_bytes, &id, r->err);

		if (rc)
			return rc;
		if (has_parent(c, &id))
			return err_set(r->err, ERR_INPUT, "the same parent twice");
		if (c->parents_n == OBJECT_MAX_PARENTS)
			return err_set(r->err, ERR_INPUT, "more than %d parents",
				       OBJECT_MAX_PARENTS);
		if (c->parents_n == cap) {
			cap = cap ? 2 * cap : 2;
			c->parents = xreallocarray(c->parents, cap, sizeof(*c->parents));
		}
		c->parents[c->parents_n++] = id;
	}
	return 0;
}

/* Another encoding lets the same signed bytes read as another text. */
static int take_encoding(struct reader *r, struct bytes value)
{
	if (r->c.encoding.n > 0)
		return err_set(r->err, ERR_INPUT, "more than one encoding header");
	if (!text_eq_nocase(value, BYTES_LIT("utf-8")) && !text_eq_nocase(value, BYTES_LIT("utf8")))
		return object_bad(r->err, "an encoding other than UTF-8", value);
	r->c.encoding = value;
	return 0;
}

static int take_mergetag(struct reader *r, struct bytes value)
{
	struct buf text = BUF_INIT;
	struct object_tag tag;
	int rc;

	if (!object_unfold(value, &r->rest, &text)) {
		buf_free(&text);
		return object_bad(r->err, "a line of the mergetag has no end", r->rest);
	}
	rc = object_parse_tag(buf_bytes(&text), r->hash_bytes, &tag, r->err);
	if (rc) {
		err_prefix(r->err, "mergetag");
	} else {
		if (tag.target_type != OBJECT_COMMIT || !has_parent(&r->c, &tag.target))
			rc = object_bad(r->err, "a mergetag of something else than a parent",
					tag.name);
		object_tag_free(&tag);
		r->c.mergetags_n++;
	}
	buf_free(&text);
	return rc;
}

/*
 * GitHub writes an empty line behind the END of its OpenPGP signatures. It says
 * nothing, so it is let through there, once, and no reader of armors sees it.
 */
static void drop_empty_line(struct buf *armor)
{
	static const char end[] = "\n-----END PGP SIGNATURE-----\n\n";
	size_t n = sizeof(end) - 1;

	if (armor->n >= n && memcmp(armor->p + armor->n - n, end, n) == 0)
		armor->p[--armor->n] = '\0';
}

/*
 * As nearly all signatures are written, read at once: false when this one is not, and it is to
 * be read again, with its reason.
 */
static bool take_usual(struct reader *r, struct bytes value)
{
	struct bytes begin = BYTES_LIT("-----BEGIN SIGNED MESSAGE-----");
	struct bytes end = BYTES_LIT(" -----END SIGNED MESSAGE-----\n"), rest = r->rest;
	struct object_commit *c = &r->c;

	if (!bytes_eq(value, begin))
		return false;
	buf_add(&c->signature, value.p, value.n + 1); /* with its line's end */
	buf_reserve(&c->der, SIGNATURE_USUAL / 4 * 3);
	if (pem_take_folded(&rest, &c->signature, &c->der) &&
	    bytes_starts(rest, end)) {
		rest = bytes_skip(rest, end.n);
		if (rest.n == 0 || rest.p[0] != ' ') {
			buf_add_bytes(&c->signature, bytes_skip(end, 1));
			r->rest = rest;
			return true;
		}
	}
	buf_clear(&c->signature);
	buf_free(&c->der);
	return false;
}

/* `line` is the header's first line; what is signed is all but it and its continuation. */
static int take_signature(struct reader *r, struct bytes line, struct bytes value)
{
	struct buf *s = &r->c.signature;
	bool usual;

	if (s->n > 0)
		return err_set(r->err, ERR_INPUT, "more than one signature header");
	/* What most signatures fit in, at once. */
	buf_reserve(s, r->rest.n < SIGNATURE_USUAL ? r->rest.n + value.n : SIGNATURE_USUAL);
	usual = take_usual(r, value);
	if (!usual && !object_unfold(value, &r->rest, s))
		return object_bad(r->err, "a line of the signature has no end", r->rest);
	r->c.payload[0] = bytes_of(r->raw.p, (size_t)(line.p - r->raw.p));
	r->c.payload[1] = r->rest;
	if (usual)
		return 0;
	drop_empty_line(s);
	return object_armor_check(buf_bytes(s), r->err);
}

/* Jujutsu's name of a change, part of what is signed. */
static int take_change_id(struct reader *r, struct bytes value)
{
	if (r->has_change_id)
		return err_set(r->err, ERR_INPUT, "more than one change-id header");
	r->has_change_id = true;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 'k' || value.p[i] > 'z')
			return object_bad(r->err, "no change id", value);
	return value.n == CHANGE_ID_CHARS ? 0 : object_bad(r->err, "no change id", value);
}

static int take_extra(struct reader *r, struct bytes line)
{
	const char *signature = r->hash_bytes == 20 ? "gpgsig" : "gpgsig-sha256";
	struct bytes value;

	if (object_header(line, signature, &value))
		return take_signature(r, line, value);
	if (object_header(line, "mergetag", &value))
		return take_mergetag(r, value);
	if (object_header(line, "encoding", &value))
		return take_encoding(r, value);
	if (object_header(line, "change-id", &value))
		return take_change_id(r, value);
	return object_bad(r->err, "a header that is not known here", line);
}

static int take_extras(struct reader *r)
{
	struct bytes line;
	int rc = 0;

	while (rc == 0 && r->rest.n > 0 && r->rest.p[0] != '\n') {
		line = r->rest;
		if (!object_line(&r->rest, &line))
			return object_bad(r->err, "a header line has no end", line);
		rc = take_extra(r, line);
	}
	return rc ? rc : object_take_blank(&r->rest, "the headers", r->err);
}

static int parse(struct reader *r)
{
	struct object_commit *c = &r->c;
	int rc = object_check_raw(r->raw, r->hash_bytes, r->err);

	if (rc == 0)
		rc = object_take_id(&r->rest, "tree", r->hash_bytes, &c->tree, r->err);
	if (rc == 0)
		rc = take_parents(r);
	if (rc == 0)
		rc = object_take_ident(&r->rest, "author", &c->author, r->err);
	if (rc == 0)
		rc = object_take_ident(&r->rest, "committer", &c->committer, r->err);
	if (rc == 0)
		rc = take_extras(r);
	if (rc)
		return rc;
	c->message = r->rest;
	if (c->signature.n == 0)
		c->payload[0] = r->raw;
	return 0;
}

int object_parse_commit(struct bytes raw, uint8_t hash_bytes, struct object_commit *ret,
			struct err *err)
{
	struct reader r = { .raw = raw, .rest = raw, .hash_bytes = hash_bytes, .err = err };
	int rc = parse(&r);

	if (rc)
		object_commit_free(&r.c);
	else
		*ret = r.c;
	return rc;
}

void object_commit_free(struct object_commit *c)
{
	free(c->parents);
	c->parents = NULL;
	c->parents_n = 0;
	buf_free(&c->signature);
	buf_free(&c->der);
}
