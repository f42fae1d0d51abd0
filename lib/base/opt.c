#include "base/opt.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#define HELP_COLUMNS 80
#define HELP_INDENT 26 /* where the explanations of options start */

/* State of one parse: words are moved to the front of argv as they come. */
struct parse {
	const struct opt_command *cmd;
	char **argv;
	int argc, next, words;
	bool help;
	struct err *err;
};

__attribute__((format(printf, 2, 3)))
static int wrong(const struct parse *p, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	rc = err_set(p->err, ERR_USAGE, "%s\nusage: %s", buf_str(&b), p->cmd->usage);
	buf_free(&b);
	return rc;
}

static const struct opt *by_name(const struct opt_command *cmd, struct bytes name)
{
	for (const struct opt *o = cmd->opts; o && o->name; o++)
		if (bytes_eq_str(name, o->name))
			return o;
	return NULL;
}

static const struct opt *by_letter(const struct opt_command *cmd, char c)
{
	for (const struct opt *o = cmd->opts; o && o->name; o++)
		if (o->letter == c)
			return o;
	return NULL;
}

static void store(const struct opt *o, const char *value)
{
	struct opt_list *list;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)o->value = true;
		break;
	case OPT_STRING:
		*(const char **)o->value = value;
		break;
	case OPT_LIST:
		list = o->value;
		list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
		list->v[list->n++] = value;
		break;
	}
}

/* Takes the value from behind "=" (or from behind the letter), else the next word. */
static int take(struct parse *p, const struct opt *o, const char *value)
{
	if (o->kind != OPT_FLAG && !value) {
		if (p->next >= p->argc)
			return wrong(p, "option --%s needs a value: %s", o->name,
				     o->arg ? o->arg : "VALUE");
		value = p->argv[p->next++];
	}
	store(o, value);
	return 0;
}

static int unknown(const struct parse *p, const char *text, struct bytes name)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(text));

	for (const struct opt *o = p->cmd->opts; o && o->name && name.n; o++)
		if (bytes_starts(bytes_str(o->name), name))
			return wrong(p, "unknown option %s: did you mean --%s?", shown, o->name);
	return wrong(p, "unknown option %s", shown);
}

static int long_option(struct parse *p, const char *text)
{
	const char *name = text + 2, *eq = strchr(name, '=');
	struct bytes key = bytes_of(name, eq ? (size_t)(eq - name) : strlen(name));
	const struct opt *o = by_name(p->cmd, key);

	if (!o && bytes_eq_str(key, "help") && !eq) {
		p->help = true;
		return 0;
	}
	if (!o)
		return unknown(p, text, key);
	if (o->kind == OPT_FLAG && eq)
		return wrong(p, "option --%s takes no value", o->name);
	return take(p, o, eq ? eq + 1 : NULL);
}

static int short_options(struct parse *p, const char *text)
{
	for (const char *c = text + 1; *c; c++) {
		const struct opt *o = by_letter(p->cmd, *c);
		int rc;

		if (!o && *c == 'h') {
			p->help = true;
			return 0;
		}
		if (!o)
			return unknown(p, text, BYTES_NONE);
		if (o->kind != OPT_FLAG)
			return take(p, o, c[1] ? c + 1 : NULL);
		rc = take(p, o, NULL);
		if (rc)
			return rc;
	}
	return 0;
}

static int parse_all(struct parse *p)
{
	bool options = true;

	while (p->next < p->argc && !p->help) {
		char *w = p->argv[p->next++];
		int rc = 0;

		if (!options || w[0] != '-' || !w[1])
			p->argv[p->words++] = w;
		else if (!strcmp(w, "--"))
			options = false;
		else if (w[1] == '-')
			rc = long_option(p, w);
		else
			rc = short_options(p, w);
		if (rc)
			return rc;
	}
	return 0;
}

static void help_option(struct buf *b, const struct opt *o)
{
	struct buf line = BUF_INIT;

	if (o->letter)
		buf_addf(&line, "  -%c, --%s", o->letter, o->name);
	else
		buf_addf(&line, "      --%s", o->name);
	if (o->kind != OPT_FLAG)
		buf_addf(&line, " %s", o->arg ? o->arg : "VALUE");
	buf_add_bytes(b, buf_bytes(&line));
	if (line.n + 2 > HELP_INDENT)
		buf_addf(b, "\n%*s", HELP_INDENT, "");
	else
		buf_addf(b, "%*s", HELP_INDENT - (int)line.n, "");
	buf_clear(&line);
	text_wrap(&line, o->help, HELP_COLUMNS - HELP_INDENT, 0);
	for (size_t i = 0; i < line.n; i++) {
		buf_add_byte(b, line.p[i]);
		if (line.p[i] == '\n' && i + 1 < line.n)
			buf_addf(b, "%*s", HELP_INDENT, "");
	}
	buf_free(&line);
}

static void opt_help(FILE *f, const struct opt_command *cmd)
{
	static const struct opt help = { 'h', "help", NULL, "show this", OPT_FLAG, NULL };
	struct opt last = help;
	struct buf b = BUF_INIT;

	buf_addf(&b, "usage: %s\n\n", cmd->usage);
	if (cmd->summary) {
		text_wrap(&b, cmd->summary, HELP_COLUMNS, 0);
		buf_add_byte(&b, '\n');
	}
	buf_add_str(&b, "Options:\n");
	for (const struct opt *o = cmd->opts; o && o->name; o++)
		help_option(&b, o);
	if (by_letter(cmd, 'h'))
		last.letter = 0;
	help_option(&b, &last);
	if (cmd->epilogue)
		buf_addf(&b, "\n%s%s", cmd->epilogue,
			 cmd->epilogue[0] && cmd->epilogue[strlen(cmd->epilogue) - 1] == '\n' ? ""
											     : "\n");
	fwrite(b.p, 1, b.n, f);
	buf_free(&b);
}

int opt_parse(const struct opt_command *cmd, int *argc, char ***argv, bool *help, struct err *err)
{
	struct parse p = { .cmd = cmd, .argc = *argc, .next = 1, .words = 1, .err = err };
	int rc, n;

	p.argv = *argv;
	if (p.argc < 1)
		return wrong(&p, "no command line");
	rc = parse_all(&p);
	if (rc)
		return rc;
	*help = p.help;
	if (p.help) {
		opt_help(stdout, cmd);
		return 0;
	}
	n = p.words - 1;
	if (n < cmd->args_min)
		return wrong(&p, "a word is missing on the command line");
	if (cmd->args_max >= 0 && n > cmd->args_max) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(p.argv[1 + cmd->args_max]));

		return wrong(&p, "'%s' is one word too many", shown);
	}
	if (p.words < p.argc)
		p.argv[p.words] = NULL;
	*argc = n;
	*argv = p.argv + 1;
	return 0;
}
