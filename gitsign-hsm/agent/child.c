/* The processes that have a module loaded: started, asked, ended. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"
#include "base/os.h"
#include "base/wire.h"

#define SLOW_MS 1000
#define CALLS 8 /* calls into the module that one request may make, for the last deadline */
#define SEND_MS 30000

extern char **environ;

struct child {
	char *module, *args;
	pid_t pid;
	int fd, words;
};

int child_spawn(const char *program, char *zero, char *mode, const int fds[2], pid_t *pid)
{
	char *argv[] = { zero, mode, NULL };
	posix_spawn_file_actions_t fa;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc != 0)
		return rc;
	for (int i = 0; i <= 2 && rc == 0; i++)
		rc = posix_spawn_file_actions_addopen(&fa, i, "/dev/null", 2 /* O_RDWR */, 0);
	/* Above both numbers first: one of the two may have the other's. */
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, fds[0], 200);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, fds[1], WORKER_WORDS_FD);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, 200, WORKER_FD);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&fa, WORKER_WORDS_FD + 1);
	if (rc == 0)
		rc = posix_spawn(pid, program, &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

/* The program again, so that nothing of this process's memory is in the child. */
static int spawn(int fd, int words, pid_t *pid)
{
	static char zero[] = "gitsign-hsm-agent", mode[] = "--worker";
	const int fds[2] = { fd, words };

	return child_spawn("/proc/self/exe", zero, mode, fds, pid);
}

static void close_pair(const int *pair)
{
	close(pair[0]);
	close(pair[1]);
}

int child_start(const char *module, const char *args, struct child **ret, struct err *err)
{
	int ends[2] = { -1, -1 }, words[2] = { -1, -1 }, rc = 0;
	pid_t pid = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, words) != 0)
		rc = errno;
	if (rc == 0)
		rc = spawn(ends[1], words[1], &pid);
	if (rc != 0) {
		close_pair(ends);
		close_pair(words);
		errno = rc;
		return err_errno(err, ERR_IO, "no process can be started for the module");
	}
	close(ends[1]);
	close(words[1]);
	*ret = xcalloc(1, sizeof(**ret));
	**ret = (struct child){ xstrdup(module), xstrdup(args), pid, ends[0], words[0] };
	return 0;
}

bool child_is(const struct child *c, const char *module, const char *args)
{
	return strcmp(c->module, module) == 0 && strcmp(c->args, args) == 0;
}

void child_end(struct child *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	close(c->words);
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(c->module);
	free(c->args);
	free(c);
}

/*
 * What the child said before it ended, in place of "the connection is closed". *broken
 * is cleared when it ended without a word.
 */
static int last_words(struct child *c, bool *broken, struct err *err)
{
	char text[1024];
	ssize_t n = recv(c->words, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0)
		return err_set(err, ERR_TOKEN, "%.*s", (int)n, text);
	*broken = n < 0 && errno == EAGAIN; /* it lives, and does not answer */
	return err_set(err, ERR_TOKEN,
		       "the PKCS#11 module %s ended its process; nothing was signed", c->module);
}

static int strange(struct err *err)
{
	return err_set(err, ERR_INTERNAL, "a strange answer of the module's process");
}

static int error_of(struct bytes in, struct err *err)
{
	struct bytes text;
	uint32_t code;

	if (!wire_u32(&in, &code) || !wire_string(&in, &text) || code == 0 || code > ERR_INTERNAL)
		return strange(err);
	return err_set(err, (enum err_code)code, "%.*s", (int)text.n, (const char *)text.p);
}

static int send_pin(struct child *c, const struct secret *pin, struct err *err)
{
	struct buf b = BUF_INIT;
	int r;

	buf_add_byte(&b, WORKER_PIN);
	wire_put_u32(&b, 0);
	r = agent_send_secret(c->fd, buf_bytes(&b), pin, SEND_MS, err);
	buf_free(&b);
	return r;
}

static int send_no_pin(struct child *c, int code, struct err *why, struct err *err)
{
	struct buf b = BUF_INIT;
	int r;

	why->text[AGENT_ANSWER_MAX / 2] = '\0';
	buf_add_byte(&b, WORKER_PIN);
	wire_put_u32(&b, (uint32_t)code);
	wire_put_text(&b, why->text);
	r = agent_send(c->fd, buf_bytes(&b), SEND_MS, err);
	buf_free(&b);
	return r;
}

/* Hands a question for the PIN on to the client, and the answer back. */
static int relay_pin(const struct keeper_request *q, struct child *c, struct bytes in,
		     struct refused_pin *sent, struct err *err)
{
	struct secret pin = SECRET_NONE;
	struct bytes token;
	char *prompt = NULL;
	struct err why = ERR_INIT;
	int r, code;

	if (!wire_string(&in, &token) || !wire_text(&in, &prompt))
		return strange(err);
	code = q->pin(q->ctx, prompt, &pin, &why);
	if (code == 0)
		code = refused_check(c->module, token, &pin, sent, &why);
	r = code == 0 ? send_pin(c, &pin, err) : send_no_pin(c, code, &why, err);
	secret_free(&pin);
	free(prompt);
	return r;
}

/* One reply, with a reminder after a second; the module's own deadline is in the child. */
static int wait_reply(const struct keeper_request *q, struct child *c, bool *told, struct buf *b,
		      bool *broken, struct err *err)
{
	bool closed = false;
	int all = q->timeout_ms < INT32_MAX / CALLS ? q->timeout_ms * CALLS : INT32_MAX;
	int r;

	if (!*told && q->slow != NULL && !agent_readable(c->fd, SLOW_MS)) {
		*told = true;
		q->slow(q->ctx);
	}
	r = agent_recv(c->fd, AGENT_FRAME_MAX, all, b, &closed, err);
	return r != 0 ? last_words(c, broken, err) : 0;
}

static int converse(const struct keeper_request *q, struct child *c, struct buf *reply,
		    uint8_t *message, bool *broken, struct err *err)
{
	struct refused_pin sent = { .there = false };
	bool told = false;

	for (;;) {
		int r = wait_reply(q, c, &told, reply, broken, err);
		struct bytes in = buf_bytes(reply);

		if (r != 0)
			return r;
		(void)wire_byte(&in, message);
		if (*message == WORKER_REFUSED) {
			refused_add(&sent);
			*message = WORKER_ERROR;
		}
		if (*message != WORKER_PIN || q->pin == NULL)
			return 0;
		r = relay_pin(q, c, in, &sent, err);
		if (r != 0)
			return r;
	}
}

int child_call(const struct keeper_request *q, struct child *c, struct bytes request,
	       uint8_t wanted, struct buf *reply, bool *broken, struct err *err)
{
	uint8_t message = 0;
	int r = agent_send(c->fd, request, SEND_MS, err);

	*broken = true;
	if (r != 0)
		return last_words(c, broken, err);
	r = converse(q, c, reply, &message, broken, err);
	if (r != 0)
		return r;
	if (message != WORKER_ERROR && message != wanted)
		return strange(err);
	*broken = false;
	return message == wanted ? 0 : error_of(bytes_skip(buf_bytes(reply), 1), err);
}
