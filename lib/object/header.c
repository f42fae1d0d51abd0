/* Lines and headers of objects. */
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"
#include "object/object_internal.h"

#define SEEN_MAX 60

int object_bad(struct err *err, const char *what, struct bytes seen)
{
	bool cut = seen.n > SEEN_MAX;
	_cleanup_free_ char *text = text_escaped(bytes_of(seen.p, cut ? SEEN_MAX : seen.n));

	return err_set(err, ERR_INPUT, "%s: \"%s%s\"", what, text, cut ? "..." : "");
}

bool object_no_control(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return false;
	return true;
}

bool object_line(struct bytes *rest, struct bytes *line)
{
	const uint8_t *lf = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

	if (!lf)
		return false;
	*line = bytes_of(rest->p, (size_t)(lf - rest->p));
	*rest = bytes_skip(*rest, line->n + 1);
	return true;
}

bool object_header(struct bytes line, const char *key, struct bytes *value)
{
	struct bytes k = bytes_str(key);

	if (!bytes_starts(line, k) || line.n == k.n || line.p[k.n] != ' ')
		return false;
	*value = bytes_skip(line, k.n + 1);
	return true;
}

bool object_unfold(struct bytes first, struct bytes *rest, struct buf *out)
{
	struct bytes line = first;

	buf_add_bytes(out, line);
	buf_add_byte(out, '\n');
	while (rest->n > 0 && rest->p[0] == ' ') {
		if (!object_line(rest, &line))
			return false;
		buf_add(out, line.p + 1, line.n); /* with its line's end */
	}
	return true;
}

/* Takes the line "KEY VALUE" off `*rest`; `*line` is what stands there in any case. */
static bool take_value(struct bytes *rest, const char *key, struct bytes *line, struct bytes *value)
{
	struct bytes r = *rest;

	*line = r;
	if (!object_line(&r, line) || !object_header(*line, key, value))
		return false;
	*rest = r;
	return true;
}

int object_take_id(struct bytes *rest, const char *key, uint8_t hash_bytes, struct oid *ret,
		   struct err *err)
{
	struct bytes line, value;
	char what[64];

	if (take_value(rest, key, &line, &value) && oid_parse(value, ret) && ret->n == hash_bytes &&
	    !oid_is_null(ret))
		return 0;
	snprintf(what, sizeof(what), "no \"%s\" line with an id of %d digits", key, 2 * hash_bytes);
	return object_bad(err, what, line);
}

int object_take_ident(struct bytes *rest, const char *key, struct object_ident *ret,
		      struct err *err)
{
	struct bytes line, value;
	char what[80];

	if (take_value(rest, key, &line, &value) && object_parse_ident(value, ret))
		return 0;
	snprintf(what, sizeof(what), "no line \"%s NAME <EMAIL> SECONDS +ZONE\"", key);
	return object_bad(err, what, line);
}

int object_take_blank(struct bytes *rest, const char *after, struct err *err)
{
	char what[80];

	if (rest->n > 0 && rest->p[0] == '\n') {
		*rest = bytes_skip(*rest, 1);
		return 0;
	}
	snprintf(what, sizeof(what), "no blank line after %s", after);
	return object_bad(err, what, *rest);
}

int object_check_raw(struct bytes raw, uint8_t hash_bytes, struct err *err)
{
	if (hash_bytes != 20 && hash_bytes != 32)
		return err_set(err, ERR_INTERNAL, "no hash of %d bytes is known", hash_bytes);
	if (raw.n > 0 && memchr(raw.p, '\0', raw.n))
		return err_set(err, ERR_INPUT, "a NUL byte, behind which git shows nothing");
	return 0;
}
