/* What is said to a person beside git's pipe. */
#ifndef GH_HELPER_SAY_H
#define GH_HELPER_SAY_H

#include "base/err.h"

/*
 * One line on standard error, "git-credential-hsm: " before it; on the terminal when
 * standard error goes to /dev/null. Newlines in it become "; ".
 */
void say(const char *text);
/* Says it, and tells git to ask nobody else (quit=1): returns the code. */
int say_quit(int code, const struct err *err);

#endif
