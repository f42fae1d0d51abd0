#include "cred/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

enum setting {
	S_ISSUER,
	S_CLIENT_ID,
	S_KEY,
	S_CERTIFICATE,
	S_GRANT,
	S_CLIENT_AUTH,
	S_SCOPE,
	S_AUDIENCE,
	S_RESOURCE,
	S_STORE,
	S_PROVIDER,
	S_ASSERTION,
	S_KEY_ID,
	S_KEY_SHARED,
	S_SUBJECT_TOKEN,
	S_PERMISSIONS,
	S_REPOSITORIES,
	S_INSTALLATION,
	S_REDIRECT,
	S_USERNAME,
	S_TIMEOUT,
	S_N
};

/* As people write them; gitconf gives names in lower case. */
static const char *const names[S_N] = { "hsmIssuer",      "hsmClientId",     "hsmKey",
					"hsmCertificate", "hsmGrant",        "hsmClientAuth",
					"hsmScope",       "hsmAudience",     "hsmResource",
					"hsmStore",       "hsmProvider",     "hsmAssertion",
					"hsmKeyId",       "hsmKeyShared",    "hsmSubjectToken",
					"hsmPermissions", "hsmRepositories", "hsmInstallation",
					"hsmRedirect",    "hsmUsername",     "hsmTimeout" };
static const char *const grants[] = { "none",           "client_credentials",
				      "device_code",    "authorization_code",
				      "token_exchange", "github_app" };
static const char *const auths[] = { "", "none", "private_key_jwt", "tls_client_auth" };
static const char *const stores[] = { "", "secretservice", "session", "none" };
static const char *const providers[] = { "", "discovery", "github", "gitlab", "gitea" };
static const char *const assertions[] = { "", "issuer", "token_endpoint" };
static const char *const bools[] = { "", "false", "true" };
#define N(a) (sizeof(a) / sizeof((a)[0]))

const char *cred_grant_name(enum cred_grant g)
{
	return grants[g];
}

const char *cred_auth_name(enum cred_client_auth a)
{
	return auths[a];
}

const char *cred_store_name(enum cred_store s)
{
	return stores[s];
}

/* What the sections that cover the target say, with how exact each is. */
struct said {
	const char *value[S_N];
	unsigned rank[S_N];
	unsigned best;            /* the highest rank of all */
	const char *best_section; /* and its subsection as written */
};

static bool is_hsm_key(const struct gitconf_entry *e)
{
	return e->name != NULL && strcmp(e->section, "credential") == 0 &&
	       strncmp(e->name, "hsm", 3) == 0;
}

static int find_setting(const struct gitconf_entry *e)
{
	for (int i = 0; i < S_N; i++)
		if (strcasecmp(e->name, names[i]) == 0)
			return i;
	return -1;
}

/* A section that is no exact URL (a pattern, http) never gets a token. */
static unsigned rank_of(const struct gitconf_entry *e, const struct cred_url *target)
{
	struct cred_url u;
	unsigned rank;

	if (e->subsection == NULL || cred_url_parse(e->subsection, &u, NULL) != 0)
		return 0;
	rank = u.https ? cred_url_covers(&u, target) : 0;
	cred_url_free(&u);
	return rank;
}

static int take(struct said *s, const struct gitconf_entry *e, unsigned rank, struct err *err)
{
	int i = find_setting(e);

	if (i < 0) {
		_cleanup_free_ char *section = text_escaped(bytes_str(e->subsection));
		_cleanup_free_ char *name = text_escaped(bytes_str(e->name));

		return err_set(err, ERR_CONFIG,
			       "credential.%s.%s is not known to this version: correct its name, "
			       "or unset it",
			       section, name);
	}
	if (rank >= s->rank[i]) {
		s->value[i] = e->value;
		s->rank[i] = rank;
	}
	if (rank >= s->best) {
		s->best = rank;
		s->best_section = e->subsection;
	}
	return 0;
}

static int collect(const struct gitconf *conf, const struct cred_url *target, struct said *s,
		   struct err *err)
{
	for (size_t i = 0; i < conf->n; i++) {
		const struct gitconf_entry *e = &conf->v[i];
		unsigned rank;
		int r;

		if (!is_hsm_key(e))
			continue;
		rank = rank_of(e, target);
		if (e->subsection == NULL && find_setting(e) == S_STORE && s->rank[S_STORE] == 0)
			s->value[S_STORE] = e->value;
		if (rank > 0 && (r = take(s, e, rank, err)) != 0)
			return r;
	}
	for (int i = 0; i < S_N; i++)
		if (s->value[i] != NULL && s->value[i][0] == '\0')
			s->value[i] = NULL;
	return 0;
}

/* --- what is wrong with a profile ------------------------------------------ */

static int wrong(const struct cred_profile *p, enum setting s, const char *what, struct err *err)
{
	return err_set(err, ERR_CONFIG, "credential.%s.%s %s", p->url, names[s], what);
}

static int word(const struct cred_profile *p, enum setting s, const char *value,
		const char *const *words, size_t n, unsigned *ret, struct err *err)
{
	struct buf b = BUF_INIT;
	int r;

	if (value == NULL)
		return 0;
	for (unsigned i = 1; i < n; i++) {
		if (strcmp(value, words[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	for (unsigned i = 1; i < n; i++)
		buf_addf(&b, "%s%s", i > 1 ? ", " : "must be one of ", words[i]);
	r = wrong(p, s, buf_str(&b), err);
	buf_free(&b);
	return r;
}

static int words(struct cred_profile *p, const struct said *s, struct err *err)
{
	unsigned grant = 0, auth = 0, store = CRED_SECRET_SERVICE;
	unsigned provider = CRED_DISCOVERY, assertion = 0, shared = 0;
	int r;

	if ((r = word(p, S_GRANT, s->value[S_GRANT], grants, N(grants), &grant, err)) != 0 ||
	    (r = word(p, S_CLIENT_AUTH, s->value[S_CLIENT_AUTH], auths, N(auths), &auth, err)) ||
	    (r = word(p, S_STORE, s->value[S_STORE], stores, N(stores), &store, err)) != 0 ||
	    (r = word(p, S_PROVIDER, s->value[S_PROVIDER], providers, N(providers), &provider,
		      err)) != 0 ||
	    (r = word(p, S_ASSERTION, s->value[S_ASSERTION], assertions, N(assertions), &assertion,
		      err)) != 0 ||
	    (r = word(p, S_KEY_SHARED, s->value[S_KEY_SHARED], bools, N(bools), &shared, err)))
		return r;
	p->provider = (enum cred_provider)provider;
	p->assertion_for_endpoint = assertion == 2;
	p->key_shared = shared == 2;
	p->grant = (enum cred_grant)grant;
	p->auth = (enum cred_client_auth)auth;
	p->store = (enum cred_store)store;
	if (p->grant == CRED_GRANT_NONE)
		return wrong(p, S_GRANT, "is missing: it says how an access token is asked for",
			     err);
	if (p->auth == CRED_AUTH_UNSET && p->grant != CRED_GITHUB_APP)
		p->auth = p->key != NULL || p->grant == CRED_CLIENT_CREDENTIALS
				  ? CRED_PRIVATE_KEY_JWT
				  : CRED_AUTH_NONE;
	return 0;
}

static bool printable(const char *v, bool space)
{
	if (v == NULL)
		return true;
	for (; *v != '\0'; v++)
		if (*v < (space ? 0x20 : 0x21) || *v > 0x7e)
			return false;
	return true;
}

/* Where the browser comes back to: RFC 8252 7.3. */
static bool loopback(const char *v)
{
	static const char *const hosts[] = { "http://127.0.0.1", "http://localhost",
					     "http://[::1]" };

	for (size_t i = 0; printable(v, false) && i < N(hosts); i++) {
		size_t n = strlen(hosts[i]);

		if (strncmp(v, hosts[i], n) == 0 && (v[n] == ':' || v[n] == '/') &&
		    strpbrk(v + n, "?#@") == NULL && strchr(v + n, '/') != NULL)
			return true;
	}
	return false;
}

static bool subject_ok(const char *v)
{
	return strncmp(v, "file:/", 6) == 0 || strcmp(v, "github-actions") == 0 ||
	       (strncmp(v, "env:", 4) == 0 && v[4] != '\0' && printable(v, false));
}

static int further_values(const struct cred_profile *p, struct err *err)
{
	if (!printable(p->key_id, true))
		return wrong(p, S_KEY_ID, "must be printable ASCII", err);
	if (p->subject_token != NULL && !subject_ok(p->subject_token))
		return wrong(p, S_SUBJECT_TOKEN,
			     "must be file:/absolute/path, env:NAME or github-actions", err);
	if (!printable(p->permissions, false) || !printable(p->repositories, false))
		return wrong(p, printable(p->repositories, false) ? S_PERMISSIONS : S_REPOSITORIES,
			     "must be words with commas between, without blanks", err);
	if (p->installation != NULL &&
	    (strlen(p->installation) > 18 ||
	     strspn(p->installation, "0123456789") != strlen(p->installation)))
		return wrong(p, S_INSTALLATION, "must be a number", err);
	if (p->redirect != NULL && !loopback(p->redirect))
		return wrong(p, S_REDIRECT,
			     "must be http://127.0.0.1[:PORT]/PATH (or localhost, [::1])", err);
	if (!printable(p->username, false) || (p->username != NULL && strchr(p->username, ':')))
		return wrong(p, S_USERNAME, "must be printable ASCII without blanks and :", err);
	return 0;
}

/* Nothing that is no number of seconds, and no git that hangs for hours. */
static int take_timeout(struct cred_profile *p, const char *value, struct err *err)
{
	if (value == NULL || (text_parse_duration(bytes_str(value), &p->timeout) &&
			      p->timeout >= 1 && p->timeout <= 600))
		return 0;
	return wrong(p, S_TIMEOUT, "must be a time from 1s to 10m", err);
}

static int values(const struct cred_profile *p, struct err *err)
{
	/* The PIN belongs to hsm.pinSource; this is shown, stored and looked up by. */
	if (p->key != NULL && strstr(p->key, "pin-value") != NULL)
		return wrong(p, S_KEY, "must not hold a PIN: set hsm.pinSource", err);
	if (p->issuer != NULL && (!cred_endpoint_ok(p->issuer) || strchr(p->issuer, '?') != NULL))
		return wrong(p, S_ISSUER, "must be an https:// URL without query or user", err);
	if (!printable(p->client_id, true))
		return wrong(p, S_CLIENT_ID, "must be printable ASCII", err);
	if (p->certificate != NULL && p->certificate[0] != '/')
		return wrong(p, S_CERTIFICATE, "must be an absolute path", err);
	/* RFC 6749 3.3 */
	if (p->scope != NULL && (!printable(p->scope, true) || strpbrk(p->scope, "\"\\") != NULL))
		return wrong(p, S_SCOPE, "must be words of printable ASCII without \" and \\", err);
	if (!printable(p->audience, false))
		return wrong(p, S_AUDIENCE, "must be printable ASCII without blanks", err);
	/* RFC 8707 2 */
	if (p->resource != NULL && (!printable(p->resource, false) ||
				    strchr(p->resource, ':') == NULL || strchr(p->resource, '#')))
		return wrong(p, S_RESOURCE, "must be an absolute URI without fragment", err);
	return further_values(p, err);
}

static int whole(const struct cred_profile *p, struct err *err)
{
	bool app = p->grant == CRED_GITHUB_APP;
	bool needs_key = app || p->auth != CRED_AUTH_NONE;

	if (p->client_id == NULL)
		return wrong(p, S_CLIENT_ID, "is missing: it says who asks", err);
	if (p->issuer == NULL && !app)
		return wrong(p, S_ISSUER, "is missing: it says who issues access tokens", err);
	if (app && p->auth != CRED_AUTH_UNSET)
		return wrong(p, S_CLIENT_AUTH, "has no meaning for a GitHub App: unset it", err);
	if (p->grant == CRED_CLIENT_CREDENTIALS && p->auth == CRED_AUTH_NONE)
		return wrong(p, S_CLIENT_AUTH, "cannot be none for client_credentials", err);
	if (needs_key && p->key == NULL)
		return wrong(p, S_KEY, "is missing: it names the key that proves who asks", err);
	if (!needs_key && p->key != NULL)
		return wrong(p, S_KEY, "is set, but hsmClientAuth is none: unset one of them", err);
	if (p->grant == CRED_TOKEN_EXCHANGE && p->subject_token == NULL)
		return wrong(p, S_SUBJECT_TOKEN,
			     "is missing: it says where the identity to exchange comes from", err);
	return 0;
}

static char *canonical(const char *section)
{
	struct cred_url u;
	struct buf b = BUF_INIT;

	if (cred_url_parse(section, &u, NULL) == 0) {
		cred_url_format(&b, &u);
		cred_url_free(&u);
	}
	return buf_detach(&b);
}

static int make(const struct said *s, struct cred_profile *ret, struct err *err)
{
	struct cred_profile p = {
		.url = canonical(s->best_section),
		.issuer = s->value[S_ISSUER],
		.client_id = s->value[S_CLIENT_ID],
		.key = s->value[S_KEY],
		.certificate = s->value[S_CERTIFICATE],
		.scope = s->value[S_SCOPE],
		.audience = s->value[S_AUDIENCE],
		.resource = s->value[S_RESOURCE],
		.key_id = s->value[S_KEY_ID],
		.subject_token = s->value[S_SUBJECT_TOKEN],
		.permissions = s->value[S_PERMISSIONS],
		.repositories = s->value[S_REPOSITORIES],
		.installation = s->value[S_INSTALLATION],
		.redirect = s->value[S_REDIRECT],
		.username = s->value[S_USERNAME],
	};
	int r = words(&p, s, err);

	if (r == 0)
		r = take_timeout(&p, s->value[S_TIMEOUT], err);
	if (r == 0)
		r = values(&p, err);
	if (r == 0)
		r = whole(&p, err);
	if (r != 0) {
		cred_profile_free(&p);
		return r;
	}
	*ret = p;
	return 0;
}

/* --- hosts that have a profile, but not for this request --------------------- */

/* Is there a profile for this host, whatever the path and the user? */
static bool host_has_profile(const struct gitconf *conf, const struct cred_url *target)
{
	for (size_t i = 0; i < conf->n; i++) {
		const struct gitconf_entry *e = &conf->v[i];
		struct cred_url u;
		bool same;

		if (!is_hsm_key(e) || e->subsection == NULL ||
		    cred_url_parse(e->subsection, &u, NULL) != 0)
			continue;
		same = u.https && strcmp(u.host, target->host) == 0 &&
		       (!target->https || u.port == target->port);
		cred_url_free(&u);
		if (same)
			return true;
	}
	return false;
}

static int near_miss(const struct gitconf *conf, const struct cred_url *target, struct err *err)
{
	struct cred_url host = { .https = true, .host = target->host, .port = target->port };
	struct buf url = BUF_INIT;
	int r = 0;

	if (!host_has_profile(conf, target))
		return 0;
	host.path = (char *)(uintptr_t) "";
	cred_url_format(&url, &host);
	if (!target->https)
		r = err_set(err, ERR_INPUT, "no access token goes over http: use https://%s",
			    target->host);
	else if (target->path[0] == '\0')
		r = err_set(err, ERR_CONFIG,
			    "the profiles of %s are for paths or users, and git sent none: type  "
			    "git config --global credential.%s.useHttpPath true",
			    buf_str(&url), buf_str(&url));
	buf_free(&url);
	return r;
}

int cred_profile_find(const struct gitconf *conf, const struct cred_url *target,
		      struct cred_profile *ret, bool *found, struct err *err)
{
	struct said s = { .best = 0 };
	int r;

	*found = false;
	r = collect(conf, target, &s, err);
	if (r != 0)
		return r;
	if (s.best == 0)
		return near_miss(conf, target, err);
	r = make(&s, ret, err);
	*found = r == 0;
	return r;
}

void cred_profile_free(struct cred_profile *p)
{
	free(p->url);
	*p = (struct cred_profile){ .url = NULL };
}

static void id_line(struct buf *out, enum setting s, const char *value)
{
	if (value != NULL)
		buf_addf(out, "%s=%s\n", names[s], value);
}

/* Values have no newlines: a key's is checked here, the others where they were read. */
void cred_profile_id(struct buf *out, const struct cred_profile *p)
{
	_cleanup_free_ char *key = p->key != NULL ? text_escaped(bytes_str(p->key)) : NULL;
	_cleanup_free_ char *cert =
		p->certificate != NULL ? text_escaped(bytes_str(p->certificate)) : NULL;
	_cleanup_free_ char *subject =
		p->subject_token != NULL ? text_escaped(bytes_str(p->subject_token)) : NULL;

	buf_addf(out, "url=%s\n", p->url);
	id_line(out, S_GRANT, cred_grant_name(p->grant));
	id_line(out, S_CLIENT_AUTH, cred_auth_name(p->auth));
	id_line(out, S_ISSUER, p->issuer);
	id_line(out, S_CLIENT_ID, p->client_id);
	id_line(out, S_KEY, key);
	id_line(out, S_CERTIFICATE, cert);
	id_line(out, S_SCOPE, p->scope);
	id_line(out, S_AUDIENCE, p->audience);
	id_line(out, S_RESOURCE, p->resource);
	id_line(out, S_PROVIDER, p->provider != CRED_DISCOVERY ? providers[p->provider] : NULL);
	id_line(out, S_SUBJECT_TOKEN, subject);
	id_line(out, S_PERMISSIONS, p->permissions);
	id_line(out, S_REPOSITORIES, p->repositories);
	id_line(out, S_INSTALLATION, p->installation);
}

bool cred_path_split(const char *path, struct bytes *owner, struct bytes *repo)
{
	size_t n = path != NULL ? strcspn(path, "/") : 0;
	const char *rest;

	if (n == 0)
		return false;
	*owner = bytes_of(path, n);
	rest = path[n] == '/' ? path + n + 1 : path + n;
	*repo = bytes_of(rest, strcspn(rest, "/"));
	if (repo->n > 4 && memcmp(repo->p + repo->n - 4, ".git", 4) == 0)
		repo->n -= 4;
	return true;
}

/* GitHub's names are the same in either case. */
static void id_lower(struct buf *out, const char *name, struct bytes v)
{
	_cleanup_free_ char *text = text_escaped(v);

	buf_addf(out, "%s=", name);
	for (const char *p = text; *p != '\0'; p++)
		buf_add_byte(out, (uint8_t)text_lower(*p));
	buf_add_byte(out, '\n');
}

void cred_profile_request_id(struct buf *out, const struct cred_profile *p,
			     const struct cred_url *target)
{
	bool this = p->repositories != NULL && strcmp(p->repositories, "this") == 0;
	struct bytes owner, repo;

	if (p->grant != CRED_GITHUB_APP || (p->installation != NULL && !this) ||
	    !cred_path_split(target->path, &owner, &repo))
		return;
	id_lower(out, "owner", owner);
	if (this && repo.n > 0)
		id_lower(out, "repository", repo);
}
