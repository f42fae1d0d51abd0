/* pre-receive's standard input: strict lines into updates. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge.h"

void judge_updates_free(struct judge_update *u, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(u[i].ref);
	free(u);
}

static bool take_oid(struct bytes *line, size_t hex_n, struct oid *ret)
{
	if (line->n < hex_n + 1 || line->p[hex_n] != ' ')
		return false;
	if (!oid_parse(bytes_of(line->p, hex_n), ret))
		return false;
	*line = bytes_skip(*line, hex_n + 1);
	return true;
}

static bool take_ref(struct bytes v, struct judge_update *ret)
{
	if (v.n == 0 || memchr(v.p, '\0', v.n))
		return false;
	ret->ref = xstrndup((const char *)v.p, v.n);
	return true;
}

typedef bool line_parser(struct bytes line, uint8_t hash_bytes, struct judge_update *ret);

static bool parse_line(struct bytes line, uint8_t hash_bytes, struct judge_update *ret)
{
	size_t hex_n = (size_t)hash_bytes * 2;

	return take_oid(&line, hex_n, &ret->old) && take_oid(&line, hex_n, &ret->new_) &&
	       take_ref(line, ret);
}

/* "ref:NAME" becomes an id of no length. */
static bool take_value(struct bytes *line, size_t hex_n, struct oid *ret)
{
	const uint8_t *space;

	if (!bytes_starts(*line, BYTES_LIT("ref:")))
		return take_oid(line, hex_n, ret);
	space = memchr(line->p, ' ', line->n);
	if (!space)
		return false;
	*ret = (struct oid){ .n = 0 };
	*line = bytes_skip(*line, (size_t)(space + 1 - line->p));
	return true;
}

static bool parse_transaction(struct bytes line, uint8_t hash_bytes, struct judge_update *ret)
{
	size_t hex_n = (size_t)hash_bytes * 2;

	return take_value(&line, hex_n, &ret->old) && take_value(&line, hex_n, &ret->new_) &&
	       take_ref(line, ret);
}

/* The last word; *line is what stands before the space in front of it. */
static bool take_last(struct bytes *line, struct bytes *ret)
{
	const uint8_t *space = line->n ? memrchr(line->p, ' ', line->n) : NULL;

	if (!space)
		return false;
	*ret = bytes_skip(*line, (size_t)(space + 1 - line->p));
	line->n = (size_t)(space - line->p);
	return true;
}

/* From its end: no ref has a space in it, but "HEAD@{1 day ago}" can be pushed. */
static bool parse_pushed(struct bytes line, uint8_t hash_bytes, struct judge_update *ret)
{
	size_t hex_n = (size_t)hash_bytes * 2;
	struct bytes old, ref, new_;

	return take_last(&line, &old) && take_last(&line, &ref) && take_last(&line, &new_) &&
	       line.n > 0 && old.n == hex_n && new_.n == hex_n && oid_parse(old, &ret->old) &&
	       oid_parse(new_, &ret->new_) && take_ref(ref, ret);
}

static int read_lines(struct bytes input, uint8_t hash_bytes, line_parser *parse, const char *form,
		      struct judge_update **ret, size_t *n, struct err *err)
{
	struct judge_update *v = NULL, u;
	size_t count = 0, cap = 0;

	while (input.n > 0) {
		const uint8_t *end = memchr(input.p, '\n', input.n);
		struct bytes line = bytes_of(input.p, end ? (size_t)(end - input.p) : 0);

		memset(&u, 0, sizeof(u));
		if (!end || !parse(line, hash_bytes, &u)) {
			judge_updates_free(v, count);
			return err_set(err, ERR_INPUT, "line %zu of the ref updates is not \"%s\" "
				       "with %d-digit ids", count + 1, form, hash_bytes * 2);
		}
		if (count == cap)
			v = xreallocarray(v, cap = cap ? cap * 2 : 16, sizeof(*v));
		v[count++] = u;
		input = bytes_skip(input, line.n + 1);
	}
	*ret = v;
	*n = count;
	return 0;
}

int judge_read_updates(struct bytes input, uint8_t hash_bytes, struct judge_update **ret,
		       size_t *n, struct err *err)
{
	if (input.n == 0)
		return err_set(err, ERR_INPUT, "no ref updates on standard input: git runs this "
			       "program as the hook of a repository that is pushed to");
	return read_lines(input, hash_bytes, parse_line, "old new ref", ret, n, err);
}

int judge_read_pushed(struct bytes input, uint8_t hash_bytes, struct judge_update **ret, size_t *n,
		      struct err *err)
{
	return read_lines(input, hash_bytes, parse_pushed, "what new ref old", ret, n, err);
}

int judge_read_transaction(struct bytes input, uint8_t hash_bytes, struct judge_update **ret,
			   size_t *n, struct err *err)
{
	return read_lines(input, hash_bytes, parse_transaction, "old new ref", ret, n, err);
}
