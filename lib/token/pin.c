/* PINs: read straight into memory that is locked and wiped, never into a copy. */
#include "token/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "token/pin_internal.h"

#define FD_TIMEOUT_MS 60000

int pin_source_parse(const char *text, struct pin_source *ret, struct err *err)
{
	struct pin_source s = { .kind = PIN_PROMPT,
				.fd = -1,
				.pinentry = ret->pinentry,
				.askpass = ret->askpass };
	uint64_t fd;

	if (text == NULL || text[0] == '\0' || strcmp(text, "prompt") == 0) {
		*ret = s;
		return 0;
	}
	if (strncmp(text, "file:/", 6) == 0) {
		s.kind = PIN_FILE;
		s.path = text + 5;
	} else if (strncmp(text, "fd:", 3) == 0 && text_parse_u64(bytes_str(text + 3), &fd) &&
		   fd >= 3 && fd < 1024 * 1024) {
		s.kind = PIN_FD;
		s.fd = (int)fd;
	} else if (strncmp(text, "credential:", 11) == 0 && text[11] != '\0' && text[11] != '.' &&
		   strchr(text + 11, '/') == NULL) {
		s.kind = PIN_CREDENTIAL;
		s.path = text + 11;
	} else if (strncmp(text, "command:/", 9) == 0) {
		s.kind = PIN_COMMAND;
		s.path = text + 8;
	} else {
		/* Not repeated: somebody may have written the PIN itself. */
		return err_set(err, ERR_CONFIG,
			       "hsm.pinSource must be prompt, file:/absolute/path, fd:N (N from 3 "
			       "up), credential:NAME or command:/absolute/path with its words");
	}
	*ret = s;
	return 0;
}

/* Reads until the end of file, or with `line` until a newline. */
static int read_secret(int fd, bool line, int64_t until, struct secret *s, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - os_monotonic_ms();
		int ready;
		ssize_t n;

		if (left <= 0)
			return err_set(err, ERR_PIN, "no PIN came in time");
		ready = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (ready == 0 || (ready < 0 && errno == EINTR))
			continue;
		if (ready < 0)
			return err_errno(err, ERR_PIN, "cannot wait for the PIN");
		/* One byte at a time: what stands behind the line is not ours. */
		n = read(fd, s->p + s->n, line ? 1 : s->cap - s->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_PIN, "cannot read the PIN");
		if (n == 0)
			return 0;
		s->n += (size_t)n;
		if (line && s->p[s->n - 1] == '\n')
			return 0;
		if (s->n == s->cap)
			return err_set(err, ERR_PIN, "the PIN is longer than %zu bytes",
				       s->cap - 1);
	}
}

static int finish(struct secret *s, struct err *err)
{
	if (s->n > 0 && s->p[s->n - 1] == '\n')
		s->n--;
	if (s->n > 0 && s->p[s->n - 1] == '\r')
		s->n--;
	s->p[s->n] = '\0';
	if (s->n == 0)
		return err_set(err, ERR_PIN, "the PIN is empty: nothing was sent to the token");
	if (memchr(s->p, '\0', s->n) != NULL)
		return err_set(err, ERR_PIN, "the PIN has a NUL byte in it");
	return 0;
}

static int open_file(const char *path, int *ret, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(path));
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0)
		return err_errno(err, ERR_PIN, "cannot open the PIN file %s", shown);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = err_set(err, ERR_PIN, "the PIN file %s is no regular file", shown);
	else if (st.st_uid != geteuid())
		r = err_set(err, ERR_PIN, "the PIN file %s belongs to another user", shown);
	else if ((st.st_mode & 07177) != 0)
		r = err_set(err, ERR_PIN, "the PIN file %s is open to others: type  chmod 600 %s",
			    shown, shown);
	else
		r = 0;
	if (r == 0)
		*ret = fd;
	else
		close(fd);
	return r;
}

static int from_file(const char *path, struct secret *s, struct err *err)
{
	int fd = -1, r = open_file(path, &fd, err);

	if (r != 0)
		return r;
	r = read_secret(fd, false, os_monotonic_ms() + FD_TIMEOUT_MS, s, err);
	close(fd);
	return r;
}

int pin_source_check(const struct pin_source *src, struct err *err)
{
	int fd = -1, r = 0;

	if (src->kind == PIN_FILE)
		r = open_file(src->path, &fd, err);
	else if (src->kind == PIN_COMMAND)
		r = pin_command_trusted(src->path, err);
	if (fd >= 0)
		close(fd);
	return r;
}

/* pinentry, the terminal, SSH_ASKPASS: the first that is there. */
static int from_prompt(const struct pin_source *src, const char *prompt, int timeout_ms,
		       struct secret *s, struct err *err)
{
	struct err pinentry = ERR_INIT, tty = ERR_INIT, askpass = ERR_INIT;
	bool there = false;
	int r = pin_from_pinentry(src, prompt, timeout_ms, s, &there, &pinentry);

	if (there)
		return r == 0 ? 0 : err_set(err, pinentry.code, "%s", pinentry.text);
	r = pin_from_tty(prompt, timeout_ms, s, &there, &tty);
	if (there)
		return r == 0 ? 0 : err_set(err, tty.code, "%s", tty.text);
	r = pin_from_askpass(src, prompt, timeout_ms, s, &there, &askpass);
	if (there)
		return r == 0 ? 0 : err_set(err, askpass.code, "%s", askpass.text);
	return err_set(
		err, ERR_PIN,
		"a PIN is needed and nobody can be asked: %s; %s; %s. Run git in a terminal, "
		"or keep the PIN in a file of mode 600 and type\n"
		"  git config --global hsm.pinSource file:/path/to/that/file",
		tty.text, pinentry.text, askpass.text);
}

/* systemd's LoadCredential= and relatives: systemd.exec(5). */
static int from_credential(const char *name, struct secret *s, struct err *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_free_ char *path = NULL, *shown = text_escaped(bytes_str(name));
	struct stat st;
	int fd, r;

	if (dir == NULL || dir[0] != '/')
		return err_set(err, ERR_PIN,
			       "hsm.pinSource is credential:%s, and systemd has given this process "
			       "no credentials (LoadCredential= in its unit)",
			       shown);
	path = xasprintf("%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(err, ERR_PIN, "cannot open the credential %s", shown);
	/* systemd lets the unit's user in by an ACL, whose mask shows as the group's mode. */
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = err_set(err, ERR_PIN, "the credential %s is no regular file", shown);
	else if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 0027) != 0)
		r = err_set(err, ERR_PIN, "the credential %s is open to others", shown);
	else
		r = read_secret(fd, false, os_monotonic_ms() + FD_TIMEOUT_MS, s, err);
	close(fd);
	return r;
}

int pin_get(const struct pin_source *src, const char *prompt, int timeout_ms, struct secret *ret,
	    struct err *err)
{
	struct secret s;
	int r;

	if (secret_new(&s) != 0)
		return err_set(err, ERR_INTERNAL, "no memory can be had for the PIN");
	switch (src->kind) {
	case PIN_FILE:
		r = from_file(src->path, &s, err);
		break;
	case PIN_FD:
		r = read_secret(src->fd, true, os_monotonic_ms() + FD_TIMEOUT_MS, &s, err);
		if (r != 0)
			err_prefix(err, "hsm.pinSource = fd:%d", src->fd);
		break;
	case PIN_CREDENTIAL:
		r = from_credential(src->path, &s, err);
		break;
	case PIN_COMMAND:
		r = pin_from_command(src->path, &s, err);
		break;
	case PIN_PROMPT:
		r = from_prompt(src, prompt, timeout_ms, &s, err);
		break;
	default:
		r = err_set(err, ERR_INTERNAL, "no source of a PIN");
	}
	if (r == 0)
		r = finish(&s, err);
	if (r != 0) {
		secret_free(&s);
		return r;
	}
	*ret = s;
	return 0;
}
