#include "base/handover.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/wire.h"

/* --- the message ----------------------------------------------------------------- */

static void put_list(struct buf *out, char *const *v)
{
	uint32_t n = 0;

	while (v[n] != NULL)
		n++;
	wire_put_u32(out, n);
	for (uint32_t i = 0; i < n; i++)
		wire_put_text(out, v[i]);
}

void handover_put(struct buf *out, const char *place, char *const *args, char *const *env)
{
	wire_put_text(out, place);
	put_list(out, args);
	put_list(out, env);
}

static bool get_list(struct bytes *in, size_t max, char ***ret, size_t *ret_n)
{
	uint32_t n;

	if (!wire_u32(in, &n) || n > max || n > in->n / 4)
		return false;
	*ret = xcalloc(n + 1, sizeof(**ret));
	for (*ret_n = 0; *ret_n < n; ++*ret_n)
		if (!wire_text(in, &(*ret)[*ret_n]))
			return false;
	return true;
}

bool handover_get(struct bytes in, struct handover *ret)
{
	struct handover h = { NULL, NULL, NULL, 0, 0 };

	if (wire_text(&in, &h.place) && get_list(&in, HANDOVER_ARGS_MAX, &h.args, &h.args_n) &&
	    h.args_n > 0 && get_list(&in, HANDOVER_ENV_MAX, &h.env, &h.env_n) && in.n == 0) {
		*ret = h;
		return true;
	}
	handover_free(&h);
	return false;
}

static void free_list(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void handover_free(struct handover *h)
{
	free(h->place);
	free_list(h->args, h->args_n);
	free_list(h->env, h->env_n);
	memset(h, 0, sizeof(*h));
}

/* --- the socket ------------------------------------------------------------------- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(HANDOVER_FDS * sizeof(int))];
};

/* One message, whole or not at all as far as the reader can tell. */
static bool send_fds(int fd, struct bytes v, const int *fds, size_t n)
{
	union control c = { .bytes = "" };
	struct iovec io = { (void *)(uintptr_t)v.p, v.n };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = c.bytes,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(h), fds, n * sizeof(int));
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)v.n;
}

int handover_send(int fd, struct bytes body, struct err *err)
{
	struct buf b = BUF_INIT;
	bool ok;

	if (body.n > HANDOVER_MAX)
		return err_set(err, ERR_INPUT, "too much to hand over");
	wire_put_string(&b, body);
	ok = send(fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.n;
	buf_free(&b);
	return ok ? 0 : err_set(err, ERR_IO, "nobody takes what is handed over");
}

/* Takes `due` descriptors out; false when there are others. */
static bool take_fds(struct msghdr *m, int *fds, size_t due, bool *have)
{
	bool good = (m->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		int got[HANDOVER_FDS];
		size_t n;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(got, CMSG_DATA(h), (n < HANDOVER_FDS ? n : HANDOVER_FDS) * sizeof(int));
		if (n == due && !*have) {
			memcpy(fds, got, due * sizeof(int));
			*have = true;
			continue;
		}
		good = false;
		for (size_t i = 0; i < n && i < HANDOVER_FDS; i++)
			close(got[i]);
	}
	return good;
}

static bool readable(int fd, int64_t end)
{
	int64_t left = end - os_monotonic_ms();
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return left > 0 && poll(&p, 1, (int)left) == 1;
}

int handover_recv(int fd, int timeout_ms, struct buf *body, struct err *err)
{
	int64_t end = os_monotonic_ms() + timeout_ms;
	struct buf b = BUF_INIT;
	struct bytes in, whole;
	int r = 0;

	for (;;) {
		size_t room = HANDOVER_MAX + 4 - b.n + 1; /* one more, to see that there is more */
		ssize_t n = readable(fd, end) ? recv(fd, buf_reserve(&b, room), room, MSG_DONTWAIT)
					      : -1;

		if (n <= 0) {
			r = err_set(err, ERR_IO, "what is handed over does not come whole");
			break;
		}
		b.n += (size_t)n;
		in = buf_bytes(&b);
		if (wire_string(&in, &whole) && in.n == 0)
			buf_add_bytes(body, whole);
		else if (in.n != b.n || b.n > HANDOVER_MAX + 4)
			r = err_set(err, ERR_INPUT, "what is handed over has no end");
		else
			continue;
		break;
	}
	buf_free(&b);
	return r;
}

bool handover_give(int to, const int *fds, size_t n)
{
	return send_fds(to, BYTES_LIT("+"), fds, n);
}

bool handover_take(int from, int timeout_ms, int *fds, size_t due)
{
	union control c;
	uint8_t byte;
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = c.bytes,
			    .msg_controllen = sizeof(c.bytes) };
	bool have = false;

	if ((timeout_ms >= 0 && !readable(from, os_monotonic_ms() + timeout_ms)) ||
	    recvmsg(from, &m, MSG_CMSG_CLOEXEC) < 0)
		return false;
	if (take_fds(&m, fds, due, &have) && have)
		return true;
	for (size_t i = 0; have && i < due; i++)
		close(fds[i]);
	return false;
}

/* --- what has to be the same -------------------------------------------------------- */

bool handover_place(const char *program, struct buf *out)
{
	struct stat p, root, ns;

	if (stat(program, &p) != 0 || stat("/", &root) != 0 || stat("/proc/self/ns/mnt", &ns) != 0)
		return false;
	buf_addf(out, "%s %llx.%llx %lld %lld.%09ld %llx.%llx %llx", GH_VERSION,
		 (unsigned long long)p.st_dev, (unsigned long long)p.st_ino, (long long)p.st_size,
		 (long long)p.st_mtim.tv_sec, p.st_mtim.tv_nsec, (unsigned long long)root.st_dev,
		 (unsigned long long)root.st_ino, (unsigned long long)ns.st_ino);
	return true;
}

bool handover_unlimited(void)
{
	static const int which[] = { RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE };
	struct rlimit l;

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++)
		if (getrlimit(which[i], &l) != 0 || l.rlim_cur != RLIM_INFINITY)
			return false;
	return true;
}

static bool read_at_load(const char *entry)
{
	static const char *const begin[] = { "LD_",   "OPENSSL_", "GLIBC_",   "MALLOC_", "ASAN_",
					     "LSAN_", "UBSAN_",   "TSAN_",    "GCONV_",  "LOCPATH=",
					     "GCOV_", "LLVM_",    "SSLKEYLOG" };

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (strncmp(entry, begin[i], strlen(begin[i])) == 0)
			return true;
	return false;
}

static bool has(char *const *list, const char *entry)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, entry) == 0)
			return true;
	return false;
}

static bool all_in(char *const *a, char *const *b)
{
	for (; *a != NULL; a++)
		if (read_at_load(*a) && !has(b, *a))
			return false;
	return true;
}

bool handover_same_load(char *const *a, char *const *b)
{
	return all_in(a, b) && all_in(b, a);
}
