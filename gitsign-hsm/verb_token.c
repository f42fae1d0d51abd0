/* token list, token init. */
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "base/text.h"
#include "json.h"
#include "say.h"
#include "verbs.h"

static const struct {
	enum alg_kind kind;
	const char *name;
} kinds[] = { { KEY_RSA, "rsa" },
	      { KEY_P256, "ecdsa" }, /* one mechanism for every curve */
	      { KEY_ED25519, "ed25519" } };
#define KINDS_N (sizeof(kinds) / sizeof(kinds[0]))

static const char *pin_state(const struct token_slot *s)
{
	return !s->pin_initialized ? "not set"
	       : s->pin_locked     ? "LOCKED"
	       : s->pin_final_try  ? "one try is left before it locks"
	       : s->pin_count_low  ? "a wrong one was entered before"
	       : s->protected_path ? "entered on the reader"
				   : "set";
}

static void print_token(struct admin *a, size_t i, const struct token_slot *s)
{
	fprintf(a->out, "%s\n  serial     %s\n  made by    %s, %s\n  PIN        %s\n  signs     ",
		s->label, s->serial, s->manufacturer, s->model, pin_state(s));
	for (size_t k = 0; k < KINDS_N; k++)
		if (token_can_sign(a->token, i, kinds[k].kind))
			fprintf(a->out, " %s", kinds[k].name);
	fputs("\n  makes keys", a->out);
	for (size_t k = 0; k < KINDS_N; k++)
		if (token_can_generate(a->token, i, kinds[k].kind))
			fprintf(a->out, " %s", kinds[k].name);
	fputs("\n\n", a->out);
}

static void json_kinds(struct admin *a, size_t i, struct buf *b, const char *name,
		       bool (*can)(struct token *t, size_t slot, enum alg_kind kind))
{
	json_put_name(b, name);
	buf_add_byte(b, '[');
	for (size_t k = 0; k < KINDS_N; k++)
		if (can(a->token, i, kinds[k].kind)) {
			json_put_comma(b);
			text_json(b, bytes_str(kinds[k].name));
		}
	buf_add_byte(b, ']');
}

static void json_token(struct admin *a, size_t i, const struct token_slot *s, struct buf *b)
{
	json_put_comma(b);
	buf_add_str(b, "\n{");
	json_put_text(b, "label", s->label);
	json_put_text(b, "serial", s->serial);
	json_put_text(b, "manufacturer", s->manufacturer);
	json_put_text(b, "model", s->model);
	json_put_bool(b, "pinSet", s->pin_initialized);
	json_put_bool(b, "pinLocked", s->pin_locked);
	json_put_bool(b, "pinFinalTry", s->pin_final_try);
	json_put_bool(b, "pinCountLow", s->pin_count_low);
	json_put_bool(b, "pinPad", s->protected_path);
	json_kinds(a, i, b, "signs", token_can_sign);
	json_kinds(a, i, b, "makesKeys", token_can_generate);
	buf_add_byte(b, '}');
}

struct listing {
	bool json, brief;
};

static int list(struct admin *a, void *ctx, struct err *err)
{
	const struct listing *l = ctx;
	struct buf b = BUF_INIT;
	size_t n;
	const struct token_slot *s = token_slots(a->token, &n);

	for (size_t i = 0; i < n && l->brief; i++)
		fprintf(a->out, "%s\t%s\t%s\n", s[i].label, s[i].serial, s[i].manufacturer);
	for (size_t i = l->brief ? token_blanks(a->token, NULL, 0) : 0; i > 0; i--)
		fputs("\t\t\n", a->out);
	for (size_t i = 0; i < n && !l->json && !l->brief; i++)
		print_token(a, i, &s[i]);
	(void)err; /* what is listed was read as the module was opened */
	if (l->json) {
		buf_add_byte(&b, '[');
		for (size_t i = 0; i < n; i++)
			json_token(a, i, &s[i], &b);
		fprintf(a->out, "%s]\n", buf_str(&b));
	} else if (n == 0 && !l->brief) {
		fprintf(a->out, "No token that is initialised. Make one with: gitsign-hsm token "
				"init\n");
	}
	buf_free(&b);
	return 0;
}

int verb_token_list(int argc, char **argv)
{
	struct admin_options at = { .module = NULL };
	struct listing l = { .json = false };
	const struct opt opts[] = {
		ADMIN_MODULE(&at.module),
		{ 0, "json", NULL, "print JSON", OPT_FLAG, &l.json },
		{ 0, "brief", NULL,
		  "a line a token: label, serial, maker, tabs between; of a blank one nothing",
		  OPT_FLAG, &l.brief },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm token list [--module PATH] [--json | --brief]",
		.summary = "Shows the tokens that the module sees: the state of the PIN, what "
			   "keys they sign with and can make. Asks for no PIN.",
		.opts = opts,
	};
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	return admin_run(&at, list, &l);
}

struct init {
	const char *module, *label, *pin_source, *so_pin_source;
};

static int init_with(struct admin *a, const struct init *o, unsigned long slot, struct err *err)
{
	struct secret so = SECRET_NONE, pin = SECRET_NONE;
	int r = admin_new_pin(a, o->so_pin_source,
			      "new SO PIN (unlocks the token when the PIN is locked)", &so, err);

	if (r == 0)
		r = admin_new_pin(a, o->pin_source, "new PIN (you enter it when you sign)", &pin,
				  err);
	if (r == 0)
		r = token_init(a->token, slot, o->label, &so, &pin, err);
	secret_free(&so);
	secret_free(&pin);
	if (r == 0)
		fprintf(a->out,
			"Token \"%s\" is initialised. Next:\n"
			"  gitsign-hsm key generate --token %s%s%s --label NAME\n",
			o->label, o->label, o->module != NULL ? " --module " : "",
			o->module != NULL ? o->module : "");
	return r;
}

static int init(struct admin *a, void *ctx, struct err *err)
{
	const struct init *o = ctx;
	struct token_blank blank = { 0 };
	size_t n, blanks = token_blanks(a->token, &blank, 1);
	const struct token_slot *s = token_slots(a->token, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(s[i].label, o->label) == 0)
			return err_set(err, ERR_KEY,
				       "there is a token \"%s\" already: choose another "
				       "label",
				       o->label);
	if (blanks == 0)
		return err_set(err, ERR_TOKEN,
			       "no blank token is here. One that holds something is not erased by "
			       "this program: use the token's own tool");
	if (blanks > 1)
		return err_set(err, ERR_TOKEN, "%zu blank tokens are here: leave one of them in",
			       blanks);
	return init_with(a, o, blank.slot, err);
}

int verb_token_init(int argc, char **argv)
{
	struct init o = { .label = NULL };
	const struct opt opts[] = {
		{ 0, "label", "NAME", "what the token is called from now on", OPT_STRING,
		  &o.label },
		ADMIN_MODULE(&o.module),
		{ 0, "pin-source", "SOURCE", "the new PIN, written as hsm.pinSource", OPT_STRING,
		  &o.pin_source },
		{ 0, "so-pin-source", "SOURCE", "the new SO PIN, likewise", OPT_STRING,
		  &o.so_pin_source },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm token init --label NAME [--module PATH] [...]",
		.summary = "Gives a blank token its label and its PINs, which are asked for twice. "
			   "Never erases a token that holds something.",
		.opts = opts,
	};
	struct err err = ERR_INIT;
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	if (o.label == NULL) {
		err_set(&err, ERR_USAGE, "give the token a name: --label NAME");
		return say_err(&err);
	}
	return admin_run(&(struct admin_options){ .module = o.module, .blank = true }, init, &o);
}
