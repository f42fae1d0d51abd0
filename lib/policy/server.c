#include "policy/server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"

#define NAME_MAX_BYTES 200

/* --- configuration ------------------------------------------------------ */

enum scope { SCOPE_SYSTEM, SCOPE_USER, SCOPE_REPOSITORY };

struct reader {
	const struct gitconf *conf;
	const char *git_dir;
	uint8_t hash_bytes;
};

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

static enum scope scope_of(const struct reader *r, const struct gitconf_entry *e)
{
	const char *file = e->file < r->conf->nfiles ? r->conf->files[e->file] : "";
	const char *home = getenv("HOME");
	_cleanup_free_ char *rc = xasprintf("%s/.gitconfig", home ? home : "");
	_cleanup_free_ char *xdg = xasprintf("%s/.config/git", home ? home : "");

	if (below(file, r->git_dir))
		return SCOPE_REPOSITORY;
	return strcmp(file, rc) == 0 || below(file, xdg) ? SCOPE_USER : SCOPE_SYSTEM;
}

/* The last value in one scope; *line tells where, for error texts. */
static const char *value_in(const struct reader *r, const char *name, enum scope scope)
{
	const char *ret = NULL;

	for (size_t i = 0; i < r->conf->n; i++) {
		const struct gitconf_entry *e = &r->conf->v[i];

		if (!e->name || e->subsection || strcmp(e->section, "hsm") != 0 ||
		    strcmp(e->name, name) != 0 || scope_of(r, e) != scope)
			continue;
		ret = e->value ? e->value : "";
	}
	return ret;
}

/* The server account's own ~/.gitconfig is for signing, and says nothing here. */
static const char *server_value(const struct reader *r, const char *name)
{
	const char *v = value_in(r, name, SCOPE_REPOSITORY);

	return v ? v : value_in(r, name, SCOPE_SYSTEM);
}

static int absolute(const char *key, const char *value, char **ret, struct err *err)
{
	if (value[0] != '/') {
		_cleanup_free_ char *shown = text_escaped(bytes_str(value));

		return err_set(err, ERR_CONFIG, "%s = %s: an absolute path is needed", key, shown);
	}
	*ret = xstrdup(value);
	return 0;
}

static int load_policy(const struct reader *r, struct server *s, struct err *err)
{
	const char *v = value_in(r, "policy", SCOPE_REPOSITORY);

	s->policy_from = xstrdup("hsm.policy of the repository");
	if (!v) {
		v = value_in(r, "policy", SCOPE_SYSTEM);
		free(s->policy_from);
		s->policy_from = xstrdup("hsm.policy of the system");
	}
	if (v)
		return absolute("hsm.policy", v, &s->policy, err);
	free(s->policy_from);
	s->policy_from = xstrdup("the system's default");
	if (access(SERVER_POLICY, F_OK) == 0)
		s->policy = xstrdup(SERVER_POLICY);
	return 0;
}

static int load_introductions(const struct reader *r, struct server *s, struct err *err)
{
	for (size_t i = 0; i < r->conf->n; i++) {
		const struct gitconf_entry *e = &r->conf->v[i];
		struct oid id;

		if (!e->name || e->subsection || strcmp(e->section, "hsm") != 0 ||
		    strcmp(e->name, "introduction") != 0 || scope_of(r, e) != SCOPE_REPOSITORY)
			continue;
		if (!e->value || !oid_parse(bytes_str(e->value), &id) || id.n != r->hash_bytes)
			return err_set(err, ERR_CONFIG, "hsm.introduction on line %u of the "
				       "repository's configuration is not a full object id",
				       e->line);
		s->introductions = xreallocarray(s->introductions, s->introductions_n + 1,
						 sizeof(*s->introductions));
		s->introductions[s->introductions_n++] = id;
	}
	return 0;
}

static int load_name(const struct reader *r, struct server *s, struct err *err)
{
	const char *v = value_in(r, "repository", SCOPE_REPOSITORY);
	size_t n = 0;

	while (v && v[n] > ' ' && v[n] < 0x7f)
		n++;
	if (v && (n == 0 || n > NAME_MAX_BYTES || v[n] != '\0'))
		return err_set(err, ERR_CONFIG, "hsm.repository is 1 to %d printable characters "
			       "without spaces", NAME_MAX_BYTES);
	s->repository = v ? xstrdup(v) : NULL;
	return 0;
}

/* Two words only: what a server enforces must not hang on a reader of booleans. */
static int load_record(const struct reader *r, struct server *s, struct err *err)
{
	const char *v = server_value(r, "record");
	_cleanup_free_ char *shown = NULL;

	s->no_record = v && strcmp(v, "off") == 0;
	if (!v || s->no_record || strcmp(v, "on") == 0)
		return 0;
	shown = text_escaped(bytes_str(v));
	return err_set(err, ERR_CONFIG, "hsm.record = %s: it is on or off", shown);
}

static int load_clock(const struct reader *r, struct server *s, struct err *err)
{
	const char *v = value_in(r, "clockreset", SCOPE_REPOSITORY);

	if (!v || text_parse_u64(bytes_str(v), &s->clock_reset))
		return 0;
	return err_set(err, ERR_CONFIG, "hsm.clockReset is not the number of an entry of the record: "
		       "git config --unset hsm.clockReset");
}

static char *without_user(const char *url)
{
	const char *at = strchr(url, '@'), *scheme = strstr(url, "://");
	const char *colon = strchr(url, ':'), *slash = strchr(url, '/');

	/* A path, or a host without a user. */
	if (!at || (!scheme && (!colon || (slash && slash < colon) || !strchr(at, ':'))))
		return xstrdup(url);
	if (!scheme)
		return xstrdup(at + 1);
	slash = strchr(scheme + 3, '/');
	if (at < scheme + 3 || (slash && slash < at))
		return xstrdup(url);
	return xasprintf("%.*s%s", (int)(scheme + 3 - url), url, at + 1);
}

char *server_plain_url(const char *url)
{
	char *plain = without_user(url);

	for (size_t n = strlen(plain); n > 1 && plain[n - 1] == '/'; n--)
		plain[n - 1] = '\0';
	return plain;
}

static void load_push_urls(const struct reader *r, struct server *s, enum scope scope)
{
	for (size_t i = 0; i < r->conf->n; i++) {
		const struct gitconf_entry *e = &r->conf->v[i];

		if (!e->name || e->subsection || strcmp(e->section, "hsm") != 0 ||
		    strcmp(e->name, "pushurl") != 0 || scope_of(r, e) != scope)
			continue;
		s->push_urls = xreallocarray(s->push_urls, s->push_urls_n + 1,
					     sizeof(*s->push_urls));
		s->push_urls[s->push_urls_n++] = server_plain_url(e->value ? e->value : "");
	}
}

static int load_certs(const struct reader *r, struct server *s, struct err *err)
{
	const char *age = server_value(r, "certmaxage");
	const char *seed = gitconf_get(r->conf, "receive.certnonceseed");

	load_push_urls(r, s, SCOPE_REPOSITORY);
	if (s->push_urls_n == 0)
		load_push_urls(r, s, SCOPE_SYSTEM);
	s->asks_certs = seed && *seed;
	s->cert_max_age = SERVER_CERT_MAX_AGE;
	if (!age || (text_parse_duration(bytes_str(age), &s->cert_max_age) &&
		     s->cert_max_age >= 1 && s->cert_max_age <= 86400))
		return 0;
	return err_set(err, ERR_CONFIG, "hsm.certMaxAge is not a time from 1s to 24h");
}

/* git setup.c, git_config_perm(): a word, 0 to 2, or a mode; without a value: group. */
static bool is_shared(const struct gitconf *c)
{
	const char *v = gitconf_get(c, "core.sharedrepository");
	char *end;
	long mode;

	if (!v || strcmp(v, "umask") == 0)
		return false;
	mode = strtol(v, &end, 8);
	if (*v && *end == '\0')
		return mode == 1 || mode == 2 || (mode & 022);
	return !*v || gitconf_truth(v) != 0;
}

static int load_values(const struct reader *r, struct server *s, struct err *err)
{
	const char *state = server_value(r, "statedir");
	int rc = load_policy(r, s, err);

	if (rc == 0)
		rc = load_name(r, s, err);
	if (rc == 0)
		rc = load_record(r, s, err);
	if (rc == 0 && state)
		rc = absolute("hsm.stateDir", state, &s->state_dir, err);
	else if (rc == 0)
		s->state_dir = xasprintf("%s/gitsign-hsm", s->git_dir);
	s->shared = is_shared(r->conf);
	if (rc == 0)
		rc = load_clock(r, s, err);
	if (rc == 0)
		rc = load_certs(r, s, err);
	return rc ? rc : load_introductions(r, s, err);
}

int server_load(const char *git_dir, uint8_t hash_bytes, struct server *ret, struct err *err)
{
	struct gitconf conf = GITCONF_INIT;
	struct reader r = { &conf, git_dir, hash_bytes };
	struct server s = { .git_dir = xstrdup(git_dir) };
	int rc = gitconf_load_repo(&conf, git_dir, err);

	if (rc == 0)
		rc = load_values(&r, &s, err);
	gitconf_free(&conf);
	if (rc) {
		server_free(&s);
		return rc;
	}
	*ret = s;
	return 0;
}

struct client {
	struct server *s;
	uint8_t hash_bytes;
};

static int add_introduction(const char *value, void *ctx)
{
	struct client *c = ctx;
	struct oid id;

	if (!value || !oid_parse(bytes_str(value), &id) || id.n != c->hash_bytes)
		return ERR_CONFIG;
	c->s->introductions = xreallocarray(c->s->introductions, c->s->introductions_n + 1,
					    sizeof(*c->s->introductions));
	c->s->introductions[c->s->introductions_n++] = id;
	return 0;
}

static int load_client(const struct gitconf *conf, struct client *c, struct err *err)
{
	const char *policy = gitconf_get(conf, "hsm.policy");
	const char *sign = gitconf_get(conf, "push.gpgsign");
	int rc = 0;

	if (policy && *policy)
		rc = absolute("hsm.policy", policy, &c->s->policy, err);
	else if (access(SERVER_POLICY, F_OK) == 0)
		c->s->policy = xstrdup(SERVER_POLICY);
	if (rc == 0 && sign && strcmp(sign, "if-asked") == 0)
		c->s->asks_certs = true;
	else if (rc == 0 && sign)
		rc = gitconf_bool(conf, "push.gpgsign", false, &c->s->asks_certs, err);
	if (rc == 0 && gitconf_each(conf, "hsm.introduction", add_introduction, c))
		rc = err_set(err, ERR_CONFIG, "hsm.introduction is not a full object id");
	return rc;
}

int server_load_client(const char *git_dir, uint8_t hash_bytes, struct server *ret,
		       struct err *err)
{
	struct server s = { .git_dir = xstrdup(git_dir) };
	struct client c = { &s, hash_bytes };
	struct gitconf conf = GITCONF_INIT;
	int rc = gitconf_load(&conf, err);

	if (rc == 0)
		rc = load_client(&conf, &c, err);
	gitconf_free(&conf);
	if (rc) {
		server_free(&s);
		return rc;
	}
	*ret = s;
	return 0;
}

void server_free(struct server *s)
{
	free(s->git_dir);
	free(s->policy);
	free(s->policy_from);
	free(s->state_dir);
	free(s->repository);
	for (size_t i = 0; i < s->push_urls_n; i++)
		free(s->push_urls[i]);
	free(s->push_urls);
	free(s->introductions);
	memset(s, 0, sizeof(*s));
}

/* --- can it enforce? ---------------------------------------------------- */

struct inspection {
	void (*problem)(const char *text, void *ctx);
	void *ctx;
	size_t n;
};

static void tell(struct inspection *in, const char *text)
{
	in->problem(text, in->ctx);
	in->n++;
}

static void inspect_path(struct inspection *in, const char *path, bool must_exist)
{
	struct err why = ERR_INIT;

	if (!must_exist && access(path, F_OK) != 0)
		return;
	if (os_path_trusted(path, geteuid(), &why))
		tell(in, why.text);
}

static void inspect_owner(struct inspection *in, const struct server *s)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(s->git_dir));
	struct stat st;

	if (stat(s->git_dir, &st) < 0 || st.st_uid != geteuid()) {
		_cleanup_free_ char *text = xasprintf(
			"the repository %s does not belong to the user that runs this hook "
			"(user id %u): chown -R %u '%s', or serve it as its owner", shown,
			(unsigned)geteuid(), (unsigned)geteuid(), shown);

		tell(in, text);
	}
}

/* A commit whose parents are cut off looks like the first one. */
static void inspect_shallow(struct inspection *in, const struct server *s)
{
	_cleanup_free_ char *shallow = xasprintf("%s/shallow", s->git_dir);
	struct stat st;

	if (stat(shallow, &st) == 0 && st.st_size > 0)
		tell(in, "the repository is shallow: history that is not there cannot be judged. "
		     "Run `git fetch --unshallow` in it");
}

static void inspect_shared(struct inspection *in, const struct server *s)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(s->git_dir));
	_cleanup_free_ char *text = xasprintf(
		"core.sharedRepository has git let others write to the repository: git config "
		"core.sharedRepository umask, then chmod -R go-w '%s'", shown);

	if (s->shared)
		tell(in, text);
}

size_t server_inspect(const struct server *s, const char *hook,
		      void (*problem)(const char *text, void *ctx), void *ctx)
{
	static const char *const parts[] = { "config", "config.worktree", "HEAD", "packed-refs",
					     "refs", "refs/heads", "refs/tags", "objects", "hooks", "hooks/pre-receive",
					     "hooks/post-receive", "hooks/reference-transaction",
					     "info", "worktrees" };
	struct inspection in = { problem, ctx, 0 };

	inspect_owner(&in, s);
	if (in.n == 0)
		inspect_path(&in, s->git_dir, true);
	if (in.n > 0)
		return in.n; /* what stands in it would only say the same again */
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", s->git_dir, parts[i]);

		inspect_path(&in, path, false);
	}
	if (hook)
		inspect_path(&in, hook, true);
	if (s->policy)
		inspect_path(&in, s->policy, true);
	inspect_path(&in, s->state_dir, false);
	inspect_shared(&in, s);
	inspect_shallow(&in, s);
	return in.n;
}
