/* Certificates: views lie inside, texts are printable, lists are bounded. */
#include <stdlib.h>
#include <string.h>

#include "base/der.h"
#include "base/text.h"
#include "sig/cert.h"

#define LIST_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void inside(const struct cert *c, struct bytes v)
{
	must(v.n > 0 && v.p >= c->der && v.p + v.n <= c->der + c->der_n);
}

static void check_text(const char *s)
{
	must(*s != '\0');
	for (; *s; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_cert(const struct cert *c, struct bytes in)
{
	must(bytes_eq(bytes_of(c->der, c->der_n), in) && in.n <= CERT_MAX_DER);
	inside(c, c->issuer);
	inside(c, c->serial);
	check_text(c->subject);
	must(!cert_has_email(c, BYTES_LIT("no address")));
	must(c->emails_n <= CERT_MAX_EMAILS && (c->usage_ok || c->usage_why != NULL));
	for (size_t i = 0; i < c->emails_n; i++) {
		check_text(c->emails[i]);
		must(text_email_ok(bytes_str(c->emails[i])));
		must(cert_has_email(c, bytes_str(c->emails[i])));
	}
}

/* Each once, and never the first: a circle has an end. */
static void check_chain(const struct cert_list *l)
{
	const struct cert *chain[LIST_MAX];
	size_t n = cert_chain_for(l->v[0], l, chain, LIST_MAX);

	must(n <= LIST_MAX);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			must(chain[i] != chain[k]);
}

/* Another form has another digest; without a key that signed it there is none to be had. */
static void check_forms(const struct cert_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		uint8_t other[32];

		for (size_t k = 0; k < l->n; k++)
			if (l->v[k]->key && cert_other_sha256(l->v[i], l->v[k]->key, other))
				must(memcmp(other, l->v[i]->sha256, sizeof(other)) != 0);
	}
}

/* --- DER ------------------------------------------------------------------------------- */

#define DEPTH_MAX 16
#define SET_MAX 64
#define YEAR_1000 -30610224000

static void check_simple(struct der_item item, struct buf *b)
{
	struct der_item back;
	struct bytes in;
	int64_t t, again;
	int n, m;

	if (der_small_int(item, &n) && n < 128) {
		der_put_int(b, n);
		in = buf_bytes(b);
		must(der_next(&in, &back) && der_small_int(back, &m) && m == n);
		must(bytes_eq(buf_bytes(b), item.whole));
	}
	buf_clear(b);
	if (der_time(item, &t) && t >= YEAR_1000) {
		der_put_time(b, t);
		in = buf_bytes(b);
		must(der_next(&in, &back) && in.n == 0 && der_time(back, &again) && again == t);
	}
}

/* Its members, in order: as many, and no shorter. */
static void check_sorted(struct der_item set, struct buf *b)
{
	struct bytes in = set.value, before = BYTES_NONE;
	struct der_item item;
	size_t n = 0, mark;

	while (der_next(&in, &item))
		n++;
	if (in.n > 0 || n > SET_MAX)
		return;
	mark = der_open(b, set.tag);
	buf_add_bytes(b, set.value);
	der_close_set_of(b, mark);
	in = buf_bytes(b);
	must(in.n == set.whole.n && der_take(&in, set.tag, &set) && in.n == 0);
	for (in = set.value; der_next(&in, &item); n--) {
		must(bytes_cmp(before, item.whole) <= 0);
		before = item.whole;
	}
	must(in.n == 0 && n == 0);
}

/* Each value, written again, is what stood there. */
static void walk(struct bytes in, unsigned depth)
{
	struct bytes all = in;
	struct der_item item;

	while (depth < DEPTH_MAX && der_next(&in, &item)) {
		struct buf b = BUF_INIT;

		must(item.whole.p >= all.p && item.whole.p + item.whole.n == in.p);
		der_put(&b, item.tag, item.value);
		must(bytes_eq(buf_bytes(&b), item.whole));
		buf_clear(&b);
		check_simple(item, &b);
		buf_clear(&b);
		if (item.tag == DER_SET)
			check_sorted(item, &b);
		buf_free(&b);
		if (item.tag & 0x20)
			walk(item.value, depth + 1);
	}
}

/* The first byte: 'P' for a PEM text with any number of them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct cert_list l = { NULL, 0 };
	struct err err = ERR_INIT;
	struct cert *c = NULL;
	int r;

	if (size > 0 && data[0] == 'P') {
		if (cert_list_from_pem(bytes_skip(in, 1), LIST_MAX, &l, &err) == 0) {
			must(l.n >= 1 && l.n <= LIST_MAX);
			check_chain(&l);
			check_forms(&l);
			cert_list_free(&l);
		}
		return 0;
	}
	walk(in, 0);
	r = cert_parse(in, &c, &err);
	must(r == 0 || (r == (int)err.code && c == NULL && err.text[0]));
	if (r == 0)
		check_cert(c, in);
	cert_free(c);
	return 0;
}
