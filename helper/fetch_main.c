/*
 * credential-fetch: what talks to issuers. The program that git runs turns into it when
 * there is no access token to give, and for the verbs for people.
 */
#include <string.h>

#include "base/os.h"
#include "helper/fetch.h"
#include "helper/say.h"

int main(int argc, char **argv)
{
	os_start();
	if (argc >= 2 && argc <= 3 && strcmp(argv[1], "get") == 0)
		os_exit(fetch_get(argv[2])); /* a module may have been loaded */
	say("credential-fetch is run by git-credential-hsm");
	return ERR_USAGE;
}
