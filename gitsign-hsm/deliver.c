#include "deliver.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pem.h"
#include "base/proc.h"

#define BEGINS "[GNUPG:] BEGIN_SIGNING"
#define CREATED "\n[GNUPG:] SIG_CREATED D "

static void say(int fd, const struct err *e)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "gitsign-hsm: %s\n", e->text);
	(void)os_write_all(fd, buf_bytes(&line), "standard error", NULL);
	buf_free(&line);
}

static void tell_terminal(int fd, const struct err *e)
{
	const char *argv[] = { "git", "--version", NULL };
	struct buf said = BUF_INIT;
	struct proc_opts opts = { .timeout_ms = 5000 };
	int status = -1, major = 0, minor = 0, tty;

	if (getenv("GIT_EXEC_PATH") == NULL || isatty(fd) ||
	    (tty = open("/dev/tty", O_WRONLY | O_CLOEXEC | O_NOCTTY)) < 0)
		return;
	if (proc_run(argv, &opts, &said, &status, NULL) == 0 && status == 0 &&
	    sscanf(buf_str(&said), "git version %d.%d", &major, &minor) == 2 &&
	    (major < 2 || (major == 2 && minor < 40)))
		say(tty, e);
	buf_free(&said);
	close(tty);
}

void deliver_error(int fd, const struct err *e)
{
	say(fd, e);
	tell_terminal(fd, e);
}

int deliver_check_fd(int status_fd, struct err *err)
{
	if (status_fd >= 0 && fcntl(status_fd, F_GETFD) < 0)
		return err_errno(err, ERR_IO, "--status-fd=%d", status_fd);
	return 0;
}

static bool armor_ok(struct bytes armor)
{
	struct buf der = BUF_INIT;
	bool ok = armor.n > 0 && armor.p[armor.n - 1] == '\n' &&
		  pem_read_one(armor, PEM_SIGNED_MESSAGE, false, &der, NULL) == 0 && der.n > 0;

	buf_free(&der);
	return ok;
}

/* Two lines of printable ASCII, the second SIG_CREATED. */
static bool status_ok(struct bytes status)
{
	const uint8_t *lf = memchr(status.p, '\n', status.n);

	if (!bytes_starts(status, BYTES_LIT(BEGINS)) || status.p[status.n - 1] != '\n' ||
	    !bytes_starts(bytes_skip(status, (size_t)(lf - status.p)), BYTES_LIT(CREATED)))
		return false;
	for (size_t i = 0; i < status.n; i++)
		if (status.p[i] != '\n' && (status.p[i] < 0x20 || status.p[i] > 0x7e))
			return false;
	return memchr(lf + 1, '\n', status.n - (size_t)(lf + 1 - status.p)) ==
	       status.p + status.n - 1;
}

int deliver(int status_fd, const struct os_stdio *io, struct bytes armor, struct bytes status,
	    struct err *err)
{
	int fd = status_fd == 1 ? io->out : status_fd == 2 ? io->err : status_fd;
	int r;

	if (!armor_ok(armor) || !status_ok(status))
		return err_set(err, ERR_INTERNAL, "an empty or torn signature; nothing was signed");
	r = os_write_all(io->out, armor, "the signature", err);
	/* A full disk may speak up only now. */
	if (r == 0 && fd != io->out && close(io->out) != 0)
		r = err_errno(err, ERR_IO, "writing the signature");
	if (r == 0 && fd >= 0)
		r = os_write_all(fd, status, "the status", err);
	return r;
}
