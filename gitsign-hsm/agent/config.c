/* The agent's own settings. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "base/text.h"

#define WORDS_MAX 64
#define WEEK_S ((uint64_t)7 * 24 * 3600)

/* "90s", "15m", "8h", or seconds: milliseconds. False for anything else or more than a week. */
static bool config_duration(const char *text, int64_t *ret)
{
	struct bytes v = bytes_str(text);
	uint64_t n, unit = 1;

	if (v.n > 0 && strchr("smh", v.p[v.n - 1]) != NULL) {
		unit = v.p[v.n - 1] == 'h' ? 3600 : v.p[v.n - 1] == 'm' ? 60 : 1;
		v.n--;
	}
	if (!text_parse_u64(v, &n) || n == 0 || n > WEEK_S || n * unit > WEEK_S)
		return false;
	*ret = (int64_t)(n * unit * 1000);
	return true;
}

static int duration(const struct gitconf *c, const char *key, int64_t standard, int64_t *ret,
		    struct err *err)
{
	const char *v = gitconf_get(c, key);

	*ret = standard;
	if (v != NULL && !config_duration(v, ret))
		return err_set(err, ERR_CONFIG, "%s wants a time up to a week: 90s, 15m, 8h", key);
	return 0;
}

static int confirm(struct agent_config *c, struct err *err)
{
	static const char *const words[] = { "never", "each", "batch" };
	const char *v = gitconf_get(&c->conf, "hsm.confirm");

	c->confirm = CONFIRM_BATCH;
	c->confirm_set = v != NULL;
	for (size_t i = 0; v != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(v, words[i]) == 0) {
			c->confirm = (enum confirm)i;
			return 0;
		}
	return v == NULL ? 0 : err_set(err, ERR_CONFIG, "hsm.confirm must be never, each or batch");
}

static int batch(struct agent_config *c, struct err *err)
{
	const char *v = gitconf_get(&c->conf, "hsm.batchSize");

	c->batch_max = 250;
	if (v != NULL && (!text_parse_u64(bytes_str(v), &c->batch_max) || c->batch_max == 0))
		return err_set(err, ERR_CONFIG, "hsm.batchSize wants a number of commits");
	return duration(&c->conf, "hsm.batchTime", 30 * 60 * 1000, &c->batch_ms, err);
}

static int path(const struct gitconf *c, const char *key, const char **ret, struct err *err)
{
	const char *v = gitconf_get(c, key);

	if (v != NULL && v[0] != '/')
		return err_set(err, ERR_CONFIG, "%s must be an absolute path", key);
	*ret = v;
	return 0;
}

static int pinentry(struct agent_config *c, struct err *err)
{
	c->pinentry = gitconf_get(&c->conf, "hsm.pinentry");
	if (c->pinentry != NULL && c->pinentry[0] != '/' && strcmp(c->pinentry, "off") != 0)
		return err_set(err, ERR_CONFIG, "hsm.pinentry must be an absolute path, or off");
	return 0;
}

static char *standard_log(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state != NULL && state[0] == '/')
		return xasprintf("%s/gitsign-hsm/agent.log", state);
	return home != NULL && home[0] == '/'
		       ? xasprintf("%s/.local/state/gitsign-hsm/agent.log", home)
		       : NULL;
}

static int log_path(struct agent_config *c, struct err *err)
{
	const char *v = NULL;
	int r = path(&c->conf, "hsm.agentLog", &v, err);

	if (r != 0)
		return r;
	c->log = v != NULL ? xstrdup(v) : standard_log();
	if (c->log == NULL)
		return err_set(
			err, ERR_CONFIG,
			"HOME is not set, where the agent's log belongs: set it, or hsm.agentLog");
	return 0;
}

struct words {
	const char **v;
	size_t n;
};

static int add_word(const char *value, void *ctx)
{
	struct words *w = ctx;

	if (value[0] == '\0' || w->n == WORDS_MAX)
		return 0;
	w->v = xreallocarray(w->v, w->n + 1, sizeof(w->v[0]));
	w->v[w->n++] = value;
	return 0;
}

static int ssh(struct agent_config *c, struct err *err)
{
	const char *v = gitconf_get(&c->conf, "hsm.agentForward");
	struct words keys = { NULL, 0 }, spaces = { NULL, 0 };
	struct buf text = BUF_INIT;
	int r;

	if (v != NULL && strcmp(v, "confirm") != 0 && strcmp(v, "never") != 0)
		return err_set(err, ERR_CONFIG, "hsm.agentForward must be never or confirm");
	c->forward = v != NULL && strcmp(v, "confirm") == 0;
	(void)gitconf_each(&c->conf, "hsm.sshKey", add_word, &keys);
	(void)gitconf_each(&c->conf, "hsm.sshNamespace", add_word, &spaces);
	c->keys = keys.v;
	c->keys_n = keys.n;
	if (spaces.n == 0)
		add_word("file", &spaces);
	c->spaces = spaces.v;
	c->spaces_n = spaces.n;
	c->ssh = c->forward || c->keys_n > 0;
	if (!c->ssh)
		return 0;
	r = settings_load(&c->own, err);
	if (r != 0)
		return r;
	settings_text(&c->own, &text);
	c->own_text = buf_detach(&text);
	return 0;
}

int config_load(struct agent_config *ret, struct err *err)
{
	struct agent_config c = { .conf = GITCONF_INIT };
	int r = gitconf_load(&c.conf, err);

	if (r != 0)
		return r;
	if ((r = duration(&c.conf, "hsm.agentIdle", 15 * 60 * 1000, &c.idle_ms, err)) != 0 ||
	    (r = duration(&c.conf, "hsm.agentLifetime", 8 * 3600 * 1000, &c.lifetime_ms, err)) !=
		    0 ||
	    (r = confirm(&c, err)) != 0 || (r = batch(&c, err)) != 0 ||
	    (r = pinentry(&c, err)) != 0 || (r = log_path(&c, err)) != 0 ||
	    (r = ssh(&c, err)) != 0) {
		gitconf_free(&c.conf);
		return r;
	}
	*ret = c;
	return 0;
}
