/* Push certificates: git send-pack.c (generate_push_cert), builtin/receive-pack.c. */
#include <stdio.h>

#include "object/object_internal.h"

static int take_line(struct bytes *rest, const char *key, struct bytes *ret, struct err *err)
{
	struct bytes line = *rest;
	char what[48];

	if (object_line(rest, &line) && object_header(line, key, ret) && ret->n > 0 &&
	    object_no_control(*ret))
		return 0;
	snprintf(what, sizeof(what), "no \"%s\" line", key);
	return object_bad(err, what, line);
}

/* What git was given as user.signingKey, or an ident; then the date. */
static int take_pusher(struct bytes *rest, struct object_push_cert *c, struct err *err)
{
	struct bytes line = BYTES_NONE;
	int rc = take_line(rest, "pusher", &line, err);
	size_t n = line.n;

	if (rc)
		return rc;
	for (int spaces = 0; n > 0 && spaces < 2; spaces += line.p[n] == ' ')
		n--;
	if (n == 0 || !object_parse_date(bytes_skip(line, n + 1), &c->when, &c->zone))
		return object_bad(err, "no \"pusher WHO SECONDS +ZONE\"", line);
	c->pusher = bytes_of(line.p, n);
	return 0;
}

static int take_options(struct bytes *rest, struct object_push_cert *c, struct err *err)
{
	const uint8_t *from = rest->p;
	struct bytes line, value;

	while (bytes_starts(*rest, BYTES_LIT("push-option "))) {
		line = *rest;
		if (!object_line(rest, &line) || !object_header(line, "push-option", &value) ||
		    !object_no_control(value))
			return object_bad(err, "no push option", line);
		c->options_n++;
	}
	c->options = bytes_of(from, (size_t)(rest->p - from));
	return 0;
}

bool object_push_cert_option(struct bytes *options, struct bytes *value)
{
	struct bytes line;

	return object_line(options, &line) && object_header(line, "push-option", value);
}

bool object_push_cert_command(struct bytes *commands, struct object_command *ret)
{
	struct bytes line;
	size_t n;

	if (!object_line(commands, &line))
		return false;
	for (n = 40; n <= 64; n += 24) {
		if (line.n < 2 * n + 3 || line.p[n] != ' ' || line.p[2 * n + 1] != ' ')
			continue;
		ret->ref = bytes_skip(line, 2 * n + 2);
		return oid_parse(bytes_of(line.p, n), &ret->old) &&
		       oid_parse(bytes_of(line.p + n + 1, n), &ret->new_) &&
		       object_ref_ok(ret->ref);
	}
	return false;
}

static int check_commands(struct object_push_cert *c, struct err *err)
{
	struct bytes rest = c->commands, seen;
	struct object_command command;
	uint8_t hash_bytes = 0;

	for (seen = rest; rest.n > 0; seen = rest) {
		if (!object_push_cert_command(&rest, &command))
			return object_bad(err, "no \"OLD NEW REF\"", seen);
		if (c->commands_n++ == 0)
			hash_bytes = command.old.n;
		if (command.old.n != hash_bytes)
			return object_bad(err, "ids of another hash", seen);
	}
	return c->commands_n ? 0 : err_set(err, ERR_INPUT, "no command in the certificate");
}

static int take_head(struct bytes *rest, struct object_push_cert *c, struct err *err)
{
	struct bytes version;
	int rc = take_line(rest, "certificate", &version, err);

	if (rc == 0 && !bytes_eq_str(version, "version 0.1"))
		rc = object_bad(err, "no version that is known", version);
	if (rc == 0)
		rc = take_pusher(rest, c, err);
	if (rc == 0 && bytes_starts(*rest, BYTES_LIT("pushee ")))
		rc = take_line(rest, "pushee", &c->pushee, err);
	if (rc == 0)
		rc = take_line(rest, "nonce", &c->nonce, err);
	if (rc == 0)
		rc = take_options(rest, c, err);
	return rc ? rc : object_take_blank(rest, "nonce and options", err);
}

int object_parse_push_cert(struct bytes raw, struct object_push_cert *ret, struct err *err)
{
	struct object_push_cert c = { .commands_n = 0 };
	struct bytes rest = raw, armor;
	int rc = object_check_raw(raw, 20, err);

	if (rc == 0)
		rc = take_head(&rest, &c, err);
	if (rc == 0)
		rc = object_armor_split(rest, &c.commands, &armor, err);
	if (rc == 0)
		rc = check_commands(&c, err);
	if (rc)
		return rc;
	c.payload[0] = bytes_of(raw.p, raw.n - armor.n);
	buf_add_bytes(&c.signature, armor);
	*ret = c;
	return 0;
}

void object_push_cert_free(struct object_push_cert *c)
{
	buf_free(&c->signature);
}
