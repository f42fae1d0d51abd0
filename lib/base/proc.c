#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/proc_internal.h"
#include "base/text.h"

#define OUTPUT_MAX ((size_t)1 << 20)
#define ERRORS_MAX ((size_t)65536)

extern char **environ;

/* One run: our ends of the pipes, -1 when closed or not there. */
struct run {
	const char *name; /* for error texts, escaped */
	pid_t pid;
	int pidfd;        /* readable when the child ended; -1 on old kernels */
	int in, out, err; /* our ends */
	struct bytes input;
	struct buf *output, *errors;
	size_t output_start, output_max, errors_start;
	int64_t deadline;
	int timeout_ms;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int proc_make_pipe(int fds[2], int ours)
{
	if (pipe2(fds, O_CLOEXEC) < 0) {
		fds[0] = fds[1] = -1;
		return -1;
	}
	return fcntl(fds[ours], F_SETFL, O_NONBLOCK);
}

/* Our environment, but with messages in English and bytes in C order. */
static char **c_environment(void)
{
	static char lc_all[] = "LC_ALL=C";
	size_t n = 0, k = 0;
	char **v;

	while (environ && environ[n])
		n++;
	v = xcalloc(n + 2, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "LC_ALL=", 7) && strncmp(environ[i], "LANGUAGE=", 9))
			v[k++] = environ[i];
	v[k] = lc_all;
	return v;
}

static int set_attr(posix_spawnattr_t *attr, bool foreground)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, dfl;
	int rc;

	sigemptyset(&none);
	sigemptyset(&dfl);
	sigaddset(&dfl, SIGPIPE); /* we ignore it, and exec would hand that down */
	if (!foreground)
		flags |= POSIX_SPAWN_SETPGROUP;
	rc = posix_spawnattr_setflags(attr, flags);
	if (!rc)
		rc = posix_spawnattr_setpgroup(attr, 0);
	if (!rc)
		rc = posix_spawnattr_setsigmask(attr, &none);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(attr, &dfl);
	return rc;
}

/* The child's end of a pipe, or /dev/null, as descriptor `to`. */
static int wire(posix_spawn_file_actions_t *fa, int from, int to)
{
	if (from >= 0)
		return posix_spawn_file_actions_adddup2(fa, from, to);
	return posix_spawn_file_actions_addopen(fa, to, "/dev/null", to ? O_WRONLY : O_RDONLY, 0);
}

int proc_spawn(const char *const *argv, const struct proc_opts *o, const int child[3], pid_t *pid)
{
	_cleanup_free_ char **own = o->env ? NULL : c_environment();
	char *const *env = own ? own : (char *const *)(uintptr_t)o->env;
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc) {
		posix_spawn_file_actions_destroy(&fa);
		return rc;
	}
	rc = set_attr(&attr, o->foreground);
	if (!rc)
		rc = wire(&fa, child[0], 0);
	if (!rc)
		rc = wire(&fa, child[1], 1);
	if (!rc && !o->keep_stderr)
		rc = wire(&fa, child[2], 2);
	/* Libraries that we load do not all know O_CLOEXEC. */
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(&fa, 3);
	if (!rc && o->dir)
		rc = posix_spawn_file_actions_addchdir_np(&fa, o->dir);
	if (!rc)
		rc = posix_spawnp(pid, argv[0], &fa, &attr, (char *const *)(uintptr_t)argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

static int start(struct run *r, const char *const *argv, const struct proc_opts *o, struct err *err)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, er[2] = { -1, -1 };
	int rc = 0, why;

	if ((o->input.n && proc_make_pipe(in, 1) < 0) || proc_make_pipe(out, 0) < 0 ||
	    (!o->keep_stderr && o->errors && proc_make_pipe(er, 0) < 0))
		rc = err_errno(err, ERR_IO, "cannot make a pipe for %s", r->name);
	if (!rc) {
		const int child[3] = { in[0], out[1], er[1] };

		why = proc_spawn(argv, o, child, &r->pid);
		if (why) {
			errno = why;
			rc = err_errno(err, ERR_IO, "cannot run %s", r->name);
		}
	}
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&er[1]);
	r->in = in[1];
	r->out = out[0];
	r->err = er[0];
	if (!rc)
		r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	return rc;
}

static void feed(struct run *r)
{
	ssize_t n = write(r->in, r->input.p, r->input.n);

	if (n > 0)
		r->input = bytes_skip(r->input, (size_t)n);
	/* A child that needs no more input (EPIPE) is not at fault. */
	if (r->input.n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&r->in);
}

/* Takes what is there; false when a limit is passed and `cut` is not wanted. */
static bool take(int *fd, struct buf *to, size_t start_at, size_t max, bool cut)
{
	for (;;) {
		ssize_t n = read(*fd, buf_reserve(to, 16384), 16384);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			close_fd(fd);
			return true;
		}
		to->n += (size_t)n;
		if (to->n - start_at > max) {
			to->n = start_at + max;
			if (!cut)
				return false;
		}
	}
}

static bool drain(struct run *r)
{
	if (r->err >= 0)
		take(&r->err, r->errors, r->errors_start, ERRORS_MAX, true);
	return r->out < 0 || take(&r->out, r->output, r->output_start, r->output_max, false);
}

static bool ended(const struct run *r)
{
	siginfo_t si = { .si_pid = 0 };

	return waitid(P_PID, (id_t)r->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid != 0;
}

/*
 * Until the child ended. Its pipes may outlive it in a daemon that it started:
 * what it wrote itself is in the pipe by then.
 */
static int pump(struct run *r, struct err *err)
{
	for (;;) {
		struct pollfd p[4] = { { r->in, POLLOUT, 0 },
				       { r->out, POLLIN, 0 },
				       { r->err, POLLIN, 0 },
				       { r->pidfd, POLLIN, 0 } };
		int64_t left = r->deadline - os_monotonic_ms();
		bool over;

		if (left <= 0)
			return err_set(err, ERR_IO, "%s did not end within %d.%d s", r->name,
				       r->timeout_ms / 1000, r->timeout_ms % 1000 / 100);
		if (r->pidfd < 0 && left > 10)
			left = 10;
		if (poll(p, 4, (int)left) < 0 && errno != EINTR)
			return err_errno(err, ERR_IO, "cannot wait for %s", r->name);
		over = ended(r); /* before draining, or the last words are lost */
		if (!over && r->in >= 0 && p[0].revents)
			feed(r);
		if (!drain(r))
			return err_set(err, ERR_IO, "%s wrote more than %zu bytes", r->name,
				       r->output_max);
		if (over)
			return 0;
	}
}

void proc_want_children(void)
{
	struct sigaction sa;

	if (sigaction(SIGCHLD, NULL, &sa) == 0 &&
	    (sa.sa_handler == SIG_IGN || (sa.sa_flags & SA_NOCLDWAIT)))
		signal(SIGCHLD, SIG_DFL);
}

int proc_reap(pid_t pid)
{
	int st = 0;
	pid_t got;

	do {
		got = waitpid(pid, &st, 0);
	} while (got < 0 && errno == EINTR);
	if (got != pid)
		return -1;
	return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

static int finish(struct run *r, int rc, int *status, struct err *err)
{
	int st;

	if (rc)
		kill(-r->pid, SIGKILL);
	st = proc_reap(r->pid);
	if (rc)
		return rc;
	if (st < 0)
		return err_errno(err, ERR_IO, "cannot tell how %s ended", r->name);
	*status = st;
	return 0;
}

int proc_run(const char *const *argv, const struct proc_opts *opts, struct buf *output,
	     int *status, struct err *err)
{
	static const struct proc_opts defaults;
	const struct proc_opts *o = opts ? opts : &defaults;
	_cleanup_free_ char *name = text_escaped(bytes_str(argv[0]));
	struct buf dropped = BUF_INIT;
	struct run r = { .name = name, .pidfd = -1, .in = -1, .out = -1, .err = -1 };
	int rc;

	r.input = o->input;
	r.output = output ? output : &dropped;
	r.output_start = r.output->n;
	r.output_max = o->output_max ? o->output_max : OUTPUT_MAX;
	r.errors = o->errors;
	r.errors_start = o->errors ? o->errors->n : 0;
	r.timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : PROC_TIMEOUT_MS;
	r.deadline = os_monotonic_ms() + r.timeout_ms;
	proc_want_children();
	rc = start(&r, argv, o, err);
	if (!rc) {
		rc = pump(&r, err);
		rc = finish(&r, rc, status, err);
	}
	close_fd(&r.in);
	close_fd(&r.out);
	close_fd(&r.err);
	close_fd(&r.pidfd);
	if (rc)
		r.output->n = r.output_start;
	if (r.output->p)
		r.output->p[r.output->n] = 0;
	if (r.errors && r.errors->p)
		r.errors->p[r.errors->n] = 0;
	buf_free(&dropped);
	return rc;
}
