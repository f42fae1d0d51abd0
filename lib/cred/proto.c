#include "cred/proto.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define LINES_MAX 10000

static int refuse(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "refused what git sent: %s; no access token was given",
		       what);
}

static bool starts_nocase(const char *value, const char *word)
{
	size_t n = strlen(word);

	return strlen(value) >= n && text_eq_nocase(bytes_of(value, n), bytes_of(word, n)) &&
	       (value[n] == ' ' || value[n] == '\0');
}

static void multi_value(struct cred_input *in, const char *key, const char *value)
{
	if (strcmp(key, "capability[]") == 0) {
		if (value[0] == '\0')
			in->can_authtype = in->can_state = false;
		else if (strcmp(value, "authtype") == 0)
			in->can_authtype = true;
		else if (strcmp(value, "state") == 0)
			in->can_state = true;
	} else if (strcmp(key, "state[]") == 0) {
		if (value[0] == '\0')
			in->state = NULL;
		else if (in->state == NULL && strncmp(value, "hsm:", 4) == 0)
			in->state = value;
	} else if (strcmp(key, "wwwauth[]") == 0) {
		in->www_any = value[0] != '\0';
		in->www_bearer = in->www_any && (in->www_bearer || starts_nocase(value, "bearer"));
	}
}

static bool has_control(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < 0x20 || *value == 0x7f)
			return true;
	return false;
}

static int set_field(struct cred_input *in, const char *key, const char *value, struct err *err)
{
	const struct {
		const char *key;
		const char **field;
		bool decides; /* who gets a token */
	} fields[] = {
		{ "protocol", &in->protocol, true },
		{ "host", &in->host, true },
		{ "path", &in->path, true },
		{ "username", &in->username, true },
		{ "password", &in->password, false },
		{ "authtype", &in->authtype, false },
		{ "credential", &in->credential, false },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(key, fields[i].key) != 0)
			continue;
		if (fields[i].decides && *fields[i].field != NULL)
			return refuse(err, "a line stands twice");
		if (fields[i].decides && has_control(value))
			return refuse(err, "a control character in a value");
		*fields[i].field = value;
		return 0;
	}
	/* In ours stands a user. */
	if (strcmp(key, "state[]") == 0 && strncmp(value, "hsm:", 4) == 0 && has_control(value))
		return refuse(err, "a control character in a value");
	multi_value(in, key, value);
	return 0;
}

/* One line without its newline; `line` is NUL-terminated and may be cut up. */
static int parse_line(struct cred_input *in, char *line, size_t n, struct err *err)
{
	char *equals;

	if (n >= CRED_LINE_MAX)
		return refuse(err, "a line is too long");
	if (memchr(line, '\0', n) != NULL || memchr(line, '\r', n) != NULL)
		return refuse(err, "a NUL or a carriage return in a line");
	equals = strchr(line, '=');
	if (equals == NULL || equals == line)
		return refuse(err, "a line is not key=value");
	*equals = '\0';
	return set_field(in, line, equals + 1, err);
}

static int parse_lines(struct cred_input *in, struct err *err)
{
	char *at = in->raw.p, *end = in->raw.p + in->raw.n;

	for (size_t lines = 0; at < end; lines++) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		int r;

		if (newline == NULL) /* what is cut off may be half a host name */
			return refuse(err, "the last line has no end");
		if (newline == at)
			return 0;
		if (lines == LINES_MAX)
			return refuse(err, "too many lines");
		*newline = '\0';
		r = parse_line(in, at, (size_t)(newline - at), err);
		if (r != 0)
			return r;
		at = newline + 1;
	}
	return 0;
}

int cred_parse(struct bytes text, struct cred_input *ret, struct err *err)
{
	struct cred_input in = { .raw = SECRET_NONE, .resent = SECRET_NONE };
	int r;

	if (text.n > CRED_INPUT_MAX)
		return refuse(err, "it is too long");
	secret_add(&in.raw, text.p, text.n);
	secret_add(&in.resent, text.p, text.n);
	r = parse_lines(&in, err);
	if (r != 0) {
		cred_input_free(&in);
		return r;
	}
	*ret = in;
	return 0;
}

/* Does an empty line stand in what was read? Only new bytes and the one before count. */
static bool complete(const struct secret *s, size_t from)
{
	for (size_t i = from; i < s->n; i++)
		if (s->p[i] == '\n' && (i == 0 || s->p[i - 1] == '\n'))
			return true;
	return false;
}

int cred_read(int fd, struct cred_input *ret, struct err *err)
{
	struct secret text = SECRET_NONE, chunk;
	int r = 0;

	if (secret_new(&chunk) != 0)
		return err_set(err, ERR_INTERNAL, "no memory can be had");
	for (;;) {
		size_t before = text.n;
		ssize_t n = read(fd, chunk.p, chunk.cap);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = err_errno(err, ERR_IO, "cannot read standard input");
		if (n <= 0)
			break;
		secret_add(&text, chunk.p, (size_t)n);
		if (text.n > CRED_INPUT_MAX || complete(&text, before))
			break;
	}
	if (r == 0)
		r = cred_parse(bytes_of(text.p, text.n), ret, err);
	secret_free(&chunk);
	secret_free(&text);
	return r;
}

void cred_input_free(struct cred_input *in)
{
	secret_free(&in->raw);
	secret_free(&in->resent);
	*in = (struct cred_input){ .raw = SECRET_NONE, .resent = SECRET_NONE };
}

const char *cred_input_token(const struct cred_input *in)
{
	return in->credential != NULL ? in->credential : in->password;
}

void cred_answer_write(struct secret *out, const struct cred_input *in, const struct cred_answer *a)
{
	char expiry[48];
	bool again = a->state != NULL && in->can_authtype && in->can_state;

	if (in->can_authtype)
		secret_add_str(out, "capability[]=authtype\n");
	if (again)
		secret_add_str(out, "capability[]=state\n");
	if (in->can_authtype && a->bearer) {
		secret_add_str(out, "authtype=Bearer\ncredential=");
	} else {
		secret_add_str(out, "username=");
		secret_add_str(out, a->username);
		secret_add_str(out, "\npassword=");
	}
	secret_add(out, a->token.p, a->token.n);
	secret_add_str(out, "\n");
	if (in->can_authtype)
		secret_add_str(out, "ephemeral=1\n");
	if (a->expires > 0) {
		snprintf(expiry, sizeof(expiry), "password_expiry_utc=%" PRId64 "\n", a->expires);
		secret_add_str(out, expiry);
	}
	if (again) {
		secret_add_str(out, "continue=1\nstate[]=");
		secret_add_str(out, a->state);
		secret_add_str(out, "\n");
	}
}
