/* libexec/gitsign-hsm/verbs: runs one verb of the table. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "verb_table.h"
#include "verbs.h"

static const struct {
	const char *noun, *verb;
	int (*run)(int argc, char **argv);
} runners[] = {
	{ "setup", NULL, verb_setup },
	{ "token", "list", verb_token_list },
	{ "token", "init", verb_token_init },
	{ "key", "list", verb_key_list },
	{ "key", "generate", verb_key_generate },
	{ "key", "check", verb_key_check },
	{ "cert", "request", verb_cert_request },
	{ "cert", "self-sign", verb_cert_self_sign },
	{ "cert", "import", verb_cert_import },
	{ "verify", NULL, verb_verify },
	{ "doctor", NULL, verb_doctor },
	{ "policy", "check", verb_policy_check },
	{ "policy", "explain", verb_policy_explain },
	{ "policy", "replay", verb_policy_replay },
	{ "policy", "init", verb_policy_init },
	{ "record", "list", verb_record_list },
	{ "record", "check", verb_record_check },
	{ "record", "export", verb_record_export },
	{ "record", "import", verb_record_import },
	{ "record", "rebuild", verb_record_rebuild },
	{ "hook", "install", verb_hook_install },
	{ "hook", "remove", verb_hook_remove },
	{ "hook", "enable", verb_hook_enable },
	{ "hook", "disable", verb_hook_disable },
	{ "hook", "status", verb_hook_status },
};

static bool same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int main(int argc, char **argv)
{
	const struct verb *v = NULL;
	bool known = false;
	char name[48];
	int skip, r = ERR_USAGE;

	os_start();
	if (argc > 1)
		v = verb_find(argv[1], argc > 2 ? argv[2] : NULL, &known);
	if (v == NULL) {
		fputs("gitsign-hsm: this program is run by gitsign-hsm VERB\n", stderr);
		return ERR_USAGE;
	}
	skip = v->verb != NULL ? 2 : 1;
	snprintf(name, sizeof(name), "%s%s%s", v->noun, v->verb != NULL ? " " : "",
		 v->verb != NULL ? v->verb : "");
	argv[skip] = name;
	for (size_t i = 0; i < sizeof(runners) / sizeof(runners[0]); i++) {
		if (same(runners[i].noun, v->noun) && same(runners[i].verb, v->verb))
			r = runners[i].run(argc - skip, argv + skip);
	}
	os_exit(os_stdout_end("gitsign-hsm", r)); /* some verbs load a module */
}
