#include "helper/ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/os.h"

/* Our state[]: when the token was issued, and the user of git's first request, if it had one. */
#define STATE "hsm:"

static bool empty(const char *v)
{
	return v == NULL || v[0] == '\0';
}

/* In its second request git has the user of our answer: whom it asked for stands in our state. */
static const char *asked_user(const struct cred_input *in)
{
	const char *colon;

	if (in->state == NULL)
		return in->username;
	colon = strchr(in->state + strlen(STATE), ':');
	return colon != NULL ? colon + 1 : NULL;
}

/* The request's URL in one form; *ours false for what is none of this helper's. */
static int find_target(struct ask *a, bool *ours, struct err *err)
{
	const struct cred_input *in = &a->in;
	bool https = in->protocol != NULL && strcmp(in->protocol, "https") == 0;
	bool http = in->protocol != NULL && strcmp(in->protocol, "http") == 0;
	const char *user = asked_user(in);

	*ours = false;
	if (empty(in->protocol) && empty(in->host))
		return 0;
	if (empty(in->protocol) || ((https || http) && empty(in->host)))
		return err_set(err, ERR_INPUT,
			       "refused what git sent: no protocol or no host; no access token "
			       "was given");
	if (!https && !http)
		return 0;
	if (cred_url_request(https, in->host, in->path, user, &a->target, NULL) == 0) {
		*ours = true;
		return 0;
	}
	/* A host that no profile can name is somebody else's; a path is said. */
	if (cred_url_request(https, in->host, NULL, user, &a->target, NULL) != 0)
		return 0;
	*ours = true;
	return cred_url_request(https, in->host, in->path, user, &a->target, err);
}

/* Whose it is counts where a person is asked: the issuer knows others by the profile. */
static bool by_person(const struct cred_profile *p)
{
	return p->grant == CRED_DEVICE_CODE || p->grant == CRED_AUTHORIZATION_CODE;
}

static void name_store(struct ask *a)
{
	cred_profile_id(&a->profile_id, &a->profile);
	cred_profile_request_id(&a->request_id, &a->profile, &a->target);
	if (by_person(&a->profile) && a->target.user != NULL)
		buf_addf(&a->request_id, "account=%s\n", a->target.user);
	a->store = (struct store){ .kind = a->profile.store,
				   .profile = buf_str(&a->profile_id),
				   .request = buf_str(&a->request_id),
				   .quiet = !ask_interactive(a) };
}

static int find_profile(struct ask *a, struct err *err)
{
	int r = gitconf_load(&a->conf, err);

	if (r == 0)
		r = cred_profile_find(&a->conf, &a->target, &a->profile, &a->found, err);
	if (r == 0 && a->found)
		name_store(a);
	return r;
}

/* A path of odd form is an error only where the host has a profile. */
static int odd_path(struct ask *a, int r)
{
	if (find_profile(a, NULL) == 0 && !a->found)
		return 0;
	a->found = false;
	return r;
}

int ask_read(int fd, struct ask *ret, struct err *err)
{
	struct ask a = { .found = false };
	bool ours = false;
	int r = cred_read(fd, &a.in, err);

	if (r == 0)
		r = find_target(&a, &ours, err);
	if (ours)
		r = r != 0 ? odd_path(&a, r) : find_profile(&a, err);
	if (r != 0) {
		ask_free(&a);
		return r;
	}
	*ret = a;
	return 0;
}

int ask_url(const char *url, struct ask *ret, struct err *err)
{
	struct ask a = { .found = false };
	int r = cred_url_parse(url, &a.target, err);

	if (r == 0)
		r = find_profile(&a, err);
	if (r != 0) {
		ask_free(&a);
		return r;
	}
	*ret = a;
	return 0;
}

void ask_free(struct ask *a)
{
	store_free(&a->store);
	buf_free(&a->profile_id);
	buf_free(&a->request_id);
	cred_profile_free(&a->profile);
	cred_url_free(&a->target);
	gitconf_free(&a->conf);
	cred_input_free(&a->in);
	a->found = false;
}

/* git-credential(1): without a password all that matches is erased. */
static bool names_all(const struct ask *a)
{
	return cred_input_token(&a->in) == NULL && a->in.username == NULL;
}

bool ask_names_token(const struct ask *a)
{
	return names_all(a) || !empty(cred_input_token(&a->in));
}

int ask_forget(const struct ask *a, struct store *s)
{
	if (names_all(a))
		return store_clear(s, NULL);
	return store_erase(s, bytes_str(cred_input_token(&a->in)), NULL);
}

/* git credential.c: "never", or what is no for a boolean (git 2.47); what is neither is no. */
bool ask_interactive(const struct ask *a)
{
	const char *said = gitconf_get(&a->conf, "credential.interactive");
	const char *prompt = getenv("GIT_TERMINAL_PROMPT");
	bool yes = true;

	if (said != NULL && strcasecmp(said, "never") == 0)
		return false;
	if (gitconf_bool(&a->conf, "credential.interactive", true, &yes, NULL) != 0 || !yes)
		return false;
	return prompt == NULL || gitconf_truth(prompt) == 1;
}

static char *state_of(const struct ask *a, const struct cred_tokens *t)
{
	const char *user = a->target.user;

	return xasprintf(STATE "%" PRId64 "%s%s", t->issued, user != NULL ? ":" : "",
			 user != NULL ? user : "");
}

/* Our own state, as it came back: of the token that the server refused. */
static bool refused_by_server(const struct ask *a, const struct cred_tokens *t)
{
	_cleanup_free_ char *state = state_of(a, t);

	return a->in.state != NULL && strcmp(a->in.state, state) == 0;
}

bool ask_can_give(const struct ask *a, const struct cred_tokens *t)
{
	return cred_tokens_state(t, os_now()) != CRED_STALE && !refused_by_server(a, t);
}

bool ask_wants_fetch(const struct ask *a, const struct cred_tokens *t)
{
	int64_t now = os_now();

	if (!ask_can_give(a, t))
		return true;
	/* Nobody is asked for a code while the old one is good. */
	return cred_tokens_state(t, now) == CRED_AGEING &&
	       (cred_tokens_can_refresh(t, now) || !by_person(&a->profile));
}

/* The user that the section names, or else what the issuer's tokens go with. */
static char *username_of(const struct ask *a, const struct cred_tokens *t)
{
	struct cred_url section;
	char *user = NULL;

	if (cred_url_parse(a->profile.url, &section, NULL) == 0) {
		user = section.user != NULL ? xstrdup(section.user) : NULL;
		cred_url_free(&section);
	}
	return user != NULL ? user : xstrdup(t->username);
}

int ask_give(const struct ask *a, const struct cred_tokens *t, bool cached, struct err *err)
{
	_cleanup_free_ char *user = username_of(a, t);
	_cleanup_free_ char *state = state_of(a, t);
	const struct cred_answer answer = {
		.username = user,
		.token = bytes_of(t->access.p, t->access.n),
		.bearer = t->bearer && a->in.www_bearer,
		.expires = t->expires,
		.state = cached && t->issued > 0 ? state : NULL,
	};
	struct secret out = SECRET_NONE;
	int r;

	cred_answer_write(&out, &a->in, &answer);
	r = os_write_all(STDOUT_FILENO, bytes_of(out.p, out.n), "standard output", err);
	secret_free(&out);
	return r;
}
