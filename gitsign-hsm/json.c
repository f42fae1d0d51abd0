#include "json.h"

#include "base/text.h"

void json_put_comma(struct buf *b)
{
	if (b->n > 0 && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[')
		buf_add_byte(b, ',');
}

void json_put_name(struct buf *b, const char *name)
{
	json_put_comma(b);
	text_json(b, bytes_str(name));
	buf_add_byte(b, ':');
}

void json_put_text(struct buf *b, const char *name, const char *value)
{
	json_put_name(b, name);
	if (value == NULL)
		buf_add_str(b, "null");
	else
		text_json(b, bytes_str(value));
}

void json_put_hex(struct buf *b, const char *name, const void *p, size_t n)
{
	json_put_name(b, name);
	buf_add_byte(b, '"');
	text_hex(b, bytes_of(p, n), false);
	buf_add_byte(b, '"');
}

void json_put_bool(struct buf *b, const char *name, int value)
{
	json_put_name(b, name);
	buf_add_str(b, value < 0 ? "null" : value > 0 ? "true" : "false");
}

void json_put_number(struct buf *b, const char *name, long long value)
{
	json_put_name(b, name);
	buf_addf(b, "%lld", value);
}
