#include "helper/people.h"

#include <fcntl.h>
#include <qrencode.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/os.h"

extern char **environ;

static int output(void)
{
	int fd = isatty(2) ? -1 : open("/dev/tty", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	return fd >= 0 ? fd : fcntl(2, F_DUPFD_CLOEXEC, 3);
}

void people_say(const char *text)
{
	int fd = output();

	if (fd < 0)
		return;
	(void)os_write_all(fd, bytes_str(text), "the terminal", NULL);
	close(fd);
}

int people_input(void)
{
	return open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

/* --- QR ----------------------------------------------------------------------------- */

#define QUIET 2 /* modules around the code; four by the book, two do on a terminal */

static bool dark(const QRcode *q, int x, int y)
{
	return x >= 0 && y >= 0 && x < q->width && y < q->width &&
	       (q->data[y * q->width + x] & 1) != 0;
}

/* Two rows a line. Light modules are printed, so it reads on a dark terminal; the
 * colours are set, so it reads on a light one too. */
static void draw(struct buf *out, const QRcode *q)
{
	static const char *const blocks[] = { "\xe2\x96\x88", "\xe2\x96\x80", "\xe2\x96\x84", " " };

	for (int y = -QUIET; y < q->width + QUIET; y += 2) {
		buf_add_str(out, "  \033[37;40m");
		for (int x = -QUIET; x < q->width + QUIET; x++)
			buf_add_str(out,
				    blocks[(dark(q, x, y) ? 2 : 0) + (dark(q, x, y + 1) ? 1 : 0)]);
		buf_add_str(out, "\033[0m\n");
	}
}

void people_qr(const char *text)
{
	struct buf out = BUF_INIT;
	int fd = output();
	const char *term = getenv("TERM");
	bool shows = fd >= 0 && isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
	QRcode *q = shows ? QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1) : NULL;

	if (q != NULL) {
		draw(&out, q);
		(void)os_write_all(fd, buf_bytes(&out), "the terminal", NULL);
		QRcode_free(q);
	}
	buf_free(&out);
	if (fd >= 0)
		close(fd);
}

/* --- browser ------------------------------------------------------------------------- */

static bool set(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && v[0] != '\0';
}

/* $BROWSER is a list with colons between; each is a program, no shell's words. */
static char *browser(void)
{
	const char *list = getenv("BROWSER");

	if (list != NULL && list[0] != '\0')
		return xstrndup(list, strcspn(list, ":"));
	if (set("DISPLAY") || set("WAYLAND_DISPLAY"))
		return xstrdup("xdg-open");
	return NULL;
}

bool people_browse(const char *url)
{
	_cleanup_free_ char *program = browser();
	char *argv[] = { program, (char *)(uintptr_t)url, NULL };
	posix_spawn_file_actions_t files;
	bool ok;
	pid_t pid;

	if (program == NULL || program[0] == '\0' || posix_spawn_file_actions_init(&files) != 0)
		return false;
	/* Whatever it prints must not reach git, nor keep git's pipe open. */
	ok = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) == 0 &&
	     posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0) == 0 &&
	     posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0) == 0 &&
	     posix_spawnp(&pid, program, &files, NULL, argv, environ) == 0;
	posix_spawn_file_actions_destroy(&files);
	return ok;
}
