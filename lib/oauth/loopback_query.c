#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/loopback.h"

bool loopback_query(const struct buf *request, const char *path, struct bytes *ret)
{
	const char *line = buf_str(request);
	size_t n = strcspn(line, "\r\n"), path_n = strlen(path);

	if (strncmp(line, "GET ", 4) != 0 || n < 4 + path_n ||
	    strncmp(line + 4, path, path_n) != 0 || line[4 + path_n] != '?')
		return false;
	*ret = bytes_of(line + 5 + path_n, n - 5 - path_n);
	return true;
}

void loopback_answer_free(struct loopback_answer *a)
{
	char **all[] = { &a->code, &a->state, &a->iss, &a->error, &a->description };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i] != NULL)
			mem_wipe(*all[i], strlen(*all[i]));
		free(*all[i]);
		*all[i] = NULL;
	}
}

/* A code that is refused was one all the same. */
static char *discard(char *text, size_t n)
{
	mem_wipe(text, n);
	free(text);
	return NULL;
}

/* application/x-www-form-urlencoded; NULL for a broken escape or a control byte. */
static char *decoded(struct bytes v)
{
	char *out = xmalloc(v.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i] == '+' ? ' ' : v.p[i];

		if (c == '%') {
			if (v.n - i < 3 || !text_unhex(bytes_of(v.p + i + 1, 2), &c, 1))
				return discard(out, n);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return discard(out, n);
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return out;
}

static char **slot_for(struct loopback_answer *a, struct bytes name)
{
	if (bytes_eq_str(name, "code"))
		return &a->code;
	if (bytes_eq_str(name, "state"))
		return &a->state;
	if (bytes_eq_str(name, "iss"))
		return &a->iss;
	if (bytes_eq_str(name, "error"))
		return &a->error;
	if (bytes_eq_str(name, "error_description"))
		return &a->description;
	return NULL;
}

static bool take_pair(struct loopback_answer *a, struct bytes pair)
{
	const uint8_t *eq = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;
	size_t n = eq != NULL ? (size_t)(eq - pair.p) : pair.n;
	char **slot = slot_for(a, bytes_of(pair.p, n));

	if (slot == NULL)
		return true;
	if (*slot != NULL)
		return false;
	*slot = decoded(eq != NULL ? bytes_skip(pair, n + 1) : BYTES_NONE);
	return *slot != NULL;
}

bool loopback_parse(struct bytes query, struct loopback_answer *ret)
{
	struct loopback_answer a = { .code = NULL };
	size_t end = 0;

	while (end < query.n && query.p[end] != '#' && query.p[end] > ' ')
		end++;
	query.n = end;
	while (query.n > 0) {
		const uint8_t *amp = memchr(query.p, '&', query.n);
		size_t n = amp != NULL ? (size_t)(amp - query.p) : query.n;

		if (!take_pair(&a, bytes_of(query.p, n))) {
			loopback_answer_free(&a);
			return false;
		}
		query = bytes_skip(query, amp != NULL ? n + 1 : n);
	}
	*ret = a;
	return true;
}
