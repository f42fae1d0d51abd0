#include "oauth/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"

#define REQUEST_MAX 16384
#define REQUEST_MS 5000 /* a connection that says nothing holds up the next for so long */

struct loopback {
	int fd;
	char *uri, *path;
};

/* --- opening ------------------------------------------------------------------------ */

/* The host and, where it is named, the port of what the profile checked. */
static bool address_of(const char *redirect, struct sockaddr_storage *sa, socklen_t *n,
		       const char **path)
{
	const char *host = redirect + strlen("http://");
	size_t host_n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	uint64_t port = 0;

	*path = strchr(host + host_n, '/');
	if (*path == NULL)
		return false;
	if (host[host_n] == ':' &&
	    (!text_parse_u64(bytes_of(host + host_n + 1, (size_t)(*path - host) - host_n - 1),
			     &port) ||
	     port > 65535))
		return false;
	memset(sa, 0, sizeof(*sa));
	if (host[0] == '[') {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)sa;

		*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					     .sin6_port = htons((uint16_t)port),
					     .sin6_addr = IN6ADDR_LOOPBACK_INIT };
		*n = sizeof(*v6);
	} else {
		struct sockaddr_in *v4 = (struct sockaddr_in *)sa;

		*v4 = (struct sockaddr_in){ .sin_family = AF_INET,
					    .sin_port = htons((uint16_t)port),
					    .sin_addr = { htonl(INADDR_LOOPBACK) } };
		*n = sizeof(*v4);
	}
	return true;
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
		return 0;
	return ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port
					      : ((struct sockaddr_in *)&sa)->sin_port);
}

int loopback_open(const char *redirect, struct loopback **ret, struct err *err)
{
	struct sockaddr_storage sa;
	socklen_t n;
	const char *path, *host = redirect + strlen("http://");
	size_t host_n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	struct loopback *l;
	int fd;

	if (!address_of(redirect, &sa, &n, &path))
		return err_set(err, ERR_CONFIG, "hsmRedirect: no address of this machine");
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, n) != 0 || listen(fd, 8) != 0) {
		(void)err_errno(err, ERR_IO, "cannot wait for the browser at %s", redirect);
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	l = xcalloc(1, sizeof(*l));
	l->fd = fd;
	l->path = xstrdup(path);
	l->uri = xasprintf("http://%.*s:%u%s", (int)host_n, host, port_of(fd), path);
	*ret = l;
	return 0;
}

void loopback_free(struct loopback *l)
{
	if (l == NULL)
		return;
	close(l->fd);
	free(l->uri);
	free(l->path);
	free(l);
}

const char *loopback_uri(const struct loopback *l)
{
	return l->uri;
}

/* --- requests ---------------------------------------------------------------------------- */

/* An answer with our state: anybody on this machine can connect to the port. */
static bool is_ours(struct bytes query, const char *state, struct loopback_answer *ret)
{
	size_t n = strlen(state);

	if (!loopback_parse(query, ret))
		return false;
	if (ret->state != NULL && strlen(ret->state) == n &&
	    CRYPTO_memcmp(ret->state, state, n) == 0)
		return true;
	loopback_answer_free(ret);
	return false;
}

static void answer(int fd, const char *status, const char *text)
{
	_cleanup_free_ char *page = xasprintf(
		"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>git-credential-hsm"
		"</title><p>%s</p></html>\n",
		text);
	_cleanup_free_ char *all = xasprintf(
		"HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n"
		"Cache-Control: no-store\r\nReferrer-Policy: "
		"no-referrer\r\nContent-Security-Policy: "
		"default-src 'none'\r\nConnection: close\r\n\r\n%s",
		status, strlen(page), page);

	(void)os_write_all(fd, bytes_str(all), "the browser", NULL);
}

/* Up to the empty line; false for one that does not come, in time or at all. */
static bool read_request(int fd, struct buf *b)
{
	int64_t until = os_monotonic_ms() + REQUEST_MS;

	/* Once, so that no copy of a code stays behind when it grows. */
	buf_reserve(b, REQUEST_MAX + 1024);
	while (b->n < REQUEST_MAX) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - os_monotonic_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		n = read(fd, buf_reserve(b, 1024), 1024);
		if (n <= 0)
			return false;
		b->n += (size_t)n;
		b->p[b->n] = '\0';
		if (memmem(b->p, b->n, "\r\n\r\n", 4) != NULL)
			return true;
	}
	return false;
}

static bool serve(struct loopback *l, int fd, const char *state, struct loopback_answer *ret)
{
	struct buf b = BUF_INIT;
	struct bytes query;
	bool ours = false;

	if (!read_request(fd, &b)) {
		answer(fd, "400 Bad Request", "This is no request.");
	} else if (!loopback_query(&b, l->path, &query)) {
		answer(fd, "404 Not Found", "There is nothing here.");
	} else if (!is_ours(query, state, ret)) {
		answer(fd, "400 Bad Request", "This is no answer to what was asked.");
	} else {
		ours = true;
		answer(fd, "200 OK",
		       ret->error != NULL ? "Access was refused. You can close this page."
					  : "Thank you. You can close this page; git goes on.");
	}
	if (b.p != NULL)
		mem_wipe(b.p, b.cap);
	buf_free(&b);
	return ours;
}

static bool accept_one(struct loopback *l, const char *state, struct loopback_answer *ret)
{
	struct sockaddr_storage from;
	socklen_t n = sizeof(from);
	int fd = accept4(l->fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC);
	bool ours;

	if (fd < 0)
		return false;
	ours = serve(l, fd, state, ret);
	close(fd);
	return ours;
}

/* --- a pasted address ---------------------------------------------------------------------- */

static bool pasted(int tty, const char *state, bool *gone, struct loopback_answer *ret)
{
	char line[REQUEST_MAX];
	ssize_t n = read(tty, line, sizeof(line) - 1);
	const char *mark;
	bool ours;

	*gone = n <= 0;
	if (n <= 0)
		return false;
	line[n] = '\0';
	mark = strchr(line, '?');
	ours = mark != NULL && is_ours(bytes_str(mark + 1), state, ret);
	mem_wipe(line, sizeof(line));
	return ours;
}

void loopback_close_tty(int tty)
{
	if (tty >= 0)
		close(tty);
}

int loopback_wait(struct loopback *l, const char *state, int tty, int64_t deadline_ms,
		  struct loopback_answer *ret, struct err *err)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = l->fd, .events = POLLIN },
				       { .fd = tty, .events = POLLIN } };
		int64_t left = deadline_ms - os_monotonic_ms();
		bool gone = false;
		int n;

		if (left <= 0)
			return err_set(err, ERR_IO, "no answer came from the browser in time");
		n = poll(p, 2, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n < 0 && errno != EINTR)
			return err_errno(err, ERR_IO, "cannot wait for the browser");
		if (n <= 0)
			continue;
		if ((p[0].revents & POLLIN) != 0 && accept_one(l, state, ret))
			return 0;
		if (p[1].revents != 0 && pasted(tty, state, &gone, ret))
			return 0;
		if (gone)
			tty = -1;
	}
}
