/* The log of what was asked for and signed. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "consent.h"

#define LOG_MAX ((off_t)8 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The directories above the log, ours, for nobody else. */
static void make_dirs(const char *path)
{
	_cleanup_free_ char *dir = xstrdup(path);

	for (char *p = strchr(dir + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(dir, 0700); /* opening the file tells */
		*p = '/';
	}
}

static int open_log(const char *path, int *ret, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(path)), *old = NULL;
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags, 0600);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		make_dirs(path);
		fd = open(path, flags, 0600);
	}
	if (fd < 0)
		return err_errno(err, ERR_IO, "the agent's log %s (hsm.agentLog) cannot be written",
				 shown);
	/* A pipe that nobody reads would hold up every signature. */
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, ERR_IO, "the agent's log %s (hsm.agentLog) is not a regular file",
			       shown);
	}
	if (st.st_size > LOG_MAX) {
		old = xasprintf("%s.1", path);
		close(fd);
		(void)rename(path, old);
		fd = open(path, flags | O_EXCL, 0600);
	}
	if (fd < 0)
		return err_errno(err, ERR_IO, "the agent's log %s (hsm.agentLog) cannot be written",
				 shown);
	*ret = fd;
	return 0;
}

int audit_check(const char *path, struct err *err)
{
	int fd, r = open_log(path, &fd, err);

	if (r == 0)
		close(fd);
	return r;
}

/* All or nothing: what a full disk takes of a line would spoil the next one. */
static int append(int fd, struct bytes line, struct err *err)
{
	struct stat before;
	int r;

	if (fstat(fd, &before) != 0)
		return err_errno(err, ERR_IO, "cannot write the agent's log");
	r = os_write_all(fd, line, "the agent's log", err);
	if (r != 0)
		(void)!ftruncate(fd, before.st_size);
	return r;
}

static void add(struct buf *b, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	buf_addf(b, ",\"%s\":", name);
	text_json(b, bytes_str(value));
}

int audit_write(const char *path, const struct audit_entry *e, struct err *err)
{
	struct buf b = BUF_INIT;
	int fd, r;

	buf_add_str(&b, "{\"time\":\"");
	text_time(&b, os_now());
	buf_addf(&b, "\",\"uid\":%lu,\"pid\":%ld", (unsigned long)e->asker->uid,
		 (long)e->asker->pid);
	add(&b, "program", e->asker->program);
	add(&b, "parent", e->asker->parent);
	add(&b, "repository", e->where);
	add(&b, "purpose", e->purpose);
	add(&b, "object", e->object);
	add(&b, "key", e->key);
	add(&b, "result", e->result);
	add(&b, "reason", e->reason);
	buf_add_str(&b, "}\n");
	pthread_mutex_lock(&lock);
	r = open_log(path, &fd, err);
	if (r == 0) {
		r = append(fd, buf_bytes(&b), err);
		close(fd);
	}
	pthread_mutex_unlock(&lock);
	buf_free(&b);
	return r;
}
