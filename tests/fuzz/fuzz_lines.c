/*
 * Lines that others write: the first byte chooses. '0' and '1': pre-receive's ref
 * updates with SHA-1 and SHA-256; '2': git's configuration; '3': the record; '4': pre-push's
 * lines; '5': reference-transaction's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/gitconf.h"
#include "base/mem.h"
#include "policy/judge.h"
#include "record/record_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What was taken, written out again, is what stood there. */
static void check_updates(struct bytes in, uint8_t hash_bytes)
{
	struct judge_update *u = NULL;
	struct buf again = BUF_INIT;
	char old[OID_HEX_MAX], new_[OID_HEX_MAX];
	size_t n = 0;

	if (judge_read_updates(in, hash_bytes, &u, &n, NULL)) {
		must(u == NULL);
		return;
	}
	must(n > 0);
	for (size_t i = 0; i < n; i++) {
		must(u[i].old.n == hash_bytes && u[i].new_.n == hash_bytes && u[i].ref[0]);
		buf_addf(&again, "%s %s ", oid_hex(&u[i].old, old), oid_hex(&u[i].new_, new_));
		buf_add_str(&again, u[i].ref); /* longer than a format may be */
		buf_add_byte(&again, '\n');
	}
	must(bytes_eq(buf_bytes(&again), in));
	buf_free(&again);
	judge_updates_free(u, n);
}

/* Whatever is taken has ids of the length that was asked for, and a name. */
static void check_lines(judge_reader *reader, struct bytes in, bool symbolic)
{
	struct judge_update *u = NULL;
	size_t n = 0, lines = 0;

	if (reader(in, 20, &u, &n, NULL)) {
		must(u == NULL);
		return;
	}
	for (size_t i = 0; i < in.n; i++)
		lines += in.p[i] == '\n';
	must(n == lines);
	for (size_t i = 0; i < n; i++) {
		must(u[i].ref[0] && !strchr(u[i].ref, '\n'));
		must(u[i].old.n == 20 || (symbolic && u[i].old.n == 0));
		must(u[i].new_.n == 20 || (symbolic && u[i].new_.n == 0));
	}
	judge_updates_free(u, n);
}

static void check_name(const char *name)
{
	must(name != NULL);
	for (; *name; name++)
		must(!(*name >= 'A' && *name <= 'Z'));
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int is_value(const char *value, void *ctx)
{
	return strcmp(value, ctx) == 0 ? 7 : 0;
}

/* Who asks for the key of an entry gets the last one of that name. */
static void check_question(const struct gitconf *c, const struct gitconf_entry *e)
{
	const struct gitconf_entry *last = e;
	struct buf key = BUF_INIT;
	char *value;
	bool yes = false;
	int rc;

	for (const struct gitconf_entry *i = e; i < c->v + c->n; i++)
		if (same(i->section, e->section) && same(i->subsection, e->subsection) &&
		    same(i->name, e->name))
			last = i;
	buf_add_str(&key, e->section);
	buf_add_byte(&key, '.');
	if (e->subsection != NULL) {
		buf_add_str(&key, e->subsection);
		buf_add_byte(&key, '.');
	}
	buf_add_str(&key, e->name);
	value = xstrdup(last->value ? last->value : "");
	must(strcmp(gitconf_get(c, buf_str(&key)), value) == 0);
	must(gitconf_each(c, buf_str(&key), is_value, value) == 7);
	rc = gitconf_bool(c, buf_str(&key), true, &yes, NULL);
	must(rc == (gitconf_truth(last->value) < 0 ? ERR_CONFIG : 0));
	must(rc != 0 || yes == (gitconf_truth(last->value) == 1));
	free(value);
	buf_free(&key);
}

static void check_config(struct bytes in)
{
	struct gitconf c = GITCONF_INIT;
	struct err err = ERR_INIT;
	int rc = gitconf_parse(&c, in, "config", &err);

	must(rc == 0 || (rc == ERR_CONFIG && err.text[0] && c.n == 0));
	for (size_t i = 0; i < c.n; i++) {
		must(c.v[i].file < c.nfiles && c.v[i].line > 0);
		check_name(c.v[i].section);
		must(!c.v[i].name || c.v[i].name[0]);
		check_name(c.v[i].name ? c.v[i].name : "");
		if (c.v[i].name && i < 32)
			check_question(&c, &c.v[i]);
	}
	gitconf_free(&c);
}

static bool any_rule(const char *rule, void *ctx)
{
	(void)ctx;
	return rule != NULL;
}

/* Every tip is the new value of an entry that landed; every ref of one is known. */
static void check_answers(const struct record *r)
{
	struct oid *tips = NULL, last;
	size_t n = record_tips(r, any_rule, NULL, &tips);

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < r->n &&
		       !(r->v[k].state == RECORD_LANDED && oid_eq(&r->v[k].new_, &tips[i])))
			k++;
		must(k < r->n);
	}
	for (size_t i = 0; i < r->n; i++) {
		bool known, deleted;

		record_ref(r, r->v[i].ref, &known, &deleted, &last);
		must(known || r->v[i].state != RECORD_LANDED);
	}
	free(tips);
}

static bool same_entry(const struct record_entry *a, const struct record_entry *b)
{
	return a->seq == b->seq && a->state == b->state && a->received == b->received &&
	       memcmp(a->policy, b->policy, sizeof(a->policy)) == 0 && same(a->rule, b->rule) &&
	       same(a->ref, b->ref) && same(a->who, b->who) && oid_eq(&a->old, &b->old) &&
	       oid_eq(&a->new_, &b->new_) && a->forward == b->forward;
}

/* The line that `r` took last, as it is written: another record takes it for the same. */
static void check_rewritten(struct record *twin, const struct record *r, struct buf *text)
{
	struct line_sum last = twin->last;
	size_t from = text->n, k = 0;

	if (r->n > twin->n) {
		must(line_put_entry(text, &twin->hash, &last, &r->v[twin->n]));
	} else {
		while (k < r->n && r->v[k].state == twin->v[k].state)
			k++;
		must(k < r->n);
		must(line_put_change(text, &twin->hash, &last, k + 1, r->v[k].state));
	}
	must(line_take(twin, (char *)text->p + from, text->n - from - 1) == LINE_GOOD);
	must(r->n == twin->n);
	k = k < r->n && r->v[k].state != RECORD_PENDING ? k : r->n - 1;
	must(same_entry(&r->v[k], &twin->v[k]) && same_entry(&r->v[r->n - 1], &twin->v[r->n - 1]));
}

static void record_begin(struct record *r)
{
	*r = (struct record){ .fd = -1, .dir_fd = -1, .last = line_sum_first };
	r->index = index_new();
	must(hasher_init(&r->hash));
}

static void record_end(struct record *r)
{
	free(r->v);
	index_free(r->index);
	hasher_free(&r->hash);
}

/* Lines with the sum that they lack: it keeps accidents out, not meaning. */
static void check_record(struct bytes in)
{
	struct record r, twin;
	struct buf text = BUF_INIT, again = BUF_INIT;

	record_begin(&r);
	record_begin(&twin);
	/* entries point into them: they must not move */
	buf_reserve(&text, 2 * in.n + 64 * (in.n + 1));
	buf_reserve(&again, 4 * in.n + 64 * (in.n + 1));
	while (in.n > 0) {
		const uint8_t *lf = memchr(in.p, '\n', in.n);
		struct bytes line = bytes_of(in.p, lf ? (size_t)(lf - in.p) : in.n);
		struct line_sum sum;
		size_t from = text.n, had = r.n;
		enum line_fault fault;

		must(hasher_sum(&r.hash, &r.last, line, &sum));
		buf_add_bytes(&text, line);
		buf_add_byte(&text, ' ');
		buf_add(&text, sum.hex, SUM_HEX);
		buf_add_byte(&text, '\n');
		fault = line_take(&r, (char *)text.p + from, text.n - from - 1);
		must(fault != LINE_SUM || line.n == 0); /* a sum of nothing is none */
		must(fault == LINE_GOOD || r.n == had);
		must(r.n <= had + 1);
		if (r.n > had)
			must(r.v[had].seq == r.n && r.v[had].ref[0] && r.v[had].received >= 0);
		if (fault == LINE_GOOD)
			check_rewritten(&twin, &r, &again);
		in = bytes_skip(in, lf ? line.n + 1 : line.n);
	}
	check_answers(&r);
	record_end(&r);
	record_end(&twin);
	buf_free(&text);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in;

	if (size == 0 || size > 32768)
		return 0;
	in = bytes_of(data + 1, size - 1);
	switch (data[0]) {
	case '0':
	case '1':
		check_updates(in, data[0] == '0' ? 20 : 32);
		break;
	case '2':
		check_config(in);
		break;
	case '4':
		check_lines(judge_read_pushed, in, false);
		break;
	case '5':
		check_lines(judge_read_transaction, in, true);
		break;
	default:
		check_record(in);
	}
	return 0;
}
