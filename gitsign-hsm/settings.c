#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int absolute(const struct settings *s, const char *key, const char **ret, struct err *err)
{
	const char *v = gitconf_get(&s->conf, key);

	if (v != NULL && v[0] == '\0')
		v = NULL; /* an empty value takes back what a wider scope says */
	if (v != NULL && v[0] != '/') {
		char *shown = text_escaped(bytes_str(v));

		err_set(err, ERR_CONFIG, "%s is %s: it must be an absolute path", key, shown);
		free(shown);
		return ERR_CONFIG;
	}
	*ret = v;
	return 0;
}

static int timeout(const struct settings *s, int *ret, struct err *err)
{
	const char *v = gitconf_get(&s->conf, "hsm.timeout");
	uint64_t seconds = 60;

	if (v != NULL && (!text_parse_u64(bytes_str(v), &seconds) || seconds < 1 || seconds > 3600))
		return err_set(err, ERR_CONFIG, "hsm.timeout wants seconds, from 1 to 3600");
	*ret = (int)seconds * 1000;
	return 0;
}

int settings_load(struct settings *ret, struct err *err)
{
	struct settings s = { .conf = GITCONF_INIT };
	int r = gitconf_load(&s.conf, err);

	if (r != 0)
		return r;
	s.module_args = gitconf_get(&s.conf, "hsm.moduleArgs");
	s.key = gitconf_get(&s.conf, "hsm.key");
	s.pin_source_text = gitconf_get(&s.conf, "hsm.pinSource");
	s.format = gitconf_get(&s.conf, "gpg.format");
	s.user_key = gitconf_get(&s.conf, "user.signingKey");
	if ((r = absolute(&s, "hsm.module", &s.module, err)) != 0 ||
	    (r = absolute(&s, "hsm.policy", &s.policy, err)) != 0 ||
	    (r = absolute(&s, "hsm.roots", &s.roots, err)) != 0 ||
	    (r = timeout(&s, &s.timeout_ms, err)) != 0 ||
	    (r = pin_source_parse(s.pin_source_text, &s.pin_source, err)) != 0) {
		settings_free(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void settings_free(struct settings *s)
{
	gitconf_free(&s->conf);
}

static bool is_ours(const char *program)
{
	const char *slash;

	if (program == NULL)
		return false;
	slash = strrchr(program, '/');
	return strcmp(slash != NULL ? slash + 1 : program, "gitsign-hsm") == 0;
}

bool settings_is_openpgp(const struct settings *s)
{
	const char *specific = gitconf_get(&s->conf, "gpg.openpgp.program");

	if (s->format != NULL && strcmp(s->format, "openpgp") != 0)
		return false;
	/* git's own order: gpg.<format>.program and gpg.program set the same thing */
	return is_ours(specific) || is_ours(gitconf_get(&s->conf, "gpg.program"));
}
