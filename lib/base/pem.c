#include "base/pem.h"

#include <endian.h>

#include "base/mem.h"
#include "base/text.h"

#define LINE_MAX_CHARS 76
#define LINE_USUAL 64

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct bytes v)
{
	for (size_t i = 0; i < v.n; i += 3) {
		size_t left = v.n - i;
		uint32_t x = (uint32_t)v.p[i] << 16;
		char c[4];

		if (left > 1)
			x |= (uint32_t)v.p[i + 1] << 8;
		if (left > 2)
			x |= v.p[i + 2];
		c[0] = alphabet[x >> 18];
		c[1] = alphabet[x >> 12 & 63];
		c[2] = left > 1 ? alphabet[x >> 6 & 63] : '=';
		c[3] = left > 2 ? alphabet[x & 63] : '=';
		buf_add(out, c, 4);
	}
}

void pem_write(struct buf *out, const char *label, struct bytes der)
{
	buf_addf(out, "-----BEGIN %s-----\n", label);
	for (size_t i = 0; i < der.n; i += 48) {
		base64_encode(out, bytes_of(der.p + i, der.n - i < 48 ? der.n - i : 48));
		buf_add_byte(out, '\n');
	}
	buf_addf(out, "-----END %s-----\n", label);
}

/* 16 characters at once; a comparison gives 0xff where it holds (gcc's vector extensions). */
#define BLOCK 16
#define VECTORS (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) /* groups are decoded by them */
typedef uint8_t block __attribute__((vector_size(BLOCK)));

/* The six bits of each character; above them where it is not of the alphabet. */
static inline block values_of(block c)
{
	const block upper = (block)((block)(c - 'A') < 26), lower = (block)((block)(c - 'a') < 26),
		    digit = (block)((block)(c - '0') < 10), plus = (block)(c == '+'),
		    slash = (block)(c == '/');

	return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
	       (plus & 62) | (slash & 63) | (~(upper | lower | digit | plus | slash) & 64);
}

static inline bool any_of(block v)
{
	uint64_t halves[2];

	memcpy(halves, &v, BLOCK);
	return (halves[0] | halves[1]) != 0;
}

size_t base64_span(struct bytes v)
{
	size_t n = 0;

	for (; v.n - n >= BLOCK; n += BLOCK) {
		block c;

		memcpy(&c, v.p + n, BLOCK);
		/* '/' stands before '0'. */
		if (any_of(~((block)((block)((c | 32) - 'a') < 26) |
			     (block)((block)(c - '/') < 11) | (block)(c == '+'))))
			break;
	}
	return n;
}

static uint8_t value_of(uint8_t c)
{
	return values_of((block){ c })[0];
}

typedef uint16_t pairs __attribute__((vector_size(BLOCK)));
typedef uint32_t groups __attribute__((vector_size(BLOCK)));

/* The 24 bits of each four values; the first, highest one stands at the lowest address. */
static groups groups_of(block v)
{
	const groups twelve = (groups)(((pairs)v & 63) << 6 | (pairs)v >> 8);

	return (twelve & 4095) << 12 | twelve >> 16;
}

/* Two groups as their six bytes; eight are written. On machines with the low byte first. */
static uint8_t *put_groups(uint8_t *out, uint64_t two)
{
	const uint64_t x = htobe64(two << 40 | two >> 32 << 16);

	memcpy(out, &x, sizeof(x));
	return out + 6;
}

/* Whole blocks without padding, as long as there are any; returns the bytes made. */
static size_t decode_blocks(struct bytes *line, uint8_t *p)
{
	const uint8_t *in = line->p, *end = line->p + line->n;
	uint8_t *out = p;

	for (; end - in >= BLOCK; in += BLOCK) {
		uint64_t halves[2];
		groups g;
		block v;

		memcpy(&v, in, BLOCK);
		v = values_of(v);
		if (any_of(v & 64))
			break;
		g = groups_of(v);
		memcpy(halves, &g, BLOCK);
		out = put_groups(put_groups(out, halves[0]), halves[1]);
	}
	*line = bytes_of(in, (size_t)(end - in));
	return (size_t)(out - p);
}

/* Lines as pem_write() makes them, as long as there are any: their ends are not looked for. */
static void decode_full_lines(struct bytes *rest, struct buf *out)
{
	while (rest->n > LINE_USUAL && rest->p[LINE_USUAL] == '\n') {
		struct bytes line = bytes_of(rest->p, LINE_USUAL);
		size_t n = decode_blocks(&line, buf_reserve(out, LINE_USUAL));

		if (line.n > 0)
			break;
		out->n += n;
		*rest = bytes_skip(*rest, LINE_USUAL + 1);
	}
	buf_reserve(out, 0); /* the NUL */
}

struct decoder {
	uint32_t acc;
	int have; /* characters of the group in hand */
	int pad;
};

static bool decode(struct decoder *d, struct bytes line, struct buf *out)
{
	/* A line of one character can end a group that others began: three bytes. */
	uint8_t *p = buf_reserve(out, line.n + 3);
	bool blocks = d->have == 0 && d->pad == 0 && VECTORS;
	size_t n = blocks ? decode_blocks(&line, p) : 0;

	for (size_t i = 0; i < line.n; i++) {
		uint8_t v = value_of(line.p[i]);

		if (line.p[i] == '=' && d->have >= 2)
			d->pad++;
		else if (v > 63 || d->pad > 0)
			return false;
		d->acc = d->acc << 6 | (v & 63);
		if (++d->have < 4)
			continue;
		/* The bits that padding leaves over must be zero. */
		if (d->acc & (d->pad == 2 ? 0xffffu : d->pad == 1 ? 0xffu : 0u))
			return false;
		p[n++] = (uint8_t)(d->acc >> 16);
		if (d->pad < 2)
			p[n++] = (uint8_t)(d->acc >> 8);
		if (d->pad < 1)
			p[n++] = (uint8_t)d->acc;
		d->acc = 0;
		d->have = 0;
	}
	out->n += n;
	out->p[out->n] = '\0';
	return true;
}

/* Likewise, behind a blank each; they are copied without it. */
static void decode_full_folded(struct bytes *rest, struct buf *text, struct buf *der)
{
	while (rest->n > LINE_USUAL + 1 && rest->p[0] == ' ' && rest->p[LINE_USUAL + 1] == '\n') {
		struct bytes line = bytes_of(rest->p + 1, LINE_USUAL);
		size_t n = decode_blocks(&line, buf_reserve(der, LINE_USUAL));

		if (line.n > 0)
			break;
		der->n += n;
		buf_add(text, rest->p + 1, LINE_USUAL + 1);
		*rest = bytes_skip(*rest, LINE_USUAL + 2);
	}
	buf_reserve(der, 0);
}

bool pem_take_folded(struct bytes *rest, struct buf *text, struct buf *der)
{
	size_t before = der->n, most = LINE_USUAL + 2;
	struct decoder d = { 0, 0, 0 };
	const uint8_t *lf;
	struct bytes line;

	if (VECTORS)
		decode_full_folded(rest, text, der);
	lf = rest->n > 0 ? memchr(rest->p, '\n', rest->n < most ? rest->n : most) : NULL;
	if (lf == NULL || rest->p[0] != ' ')
		return false;
	line = bytes_of(rest->p + 1, (size_t)(lf - rest->p) - 1);
	if (line.n > 0 && line.p[0] != '-') {
		if (!decode(&d, line, der) || d.have != 0)
			return false;
		buf_add(text, line.p, line.n + 1);
		*rest = bytes_skip(*rest, line.n + 2);
	}
	return der->n > before;
}

static void cut(struct buf *b, size_t n)
{
	b->n = n;
	if (b->p)
		b->p[n] = '\0';
}

static bool next_line(struct bytes *rest, bool crlf, struct bytes *line)
{
	const uint8_t *nl = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = nl != NULL ? (size_t)(nl - rest->p) : rest->n;

	if (rest->n == 0)
		return false;
	*line = bytes_of(rest->p, n);
	*rest = bytes_skip(*rest, nl != NULL ? n + 1 : n);
	if (crlf && nl != NULL && line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool is_mark(struct bytes line, const char *word, const char *label)
{
	size_t w, l;

	if (!bytes_starts(line, BYTES_LIT("-----")))
		return false;
	w = strlen(word);
	l = strlen(label);
	return line.n == 5 + w + 1 + l + 5 && memcmp(line.p + 5, word, w) == 0 &&
	       line.p[5 + w] == ' ' && memcmp(line.p + 6 + w, label, l) == 0 &&
	       memcmp(line.p + 6 + w + l, "-----", 5) == 0;
}

/* After the BEGIN line, to behind the END line. */
static int read_body(struct bytes *rest, const char *label, bool crlf, struct buf *der,
		     struct err *err)
{
	struct decoder d = { 0, 0, 0 };
	struct bytes line;

	if (VECTORS)
		decode_full_lines(rest, der);
	while (next_line(rest, crlf, &line)) {
		if (is_mark(line, "END", label)) {
			if (d.have != 0)
				return err_set(err, ERR_INPUT, "the base64 text ends in mid-air");
			return 0;
		}
		if (line.n == 0)
			return err_set(err, ERR_INPUT, "a blank line in the armor");
		if (line.n > LINE_MAX_CHARS)
			return err_set(err, ERR_INPUT, "a line of the armor is longer than %d",
				       LINE_MAX_CHARS);
		if (!decode(&d, line, der))
			return err_set(err, ERR_INPUT, "the armor holds what is not base64");
	}
	return err_set(err, ERR_INPUT, "the armor has no END %s line", label);
}

int pem_read_one(struct bytes text, const char *label, bool crlf, struct buf *der, struct err *err)
{
	size_t before = der->n;
	struct bytes line;
	int r;

	if (!next_line(&text, crlf, &line) || !is_mark(line, "BEGIN", label))
		return err_set(err, ERR_INPUT, "the armor does not begin with BEGIN %s", label);
	r = read_body(&text, label, crlf, der, err);
	if (r == 0 && text.n != 0)
		r = err_set(err, ERR_INPUT, "something stands behind the armor");
	if (r != 0)
		cut(der, before);
	return r;
}

int pem_next(struct bytes *rest, const char *label, struct buf *der, bool *found, struct err *err)
{
	size_t before = der->n;
	struct bytes line;
	int r;

	while (next_line(rest, true, &line)) {
		if (!is_mark(line, "BEGIN", label))
			continue;
		r = read_body(rest, label, true, der, err);
		if (r != 0)
			cut(der, before);
		*found = r == 0;
		return r;
	}
	*found = false;
	return 0;
}
