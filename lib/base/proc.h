/* Child processes: no shell, descriptors closed, a deadline on each. */
#ifndef GH_BASE_PROC_H
#define GH_BASE_PROC_H

#include "base/buf.h"
#include "base/err.h"

struct proc_opts {
	struct bytes input;      /* goes to its standard input; none: /dev/null */
	size_t output_max;       /* of standard output; 0: 1 MiB */
	int timeout_ms;          /* 0: 30,000 */
	const char *const *env;  /* "NAME=value", NULL at the end; NULL: ours with LC_ALL=C */
	const char *dir;         /* working directory; NULL: ours */
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

#endif
