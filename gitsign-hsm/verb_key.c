/* key list: every certificate on the tokens, and whether it can sign. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "admin.h"
#include "args.h"
#include "base/os.h"
#include "base/text.h"
#include "json.h"
#include "say.h"
#include "signer.h"
#include "verbs.h"

static void table_row(struct buf *b, const struct candidate *c)
{
	struct buf until = BUF_INIT;

	if (c->cert == NULL) {
		buf_addf(b, "token \"%s\", object \"%s\"\n  unusable   %s\n\n", c->slot->label,
			 c->object->label, c->why);
		return;
	}
	text_time(&until, c->cert->not_after);
	text_hex(b, bytes_of(c->cert->sha256, 32), false);
	buf_addf(b, "\n  subject    %s\n", c->cert->subject);
	for (size_t i = 0; i < c->cert->emails_n; i++)
		buf_addf(b, "  e-mail     %s\n", c->cert->emails[i]);
	buf_addf(b, "  key        %s on token \"%s\"\n  uri        ", alg_key_name(c->cert->alg),
		 c->slot->label);
	candidate_uri(c, b);
	buf_addf(b, "\n  valid to   %s\n  can sign   %s%s\n\n", buf_str(&until),
		 c->why[0] == '\0' ? "yes" : "no: ", c->why);
	buf_free(&until);
}

static void json_row(struct buf *b, const struct candidate *c)
{
	const struct cert *x = c->cert;
	struct buf t = BUF_INIT;

	buf_add_byte(b, '{');
	if (x != NULL) {
		json_put_hex(b, "sha256", x->sha256, 32);
		json_put_hex(b, "sha1", x->sha1, 20);
		json_put_hex(b, "spkiSha256", x->spki_sha256, 32);
		json_put_text(b, "subject", x->subject);
		json_put_name(b, "emails");
		buf_add_byte(b, '[');
		for (size_t i = 0; i < x->emails_n; i++) {
			json_put_comma(b);
			text_json(b, bytes_str(x->emails[i]));
		}
		buf_add_byte(b, ']');
		json_put_text(b, "key", alg_key_name(x->alg));
		text_time(&t, x->not_after);
		json_put_text(b, "notAfter", buf_str(&t));
		buf_clear(&t);
	}
	json_put_text(b, "token", c->slot->label);
	candidate_uri(c, &t);
	json_put_text(b, "uri", buf_str(&t));
	json_put_bool(b, "canSign", c->why[0] == '\0');
	json_put_text(b, "why", c->why);
	buf_add_byte(b, '}');
	buf_free(&t);
}

/* gpgsm's colon listing (GnuPG doc/DETAILS): crt or crs, fpr, uid. */
static void colon_time(struct buf *b, int64_t t)
{
	time_t when = (time_t)t;
	struct tm tm;
	char text[32];

	if (gmtime_r(&when, &tm) != NULL && strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &tm) > 0)
		buf_add_str(b, text);
}

static void colon_text(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == ':' || *text == '\\')
			buf_addf(b, "\\x%02x", (unsigned char)*text);
		else
			buf_add_byte(b, (uint8_t)*text);
}

static void colon_row(struct buf *b, const struct candidate *c, bool secret)
{
	const struct cert *x = c->cert;
	bool usable = c->why[0] == '\0';

	buf_addf(b, "%s:%s:%d:%d:", secret ? "crs" : "crt",
		 os_now() > x->not_after ? "e"
		 : usable                ? "u"
					 : "i",
		 x->alg.bits, alg_gpg_pk(x->alg.kind));
	text_hex(b, bytes_of(x->sha1 + 12, 8), true);
	buf_add_byte(b, ':');
	colon_time(b, x->not_before);
	buf_add_byte(b, ':');
	colon_time(b, x->not_after);
	buf_add_byte(b, ':');
	text_hex(b, x->serial, true);
	buf_addf(b, "::::%s:\nfpr:::::::::", usable ? "s" : "");
	text_hex(b, bytes_of(x->sha1, 20), true);
	buf_add_str(b, ":\nuid:u::::::::");
	colon_text(b, x->subject);
	buf_add_str(b, ":\n");
	for (size_t i = 0; i < x->emails_n; i++) {
		buf_add_str(b, "uid:u::::::::<");
		colon_text(b, x->emails[i]);
		buf_add_str(b, ">:\n");
	}
}

enum list_form { LIST_TABLE, LIST_JSON, LIST_COLONS };

struct listing {
	enum list_form form;
	bool secret, login;
	struct selector *wanted; /* any of them; none: all */
	size_t wanted_n;
};

static bool is_wanted(const struct listing *l, const struct candidate *c)
{
	if (l->form == LIST_COLONS && c->cert == NULL)
		return false;
	for (size_t i = 0; i < l->wanted_n; i++)
		if (candidate_matches(c, &l->wanted[i]))
			return true;
	return l->wanted_n == 0;
}

static void print_one(struct buf *b, const struct listing *l, const struct candidate *c)
{
	if (l->form == LIST_JSON) {
		json_put_comma(b);
		buf_add_byte(b, '\n');
		json_row(b, c);
	} else if (l->form == LIST_COLONS) {
		colon_row(b, c, l->secret);
	} else {
		table_row(b, c);
	}
}

static int print_all(FILE *f, const struct candidates *c, const struct listing *l, struct err *err)
{
	struct buf b = BUF_INIT;
	size_t shown = 0;

	if (l->form == LIST_JSON)
		buf_add_byte(&b, '[');
	for (size_t i = 0; i < c->n; i++)
		if (is_wanted(l, &c->v[i])) {
			print_one(&b, l, &c->v[i]);
			shown++;
		}
	if (l->form == LIST_JSON)
		buf_add_str(&b, "]\n");
	if (c->n == 0 && l->form == LIST_TABLE)
		buf_add_str(&b,
			    "No certificate on any token. Is it plugged in, and does it hold the\n"
			    "certificate beside the key? One that shows nothing before a login\n"
			    "(YubiHSM 2) is listed with --login.\n");
	fputs(buf_str(&b), f);
	buf_free(&b);
	return shown == 0 && l->wanted_n > 0 ? err_set(err, ERR_KEY, "no such key on any token")
					     : 0;
}

static int list(struct admin *a, void *ctx, struct err *err)
{
	const struct listing *l = ctx;
	struct candidates all = { .n = 0 };
	size_t slot;
	int r = 0;

	if (l->login && !signer_shy_token(a->token, &slot))
		return err_set(err, ERR_TOKEN, "--login: there is not one token that wants a PIN");
	if (l->login)
		r = admin_login(a, slot, false, err);
	if (r == 0)
		r = candidates_load(&a->settings, a->token, NULL, os_now(), &all, err);

	if (r == 0)
		r = print_all(a->out, &all, l, err);
	candidates_free(&all);
	return r;
}

static int parse_wanted(struct listing *l, int argc, char **argv, struct err *err)
{
	int r = 0;

	l->wanted = xcalloc((size_t)argc + 1, sizeof(l->wanted[0]));
	for (int i = 0; i < argc && r == 0; i++) {
		r = selector_parse(argv[i], &l->wanted[i], err);
		if (r == 0)
			l->wanted_n++;
	}
	return r;
}

int verb_key_list(int argc, char **argv)
{
	struct admin_options at = { .module = NULL };
	bool json = false, colons = false;
	struct listing l = { .form = LIST_TABLE };
	const struct opt opts[] = {
		ADMIN_MODULE(&at.module),
		{ 0, "json", NULL, "print JSON", OPT_FLAG, &json },
		{ 0, "with-colons", NULL, "print gpgsm's listing", OPT_FLAG, &colons },
		{ 0, "with-secret", NULL, "in it, as keys that sign (crs)", OPT_FLAG, &l.secret },
		{ 0, "login", NULL, "with the PIN, for a token that shows nothing without",
		  OPT_FLAG, &l.login },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm key list [--module PATH] [--json | --with-colons] [--login] "
			 "[KEY ...]",
		.summary = "Shows every certificate on the tokens, or those that KEY names, and "
			   "whether its key can sign. Asks for no PIN without --login.",
		.opts = opts,
		.args_max = ARGS_WORDS_MAX,
	};
	struct err err = ERR_INIT;
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	l.form = json ? LIST_JSON : colons ? LIST_COLONS : LIST_TABLE;
	r = parse_wanted(&l, argc, argv, &err);
	r = r == 0 ? admin_run(&at, list, &l) : say_err(&err);
	for (size_t i = 0; i < l.wanted_n; i++)
		selector_free(&l.wanted[i]);
	free(l.wanted);
	return r;
}
