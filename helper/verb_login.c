/* login and logout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "helper/fetch.h"
#include "helper/say.h"
#include "helper/verbs.h"

#define LOCK_MS 30000
#define REVOKE_MS 20000 /* the new login is there: nobody waits long for the end of the old one */

static int lock(struct ask *a, int *fd, struct err *err)
{
	int r = store_lock(&a->store, LOCK_MS, fd, err);

	if (r == 0 && *fd < 0)
		r = err_set(err, ERR_IO,
			    "another git-credential-hsm is asking for this access token");
	return r;
}

static void note(struct ask *a)
{
	if (a->store.note.n > 0)
		say(buf_str(&a->store.note));
}

static void tell_login(const struct ask *a, const struct cred_tokens *t)
{
	struct buf b = BUF_INIT;
	int64_t left = t->expires - os_now();

	buf_addf(&b, "%s: access token received", a->profile.url);
	if (t->expires > 0 && left <= 0) {
		buf_add_str(&b, ", which has expired already (is this clock right?)");
	} else if (t->expires > 0) {
		buf_add_str(&b, ", good for ");
		verb_add_span(&b, left);
	}
	buf_addf(&b, "; kept %s%s\n", verb_store_text(a->store.kind),
		 t->refresh.p != NULL ? ", with a refresh token" : "");
	fputs(buf_str(&b), stdout);
	buf_free(&b);
}

/* A person says yes, and what that gives is kept in place of `old`, what was there. */
static int sign_in(struct ask *a, struct grant_ask *g, struct cred_tokens *t,
		   struct cred_tokens *old, struct err *err)
{
	bool found;
	int r;

	g->interactive = true;
	g->deadline_ms = 0;
	g->refresh = NULL;
	g->refresh_refused = NULL;
	r = grant_run(&a->profile, g, t, err);
	if (r != 0)
		return r;
	if (store_load(&a->store, old, &found, NULL) != 0)
		*old = (struct cred_tokens)CRED_TOKENS_NONE;
	cred_tokens_follow(t, old);
	return store_save(&a->store, t, err);
}

/* The refresh token of the login before: nobody has it any more, so it is good for nobody. */
static bool end_old(struct ask *a, struct grant_ask *g, struct cred_tokens *old,
		    const struct cred_tokens *t)
{
	_cleanup_free_ char *line = NULL;
	struct err err = ERR_INIT;
	bool done = false;
	int r;

	if (old->refresh.p == NULL ||
	    (t->refresh.p != NULL && strcmp(old->refresh.p, t->refresh.p) == 0))
		return false;
	secret_free(&old->access); /* a git that runs may be using it */
	g->deadline_ms = os_monotonic_ms() + REVOKE_MS;
	r = grant_revoke(&a->profile, g, old, &done, &err);
	if (!done) {
		line = xasprintf("the refresh token of the login before is not revoked: %s",
				 r != 0 ? err.text : "the issuer has no way to");
		say(line);
	}
	return done;
}

/*
 * Some issuers end all that one person gave one client with any of its refresh tokens
 * (RFC 7009 2.1; Auth0 by a switch), the new login too. Its first use tells.
 */
static int outlive(struct ask *a, struct grant_ask *g, struct cred_tokens *t, struct err *err)
{
	struct cred_tokens next = CRED_TOKENS_NONE, none = CRED_TOKENS_NONE;
	struct err why = ERR_INIT;
	bool refused = false;
	int r;

	if (t->refresh.p == NULL)
		return 0;
	r = fetch_refresh(a, g, t, &next, &refused, &why);
	if (r != 0 && !refused)
		return 0; /* nothing says that it is dead */
	cred_tokens_free(t);
	if (r == 0) {
		*t = next;
		return 0;
	}
	say("the issuer ended the new login together with the one before: once more, please");
	r = sign_in(a, g, t, &none, err);
	cred_tokens_free(&none);
	return r;
}

static int login(const char *url, struct err *err)
{
	struct ask a;
	struct cred_tokens t = CRED_TOKENS_NONE, old = CRED_TOKENS_NONE;
	char *host = NULL;
	struct grant_ask g;
	int fd = -1, r = verb_profile(url, &a, err);

	if (r != 0)
		return r;
	a.store.quiet = false;
	g = verb_grant_ask(&a, &host);
	r = lock(&a, &fd, err);
	if (r == 0)
		r = sign_in(&a, &g, &t, &old, err);
	if (r == 0 && end_old(&a, &g, &old, &t))
		r = outlive(&a, &g, &t, err);
	if (r == 0) {
		note(&a);
		tell_login(&a, &t);
	}
	if (fd >= 0)
		close(fd);
	cred_tokens_free(&old);
	cred_tokens_free(&t);
	ask_free(&a);
	free(host);
	return r;
}

/* A verb whose only word is an address. */
static int for_url(int argc, char **argv, const char *usage, const char *summary,
		   int (*run)(const char *url, struct err *err))
{
	const struct opt opts[] = { { 0, NULL, NULL, NULL, OPT_FLAG, NULL } };
	const struct opt_command cmd = {
		.usage = usage, .summary = summary, .opts = opts, .args_min = 1, .args_max = 1
	};
	struct err err = ERR_INIT;
	int r;

	if (!verb_options(&cmd, &argc, &argv, &r))
		return r;
	r = run(argv[0], &err);
	return r != 0 ? verb_failed(&err) : 0;
}

int verb_login(int argc, char **argv)
{
	return for_url(argc, argv, "git-credential-hsm login URL",
		       "Asks the issuer for an access token now, a person too where the profile "
		       "wants one, so that git needs to ask nobody later.",
		       login);
}

/* --- logout ------------------------------------------------------------------------ */

/* What cannot be revoked is forgotten all the same, and said. */
static int give_back(struct ask *a, const struct cred_tokens *t, struct err *err)
{
	char *host = NULL;
	struct grant_ask g = verb_grant_ask(a, &host);
	bool done = false;
	int r;

	g.interactive = true;
	r = grant_revoke(&a->profile, &g, t, &done, err);
	free(host);
	if (r != 0)
		err_prefix(err, "forgotten here, but not revoked");
	else
		printf("%s: %s\n", a->profile.url,
		       done ? "revoked at the issuer, and forgotten"
			    : "forgotten; the issuer has no way to revoke access tokens");
	return r;
}

/* Of a GitHub App each owner has tokens, which this address may not name. */
static void tell_none(const struct ask *a)
{
	bool owners = a->profile.grant == CRED_GITHUB_APP && a->target.path[0] == '\0' &&
		      a->request_id.n == 0 && a->profile.installation == NULL;

	printf("%s: there was no token of this address%s\n", a->profile.url,
	       owners ? "; those of its owners' addresses are forgotten, not revoked (an "
			"address with OWNER/REPOSITORY revokes its own)"
		      : "");
}

/* What stands in a keyring that cannot be used is out of reach, and nobody may think it gone. */
static int reached(const struct ask *a, struct err *err)
{
	const char *why = buf_str(&a->store.note);

	if (a->store.kind == a->profile.store)
		return 0;
	return err_set(err, ERR_IO,
		       "what a keyring may hold is neither revoked nor forgotten: %.*s. Unlock it "
		       "and log out again, or set hsmStore to session where there is none",
		       (int)strcspn(why, ";"), why);
}

static int logout(const char *url, struct err *err)
{
	struct ask a;
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct err why = ERR_INIT;
	bool found = false;
	int fd = -1, cleared, r = verb_profile(url, &a, err);

	if (r != 0)
		return r;
	a.store.quiet = false;
	r = lock(&a, &fd, err);
	if (r == 0)
		r = store_load(&a.store, &t, &found, err);
	if (r == 0) {
		cleared = store_clear(&a.store, err);
		if (found)
			r = give_back(&a, &t, &why);
		else
			tell_none(&a);
		if (r != 0)
			(void)err_set(err, why.code, "%s", why.text);
		else
			r = cleared != 0 ? cleared : reached(&a, err);
	}
	if (fd >= 0)
		close(fd);
	cred_tokens_free(&t);
	ask_free(&a);
	return r;
}

int verb_logout(int argc, char **argv)
{
	return for_url(argc, argv, "git-credential-hsm logout URL",
		       "Revokes the tokens of this address at the issuer (RFC 7009, or GitHub's "
		       "API) and forgets all that is kept for its profile.",
		       logout);
}
