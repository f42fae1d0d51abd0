/* Where a PIN comes from: hsm.pinSource. */
#ifndef GH_TOKEN_PIN_H
#define GH_TOKEN_PIN_H

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

enum pin_kind { PIN_PROMPT, PIN_FILE, PIN_FD, PIN_CREDENTIAL, PIN_COMMAND };

struct pin_source {
	enum pin_kind kind;
	const char *path; /* a view into the text parsed: file, credential, command */
	int fd;
	/* For prompts; set by the caller, and left alone by pin_source_parse(). */
	const char *pinentry; /* hsm.pinentry: a path, "off"; NULL: where a display is */
	const char *askpass;  /* hsm.askpass: a path, "true" (SSH_ASKPASS); NULL: none */
};

/*
 * "prompt" (or NULL), "file:/absolute/path", "fd:N" (N >= 3), "credential:NAME" (of
 * systemd), "command:/absolute/path words". ERR_CONFIG else, with *ret as it was.
 */
int pin_source_parse(const char *text, struct pin_source *ret, struct err *err);

/*
 * Fetches the PIN. `prompt` names the token ("PIN for token 'demo'"); it is shown by
 * pinentry, on /dev/tty with echo off, or by the program of hsm.askpass, whichever
 * comes first. A file must be ours with mode 0400 or 0600; a command has a clean
 * environment and 30 s. One final newline is cut. ERR_PIN with what to do when nobody
 * can be asked. Children are spawned, never forked: a module may be loaded.
 */
int pin_get(const struct pin_source *src, const char *prompt, int timeout_ms, struct secret *ret,
	    struct err *err);

/*
 * Would pin_get() read it, as far as can be told without reading: is a file there, ours and
 * closed to others, a command in nobody else's hands. Always 0 for prompts, descriptors and
 * credentials.
 */
int pin_source_check(const struct pin_source *src, struct err *err);

/*
 * Asks for a yes by the same pinentry (struct pin_source). 0: yes; ERR_BAD: no; ERR_PIN:
 * nobody answered. *there false: pinentry cannot be used; *err says why.
 */
int pin_confirm(const char *pinentry, const char *question, int timeout_ms, bool *there,
		struct err *err);

/* A line on /dev/tty, where there is one: git hides what a signer says. */
void pin_tty_say(const char *text);

#endif
