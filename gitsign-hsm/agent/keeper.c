/* Which process has which module and key; one that breaks is replaced. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/os.h"
#include "base/wire.h"
#include "gitsign-hsm/select.h"
#include "keeper.h"

#define WORKERS_MAX 8

struct worker {
	char *module, *args; /* whose place it is; NULL: nobody's. This and... */
	unsigned users;      /* ...who is at it or waits, under `table`; the rest under `busy` */
	pthread_mutex_t busy;
	struct child *child;
	unsigned signatures;
	char *config, *name; /* which key `key` is */
	struct keeper_key *key;
	bool asks;   /* for the PIN, before it signs */
	bool stored; /* as struct keeper_login has it */
};

/* Held for moments; `busy` of a worker for as long as somebody needs to give a PIN. */
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static struct worker workers[WORKERS_MAX] = {
	[0 ... WORKERS_MAX - 1] = { .busy = PTHREAD_MUTEX_INITIALIZER },
};
static atomic_size_t open_n, signatures_n;

void keeper_key_put(struct keeper_key *k)
{
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	cms_key_free(k->check);
	pthread_mutex_destroy(&k->checking);
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
	if (w->child != NULL)
		atomic_fetch_sub(&open_n, 1);
	child_end(w->child);
	forget_key(w);
	w->child = NULL;
	w->signatures = 0;
	w->asks = w->stored = false;
}

static void give(struct worker *w)
{
	pthread_mutex_unlock(&w->busy);
	pthread_mutex_lock(&table);
	w->users--;
	pthread_mutex_unlock(&table);
}

void keeper_end(void)
{
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		pthread_mutex_lock(&table);
		workers[i].users++;
		pthread_mutex_unlock(&table);
		pthread_mutex_lock(&workers[i].busy);
		end(&workers[i]);
		give(&workers[i]);
	}
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

/* The module's place, else one that nobody is at: free, or taken from another module. */
static struct worker *place(const char *module, const char *args)
{
	struct worker *idle = NULL;

	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker *w = &workers[i];

		if (w->module != NULL && strcmp(w->module, module) == 0 &&
		    strcmp(w->args, args) == 0)
			return w;
		if (w->users == 0 && (idle == NULL || (idle->module != NULL && w->module == NULL)))
			idle = w;
	}
	if (idle != NULL) {
		free(idle->module);
		free(idle->args);
		idle->module = xstrdup(module);
		idle->args = xstrdup(args);
	}
	return idle;
}

/* NULL: somebody is at each of them. */
static struct worker *take(const struct keeper_request *q)
{
	struct worker *w;

	pthread_mutex_lock(&table);
	w = place(text(q->module), text(q->module_args));
	if (w != NULL)
		w->users++;
	pthread_mutex_unlock(&table);
	if (w != NULL)
		pthread_mutex_lock(&w->busy);
	return w;
}

static int locked(struct err *err)
{
	return err_set(err, ERR_PIN, "the agent is locked: type  gitsign-hsm agent unlock");
}

static int start(struct worker *w, struct err *err)
{
	int r;

	if (lock_is())
		return locked(err);
	if (w->child != NULL && child_is(w->child, w->module, w->args))
		return 0;
	end(w);
	r = child_start(w->module, w->args, &w->child, err);
	if (r == 0)
		atomic_fetch_add(&open_n, 1);
	return r;
}

static int read_key(struct buf *reply, struct keeper_key *k, struct worker *w, bool *given,
		    struct err *err)
{
	struct bytes in, leaf = BYTES_NONE;
	uint8_t message, asks = 0, asked = 0, stored = 0;
	uint32_t n;
	bool ok;
	int r;

	buf_add_bytes(&k->raw, buf_bytes(reply));
	in = buf_bytes(&k->raw);
	ok = wire_byte(&in, &message) && wire_byte(&in, &asks) && wire_byte(&in, &asked) &&
	     wire_byte(&in, &stored) && wire_u32(&in, &n) && n >= 1 && n <= 9 && wire_string(&in, &leaf);
	for (k->chain_n = 0; ok && k->chain_n < n - 1; k->chain_n++)
		ok = wire_string(&in, &k->chain[k->chain_n]);
	if (!ok)
		return err_set(err, ERR_INTERNAL, "a strange answer of the module's process");
	w->asks = asks != 0;
	*given = asked != 0;
	w->stored = stored != 0;
	r = cert_parse(leaf, &k->leaf, err);
	return r != 0 ? r : cms_key_new(k->leaf->key, &k->check, err);
}

static void put_names(struct buf *b, uint8_t message, const struct keeper_request *q)
{
	buf_add_byte(b, message);
	wire_put_text(b, q->config);
	wire_put_text(b, q->key);
}

/* A certificate that is not in force any more may have a new one beside it. */
static bool has_key(const struct worker *w, const struct keeper_request *q)
{
	char why[64];

	return w->key != NULL && strcmp(w->config, q->config) == 0 &&
	       strcmp(w->name, q->key) == 0 &&
	       select_in_force(w->key->leaf, os_now(), why, sizeof(why));
}

static int open_key(const struct keeper_request *q, struct worker *w, bool *given, bool *broken,
		    struct err *err)
{
	struct buf b = BUF_INIT, reply = BUF_INIT;
	struct keeper_key *k;
	int r;

	*broken = *given = false;
	if (has_key(w, q))
		return 0;
	put_names(&b, WORKER_OPEN, q);
	buf_add_byte(&b, q->stored);
	r = child_call(q, w->child, buf_bytes(&b), WORKER_KEY, &reply, broken, err);
	if (r == 0) {
		k = xcalloc(1, sizeof(*k));
		atomic_init(&k->refs, 1);
		pthread_mutex_init(&k->checking, NULL);
		r = read_key(&reply, k, w, given, err);
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
static int ask(const struct keeper_request *q, struct worker *w, worker_fn *fn, void *ctx,
	       struct err *err)
{
	for (int tries = 0;; tries++) {
		bool broken, fresh;
		int r = start(w, err);

		if (r != 0)
			return r;
		fresh = w->signatures == 0;
		r = fn(q, w, ctx, &broken, err);
		if (r == 0)
			return lock_is() ? locked(err) : 0; /* while somebody gave the PIN */
		end(w);
		if (tries > 0 || fresh || broken || r == ERR_PIN || r == ERR_CONFIG || r == ERR_IO)
			return r;
	}
}

static int with_worker(const struct keeper_request *q, worker_fn *fn, void *ctx, struct err *err)
{
	struct worker *w = take(q);
	int r;

	if (w == NULL)
		return err_set(err, ERR_TOKEN, "%d PKCS#11 modules are in use: try again later",
			       WORKERS_MAX);
	r = ask(q, w, fn, ctx, err);
	give(w);
	return r;
}

struct choice {
	struct keeper_key *key;
	struct keeper_login login;
};

static int choose(const struct keeper_request *q, struct worker *w, void *ctx, bool *broken,
		  struct err *err)
{
	struct choice *c = ctx;
	bool given;
	int r = open_key(q, w, &given, broken, err);

	if (r == 0) {
		atomic_fetch_add(&w->key->refs, 1);
		*c = (struct choice){ w->key, { w->asks || given, w->stored, given } };
	}
	return r;
}

int keeper_choose(const struct keeper_request *q, struct keeper_key **ret,
		  struct keeper_login *login, struct err *err)
{
	struct choice c = { .key = NULL };
	int r;

	r = with_worker(q, choose, &c, err);
	if (r == 0) {
		*ret = c.key;
		*login = c.login;
	} else {
		keeper_key_put(c.key);
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
			*s->login = (struct keeper_login){ asked != 0, stored != 0, false };
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
	s.request = buf_bytes(&b);
	r = with_worker(q, sign, &s, err);
	buf_free(&b);
	return r;
}

/* One that is in use needs no ping. */
static bool take_idle(struct worker *w)
{
	bool idle;

	pthread_mutex_lock(&table);
	idle = w->users == 0;
	if (idle)
		w->users++;
	pthread_mutex_unlock(&table);
	if (idle)
		pthread_mutex_lock(&w->busy);
	return idle;
}

void keeper_ping(void)
{
	static const struct keeper_request q = { .timeout_ms = 10000 };
	const uint8_t ping = WORKER_PING;
	struct buf reply = BUF_INIT;

	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker *w = &workers[i];
		bool broken;

		if (!take_idle(w))
			continue;
		if (w->child != NULL && child_call(&q, w->child, bytes_of(&ping, 1), WORKER_PING,
						   &reply, &broken, NULL) != 0)
			end(w);
		give(w);
	}
	buf_free(&reply);
}
