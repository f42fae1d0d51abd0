#include "base/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

/* /proc/PID/stat: the name stands in the last pair of parentheses, behind it fields 3 to 22. */
bool process_read(pid_t pid, struct process *ret)
{
	char path[64], line[1024];
	char *open_, *close_;
	long parent;
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
	    sscanf(close_ + 1,
		   " %*c %ld %*d %*d %ld %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		   "%llu",
		   &parent, &ret->tty, &ret->start) != 3)
		return false;
	_cleanup_free_ char *shown =
		text_escaped(bytes_of(open_ + 1, (size_t)(close_ - open_ - 1)));

	ret->parent = (pid_t)parent;
	snprintf(ret->name, sizeof(ret->name), "%s", shown);
	return true;
}
