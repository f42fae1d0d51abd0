#include "helper/say.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/os.h"

/* Standard error, or the terminal when whoever started git threw that away. */
static int find_person(void)
{
	struct stat null, st;
	int fd = -1;

	if (fstat(STDERR_FILENO, &st) == 0 && stat("/dev/null", &null) == 0 &&
	    S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev)
		fd = open("/dev/tty", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? STDERR_FILENO : fd;
}

/* "type\n  this\n  that" in one line: "type this; that". */
static void add_joined(struct buf *line, const char *text)
{
	size_t n = strcspn(text, "\n");
	const char *between = " ";

	buf_add(line, text, n);
	for (text += n; *text == '\n'; text += n) {
		text += 1 + strspn(text + 1, " ");
		n = strcspn(text, "\n");
		buf_add_str(line, between);
		buf_add(line, text, n);
		between = "; ";
	}
}

void say(const char *text)
{
	struct buf line = BUF_INIT;
	int fd = find_person();

	buf_add_str(&line, "git-credential-hsm: ");
	add_joined(&line, text);
	buf_add_byte(&line, '\n');
	(void)os_write_all(fd, buf_bytes(&line), "standard error", NULL);
	if (fd != STDERR_FILENO)
		close(fd);
	buf_free(&line);
}

int say_quit(int code, const struct err *err)
{
	say(err->text);
	(void)os_write_all(STDOUT_FILENO, BYTES_LIT("quit=1\n"), "standard output", NULL);
	return code;
}
