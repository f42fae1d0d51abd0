/*
 * Lines that others write: the first byte chooses. '0' and '1': pre-receive's ref
 * updates with SHA-1 and SHA-256; '2': git's configuration; '3': the record; '4': pre-push's
 * lines; '5': reference-transaction's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/gitconf.h"
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

/* Lines with the sum that they lack: it keeps accidents out, not meaning. */
static void check_record(struct bytes in)
{
	struct record r = { .fd = -1, .dir_fd = -1, .last = line_sum_first, .index = index_new() };
	struct buf text = BUF_INIT;

	must(hasher_init(&r.hash));
	buf_reserve(&text,
		    2 * in.n + 64 * (in.n + 1)); /* entries point into it: it must not move */
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
		in = bytes_skip(in, lf ? line.n + 1 : line.n);
	}
	check_answers(&r);
	free(r.v);
	index_free(r.index);
	hasher_free(&r.hash);
	buf_free(&text);
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
