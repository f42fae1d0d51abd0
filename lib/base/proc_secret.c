/* A child that answers with a secret. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "base/proc_internal.h"
#include "base/text.h"

/* What goes in is short (a prompt): it fits the pipe before the child reads. */
static int feed(int fd, struct bytes v, const char *name, struct err *err)
{
	return v.n == 0 || write(fd, v.p, v.n) == (ssize_t)v.n
		       ? 0
		       : err_errno(err, ERR_IO, "cannot write to %s", name);
}

static int take(int fd, int64_t until, const char *name, struct secret *s, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - os_monotonic_ms();
		char beyond;
		ssize_t n;

		if (left <= 0)
			return err_set(err, ERR_IO, "%s did not answer in time", name);
		if (poll(&p, 1, left > 1000 ? 1000 : (int)left) <= 0)
			continue;
		n = s->n < s->cap ? read(fd, s->p + s->n, s->cap - s->n) : read(fd, &beyond, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return err_errno(err, ERR_IO, "cannot read from %s", name);
		if (n == 0)
			return 0;
		if (s->n == s->cap)
			return err_set(err, ERR_IO, "%s wrote more than %zu bytes", name, s->cap);
		s->n += (size_t)n;
	}
}

/* It has closed its output, and may still be running. */
static int wait_for(pid_t pid, int64_t until, const char *name, struct err *err)
{
	siginfo_t si = { .si_pid = 0 };

	while (waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid == 0) {
		if (os_monotonic_ms() > until)
			return err_set(err, ERR_IO, "%s did not end in time", name);
		poll(NULL, 0, 5);
	}
	return 0;
}

static int talk(const int fds[2], pid_t pid, const struct proc_opts *o, const char *name,
		struct secret *ret, struct err *err)
{
	int64_t until = os_monotonic_ms() + (o->timeout_ms > 0 ? o->timeout_ms : PROC_TIMEOUT_MS);
	int r = take(fds[0], until, name, ret, err);

	return r != 0 ? r : wait_for(pid, until, name, err);
}

int proc_run_secret(const char *const *argv, const struct proc_opts *o, struct secret *ret,
		    int *status, struct err *err)
{
	_cleanup_free_ char *name = text_escaped(bytes_str(argv[0]));
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r = 0, why;
	pid_t pid = -1;

	proc_want_children();
	if (proc_make_pipe(in, 1) < 0 || proc_make_pipe(out, 0) < 0)
		r = err_errno(err, ERR_IO, "cannot make a pipe for %s", name);
	if (r == 0)
		r = feed(in[1], o->input, name, err);
	if (r == 0) {
		const int child[3] = { in[0], out[1], -1 };

		why = proc_spawn(argv, o, child, &pid);
		errno = why;
		if (why != 0)
			r = err_errno(err, ERR_IO, "cannot run %s", name);
	}
	for (int i = 0; i < 2; i++)
		if (in[i] >= 0)
			close(in[i]);
	if (out[1] >= 0)
		close(out[1]);
	if (r == 0) {
		r = talk(out, pid, o, name, ret, err);
		if (r != 0)
			kill(o->foreground ? pid : -pid, SIGKILL);
		*status = proc_reap(pid);
	}
	if (out[0] >= 0)
		close(out[0]);
	return r;
}
