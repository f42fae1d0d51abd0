#include "oauth/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* jansson frees without telling the size: it stands before the memory. */
struct head {
	size_t n;
	size_t pad; /* what follows stays aligned for anything */
};

static void *keep(size_t n)
{
	struct head *h = xmalloc(sizeof(*h) + n);

	h->n = n;
	return h + 1;
}

static void wipe(void *p)
{
	struct head *h = p;

	if (p == NULL)
		return;
	h--;
	mem_wipe(h + 1, h->n);
	free(h);
}

/* Before main(): what one allocator gave, the other could not free. */
__attribute__((constructor)) static void use_own_memory(void)
{
	json_set_alloc_funcs(keep, wipe);
}

static int add(const char *p, size_t n, void *ctx)
{
	secret_add(ctx, p, n);
	return 0;
}

void json_write(struct secret *out, const json_t *v)
{
	(void)json_dump_callback(v, add, out, JSON_COMPACT | JSON_ENSURE_ASCII);
}

/* jansson's own limit is 2048 levels of recursion. */
static bool too_deep(struct bytes text)
{
	unsigned depth = 0;
	bool string = false;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '{' || c == '['))
			depth++;
		else if (!string && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

/* Of jansson's words those before "near": what it quotes then may be a secret. */
static int no_json(const char *what, json_error_t *e, struct err *err)
{
	_cleanup_free_ char *why = NULL;
	char *near;

	if (e == NULL)
		return err_set(err, ERR_INPUT, "%s: an empty answer", what);
	near = strstr(e->text, " near ");
	if (near != NULL)
		*near = '\0';
	why = text_escaped(bytes_str(e->text));
	return err_set(err, ERR_INPUT, "%s: no good JSON, at byte %d: %s", what, e->position, why);
}

int json_read(struct bytes text, const char *what, bool array, json_t **ret, struct err *err)
{
	json_error_t e;
	json_t *v;

	if (too_deep(text))
		return err_set(err, ERR_INPUT, "%s: JSON of more than %d levels", what,
			       JSON_DEPTH_MAX);
	v = text.n > 0 ? json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e)
		       : NULL;
	if (v == NULL)
		return no_json(what, text.n > 0 ? &e : NULL, err);
	if (array ? !json_is_array(v) : !json_is_object(v)) {
		json_decref(v);
		return err_set(err, ERR_INPUT, "%s: JSON, but no %s", what,
			       array ? "array" : "object");
	}
	*ret = v;
	return 0;
}

int json_text(const json_t *o, const char *key, size_t max, const char **ret, struct err *err)
{
	const json_t *v = json_object_get(o, key);

	*ret = NULL;
	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return err_set(err, ERR_INPUT, "%s is not a string", key);
	if (json_string_length(v) > max)
		return err_set(err, ERR_INPUT, "%s is longer than %zu bytes", key, max);
	*ret = json_string_value(v);
	return 0;
}

int json_need(const json_t *o, const char *key, size_t max, const char **ret, struct err *err)
{
	int r = json_text(o, key, max, ret, err);

	if (r == 0 && (*ret == NULL || (*ret)[0] == '\0'))
		return err_set(err, ERR_INPUT, "%s is missing", key);
	return r;
}

int json_number(const json_t *o, const char *key, int64_t *ret, bool *found, struct err *err)
{
	const json_t *v = json_object_get(o, key);
	uint64_t n = 0;

	*found = v != NULL && !json_is_null(v);
	if (!*found)
		return 0;
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		n = (uint64_t)json_integer_value(v);
	else if (json_is_real(v) && json_real_value(v) >= 0 && json_real_value(v) < 1e15)
		n = (uint64_t)json_real_value(v);
	else if (!json_is_string(v) || !text_parse_u64(bytes_str(json_string_value(v)), &n))
		return err_set(err, ERR_INPUT, "%s is not a number", key);
	*ret = n > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)n;
	return 0;
}
