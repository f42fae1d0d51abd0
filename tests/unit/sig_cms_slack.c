/*
 * No room for more: a message into which something is put at the end of any of its lists is
 * refused, wherever that is, by what is read of it before any signature is checked.
 */
#include "tests/unit/cms_judge.h"

/* Where the walk is: tags from the outside in, and which child each is of the one around it. */
#define DEPTH_MAX 24

struct walk {
	uint8_t tag[DEPTH_MAX];
	size_t child[DEPTH_MAX];
	size_t depth;
	size_t at, place; /* the list that grows, of those that may */
};

/* Below ContentInfo, [0] and SignedData. */
#define OF_DATA 3

static bool in(const struct walk *w, size_t depth, uint8_t tag)
{
	return w->depth > depth && w->tag[depth] == tag;
}

/* Bytes that are compared, hashed or passed over as a whole. */
static bool is_closed(const struct walk *w)
{
	if (in(w, OF_DATA, DER_CONTEXT_CONSTRUCTED(0)) && w->depth > OF_DATA + 1)
		return true; /* certificates */
	/* SignerInfos, SignerInfo, unsigned attributes, attribute, SET, value */
	return in(w, OF_DATA + 2, DER_CONTEXT_CONSTRUCTED(1)) && w->depth > OF_DATA + 5;
}

static void copy(struct buf *out, struct bytes v, struct walk *w)
{
	struct der_item item;
	size_t child = 0, mark;

	while (v.n > 0) {
		ck_assert(der_next(&v, &item) && w->depth < DEPTH_MAX);
		w->tag[w->depth] = item.tag;
		w->child[w->depth] = child++;
		w->depth++;
		if ((item.tag & 0x20) && !is_closed(w)) {
			mark = der_open(out, item.tag);
			copy(out, item.value, w);
			if (w->place++ == w->at)
				der_put(out, DER_UTF8_STRING, BYTES_LIT("x"));
			der_close(out, mark);
		} else {
			buf_add_bytes(out, item.whole);
		}
		w->depth--;
	}
}

/* The signer is named by what stands in a certificate: another name is nobody's. */
static int read_all(struct bytes der, struct err *err)
{
	struct cms c;
	int rc = cms_parse(der, &c, err);

	if (rc == 0 && cms_signer_index(&c) < 0)
		rc = err_set(err, ERR_BAD, "no such signer");
	if (rc == 0)
		cms_free(&c);
	return rc;
}

static void add_attrs(struct buf *b, struct forge *f)
{
	struct buf sid = BUF_INIT, serial = BUF_INIT;
	struct der_item seq, issuer;
	struct bytes v;
	size_t m, names;

	forge_protection_attr(b, alg_hash_oid(HASH_SHA256),
			      alg_signature_oid(KEY_P256, HASH_SHA256));
	/* RC2, 128 bits */
	forge_attr(b, OID_SMIME_CAPABILITIES,
		   BYTES_LIT("\x30\x10\x30\x0e\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x02\x02\x02\x00"
			     "\x80"));
	forge_sid(&sid, f->leaf);
	v = buf_bytes(&sid);
	ck_assert(der_next(&v, &seq) && der_next(&seq.value, &issuer));
	m = der_open(&serial, DER_SEQUENCE);
	names = der_open(&serial, DER_SEQUENCE);
	der_put(&serial, DER_CONTEXT_CONSTRUCTED(4), issuer.whole);
	der_close(&serial, names);
	buf_add_bytes(&serial, seq.value);
	der_close(&serial, m);
	f->flags |= FORGE_NO_ESS;
	forge_ess_attr(b, HASH_SHA512, f->leaf, buf_bytes(&serial));
	buf_free(&sid);
	buf_free(&serial);
}

static const unsigned variants[] = { 0, FORGE_NULLS, FORGE_TOKEN };

START_TEST(nothing_more)
{
	struct forge f = forge_of(EC, PAYLOAD);
	struct buf attrs = BUF_INIT, der = BUF_INIT, more = BUF_INIT;
	struct walk w = { .at = SIZE_MAX };
	struct err err = ERR_INIT;
	size_t places;

	f.flags = variants[_i];
	add_attrs(&attrs, &f);
	f.attrs = buf_bytes(&attrs);
	forge(&der, &f);
	good(buf_bytes(&der), EC);
	copy(&more, buf_bytes(&der), &w);
	ck_assert(bytes_eq(buf_bytes(&more), buf_bytes(&der)));
	places = w.place;
	ck_assert_uint_gt(places, 40);
	for (size_t i = 0; i < places; i++) {
		w = (struct walk){ .at = i };
		buf_clear(&more);
		copy(&more, buf_bytes(&der), &w);
		ck_assert_uint_eq(more.n > der.n, true);
		ck_assert_msg(read_all(buf_bytes(&more), &err) != 0, "list %zu has room", i);
	}
	buf_free(&attrs);
	buf_free(&der);
	buf_free(&more);
}
END_TEST

/* The bounds of what SMIMECapabilities may hold. */
static void judge_caps(struct bytes caps, int rc)
{
	struct forge f = forge_of(EC, PAYLOAD);
	struct buf attrs = BUF_INIT, v = BUF_INIT, der = BUF_INIT;
	struct err err = ERR_INIT;

	der_put(&v, DER_SEQUENCE, caps);
	forge_attr(&attrs, OID_SMIME_CAPABILITIES, buf_bytes(&v));
	f.attrs = buf_bytes(&attrs);
	forge(&der, &f);
	ck_assert_msg(read_all(buf_bytes(&der), &err) == rc, "%s", err.text);
	buf_free(&attrs);
	buf_free(&v);
	buf_free(&der);
}

START_TEST(capabilities)
{
	struct bytes aes = BYTES_LIT("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02");
	struct buf b = BUF_INIT;

	for (int i = 0; i < 16; i++)
		buf_add_bytes(&b, aes);
	judge_caps(buf_bytes(&b), 0);
	buf_add_bytes(&b, aes);
	judge_caps(buf_bytes(&b), ERR_INPUT);
	buf_free(&b);
	/* RC2 with 128 and 32,896 bits */
	judge_caps(BYTES_LIT("\x30\x0e\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x02\x02\x02\x00\x80"),
		   0);
	judge_caps(
		BYTES_LIT("\x30\x0f\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x02\x02\x03\x00\x80\x80"),
		ERR_INPUT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sig/cms slack");
	TCase *tc = tcase_create("slack");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, nothing_more, 0, N(variants));
	tcase_add_test(tc, capabilities);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
