/* A child that answers questions for as long as we have some. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/proc_internal.h"
#include "base/text.h"

#define CHUNK ((size_t)65536)
#define END_MS 2000 /* grace for a child whose pipes are closed */

struct proc_pipe {
	char *name; /* for error texts, escaped */
	pid_t pid;
	int in, out; /* our ends, -1 when closed */
	int timeout_ms;
	struct buf got; /* read and not yet taken: from `at` on */
	size_t at;
};

static int start(struct proc_pipe *p, const char *const *argv, const struct proc_opts *o,
		 struct err *err)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, rc = 0, why;

	if (proc_make_pipe(in, 1) < 0 || proc_make_pipe(out, 0) < 0) {
		rc = err_errno(err, ERR_IO, "cannot make a pipe for %s", p->name);
	} else {
		const int child[3] = { in[0], out[1], -1 };

		why = proc_spawn(argv, o, child, &p->pid);
		if (why) {
			errno = why;
			rc = err_errno(err, ERR_IO, "cannot run %s", p->name);
		}
	}
	if (in[0] >= 0)
		close(in[0]);
	if (out[1] >= 0)
		close(out[1]);
	p->in = in[1];
	p->out = out[0];
	return rc;
}

int proc_pipe_open(const char *const *argv, const struct proc_opts *opts, struct proc_pipe **ret,
		   struct err *err)
{
	static const struct proc_opts defaults;
	const struct proc_opts *o = opts ? opts : &defaults;
	struct proc_pipe *p = xcalloc(1, sizeof(*p));
	int rc;

	p->name = text_escaped(bytes_str(argv[0]));
	p->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : PROC_TIMEOUT_MS;
	buf_reserve(&p->got, CHUNK);
	proc_want_children();
	rc = start(p, argv, o, err);
	if (rc) {
		proc_pipe_close(p, NULL);
		return rc;
	}
	*ret = p;
	return 0;
}

static int wait_for(const struct proc_pipe *p, int fd, short what, struct err *err)
{
	int64_t deadline = os_monotonic_ms() + p->timeout_ms;

	for (;;) {
		struct pollfd f = { fd, what, 0 };
		int64_t left = deadline - os_monotonic_ms();
		int n = left > 0 ? poll(&f, 1, (int)left) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return err_set(err, ERR_IO, "%s did not answer within %d s", p->name,
				       p->timeout_ms / 1000);
		if (errno != EINTR)
			return err_errno(err, ERR_IO, "cannot wait for %s", p->name);
	}
}

int proc_pipe_write(struct proc_pipe *p, struct bytes v, struct err *err)
{
	while (v.n > 0) {
		ssize_t n = write(p->in, v.p, v.n);

		if (n >= 0) {
			v = bytes_skip(v, (size_t)n);
			continue;
		}
		if (errno == EAGAIN) {
			int rc = wait_for(p, p->in, POLLOUT, err);

			if (rc)
				return rc;
		} else if (errno != EINTR) {
			return err_errno(err, ERR_IO, "cannot write to %s", p->name);
		}
	}
	return 0;
}

static void proc_pipe_end_input(struct proc_pipe *p)
{
	if (p->in >= 0)
		close(p->in);
	p->in = -1;
}

/* More bytes behind `got`; *eof when there are none any more. */
static int fill(struct proc_pipe *p, bool *eof, struct err *err)
{
	if (p->at == p->got.n) {
		buf_clear(&p->got);
		p->at = 0;
	}
	*eof = false;
	for (;;) {
		ssize_t n = read(p->out, buf_reserve(&p->got, CHUNK), CHUNK);

		if (n > 0) {
			p->got.n += (size_t)n;
			return 0;
		}
		if (n == 0) {
			*eof = true;
			return 0;
		}
		if (errno == EAGAIN) {
			int rc = wait_for(p, p->out, POLLIN, err);

			if (rc)
				return rc;
		} else if (errno != EINTR) {
			return err_errno(err, ERR_IO, "cannot read from %s", p->name);
		}
	}
}

int proc_pipe_line(struct proc_pipe *p, size_t max, struct buf *line, bool *eof, struct err *err)
{
	buf_clear(line);
	*eof = false;
	for (;;) {
		const uint8_t *from = p->got.p + p->at;
		size_t n = p->got.n - p->at;
		const uint8_t *nl = n ? memchr(from, '\n', n) : NULL;
		int rc;

		if (nl)
			n = (size_t)(nl - from);
		if (line->n + n > max)
			return err_set(err, ERR_IO, "%s wrote a line of more than %zu bytes", p->name, max);
		buf_add(line, from, n);
		p->at += n + (nl != NULL);
		if (nl)
			return 0;
		rc = fill(p, eof, err);
		if (rc)
			return rc;
		if (*eof)
			return line->n ? err_set(err, ERR_IO, "%s ended within a line", p->name) : 0;
	}
}

int proc_pipe_read(struct proc_pipe *p, size_t n, struct buf *out, struct err *err)
{
	bool eof;

	while (n > 0) {
		size_t have = p->got.n - p->at, take = have < n ? have : n;
		int rc;

		buf_add(out, p->got.p + p->at, take);
		p->at += take;
		n -= take;
		if (n == 0)
			break;
		rc = fill(p, &eof, err);
		if (rc)
			return rc;
		if (eof)
			return err_set(err, ERR_IO, "%s ended within its answer", p->name);
	}
	return 0;
}

/* A child that does not end by itself is made to. */
static int end(pid_t pid)
{
	int64_t deadline = os_monotonic_ms() + END_MS;
	int nap = 1;

	for (;;) {
		siginfo_t si = { .si_pid = 0 };

		if (waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid)
			return proc_reap(pid);
		if (os_monotonic_ms() > deadline)
			break;
		poll(NULL, 0, nap);
		nap = nap < 50 ? nap * 2 : nap;
	}
	kill(-pid, SIGKILL);
	return proc_reap(pid);
}

void proc_pipe_close(struct proc_pipe *p, int *status)
{
	int st;

	if (!p)
		return;
	proc_pipe_end_input(p);
	if (p->out >= 0)
		close(p->out);
	st = p->pid > 0 ? end(p->pid) : -1;
	if (status)
		*status = st;
	buf_free(&p->got);
	free(p->name);
	free(p);
}
