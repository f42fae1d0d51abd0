/* The ways to get a PIN; nobody outside lib/token includes this. */
#ifndef GH_TOKEN_PIN_INTERNAL_H
#define GH_TOKEN_PIN_INTERNAL_H

#include <stdbool.h>

#include "token/pin.h"

/* On /dev/tty with echo off, restored also on a signal; *there false: there is none. */
int pin_from_tty(const char *prompt, int timeout_ms, struct secret *s, bool *there,
		 struct err *err);

/*
 * From a program that asks for it: pinentry through our helper, SSH_ASKPASS. *there
 * false: it cannot be run, or has nowhere to show itself; *err says why.
 */
int pin_from_pinentry(const struct pin_source *src, const char *prompt, int timeout_ms,
		      struct secret *s, bool *there, struct err *err);
int pin_from_askpass(const struct pin_source *src, const char *prompt, int timeout_ms,
		     struct secret *s, bool *there, struct err *err);

/* Whoever can put another program there gets what the program is asked for. */
int pin_command_trusted(const char *command, struct err *err);
/* The first line that a command prints; words separated by blanks, no shell. */
int pin_from_command(const char *command, struct secret *s, struct err *err);

#endif
