#include "helper/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/say.h"

int verb_failed(const struct err *err)
{
	fflush(stdout);
	say(err->text);
	return err->code;
}

bool verb_options(const struct opt_command *cmd, int *argc, char ***argv, int *status)
{
	struct err err = ERR_INIT;
	bool help = false;
	int r = opt_parse(cmd, argc, argv, &help, &err);

	*status = r;
	if (r != 0) {
		fflush(stdout);
		fprintf(stderr, "git-credential-hsm: %s\n", err.text);
	}
	return r == 0 && !help;
}

int verb_profile(const char *url, struct ask *a, struct err *err)
{
	int r = ask_url(url, a, err);

	if (r != 0 || a->found)
		return r;
	ask_free(a);
	return err_set(err, ERR_CONFIG,
		       "no profile is for this address, so no access token is given: type  "
		       "git-credential-hsm configure %s --help",
		       url);
}

struct grant_ask verb_grant_ask(const struct ask *a, char **host)
{
	*host = a->target.port == 443 ? xstrdup(a->target.host)
				      : xasprintf("%s:%u", a->target.host, a->target.port);
	return (struct grant_ask){
		.conf = &a->conf,
		.host = *host,
		.path = a->target.path,
		.username = a->target.user,
	};
}

void verb_add_span(struct buf *out, int64_t seconds)
{
	if (seconds < 120)
		buf_addf(out, "%lld s", (long long)seconds);
	else if (seconds < 120 * 60)
		buf_addf(out, "%lld min", (long long)seconds / 60);
	else if (seconds < 48 * 60 * 60)
		buf_addf(out, "%lld h", (long long)seconds / 3600);
	else
		buf_addf(out, "%lld days", (long long)seconds / 86400);
}

const char *verb_store_text(enum cred_store kind)
{
	switch (kind) {
	case CRED_SESSION:
		return "in the session's memory";
	case CRED_STORE_NONE:
		return "nowhere";
	default:
		return "in the keyring";
	}
}
