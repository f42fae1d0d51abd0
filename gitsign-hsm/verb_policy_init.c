/* policy init: a first policy file to start from. */
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

struct kind;

struct init {
	const char *for_, *out, *roots;
	const struct kind *kind;
	struct opt_list signers;
};

static const char head_text[] =
	"; The policy of a git server that judges signatures: gitsign-hsm-policy(5).\n"
	"; Check it after each change: gitsign-hsm policy check FILE\n"
	"; Only its owner may be able to write to it and to the files that it names.\n"
	"[policy]\n"
	"\tversion = 1\n"
	"\tserial = 1                      ; add one with each change: it only grows\n"
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

/*
 * Refs that a forge keeps for itself in the same repository. Pushes to most of them are
 * refused by the forge too; what stands there is accepted nowhere else.
 */
static const struct kind {
	const char *name, *refs, *next, *then; /* what comes next: the file's name between */
} kinds[] = {
	{ "plain", "", "gitsign-hsm hook install --policy ", " REPOSITORY" },
	{ "gitlab",
	  "\tref = refs/merge-requests/**\n"
	  "\tref = refs/keep-around/**\n"
	  "\tref = refs/environments/**\n"
	  "\tref = refs/pipelines/**\n"
	  "\tref = refs/remotes/**\n"
	  "\tref = refs/tmp/**\n",
	  "git config --system hsm.policy ",
	  " on each Gitaly node, and the hook in the custom_hooks directory (pre-receive.d/)" },
	{ "gitea",
	  "\tref = refs/pull/**\n"
	  "\tref = refs/for/**\n"
	  "\tref = refs/for-review/**\n"
	  "\tref = refs/draft/**\n",
	  "git config --system hsm.policy ",
	  ", and the hook in hooks/pre-receive.d/ of the repositories" },
	{ "gitolite", "\tref = refs/push-certs\n", "git config --system hsm.policy ",
	  ", and the hook in local/hooks/repo-specific/ (gitolite's own is update)" },
};

static const char forge_head[] =
	"\n"
	"; What the server keeps for itself: not judged, and accepted nowhere else. Merges that\n"
	"; it makes on its pages have no signature of a maintainer, and are refused on main.\n"
	"[rule \"forge\"]\n";

static const char forge_tail[] = "\tcommits = any\n"
				 "\tsigner = anyone\n"
				 "\trewind = allow\n"
				 "\tdelete = allow\n"
				 "\tkeylessUpdate = allow\n";

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static bool name_ok(struct bytes name)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

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
	if (*in->kind->refs)
		buf_addf(out, "%s%s%s", forge_head, in->kind->refs, forge_tail);
	buf_free(&role);
	return rc;
}

static void say_next(const struct init *in)
{
	const char *file = in->out ? in->out : "FILE";

	if (!in->roots)
		fprintf(stderr, "Fill in: roots, the PEM file of your certificate authority.\n");
	if (in->signers.n == 0)
		fprintf(stderr, "Fill in: [signer], your people and their e-mails, and who of "
				"them is in [role \"maintainers\"].\n");
	fprintf(stderr, "Then: gitsign-hsm policy check %s\n", file);
	fprintf(stderr, "      %s%s%s\n", in->kind->next, file, in->kind->then);
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

		return err_set(err, ERR_USAGE,
			       "%s is there already: choose another name, or "
			       "remove it",
			       shown);
	}
	return os_file_replace(in->out, text, 0644, err);
}

int verb_policy_init(int argc, char **argv)
{
	struct init in = { .for_ = "plain" };
	const struct opt opts[] = {
		{ 0, "for", "KIND", "the kind of server: plain (default), gitlab, gitea, gitolite",
		  OPT_STRING, &in.for_ },
		{ 'o', "output", "FILE", "write there instead of standard output", OPT_STRING,
		  &in.out },
		{ 0, "roots", "FILE", "PEM file of the certificate authority", OPT_STRING,
		  &in.roots },
		{ 0, "signer", "NAME=EMAIL", "a person who may sign; may be repeated", OPT_LIST,
		  &in.signers },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm policy init [--for KIND] [-o FILE] [--roots FILE] "
		"[--signer NAME=EMAIL]...",
		"Writes a working, commented policy file: main, releases and work branches.",
		opts,
		"With --roots and --signer nothing is left to fill in.",
		0,
		0,
	};
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	in.kind = find_kind(in.for_);
	if (!in.kind) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(in.for_));

		rc = err_set(&err, ERR_USAGE, "--for %s: plain, gitlab, gitea or gitolite", shown);
	} else {
		rc = write_policy(&text, &in, &err);
	}
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
