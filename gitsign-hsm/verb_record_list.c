/* record list: what was let in, update by update. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "findings.h"
#include "json.h"
#include "record_place.h"
#include "say.h"
#include "verbs.h"

static const char *state_name(enum record_state s)
{
	switch (s) {
	case RECORD_LANDED:
		return "landed";
	case RECORD_DROPPED:
		return "dropped";
	default:
		return "pending";
	}
}

static void add_short(struct buf *b, const struct oid *id)
{
	char hex[OID_HEX_MAX];

	buf_addf(b, "%-12.12s", oid_is_null(id) ? "-" : oid_hex(id, hex));
}

static void print_row(const struct record_entry *e)
{
	_cleanup_free_ char *rule = text_escaped(bytes_str(e->rule));
	_cleanup_free_ char *ref = text_escaped(bytes_str(e->ref));
	_cleanup_free_ char *who = text_escaped(bytes_str(e->who));
	struct buf b = BUF_INIT;

	buf_addf(&b, "%6llu  ", (unsigned long long)e->seq);
	text_time(&b, e->received);
	buf_addf(&b, "  %-7s  ", state_name(e->state));
	add_short(&b, &e->old);
	buf_add_str(&b, "  ");
	add_short(&b, &e->new_);
	printf("%s  %-24s  %-12s  %s\n", buf_str(&b), ref, rule, who);
	buf_free(&b);
}

static void put_names(struct buf *b, const char *who)
{
	json_put_name(b, "who");
	buf_add_byte(b, '[');
	while (*who != '\0') {
		size_t n = strcspn(who, ",");

		json_put_comma(b);
		text_json(b, bytes_of(who, n));
		who += n + (who[n] == ',');
	}
	buf_add_byte(b, ']');
}

static void put_row(struct buf *b, const struct record_entry *e)
{
	struct buf when = BUF_INIT;

	text_time(&when, e->received);
	json_put_comma(b);
	buf_add_byte(b, '{');
	json_put_number(b, "seq", (long long)e->seq);
	json_put_text(b, "received", buf_str(&when));
	json_put_text(b, "state", state_name(e->state));
	json_put_hex(b, "policy", e->policy, sizeof(e->policy));
	json_put_text(b, "rule", e->rule);
	json_put_text(b, "ref", e->ref);
	findings_json_oid(b, "old", &e->old);
	findings_json_oid(b, "new", &e->new_);
	json_put_bool(b, "forward", e->forward);
	put_names(b, e->who);
	buf_add_byte(b, '}');
	buf_free(&when);
}

static void print_json(const struct record_entry *v, size_t n, const char *ref)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, '[');
	for (size_t i = 0; i < n; i++)
		if (ref == NULL || strcmp(v[i].ref, ref) == 0)
			put_row(&b, &v[i]);
	buf_add_byte(&b, ']');
	puts(buf_str(&b));
	buf_free(&b);
}

static void print_table(const struct record_entry *v, size_t n, const char *ref)
{
	printf("%6s  %-20s  %-7s  %-12s  %-12s  %-24s  %-12s  %s\n", "SEQ", "RECEIVED", "STATE",
	       "OLD", "NEW", "REF", "RULE", "WHO");
	for (size_t i = 0; i < n; i++)
		if (ref == NULL || strcmp(v[i].ref, ref) == 0)
			print_row(&v[i]);
}

int verb_record_list(int argc, char **argv)
{
	bool json = false;
	const char *ref = NULL;
	const struct opt opts[] = {
		{ 0, "ref", "REF", "the updates of this ref alone", OPT_STRING, &ref },
		{ 0, "json", NULL, "print a JSON array", OPT_FLAG, &json },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm record list [--ref REF] [--json] [REPOSITORY]",
		"Shows what the hook of a repository has let in: when, where, by which rule, "
		"whose.",
		opts,
		NULL,
		0,
		1,
	};
	struct record_place p;
	struct err err = ERR_INIT;
	const struct record_entry *v = NULL;
	size_t n = 0;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = record_place_open(argc > 0 ? argv[0] : NULL, &p, &err);
	if (rc != 0)
		return say_err(&err);
	rc = record_place_read(&p, &err);
	if (rc == 0 && p.record != NULL) {
		v = record_entries(p.record, &n);
		record_unlock(p.record);
	}
	if (rc == 0)
		(json ? print_json : print_table)(v, n, ref);
	record_place_close(&p);
	return rc != 0 ? say_err(&err) : 0;
}
