/*
 * Objects, push certificates and names of refs. The first byte chooses: '0' a commit,
 * '1' a tag, '2' a certificate, '3' a ref, '4' and '5' commit and tag with SHA-256.
 */
#include <stdlib.h>

#include "base/pem.h"
#include "object/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void inside(struct bytes raw, struct bytes v)
{
	must(v.n == 0 || (v.p >= raw.p && v.p + v.n <= raw.p + raw.n));
}

/* The header of a signature: its name, and a space in front of each further line. */
static size_t header_size(struct bytes key, struct bytes signature)
{
	size_t n = key.n + 1 + signature.n - 1;

	for (size_t i = 0; i < signature.n; i++)
		n += signature.p[i] == '\n';
	return n;
}

static void check_ident(struct bytes raw, const struct object_ident *id)
{
	inside(raw, id->name);
	inside(raw, id->email);
	must(id->when >= 0);
	for (size_t i = 0; i < id->email.n; i++)
		must(id->email.p[i] >= ' ' && id->email.p[i] != '<' && id->email.p[i] != '>');
}

/* What the armor holds, written again, is read as the same. */
static void check_armor(struct bytes armor)
{
	struct buf der = BUF_INIT, again = BUF_INIT, back = BUF_INIT;

	if (pem_read_one(armor, PEM_SIGNED_MESSAGE, false, &der, NULL) == 0) {
		pem_write(&again, PEM_SIGNED_MESSAGE, buf_bytes(&der));
		must(pem_read_one(buf_bytes(&again), PEM_SIGNED_MESSAGE, false, &back, NULL) == 0);
		must(bytes_eq(buf_bytes(&der), buf_bytes(&back)));
	} else {
		must(der.n == 0);
	}
	buf_free(&der);
	buf_free(&again);
	buf_free(&back);
}

static void check_signature(const struct buf *signature)
{
	static const char end[] = "-----\n";

	must(bytes_starts(buf_bytes(signature), BYTES_LIT("-----BEGIN ")));
	must(signature->n > 32 && memcmp(signature->p + signature->n - 6, end, 6) == 0);
	check_armor(buf_bytes(signature));
}

/* What the fast way read is what the strict reader of armors reads. */
static void check_der(const struct object_commit *c)
{
	struct buf der = BUF_INIT;

	if (c->der.n > 0) {
		must(pem_read_one(buf_bytes(&c->signature), PEM_SIGNED_MESSAGE, false, &der,
				  NULL) == 0);
		must(bytes_eq(buf_bytes(&der), buf_bytes(&c->der)));
	}
	buf_free(&der);
}

/* No byte is outside both what is signed and the signature. */
static void check_commit(struct bytes raw, uint8_t hash_bytes)
{
	struct bytes key = hash_bytes == 20 ? BYTES_LIT("gpgsig") : BYTES_LIT("gpgsig-sha256");
	struct object_commit c;
	size_t signed_n, header, github = 2;

	if (object_parse_commit(raw, hash_bytes, &c, NULL))
		return;
	signed_n = c.payload[0].n + c.payload[1].n;
	inside(raw, c.payload[0]);
	inside(raw, c.payload[1]);
	inside(raw, c.message);
	inside(raw, c.encoding);
	check_ident(raw, &c.author);
	check_ident(raw, &c.committer);
	must(c.payload[0].p == raw.p && c.parents_n <= OBJECT_MAX_PARENTS);
	if (c.signature.n) {
		header = header_size(key, buf_bytes(&c.signature));
		check_signature(&c.signature);
		check_der(&c);
		must(signed_n + header == raw.n || signed_n + header + github == raw.n);
		must(c.payload[1].p + c.payload[1].n == raw.p + raw.n);
	} else {
		must(signed_n == raw.n);
	}
	object_commit_free(&c);
}

static void check_tag(struct bytes raw, uint8_t hash_bytes)
{
	struct object_tag t;

	if (object_parse_tag(raw, hash_bytes, &t, NULL))
		return;
	inside(raw, t.name);
	inside(raw, t.message);
	if (t.has_tagger)
		check_ident(raw, &t.tagger);
	must(t.payload[0].p == raw.p && t.payload[1].n == 0);
	must(t.payload[0].n + t.signature.n == raw.n);
	if (t.signature.n)
		check_signature(&t.signature);
	object_tag_free(&t);
}

static void check_cert(struct bytes raw)
{
	struct object_push_cert c;
	struct object_command command;
	struct bytes value;

	if (object_parse_push_cert(raw, &c, NULL))
		return;
	must(c.commands_n > 0 && c.nonce.n > 0 && c.pusher.n > 0);
	inside(raw, c.commands);
	inside(raw, c.options);
	must(c.payload[0].p == raw.p && c.payload[0].n + c.signature.n == raw.n);
	if (c.signature.n)
		check_signature(&c.signature);
	for (; c.commands_n > 0; c.commands_n--) {
		must(object_push_cert_command(&c.commands, &command));
		must(command.old.n == command.new_.n && object_ref_ok(command.ref));
	}
	for (; c.options_n > 0; c.options_n--)
		must(object_push_cert_option(&c.options, &value));
	must(c.commands.n == 0 && c.options.n == 0);
	object_push_cert_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes raw;

	if (size == 0)
		return 0;
	raw = bytes_of(data + 1, size - 1);
	switch (data[0]) {
	case '0':
	case '4':
		check_commit(raw, data[0] == '0' ? 20 : 32);
		break;
	case '1':
	case '5':
		check_tag(raw, data[0] == '1' ? 20 : 32);
		break;
	case '2':
		check_cert(raw);
		break;
	default:
		if (object_ref_ok(raw))
			must(raw.n > 5 && !memchr(raw.p, '\0', raw.n) &&
			     !memchr(raw.p, '\n', raw.n));
	}
	return 0;
}
