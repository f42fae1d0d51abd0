/* What a person is told and asked while git waits for a credential. */
#ifndef GH_HELPER_PEOPLE_H
#define GH_HELPER_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Lines for the person at the terminal: to standard error when that is a terminal,
 * else to /dev/tty, so that a caller that swallows standard error does not hang in
 * silence; to standard error when there is none. `text` ends in a newline.
 */
void people_say(const char *text);

/* The text as a QR code in half blocks; only where a terminal shows it. */
void people_qr(const char *text);

/* A terminal to read a line from, or -1; close() it. */
int people_input(void);

/*
 * Opens the URL in a browser: the first of $BROWSER, or xdg-open where there is a
 * display. Does not wait. False when there is none, or it does not start.
 */
bool people_browse(const char *url);

#endif
