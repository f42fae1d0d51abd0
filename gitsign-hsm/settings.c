#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "token/agent.h"

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

/* hsm.pinentry and hsm.askpass: an absolute path, or one word. */
static int asker(const struct settings *s, const char *key, const char *word, const char **ret,
		 struct err *err)
{
	const char *v = gitconf_get(&s->conf, key);

	*ret = v != NULL && v[0] != '\0' ? v : NULL;
	if (*ret == NULL || v[0] == '/' || strcmp(v, word) == 0)
		return 0;
	return err_set(err, ERR_CONFIG, "%s wants an absolute path or \"%s\"", key, word);
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

static int agent(const struct settings *s, enum settings_agent *ret, struct err *err)
{
	const char *v = gitconf_get(&s->conf, "hsm.agent");

	if (v == NULL || v[0] == '\0' || strcmp(v, "auto") == 0)
		*ret = SETTINGS_AGENT_AUTO;
	else if (strcmp(v, "off") == 0)
		*ret = SETTINGS_AGENT_OFF;
	else if (strcmp(v, "required") == 0)
		*ret = SETTINGS_AGENT_REQUIRED;
	else if (strcmp(v, "ssh") == 0)
		*ret = SETTINGS_AGENT_SSH;
	else
		return err_set(err, ERR_CONFIG, "hsm.agent must be auto, off, required or ssh");
	return 0;
}

/* Takes the configuration over, whatever it returns. */
static int from_conf(struct gitconf *conf, struct settings *ret, struct err *err)
{
	struct settings s = { .conf = *conf };
	int r;

	s.module_args = gitconf_get(&s.conf, "hsm.moduleArgs");
	s.key = gitconf_get(&s.conf, "hsm.key");
	s.tag_key = gitconf_get(&s.conf, "hsm.tagKey");
	s.push_key = gitconf_get(&s.conf, "hsm.pushKey");
	s.pin_source_text = gitconf_get(&s.conf, "hsm.pinSource");
	s.format = gitconf_get(&s.conf, "gpg.format");
	s.user_key = gitconf_get(&s.conf, "user.signingKey");
	if ((r = absolute(&s, "hsm.module", &s.module, err)) != 0 ||
	    (r = absolute(&s, "hsm.policy", &s.policy, err)) != 0 ||
	    (r = absolute(&s, "hsm.roots", &s.roots, err)) != 0 ||
	    (r = timeout(&s, &s.timeout_ms, err)) != 0 || (r = agent(&s, &s.agent, err)) != 0 ||
	    (r = pin_source_parse(s.pin_source_text, &s.pin_source, err)) != 0 ||
	    (r = asker(&s, "hsm.pinentry", "off", &s.pin_source.pinentry, err)) != 0 ||
	    (r = asker(&s, "hsm.askpass", "true", &s.pin_source.askpass, err)) != 0) {
		settings_free(&s);
		return r;
	}
	*ret = s;
	return 0;
}

int settings_load(struct settings *ret, struct err *err)
{
	struct gitconf conf = GITCONF_INIT;
	int r = gitconf_load(&conf, err);

	return r != 0 ? r : from_conf(&conf, ret, err);
}

int settings_parse(struct bytes text, struct settings *ret, struct err *err)
{
	struct gitconf conf = GITCONF_INIT;
	int r = gitconf_parse(&conf, text, "the client's configuration", err);

	return r != 0 ? r : from_conf(&conf, ret, err);
}

void settings_text(const struct settings *s, struct buf *out)
{
	buf_add_str(out, "[hsm]\n");
	for (size_t i = 0; i < s->conf.n; i++) {
		const struct gitconf_entry *e = &s->conf.v[i];

		if (strcmp(e->section, "hsm") != 0 || e->subsection != NULL || e->name == NULL)
			continue;
		buf_add_str(out, e->name);
		if (e->value != NULL)
			buf_add_str(out, " = \"");
		for (const char *p = e->value; p != NULL && *p != '\0'; p++) {
			if (*p == '"' || *p == '\\' || *p == '\n')
				buf_add_byte(out, '\\');
			buf_add_byte(out, *p == '\n' ? 'n' : (uint8_t)*p);
		}
		buf_add_str(out, e->value != NULL ? "\"\n" : "\n");
	}
}

void settings_free(struct settings *s)
{
	gitconf_free(&s->conf);
}

/* Did the user name the key for this one object? Else git gives user.signingKey, or
 * without one the identity, which ends in an address in angle brackets. */
static bool named_for_this(const struct settings *s, const char *named)
{
	size_t n = named != NULL ? strlen(named) : 0;

	if (n == 0)
		return false;
	if (s->user_key != NULL && s->user_key[0] != '\0')
		return strcmp(named, s->user_key) != 0;
	return named[n - 1] != '>';
}

const char *settings_key_for(const struct settings *s, struct bytes payload, const char *named)
{
	enum agent_purpose purpose = agent_purpose_of(payload);
	const char *key = purpose == AGENT_TAG    ? s->tag_key
			  : purpose == AGENT_PUSH ? s->push_key
						  : NULL;

	return key == NULL || key[0] == '\0' || named_for_this(s, named) ? named : key;
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
