#include "args.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

enum arg_id {
	A_SIGN,
	A_DETACH,
	A_ARMOR,
	A_USER,
	A_VERIFY,
	A_STATUS_FD,
	A_OUTPUT,
	A_HELP,
	A_VERSION,
	A_LIST,        /* public halves */
	A_LIST_SECRET, /* keys that sign: the same ones here */
	A_COLONS,
	A_IGNORED,       /* changes nothing that we do */
	A_IGNORED_VALUE, /* the same, with a value */
};

static const struct arg_option {
	const char *name; /* of the long option; "" for none */
	char letter;
	enum arg_id id;
	bool value;
} options[] = {
	{ "sign", 's', A_SIGN, false },
	{ "detach-sign", 'b', A_DETACH, false },
	{ "armor", 'a', A_ARMOR, false },
	{ "local-user", 'u', A_USER, true },
	{ "verify", 0, A_VERIFY, false },
	{ "status-fd", 0, A_STATUS_FD, true },
	{ "output", 'o', A_OUTPUT, true },
	{ "help", 'h', A_HELP, false },
	{ "version", 0, A_VERSION, false },
	{ "list-keys", 'k', A_LIST, false },
	{ "list-public-keys", 0, A_LIST, false },
	{ "locate-keys", 0, A_LIST, false },
	{ "list-secret-keys", 'K', A_LIST_SECRET, false },
	{ "with-colons", 0, A_COLONS, false },
	{ "batch", 0, A_IGNORED, false },
	{ "no-tty", 0, A_IGNORED, false },
	{ "yes", 0, A_IGNORED, false },
	{ "quiet", 'q', A_IGNORED, false },
	{ "verbose", 'v', A_IGNORED, false },
	{ "no-greeting", 0, A_IGNORED, false },
	{ "no-secmem-warning", 0, A_IGNORED, false },
	{ "no-permission-warning", 0, A_IGNORED, false },
	{ "use-agent", 0, A_IGNORED, false },
	{ "with-fingerprint", 0, A_IGNORED, false },
	{ "keyid-format", 0, A_IGNORED_VALUE, true },
	{ "pinentry-mode", 0, A_IGNORED_VALUE, true },
	{ "display-charset", 0, A_IGNORED_VALUE, true },
	{ "logger-fd", 0, A_IGNORED_VALUE, true },
};

static const struct arg_option *find_long(struct bytes name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (bytes_eq_str(name, options[i].name))
			return &options[i];
	}
	return NULL;
}

static const struct arg_option *find_letter(char letter)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].letter != 0 && options[i].letter == letter)
			return &options[i];
	}
	return NULL;
}

static int parse_fd(const char *text, int *ret, struct err *err)
{
	uint64_t v;

	if (!text_parse_u64(bytes_str(text), &v) || v > INT_MAX)
		return err_set(err, ERR_USAGE, "--status-fd wants the number of a descriptor");
	*ret = (int)v;
	return 0;
}

static int apply(struct args *a, const struct arg_option *o, const char *value, struct err *err)
{
	switch (o->id) {
	case A_DETACH:
		a->detached = true; /* jj and others give -b without -s */
		__attribute__((fallthrough));
	case A_SIGN:
		if (a->action != ARGS_NONE && a->action != ARGS_SIGN)
			return err_set(err, ERR_USAGE, "one thing at a time: sign, verify or list");
		a->action = ARGS_SIGN;
		return 0;
	case A_ARMOR:
		a->armor = true;
		return 0;
	case A_USER:
		if (a->user != NULL)
			return err_set(err, ERR_USAGE, "-u is given twice: one signer signs");
		a->user = value;
		return 0;
	case A_VERIFY:
		if (a->action != ARGS_NONE && a->action != ARGS_VERIFY)
			return err_set(err, ERR_USAGE, "one thing at a time: sign, verify or list");
		a->action = ARGS_VERIFY;
		return 0;
	case A_STATUS_FD:
		return parse_fd(value, &a->status_fd, err);
	case A_OUTPUT:
		if (strcmp(value, "-") != 0)
			return err_set(err, ERR_USAGE,
				       "--output: signatures go to standard output only");
		return 0;
	case A_LIST:
	case A_LIST_SECRET:
		if (a->action != ARGS_NONE)
			return err_set(err, ERR_USAGE, "one thing at a time: sign, verify or list");
		a->action = ARGS_LIST;
		a->secret = o->id == A_LIST_SECRET;
		return 0;
	case A_COLONS:
		a->colons = true;
		return 0;
	case A_HELP:
		a->action = ARGS_HELP;
		return 0;
	case A_VERSION:
		a->action = ARGS_VERSION;
		return 0;
	case A_IGNORED:
	case A_IGNORED_VALUE:
		return 0;
	}
	return err_set(err, ERR_INTERNAL, "an option without a meaning");
}

static int unknown(const char *word, struct err *err)
{
	char *shown = text_escaped(bytes_str(word));

	err_set(err, ERR_USAGE, "unknown option %s (see gitsign-hsm --help)", shown);
	free(shown);
	return ERR_USAGE;
}

static int parse_long(struct args *a, int argc, char **argv, int *i, struct err *err)
{
	const char *word = argv[*i] + 2;
	const char *eq = strchr(word, '=');
	size_t n = eq != NULL ? (size_t)(eq - word) : strlen(word);
	const struct arg_option *o = find_long(bytes_of(word, n));
	const char *value = eq != NULL ? eq + 1 : NULL;

	if (o == NULL || (value != NULL && !o->value))
		return unknown(argv[*i], err);
	if (o->value && value == NULL) {
		if (*i + 1 >= argc)
			return err_set(err, ERR_USAGE, "--%s wants a value", o->name);
		value = argv[++*i];
	}
	return apply(a, o, value, err);
}

static int parse_cluster(struct args *a, int argc, char **argv, int *i, struct err *err)
{
	for (const char *p = argv[*i] + 1; *p != '\0'; p++) {
		const struct arg_option *o = find_letter(*p);
		const char *value = NULL;
		int r;

		if (o == NULL)
			return unknown(argv[*i], err);
		if (o->value && p[1] != '\0') {
			value = p + 1;
		} else if (o->value) {
			if (*i + 1 >= argc)
				return err_set(err, ERR_USAGE, "-%c wants a value", *p);
			value = argv[++*i];
		}
		r = apply(a, o, value, err);
		if (r != 0 || o->value)
			return r;
	}
	return 0;
}

static int operand(struct args *a, const char *word, struct err *err)
{
	if (a->words_n == ARGS_WORDS_MAX)
		return err_set(err, ERR_USAGE, "too many words");
	a->words[a->words_n++] = word;
	return 0;
}

static int finish(struct args *a, struct err *err)
{
	switch (a->action) {
	case ARGS_SIGN:
		if (a->words_n > 0)
			return err_set(err, ERR_USAGE, "what is signed comes on standard input");
		if (!a->detached || !a->armor)
			return err_set(err, ERR_USAGE,
				       "only detached, armored signatures are made: give -bsau");
		if (a->user == NULL)
			return err_set(err, ERR_USAGE, "which key? give -u KEY (\"\" for hsm.key)");
		return 0;
	case ARGS_VERIFY:
		if (a->words_n != 2)
			return err_set(err, ERR_USAGE, "--verify wants SIGNATURE and DATA (or -)");
		a->signature = a->words[0];
		a->data = a->words[1];
		return 0;
	case ARGS_NONE:
		return err_set(err, ERR_USAGE, "nothing to do (see gitsign-hsm --help)");
	default:
		return 0;
	}
}

int args_parse(int argc, char **argv, struct args *ret, struct err *err)
{
	struct args a = { .action = ARGS_NONE, .status_fd = -1 };
	bool words_only = false;
	int r = 0;

	for (int i = 1; i < argc && r == 0; i++) {
		const char *w = argv[i];

		if (words_only || w[0] != '-' || w[1] == '\0')
			r = operand(&a, w, err);
		else if (strcmp(w, "--") == 0)
			words_only = true;
		else if (w[1] == '-')
			r = parse_long(&a, argc, argv, &i, err);
		else
			r = parse_cluster(&a, argc, argv, &i, err);
	}
	if (r == 0)
		r = finish(&a, err);
	if (r == 0)
		*ret = a;
	return r;
}
