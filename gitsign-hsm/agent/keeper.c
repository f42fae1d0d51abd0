/* Which process has which module and key; one that breaks is replaced. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/wire.h"
#include "keeper.h"

#define WORKERS_MAX 8

struct worker {
	struct child *child;
	unsigned signatures;
	char *config, *name; /* which key `key` is */
	struct keeper_key *key;
	bool asks;   /* for the PIN, before it signs */
	bool stored; /* as struct keeper_login has it */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct worker workers[WORKERS_MAX];
static size_t workers_n;
static atomic_size_t open_n, signatures_n;

void keeper_key_put(struct keeper_key *k)
{
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	cert_free(k->leaf);
	buf_free(&k->raw);
	free(k);
}

static void forget_key(struct worker *w)
{
	keeper_key_put(w->key);
	free(w->config);
	free(w->name);
	w->key = NULL;
	w->config = w->name = NULL;
}

static void end(struct worker *w)
{
	child_end(w->child);
	forget_key(w);
	*w = workers[--workers_n];
	workers[workers_n] = (struct worker){ .child = NULL };
	atomic_store(&open_n, workers_n);
}

void keeper_end(void)
{
	pthread_mutex_lock(&lock);
	while (workers_n > 0)
		end(&workers[0]);
	pthread_mutex_unlock(&lock);
}

size_t keeper_count(size_t *signatures)
{
	*signatures = atomic_load(&signatures_n);
	return atomic_load(&open_n);
}

static const char *text(const char *s)
{
	return s != NULL ? s : "";
}

static int find(const struct keeper_request *q, struct worker **ret, struct err *err)
{
	const char *module = text(q->module), *args = text(q->module_args);
	struct child *c;
	int r;

	if (lock_is())
		return err_set(err, ERR_PIN, "the agent is locked: type  gitsign-hsm agent unlock");
	for (size_t i = 0; i < workers_n; i++)
		if (child_is(workers[i].child, module, args)) {
			*ret = &workers[i];
			return 0;
		}
	r = child_start(module, args, &c, err);
	if (r != 0)
		return r;
	if (workers_n == WORKERS_MAX)
		end(&workers[0]);
	workers[workers_n] = (struct worker){ .child = c };
	*ret = &workers[workers_n++];
	atomic_store(&open_n, workers_n);
	return 0;
}

static int read_key(struct buf *reply, struct keeper_key *k, bool *asks, struct err *err)
{
	struct bytes in, leaf = BYTES_NONE;
	uint8_t message, flag = 0;
	uint32_t n;
	bool ok;

	buf_add_bytes(&k->raw, buf_bytes(reply));
	in = buf_bytes(&k->raw);
	ok = wire_byte(&in, &message) && wire_byte(&in, &flag) && wire_u32(&in, &n) && n >= 1 &&
	     n <= 9 && wire_string(&in, &leaf);
	for (k->chain_n = 0; ok && k->chain_n < n - 1; k->chain_n++)
		ok = wire_string(&in, &k->chain[k->chain_n]);
	if (!ok)
		return err_set(err, ERR_INTERNAL, "a strange answer of the module's process");
	*asks = flag != 0;
	return cert_parse(leaf, &k->leaf, err);
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
	struct keeper_key *k;
	int r;

	*broken = false;
	if (w->key != NULL && strcmp(w->config, q->config) == 0 && strcmp(w->name, q->key) == 0)
		return 0;
	put_names(&b, WORKER_OPEN, q);
	r = child_call(q, w->child, buf_bytes(&b), WORKER_KEY, &reply, broken, err);
	if (r == 0) {
		k = xcalloc(1, sizeof(*k));
		atomic_init(&k->refs, 1);
		r = read_key(&reply, k, &w->asks, err);
		forget_key(w);
		if (r == 0) {
			w->key = k;
			w->config = xstrdup(q->config);
			w->name = xstrdup(q->key);
		} else {
			keeper_key_put(k);
		}
	}
	buf_free(&b);
	buf_free(&reply);
	return r;
}

/* What is done with a process; *broken as child_call() has it. */
typedef int worker_fn(const struct keeper_request *q, struct worker *w, void *ctx, bool *broken,
		      struct err *err);

/*
 * One that fails is ended. Does a new one make sense? A list of keys or a session from
 * before a token was pulled is no reason to fail; a wrong PIN or configuration is, and so
 * is a hang.
 */
static int with_worker(const struct keeper_request *q, worker_fn *fn, void *ctx, struct err *err)
{
	for (int tries = 0;; tries++) {
		struct worker *w;
		bool broken, fresh;
		int r = find(q, &w, err);

		if (r != 0)
			return r;
		fresh = w->signatures == 0;
		r = fn(q, w, ctx, &broken, err);
		if (r == 0)
			return 0;
		end(w);
		if (tries > 0 || fresh || broken || r == ERR_PIN || r == ERR_CONFIG || r == ERR_IO)
			return r;
	}
}

struct choice {
	struct keeper_key *key;
	struct keeper_login login;
};

static int choose(const struct keeper_request *q, struct worker *w, void *ctx, bool *broken,
		  struct err *err)
{
	struct choice *c = ctx;
	int r = open_key(q, w, broken, err);

	if (r == 0) {
		atomic_fetch_add(&w->key->refs, 1);
		*c = (struct choice){ w->key, { w->asks, w->stored } };
	}
	return r;
}

int keeper_choose(const struct keeper_request *q, struct keeper_key **ret,
		  struct keeper_login *login, struct err *err)
{
	struct choice c = { .key = NULL };
	int r;

	pthread_mutex_lock(&lock);
	r = with_worker(q, choose, &c, err);
	pthread_mutex_unlock(&lock);
	if (r == 0) {
		*ret = c.key;
		*login = c.login;
	}
	return r;
}

struct signing {
	struct bytes request;
	struct buf *sig;
	struct keeper_login *login;
};

static int sign(const struct keeper_request *q, struct worker *w, void *ctx, bool *broken,
		struct err *err)
{
	const struct signing *s = ctx;
	struct buf reply = BUF_INIT;
	uint8_t asked, stored;
	struct bytes in, v;
	int r = child_call(q, w->child, s->request, WORKER_SIG, &reply, broken, err);

	if (r == 0) {
		in = bytes_skip(buf_bytes(&reply), 1);
		if (wire_byte(&in, &asked) && wire_byte(&in, &stored) && wire_string(&in, &v) &&
		    in.n == 0) {
			buf_add_bytes(s->sig, v);
			*s->login = (struct keeper_login){ asked != 0, stored != 0 };
			w->signatures++;
			w->asks = false;
			w->stored = stored != 0;
			atomic_fetch_add(&signatures_n, 1);
		} else {
			r = err_set(err, ERR_INTERNAL, "a strange answer of the module's process");
		}
	}
	buf_free(&reply);
	return r;
}

int keeper_sign(const struct keeper_request *q, enum alg_hash h, struct bytes tbs, struct buf *sig,
		struct keeper_login *login, struct err *err)
{
	struct buf b = BUF_INIT;
	struct signing s = { .sig = sig, .login = login };
	int r;

	put_names(&b, WORKER_SIGN, q);
	buf_add_byte(&b, q->stored);
	wire_put_u32(&b, (uint32_t)h);
	wire_put_string(&b, tbs);
	pthread_mutex_lock(&lock);
	s.request = buf_bytes(&b);
	r = with_worker(q, sign, &s, err);
	pthread_mutex_unlock(&lock);
	buf_free(&b);
	return r;
}

void keeper_ping(void)
{
	static const struct keeper_request q = { .timeout_ms = 10000 };
	const uint8_t ping = WORKER_PING;
	struct buf reply = BUF_INIT;

	pthread_mutex_lock(&lock);
	for (size_t i = workers_n; i-- > 0;) {
		bool broken;

		if (child_call(&q, workers[i].child, bytes_of(&ping, 1), WORKER_PING, &reply,
			       &broken, NULL) != 0)
			end(&workers[i]);
	}
	pthread_mutex_unlock(&lock);
	buf_free(&reply);
}
