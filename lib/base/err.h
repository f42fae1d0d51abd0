/*
 * How functions fail, and with what status programs end.
 *
 * A function that can fail returns 0, or one of the codes below with `*err`
 * filled in. Library code never prints; the program says the text once.
 * The codes are the exit statuses of every program of the project: this is
 * the one table of them (gitsign-hsm(1), EXIT STATUS).
 */
#ifndef GH_BASE_ERR_H
#define GH_BASE_ERR_H

#include <stddef.h>

enum err_code {
	ERR_NONE = 0,
	ERR_BAD = 1,      /* a signature, a verdict or a push is not good */
	ERR_USAGE = 2,    /* the command line */
	ERR_CONFIG = 3,   /* configuration, policy file or trust anchors */
	ERR_KEY = 4,      /* no usable key, or more than one */
	ERR_PIN = 5,      /* PIN missing, wrong or locked */
	ERR_TOKEN = 6,    /* PKCS#11 module or token, or its deadline */
	ERR_REPO = 7,     /* the repository, a ref or an object */
	ERR_INPUT = 8,    /* malformed or oversized input */
	ERR_IO = 9,       /* disk, pipe, terminal */
	ERR_INTERNAL = 10 /* a fault of the program itself */
};

#define ERR_TEXT_MAX 2048

struct err {
	enum err_code code;
	char text[ERR_TEXT_MAX]; /* one or more lines, no final newline, printable */
};

#define ERR_INIT { ERR_NONE, "" }

/*
 * Fills `err` (may be NULL) and returns `code`, so that callers can write
 * `return err_set(err, ERR_IO, ...)`. Control characters in the result other
 * than newline are replaced by '?': values that come from outside are to be
 * escaped by the caller with text_escape().
 */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of errno at the end. */
int err_errno(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text that stands there; returns the code there. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line that explains a code, for help and man pages; never NULL. */
const char *err_code_text(enum err_code code);

#endif
