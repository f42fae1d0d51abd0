/*
 * credential-fetch: what talks to issuers. The program that git runs turns into it when
 * there is no access token to give, and for the verbs for people.
 */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "helper/fetch.h"
#include "helper/say.h"
#include "helper/verbs.h"
#include "oauth/http.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "configure", verb_configure }, { "login", verb_login },     { "logout", verb_logout },
	{ "status", verb_status },       { "explain", verb_explain }, { "test", verb_test },
};

int main(int argc, char **argv)
{
	os_start();
	http_start();
	if (argc >= 2 && argc <= 3 && strcmp(argv[1], "get") == 0)
		os_exit(fetch_get(argv[2])); /* a module may have been loaded */
	for (size_t i = 0; argc >= 2 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		int r = verbs[i].run(argc - 1, argv + 1);

		os_exit(os_stdout_end("git-credential-hsm", r));
	}
	say("credential-fetch is run by git-credential-hsm");
	return ERR_USAGE;
}
