/* Where a PIN comes from: hsm.pinSource. */
#ifndef GH_TOKEN_PIN_H
#define GH_TOKEN_PIN_H

#include "base/err.h"
#include "base/mem.h"

enum pin_kind { PIN_PROMPT, PIN_FILE, PIN_FD };

struct pin_source {
	enum pin_kind kind;
	const char *path; /* a view into the text parsed */
	int fd;
};

/* "prompt" (or NULL), "file:/absolute/path", "fd:N" (N >= 3). ERR_CONFIG else. */
int pin_source_parse(const char *text, struct pin_source *ret, struct err *err);

/*
 * Fetches the PIN. `prompt` names the token ("PIN for token 'demo'"); it is shown
 * on /dev/tty with echo off, which is restored also on a signal or the deadline.
 * A file must be ours with mode 0400 or 0600; one final newline is cut.
 * ERR_PIN with what to do when there is no terminal.
 */
int pin_get(const struct pin_source *src, const char *prompt, int timeout_ms,
	    struct secret *ret, struct err *err);

#endif
