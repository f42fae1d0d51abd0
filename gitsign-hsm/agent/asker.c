/* Who is at the other end of a connection. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "consent.h"

#define PTY_FIRST 136 /* Linux: Documentation/admin-guide/devices.txt */
#define PTY_LAST 143

/* A process that is not to be looked into, as ours are, still has a name. */
static void program_of(pid_t pid, const char *name, char *ret, size_t room)
{
	char path[64], target[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0) {
		_cleanup_free_ char *shown = text_escaped(bytes_of(target, (size_t)n));

		snprintf(ret, room, "%s", shown);
	} else {
		snprintf(ret, room, "%s", name);
	}
}

struct stat_line {
	char name[64]; /* escaped */
	long parent, tty;
};

/* proc(5), /proc/PID/stat: the name stands in the last pair of parentheses. */
static bool read_stat(pid_t pid, struct stat_line *ret)
{
	char path[64], line[1024];
	char *open_, *close_;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	line[n] = '\0';
	open_ = strchr(line, '(');
	close_ = strrchr(line, ')');
	if (open_ == NULL || close_ == NULL || close_ < open_ ||
	    sscanf(close_ + 1, " %*c %ld %*d %*d %ld", &ret->parent, &ret->tty) != 2)
		return false;
	_cleanup_free_ char *shown =
		text_escaped(bytes_of(open_ + 1, (size_t)(close_ - open_ - 1)));

	snprintf(ret->name, sizeof(ret->name), "%s", shown);
	return true;
}

static void terminal(struct asker *a, long number)
{
	unsigned major_ = (unsigned)(number >> 8 & 0xfff);
	unsigned minor_ = (unsigned)((number & 0xff) | (number >> 12 & 0xfff00));
	struct stat st;

	if (major_ >= PTY_FIRST && major_ <= PTY_LAST)
		snprintf(a->tty, sizeof(a->tty), "/dev/pts/%u", minor_);
	else if (major_ == 4)
		snprintf(a->tty, sizeof(a->tty), "/dev/tty%u", minor_);
	a->tty_dev = makedev(major_, minor_);
	if (a->tty[0] != '\0' && (stat(a->tty, &st) != 0 || !S_ISCHR(st.st_mode) ||
				  st.st_rdev != a->tty_dev || st.st_uid != geteuid()))
		a->tty[0] = '\0';
}

bool asker_of(int fd, struct asker *ret)
{
	struct stat_line s, parent;
	struct ucred c;
	socklen_t n = sizeof(c);

	memset(ret, 0, sizeof(*ret));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0 || n != sizeof(c))
		return false;
	ret->uid = c.uid;
	ret->pid = c.pid;
	if (!read_stat(c.pid, &s))
		return true;
	program_of(c.pid, s.name, ret->program, sizeof(ret->program));
	terminal(ret, s.tty);
	if (read_stat((pid_t)s.parent, &parent))
		program_of((pid_t)s.parent, parent.name, ret->parent, sizeof(ret->parent));
	return true;
}
