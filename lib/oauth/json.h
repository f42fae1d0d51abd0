/*
 * JSON from a server, read strictly (RFC 8259 over jansson): UTF-8, no key twice, no
 * NUL, bounded in bytes and in depth. What it is kept in is wiped when it is freed,
 * because it holds access tokens.
 */
#ifndef GH_OAUTH_JSON_H
#define GH_OAUTH_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"

#define JSON_DEPTH_MAX 16

/* An object (or with `array` an array); json_decref() it. ERR_INPUT; `what` says whose. */
int json_read(struct bytes text, const char *what, bool array, json_t **ret, struct err *err);

/* Appends it, without blanks, as ASCII. */
void json_write(struct secret *out, const json_t *v);

/*
 * A string member of at most `max` bytes: a view that lives as long as `o`. NULL with
 * success when it is absent or null. ERR_INPUT for another type, or longer.
 */
int json_text(const json_t *o, const char *key, size_t max, const char **ret, struct err *err);
/* The same, and it must be there and not empty. */
int json_need(const json_t *o, const char *key, size_t max, const char **ret, struct err *err);
/* A whole number, not negative; some servers write it as a string. *found false: absent. */
int json_number(const json_t *o, const char *key, int64_t *ret, bool *found, struct err *err);

#endif
