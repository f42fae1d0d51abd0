/*
 * setup: points a repository (or --global) at a key. It signs and verifies a
 * sample before it writes anything, tells every value it changes, and keeps the
 * former ones in hsm.setupUndo so that --undo can put them back.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "gitcmd.h"
#include "judge_one.h"
#include "say.h"
#include "setup_module.h"
#include "signer.h"
#include "verbs.h"

#define UNDO "hsm.setupUndo"

struct setup {
	bool global, undo;
	const char *module, *key, *roots, *policy, *pin_source;
	const char *scope;
	struct settings settings;
	char fingerprint[65];
	struct buf uri; /* beside the fingerprint, where that is on other tokens, too */
	char *program;
	char *own[3]; /* paths made absolute */
};

static const char sample[] = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
			     "author Set-up test <test@localhost> 0 +0000\n"
			     "committer Set-up test <test@localhost> 0 +0000\n\n"
			     "A sample that gitsign-hsm setup signs and throws away.\n";

/* *own is the new string, for the caller to free. */
static int absolute(const char **path, char **own, const char *what, struct err *err)
{
	char real[PATH_MAX];

	if (*path == NULL)
		return 0;
	if (realpath(*path, real) == NULL) {
		int saved = errno;
		_cleanup_free_ char *shown = text_escaped(bytes_str(*path));

		errno = saved;
		return err_errno(err, ERR_CONFIG, "%s %s", what, shown);
	}
	*path = *own = xstrdup(real);
	return 0;
}

static int choose_module(struct setup *s, struct err *err)
{
	int r;

	if (s->module == NULL)
		s->module = s->settings.module;
	if (s->module != NULL)
		return 0;
	r = setup_module(false, &s->own[0], err);
	s->module = s->own[0];
	return r;
}

/* The key that fits the committer, unless one is named. */
static const char *wanted_key(const struct setup *s)
{
	const char *email = gitconf_get(&s->settings.conf, "user.email");

	if (s->key != NULL)
		return s->key;
	if (s->settings.key != NULL)
		return s->settings.key;
	return email != NULL && strchr(email, '@') != NULL ? email : "";
}

static int judge_sample(const struct setup *s, const struct buf *pem, struct opinion *o,
			struct err *err)
{
	struct judge_one j;
	struct bytes payload = bytes_of(sample, sizeof(sample) - 1);
	int r;

	r = judge_one_open(&s->settings, &j, err);
	if (r == 0) {
		judge_one(&j, &payload, 1, buf_bytes(pem), BYTES_NONE, os_now(), o);
		judge_one_close(&j);
	}
	return r;
}

static int test_sign(struct setup *s, struct buf *pem, struct err *err)
{
	struct signer *signer = NULL;
	struct buf fpr = BUF_INIT;
	enum alg_hash hash;
	char said[512] = "";
	struct os_stdio io;
	int r;

	s->settings.module = s->module;
	fflush(stdout);
	r = os_stdio_hide(&io, err);
	if (r != 0)
		return r;
	r = signer_open(&s->settings, wanted_key(s), &io, &signer, err);
	if (r == 0)
		r = signer_sign(signer, bytes_of(sample, sizeof(sample) - 1), os_now(), pem, &hash,
				err);
	if (r == 0) {
		const struct cert *c = signer_cert(signer);

		text_hex(&fpr, bytes_of(c->sha256, 32), false);
		snprintf(s->fingerprint, sizeof(s->fingerprint), "%s", buf_str(&fpr));
		snprintf(said, sizeof(said), "Key: %.350s, %s on token \"%s\"", c->subject,
			 alg_key_name(c->alg), signer_candidate(signer)->slot->label);
		if (!signer_is_only(signer))
			candidate_uri_exact(signer_candidate(signer), &s->uri);
	}
	buf_free(&fpr);
	signer_close(signer);
	os_stdio_restore(&io); /* the module is silent now */
	if (r == 0)
		printf("%s\nTest signature: made and verified\n", said);
	return r;
}

static int report_trust(const struct setup *s, const struct buf *pem, struct err *err)
{
	struct opinion o;
	int r;

	if (s->settings.roots == NULL && s->settings.policy == NULL) {
		puts("Trust: no anchors configured: git will not call these signatures good here.\n"
		     "       Give --roots FILE (your CA, PEM) or --policy FILE.");
		return 0;
	}
	r = judge_sample(s, pem, &o, err);
	if (r != 0)
		return r;
	printf("Trust: %s (%s)\n", status_trust_name(o.trust), o.why);
	if (status_exit(&o.verdict, o.trust) != 0)
		return err_set(
			err, ERR_CONFIG,
			"the anchors configured do not vouch for this key; nothing was changed");
	return 0;
}

static int remember(const struct setup *s, const char *key, struct err *err)
{
	struct buf old = BUF_INIT, line = BUF_INIT;
	bool found = false;
	int r = gitcmd_get(s->scope, key, &old, &found, err);

	if (r == 0) {
		buf_addf(&line, "%s", key);
		if (found)
			buf_addf(&line, "=%s", buf_str(&old));
		r = gitcmd_add(s->scope, UNDO, buf_str(&line), err);
	}
	buf_free(&old);
	buf_free(&line);
	return r;
}

static int change(const struct setup *s, bool first, const char *key, const char *value,
		  struct err *err)
{
	struct buf old = BUF_INIT;
	bool found = false;
	int r = gitcmd_get(s->scope, key, &old, &found, err);

	if (r == 0 && found && strcmp(buf_str(&old), value) == 0 && old.n == strlen(value)) {
		printf("  %-26s = %s (as it was)\n", key, value);
	} else if (r == 0) {
		if (first)
			r = remember(s, key, err);
		if (r == 0)
			r = gitcmd_set(s->scope, key, value, err);
		if (r == 0)
			printf("  %-26s = %s\n", key, value);
	}
	buf_free(&old);
	return r;
}

static void warn_of_work_tree(const char *file)
{
	if (file != NULL && gitcmd_in_work_tree(file))
		printf("note: %s is a file of the work tree: a pull can exchange it, and with it "
		       "whom you trust. Keep it elsewhere\n",
		       file);
}

static int write_config(const struct setup *s, struct err *err)
{
	const struct {
		const char *key, *value;
	} all[] = {
		{ "gpg.format", "x509" },
		{ "gpg.x509.program", s->program },
		{ "user.signingKey", s->fingerprint },
		{ "hsm.key", s->uri.n > 0 ? buf_str(&s->uri) : NULL },
		{ "commit.gpgSign", "true" },
		{ "tag.forceSignAnnotated", "true" },
		{ "hsm.module", s->module },
		{ "hsm.pinSource", s->pin_source },
		{ "hsm.roots", s->roots },
		{ "hsm.policy", s->policy },
	};
	struct buf undo = BUF_INIT;
	bool again = false;
	int r = gitcmd_get(s->scope, UNDO, &undo, &again, err);

	printf("Changed in git's %s configuration:\n", s->global ? "global" : "repository");
	for (size_t i = 0; r == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].value != NULL)
			r = change(s, !again, all[i].key, all[i].value, err);
	}
	buf_free(&undo);
	if (r == 0) {
		warn_of_work_tree(s->roots);
		warn_of_work_tree(s->policy);
	}
	if (r == 0)
		printf("Commits are signed from now on; annotated tags too.\n"
		       "Try: git commit --allow-empty -m test && git log --show-signature -1\n"
		       "Back: gitsign-hsm setup%s --undo\n",
		       s->global ? " --global" : "");
	return r;
}

static int undo_one(const struct setup *s, struct bytes line, struct err *err)
{
	_cleanup_free_ char *text = xstrndup((const char *)line.p, line.n);
	char *eq = strchr(text, '=');
	int r;

	if (eq != NULL)
		*eq++ = '\0';
	r = gitcmd_set(s->scope, text, eq, err);
	if (r == 0)
		printf("  %s %s%s\n", text, eq != NULL ? "= " : "unset", eq != NULL ? eq : "");
	return r;
}

static int undo_all(const struct setup *s, struct err *err)
{
	struct buf lines = BUF_INIT;
	struct bytes rest;
	size_t done = 0;
	int r = gitcmd_get_all(s->scope, UNDO, &lines, err);

	rest = buf_bytes(&lines);
	while (r == 0 && rest.n > 0) {
		struct bytes line = bytes_of(rest.p, strnlen((const char *)rest.p, rest.n));

		r = undo_one(s, line, err);
		rest = bytes_skip(rest, line.n < rest.n ? line.n + 1 : line.n);
		done++;
	}
	buf_free(&lines);
	if (r == 0)
		r = gitcmd_set(s->scope, UNDO, NULL, err);
	if (r == 0)
		printf("%zu value%s put back.\n", done, done == 1 ? "" : "s");
	return r;
}

/* Before anybody is asked for a PIN. */
static int check_place(const struct setup *s, struct err *err)
{
	struct buf top = BUF_INIT;
	enum gitcmd_place place = s->global ? GITCMD_WORK_TREE : gitcmd_place(&top);

	buf_free(&top);
	if (place == GITCMD_NOWHERE)
		return err_set(err, ERR_REPO,
			       "no repository is here: go to one, or give --global for all of yours");
	if (place == GITCMD_FOREIGN)
		return err_set(err, ERR_REPO,
			       "another user owns this repository, and git reads none of its "
			       "configuration; if you trust it: git config --global --add "
			       "safe.directory PATH");
	return 0;
}

static int find_program(struct setup *s, struct err *err)
{
	struct buf path = BUF_INIT;
	char real[PATH_MAX];
	int r = os_self_dir(&path, err);

	if (r == 0) {
		buf_add_str(&path, "/../../bin/gitsign-hsm");
		if (realpath(buf_str(&path), real) == NULL)
			r = err_errno(err, ERR_CONFIG, "%s", buf_str(&path));
		else
			s->program = xstrdup(real);
	}
	buf_free(&path);
	return r;
}

static int do_setup(struct setup *s, struct err *err)
{
	struct buf pem = BUF_INIT;
	int r;

	if ((r = absolute(&s->module, &s->own[0], "--module", err)) != 0 ||
	    (r = absolute(&s->roots, &s->own[1], "--roots", err)) != 0 ||
	    (r = absolute(&s->policy, &s->own[2], "--policy", err)) != 0 ||
	    (r = find_program(s, err)) != 0 || (r = choose_module(s, err)) != 0)
		return r;
	if (s->roots != NULL)
		s->settings.roots = s->roots;
	if (s->policy != NULL)
		s->settings.policy = s->policy;
	if (s->pin_source != NULL)
		r = pin_source_parse(s->pin_source, &s->settings.pin_source, err);
	if (r == 0)
		r = test_sign(s, &pem, err);
	if (r == 0)
		r = report_trust(s, &pem, err);
	if (r == 0)
		r = write_config(s, err);
	buf_free(&pem);
	return r;
}

int verb_setup(int argc, char **argv)
{
	struct setup s = { .scope = "--local", .settings = { .conf = GITCONF_INIT } };
	const struct opt opts[] = {
		{ 0, "global", NULL, "for all your repositories", OPT_FLAG, &s.global },
		{ 0, "key", "KEY", "fingerprint, e-mail address or pkcs11: URI", OPT_STRING,
		  &s.key },
		{ 0, "module", "PATH", "the PKCS#11 module of the token", OPT_STRING, &s.module },
		{ 0, "pin-source", "SOURCE", "prompt, file:/path or what else hsm.pinSource takes",
		  OPT_STRING, &s.pin_source },
		{ 0, "roots", "FILE", "trust anchors (PEM) to verify with", OPT_STRING, &s.roots },
		{ 0, "policy", "FILE", "the policy to verify with", OPT_STRING, &s.policy },
		{ 0, "undo", NULL, "put back what setup changed", OPT_FLAG, &s.undo },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm setup [--global] [--key KEY] [--module PATH] [...]",
		.summary =
			"Points this repository (or your account) at a key in a token: signs and "
			"verifies a sample, then changes git's configuration and prints what it "
			"changed. A fingerprint is written as user.signingKey, because git "
			"publishes that value in push certificates.",
		.opts = opts,
		.epilogue = "  gitsign-hsm setup --roots ~/ca.pem\n  gitsign-hsm setup --undo\n",
	};
	struct err err = ERR_INIT;
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	if (s.global)
		s.scope = "--global";
	r = check_place(&s, &err);
	if (r == 0 && s.undo) {
		r = undo_all(&s, &err);
	} else if (r == 0) {
		r = settings_load(&s.settings, &err);
		if (r == 0)
			r = do_setup(&s, &err);
		settings_free(&s.settings);
	}
	for (size_t i = 0; i < sizeof(s.own) / sizeof(s.own[0]); i++)
		free(s.own[i]);
	free(s.program);
	buf_free(&s.uri);
	return r != 0 ? say_err(&err) : 0;
}
