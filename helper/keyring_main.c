/*
 * credential-keyring: the Secret Service, for git (get, erase) and for the siblings
 * (store: a frame in, a frame out). A service that does not answer is not waited for.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "cred/wire.h"
#include "helper/ask.h"
#include "helper/keyring.h"
#include "helper/say.h"
#include "helper/sibling.h"
#include "helper/store_internal.h"

#define LOCK_MS 5000
#define SILENT "the keyring does not answer"

/* --- the deadline ------------------------------------------------------------------------ */

/* Made before the clock runs: what a signal handler may do is little. */
static struct buf fetch_path;
static const char last_words[] =
	"git-credential-hsm: " SILENT ", and credential-fetch cannot be run (is "
	"git-credential-hsm installed whole?)\n";
static const char *fetch_argv[] = { "credential-fetch", "get", SILENT, NULL };
static struct secret silent_frame;
static enum { GET, ERASE, STORE } mode;

static void on_alarm(int n)
{
	sigset_t none;

	(void)n;
	if (mode == GET) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (lseek(STDIN_FILENO, 0, SEEK_SET) == 0)
			execv(buf_str(&fetch_path), (char *const *)(uintptr_t)fetch_argv);
		(void)!write(STDERR_FILENO, last_words, sizeof(last_words) - 1);
		(void)!write(STDOUT_FILENO, "quit=1\n", 7);
	} else if (mode == STORE) {
		(void)!write(STDOUT_FILENO, silent_frame.p, silent_frame.n);
	}
	_exit(mode == GET ? ERR_INTERNAL : 0);
}

static void set_deadline(bool quiet)
{
	const struct sigaction sa = { .sa_handler = on_alarm };
	const int ms = quiet ? STORE_KEYRING_QUIET_MS : STORE_KEYRING_MS;
	const struct itimerval when = { .it_value = { .tv_sec = ms / 1000 } };
	const struct cred_frame f = { .code = CRED_SAID_UNUSABLE, .body = BYTES_LIT(SILENT) };

	cred_frame_write(&silent_frame, &f);
	(void)sibling_path("credential-fetch", &fetch_path, NULL);
	sigaction(SIGALRM, &sa, NULL);
	(void)setitimer(ITIMER_REAL, &when, NULL);
}

static void end_deadline(void)
{
	const struct itimerval never = { .it_value = { .tv_sec = 0 } };

	(void)setitimer(ITIMER_REAL, &never, NULL);
}

/* A prompt needs a screen: without one a locked keyring stays so. */
static bool has_display(void)
{
	const char *x = getenv("DISPLAY"), *w = getenv("WAYLAND_DISPLAY");

	return (x != NULL && x[0] != '\0') || (w != NULL && w[0] != '\0');
}

/* --- for git ------------------------------------------------------------------------------- */

/* Reads the request again from its start. */
static int become_fetch(const char *why)
{
	const char *argv[] = { "credential-fetch", "get", why, NULL };
	struct err err = ERR_INIT;
	int r = 0;

	if (lseek(STDIN_FILENO, 0, SEEK_SET) != 0)
		r = err_errno(&err, ERR_IO, "cannot read the request again");
	if (r == 0)
		r = sibling_become(argv, BYTES_NONE, &err);
	return say_quit(r, &err);
}

static void ask_keyring(const struct store *s, enum cred_ask code, struct bytes body,
			struct secret *out)
{
	struct cred_frame f = { .code = code, .body = body };
	bool quiet = s->quiet || !has_display();
	struct buf id = BUF_INIT;

	if (code == CRED_ASK_LOAD)
		store_name(s, &id);
	else
		buf_add_str(&id, s->profile);
	f.id = buf_bytes(&id);
	set_deadline(quiet);
	keyring_answer(&f, quiet, out);
	end_deadline();
	buf_free(&id);
}

static int get(struct ask *a)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct secret out = SECRET_NONE;
	struct cred_frame f;
	int r;

	mode = GET;
	ask_keyring(&a->store, CRED_ASK_LOAD, BYTES_NONE, &out);
	if (cred_frame_parse(bytes_of(out.p, out.n), &f, NULL) != 0)
		f.code = CRED_SAID_NOTHING;
	if (f.code == CRED_SAID_DONE && cred_tokens_parse(f.body, &t, NULL) == 0 &&
	    !ask_wants_fetch(a, &t)) {
		r = ask_give(a, &t, true, NULL);
	} else if (f.code == CRED_SAID_UNUSABLE) {
		_cleanup_free_ char *why = xstrndup((const char *)f.body.p, f.body.n);

		r = become_fetch(why);
	} else {
		r = become_fetch(NULL);
	}
	cred_tokens_free(&t);
	secret_free(&out);
	return r;
}

/* Whoever holds the lock is about to replace the token: then there is nothing to erase. */
static int erase(struct ask *a)
{
	const char *token = cred_input_token(&a->in);
	struct secret out = SECRET_NONE;
	struct store session = a->store;
	int lock = -1;

	mode = ERASE;
	if (!ask_names_token(a) || store_lock(&a->store, LOCK_MS, &lock, NULL) != 0 || lock < 0)
		return 0;
	/* What a keyring once could not take is in the session's memory. */
	session.kind = CRED_SESSION;
	(void)ask_forget(a, &session);
	ask_keyring(&a->store, token != NULL ? CRED_ASK_ERASE : CRED_ASK_CLEAR,
		    bytes_str(token != NULL ? token : ""), &out);
	secret_free(&out);
	return 0;
}

static int for_git(int (*run)(struct ask *))
{
	struct ask a;
	struct err err = ERR_INIT;
	int r = ask_read(STDIN_FILENO, &a, &err);

	if (r != 0)
		return say_quit(r, &err);
	if (a.found)
		r = run(&a);
	ask_free(&a);
	return r;
}

/* --- for the siblings ------------------------------------------------------------------------ */

static int store(bool quiet)
{
	struct secret in = SECRET_NONE, out = SECRET_NONE;
	struct err err = ERR_INIT;
	struct cred_frame f;
	int r = cred_frame_read(STDIN_FILENO, STORE_KEYRING_QUIET_MS, &in, &f, &err);

	mode = STORE;
	quiet = quiet || !has_display();
	set_deadline(quiet);
	if (r == 0) {
		keyring_answer(&f, quiet, &out);
		end_deadline();
		r = os_write_all(STDOUT_FILENO, bytes_of(out.p, out.n), "the answer", &err);
	}
	secret_free(&in);
	secret_free(&out);
	return r;
}

int main(int argc, char **argv)
{
	os_start();
	if (argc == 2 && strcmp(argv[1], "get") == 0)
		return for_git(get);
	if (argc == 2 && strcmp(argv[1], "erase") == 0)
		return for_git(erase);
	if (argc == 2 && strcmp(argv[1], "store") == 0)
		return store(false);
	if (argc == 2 && strcmp(argv[1], "store-quiet") == 0)
		return store(true);
	say("credential-keyring is run by git-credential-hsm");
	return ERR_USAGE;
}
