/* policy check, policy init: what a policy file asks, and a first one to start from. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "policy/policy.h"
#include "say.h"
#include "verbs.h"

/* --- check ---------------------------------------------------------------- */

static const char *asks_text(const struct policy_rule *r)
{
	if (r->judges_tags)
		return r->tags_signed ? "tags signed" : "any tag";
	switch (r->commits) {
	case COMMITS_SIGNED:
		return "commits signed";
	case COMMITS_TIP:
		return "tip signed";
	default:
		return "any commit";
	}
}

static void add_list(struct buf *b, bool on, const char *word)
{
	if (on)
		buf_addf(b, "%s%s", b->n ? "," : "", word);
}

static char *signers_text(const struct policy *p, const struct policy_rule *r)
{
	struct buf b = BUF_INIT;

	add_list(&b, r->anyone, "anyone");
	for (size_t i = 0; i < r->signers_n && !r->anyone; i++)
		add_list(&b, true, p->signers[r->signers[i]].name);
	for (size_t i = 0; i < r->trusts_n; i++)
		buf_addf(&b, "%strust:%s", b.n ? "," : "", p->trusts[r->trusts[i]].name);
	return buf_detach(&b);
}

static char *allows_text(const struct policy_rule *r)
{
	struct buf b = BUF_INIT;

	add_list(&b, r->allow_rewind, "rewind");
	add_list(&b, r->allow_delete, "delete");
	add_list(&b, r->allow_keyless, "keyless");
	add_list(&b, !r->committer_match, "any-committer");
	add_list(&b, b.n == 0, "-");
	return buf_detach(&b);
}

struct widths {
	int rule, ref, signers, allows;
};

static void widen(int *width, const char *text)
{
	size_t n = strlen(text);

	if (n > (size_t)*width)
		*width = n < 40 ? (int)n : 40;
}

static struct widths measure(const struct policy *p)
{
	struct widths w = { 4, 3, 7, 6 };

	for (size_t i = 0; i < p->rules_n; i++) {
		_cleanup_free_ char *signers = signers_text(p, &p->rules[i]);
		_cleanup_free_ char *allows = allows_text(&p->rules[i]);

		widen(&w.rule, p->rules[i].name);
		widen(&w.signers, signers);
		widen(&w.allows, allows);
		for (size_t k = 0; k < p->rules[i].refs.n; k++)
			widen(&w.ref, p->rules[i].refs.v[k]);
	}
	return w;
}

static void print_rule(const struct policy *p, const struct policy_rule *r, struct widths w)
{
	_cleanup_free_ char *signers = signers_text(p, r);
	_cleanup_free_ char *allows = allows_text(r);

	for (size_t k = 0; k < r->refs.n; k++) {
		_cleanup_free_ char *ref = text_escaped(bytes_str(r->refs.v[k]));

		if (k == 0)
			printf("%-*s  %-*s  %-14s  %-*s  %-*s  %s\n", w.rule, r->name, w.ref, ref,
			       asks_text(r), w.signers, signers, w.allows, allows,
			       p->report || r->report ? "report" : "enforce");
		else
			printf("%-*s  %s\n", w.rule, "", ref);
	}
}

static void print_policy(const struct policy *p)
{
	struct widths w = measure(p);
	struct buf hex = BUF_INIT;

	text_hex(&hex, bytes_of(p->digest, sizeof(p->digest)), false);
	printf("policy   %s\nserial   %lld\nmode     %s\ndigest   sha256:%s\n", p->path,
	       (long long)p->serial, p->report ? "report" : "enforce", buf_str(&hex));
	printf("signers  %zu\n\n", p->signers_n);
	printf("%-*s  %-*s  %-14s  %-*s  %-*s  %s\n", w.rule, "RULE", w.ref, "REF", "ASKS",
	       w.signers, "SIGNERS", w.allows, "ALLOWS", "MODE");
	for (size_t i = 0; i < p->rules_n; i++)
		print_rule(p, &p->rules[i], w);
	buf_free(&hex);
}

static void json_key(struct buf *b, const char *key)
{
	buf_addf(b, "%s\"%s\":", b->n && b->p[b->n - 1] != '{' ? "," : "", key);
}

static void json_string(struct buf *b, const char *key, const char *value)
{
	json_key(b, key);
	text_json(b, bytes_str(value));
}

static void json_bool(struct buf *b, const char *key, bool value)
{
	json_key(b, key);
	buf_add_str(b, value ? "true" : "false");
}

static void json_rule(struct buf *b, const struct policy *p, const struct policy_rule *r)
{
	buf_add_str(b, "{");
	json_string(b, "name", r->name);
	json_key(b, "refs");
	for (size_t i = 0; i < r->refs.n; i++) {
		buf_add_str(b, i ? "," : "[");
		text_json(b, bytes_str(r->refs.v[i]));
	}
	buf_add_str(b, r->refs.n ? "]" : "[]");
	json_string(b, "asks", asks_text(r));
	json_bool(b, "anyone", r->anyone);
	json_key(b, "signers");
	buf_add_str(b, "[");
	for (size_t i = 0; i < r->signers_n; i++) {
		buf_add_str(b, i ? "," : "");
		text_json(b, bytes_str(p->signers[r->signers[i]].name));
	}
	buf_add_str(b, "]");
	json_key(b, "trusts");
	buf_add_str(b, "[");
	for (size_t i = 0; i < r->trusts_n; i++) {
		buf_add_str(b, i ? "," : "");
		text_json(b, bytes_str(p->trusts[r->trusts[i]].name));
	}
	buf_add_str(b, "]");
	if (r->judges_tags)
		json_string(b, "target", r->target_any ? "any" : "accepted");
	json_string(b, "committer", r->committer_match ? "match" : "any");
	json_string(b, "rewind", r->allow_rewind ? "allow" : "deny");
	json_string(b, "delete", r->allow_delete ? "allow" : "deny");
	json_string(b, "keylessUpdate", r->allow_keyless ? "allow" : "deny");
	json_string(b, "pushCertificate", r->cert_required ? "required" : "optional");
	json_key(b, "expiryGrace");
	buf_addf(b, "%lld", (long long)r->expiry_grace);
	json_string(b, "mode", p->report || r->report ? "report" : "enforce");
	buf_add_str(b, "}");
}

static void print_json(const struct policy *p)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, "{");
	json_string(&b, "path", p->path);
	json_key(&b, "serial");
	buf_addf(&b, "%lld", (long long)p->serial);
	json_string(&b, "mode", p->report ? "report" : "enforce");
	json_key(&b, "digest");
	buf_add_str(&b, "\"sha256:");
	text_hex(&b, bytes_of(p->digest, sizeof(p->digest)), false);
	buf_add_str(&b, "\"");
	json_key(&b, "rules");
	buf_add_str(&b, "[");
	for (size_t i = 0; i < p->rules_n; i++) {
		buf_add_str(&b, i ? "," : "");
		json_rule(&b, p, &p->rules[i]);
	}
	buf_add_str(&b, "]}");
	puts(buf_str(&b));
	buf_free(&b);
}

int verb_policy_check(int argc, char **argv)
{
	bool json = false;
	const struct opt opts[] = {
		{ 0, "json", NULL, "print one JSON object", OPT_FLAG, &json },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm policy check [--json] FILE",
		"Reads a policy file as a hook would, and shows what each rule asks.", opts,
		"Errors name the file and the line; the exit status is then 3.", 1, 1,
	};
	struct policy *p = NULL;
	struct err err = ERR_INIT;
	int status;

	if (!say_options(&cmd, &argc, &argv, &status))
		return status;
	if (policy_load_draft(argv[0], &p, &err))
		return say_err(&err);
	if (json)
		print_json(p);
	else
		print_policy(p);
	policy_free(p);
	return 0;
}

/* --- init ------------------------------------------------------------------ */

struct init {
	const char *for_, *out, *roots;
	struct opt_list signers;
};

static const char head_text[] =
	"; The policy of a git server that judges signatures: gitsign-hsm-policy(5).\n"
	"; Check it after each change: gitsign-hsm policy check FILE\n"
	"; Only its owner may be able to write to it and to the files that it names.\n"
	"[policy]\n"
	"\tversion = 1\n"
	"\tserial = 1                      ; add one with each change\n"
	"\tmode = enforce                  ; report: say what would be refused, refuse nothing\n"
	"\n"
	"; Whose certificates count. Never the system's certificate store.\n"
	"[trust \"main\"]\n";

static const char signers_head[] =
	"\n"
	"; Who signs. A signer is a certificate of this trust with one of the e-mails.\n"
	"; Somebody leaves: add validUntil = YYYY-MM-DD, do not remove the section.\n";

static const char rules_text[] =
	"\n"
	"; Every new commit is signed by a maintainer; nothing is rewound or deleted.\n"
	"[rule \"main\"]\n"
	"\tref = refs/heads/main\n"
	"\tref = refs/heads/master\n"
	"\tcommits = signed\n"
	"\tsigner = role:maintainers\n"
	"\n"
	"; Releases are tag objects signed by a maintainer, on main. A name is used once.\n"
	"[rule \"releases\"]\n"
	"\tref = refs/tags/**\n"
	"\ttag = signed\n"
	"\taccepts = main                  ; a tag points at what rule main let in\n"
	"\tsigner = role:maintainers\n"
	"\n"
	"; All other branches: signed by anyone listed here, free to rewrite and remove.\n"
	"[rule \"work\"]\n"
	"\tref = refs/heads/**\n"
	"\tcommits = signed\n"
	"\tsigner = anyone\n"
	"\trewind = allow\n"
	"\tdelete = allow\n"
	"\tkeylessUpdate = allow           ; needed for deletions: they carry no signature\n";

static bool name_ok(struct bytes name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	for (size_t i = 0; i < name.n; i++)
		if (!memchr(ok, name.p[i], sizeof(ok) - 1))
			return false;
	return name.n > 0;
}

/* A value in git's syntax: quoted, so that '#' and ';' stay what they are. */
static void add_value(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "\t%s = \"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, (uint8_t)*value);
	}
	buf_add_str(out, "\"\n");
}

static int add_signer(struct buf *out, struct buf *role, const char *word, struct err *err)
{
	const char *eq = strchr(word, '=');
	struct bytes name = bytes_of(word, eq ? (size_t)(eq - word) : 0);

	if (!eq || !name_ok(name) || !text_email_ok(bytes_str(eq + 1))) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(word));

		return err_set(err, ERR_USAGE, "--signer %s is not NAME=EMAIL", shown);
	}
	buf_addf(out, "[signer \"%.*s\"]\n", (int)name.n, (const char *)name.p);
	add_value(out, "email", eq + 1);
	buf_add_str(out, "\ttrust = main\n");
	buf_addf(role, "\tsigner = %.*s\n", (int)name.n, (const char *)name.p);
	return 0;
}

static int add_roots(struct buf *out, const struct init *in, struct err *err)
{
	char path[PATH_MAX];

	if (!in->roots) {
		buf_add_str(out, "\troots = roots.pem               ; beside this file\n");
		return 0;
	}
	if (!realpath(in->roots, path)) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(in->roots));

		return err_errno(err, ERR_CONFIG, "--roots %s", shown);
	}
	add_value(out, "roots", path);
	return 0;
}

static int write_policy(struct buf *out, const struct init *in, struct err *err)
{
	struct buf role = BUF_INIT;
	int rc;

	buf_add_str(out, head_text);
	rc = add_roots(out, in, err);
	buf_add_str(out, signers_head);
	for (size_t i = 0; i < in->signers.n && rc == 0; i++)
		rc = add_signer(out, &role, in->signers.v[i], err);
	if (rc == 0 && in->signers.n == 0)
		rc = add_signer(out, &role, "alice=alice@example.com", err);
	buf_add_str(out, "\n[role \"maintainers\"]\n");
	buf_add_bytes(out, buf_bytes(&role));
	buf_add_str(out, rules_text);
	buf_free(&role);
	return rc;
}

static void say_next(const struct init *in)
{
	const char *file = in->out ? in->out : "the file";

	if (!in->roots)
		fprintf(stderr, "Fill in: roots, the PEM file of your certificate authority.\n");
	if (in->signers.n == 0)
		fprintf(stderr, "Fill in: [signer], your people and their e-mails, and who of "
			"them is in [role \"maintainers\"].\n");
	fprintf(stderr, "Then: gitsign-hsm policy check %s\n", file);
	fprintf(stderr, "      gitsign-hsm hook install --policy %s REPOSITORY\n", file);
}

/* What was complete has to be right: a file that a hook refuses helps nobody. */
static int check_written(const struct init *in, struct err *err)
{
	struct policy *p = NULL;
	int rc;

	if (!in->roots || !in->out)
		return 0;
	rc = policy_load_draft(in->out, &p, err);
	policy_free(p);
	return rc;
}

static int put(const struct init *in, struct bytes text, struct err *err)
{
	if (!in->out)
		return os_write_all(STDOUT_FILENO, text, "standard output", err);
	if (access(in->out, F_OK) == 0) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(in->out));

		return err_set(err, ERR_USAGE, "%s is there already: choose another name, or "
			       "remove it", shown);
	}
	return os_file_replace(in->out, text, 0644, err);
}

int verb_policy_init(int argc, char **argv)
{
	struct init in = { NULL, NULL, NULL, { NULL, 0 } };
	const struct opt opts[] = {
		{ 0, "for", "KIND", "the kind of server: plain", OPT_STRING, &in.for_ },
		{ 'o', "output", "FILE", "write there instead of standard output", OPT_STRING,
		  &in.out },
		{ 0, "roots", "FILE", "PEM file of the certificate authority", OPT_STRING,
		  &in.roots },
		{ 0, "signer", "NAME=EMAIL", "a person who may sign; may be repeated", OPT_LIST,
		  &in.signers },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm policy init [--for plain] [-o FILE] [--roots FILE] "
		"[--signer NAME=EMAIL]...",
		"Writes a working, commented policy file: main, releases and work branches.", opts,
		"With --roots and --signer nothing is left to fill in.", 0, 0,
	};
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	if (in.for_ && strcmp(in.for_, "plain") != 0)
		rc = err_set(&err, ERR_USAGE, "--for %s is not supported by this version: plain "
			     "is a repository on a server of your own", in.for_);
	else
		rc = write_policy(&text, &in, &err);
	if (rc == 0)
		rc = put(&in, buf_bytes(&text), &err);
	if (rc == 0)
		rc = check_written(&in, &err);
	buf_free(&text);
	free(in.signers.v);
	if (rc)
		return say_err(&err);
	say_next(&in);
	return 0;
}
