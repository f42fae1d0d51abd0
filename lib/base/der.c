#include "base/der.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

/* X.690 8.1: identifier and length. Sets *head to their size, *n to the content's. */
static bool read_head(struct bytes in, uint8_t *tag, size_t *head, size_t *n)
{
	size_t k, len;

	if (in.n < 2 || (in.p[0] & 0x1f) == 0x1f)
		return false;
	*tag = in.p[0];
	len = in.p[1];
	*head = 2;
	if (len & 0x80) {
		k = len & 0x7f;
		if (k == 0 || k > 4 || in.n < 2 + k || in.p[2] == 0)
			return false;
		len = 0;
		for (size_t i = 0; i < k; i++)
			len = len << 8 | in.p[2 + i];
		if (len < 0x80)
			return false;
		*head = 2 + k;
	}
	*n = len;
	return len <= in.n - *head;
}

bool der_next(struct bytes *in, struct der_item *ret)
{
	uint8_t tag;
	size_t head, n;

	if (!read_head(*in, &tag, &head, &n))
		return false;
	ret->tag = tag;
	ret->value = bytes_of(in->p + head, n);
	ret->whole = bytes_of(in->p, head + n);
	*in = bytes_skip(*in, head + n);
	return true;
}

bool der_peek(struct bytes in, uint8_t *tag)
{
	if (in.n == 0)
		return false;
	*tag = in.p[0];
	return true;
}

/* A NULL has no content (X.690 8.8.2): it would be room for what nobody looks at. */
bool der_take(struct bytes *in, unsigned tag, struct der_item *ret)
{
	struct bytes rest = *in;

	if (in->n == 0 || in->p[0] != tag || !der_next(&rest, ret) ||
	    (tag == DER_NULL && ret->value.n > 0))
		return false;
	*in = rest;
	return true;
}

bool der_take_optional(struct bytes *in, unsigned tag, struct der_item *ret, bool *found)
{
	*found = in->n > 0 && in->p[0] == tag;
	return !*found || der_take(in, tag, ret);
}

bool der_small_int(struct der_item item, int *ret)
{
	struct bytes v = item.value;
	int x = 0;

	if (item.tag != DER_INTEGER || v.n == 0 || v.n > 4 || (v.p[0] & 0x80) ||
	    (v.n > 1 && v.p[0] == 0 && !(v.p[1] & 0x80)))
		return false;
	for (size_t i = 0; i < v.n; i++)
		x = x << 8 | v.p[i];
	*ret = x;
	return true;
}

static bool digits(const uint8_t *p, size_t n, int *ret)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*ret = *ret * 10 + (p[i] - '0');
	}
	return true;
}

bool der_time(struct der_item item, int64_t *ret)
{
	size_t year_n = item.tag == DER_UTC_TIME ? 2 : 4;
	const uint8_t *p = item.value.p;
	struct tm tm = { .tm_isdst = 0 }, back;
	time_t t;
	int year;

	if ((item.tag != DER_UTC_TIME && item.tag != DER_GENERALIZED_TIME) ||
	    item.value.n != year_n + 11 || p[year_n + 10] != 'Z' || !digits(p, year_n, &year) ||
	    !digits(p + year_n, 2, &tm.tm_mon) || !digits(p + year_n + 2, 2, &tm.tm_mday) ||
	    !digits(p + year_n + 4, 2, &tm.tm_hour) || !digits(p + year_n + 6, 2, &tm.tm_min) ||
	    !digits(p + year_n + 8, 2, &tm.tm_sec))
		return false;
	if (year_n == 2)
		year += year < 50 ? 2000 : 1900;
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	back = tm;
	t = timegm(&tm);
	/* 30 February and the like are moved on by timegm: refused. */
	if (tm.tm_mon != back.tm_mon || tm.tm_mday != back.tm_mday || tm.tm_hour != back.tm_hour ||
	    tm.tm_min != back.tm_min || tm.tm_sec != back.tm_sec)
		return false;
	*ret = t;
	return true;
}

/* --- BER to DER ------------------------------------------------------------------ */

#define DEPTH_MAX 32
#define CONSTRUCTED 0x20

static void put_head(struct buf *out, uint8_t tag, size_t n)
{
	uint8_t head[8] = { tag };
	size_t used = 2;

	if (n < 0x80) {
		head[1] = (uint8_t)n;
	} else {
		int k = n > 0xffffff ? 4 : n > 0xffff ? 3 : n > 0xff ? 2 : 1;

		head[1] = (uint8_t)(0x80 | k);
		for (int i = 0; i < k; i++)
			head[2 + i] = (uint8_t)(n >> (8 * (k - 1 - i)));
		used += (size_t)k;
	}
	buf_add(out, head, used);
}

struct ber {
	struct bytes in;
	bool changed;
};

/* Lengths of any form; *indefinite instead of a length when that is what stands there. */
static bool ber_head(struct ber *b, uint8_t *tag, size_t *n, bool *indefinite)
{
	struct bytes in = b->in;
	size_t head = 2, len, k;

	if (in.n < 2 || (in.p[0] & 0x1f) == 0x1f)
		return false;
	*tag = in.p[0];
	*indefinite = in.p[1] == 0x80;
	len = in.p[1];
	if (*indefinite) {
		len = 0;
		if (!(*tag & CONSTRUCTED))
			return false;
	} else if (len & 0x80) {
		k = len & 0x7f;
		if (k > 8 || in.n < 2 + k)
			return false;
		len = 0;
		for (size_t i = 0; i < k; i++) {
			if (len >> 32)
				return false;
			len = len << 8 | in.p[2 + i];
		}
		if (len < 0x80 || in.p[2] == 0)
			b->changed = true;
		head += k;
	}
	b->changed |= *indefinite;
	if (len > in.n - head)
		return false;
	*n = len;
	b->in = bytes_skip(in, head);
	return true;
}

static bool ber_value(struct ber *b, struct buf *out, int depth, bool joined);

/* The members of a constructed value, to its end. `joined`: only octets, put together. */
static bool ber_members(struct ber *b, struct buf *out, bool indefinite, int depth, bool joined)
{
	for (;;) {
		if (indefinite) {
			if (b->in.n < 2)
				return false;
			if (b->in.p[0] == 0 && b->in.p[1] == 0) {
				b->in = bytes_skip(b->in, 2);
				return true;
			}
		} else if (b->in.n == 0) {
			return true;
		}
		if (!ber_value(b, out, depth + 1, joined))
			return false;
	}
}

static bool ber_value(struct ber *b, struct buf *out, int depth, bool joined)
{
	struct buf inner = BUF_INIT;
	bool indefinite, ok, octets;
	struct bytes outer;
	uint8_t tag;
	size_t n;

	if (depth > DEPTH_MAX || !ber_head(b, &tag, &n, &indefinite) || tag == 0)
		return false;
	octets = (tag & ~CONSTRUCTED) == DER_OCTET_STRING;
	if (joined && !octets)
		return false;
	if (!(tag & CONSTRUCTED)) {
		if (!joined)
			put_head(out, tag, n);
		buf_add(out, b->in.p, n);
		b->in = bytes_skip(b->in, n);
		return true;
	}
	outer = b->in;
	if (!indefinite)
		b->in.n = n;
	ok = ber_members(b, &inner, indefinite, depth, octets);
	if (ok && !indefinite)
		b->in = bytes_skip(outer, n);
	if (ok) {
		if (octets)
			b->changed = true;
		if (!joined)
			put_head(out, octets ? (uint8_t)DER_OCTET_STRING : tag, inner.n);
		buf_add_bytes(out, buf_bytes(&inner));
	}
	buf_free(&inner);
	return ok;
}

bool der_from_ber(struct bytes in, struct buf *out, bool *changed)
{
	struct ber b = { .in = in };
	size_t before = out->n;

	if (!ber_value(&b, out, 0, false) || b.in.n != 0) {
		out->n = before;
		if (out->p)
			out->p[before] = '\0';
		return false;
	}
	*changed = b.changed;
	return true;
}

/* --- writer ------------------------------------------------------------------------ */

size_t der_open(struct buf *b, unsigned tag)
{
	buf_add_byte(b, (uint8_t)tag);
	return b->n;
}

/* The length goes between identifier and content, now that it is known. */
void der_close(struct buf *b, size_t mark)
{
	size_t n = b->n - mark, add;
	struct buf head = BUF_INIT;

	put_head(&head, 0, n);
	add = head.n - 1;
	buf_reserve(b, add);
	memmove(b->p + mark + add, b->p + mark, n);
	memcpy(b->p + mark, head.p + 1, add);
	b->n += add;
	b->p[b->n] = '\0';
	buf_free(&head);
}

void der_put(struct buf *b, unsigned tag, struct bytes value)
{
	put_head(b, (uint8_t)tag, value.n);
	buf_add_bytes(b, value);
}

void der_put_int(struct buf *b, int value)
{
	uint8_t v = (uint8_t)value;

	der_put(b, DER_INTEGER, bytes_of(&v, 1));
}

void der_put_time(struct buf *b, int64_t t)
{
	time_t when = (time_t)t;
	char text[24];
	struct tm tm;
	bool utc;

	if (gmtime_r(&when, &tm) == NULL)
		abort();
	utc = tm.tm_year >= 50 && tm.tm_year < 150;
	strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm);
	der_put(b, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME, bytes_str(utc ? text + 2 : text));
}

static int by_encoding(const void *a, const void *b)
{
	return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

void der_close_set_of(struct buf *b, size_t mark)
{
	struct bytes member[64], rest = bytes_of(b->p + mark, b->n - mark);
	struct buf sorted = BUF_INIT;
	struct der_item item;
	size_t n = 0;

	while (n < 64 && der_next(&rest, &item))
		member[n++] = item.whole;
	if (rest.n != 0)
		abort(); /* the writer's own members are well formed, and few */
	qsort(member, n, sizeof(member[0]), by_encoding);
	for (size_t i = 0; i < n; i++)
		buf_add_bytes(&sorted, member[i]);
	if (sorted.n > 0)
		memcpy(b->p + mark, sorted.p, sorted.n);
	buf_free(&sorted);
	der_close(b, mark);
}
