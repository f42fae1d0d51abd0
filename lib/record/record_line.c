/* Lines of the record: writing, reading, and their check sums. */
#include <stdlib.h>
#include <string.h>

#include "base/alg.h"
#include "base/mem.h"
#include "base/text.h"
#include "record/record_internal.h"

#define FIELDS_ENTRY 12
#define FIELDS_BOUND 13 /* to a push */
#define FIELDS_CHANGE 4

const struct line_sum line_sum_first = { { [0 ... SUM_HEX - 1] = '0' } };

bool hasher_init(struct hasher *h)
{
	h->md = alg_hash_fetched(HASH_SHA256);
	h->ctx = EVP_MD_CTX_new();
	return h->md && h->ctx;
}

void hasher_free(struct hasher *h)
{
	EVP_MD_CTX_free(h->ctx);
	*h = (struct hasher){ NULL, NULL };
}

bool hasher_sum(struct hasher *h, const struct line_sum *before, struct bytes line,
		struct line_sum *ret)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (!EVP_DigestInit_ex(h->ctx, h->md, NULL) ||
	    !EVP_DigestUpdate(h->ctx, before->hex, SUM_HEX) ||
	    !EVP_DigestUpdate(h->ctx, line.p, line.n) ||
	    !EVP_DigestFinal_ex(h->ctx, digest, NULL))
		return false;
	for (size_t i = 0; i < SUM_HEX / 2; i++) {
		ret->hex[2 * i] = digits[digest[i] >> 4];
		ret->hex[2 * i + 1] = digits[digest[i] & 15];
	}
	return true;
}

/* --- writing ---------------------------------------------------------------- */

static void put_string(struct buf *out, const char *s)
{
	buf_add_byte(out, ' ');
	if (!s || !*s) {
		buf_add_byte(out, '-');
		return;
	}
	if (!strcmp(s, "-")) {
		buf_add_str(out, "%2D");
		return;
	}
	for (; *s; s++) {
		uint8_t c = (uint8_t)*s;

		if (c <= ' ' || c >= 0x7f || c == '%')
			buf_addf(out, "%%%02X", c);
		else
			buf_add_byte(out, c);
	}
}

static void put_oid(struct buf *out, const struct oid *o)
{
	char hex[OID_HEX_MAX];

	buf_add_byte(out, ' ');
	buf_add_str(out, o->n ? oid_hex(o, hex) : "-");
}

/* Ends the line that starts at `from`. */
static bool put_sum(struct buf *out, size_t from, struct hasher *h, struct line_sum *last)
{
	struct line_sum sum;

	if (!hasher_sum(h, last, bytes_of(out->p + from, out->n - from), &sum))
		return false;
	buf_add_byte(out, ' ');
	buf_add(out, sum.hex, SUM_HEX);
	buf_add_byte(out, '\n');
	*last = sum;
	return true;
}

bool line_put_entry(struct buf *out, struct hasher *h, struct line_sum *last,
		    const struct record_entry *e)
{
	size_t from = out->n;
	bool bound = e->push && *e->push;

	buf_addf(out, "v%d %llu p %lld ", bound ? 2 : 1, (unsigned long long)e->seq,
		 (long long)(e->received > 0 ? e->received : 0));
	text_hex(out, bytes_of(e->policy, sizeof(e->policy)), false);
	put_string(out, e->rule);
	put_string(out, e->ref);
	put_oid(out, &e->old);
	put_oid(out, &e->new_);
	buf_add_str(out, e->forward ? " f" : " n");
	put_string(out, e->who);
	if (bound)
		put_string(out, e->push);
	return put_sum(out, from, h, last);
}

bool line_put_change(struct buf *out, struct hasher *h, struct line_sum *last, uint64_t seq,
		     enum record_state to)
{
	size_t from = out->n;

	buf_addf(out, "v1 %llu %c", (unsigned long long)seq, (char)to);
	return put_sum(out, from, h, last);
}

/* --- reading ---------------------------------------------------------------- */

struct field {
	char *p;
	size_t n;
};

static struct bytes view(struct field f)
{
	return bytes_of(f.p, f.n);
}

/* Fields parted by exactly one space, none empty; 0 when it is otherwise. */
static size_t split(char *p, size_t n, struct field *f, size_t max)
{
	size_t k = 0;

	for (;;) {
		char *space = n ? memchr(p, ' ', n) : NULL;
		size_t len = space ? (size_t)(space - p) : n;

		if (len == 0 || k == max)
			return 0;
		f[k++] = (struct field){ p, len };
		if (!space)
			return k;
		p += len + 1;
		n -= len + 1;
	}
}

/* Only shrinks: the string and its NUL fit where the field and its space stood. */
static char *take_string(struct field f, bool *good)
{
	char *to = f.p;

	if (f.n == 1 && f.p[0] == '-')
		f.n = 0;
	for (size_t i = 0; i < f.n; i++) {
		uint8_t c = (uint8_t)f.p[i];

		if (c == '%') {
			if (f.n - i < 3 || !text_unhex(bytes_of(f.p + i + 1, 2), &c, 1) || c == 0)
				*good = false;
			i += 2;
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return f.p;
}

static bool take_oid(struct field f, struct oid *ret)
{
	if (f.n == 1 && f.p[0] == '-') {
		*ret = (struct oid){ .n = 0 };
		return true;
	}
	return oid_parse(view(f), ret);
}

static bool take_entry(struct record *r, const struct field *f, uint64_t seq, bool bound)
{
	static char unbound[] = "";
	struct record_entry e = { .seq = seq, .state = RECORD_PENDING, .push = unbound };
	uint64_t received;
	bool good = true;

	if (seq != r->n + 1 || !text_parse_u64(view(f[3]), &received) || received > INT64_MAX ||
	    !text_unhex(view(f[4]), e.policy, sizeof(e.policy)) || !take_oid(f[7], &e.old) ||
	    !take_oid(f[8], &e.new_) || f[9].n != 1 || (f[9].p[0] != 'f' && f[9].p[0] != 'n'))
		return false;
	e.received = (int64_t)received;
	e.forward = f[9].p[0] == 'f';
	e.rule = take_string(f[5], &good);
	e.ref = take_string(f[6], &good);
	e.who = take_string(f[10], &good);
	if (bound)
		e.push = take_string(f[11], &good);
	if (!good || !*e.ref || bound != (*e.push != '\0'))
		return false;
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
	}
	r->v[r->n++] = e;
	return true;
}

static bool take_change(struct record *r, char to, uint64_t seq)
{
	if (seq == 0 || seq > r->n || r->v[seq - 1].state != RECORD_PENDING)
		return false;
	r->v[seq - 1].state = to == RECORD_LANDED ? RECORD_LANDED : RECORD_DROPPED;
	return true;
}

/* "v3 ...": whatever comes after it is not ours to judge, least of all to cut off. */
static bool is_newer(const char *p, size_t n)
{
	uint64_t version;
	const char *space = memchr(p, ' ', n);

	return n > 1 && p[0] == 'v' && space &&
	       text_parse_u64(bytes_of(p + 1, (size_t)(space - p - 1)), &version) && version > 2;
}

enum line_fault line_take(struct record *r, char *text, size_t n)
{
	struct field f[FIELDS_BOUND];
	struct line_sum sum;
	uint64_t seq;
	bool bound;
	size_t k;

	if (is_newer(text, n))
		return LINE_NEWER;
	if (n < SUM_HEX + 2 || text[n - SUM_HEX - 1] != ' ' ||
	    !hasher_sum(&r->hash, &r->last, bytes_of(text, n - SUM_HEX - 1), &sum) ||
	    memcmp(sum.hex, text + n - SUM_HEX, SUM_HEX) != 0)
		return LINE_SUM;
	k = split(text, n, f, FIELDS_BOUND);
	bound = k == FIELDS_BOUND;
	if (k < FIELDS_CHANGE || !bytes_eq_str(view(f[0]), bound ? "v2" : "v1") ||
	    !text_parse_u64(view(f[1]), &seq) || f[2].n != 1)
		return LINE_MEANING;
	if ((k == FIELDS_ENTRY || bound) && f[2].p[0] == RECORD_PENDING) {
		if (!take_entry(r, f, seq, bound))
			return LINE_MEANING;
	} else if (k == FIELDS_CHANGE &&
		   (f[2].p[0] == RECORD_LANDED || f[2].p[0] == RECORD_DROPPED)) {
		if (!take_change(r, f[2].p[0], seq))
			return LINE_MEANING;
	} else {
		return LINE_MEANING;
	}
	r->last = sum;
	return LINE_GOOD;
}
