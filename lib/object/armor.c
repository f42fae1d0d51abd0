/* The armors that git takes for signatures (gpg-interface.c). */
#include "object/object_internal.h"

#define LINE_MAX_CHARS 76

static const struct armor_kind {
	struct bytes begin, end;
	bool pgp;
} kinds[] = {
#define KIND(label, pgp) \
	{ { (const uint8_t *)"-----BEGIN " label "-----", sizeof("-----BEGIN " label "-----") - 1 }, \
	  { (const uint8_t *)"-----END " label "-----", sizeof("-----END " label "-----") - 1 }, pgp }
	KIND("PGP SIGNATURE", true),
	KIND("PGP MESSAGE", true),
	KIND("SIGNED MESSAGE", false),
	KIND("SSH SIGNATURE", false),
#undef KIND
};

/* git compares the beginning alone: a line may go on behind it, and still counts. */
static const struct armor_kind *kind_of(struct bytes v)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (bytes_starts(v, kinds[i].begin))
			return &kinds[i];
	return NULL;
}

bool object_armor_begins(struct bytes v)
{
	return kind_of(v) != NULL;
}

bool object_armor_is_pgp(struct bytes text)
{
	const struct armor_kind *kind = kind_of(text);

	return kind && kind->pgp;
}

static bool is_base64(struct bytes line)
{
	if (line.n == 0 || line.n > LINE_MAX_CHARS)
		return false;
	for (size_t i = 0; i < line.n; i++) {
		uint8_t c = line.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '='))
			return false;
	}
	return true;
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

int object_armor_check(struct bytes text, struct err *err)
{
	const struct armor_kind *kind = kind_of(text);
	struct bytes rest = text, line = text;
	size_t lines = 0;

	if (!kind)
		return object_bad(err, "no armor that git knows", text);
	if (!object_line(&rest, &line) || line.n != kind->begin.n)
		return object_bad(err, "bytes behind the BEGIN of the signature", line);
	if (kind->pgp && !skip_pgp_headers(&rest, &line))
		return object_bad(err, "no blank line behind the armor headers", line);
	for (line = rest; object_line(&rest, &line); lines++) {
		if (bytes_eq(line, kind->end)) {
			if (rest.n > 0)
				return object_bad(err, "bytes behind the signature's END", rest);
			return lines > 0 ? 0 : err_set(err, ERR_INPUT, "an empty signature");
		}
		if (!is_base64(line))
			return object_bad(err, "a line in the signature is not base64", line);
	}
	return object_bad(err, "the signature has no END line", rest);
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
