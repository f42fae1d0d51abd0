/* key list: every certificate on the tokens, and whether it can sign. */
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/text.h"
#include "json.h"
#include "say.h"
#include "signer.h"
#include "verbs.h"

static void print_row(FILE *f, const struct candidate *c)
{
	struct buf line = BUF_INIT, until = BUF_INIT;

	if (c->cert == NULL) {
		fprintf(f, "token \"%s\", object \"%s\"\n  unusable   %s\n\n", c->slot->label,
			c->object->label, c->why);
		return;
	}
	text_time(&until, c->cert->not_after);
	text_hex(&line, bytes_of(c->cert->sha256, 32), false);
	buf_addf(&line, "\n  subject    %s\n", c->cert->subject);
	for (size_t i = 0; i < c->cert->emails_n; i++)
		buf_addf(&line, "  e-mail     %s\n", c->cert->emails[i]);
	buf_addf(&line, "  key        %s on token \"%s\"\n  uri        ",
		 alg_key_name(c->cert->alg), c->slot->label);
	candidate_uri(c, &line);
	buf_addf(&line, "\n  valid to   %s\n  can sign   %s%s\n", buf_str(&until),
		 c->why[0] == '\0' ? "yes" : "no: ", c->why);
	fprintf(f, "%s\n", buf_str(&line));
	buf_free(&line);
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

static void print_all(FILE *f, const struct candidates *c, bool json)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; !json && i < c->n; i++)
		print_row(f, &c->v[i]);
	if (json) {
		buf_add_byte(&b, '[');
		for (size_t i = 0; i < c->n; i++) {
			buf_add_str(&b, i > 0 ? ",\n " : "");
			json_row(&b, &c->v[i]);
		}
		buf_add_str(&b, "]\n");
		fwrite(b.p, 1, b.n, f);
	} else if (c->n == 0) {
		fputs("No certificate on any token. Is it plugged in, and does it hold the\n"
		      "certificate beside the key?\n",
		      f);
	}
	buf_free(&b);
}

/* Standard output is hidden until the module is gone: the list is collected. */
static int list(const struct settings *s, const struct os_stdio *io, bool json, FILE *f,
		struct err *err)
{
	struct token_config cfg = signer_token_config(s, io);
	struct candidates all = { .n = 0 };
	struct token *token = NULL;
	int r = token_open(&cfg, &token, err);

	if (r == 0)
		r = candidates_load(s, token, NULL, os_now(), &all, err);
	if (r == 0)
		print_all(f, &all, json);
	candidates_free(&all);
	token_close(token);
	return r;
}

int verb_key_list(int argc, char **argv)
{
	const char *module = NULL;
	bool json = false;
	const struct opt opts[] = {
		{ 0, "module", "PATH", "the PKCS#11 module (else hsm.module)", OPT_STRING,
		  &module },
		{ 0, "json", NULL, "print JSON", OPT_FLAG, &json },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm key list [--module PATH] [--json]",
		.summary = "Shows every certificate on the tokens and whether its key can sign. "
			   "Asks for no PIN.",
		.opts = opts,
	};
	struct settings s = { .conf = GITCONF_INIT };
	struct os_stdio io;
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t n = 0;
	FILE *f;
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	r = settings_load(&s, &err);
	if (r != 0)
		return say_err(&err);
	if (module != NULL)
		s.module = module;
	f = open_memstream(&text, &n);
	if (f == NULL)
		r = err_errno(&err, ERR_INTERNAL, "no memory for the list");
	if (r == 0 && (r = os_stdio_hide(&io, &err)) == 0) {
		r = list(&s, &io, json, f, &err);
		os_stdio_restore(&io);
	}
	if (f != NULL)
		fclose(f);
	if (r == 0)
		fputs(text, stdout);
	else
		say_err(&err);
	free(text);
	settings_free(&s);
	return r;
}
