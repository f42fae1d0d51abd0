/* verify: commits and tags of a repository, judged as git's verify would. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "json.h"
#include "judge_one.h"
#include "say.h"
#include "verb_repo.h"
#include "verbs.h"
#include "verify_modes.h"

#define OBJECT_MAX ((size_t)16 << 20)

struct row {
	struct oid id;
	bool is_tag;
	bool good;
	struct opinion opinion;
	char *subject;
};

struct run {
	struct repo *repo;
	struct judge_one judge;
	int64_t now;
	bool json;
	size_t total, good;
	struct err *err;
};

static char *first_line(struct bytes message)
{
	const uint8_t *nl = message.n > 0 ? memchr(message.p, '\n', message.n) : NULL;

	if (nl != NULL)
		message.n = (size_t)(nl - message.p);
	return text_escaped(message);
}

static void unreadable(struct row *row, const struct err *why)
{
	row->opinion.verdict.level = VERDICT_BAD;
	row->opinion.trust = TRUST_NEVER;
	snprintf(row->opinion.why, sizeof(row->opinion.why), "%.590s", why->text);
	row->subject = xstrdup("");
}

static void judge_commit(const struct run *run, struct bytes raw, struct row *row)
{
	struct object_commit c;
	struct err why = ERR_INIT;

	if (object_parse_commit(raw, repo_hash_bytes(run->repo), &c, &why) != 0) {
		unreadable(row, &why);
		return;
	}
	judge_one(&run->judge, c.payload, OBJECT_PAYLOAD_PIECES, buf_bytes(&c.signature),
		  BYTES_NONE, run->now, &row->opinion);
	row->subject = first_line(c.message);
	object_commit_free(&c);
}

static void judge_tag(const struct run *run, struct bytes raw, struct row *row)
{
	struct object_tag t;
	struct err why = ERR_INIT;

	row->is_tag = true;
	if (object_parse_tag(raw, repo_hash_bytes(run->repo), &t, &why) != 0) {
		unreadable(row, &why);
		return;
	}
	judge_one(&run->judge, t.payload, OBJECT_PAYLOAD_PIECES, buf_bytes(&t.signature), t.name,
		  run->now, &row->opinion);
	row->subject = text_escaped(t.name);
	object_tag_free(&t);
}

static void print_row(const struct run *run, const struct row *row)
{
	const struct verdict *v = &row->opinion.verdict;
	char hex[OID_HEX_MAX];

	if (run->total == 0)
		printf("%-12s  %-9s  %-9s  %s\n", "OBJECT", "VERDICT", "TRUST", "SUBJECT");
	printf("%.12s  %-9s  %-9s  %s\n", oid_hex(&row->id, hex), verdict_level_name(v->level),
	       v->cert != NULL ? status_trust_name(row->opinion.trust) : "-", row->subject);
	if (v->cert != NULL)
		printf("%14s%s\n", "", v->cert->subject);
	if (row->opinion.why[0] != '\0')
		printf("%14s%s\n", "", row->opinion.why);
}

static void print_json(const struct run *run, const struct row *row)
{
	const struct verdict *v = &row->opinion.verdict;
	struct buf b = BUF_INIT;
	char hex[OID_HEX_MAX];

	buf_add_str(&b, run->total == 0 ? "[" : ",\n ");
	buf_add_byte(&b, '{');
	json_put_text(&b, "object", oid_hex(&row->id, hex));
	json_put_text(&b, "type", row->is_tag ? "tag" : "commit");
	json_put_text(&b, "verdict", verdict_level_name(v->level));
	json_put_text(&b, "trust", status_trust_name(row->opinion.trust));
	json_put_bool(&b, "good", row->good);
	json_put_text(&b, "subject", row->subject);
	json_put_text(&b, "why", row->opinion.why);
	if (v->cert != NULL) {
		json_put_text(&b, "certificate", v->cert->subject);
		json_put_hex(&b, "fingerprint", v->cert->sha256, sizeof(v->cert->sha256));
	}
	if (row->opinion.signer != NULL)
		json_put_text(&b, "signer", row->opinion.signer);
	buf_add_byte(&b, '}');
	fwrite(b.p, 1, b.n, stdout);
	buf_free(&b);
}

static int verify_one(const struct oid *id, void *ctx)
{
	struct run *run = ctx;
	struct row row = { .id = *id };
	struct buf raw = BUF_INIT;
	enum object_type type;
	int r = repo_read(run->repo, id, OBJECT_MAX, &type, &raw, run->err);

	if (r == 0 && type != OBJECT_COMMIT && type != OBJECT_TAG)
		r = err_set(run->err, ERR_INPUT,
			    "a %s carries no signature: name a commit or a tag",
			    object_type_name(type));
	if (r == 0) {
		if (type == OBJECT_TAG)
			judge_tag(run, buf_bytes(&raw), &row);
		else
			judge_commit(run, buf_bytes(&raw), &row);
		row.good = status_exit(&row.opinion.verdict, row.opinion.trust) == 0;
		if (run->json)
			print_json(run, &row);
		else
			print_row(run, &row);
		run->total++;
		run->good += row.good;
		free(row.subject);
	}
	buf_free(&raw);
	return r;
}

/* To the commit that a tag leads to. */
static int peel(struct repo *repo, struct oid *id, struct err *err)
{
	for (int depth = 0; depth < 16; depth++) {
		struct object_tag t;
		struct buf raw = BUF_INIT;
		enum object_type type;
		int r = repo_read(repo, id, OBJECT_MAX, &type, &raw, err);

		if (r == 0 && type == OBJECT_TAG)
			r = object_parse_tag(buf_bytes(&raw), repo_hash_bytes(repo), &t, err);
		if (r == 0 && type == OBJECT_TAG) {
			*id = t.target;
			object_tag_free(&t);
		}
		buf_free(&raw);
		if (r != 0 || type == OBJECT_COMMIT)
			return r;
		if (type != OBJECT_TAG)
			break;
	}
	return err_set(err, ERR_INPUT, "not a commit: a range goes from commit to commit");
}

static int resolve(struct repo *repo, const char *rev, bool commit, struct oid *ret,
		   struct err *err)
{
	int r = repo_resolve(repo, rev[0] != '\0' ? rev : "HEAD", ret, err);

	return r == 0 && commit ? peel(repo, ret, err) : r;
}

static int verify_word(struct run *run, const char *word, struct err *err)
{
	const char *dots = strstr(word, "..");
	struct oid from, to;
	int r;

	if (dots == NULL) {
		r = resolve(run->repo, word, false, &to, err);
		return r == 0 ? verify_one(&to, run) : r;
	}
	_cleanup_free_ char *left = xstrndup(word, (size_t)(dots - word));

	if (dots[2] == '.')
		return err_set(err, ERR_USAGE, "A...B is not taken: give A..B");
	if ((r = resolve(run->repo, left, true, &from, err)) != 0 ||
	    (r = resolve(run->repo, dots + 2, true, &to, err)) != 0)
		return r;
	return repo_walk(run->repo, &to, 1, &from, 1, verify_one, run, err);
}

static int verify_all(struct run *run, int argc, char **argv, struct err *err)
{
	int r = 0;

	if (argc == 0)
		r = verify_word(run, "HEAD", err);
	for (int i = 0; i < argc && r == 0; i++)
		r = verify_word(run, argv[i], err);
	if (run->json)
		puts(run->total == 0 ? "[]" : "]");
	else if (r == 0)
		printf("%zu of %zu good\n", run->good, run->total);
	if (r == 0 && run->good < run->total)
		r = ERR_BAD;
	return r;
}

/* --as-push, --all. */
static int ask_rules(const struct verify_mode *m, bool all, int argc, char **argv)
{
	struct err err = ERR_INIT;
	int r;

	if (all && m->as_push != NULL)
		r = err_set(&err, ERR_USAGE, "--all or --as-push: one of them");
	else if (!all && m->as_push == NULL)
		r = err_set(&err, ERR_USAGE, "--remote goes with --all or --as-push");
	else if (all && argc > 0)
		r = err_set(&err, ERR_USAGE, "--all takes no revisions");
	else if (m->as_push != NULL && argc != 1)
		r = err_set(&err, ERR_USAGE, "--as-push REF wants one range: A..B, or B alone");
	else
		r = all ? verify_everything(m, &err) : verify_as_push(m, argv[0], &err);
	if (r != 0 && err.code != ERR_NONE)
		say_err(&err);
	return r;
}

int verb_verify(int argc, char **argv)
{
	const char *policy = NULL;
	struct verify_mode mode = { .json = false };
	bool all = false;
	struct run run = { .now = os_now() };
	const struct opt opts[] = {
		{ 0, "policy", "FILE", "judge by this policy (else hsm.policy)", OPT_STRING,
		  &policy },
		{ 0, "as-push", "REF", "would a push of the range to REF be let in?", OPT_STRING,
		  &mode.as_push },
		{ 0, "all", NULL, "judge every ref that a rule governs", OPT_FLAG, &all },
		{ 0, "remote", "NAME", "with these: the refs that this remote is known to have",
		  OPT_STRING, &mode.remote },
		{ 0, "json", NULL, "print JSON", OPT_FLAG, &run.json },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm verify [--policy FILE] [--json] [REVISION | A..B]...\n"
			 "       gitsign-hsm verify --as-push REF [--remote NAME] A..B | B\n"
			 "       gitsign-hsm verify --all [--remote NAME]",
		.summary = "Verifies commits and tags as git verify-commit would through this "
			   "program; without words, HEAD. Ends with 1 when one is not good.",
		.opts = opts,
		.epilogue = "  gitsign-hsm verify origin/main..HEAD\n  gitsign-hsm verify v1.0\n"
			    "  gitsign-hsm verify --as-push main origin/main..HEAD\n",
		.args_max = -1,
	};
	struct settings s = { .conf = GITCONF_INIT };
	struct err err = ERR_INIT;
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	mode.policy = policy;
	mode.json = run.json;
	if (all || mode.as_push != NULL || mode.remote != NULL)
		return ask_rules(&mode, all, argc, argv);
	run.err = &err;
	r = settings_load(&s, &err);
	if (r == 0 && policy != NULL)
		s.policy = policy;
	if (r == 0)
		r = judge_one_open(&s, &run.judge, &err);
	if (r == 0)
		r = verb_repo_open(NULL, &run.repo, &err);
	if (r == 0)
		r = verify_all(&run, argc, argv, &err);
	if (r != 0 && r != ERR_BAD)
		say_err(&err);
	repo_close(run.repo);
	judge_one_close(&run.judge);
	settings_free(&s);
	return r;
}
