/* Workers: started, asked, replaced. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "base/os.h"
#include "base/text.h"
#include "base/wire.h"

#define WORKERS_MAX 8
#define SLOW_MS 1000
#define CALLS 8 /* calls into the module that one request may make, for the last deadline */
#define SEND_MS 30000

extern char **environ;

struct worker {
	char *module, *args;
	pid_t pid;
	int fd, words;
	unsigned signatures;
	char *config, *name; /* which key `key` is */
	struct keeper_key key;
};

static struct worker *workers[WORKERS_MAX];
static size_t workers_n;

static bool same(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static void key_free(struct worker *w)
{
	cert_free(w->key.leaf);
	buf_free(&w->key.raw);
	free(w->config);
	free(w->name);
	w->config = w->name = NULL;
	memset(&w->key, 0, sizeof(w->key));
}

/* A key may still be in use when its worker is replaced: freed by the next request. */
static struct keeper_key graves[WORKERS_MAX * 2];
static size_t graves_n;

static void bury(struct worker *w)
{
	if (w->key.leaf != NULL && graves_n < sizeof(graves) / sizeof(graves[0])) {
		graves[graves_n++] = w->key;
		memset(&w->key, 0, sizeof(w->key));
	}
	key_free(w);
}

static void clear_graves(void)
{
	while (graves_n > 0) {
		cert_free(graves[--graves_n].leaf);
		buf_free(&graves[graves_n].raw);
	}
}

static void end(size_t i)
{
	struct worker *w = workers[i];

	close(w->fd);
	if (w->words >= 0)
		close(w->words);
	kill(w->pid, SIGKILL);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
	bury(w);
	free(w->module);
	free(w->args);
	free(w);
	workers[i] = workers[--workers_n];
}

void keeper_end(void)
{
	while (workers_n > 0)
		end(0);
	clear_graves();
}

size_t keeper_count(unsigned *signatures)
{
	*signatures = 0;
	for (size_t i = 0; i < workers_n; i++)
		*signatures += workers[i]->signatures;
	return workers_n;
}

/* The program again, so that nothing of this process's memory is in the child. */
static int spawn(int fd, int words, pid_t *pid)
{
	static char zero[] = "gitsign-hsm-agent", mode[] = "--worker";
	char *argv[] = { zero, mode, NULL };
	posix_spawn_file_actions_t fa;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc != 0)
		return rc;
	for (int i = 0; i <= 2 && rc == 0; i++)
		rc = posix_spawn_file_actions_addopen(&fa, i, "/dev/null", 2 /* O_RDWR */, 0);
	/* Above both numbers first: one of the two may have the other's. */
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, fd, 100);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, words, WORKER_WORDS_FD);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, 100, WORKER_FD);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&fa, WORKER_WORDS_FD + 1);
	if (rc == 0)
		rc = posix_spawn(pid, "/proc/self/exe", &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

static int start(const struct keeper_request *q, struct worker **ret, struct err *err)
{
	int ends[2], words[2], rc;
	struct worker *w;
	pid_t pid;

	if (workers_n == WORKERS_MAX)
		end(0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return err_errno(err, ERR_IO, "no child can be started for the module");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, words) != 0) {
		rc = err_errno(err, ERR_IO, "no child can be started for the module");
		close(ends[0]);
		close(ends[1]);
		return rc;
	}
	rc = spawn(ends[1], words[1], &pid);
	close(ends[1]);
	close(words[1]);
	if (rc != 0) {
		close(ends[0]);
		close(words[0]);
		errno = rc;
		return err_errno(err, ERR_IO, "no child can be started for the module");
	}
	w = xcalloc(1, sizeof(*w));
	w->module = xstrdup(q->module != NULL ? q->module : "");
	w->args = xstrdup(q->module_args != NULL ? q->module_args : "");
	w->pid = pid;
	w->fd = ends[0];
	w->words = words[0];
	workers[workers_n++] = w;
	*ret = w;
	return 0;
}

static int find(const struct keeper_request *q, struct worker **ret, struct err *err)
{
	for (size_t i = 0; i < workers_n; i++)
		if (same(workers[i]->module, q->module) && same(workers[i]->args, q->module_args)) {
			*ret = workers[i];
			return 0;
		}
	return start(q, ret, err);
}

static void replace(const struct worker *w)
{
	for (size_t i = 0; i < workers_n; i++)
		if (workers[i] == w) {
			end(i);
			return;
		}
}

/*
 * What the child said before it ended, in place of "the connection is closed". *broken
 * is cleared when it ended without a word.
 */
static int last_words(struct worker *w, bool *broken, struct err *err)
{
	char text[1024];
	ssize_t n = recv(w->words, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0)
		return err_set(err, ERR_TOKEN, "%.*s", (int)n, text);
	*broken = n < 0 && errno == EAGAIN; /* it lives, and does not answer */
	return err_set(err, ERR_TOKEN,
		       "the PKCS#11 module %s ended its process; nothing was signed", w->module);
}

static int error_of(struct bytes in, struct err *err)
{
	struct bytes text;
	uint32_t code;

	if (!wire_u32(&in, &code) || !wire_string(&in, &text) || code == 0 || code > ERR_INTERNAL)
		return err_set(err, ERR_INTERNAL, "a strange answer of the module's process");
	return err_set(err, (enum err_code)code, "%.*s", (int)text.n, (const char *)text.p);
}

/* Hands a question for the PIN on to the client, and the answer back. */
static int relay_pin(const struct keeper_request *q, struct worker *w, struct bytes in,
		     struct err *err)
{
	struct secret pin = { NULL, 0, 0 };
	struct buf b = BUF_INIT;
	char *prompt = NULL;
	struct err why = ERR_INIT;
	int r, code;

	if (!wire_text(&in, &prompt))
		return err_set(err, ERR_INTERNAL, "a strange answer of the module's process");
	code = q->pin(q->ctx, prompt, &pin, &why);
	buf_add_byte(&b, WORKER_PIN);
	wire_put_u32(&b, (uint32_t)code);
	if (code == 0) {
		r = agent_send_secret(w->fd, buf_bytes(&b), &pin, SEND_MS, err);
	} else {
		why.text[AGENT_ANSWER_MAX / 2] = '\0';
		wire_put_text(&b, why.text);
		r = agent_send(w->fd, buf_bytes(&b), SEND_MS, err);
	}
	secret_free(&pin);
	buf_free(&b);
	free(prompt);
	return r;
}

/* One reply, with a reminder after a second; the module's own deadline is in the child. */
static int wait_reply(const struct keeper_request *q, struct worker *w, bool *told, struct buf *b,
		      bool *broken, struct err *err)
{
	bool closed = false;
	int all = q->timeout_ms < INT32_MAX / CALLS ? q->timeout_ms * CALLS : INT32_MAX;
	int r;

	if (!*told && q->slow != NULL && !agent_readable(w->fd, SLOW_MS)) {
		*told = true;
		q->slow(q->ctx);
	}
	r = agent_recv(w->fd, AGENT_FRAME_MAX, all, b, &closed, err);
	return r != 0 ? last_words(w, broken, err) : 0;
}

/*
 * *broken: the worker hung (and its deadline said so) or gave no sense. One that was
 * found dead has done nothing, and may be replaced and asked again.
 */
static int call(const struct keeper_request *q, struct worker *w, struct bytes request,
		uint8_t wanted, struct buf *reply, bool *broken, struct err *err)
{
	struct bytes in;
	uint8_t message = 0;
	bool told = false;
	int r = agent_send(w->fd, request, SEND_MS, err);

	*broken = true;
	if (r != 0)
		return last_words(w, broken, err);
	for (;;) {
		r = wait_reply(q, w, &told, reply, broken, err);
		if (r != 0)
			return r;
		in = buf_bytes(reply);
		(void)wire_byte(&in, &message);
		if (message != WORKER_PIN || q->pin == NULL)
			break;
		r = relay_pin(q, w, in, err);
		if (r != 0)
			return r;
	}
	*broken = false;
	if (message == WORKER_ERROR)
		return error_of(in, err);
	if (message != wanted) {
		*broken = true;
		return err_set(err, ERR_INTERNAL, "a strange answer of the module's process");
	}
	return 0;
}

static bool take_key(struct buf *reply, struct keeper_key *k, struct err *err)
{
	struct bytes in, leaf;
	uint8_t message;
	uint32_t n;

	buf_add_bytes(&k->raw, buf_bytes(reply));
	in = buf_bytes(&k->raw);
	if (!wire_byte(&in, &message) || !wire_u32(&in, &n) || n < 1 || n > 9 ||
	    !wire_string(&in, &leaf))
		return false;
	for (k->chain_n = 0; k->chain_n < n - 1; k->chain_n++)
		if (!wire_string(&in, &k->chain[k->chain_n]))
			return false;
	return cert_parse(leaf, &k->leaf, err) == 0;
}

static void put_names(struct buf *b, uint8_t message, const struct keeper_request *q)
{
	buf_add_byte(b, message);
	wire_put_text(b, q->config);
	wire_put_text(b, q->key);
}

static int open_key(const struct keeper_request *q, struct worker *w, bool *broken, struct err *err)
{
	struct buf b = BUF_INIT, reply = BUF_INIT;
	int r;

	*broken = false;
	if (w->key.leaf != NULL && same(w->config, q->config) && same(w->name, q->key))
		return 0;
	key_free(w);
	put_names(&b, WORKER_OPEN, q);
	r = call(q, w, buf_bytes(&b), WORKER_KEY, &reply, broken, err);
	if (r == 0 && !take_key(&reply, &w->key, err)) {
		key_free(w);
		r = err_set(err, ERR_KEY, "the certificate on the token cannot be read");
	}
	if (r == 0) {
		w->config = xstrdup(q->config);
		w->name = xstrdup(q->key);
	}
	buf_free(&b);
	buf_free(&reply);
	return r;
}

static bool worth_again(int r)
{
	return r != 0 && r != ERR_PIN && r != ERR_CONFIG && r != ERR_IO;
}

int keeper_choose(const struct keeper_request *q, const struct keeper_key **ret, struct err *err)
{
	struct worker *w;
	bool broken, fresh;
	int r;

	clear_graves();
	for (int tries = 0;; tries++) {
		r = find(q, &w, err);
		if (r != 0)
			return r;
		fresh = w->signatures == 0;
		r = open_key(q, w, &broken, err);
		if (r == 0) {
			*ret = &w->key;
			return 0;
		}
		/* A list of keys from before a token was changed is no reason to fail. */
		replace(w);
		if (tries > 0 || fresh || broken || !worth_again(r))
			return r;
	}
}

static int sign_once(const struct keeper_request *q, struct worker *w, struct bytes request,
		     struct buf *sig, bool *broken, struct err *err)
{
	struct buf reply = BUF_INIT;
	struct bytes in, v;
	int r = call(q, w, request, WORKER_SIG, &reply, broken, err);

	if (r == 0) {
		in = bytes_skip(buf_bytes(&reply), 1);
		if (wire_string(&in, &v) && in.n == 0) {
			buf_add_bytes(sig, v);
			w->signatures++;
		} else {
			r = err_set(err, ERR_INTERNAL, "a strange answer of the module's process");
		}
	}
	buf_free(&reply);
	return r;
}

int keeper_sign(const struct keeper_request *q, enum alg_hash h, struct bytes tbs, struct buf *sig,
		struct err *err)
{
	struct buf b = BUF_INIT;
	struct worker *w;
	bool broken, fresh;
	int r;

	put_names(&b, WORKER_SIGN, q);
	buf_add_byte(&b, q->stored);
	wire_put_u32(&b, (uint32_t)h);
	wire_put_string(&b, tbs);
	for (int tries = 0;; tries++) {
		r = find(q, &w, err);
		if (r != 0)
			break;
		fresh = w->signatures == 0;
		r = sign_once(q, w, buf_bytes(&b), sig, &broken, err);
		if (r == 0)
			break;
		replace(w);
		if (tries > 0 || fresh || broken || !worth_again(r))
			break;
	}
	buf_free(&b);
	return r;
}

void keeper_ping(void)
{
	static const struct keeper_request q = { .timeout_ms = 10000 };
	const uint8_t ping = WORKER_PING;
	struct buf reply = BUF_INIT;

	for (size_t i = workers_n; i-- > 0;) {
		bool broken;

		if (call(&q, workers[i], bytes_of(&ping, 1), WORKER_PING, &reply, &broken, NULL) !=
		    0)
			end(i);
	}
	buf_free(&reply);
}
