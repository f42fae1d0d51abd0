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

static bool parse_line(struct bytes line, uint8_t hash_bytes, struct judge_update *ret)
{
	size_t hex_n = (size_t)hash_bytes * 2;

	if (!take_oid(&line, hex_n, &ret->old) || !take_oid(&line, hex_n, &ret->new_))
		return false;
	if (line.n == 0 || memchr(line.p, '\0', line.n))
		return false;
	ret->ref = xstrndup((const char *)line.p, line.n);
	return true;
}

int judge_read_updates(struct bytes input, uint8_t hash_bytes, struct judge_update **ret,
		       size_t *n, struct err *err)
{
	struct judge_update *v = NULL, u;
	size_t count = 0, cap = 0;

	while (input.n > 0) {
		const uint8_t *end = memchr(input.p, '\n', input.n);
		struct bytes line = bytes_of(input.p, end ? (size_t)(end - input.p) : 0);

		memset(&u, 0, sizeof(u));
		if (!end || !parse_line(line, hash_bytes, &u)) {
			judge_updates_free(v, count);
			return err_set(err, ERR_INPUT, "line %zu of the ref updates is not "
				       "\"old new ref\" with %d-digit ids", count + 1,
				       hash_bytes * 2);
		}
		if (count == cap)
			v = xreallocarray(v, cap = cap ? cap * 2 : 16, sizeof(*v));
		v[count++] = u;
		input = bytes_skip(input, line.n + 1);
	}
	if (count == 0)
		return err_set(err, ERR_INPUT, "no ref updates on standard input: git runs this "
			       "program as the hook of a repository that is pushed to");
	*ret = v;
	*n = count;
	return 0;
}
