#include "base/pem.h"

#include "base/mem.h"
#include "base/text.h"

#define LINE_MAX_CHARS 76

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

const uint8_t base64_values[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
	['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
	['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
	['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
	['/'] = 64,
};

/* 0..63, or 255: not of the alphabet. */
static uint8_t value_of(uint8_t c)
{
	return (uint8_t)(base64_values[c] - 1);
}

/* Whole groups without padding, as long as there are any; returns the bytes made. */
static size_t decode_groups(struct bytes *line, uint8_t *p)
{
	const uint8_t *in = line->p, *end = line->p + line->n;
	uint8_t *out = p;

	for (; end - in >= 4; in += 4, out += 3) {
		uint8_t a = value_of(in[0]), b = value_of(in[1]), c = value_of(in[2]),
			d = value_of(in[3]);

		if ((a | b | c | d) > 63)
			break;
		out[0] = (uint8_t)(a << 2 | b >> 4);
		out[1] = (uint8_t)(b << 4 | c >> 2);
		out[2] = (uint8_t)(c << 6 | d);
	}
	*line = bytes_of(in, (size_t)(end - in));
	return (size_t)(out - p);
}

struct decoder {
	uint32_t acc;
	int have; /* characters of the group in hand */
	int pad;
};

static bool decode(struct decoder *d, struct bytes line, struct buf *out)
{
	uint8_t *p = buf_reserve(out, line.n);
	size_t n = d->have == 0 && d->pad == 0 ? decode_groups(&line, p) : 0;

	for (size_t i = 0; i < line.n; i++) {
		uint8_t v = value_of(line.p[i]);

		if (line.p[i] == '=' && d->have >= 2) {
			v = 0;
			d->pad++;
		} else if (v > 63 || d->pad > 0) {
			return false;
		}
		d->acc = d->acc << 6 | v;
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
	size_t w = strlen(word), l = strlen(label);

	return line.n == 5 + w + 1 + l + 5 && memcmp(line.p, "-----", 5) == 0 &&
	       memcmp(line.p + 5, word, w) == 0 && line.p[5 + w] == ' ' &&
	       memcmp(line.p + 6 + w, label, l) == 0 && memcmp(line.p + 6 + w + l, "-----", 5) == 0;
}

/* After the BEGIN line, to behind the END line. */
static int read_body(struct bytes *rest, const char *label, bool crlf, struct buf *der,
		     struct err *err)
{
	struct decoder d = { 0, 0, 0 };
	struct bytes line;

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
