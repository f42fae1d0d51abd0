#include "helper/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "helper/ask.h"
#include "helper/grant.h"
#include "helper/say.h"
#include "helper/store_internal.h"

#define LOCK_MS 150000 /* the other one may be waiting for a person */
#define QUIET_S 30     /* the issuer's time where nobody types a PIN meanwhile */

/* --- asking the issuer ---------------------------------------------------------------------- */

/*
 * Between the request with a refresh token and the end of storing the next one, Ctrl-C
 * waits: the old one is used up by then.
 */
static void hold_signals(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGINT);
	sigaddset(&s, SIGTERM);
	sigaddset(&s, SIGHUP);
	sigaddset(&s, SIGQUIT);
	sigaddset(&s, SIGTSTP);
	sigprocmask(SIG_BLOCK, &s, NULL);
}

/* 0: what the grant takes for itself. */
static int64_t deadline(const struct ask *a, bool interactive)
{
	int64_t seconds = a->profile.timeout;

	if (seconds == 0 && !interactive)
		seconds = QUIET_S;
	return seconds > 0 ? os_monotonic_ms() + seconds * 1000 : 0;
}

/* A token that cannot be kept is still one: said, and given. */
static void keep(struct ask *a, struct cred_tokens *t, const struct cred_tokens *before,
		 int64_t asked)
{
	struct err err = ERR_INIT;

	if (t->issued == 0)
		t->issued = asked;
	cred_tokens_follow(t, before);
	if (store_save(&a->store, t, &err) == 0)
		return;
	buf_clear(&a->store.note);
	buf_addf(&a->store.note, "the access token is given, but not kept: %s", err.text);
}

int fetch_refresh(struct ask *a, struct grant_ask *g, struct cred_tokens *kept,
		  struct cred_tokens *ret, bool *refused, struct err *err)
{
	int64_t asked = os_now();
	sigset_t before;
	int r;

	g->refresh = &kept->refresh;
	g->no_login = true;
	g->deadline_ms = deadline(a, false);
	g->before_refresh = hold_signals;
	g->refresh_refused = refused;
	sigprocmask(SIG_BLOCK, NULL, &before);
	r = grant_run(&a->profile, g, ret, err);
	if (r == 0) {
		keep(a, ret, kept, asked);
	} else if (*refused) {
		secret_free(&kept->refresh);
		(void)store_save(&a->store, kept, NULL);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	g->refresh = NULL;
	g->no_login = false;
	g->before_refresh = NULL;
	g->refresh_refused = NULL;
	return r;
}

static char *host_of(const struct cred_url *u)
{
	if (u->port == 443)
		return xstrdup(u->host);
	return xasprintf("%s:%u", u->host, u->port);
}

/* Under the lock. `kept`: what is there; empty when nothing is. */
static int ask_issuer(struct ask *a, struct cred_tokens *kept, struct cred_tokens *ret,
		      struct err *err)
{
	_cleanup_free_ char *host = host_of(&a->target);
	struct grant_ask g = { .conf = &a->conf,
			       .host = host,
			       .path = a->target.path,
			       .username = a->target.user,
			       .interactive = ask_interactive(a) && !ask_can_give(a, kept) };
	int64_t asked = os_now();
	bool refused = false;
	int r;

	if (cred_tokens_can_refresh(kept, asked)) {
		r = fetch_refresh(a, &g, kept, ret, &refused, err);
		/* A network that is gone is no reason to ask a person for a new one. */
		if (r == 0 || !refused || !g.interactive)
			return r;
	}
	g.deadline_ms = deadline(a, g.interactive);
	asked = os_now();
	r = grant_run(&a->profile, &g, ret, err);
	if (r == 0)
		keep(a, ret, kept, asked);
	return r;
}

/* --- one at a time ---------------------------------------------------------------------------- */

struct got {
	struct cred_tokens t;
	bool cached;
};

static int load(struct ask *a, struct got *g, bool *done, struct err *err)
{
	bool found = false;
	int r;

	cred_tokens_free(&g->t);
	r = store_load(&a->store, &g->t, &found, err);
	*done = r == 0 && found && !ask_wants_fetch(a, &g->t);
	return r;
}

/* The old token does while it is good and the next one cannot be had. */
static int old_one_does(struct ask *a, const char *why)
{
	if (why != NULL) {
		buf_clear(&a->store.note);
		buf_addf(&a->store.note, "the access token cannot be renewed yet: %s", why);
	}
	return 0;
}

static int fetch_locked(struct ask *a, struct got *g, struct err *err)
{
	struct cred_tokens next = CRED_TOKENS_NONE;
	bool done = false;
	int r = load(a, g, &done, err); /* another may have been first */

	if (r != 0 || done)
		return r;
	r = ask_issuer(a, &g->t, &next, err);
	/* What a person is asked for, and will be when it is due, is no news before. */
	if (r != 0 && ask_can_give(a, &g->t))
		return old_one_does(a, r == ERR_USAGE && ask_interactive(a) ? NULL : err->text);
	if (r != 0)
		return r;
	cred_tokens_free(&g->t);
	*g = (struct got){ .t = next, .cached = false };
	/* git 2.40 drops what has expired, and goes on to ask for a password. */
	if (cred_tokens_state(&g->t, os_now()) == CRED_STALE)
		return err_set(err, ERR_INPUT,
			       "the access token that was given has expired already: is this clock "
			       "right, and how long do tokens live at the issuer?");
	return 0;
}

static int obtain(struct ask *a, struct got *g, struct err *err)
{
	bool done = false, usable;
	int lock = -1, r;

	if (a->store.kind == CRED_STORE_NONE) /* nothing that another could leave for us */
		return fetch_locked(a, g, err);
	r = load(a, g, &done, err);
	if (r != 0 || done)
		return r;
	usable = ask_can_give(a, &g->t);
	r = store_lock(&a->store, usable ? 0 : LOCK_MS, &lock, err);
	if (r != 0)
		return r;
	if (lock < 0 && usable) /* somebody is at it already */
		return 0;
	if (lock < 0)
		return err_set(err, ERR_IO,
			       "another git-credential-hsm has been asking for this access token "
			       "for minutes: end it, or try again");
	r = fetch_locked(a, g, err);
	close(lock);
	return r;
}

/* --- two processes ------------------------------------------------------------------------------ */

static int work(const char *no_keyring)
{
	struct ask a = { .found = false };
	struct got g = { .t = CRED_TOKENS_NONE, .cached = true };
	struct err err = ERR_INIT;
	int r = ask_read(STDIN_FILENO, &a, &err);

	if (r == 0 && a.found) {
		if (no_keyring != NULL)
			store_no_keyring(&a.store, no_keyring);
		r = obtain(&a, &g, &err);
		if (r == 0 && a.store.note.n > 0)
			say(buf_str(&a.store.note));
		if (r == 0)
			r = ask_give(&a, &g.t, g.cached, NULL); /* nobody is left to hear of it */
		else
			say_quit(r, &err);
	} else if (r != 0) {
		say_quit(r, &err);
	}
	cred_tokens_free(&g.t);
	ask_free(&a);
	return r;
}

/* What the worker says goes to git as it stands. */
static int relay(int from, pid_t worker)
{
	struct secret out = SECRET_NONE;
	struct err err = ERR_INIT;
	char some[4096];
	int status = 0, r;
	ssize_t n;

	while ((n = read(from, some, sizeof(some))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			secret_add(&out, some, (size_t)n);
	mem_wipe(some, sizeof(some));
	while (waitpid(worker, &status, 0) < 0 && errno == EINTR)
		;
	r = WIFEXITED(status) ? WEXITSTATUS(status) : ERR_INTERNAL;
	/* A module's deadline ends the worker with its line said, and nothing for git. */
	if (WIFEXITED(status) && r != 0 && out.n == 0)
		secret_add_str(&out, "quit=1\n");
	if (os_write_all(STDOUT_FILENO, bytes_of(out.p, out.n), "standard output", NULL) != 0 &&
	    r == 0)
		r = ERR_IO;
	secret_free(&out);
	if (!WIFEXITED(status)) {
		err_set(&err, r, "the program that asks for access tokens was ended by signal %d",
			WTERMSIG(status));
		return say_quit(r, &err);
	}
	return r;
}

int fetch_get(const char *no_keyring)
{
	struct err err = ERR_INIT;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return say_quit(err_errno(&err, ERR_IO, "no process can be had"), &err);
	if (pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) < 0)
			_exit(ERR_IO);
		close(ends[0]);
		close(ends[1]);
		os_exit(work(no_keyring)); /* a module may have been loaded */
	}
	close(ends[1]);
	return relay(ends[0], pid);
}
