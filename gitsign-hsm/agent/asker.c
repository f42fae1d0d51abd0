/* Who is at the other end of a connection. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/process.h"
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
	struct process s, parent;
	struct ucred c;
	socklen_t n = sizeof(c);

	memset(ret, 0, sizeof(*ret));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0 || n != sizeof(c))
		return false;
	ret->uid = c.uid;
	ret->pid = c.pid;
	if (!process_read(c.pid, &s))
		return true;
	program_of(c.pid, s.name, ret->program, sizeof(ret->program));
	terminal(ret, s.tty);
	if (process_read(s.parent, &parent))
		program_of(s.parent, parent.name, ret->parent, sizeof(ret->parent));
	return true;
}
