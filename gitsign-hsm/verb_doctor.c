/* doctor: one screen of what is set up, what is wrong, and the cure for each. */
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin.h"
#include "base/os.h"
#include "base/text.h"
#include "doctor.h"
#include "gitcmd.h"
#include "judge_one.h"
#include "say.h"
#include "signer.h"
#include "token/agent.h"
#include "trust/chain.h"
#include "verbs.h"

#define DAY (24 * 60 * 60)
#define ABOVE_MAX 8
#define SKEW 60 /* seconds that nobody calls a wrong clock */
/* No certificate that this version can meet is older: a clock before it is wrong. */
#define CLOCK_FLOOR 1704067200 /* 2024-01-01 */

static void check_git(struct doctor *d)
{
	struct buf v = BUF_INIT;
	struct err err = ERR_INIT;
	long major, minor = 0;
	char *end;

	if (gitcmd_version(&v, &err) != 0) {
		doctor_problem(d, "git", err.text, "install git 2.19 or newer");
		buf_free(&v);
		return;
	}
	major = strtol(buf_str(&v), &end, 10);
	if (*end == '.')
		minor = strtol(end + 1, NULL, 10);
	if (major < 2 || (major == 2 && minor < 19))
		doctor_problem(d, "git", buf_str(&v), "gpg.x509.program needs git 2.19 or newer");
	else
		doctor_ok(d, "git", buf_str(&v));
	buf_free(&v);
}

static void check_repository(struct doctor *d)
{
	struct buf top = BUF_INIT;
	enum gitcmd_place place = gitcmd_place(&top);

	if (place == GITCMD_WORK_TREE) {
		_cleanup_free_ char *shown = text_escaped(buf_bytes(&top));

		doctor_ok(d, "repository", shown);
	} else if (place == GITCMD_FOREIGN) {
		doctor_problem(d, "repository",
			       "another user owns it: git reads none of its configuration",
			       "if you trust it: git config --global --add safe.directory PATH");
	} else if (place == GITCMD_NOWHERE) {
		d->outside = true;
		doctor_ok(d, "repository", "none here: what follows is of your account");
	}
	buf_free(&top);
}

static void check_program(struct doctor *d)
{
	const char *program = gitconf_get(&d->s->conf, "gpg.x509.program");

	if (program == NULL || strstr(program, "gitsign-hsm") == NULL)
		doctor_problem(d, "program", "git would not call this program",
			       "git config gpg.x509.program gitsign-hsm");
	else if (program[0] == '/' && access(program, X_OK) != 0)
		doctor_problem(d, "program", "gpg.x509.program cannot be run",
			       "git config gpg.x509.program gitsign-hsm");
	else
		doctor_ok(d, "program", program);
}

static void check_config(struct doctor *d)
{
	bool on = false;

	if (d->s->format == NULL || strcmp(d->s->format, "x509") != 0)
		doctor_problem(d, "gpg.format", "git does not sign with X.509 here",
			       d->outside ? "git config gpg.format x509   (or: gitsign-hsm setup "
					    "--global)"
					  : "git config gpg.format x509   (or: gitsign-hsm setup)");
	else
		doctor_ok(d, "gpg.format", "x509");
	check_program(d);
	if (gitconf_bool(&d->s->conf, "commit.gpgSign", false, &on, NULL) != 0 || !on)
		doctor_note(d, "signing", "commits are signed only with git commit -S",
			    "git config commit.gpgSign true");
	else
		doctor_ok(d, "signing", "every commit");
}

/* What git writes then is signed, and called bad by whoever verifies it here. */
static void check_encoding(struct doctor *d)
{
	const char *v = gitconf_get(&d->s->conf, "i18n.commitEncoding");

	if (v != NULL && !text_eq_nocase(bytes_str(v), BYTES_LIT("utf-8")) &&
	    !text_eq_nocase(bytes_str(v), BYTES_LIT("utf8")))
		doctor_problem(d, "encoding",
			       "i18n.commitEncoding is not UTF-8: such commits are refused",
			       "git config i18n.commitEncoding UTF-8");
}

static void check_slots(struct doctor *d, const struct token *t)
{
	size_t n = 0;
	const struct token_slot *slots = token_slots(t, &n);

	if (n == 0)
		doctor_problem(d, "token", "the module has no token",
			       "plug it in, or make one: gitsign-hsm token init");
	for (size_t i = 0; i < n; i++) {
		const struct token_slot *s = &slots[i];
		const char *name = s->label[0] != '\0' ? s->label : "without a label";

		if (s->pin_locked)
			doctor_problem(d, name, "its PIN is locked", "unlock it with the SO PIN");
		else if (s->pin_final_try)
			doctor_problem(d, name, "one wrong PIN more locks it",
				       "enter the right PIN once with its own tool");
		else if (s->pin_count_low)
			doctor_note(d, name, "a wrong PIN was entered before", NULL);
		else
			doctor_ok(d, "token", name);
	}
}

static void check_expiry(struct doctor *d, const struct cert *c)
{
	int64_t left = c->not_after - os_now();
	char text[96];

	if (left >= 60 * DAY) {
		doctor_ok(d, "certificate", c->subject);
		return;
	}
	snprintf(text, sizeof(text), "expires in %lld days", (long long)(left / DAY));
	doctor_add(d, left < 7 * DAY ? DOCTOR_PROBLEM : DOCTOR_NOTE, "certificate", text,
		   "renew it in time: gitsign-hsm cert request");
}

static void check_email(struct doctor *d, const struct cert *c)
{
	const char *email = doctor_committer(d);

	if (email == NULL)
		doctor_problem(d, "user.email", "not set", "git config user.email ADDRESS");
	else if (!cert_has_email(c, bytes_str(email)))
		doctor_problem(d, "user.email",
			       "not an address of the certificate (or GIT_COMMITTER_EMAIL or "
			       "committer.email is not, which come first): servers refuse",
			       c->emails_n > 0 ? c->emails[0]
					       : "the certificate carries no e-mail address");
	else
		doctor_ok(d, "user.email", "is an address of the certificate");
}

/* With hsm.roots; a policy's anchors are looked at when something is judged by it. */
static void check_chain(struct doctor *d, const struct cert *leaf, const struct cert_list *above)
{
	const struct cert *line[ABOVE_MAX];
	struct chain_result r = { .level = VERDICT_BAD };
	X509_STORE *store;
	size_t n = above->n < ABOVE_MAX ? above->n : ABOVE_MAX;

	if (d->s->roots == NULL)
		return;
	store = chain_store_new();
	for (size_t i = 0; i < n; i++)
		line[i] = above->v[i];
	if (store != NULL && X509_STORE_load_file(store, d->s->roots) == 1)
		chain_judge(store, leaf, line, n, NULL, NULL, &r);
	X509_STORE_free(store);
	if (r.level == VERDICT_GOOD)
		doctor_ok(d, "chain", "ends at an anchor of hsm.roots");
	else
		doctor_problem(
			d, "chain", r.why[0] != '\0' ? r.why : "hsm.roots cannot be read",
			"look at hsm.roots; intermediates belong on the token or in hsm.chain");
}

static void check_kind(struct doctor *d, const struct cert *c)
{
	const char *but = admin_not_verified_by(c->alg.kind);

	if (but == NULL)
		doctor_ok(d, "key", alg_key_name(c->alg));
	else
		doctor_note(d, "key", but, "where those verify, sign with P-256");
}

static void check_key(struct doctor *d, const struct signer *s)
{
	struct bytes der[ABOVE_MAX];
	struct cert_list above = { NULL, 0 };
	size_t n = signer_chain(s, der, ABOVE_MAX);

	for (size_t i = 0; i < n; i++) {
		struct cert *c = NULL;

		if (cert_parse(der[i], &c, NULL) == 0)
			cert_list_add(&above, c);
	}
	check_kind(d, signer_cert(s));
	check_expiry(d, signer_cert(s));
	check_email(d, signer_cert(s));
	check_chain(d, signer_cert(s), &above);
	doctor_forges(d, signer_cert(s), &above);
	cert_list_free(&above);
}

/* With standard output hidden. */
static void ask_module(struct doctor *d, const struct os_stdio *io)
{
	struct token_config cfg = signer_token_config(d->s, io);
	const char *key = d->s->user_key;
	struct token *t = NULL;
	struct signer *signer = NULL;
	struct err err = ERR_INIT;

	if (token_open(&cfg, &t, &err) != 0) {
		doctor_problem(d, "module", err.text, d->s->module);
		return;
	}
	doctor_ok(d, "module", d->s->module);
	check_slots(d, t);
	if (key == NULL)
		key = doctor_committer(d);
	if (signer_choose(d->s, t, key, NULL, NULL, &signer, &err) != 0)
		doctor_problem(d, "key", err.text,
			       "gitsign-hsm key list   (--login: of a token that shows nothing "
			       "before one)");
	else
		check_key(d, signer);
	signer_close(signer);
	token_close(t);
}

static void check_token(struct doctor *d)
{
	struct os_stdio io;
	struct err err = ERR_INIT;

	if (d->s->module == NULL) {
		doctor_problem(d, "module", "hsm.module is not set",
			       d->outside ? "gitsign-hsm setup --global" : "gitsign-hsm setup");
		return;
	}
	if (os_stdio_hide(&io, &err) != 0) {
		doctor_problem(d, "module", err.text, NULL);
		return;
	}
	ask_module(d, &io);
	os_stdio_restore(&io);
}

static void check_pin(struct doctor *d)
{
	const struct pin_source *p = &d->s->pin_source;
	struct err err = ERR_INIT;

	if (p->kind == PIN_PROMPT)
		doctor_ok(d, "PIN", "asked for");
	else if (pin_source_check(p, &err) != 0)
		doctor_problem(d, "PIN", err.text, "look at hsm.pinSource");
	else if (p->kind == PIN_CREDENTIAL && getenv("CREDENTIALS_DIRECTORY") == NULL)
		doctor_note(d, "PIN", "a credential of systemd, which this process does not have",
			    "run doctor in the unit");
	else
		doctor_ok(d, "PIN", d->s->pin_source_text);
}

static void check_agent(struct doctor *d)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (d->s->agent == SETTINGS_AGENT_OFF)
		doctor_note(d, "agent", "off: each signature opens the token and asks for the PIN",
			    "git config --global hsm.agent auto");
	else if (agent_control("status", "", &text, &err) == 0)
		doctor_ok(d, "agent", "runs");
	else if (d->s->agent == SETTINGS_AGENT_REQUIRED)
		doctor_problem(d, "agent", "required, and none runs",
			       "it starts with the next commit, or "
			       "gitsign-hsm agent status says why not");
	else
		doctor_ok(d, "agent", "starts with the next signature");
	buf_free(&text);
}

static void check_trust(struct doctor *d)
{
	const char *file = d->s->policy != NULL ? d->s->policy : d->s->roots;
	struct judge_one j;
	struct err err = ERR_INIT;

	if (file == NULL) {
		doctor_problem(d, "trust", "no signature can be called good here",
			       "git config hsm.roots /path/to/ca.pem   (or hsm.policy)");
		return;
	}
	if (judge_one_open(d->s, &j, &err) != 0) {
		doctor_problem(d, "trust", err.text,
			       "look at hsm.policy and hsm.roots (gitsign-hsm policy check)");
		return;
	}
	if (gitcmd_in_work_tree(file))
		doctor_problem(d, "trust", "is a file of the work tree: a pull can exchange it",
			       d->s->policy != NULL ? "git config hsm.policy /ELSEWHERE"
						    : "git config hsm.roots /ELSEWHERE");
	else
		doctor_ok(d, "trust", file);
	judge_one_close(&j);
}

static void check_clock(struct doctor *d)
{
	struct buf now = BUF_INIT;
	int64_t head;

	text_time(&now, os_now());
	if (os_now() < CLOCK_FLOOR)
		doctor_problem(d, "clock", buf_str(&now), "set the clock");
	else if (gitcmd_date_head(&head) && head > os_now() + SKEW)
		doctor_note(d, "clock", "HEAD was committed later than now, by this clock",
			    "set the clock, unless HEAD was dated on purpose");
	else
		doctor_ok(d, "clock", buf_str(&now));
	buf_free(&now);
}

static int run(bool json, struct err *err)
{
	struct settings s = { .conf = GITCONF_INIT };
	struct doctor d = { .s = &s };
	struct buf text = BUF_INIT;
	int r = settings_load(&s, err);

	if (r != 0)
		return r;
	check_git(&d);
	(void)gitcmd_date_next(&d.dated);
	check_repository(&d);
	check_config(&d);
	check_encoding(&d);
	check_pin(&d);
	check_agent(&d);
	check_token(&d);
	check_trust(&d);
	check_clock(&d);
	doctor_print(&d, json, &text);
	fputs(buf_str(&text), stdout);
	r = doctor_count(&d, DOCTOR_PROBLEM) > 0 ? ERR_BAD : 0;
	buf_free(&text);
	doctor_free(&d);
	settings_free(&s);
	return r;
}

int verb_doctor(int argc, char **argv)
{
	bool json = false;
	const struct opt opts[] = { { 0, "json", NULL, "print JSON", OPT_FLAG, &json },
				    { 0, NULL, NULL, NULL, OPT_FLAG, NULL } };
	const struct opt_command cmd = {
		.usage = "gitsign-hsm doctor [--json]",
		.summary =
			"Looks at git, its configuration, the agent, the token, the key, the "
			"certificate and its chain, the trust anchors and the clock; tells what "
			"GitHub, GitLab and Bitbucket would say of a signature; each problem "
			"with its cure. Asks for no PIN, changes nothing. Ends with 1 when there "
			"is a problem.",
		.opts = opts,
	};
	struct err err = ERR_INIT;
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	r = run(json, &err);
	return err.code != ERR_NONE ? say_err(&err) : r;
}
