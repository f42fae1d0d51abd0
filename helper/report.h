/* What status and explain tell, as JSON values that are printed as text or as they are. */
#ifndef GH_HELPER_REPORT_H
#define GH_HELPER_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "helper/ask.h"

/* A string that may hold any bytes: escaped for a terminal, and so fit for JSON. */
json_t *report_text(const char *v);
/* One of our own lines (an error's, say), where what is foreign is escaped already: its backslashes
 * stay. */
json_t *report_said(const char *text);

/* {"state": "none|stale|ageing|good", "store": ..., "issued": ..., "expires": ...,
 * "age": s, "left": s, "refresh": bool, "scope": ...}; never a token. */
json_t *report_token(struct ask *a);
/* The same in words, for one line. */
void report_token_line(const json_t *token, struct buf *out);

/* Prints as JSON with a newline behind it; what the stream cannot take, the stream knows. */
int report_print(const json_t *v, struct err *err);

#endif
