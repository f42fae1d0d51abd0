/* Child processes: no shell, descriptors closed, a deadline on each. */
#ifndef GH_BASE_PROC_H
#define GH_BASE_PROC_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

struct proc_opts {
	struct bytes input;      /* goes to its standard input; none: /dev/null */
	size_t output_max;       /* of standard output; 0: 1 MiB */
	int timeout_ms;          /* 0: 30,000 */
	const char *const *env;  /* "NAME=value", NULL at the end; NULL: ours with LC_ALL=C */
	const char *dir;         /* working directory; NULL: ours */
	bool foreground;         /* stays in our process group: it may use the terminal */
	bool keep_stderr;        /* else it is collected (64 KiB) into `errors` or dropped */
	struct buf *errors;      /* may be NULL */
};

/*
 * Runs argv[0] (looked up in PATH when it has no slash). `*status` is the exit
 * status, or 128 + signal. Returns 0 when it ran to its end whatever the
 * status; ERR_IO when it could not be started, ran past the deadline (it is
 * killed then, with its process group) or wrote too much.
 */
int proc_run(const char *const *argv, const struct proc_opts *opts, struct buf *output,
	     int *status, struct err *err);

/*
 * The same for a child that answers with a secret: what it writes goes straight into
 * `ret` (an empty secret, filled up to its room), nothing of it is left elsewhere. More
 * than that: ERR_IO. Its standard error is dropped, or kept.
 */
int proc_run_secret(const char *const *argv, const struct proc_opts *opts, struct secret *ret,
		    int *status, struct err *err);

/*
 * A child to talk with, line by line: `git cat-file --batch`. Of the options env, dir,
 * keep_stderr and timeout_ms count; the time is that of one wait for the child.
 */
struct proc_pipe;
int proc_pipe_open(const char *const *argv, const struct proc_opts *opts, struct proc_pipe **ret,
		   struct err *err);
/* Writes every byte. What it answers meanwhile waits in the pipe: a child that answers
 * before it has read all must be asked in small pieces. */
int proc_pipe_write(struct proc_pipe *p, struct bytes v, struct err *err);
/* A line without its newline into `line` (cleared before), *eof at the end of what it
 * wrote. Longer than `max`, or ended without newline: ERR_IO. */
int proc_pipe_line(struct proc_pipe *p, size_t max, struct buf *line, bool *eof, struct err *err);
/* Appends exactly n bytes; fewer: ERR_IO. */
int proc_pipe_read(struct proc_pipe *p, size_t n, struct buf *out, struct err *err);
/* Closes our ends and waits for the end; *status (may be NULL) as for proc_run, 128 + 9
 * when it had to be killed. Accepts NULL. */
void proc_pipe_close(struct proc_pipe *p, int *status);

#endif
