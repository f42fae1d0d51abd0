/* What systemd hands over. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "given.h"
#include "base/mem.h"
#include "base/text.h"
#include "token/agent.h"

#define FIRST_FD 3
#define FDS_MAX 2 /* ours, and the one for ssh */

static bool option_is(int fd, int option, int want)
{
	socklen_t len = sizeof(int);
	int v = -1;

	return getsockopt(fd, SOL_SOCKET, option, &v, &len) == 0 && v == want;
}

/* The name of the socket's file: which of the two it is. */
static const char *file_name(int fd, struct sockaddr_un *a)
{
	socklen_t len = sizeof(*a) - 1;
	const char *slash;

	memset(a, 0, sizeof(*a));
	if (getsockname(fd, (struct sockaddr *)a, &len) != 0)
		return "";
	slash = strrchr(a->sun_path, '/');
	return slash != NULL ? slash + 1 : "";
}

static int take(int fd, struct given *g, struct err *err)
{
	struct sockaddr_un a;
	const char *name;
	int *to = NULL;

	if (!option_is(fd, SO_DOMAIN, AF_UNIX) || !option_is(fd, SO_TYPE, SOCK_STREAM) ||
	    !option_is(fd, SO_ACCEPTCONN, 1))
		return err_set(err, ERR_CONFIG,
			       "descriptor %d, which systemd handed over, is no UNIX stream socket "
			       "that listens: use ListenStream= and Accept=no in the socket's unit",
			       fd);
	name = file_name(fd, &a);
	if (strcmp(name, AGENT_SOCKET) == 0)
		to = &g->agent;
	else if (strcmp(name, AGENT_SSH_SOCKET) == 0)
		to = &g->ssh;
	if (to == NULL || *to >= 0)
		return err_set(
			err, ERR_CONFIG,
			"the socket that systemd handed over as descriptor %d must be "
			"gitsign-hsm/%s or gitsign-hsm/%s in the runtime directory, each once",
			fd, AGENT_SOCKET, AGENT_SSH_SOCKET);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		return err_errno(err, ERR_IO, "cannot use the socket that systemd handed over");
	*to = fd;
	return 0;
}

static bool for_us(const char *pid)
{
	uint64_t who;

	return pid != NULL && text_parse_u64(bytes_str(pid), &who) && who == (uint64_t)getpid();
}

static int wrong_count(const char *text, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(text));

	return err_set(err, ERR_CONFIG, "systemd hands over one socket or two, not %s", shown);
}

int given_sockets(struct given *g, struct err *err)
{
	const char *text = getenv("LISTEN_FDS");
	bool ours = text != NULL && for_us(getenv("LISTEN_PID"));
	uint64_t n = 0;
	int r = 0;

	g->agent = g->ssh = -1;
	if (ours && (!text_parse_u64(bytes_str(text), &n) || n < 1 || n > FDS_MAX))
		r = wrong_count(text, err);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int i = 0; r == 0 && i < (int)n; i++)
		r = take(FIRST_FD + i, g, err);
	return r;
}
