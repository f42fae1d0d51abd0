/* The armors that git takes for signatures (gpg-interface.c). */
#include "base/pem.h"
#include "object/object_internal.h"

#define LINE_MAX_CHARS 76
#define LINE_USUAL 64

static const struct armor_kind {
	const char *label;
	bool pgp;
} kinds[] = {
	{ "PGP SIGNATURE", true },
	{ "PGP MESSAGE", true },
	{ "SIGNED MESSAGE", false },
	{ "SSH SIGNATURE", false },
};

static bool take(struct bytes *v, const char *prefix)
{
	if (!bytes_starts(*v, bytes_str(prefix)))
		return false;
	*v = bytes_skip(*v, strlen(prefix));
	return true;
}

/* Takes "-----BEGIN LABEL-----", or END, off the front of `*v`. */
static bool take_mark(struct bytes *v, const char *begin_or_end, const char *label)
{
	return take(v, begin_or_end) && take(v, label) && take(v, "-----");
}

/* git compares the beginning alone: a line may go on behind it, and still counts. */
static const struct armor_kind *take_begin(struct bytes *v)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct bytes rest = *v;

		if (take_mark(&rest, "-----BEGIN ", kinds[i].label)) {
			*v = rest;
			return &kinds[i];
		}
	}
	return NULL;
}

static bool is_end(struct bytes line, const struct armor_kind *kind)
{
	return take_mark(&line, "-----END ", kind->label) && line.n == 0;
}

/* Does `v` begin as an armor does in git's eyes? */
static bool object_armor_begins(struct bytes v)
{
	return take_begin(&v) != NULL;
}

/* 0: a letter, a digit, '/' (which stands before '0'), '+' or '='. */
static uint8_t strange(uint8_t c)
{
	return ((uint8_t)((c | 0x20) - 'a') > 25) & ((uint8_t)(c - '/') > 10) & (c != '+') &
	       (c != '=');
}

static bool is_base64(struct bytes line)
{
	uint8_t bad = 0;

	if (line.n == 0 || line.n > LINE_MAX_CHARS)
		return false;
	for (size_t i = base64_span(line); i < line.n; i++)
		bad |= strange(line.p[i]);
	return bad == 0;
}

/* "Version: GnuPG v1" and the like, up to a blank line (RFC 4880, 6.2). */
static bool skip_pgp_headers(struct bytes *rest, struct bytes *line)
{
	while (object_line(rest, line)) {
		if (line->n == 0)
			return true;
		if (line->n > LINE_MAX_CHARS || !object_no_control(*line) ||
		    !memchr(line->p, ':', line->n))
			return false;
	}
	return false;
}

/*
 * Takes the lines of base64 and the one behind them, `*end`; `*n` is the number of the former.
 * Folded otherwise it would be another object with the same signature: all but the last line
 * have one length.
 */
static int take_lines(struct bytes *rest, bool any_length, size_t *n, struct bytes *end,
		      struct err *err)
{
	size_t length = 0;
	bool last = false;

	/* Most have this length: their ends are not looked for. */
	for (*n = 0; rest->n > LINE_USUAL && rest->p[LINE_USUAL] == '\n' &&
		     base64_span(bytes_of(rest->p, LINE_USUAL)) == LINE_USUAL;
	     (*n)++) {
		*rest = bytes_skip(*rest, LINE_USUAL + 1);
		length = LINE_USUAL;
	}
	for (; object_line(rest, end); (*n)++) {
		if (!is_base64(*end))
			return 0;
		if (*n == 0)
			length = end->n;
		if (!any_length && (last || end->n > length))
			return object_bad(err, "the signature's lines differ in length", *end);
		last = end->n < length;
	}
	return object_bad(err, "the signature has no END line", *rest);
}

int object_armor_check(struct bytes text, struct err *err)
{
	struct bytes rest = text, line = text;
	const struct armor_kind *kind = take_begin(&rest);
	size_t lines;
	int r;

	if (!kind)
		return object_bad(err, "no armor that git knows", text);
	if (!object_line(&rest, &line) || line.n > 0)
		return object_bad(err, "bytes behind the BEGIN of the signature", line);
	if (kind->pgp && !skip_pgp_headers(&rest, &line))
		return object_bad(err, "no blank line behind the armor headers", line);
	r = take_lines(&rest, kind->pgp, &lines, &line, err);
	if (r != 0)
		return r;
	if (!is_end(line, kind))
		return object_bad(err, "a line in the signature is not base64", line);
	if (rest.n > 0)
		return object_bad(err, "bytes behind the signature's END", rest);
	return lines > 0 ? 0 : err_set(err, ERR_INPUT, "an empty signature");
}

int object_armor_split(struct bytes text, struct bytes *before, struct bytes *armor,
		       struct err *err)
{
	struct bytes rest = text, line;
	size_t at = text.n;
	bool more = true;

	while (more && rest.n > 0) {
		if (object_armor_begins(rest)) {
			if (at != text.n)
				return err_set(err, ERR_INPUT, "more than one signature");
			at = text.n - rest.n;
		}
		more = object_line(&rest, &line);
	}
	*before = bytes_of(text.p, at);
	*armor = bytes_skip(text, at);
	return armor->n > 0 ? object_armor_check(*armor, err) : 0;
}
