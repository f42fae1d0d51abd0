/* configure: a profile into git's configuration, checked before anything is written. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/pem.h"
#include "base/text.h"
#include "gitsign-hsm/gitcmd.h"
#include "helper/key.h"
#include "helper/verbs.h"
#include "token/uri.h"

enum wanted {
	W_GRANT,
	W_ISSUER,
	W_CLIENT_ID,
	W_KEY,
	W_CLIENT_AUTH,
	W_CERTIFICATE,
	W_SCOPE,
	W_AUDIENCE,
	W_RESOURCE,
	W_STORE,
	W_PROVIDER,
	W_ASSERTION,
	W_KEY_ID,
	W_KEY_SHARED,
	W_SUBJECT_TOKEN,
	W_PERMISSIONS,
	W_REPOSITORIES,
	W_INSTALLATION,
	W_REDIRECT,
	W_USERNAME,
	W_TIMEOUT,
	W_N
};

static const struct {
	const char *option, *arg, *key, *help;
} table[W_N] = {
	{ "grant", "GRANT", "hsmGrant",
	  "client_credentials, device_code, authorization_code, token_exchange or github_app" },
	{ "issuer", "URL", "hsmIssuer", "who issues access tokens" },
	{ "client-id", "ID", "hsmClientId", "who asks" },
	{ "key", "KEY", "hsmKey", "the key in the token: pkcs11: URI or fingerprint" },
	{ "client-auth", "HOW", "hsmClientAuth", "private_key_jwt, tls_client_auth or none" },
	{ "certificate", "FILE", "hsmCertificate", "the key's certificate (PEM)" },
	{ "scope", "WORDS", "hsmScope", "what is asked for" },
	{ "audience", "URI", "hsmAudience", "for whom, where the issuer wants that" },
	{ "resource", "URI", "hsmResource", "for which resource (RFC 8707)" },
	{ "store", "WHERE", "hsmStore", "secretservice, session or none" },
	{ "provider", "NAME", "hsmProvider", "github, gitlab or gitea (Forgejo)" },
	{ "assertion", "FOR", "hsmAssertion", "issuer, or token_endpoint for older servers" },
	{ "key-id", "KID", "hsmKeyId", "kid of JSON web tokens" },
	{ "key-shared", "true", "hsmKeyShared", "the key may be the one that signs commits" },
	{ "subject-token", "FROM", "hsmSubjectToken", "file:/path, env:NAME or github-actions" },
	{ "permissions", "LIST", "hsmPermissions", "of a GitHub App: contents=read,..." },
	{ "repositories", "LIST", "hsmRepositories", "of a GitHub App: names, or this" },
	{ "installation", "ID", "hsmInstallation", "of a GitHub App" },
	{ "redirect", "URL", "hsmRedirect", "where the browser comes back to" },
	{ "username", "NAME", "hsmUsername", "what goes beside the token" },
	{ "timeout", "TIME", "hsmTimeout", "how long the issuer may take: 1s to 10m" },
};

struct configure {
	const char *value[W_N];
	bool local, bound, remove, dry_run;
	const char *scope;
	char *url;     /* in its one form */
	char *issuer;  /* made from the URL for a provider */
	char *program; /* this helper's path */
};

/* --- what the words mean ---------------------------------------------------------------- */

static int find_program(struct configure *c, struct err *err)
{
	struct buf path = BUF_INIT;
	char real[PATH_MAX];
	int r = os_self_dir(&path, err);

	if (r == 0) {
		buf_add_str(&path, "/../../bin/git-credential-hsm");
		if (realpath(buf_str(&path), real) == NULL)
			r = err_errno(err, ERR_CONFIG, "%s", buf_str(&path));
		else
			c->program = xstrdup(real);
	}
	buf_free(&path);
	return r;
}

static int take_url(struct configure *c, const char *text, struct err *err)
{
	struct buf b = BUF_INIT;
	struct cred_url u;
	int r = cred_url_parse(text, &u, err);

	if (r != 0)
		return r;
	if (!u.https)
		r = err_set(err, ERR_USAGE, "no access token goes over http: use https://");
	cred_url_format(&b, &u);
	c->url = buf_detach(&b);
	if (c->value[W_PROVIDER] != NULL && c->value[W_ISSUER] == NULL) {
		c->issuer = cred_endpoint_origin(c->url);
		c->value[W_ISSUER] = c->issuer;
	}
	cred_url_free(&u);
	return r;
}

static void add_quoted(struct buf *out, const char *key, const char *v)
{
	buf_addf(out, "%s = \"", key);
	for (; *v != '\0'; v++) {
		if (*v == '"' || *v == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, (uint8_t)*v);
	}
	buf_add_str(out, "\"\n");
}

/* Would the profile work, were it written? The same code says so that reads it later. */
static int check(const struct configure *c, struct gitconf *conf, struct cred_profile *p,
		 struct err *err)
{
	struct buf text = BUF_INIT;
	struct cred_url target;
	bool found = false;
	int r;

	buf_addf(&text, "[credential \"%s\"]\n", c->url);
	for (int i = 0; i < W_N; i++)
		if (c->value[i] != NULL)
			add_quoted(&text, table[i].key, c->value[i]);
	r = gitconf_parse(conf, buf_bytes(&text), "the command line", err);
	buf_free(&text);
	if (r == 0)
		r = cred_url_parse(c->url, &target, err);
	if (r != 0)
		return r;
	r = cred_profile_find(conf, &target, p, &found, err);
	cred_url_free(&target);
	return r == 0 && !found ? err_set(err, ERR_USAGE, "say at least --grant") : r;
}

/* --- writing -------------------------------------------------------------------------------- */

static int put(const struct configure *c, const char *section, const char *name, const char *value,
	       struct err *err)
{
	_cleanup_free_ char *key = xasprintf("%s.%s.%s", section, c->url, name);
	_cleanup_free_ char *shown = value != NULL ? text_escaped(bytes_str(value)) : NULL;

	int r = c->dry_run ? 0 : gitcmd_set(c->scope, key, value, err);

	if (r == 0 && value != NULL)
		printf("  %s = %s\n", key, shown);
	return r;
}

/* The empty one first: what a wider section names is not asked for this address. */
static int put_helper(const struct configure *c, struct err *err)
{
	_cleanup_free_ char *key = xasprintf("credential.%s.helper", c->url);
	int r = put(c, "credential", "helper", "", err);

	if (r == 0 && !c->dry_run)
		r = gitcmd_add(c->scope, key, c->program, err);
	if (r == 0)
		printf("  %s = %s\n", key, c->program);
	return r;
}

/* Does a profile of that grant need the path that git leaves out by itself? */
static bool needs_path(const struct configure *c, const char *grant)
{
	return strcmp(grant, cred_grant_name(CRED_GITHUB_APP)) == 0 ||
	       strchr(c->url + strlen("https://"), '/') != NULL;
}

static int write_profile(const struct configure *c, const struct cred_profile *p, struct err *err)
{
	int r = put_helper(c, err);

	for (int i = 0; r == 0 && i < W_N; i++)
		r = put(c, "credential", table[i].key, c->value[i], err);
	if (r == 0 && needs_path(c, cred_grant_name(p->grant)))
		r = put(c, "credential", "useHttpPath", "true", err);
	return r;
}

/* --- git's own half of a certificate-bound token -------------------------------------------------- */

/* Where a certificate of the token's is written to; NULL without a HOME. */
static char *certificate_file(const struct configure *c)
{
	const char *home = getenv("HOME");
	_cleanup_free_ char *name = xstrdup(c->url + strlen("https://"));

	for (char *p = name; *p != '\0'; p++)
		if (strchr("/:@[]%", *p) != NULL)
			*p = '_';
	return home != NULL && home[0] == '/'
		       ? xasprintf("%s/.config/gitsign-hsm/%s.pem", home, name)
		       : NULL;
}

/* git wants a file; a certificate is no secret. */
static int export_certificate(const struct configure *c, struct bytes der, char **path,
			      struct err *err)
{
	_cleanup_free_ char *dir = NULL;
	const char *home = getenv("HOME");
	struct buf pem = BUF_INIT;
	int r;

	*path = certificate_file(c);
	if (*path == NULL)
		return err_set(err, ERR_CONFIG, "HOME is not set: name a file with --certificate");
	if (c->dry_run)
		return 0;
	dir = xstrndup(*path, (size_t)(strrchr(*path, '/') - *path));
	for (char *p = strchr(dir + strlen(home) + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(dir, 0700);
		*p = '/';
	}
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_errno(err, ERR_IO, "%s", dir);
	pem_write(&pem, PEM_CERTIFICATE, der);
	r = os_file_replace(*path, buf_bytes(&pem), 0644, err);
	buf_free(&pem);
	return r;
}

/*
 * RFC 7512's pin-source names where the PIN is; the PIN itself stands nowhere. A plain path,
 * which GnuTLS and libp11's engine understand both.
 */
static void add_pin_source(struct buf *uri, const char *path)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";

	buf_add_str(uri, "?pin-source=");
	for (; *path != '\0'; path++)
		if (strchr(plain, *path) != NULL)
			buf_add_byte(uri, (uint8_t)*path);
		else
			buf_addf(uri, "%%%02X", (uint8_t)*path);
}

/* Both take the file to its last byte for the PIN. */
static void warn_of_newline(const char *path)
{
	struct buf b = BUF_INIT;

	if (os_file_read(path, OS_FILE_SECRET, SECRET_MAX, &b, NULL) == 0 && b.n > 0 &&
	    b.p[b.n - 1] == '\n')
		printf("But %s ends in a newline, which git's TLS library takes for a part of the "
		       "PIN: "
		       "write\nit without one (printf %%s).\n",
		       path);
	if (b.p != NULL)
		mem_wipe(b.p, b.cap);
	buf_free(&b);
}

static char *key_uri(const struct key_facts *f, const char *pin_source)
{
	struct buf b = BUF_INIT;
	struct uri u = { .slot_id = -1 };

	u.token = xstrdup(f->token);
	u.id = (uint8_t *)(uintptr_t)f->id.p;
	u.id_n = f->id.n;
	u.has_id = f->id.n > 0;
	uri_format(&b, &u);
	free(u.token);
	buf_add_str(&b, ";type=private");
	if (pin_source != NULL)
		add_pin_source(&b, pin_source);
	return buf_detach(&b);
}

static int write_bound(const struct configure *c, const struct key_facts *f, struct err *err)
{
	_cleanup_free_ char *made = NULL, *uri = NULL;
	struct gitconf conf = GITCONF_INIT;
	const char *file = c->value[W_CERTIFICATE], *pin = NULL;
	int r = gitconf_load(&conf, err);

	if (r == 0 && file == NULL && f->cert.n == 0)
		r = err_set(err, ERR_KEY, "--bound wants a certificate: --certificate FILE");
	if (r == 0 && file == NULL) {
		r = export_certificate(c, f->cert, &made, err);
		file = made;
	}
	if (r == 0) {
		pin = gitconf_get(&conf, "hsm.pinSource");
		pin = pin != NULL && strncmp(pin, "file:/", 6) == 0 ? pin + 5 : NULL;
		uri = key_uri(f, pin);
		r = put(c, "http", "sslCert", file, err);
	}
	if (r == 0)
		r = put(c, "http", "sslKeyType", "ENG", err);
	if (r == 0)
		r = put(c, "http", "sslKey", uri, err);
	if (r == 0 && pin != NULL)
		warn_of_newline(pin);
	else if (r == 0)
		puts("git asks for the PIN by itself then, where its TLS library can; it reads it "
		     "from "
		     "a file\nwhen hsm.pinSource is file:/path and configure is run again.");
	gitconf_free(&conf);
	return r;
}

/* --- and out again -------------------------------------------------------------------------- */

static const char *const bound_keys[] = { "sslCert", "sslKey", "sslKeyType" };
#define BOUND_N (sizeof(bound_keys) / sizeof(bound_keys[0]))

/* What stands there; NULL: nothing. The caller frees. */
static int current(const struct configure *c, const char *section, const char *name, char **ret,
		   struct err *err)
{
	_cleanup_free_ char *key = xasprintf("%s.%s.%s", section, c->url, name);
	struct buf v = BUF_INIT;
	bool found = false;
	int r = gitcmd_get(c->scope, key, &v, &found, err);

	*ret = r == 0 && found ? xstrndup(buf_str(&v), v.n) : NULL;
	buf_free(&v);
	return r;
}

static bool same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* A URI as key_uri() writes it. */
static bool is_key_uri(const char *v)
{
	static const char type[] = ";type=private", pin[] = "?pin-source=/";
	const char *end = v != NULL ? strstr(v, type) : NULL;

	if (end == NULL || strncmp(v, "pkcs11:", strlen("pkcs11:")) != 0)
		return false;
	end += strlen(type);
	return *end == '\0' || strncmp(end, pin, strlen(pin)) == 0;
}

/* git's half, as --bound writes it for the profile that stands there: taken out. */
static int remove_bound(const struct configure *c, struct err *err)
{
	_cleanup_free_ char *cert = NULL, *key = NULL, *type = NULL, *named = NULL;
	_cleanup_free_ char *made = certificate_file(c);
	int r;

	if ((r = current(c, "http", "sslCert", &cert, err)) != 0 ||
	    (r = current(c, "http", "sslKey", &key, err)) != 0 ||
	    (r = current(c, "http", "sslKeyType", &type, err)) != 0 ||
	    (r = current(c, "credential", "hsmCertificate", &named, err)) != 0 ||
	    (cert == NULL && key == NULL))
		return r;
	if (!is_key_uri(key) || !same(type, "ENG") || (!same(cert, made) && !same(cert, named))) {
		printf("  http.%s.sslCert and sslKey stay: they are not what configure writes\n",
		       c->url);
		return 0;
	}
	for (size_t i = 0; r == 0 && i < BOUND_N; i++) {
		printf("  http.%s.%s %s taken out\n", c->url, bound_keys[i],
		       c->dry_run ? "would be" : "is");
		r = put(c, "http", bound_keys[i], NULL, err);
	}
	if (r == 0 && same(cert, made) && access(made, F_OK) == 0)
		printf("  %s stays: delete it where no other configuration names it\n", made);
	return r;
}

/* useHttpPath, as the profile that stands there needs it; what was set by hand stays. */
static int remove_path(const struct configure *c, struct err *err)
{
	_cleanup_free_ char *grant = NULL, *value = NULL;
	int r = current(c, "credential", "hsmGrant", &grant, err);

	if (r == 0)
		r = current(c, "credential", "useHttpPath", &value, err);
	if (r != 0 || value == NULL)
		return r;
	if (!same(value, "true") || grant == NULL || !needs_path(c, grant)) {
		printf("  credential.%s.useHttpPath stays: it is not what configure writes\n",
		       c->url);
		return 0;
	}
	printf("  credential.%s.useHttpPath %s taken out\n", c->url,
	       c->dry_run ? "would be" : "is");
	return put(c, "credential", "useHttpPath", NULL, err);
}

/* This helper's path, from wherever it was installed when that was written. */
static bool is_program(const char *v)
{
	const char *name = strrchr(v, '/');

	return v[0] == '/' && strcmp(name, "/git-credential-hsm") == 0;
}

/* What stands beside this helper's lines, and the empty one before, goes back as it was. */
static int keep_helpers(const struct configure *c, const char *key, const struct buf *all,
			struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i += strlen((const char *)all->p + i) + 1) {
		const char *v = (const char *)all->p + i;
		_cleanup_free_ char *shown = text_escaped(bytes_str(v));

		if (is_program(v))
			continue;
		printf("  %s = %s stays\n", key, shown);
		r = c->dry_run ? 0 : gitcmd_add(c->scope, key, v, err);
	}
	return r;
}

static int remove_helper(const struct configure *c, struct err *err)
{
	_cleanup_free_ char *key = xasprintf("credential.%s.helper", c->url);
	struct buf all = BUF_INIT;
	size_t ours = 0, others = 0;
	int r = gitcmd_get_all(c->scope, key, &all, err);

	for (size_t i = 0; r == 0 && i < all.n; i += strlen((const char *)all.p + i) + 1) {
		ours += is_program((const char *)all.p + i);
		others += all.p[i] != '\0' && !is_program((const char *)all.p + i);
	}
	if (r == 0 && ours == 0 && all.n > 0)
		printf("  %s stays: it is not what configure writes\n", key);
	if (r == 0 && ours > 0)
		r = put(c, "credential", "helper", NULL, err);
	if (r == 0 && ours > 0 && others > 0)
		r = keep_helpers(c, key, &all, err);
	buf_free(&all);
	return r;
}

/* --- the verb ----------------------------------------------------------------------------------- */

static int remove_profile(const struct configure *c, struct err *err)
{
	int r = remove_bound(c, err);

	if (r == 0)
		r = remove_path(c, err);
	if (r == 0)
		r = remove_helper(c, err);
	for (int i = 0; r == 0 && i < W_N; i++)
		r = put(c, "credential", table[i].key, NULL, err);
	if (r == 0)
		printf("The profile of %s %s gone from git's %s configuration.\n", c->url,
		       c->dry_run ? "would be" : "is", c->local ? "repository" : "global");
	return r;
}

static int write_all(const struct configure *c, const struct cred_profile *p, struct err *err)
{
	struct key *k = NULL;
	int r = 0;

	if (c->bound && p->auth != CRED_TLS_CLIENT_AUTH)
		return err_set(err, ERR_USAGE, "--bound goes with --client-auth tls_client_auth");
	if (p->key != NULL)
		r = key_open(p, false, &k, err);
	if (r != 0)
		return r;
	printf("%s git's %s configuration:\n", c->dry_run ? "Would be written to" : "Written to",
	       c->local ? "repository" : "global");
	if (!c->bound)
		r = remove_bound(c, err);
	if (r == 0 && !needs_path(c, cred_grant_name(p->grant)))
		r = remove_path(c, err);
	if (r == 0)
		r = write_profile(c, p, err);
	if (r == 0 && c->bound)
		r = write_bound(c, key_facts(k), err);
	key_close(k);
	if (r == 0 && !c->dry_run)
		printf("Try: git-credential-hsm login %s\n     git-credential-hsm explain %s\n",
		       c->url, c->url);
	return r;
}

static int configure(struct configure *c, const char *url, struct err *err)
{
	struct gitconf conf = GITCONF_INIT;
	struct cred_profile p = { .url = NULL };
	int r = take_url(c, url, err);

	c->scope = c->local ? "--local" : "--global";
	if (r == 0)
		r = find_program(c, err);
	if (r == 0 && c->remove)
		return remove_profile(c, err);
	if (r == 0)
		r = check(c, &conf, &p, err);
	if (r == 0)
		r = write_all(c, &p, err);
	cred_profile_free(&p);
	gitconf_free(&conf);
	return r;
}

int verb_configure(int argc, char **argv)
{
	struct configure c = { .scope = NULL };
	struct opt opts[W_N + 5] = {
		{ 0, "local", NULL, "for this repository only", OPT_FLAG, &c.local },
		{ 0, "bound", NULL, "git shows the certificate too (RFC 8705)", OPT_FLAG,
		  &c.bound },
		{ 0, "dry-run", NULL, "only show what would be written", OPT_FLAG, &c.dry_run },
		{ 0, "remove", NULL, "take the profile out again", OPT_FLAG, &c.remove },
	};
	const struct opt_command cmd = {
		.usage = "git-credential-hsm configure [options] URL",
		.summary =
			"Writes the profile of an address into git's configuration, in place of "
			"the "
			"one that stands there, with this helper as the only one that git asks for "
			"it. The profile and its key are checked first.",
		.opts = opts,
		.epilogue = "  git-credential-hsm configure https://git.example.com --grant "
			    "client_credentials \\\n    --issuer https://login.example.com "
			    "--client-id build "
			    "--key 'pkcs11:token=build;object=oauth'\n"
			    "  git-credential-hsm configure https://github.com --grant github_app "
			    "--client-id "
			    "Iv1.abc \\\n    --key 'pkcs11:token=build;object=app'\n"
			    "  git-credential-hsm configure https://gitlab.com --provider gitlab "
			    "--grant "
			    "device_code \\\n    --client-id ID --scope 'read_repository "
			    "write_repository'\n",
		.args_min = 1,
		.args_max = 1,
	};
	struct err err = ERR_INIT;
	int r;

	for (int i = 0; i < W_N; i++)
		opts[4 + i] =
			(struct opt){ 0,          table[i].option, table[i].arg, table[i].help,
				      OPT_STRING, &c.value[i] };
	if (!verb_options(&cmd, &argc, &argv, &r))
		return r;
	r = configure(&c, argv[0], &err);
	free(c.url);
	free(c.issuer);
	free(c.program);
	return r != 0 ? verb_failed(&err) : 0;
}
