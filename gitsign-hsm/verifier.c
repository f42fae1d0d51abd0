#include "verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alg.h"
#include "base/handover.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rundir.h"
#include "base/wire.h"
#include "gpgsm.h"
#include "sig/cert_keep.h"

#define JOBS_MAX 32
#define RECEIVE_MS 2000
#define LONG_MS 5
#define FORK_AGAIN_MS 1000
#define FILES_MAX 32
#define GROUPS_MAX 1024
#define STALE 100                   /* a child's exit status: files were replaced */
#define TELL_MAX ((size_t)64 << 10) /* at which a child tells no more */
#define TELL_ROOM (TELL_MAX + CERT_MAX_DER + 4)

extern char **environ;

/* A child, and our end of what it tells the verifier. */
static struct job {
	pid_t pid;
	int fd;
} jobs[JOBS_MAX];
static size_t jobs_n;
/* The next one, which waits at its end of `fd` for a connection. */
static struct job spare = { 0, -1 };
static int listener = VERIFIER_LISTEN_FD, line = VERIFIER_LINE_FD, children;
static char *place;

/* --- the files that are loaded -------------------------------------------------------- */

static struct loaded {
	char *path;
	struct stat st;
} files[FILES_MAX];
static size_t files_n;

static bool add_file(const char *path)
{
	struct loaded *f = &files[files_n];

	if (files_n == FILES_MAX || stat(path, &f->st) != 0)
		return false;
	f->path = xstrdup(path);
	files_n++;
	return true;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	/* The program has no name here, what the kernel gives has no file. */
	return info->dlpi_name[0] != '/' || add_file(info->dlpi_name) ? 0 : 1;
}

static bool add_program(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	return add_file(path);
}

/* An update of libcrypto must not wait for the agent's end. */
static bool is_stale(void)
{
	for (size_t i = 0; i < files_n; i++) {
		const struct stat *was = &files[i].st;
		struct stat st;

		if (stat(files[i].path, &st) != 0 || st.st_ino != was->st_ino ||
		    st.st_dev != was->st_dev || st.st_size != was->st_size ||
		    st.st_mtim.tv_sec != was->st_mtim.tv_sec ||
		    st.st_mtim.tv_nsec != was->st_mtim.tv_nsec)
			return true;
	}
	return false;
}

/* --- a child --------------------------------------------------------------------------- */

/* The same user is known; may both read the same files? */
static bool same_groups(int fd)
{
	gid_t ours[GROUPS_MAX], theirs[GROUPS_MAX];
	struct ucred c;
	socklen_t len = sizeof(theirs), clen = sizeof(c);
	int n = getgroups(GROUPS_MAX, ours);

	return n >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, theirs, &len) == 0 &&
	       len == (size_t)n * sizeof(gid_t) && memcmp(ours, theirs, len) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &clen) == 0 && c.gid == getegid();
}

static bool is_ours(int fd, const struct handover *h)
{
	return strcmp(h->place, place) == 0 && handover_same_load(h->env, environ) &&
	       same_groups(fd) && handover_unlimited();
}

static bool accept_it(int fd)
{
	const char c = HANDOVER_ACCEPTED;

	return send(fd, &c, 1, MSG_NOSIGNAL) == 1;
}

static int asker = -1; /* who waits for what a child does */

static void on_io(int sig)
{
	struct pollfd p = { asker, POLLRDHUP, 0 };
	int saved = errno;

	(void)sig;
	if (poll(&p, 1, 0) > 0)
		_exit(ERR_IO);
	errno = saved;
}

/*
 * Who asked may go at any time (git was interrupted): then this process ends. And from here on
 * nothing else ends it: what was accepted does not hang on the verifier.
 */
static bool end_with(int fd)
{
	struct sigaction io = { .sa_handler = on_io, .sa_flags = SA_RESTART };

	asker = fd;
	if (sigaction(SIGIO, &io, NULL) != 0 || fcntl(fd, F_SETOWN, getpid()) != 0 ||
	    fcntl(fd, F_SETFL, O_ASYNC) != 0 || prctl(PR_SET_PDEATHSIG, 0) != 0)
		return false;
	on_io(SIGIO);
	return true;
}

/* Becomes what the other process would have been. */
static bool take_over(const struct handover *h, const int fds[HANDOVER_FDS])
{
	bool ok = fchdir(fds[3]) == 0;

	for (int i = 0; ok && i <= 2; i++)
		ok = dup2(fds[i], i) == i;
	for (int i = 0; i < HANDOVER_FDS; i++)
		close(fds[i]);
	environ = h->env;
	return ok;
}

/* Before it ends, which takes a while: who waits for the end of these would wait for that. */
static void say_end(int fd, int status)
{
	const char said[2] = { (char)(status < 0 ? HANDOVER_ELSEWHERE : HANDOVER_EXITED),
			       (char)status };

	signal(SIGIO, SIG_IGN);
	for (int i = 0; i <= 2; i++)
		close(i);
	(void)!send(fd, said, status < 0 ? 1 : 2, MSG_NOSIGNAL);
}

/* The certificates that were decoded here, for those that come later. */
static void tell_kept(int to, size_t from)
{
	struct buf b = BUF_INIT;

	for (size_t i = from; i < cert_keep_count() && b.n < TELL_MAX; i++)
		wire_put_string(&b, cert_keep_at(i));
	if (b.n > 0)
		(void)!send(to, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_free(&b);
}

/* -1: nothing has been done, and nothing read. */
static int serve(int fd, const struct handover *h, const struct args *a)
{
	int fds[HANDOVER_FDS];

	/* Who has gone meanwhile does it by itself: then this fails. */
	if (!accept_it(fd) || !handover_take(fd, RECEIVE_MS, fds, HANDOVER_FDS) ||
	    !take_over(h, fds) || !end_with(fd))
		return -1;
	return gpgsm_verify(a);
}

static int work(int fd, int tell)
{
	struct handover h = { .args_n = 0 };
	struct buf body = BUF_INIT;
	struct err err = ERR_INIT;
	size_t kept = cert_keep_count();
	bool stale = is_stale();
	struct args a;
	int r = -1;

	if (!stale && handover_recv(fd, RECEIVE_MS, &body, &err) == 0 &&
	    handover_get(buf_bytes(&body), &h) && is_ours(fd, &h) &&
	    args_parse((int)h.args_n, h.args, &a, &err) == 0 && a.action == ARGS_VERIFY)
		r = serve(fd, &h, &a);
	environ = NULL;
	handover_free(&h);
	buf_free(&body);
	os_check_leaks();
	say_end(fd, r);
	if (r == 0)
		tell_kept(tell, kept);
	return stale ? STALE : 0;
}

/*
 * Nothing of the verifier's own is left in it, and it does not outlive the verifier while it
 * waits. What a verification touches is touched before somebody waits for it.
 */
static void child(int from, pid_t parent, bool early)
{
	sigset_t none;
	int fd;

	close(listener);
	close(line);
	close(children);
	for (size_t i = 0; i < jobs_n; i++)
		close(jobs[i].fd);
	sigemptyset(&none);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
	    sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		_exit(ERR_INTERNAL);
	if (early && !verifier_sample())
		_exit(ERR_INTERNAL);
	if (!handover_take(from, -1, &fd, 1))
		os_exit(0);
	os_exit(work(fd, from));
}

/* --- the verifier ----------------------------------------------------------------------- */

/* `early`: before somebody waits for it. */
static void fork_spare(bool early)
{
	pid_t parent = getpid();
	int ends[2];

	if (spare.fd >= 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	spare = (struct job){ fork(), ends[0] };
	if (spare.pid == 0) {
		close(ends[0]);
		child(ends[1], parent, early);
	}
	close(ends[1]);
	if (spare.pid < 0) {
		close(spare.fd);
		spare.fd = -1;
	}
}

static void drop_spare(void)
{
	if (spare.fd >= 0)
		close(spare.fd);
	spare.fd = -1;
}

/* Without a child that takes it the connection is closed, and who asked goes on alone. */
static void take_client(void)
{
	/* cppcheck-suppress nullPointer */
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (rundir_peer_ours(fd)) {
		fork_spare(false);
		if (spare.fd >= 0 && handover_give(spare.fd, &fd, 1))
			jobs[jobs_n++] = spare;
		else
			drop_spare();
		spare.fd = -1;
	}
	close(fd);
}

/* Decodes what a child had to decode; the next ones find it. */
static void keep_told(int fd)
{
	struct buf b = BUF_INIT;
	struct bytes in, der;
	struct cert *c;
	ssize_t n = recv(fd, buf_reserve(&b, TELL_ROOM), TELL_ROOM, MSG_DONTWAIT);

	in = bytes_of(b.p, n > 0 ? (size_t)n : 0);
	while (wire_string(&in, &der) && cert_parse(der, &c, NULL) == 0)
		cert_free(c);
	buf_free(&b);
}

/* Returns whether all is as it was: no file that is loaded was replaced, no child ends unasked. */
static bool finish(pid_t pid, int status)
{
	if (spare.fd >= 0 && spare.pid == pid) {
		drop_spare();
		return false;
	}
	for (size_t i = 0; i < jobs_n; i++) {
		if (jobs[i].pid != pid)
			continue;
		keep_told(jobs[i].fd);
		close(jobs[i].fd);
		jobs[i] = jobs[--jobs_n];
		break;
	}
	return !WIFEXITED(status) || WEXITSTATUS(status) != STALE;
}

static bool reap(void)
{
	struct signalfd_siginfo some;
	bool good = true;
	int status;
	pid_t pid;

	(void)!read(children, &some, sizeof(some));
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		good = finish(pid, status) && good;
	return good;
}

/* How long to wait when no child waits for work: one at work for long is not waited for. */
static int patience(void)
{
	return spare.fd >= 0 ? -1 : jobs_n > 0 ? LONG_MS : FORK_AGAIN_MS;
}

/*
 * Until the agent ends, or files are replaced; then what was begun is brought to its end. The
 * next child is forked when nobody is at work: else it would be in the way of what somebody
 * waits for.
 */
static void loop(void)
{
	bool more = true;

	while (more || jobs_n > 0) {
		if (more && jobs_n == 0)
			fork_spare(true);
		struct pollfd p[3] = {
			{ children, POLLIN, 0 },
			{ more ? line : -1, POLLIN, 0 },
			{ more && jobs_n < JOBS_MAX ? listener : -1, POLLIN, 0 },
		};
		int n = poll(p, 3, more ? patience() : -1);

		if (n == 0 && jobs_n < JOBS_MAX)
			fork_spare(true);
		if (n <= 0)
			continue;
		if (p[0].revents != 0 && !reap())
			more = false;
		if (p[1].revents != 0)
			more = false;
		if (!more)
			drop_spare();
		if (more && p[2].revents != 0)
			take_client();
	}
}

int verifier_main(void)
{
	char self[] = "/proc/self/exe";
	struct buf b = BUF_INIT;
	sigset_t chld;
	bool good;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &chld, NULL) != 0 || !handover_place(self, &b) ||
	    !add_program() || dl_iterate_phdr(add_object, NULL) != 0)
		return ERR_INTERNAL;
	children = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (children < 0)
		return ERR_INTERNAL;
	place = buf_detach(&b);
	alg_start_verifier();
	cert_keep_start();
	/* What OpenSSL looks up once is looked up now; each child has it from here. */
	good = verifier_sample();
	if (good)
		loop();
	cert_keep_end();
	for (size_t i = 0; i < files_n; i++)
		free(files[i].path);
	free(place);
	return good ? 0 : ERR_INTERNAL;
}
