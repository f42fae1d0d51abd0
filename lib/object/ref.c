/* Names of refs. */
#include "object/object.h"

/* Length of the UTF-8 character at the start of `v`, 0: none (RFC 3629), or a C1 control. */
static size_t utf8_length(struct bytes v)
{
	uint8_t c = v.p[0], low = 0x80, high = 0xbf;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (c == 0xc2 || c == 0xe0)
		low = 0xa0; /* U+0080..U+009F; overlong */
	if (c == 0xed)
		high = 0x9f; /* surrogates */
	if (c == 0xf0)
		low = 0x90;
	if (c == 0xf4)
		high = 0x8f;
	if (v.n < n || v.p[1] < low || v.p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((v.p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static bool text_ok(struct bytes v)
{
	while (v.n > 0) {
		size_t n = utf8_length(v);

		if (n == 0 || v.p[0] <= ' ' || v.p[0] == 0x7f || strchr("~^:?*[\\", v.p[0]))
			return false;
		v = bytes_skip(v, n);
	}
	return true;
}

static bool ends_in(struct bytes v, struct bytes end)
{
	return v.n >= end.n && bytes_eq(bytes_skip(v, v.n - end.n), end);
}

static bool component_ok(struct bytes c)
{
	return c.n > 0 && c.p[0] != '.' && !ends_in(c, BYTES_LIT(".lock"));
}

/* git refs.c, check_refname_format(). */
bool object_ref_ok(struct bytes name)
{
	struct bytes rest = name;

	if (!bytes_starts(name, BYTES_LIT("refs/")) || !text_ok(name) || name.p[name.n - 1] == '.')
		return false;
	for (size_t i = 0; i + 1 < name.n; i++)
		if ((name.p[i] == '.' && name.p[i + 1] == '.') ||
		    (name.p[i] == '@' && name.p[i + 1] == '{'))
			return false;
	for (;;) {
		const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
		size_t n = slash ? (size_t)(slash - rest.p) : rest.n;

		if (!component_ok(bytes_of(rest.p, n)))
			return false;
		if (!slash)
			return true;
		rest = bytes_skip(rest, n + 1);
	}
}
