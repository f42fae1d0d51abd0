#include "helper/report.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "helper/verbs.h"
#include "oauth/json.h"

json_t *report_text(const char *v)
{
	_cleanup_free_ char *shown = NULL;

	if (v == NULL)
		return json_null();
	shown = text_escaped(bytes_str(v));
	return json_string(shown);
}

json_t *report_said(const char *text)
{
	struct buf b = BUF_INIT;
	json_t *v;

	for (;;) {
		size_t n = strcspn(text, "\\");

		text_escape(&b, bytes_of(text, n));
		text += n;
		if (*text == '\0')
			break;
		buf_add_byte(&b, (uint8_t)*text++);
	}
	v = json_string(buf_str(&b));
	buf_free(&b);
	return v;
}

static void set_time(json_t *o, const char *key, int64_t t)
{
	struct buf b = BUF_INIT;

	if (t > 0) {
		text_time(&b, t);
		(void)json_object_set_new(o, key, json_string(buf_str(&b)));
	}
	buf_free(&b);
}

static const char *state_word(const struct cred_tokens *t, bool found, int64_t now)
{
	static const char *const words[] = { "stale", "ageing", "good" };

	return found ? words[cred_tokens_state(t, now)] : "none";
}

static void fill(json_t *o, const struct cred_tokens *t, int64_t now)
{
	set_time(o, "issued", t->issued);
	set_time(o, "expires", t->expires);
	if (t->issued > 0)
		(void)json_object_set_new(o, "age", json_integer(now - t->issued));
	if (t->expires > 0)
		(void)json_object_set_new(o, "left", json_integer(t->expires - now));
	(void)json_object_set_new(o, "refresh", json_boolean(cred_tokens_can_refresh(t, now)));
	if (t->scope != NULL)
		(void)json_object_set_new(o, "scope", report_text(t->scope));
}

json_t *report_token(struct ask *a)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct err err = ERR_INIT;
	bool found = false;
	int64_t now = os_now();
	json_t *o = json_object();
	int r = store_load(&a->store, &t, &found, &err);

	(void)json_object_set_new(o, "state", json_string(state_word(&t, found && r == 0, now)));
	(void)json_object_set_new(o, "store", json_string(cred_store_name(a->store.kind)));
	if (r != 0)
		(void)json_object_set_new(o, "error", report_said(err.text));
	else if (a->store.note.n > 0)
		(void)json_object_set_new(o, "note", report_said(buf_str(&a->store.note)));
	if (r == 0 && found)
		fill(o, &t, now);
	cred_tokens_free(&t);
	return o;
}

static int64_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

void report_token_line(const json_t *token, struct buf *out)
{
	const char *state = json_string_value(json_object_get(token, "state"));
	const json_t *error = json_object_get(token, "error");

	if (error != NULL) {
		buf_add_str(out, json_string_value(error));
		return;
	}
	if (strcmp(state, "none") == 0) {
		buf_add_str(out, "none kept");
		return;
	}
	buf_add_str(out, strcmp(state, "stale") == 0 ? "too old" : "good");
	if (json_object_get(token, "left") != NULL && number(token, "left") > 0) {
		buf_add_str(out, " for ");
		verb_add_span(out, number(token, "left"));
	}
	if (number(token, "age") < 0) {
		buf_add_str(out, ", issued in the future (is this clock right?)");
	} else if (json_object_get(token, "age") != NULL) {
		buf_add_str(out, ", issued ");
		verb_add_span(out, number(token, "age"));
		buf_add_str(out, " ago");
	}
	if (json_is_true(json_object_get(token, "refresh")))
		buf_add_str(out, ", with a refresh token");
}

int report_print(const json_t *v, struct err *err)
{
	/* What the stream could not take is told when it is closed. */
	if (json_dumpf(v, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0 && !ferror(stdout))
		return err_set(err, ERR_INTERNAL, "the report cannot be written as JSON");
	putchar('\n');
	return 0;
}
