/* doctor: one screen of what is set up, what is wrong, and the cure for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "gitcmd.h"
#include "judge_one.h"
#include "say.h"
#include "signer.h"
#include "verbs.h"

#define DAY (24 * 60 * 60)
/* No certificate that this version can meet is older: a clock before it is wrong. */
#define CLOCK_FLOOR 1704067200 /* 2024-01-01 */

/* While a module is loaded, standard output belongs to nobody: text is collected. */
static FILE *out;

struct doctor {
	const struct settings *s;
	int problems, notes;
};

static void ok(const char *what, const char *text)
{
	fprintf(out, "ok       %-12s %s\n", what, text);
}

static void finding(struct doctor *d, bool problem, const char *what, const char *text,
		    const char *cure)
{
	fprintf(out, "%-8s %-12s %s\n", problem ? "PROBLEM" : "note", what, text);
	if (cure != NULL)
		fprintf(out, "%22s%s\n", "", cure);
	if (problem)
		d->problems++;
	else
		d->notes++;
}

static void check_git(struct doctor *d)
{
	struct buf v = BUF_INIT;
	struct err err = ERR_INIT;
	long major, minor = 0;
	char *end;

	if (gitcmd_version(&v, &err) != 0) {
		finding(d, true, "git", err.text, "install git 2.19 or newer");
		buf_free(&v);
		return;
	}
	major = strtol(buf_str(&v), &end, 10);
	if (*end == '.')
		minor = strtol(end + 1, NULL, 10);
	if (major < 2 || (major == 2 && minor < 19))
		finding(d, true, "git", buf_str(&v), "gpg.x509.program needs git 2.19 or newer");
	else
		ok("git", buf_str(&v));
	buf_free(&v);
}

static void check_config(struct doctor *d)
{
	const char *program = gitconf_get(&d->s->conf, "gpg.x509.program");
	bool on = false;

	if (d->s->format == NULL || strcmp(d->s->format, "x509") != 0)
		finding(d, true, "gpg.format", "git does not sign with X.509 here",
			"git config gpg.format x509   (or: gitsign-hsm setup)");
	else
		ok("gpg.format", "x509");
	if (program == NULL || strstr(program, "gitsign-hsm") == NULL)
		finding(d, true, "program", "git would not call this program",
			"git config gpg.x509.program gitsign-hsm");
	else if (program[0] == '/' && access(program, X_OK) != 0)
		finding(d, true, "program", "gpg.x509.program cannot be run",
			"git config gpg.x509.program gitsign-hsm");
	else
		ok("program", program);
	if (gitconf_bool(&d->s->conf, "commit.gpgSign", false, &on, NULL) != 0 || !on)
		finding(d, false, "signing", "commits are signed only with git commit -S",
			"git config commit.gpgSign true");
	else
		ok("signing", "every commit");
}

static void check_slots(struct doctor *d, const struct token *t)
{
	size_t n = 0;
	const struct token_slot *slots = token_slots(t, &n);

	if (n == 0)
		finding(d, true, "token", "the module has no token",
			"plug it in, or initialise it");
	for (size_t i = 0; i < n; i++) {
		const struct token_slot *s = &slots[i];

		if (s->pin_locked)
			finding(d, true, s->label, "its PIN is locked",
				"unlock it with the SO PIN");
		else if (s->pin_final_try)
			finding(d, true, s->label, "one wrong PIN more locks it",
				"enter the right PIN once with its own tool");
		else if (s->pin_count_low)
			finding(d, false, s->label, "a wrong PIN was entered before", NULL);
		else
			ok("token", s->label);
	}
}

static void check_certificate(struct doctor *d, const struct cert *c)
{
	const char *email = gitconf_get(&d->s->conf, "user.email");
	int64_t left = c->not_after - os_now();
	char text[96];

	if (left < 30 * DAY) {
		snprintf(text, sizeof(text), "expires in %lld days", (long long)(left / DAY));
		finding(d, false, "certificate", text, "renew it in time");
	} else {
		ok("certificate", c->subject);
	}
	if (email == NULL)
		finding(d, true, "user.email", "not set", "git config user.email ADDRESS");
	else if (!cert_has_email(c, bytes_str(email)))
		finding(d, true, "user.email", "not an address of the certificate: servers refuse",
			c->emails_n > 0 ? c->emails[0]
					: "the certificate carries no e-mail address");
	else
		ok("user.email", "is an address of the certificate");
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
		finding(d, true, "module", err.text, d->s->module);
		return;
	}
	ok("module", d->s->module);
	check_slots(d, t);
	token_close(t);
	if (key == NULL)
		key = gitconf_get(&d->s->conf, "user.email");
	if (signer_open(d->s, key, io, &signer, &err) != 0)
		finding(d, true, "key", err.text, "gitsign-hsm key list");
	else
		check_certificate(d, signer_cert(signer));
	signer_close(signer);
}

static void check_token(struct doctor *d)
{
	struct os_stdio io;
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t n = 0;

	if (d->s->module == NULL) {
		finding(d, true, "module", "hsm.module is not set", "gitsign-hsm setup");
		return;
	}
	if (os_stdio_hide(&io, &err) != 0) {
		finding(d, true, "module", err.text, NULL);
		return;
	}
	out = open_memstream(&text, &n);
	if (out != NULL) {
		ask_module(d, &io);
		fclose(out);
	}
	os_stdio_restore(&io);
	out = stdout;
	if (text != NULL)
		fputs(text, stdout);
	else
		finding(d, true, "module", "no memory", NULL);
	free(text);
}

static void check_pin(struct doctor *d)
{
	if (d->s->pin_source.kind == PIN_PROMPT)
		ok("PIN", "asked for on the terminal");
	else if (d->s->pin_source.kind == PIN_FILE && access(d->s->pin_source.path, R_OK) != 0)
		finding(d, true, "PIN", "the file of hsm.pinSource cannot be read",
			d->s->pin_source.path);
	else
		ok("PIN", d->s->pin_source_text);
}

static void check_trust(struct doctor *d)
{
	struct judge_one j;
	struct err err = ERR_INIT;

	if (d->s->policy == NULL && d->s->roots == NULL) {
		finding(d, true, "trust", "no signature can be called good here",
			"git config hsm.roots /path/to/ca.pem   (or hsm.policy)");
		return;
	}
	if (judge_one_open(d->s, &j, &err) != 0) {
		finding(d, true, "trust", err.text, NULL);
		return;
	}
	ok("trust", d->s->policy != NULL ? d->s->policy : d->s->roots);
	judge_one_close(&j);
}

static void check_clock(struct doctor *d)
{
	struct buf now = BUF_INIT;

	text_time(&now, os_now());
	if (os_now() < CLOCK_FLOOR)
		finding(d, true, "clock", buf_str(&now), "set the clock");
	else
		ok("clock", buf_str(&now));
	buf_free(&now);
}

int verb_doctor(int argc, char **argv)
{
	const struct opt opts[] = { { 0, NULL, NULL, NULL, OPT_FLAG, NULL } };
	const struct opt_command cmd = {
		.usage = "gitsign-hsm doctor",
		.summary = "Looks at git, its configuration, the token, the key, the certificate, "
			   "the trust anchors and the clock; each problem with its cure. Asks for "
			   "no PIN, changes nothing. Ends with 1 when there is a problem.",
		.opts = opts,
	};
	struct settings s = { .conf = GITCONF_INIT };
	struct doctor d = { .s = &s };
	struct err err = ERR_INIT;
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	out = stdout;
	r = settings_load(&s, &err);
	if (r != 0)
		return say_err(&err);
	check_git(&d);
	check_config(&d);
	check_pin(&d);
	check_token(&d);
	check_trust(&d);
	check_clock(&d);
	settings_free(&s);
	printf("\n%d problem%s, %d note%s\n", d.problems, d.problems == 1 ? "" : "s", d.notes,
	       d.notes == 1 ? "" : "s");
	return d.problems > 0 ? ERR_BAD : 0;
}
