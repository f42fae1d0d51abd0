/* What a payload says, for people and for the log. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "consent.h"

#define SUBJECT_MAX 100
#define NAME_SHOWN 200
#define REF_SHOWN 1000 /* no hook of ours takes a longer one */
#define REFS_MAX 5
#define SHORT_HEX 12

static void add_cut(struct buf *out, struct bytes v, size_t max)
{
	bool cut = v.n > max;

	text_escape(out, bytes_of(v.p, cut ? max : v.n));
	buf_add_str(out, cut ? "..." : "");
}

static void add_quoted(struct buf *out, struct bytes v, size_t max)
{
	buf_add_byte(out, '"');
	add_cut(out, v, max);
	buf_add_byte(out, '"');
}

static struct bytes first_line(struct bytes v)
{
	const uint8_t *lf = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;

	return lf != NULL ? bytes_of(v.p, (size_t)(lf - v.p)) : v;
}

static void add_oid(struct buf *out, const char *what, const struct oid *o)
{
	char hex[OID_HEX_MAX];

	buf_addf(out, "%s %.*s", what, SHORT_HEX, oid_hex(o, hex));
}

static void add_ident(struct buf *out, const char *what, const struct object_ident *i)
{
	buf_addf(out, "\n  %s: ", what);
	add_cut(out, i->name, NAME_SHOWN);
	buf_add_str(out, " <");
	add_cut(out, i->email, NAME_SHOWN);
	buf_add_byte(out, '>');
}

static uint8_t hash_bytes(struct bytes payload, size_t at)
{
	return payload.n > at + 64 && payload.p[at + 40] != '\n' ? 32 : 20;
}

static int read_commit(struct bytes payload, struct facts *f, struct buf *text, bool *is_signed,
		       struct err *err)
{
	struct object_commit c;
	int r;

	f->hash_bytes = hash_bytes(payload, 5);
	r = object_parse_commit(payload, f->hash_bytes, &c, err);
	if (r != 0)
		return r;
	*is_signed = c.signature.n > 0;
	if (c.parents_n > 0)
		f->first_parent = c.parents[0];
	buf_add_str(text, "commit ");
	add_quoted(text, first_line(c.message), SUBJECT_MAX);
	add_ident(text, "author", &c.author);
	add_ident(text, "committer", &c.committer);
	add_oid(text, "\n  tree", &c.tree);
	if (c.parents_n > 0)
		add_oid(text, ", parent", &c.parents[0]);
	if (c.parents_n > 1)
		buf_addf(text, " and %zu more", c.parents_n - 1);
	object_commit_free(&c);
	return 0;
}

static int read_tag(struct bytes payload, struct facts *f, struct buf *text, bool *is_signed,
		    struct err *err)
{
	struct object_tag t;
	int r;

	f->hash_bytes = hash_bytes(payload, 7);
	r = object_parse_tag(payload, f->hash_bytes, &t, err);
	if (r != 0)
		return r;
	*is_signed = t.signature.n > 0;
	buf_add_str(text, "tag ");
	add_quoted(text, t.name, SUBJECT_MAX);
	buf_addf(text, " of %s", object_type_name(t.target_type));
	add_oid(text, "", &t.target);
	if (t.has_tagger)
		add_ident(text, "tagger", &t.tagger);
	object_tag_free(&t);
	return 0;
}

static void add_commands(struct buf *text, struct bytes commands, size_t n)
{
	struct object_command c;

	for (size_t i = 0; i < REFS_MAX && object_push_cert_command(&commands, &c); i++) {
		buf_add_str(text, "\n  ");
		add_cut(text, c.ref, REF_SHOWN);
		add_oid(text, " from", &c.old);
		add_oid(text, " to", &c.new_);
	}
	if (n > REFS_MAX)
		buf_addf(text, "\n  and %zu more", n - REFS_MAX);
}

static int read_push(struct bytes payload, struct buf *text, bool *is_signed, struct err *err)
{
	struct object_push_cert p;
	int r = object_parse_push_cert(payload, &p, err);

	if (r != 0)
		return r;
	*is_signed = p.signature.n > 0;
	buf_addf(text, "push of %zu refs", p.commands_n);
	if (p.pushee.n > 0) {
		buf_add_str(text, " to ");
		add_quoted(text, p.pushee, 200);
	}
	add_commands(text, p.commands, p.commands_n);
	object_push_cert_free(&p);
	return 0;
}

int facts_read(enum agent_purpose purpose, struct bytes payload, struct facts *ret, struct err *err)
{
	struct facts f = { .purpose = purpose };
	struct buf text = BUF_INIT;
	bool is_signed = false;
	int r;

	if (purpose == AGENT_COMMIT)
		r = read_commit(payload, &f, &text, &is_signed, err);
	else if (purpose == AGENT_TAG)
		r = read_tag(payload, &f, &text, &is_signed, err);
	else
		r = read_push(payload, &text, &is_signed, err);
	if (r == 0 && is_signed)
		r = err_set(err, ERR_INPUT, "it is signed already");
	if (r != 0) {
		buf_free(&text);
		return err_prefix(err, "the agent signs git objects only, and this is no %s",
				  agent_purpose_name(purpose));
	}
	f.text = buf_detach(&text);
	*ret = f;
	return 0;
}

void facts_free(struct facts *f)
{
	free(f->text);
	f->text = NULL;
}

/* git commit.c, add_header_signature(): behind the headers, each line but the first
 * behind a space. */
static void add_signature(struct buf *out, const char *header, struct bytes armor)
{
	buf_add_str(out, header);
	while (armor.n > 0) {
		struct bytes line = first_line(armor);

		buf_add_byte(out, ' ');
		buf_add_bytes(out, line);
		buf_add_byte(out, '\n');
		armor = bytes_skip(armor, line.n < armor.n ? line.n + 1 : line.n);
	}
}

/* In parts, as a payload may be large. */
static bool commit_id(const struct facts *f, struct bytes payload, struct bytes armor,
		      struct oid *ret)
{
	const uint8_t *end = memmem(payload.p, payload.n, "\n\n", 2);
	size_t at = end != NULL ? (size_t)(end - payload.p) + 1 : payload.n;
	struct buf signature = BUF_INIT;
	struct bytes parts[3];
	bool ok;

	add_signature(&signature, f->hash_bytes == 20 ? "gpgsig" : "gpgsig-sha256", armor);
	parts[0] = bytes_of(payload.p, at);
	parts[1] = buf_bytes(&signature);
	parts[2] = bytes_skip(payload, at);
	ok = oid_of_parts(OBJECT_COMMIT, parts, 3, f->hash_bytes, ret);
	buf_free(&signature);
	return ok;
}

void facts_object(const struct facts *f, struct bytes payload, struct bytes armor, struct oid *ret)
{
	const struct bytes tag[] = { payload, armor };

	ret->n = 0;
	if (f->purpose == AGENT_COMMIT && !commit_id(f, payload, armor, ret))
		ret->n = 0;
	if (f->purpose == AGENT_TAG && !oid_of_parts(OBJECT_TAG, tag, 2, f->hash_bytes, ret))
		ret->n = 0;
}
