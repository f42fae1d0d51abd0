/* A hook's first steps: what it inherits, and how long it may take. */
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/alg.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "hooks/common/hook.h"
#include "repo/lost.h"

extern char **environ;

/* `git -c` of the one who pushes counts for hooks of that one. */
static bool unwanted(const char *name, bool client)
{
	static const char *const prefixes[] = { "GITSIGN_HSM_", "GIT_CONFIG", "LC_",
						"OPENSSL_",     "SSL_CERT_",  NULL };
	static const char *const names[] = {
		"LANG=",     "LANGUAGE=",      "GIT_GRAFT_FILE=",    "GIT_REPLACE_REF_BASE=",
		"GIT_TRACE", "GIT_NAMESPACE=", "GIT_NO_LAZY_FETCH=", NULL
	};

	if (client && strncmp(name, "GIT_CONFIG", strlen("GIT_CONFIG")) == 0)
		return false;
	for (const char *const *p = prefixes; *p; p++)
		if (strncmp(name, *p, strlen(*p)) == 0)
			return true;
	for (const char *const *p = names; *p; p++)
		if (strncmp(name, *p, strlen(*p)) == 0)
			return true;
	return false;
}

static void scrub_environment(bool client)
{
	char **to = environ;

	/* Not by unsetenv(), which leaves what has no '=' in it. */
	for (char **from = environ; from && *from; from++)
		if (!unwanted(*from, client))
			*to++ = *from;
	if (to)
		*to = NULL;
	if (setenv("GIT_NO_REPLACE_OBJECTS", "1", 1) != 0 ||
	    setenv("GIT_NO_LAZY_FETCH", "1", 1) != 0 || setenv("LC_ALL", "C", 1) != 0)
		_exit(ERR_INTERNAL); /* no memory */
}

static void say_lost(bool client)
{
	struct buf text = BUF_INIT;

	buf_add_str(&text, "\n"); /* ends a line of progress */
	text_wrap(&text,
		  client ? "gitsign-hsm: refused: " REPO_LOST ". See with: git fsck"
			 : "gitsign-hsm: refused: " REPO_LOST
			   ". The server's administrator can see "
			   "with: git fsck",
		  JUDGE_COLUMNS, 2);
	repo_lost_say(hook_refusal_text(buf_str(&text)));
	buf_free(&text);
}

static void start(bool client)
{
	scrub_environment(client);
	os_start();
	/* A limit on the size of files makes the write fail, which is then said. */
	signal(SIGXFSZ, SIG_IGN);
	say_lost(client);
	/* Its configuration file can load code: nobody here has asked for it. */
	alg_start_verifier();
}

void hook_start(void)
{
	start(false);
}

void hook_start_client(void)
{
	start(true);
}

int hook_limit_time(const struct hook *h, struct err *err)
{
	long long s = (long long)h->policy->time;
	/* Progress may be shown on the line. */
	_cleanup_free_ char *text = xasprintf(
		"\ngitsign-hsm: %s refused: judging it took longer than %lld s, which\n"
		"  is what the policy allows ([limits] time). Push in smaller parts. When\n"
		"  it was small, an object of the repository may be corrupt: git fsck\n",
		hook_subject(h), s);
	_cleanup_free_ char *shown = hook_refusal_text(text);

	return deadline_set((long)s, shown, ERR_BAD, err);
}
