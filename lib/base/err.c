#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* An error text must not move a cursor or hide a line: no controls but newline. */
static void clean(char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		unsigned char next = (unsigned char)s[1];

		if ((c < 0x20 && c != '\n') || c == 0x7f) {
			*s = '?';
		} else if (c == 0xc2 && next >= 0x80 && next < 0xa0) { /* C1 in UTF-8 */
			*s++ = '?';
			*s = '?';
		}
	}
}

/* A text cut at its end must not end in the middle of a UTF-8 sequence. */
static void trim_partial(char *s, size_t n)
{
	size_t i = n;

	while (i > 0 && n - i < 3 && ((unsigned char)s[i - 1] & 0xc0) == 0x80)
		i--;
	if (i > 0 && (unsigned char)s[i - 1] >= 0xc0)
		s[i - 1] = '\0';
}

static void put(struct err *err, enum err_code code, const char *text, int len)
{
	err->code = code;
	snprintf(err->text, sizeof(err->text), "%s", text);
	if (len < 0 || (size_t)len >= sizeof(err->text))
		trim_partial(err->text, strlen(err->text));
	clean(err->text);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	/* Not straight into err->text: the arguments may point there. */
	char text[ERR_TEXT_MAX];
	va_list ap;
	int len;

	if (!err)
		return (int)code;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(err, code, text, len);
	return (int)code;
}

int err_errno(struct err *err, enum err_code code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX], all[ERR_TEXT_MAX + 128], why[128];
	int saved = errno;
	va_list ap;
	int len;

	if (!err)
		return (int)code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = snprintf(all, sizeof(all), "%s: %s", text, strerror_r(saved, why, sizeof(why)));
	put(err, code, all, len);
	return (int)code;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX], all[2 * ERR_TEXT_MAX];
	va_list ap;
	int len;

	if (!err)
		return ERR_INTERNAL;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = snprintf(all, sizeof(all), "%s: %s", text, err->text);
	put(err, err->code, all, len);
	return (int)err->code;
}

const char *err_code_text(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return "success";
	case ERR_BAD:
		return "a signature, a verdict or a push is not good";
	case ERR_USAGE:
		return "the command line is wrong";
	case ERR_CONFIG:
		return "configuration, policy file or trust anchors are missing or wrong";
	case ERR_KEY:
		return "no usable key, or more than one";
	case ERR_PIN:
		return "the PIN is missing, wrong or locked";
	case ERR_TOKEN:
		return "the PKCS#11 module or the token failed, or took too long";
	case ERR_REPO:
		return "the repository, a ref or an object cannot be read";
	case ERR_INPUT:
		return "the input is malformed or too large";
	case ERR_IO:
		return "a disk, a pipe or the terminal failed";
	case ERR_INTERNAL:
		return "a fault of the program itself";
	}
	return "unknown status";
}
