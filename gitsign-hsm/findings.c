#include "findings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "json.h"

static void json_finding(struct buf *b, const struct judge_finding *f)
{
	json_put_comma(b);
	buf_add_byte(b, '{');
	json_put_text(b, "ref", f->ref);
	json_put_text(b, "rule", f->rule[0] != '\0' ? f->rule : NULL);
	json_put_text(b, "object", f->object[0] != '\0' ? f->object : NULL);
	json_put_text(b, "subject", f->subject);
	json_put_text(b, "seen", f->seen);
	json_put_text(b, "cure", f->cure);
	json_put_bool(b, "report", f->report);
	buf_add_byte(b, '}');
}

void findings_json(struct buf *b, const struct judge_result *r)
{
	json_put_name(b, "findings");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < r->findings_n; i++)
		json_finding(b, &r->findings[i]);
	buf_add_byte(b, ']');
	json_put_name(b, "signers");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < r->who.n; i++) {
		json_put_comma(b);
		text_json(b, bytes_str(r->who.v[i]));
	}
	buf_add_byte(b, ']');
	json_put_number(b, "commits", (long long)r->commits_seen);
	json_put_number(b, "commitsGood", (long long)r->commits);
	json_put_number(b, "tagsGood", (long long)r->tags);
}

void findings_print(const struct judge_result *r, const struct policy *p,
		    const struct judge_update *u, size_t n)
{
	struct buf text = BUF_INIT;

	judge_render(r, p, u, n, &text);
	fputs(buf_str(&text), stdout);
	buf_free(&text);
}

void findings_print_all(const struct judge_result *r, const struct policy *p, size_t n)
{
	struct judge_update *u = xcalloc(n != 0 ? n : 1, sizeof(*u));
	_cleanup_free_ char *none = xstrdup("");
	struct buf text = BUF_INIT;

	u[0].ref = none;
	if (r->findings_n != 0)
		judge_render(r, p, u, n, &text);
	if (!r->refused && text.n != 0) /* its last line says what was accepted */
		for (text.n--; text.n > 0 && text.p[text.n - 1] != '\n';)
			text.n--;
	if (text.n != 0)
		fwrite(text.p, 1, text.n, stdout);
	buf_free(&text);
	free(u);
}

void findings_json_oid(struct buf *b, const char *name, const struct oid *id)
{
	char hex[OID_HEX_MAX];

	json_put_text(b, name, oid_is_null(id) ? NULL : oid_hex(id, hex));
}
