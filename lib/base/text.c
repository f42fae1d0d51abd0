#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void text_hex(struct buf *out, struct bytes v, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	uint8_t *to = buf_reserve(out, v.n > BUF_MAX / 2 ? BUF_MAX : 2 * v.n);

	for (size_t i = 0; i < v.n; i++) {
		*to++ = (uint8_t)digits[v.p[i] >> 4];
		*to++ = (uint8_t)digits[v.p[i] & 15];
	}
	*to = 0;
	out->n += 2 * v.n;
}

/* Value + 1 of a hexadecimal digit, 0 for everything else. */
static const uint8_t hex_values[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool text_unhex(struct bytes v, uint8_t *out, size_t out_n)
{
	if (v.n % 2 != 0 || v.n / 2 != out_n)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (!hex_values[v.p[i]])
			return false;
	for (size_t i = 0; i < out_n; i++)
		out[i] = (uint8_t)((hex_values[v.p[2 * i]] - 1) << 4 |
				   (hex_values[v.p[2 * i + 1]] - 1));
	return true;
}

/*
 * One well-formed UTF-8 sequence (Unicode table 3-7) at the start of `v`:
 * its length, or 0. Never more than v.n bytes are read.
 */
static size_t utf8_next(struct bytes v, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t c = v.p[0];
	size_t n = c < 0x80             ? 1
		   : (c & 0xe0) == 0xc0 ? 2
		   : (c & 0xf0) == 0xe0 ? 3
		   : (c & 0xf8) == 0xf0 ? 4
					: 0;
	uint32_t x = n == 1 ? c : n == 0 ? 0 : (uint32_t)(c & (0x7f >> n));

	if (n == 0 || n > v.n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((v.p[i] & 0xc0) != 0x80)
			return 0;
		x = x << 6 | (v.p[i] & 0x3f);
	}
	if (x < least[n] || x > 0x10ffff || (x >= 0xd800 && x <= 0xdfff))
		return 0;
	*cp = x;
	return n;
}

/* What shows nothing, moves the text around or looks like a space: ascending. */
static const struct {
	uint32_t first, last;
} invisible[] = {
	{ 0x0000, 0x001f }, /* C0 */
	{ 0x007f, 0x00a0 }, /* DEL, C1, no-break space */
	{ 0x00ad, 0x00ad }, /* soft hyphen */
	{ 0x034f, 0x034f }, /* combining grapheme joiner */
	{ 0x061c, 0x061c }, /* Arabic letter mark */
	{ 0x115f, 0x1160 }, /* Hangul fillers */
	{ 0x1680, 0x1680 }, /* Ogham space */
	{ 0x17b4, 0x17b5 }, /* Khmer inherent vowels */
	{ 0x180b, 0x180f }, /* Mongolian selectors */
	{ 0x2000, 0x200f }, /* spaces, zero-width, direction marks */
	{ 0x2028, 0x202f }, /* separators, embeddings and overrides */
	{ 0x205f, 0x206f }, /* word joiner, invisible operators, isolates */
	{ 0x2800, 0x2800 }, /* Braille blank */
	{ 0x3000, 0x3000 }, /* ideographic space */
	{ 0x3164, 0x3164 }, /* Hangul filler */
	{ 0xe000, 0xf8ff }, /* private use */
	{ 0xfdd0, 0xfdef }, /* noncharacters */
	{ 0xfe00, 0xfe0f }, /* variation selectors */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xffa0, 0xffa0 }, /* Hangul filler */
	{ 0xfff0, 0xfffb }, /* interlinear annotation */
	{ 0xfffe, 0xffff },    { 0x1bca0, 0x1bca3 }, /* shorthand format controls */
	{ 0x1d173, 0x1d17a },                        /* musical format controls */
	{ 0x1fffe, 0x1ffff },  { 0x2fffe, 0x2ffff },
	{ 0x3fffe, 0x10ffff }, /* unassigned, tags, selectors, private use */
};

static bool is_visible(uint32_t cp)
{
	for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]); i++) {
		if (cp < invisible[i].first)
			return true;
		if (cp <= invisible[i].last)
			return false;
	}
	return true;
}

void text_escape(struct buf *out, struct bytes v)
{
	while (v.n > 0) {
		uint32_t cp = 0;
		size_t n = utf8_next(v, &cp);

		if (n > 0 && cp != '\\' && is_visible(cp)) {
			buf_add(out, v.p, n);
		} else {
			if (n == 0)
				n = 1;
			for (size_t i = 0; i < n; i++)
				buf_addf(out, "\\x%02x", v.p[i]);
		}
		v = bytes_skip(v, n);
	}
}

char *text_escaped(struct bytes v)
{
	struct buf b = BUF_INIT;

	text_escape(&b, v);
	return buf_detach(&b);
}

void text_shell(struct buf *out, const char *s)
{
	size_t plain = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				 "@%+=:,./_-");

	if (*s && !s[plain]) {
		buf_add_str(out, s);
		return;
	}
	buf_add_byte(out, '\'');
	for (; *s; s++)
		if (*s == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_byte(out, (uint8_t)*s);
	buf_add_byte(out, '\'');
}

void text_escape_status(struct buf *out, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < 0x20 || v.p[i] == 0x7f || v.p[i] == '%')
			buf_addf(out, "%%%02X", v.p[i]);
		else
			buf_add_byte(out, v.p[i]);
	}
}

static void json_escape(struct buf *out, uint32_t cp)
{
	if (cp == '"' || cp == '\\') {
		buf_add_byte(out, '\\');
		buf_add_byte(out, (uint8_t)cp);
	} else if (cp == '\n') {
		buf_add_str(out, "\\n");
	} else if (cp == '\t') {
		buf_add_str(out, "\\t");
	} else if (cp < 0x10000) {
		buf_addf(out, "\\u%04x", cp);
	} else {
		buf_addf(out, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
			 0xdc00 + ((cp - 0x10000) & 0x3ff));
	}
}

void text_json(struct buf *out, struct bytes v)
{
	buf_add_byte(out, '"');
	while (v.n > 0) {
		uint32_t cp = 0;
		size_t n = utf8_next(v, &cp);

		if (n == 0) {
			buf_add_str(out, "\xef\xbf\xbd");
			n = 1;
		} else if (cp == '"' || cp == '\\' || !is_visible(cp)) {
			json_escape(out, cp);
		} else {
			buf_add(out, v.p, n);
		}
		v = bytes_skip(v, n);
	}
	buf_add_byte(out, '"');
}

/* Columns on a terminal, near enough: one for each character. */
static int width(const char *s, size_t n)
{
	int w = 0;

	for (size_t i = 0; i < n; i++)
		w += ((uint8_t)s[i] & 0xc0) != 0x80;
	return w;
}

static void new_line(struct buf *out, int indent, int *at)
{
	buf_add_byte(out, '\n');
	for (int i = 0; i < indent; i++)
		buf_add_byte(out, ' ');
	*at = indent > 0 ? indent : 0;
}

void text_wrap(struct buf *out, const char *text, int columns, int indent)
{
	bool first = true; /* on its line */
	int at = 0;

	while (*text) {
		size_t n = strcspn(text, " \t\n");
		int w = width(text, n);

		if (n > 0) {
			if (!first && w >= columns - at)
				new_line(out, indent, &at);
			else if (!first)
				at++, buf_add_byte(out, ' ');
			buf_add(out, text, n);
			at += w;
			first = false;
		}
		text += n;
		if (*text == '\n' && text[1]) {
			new_line(out, indent, &at);
			first = true;
		}
		if (*text)
			text++;
	}
	buf_add_byte(out, '\n');
}

void text_time(struct buf *out, int64_t t)
{
	time_t when = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900) {
		buf_addf(out, "@%lld", (long long)t);
		return;
	}
	buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Digits where the form has '0', the form's own character elsewhere. */
static bool has_form(struct bytes v, const char *form)
{
	if (v.n != strlen(form))
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (form[i] == '0' ? v.p[i] < '0' || v.p[i] > '9' : v.p[i] != (uint8_t)form[i])
			return false;
	}
	return true;
}

static int digits(struct bytes v, size_t at, size_t n)
{
	int x = 0;

	for (size_t i = at; i < at + n; i++)
		x = 10 * x + (v.p[i] - '0');
	return x;
}

bool text_parse_time(struct bytes v, int64_t *ret)
{
	bool whole = has_form(v, "0000-00-00T00:00:00Z");
	struct tm tm, back;
	time_t t;

	if (!whole && !has_form(v, "0000-00-00"))
		return false;
	tm = (struct tm){ .tm_year = digits(v, 0, 4) - 1900,
			  .tm_mon = digits(v, 5, 2) - 1,
			  .tm_mday = digits(v, 8, 2),
			  .tm_hour = whole ? digits(v, 11, 2) : 0,
			  .tm_min = whole ? digits(v, 14, 2) : 0,
			  .tm_sec = whole ? digits(v, 17, 2) : 0 };
	back = tm;
	t = timegm(&back); /* puts 31 February into March: then it is not what was written */
	if (back.tm_year != tm.tm_year || back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday ||
	    back.tm_hour != tm.tm_hour || back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec)
		return false;
	*ret = (int64_t)t;
	return true;
}

bool text_parse_u64(struct bytes v, uint64_t *ret)
{
	uint64_t x = 0;

	if (v.n == 0 || (v.n > 1 && v.p[0] == '0'))
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(x, (uint64_t)10, &x) ||
		    __builtin_add_overflow(x, (uint64_t)(v.p[i] - '0'), &x))
			return false;
	}
	*ret = x;
	return true;
}

bool text_parse_duration(struct bytes v, int64_t *ret)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	int64_t unit = 1, x;
	uint64_t n;

	for (size_t i = 0; v.n > 1 && i < sizeof(units) / sizeof(units[0]); i++)
		if (v.p[v.n - 1] == (uint8_t)units[i].unit) {
			unit = units[i].seconds;
			v.n--;
			break;
		}
	if (!text_parse_u64(v, &n) || n > INT64_MAX || __builtin_mul_overflow((int64_t)n, unit, &x))
		return false;
	*ret = x;
	return true;
}

char text_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool text_eq_nocase(struct bytes a, struct bytes b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (text_lower((char)a.p[i]) != text_lower((char)b.p[i]))
			return false;
	return true;
}

/* Where the domain's '@' stands; v.n when there is none. */
static size_t email_at(struct bytes v)
{
	const uint8_t *at = v.n ? memrchr(v.p, '@', v.n) : NULL;

	return at ? (size_t)(at - v.p) : v.n;
}

bool text_email_eq(struct bytes a, struct bytes b)
{
	size_t at = email_at(a);

	if (at == a.n || at != email_at(b) || at == b.n)
		return false;
	return bytes_eq(bytes_of(a.p, at), bytes_of(b.p, at)) &&
	       text_eq_nocase(bytes_skip(a, at), bytes_skip(b, at));
}

bool text_email_ok(struct bytes v)
{
	size_t at = email_at(v);
	struct bytes rest = v;

	if (at == 0 || v.n == 0 || at + 1 >= v.n)
		return false;
	for (size_t i = 0; i < at; i++)
		if (v.p[i] >= 0x80 || v.p[i] == '@')
			return false;
	while (rest.n > 0) {
		uint32_t cp = 0;
		size_t n = utf8_next(rest, &cp);

		if (n == 0 || cp == ' ' || cp == '<' || cp == '>' || !is_visible(cp))
			return false;
		rest = bytes_skip(rest, n);
	}
	return true;
}
