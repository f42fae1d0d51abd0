/* What git's configuration says about an address. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc.h"
#include "base/text.h"
#include "helper/explain.h"
#include "helper/report.h"
#include "oauth/http.h"

#define ORIGINS_MAX ((size_t)16 << 20)

void explain_problem(struct explain *e, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)json_array_append_new(e->problems, report_said(text));
}

/* A pattern of git's (urlmatch.c) for this host: "*" is one label of its name. */
static char *without_stars(const char *pattern, const char *host)
{
	const char *name = pattern + strlen("https://"), *end = name + strcspn(name, "/");
	const char *at = memrchr(name, '@', (size_t)(end - name));
	struct buf b = BUF_INIT;

	name = at != NULL ? at + 1 : name;
	buf_add(&b, pattern, (size_t)(name - pattern));
	while (name < end && *name != ':') {
		size_t n = strcspn(name, ".:/"), label = strcspn(host, ".");
		bool star = n == 1 && name[0] == '*';

		buf_add(&b, star ? host : name, star ? label : n);
		host += label + (host[label] == '.');
		name += n;
		if (*name == '.')
			buf_add_byte(&b, (uint8_t)*name++);
	}
	buf_add_str(&b, name);
	return buf_detach(&b);
}

/* Does git apply the section to the address? "github.com" alone is for both schemes. */
static bool holds(const struct explain *e, const struct gitconf_entry *entry)
{
	struct cred_url u;
	_cleanup_free_ char *full = NULL, *plain = NULL;
	bool yes;

	if (entry->subsection == NULL)
		return true;
	full = xasprintf("%s%s", strstr(entry->subsection, "://") == NULL ? "https://" : "",
			 entry->subsection);
	if (strncmp(full, "https://", strlen("https://")) == 0)
		plain = without_stars(full, e->ask->target.host);
	if (plain == NULL || cred_url_parse(plain, &u, NULL) != 0)
		return false;
	yes = cred_url_covers(&u, &e->ask->target) > 0;
	cred_url_free(&u);
	return yes;
}

static void ask_origins(struct buf *out)
{
	static const char *const argv[] = {
		"git", "config", "--list", "-z", "--show-origin", NULL
	};
	const struct proc_opts opts = { .output_max = ORIGINS_MAX };
	int status = -1;

	if (proc_run(argv, &opts, out, &status, NULL) != 0 || status != 0)
		buf_clear(out);
}

/* The next string up to its NUL. */
static struct bytes next_of(struct bytes *list)
{
	const uint8_t *end = list->n > 0 ? memchr(list->p, '\0', list->n) : NULL;
	struct bytes v = bytes_of(list->p, end != NULL ? (size_t)(end - list->p) : list->n);

	*list = bytes_skip(*list, end != NULL ? v.n + 1 : v.n);
	return v;
}

static bool has_value(struct bytes listed, const char *value)
{
	const uint8_t *feed = listed.n > 0 ? memchr(listed.p, '\n', listed.n) : NULL;
	size_t key = feed != NULL ? (size_t)(feed - listed.p) + 1 : listed.n;

	return (feed != NULL) == (value != NULL) &&
	       (feed == NULL || bytes_eq(bytes_skip(listed, key), bytes_str(value)));
}

/*
 * Where git was asked (for its includes), an entry's line is its number in git's list. The same
 * list once more, with the file before each entry; one that is another list by now says nothing.
 */
static json_t *listed_in(struct explain *e, const struct gitconf_entry *entry)
{
	struct bytes list, origin = BYTES_NONE, listed = BYTES_NONE;
	_cleanup_free_ char *text = NULL;

	if (e->origins.n == 0)
		ask_origins(&e->origins);
	list = buf_bytes(&e->origins);
	for (unsigned i = 0; i < entry->line; i++) {
		origin = next_of(&list);
		listed = next_of(&list);
	}
	if (origin.n == 0 || !has_value(listed, entry->value))
		return report_text("git config");
	if (bytes_starts(origin, BYTES_LIT("file:")))
		origin = bytes_skip(origin, strlen("file:"));
	else if (origin.p[origin.n - 1] == ':') /* "command line:" */
		origin.n--;
	text = xstrndup((const char *)origin.p, origin.n);
	return report_text(text);
}

static json_t *where(struct explain *e, const struct gitconf_entry *entry)
{
	const char *file = entry->file < e->ask->conf.nfiles ? e->ask->conf.files[entry->file] : "";
	_cleanup_free_ char *text = xasprintf("%s:%u", file, entry->line);

	return strcmp(file, "git config") == 0 ? listed_in(e, entry) : report_text(text);
}

static bool is_setting(const struct gitconf_entry *entry)
{
	return entry->name != NULL && strcmp(entry->section, "credential") == 0 &&
	       strncmp(entry->name, "hsm", 3) == 0;
}

/* A profile is named by a whole URL: cred_profile_find() takes nothing from a pattern. */
static bool counts(struct explain *e, const struct gitconf_entry *entry)
{
	struct cred_url u;
	bool whole = false;

	if (entry->subsection == NULL)
		return strcmp(entry->name, "hsmstore") == 0;
	if (cred_url_parse(entry->subsection, &u, NULL) == 0) {
		whole = true;
		cred_url_free(&u);
	}
	if (!whole) {
		_cleanup_free_ char *section = text_escaped(bytes_str(entry->subsection));

		explain_problem(e,
				"%s of \"%s\" counts for nothing: settings stand below a whole "
				"URL, https://...",
				entry->name, section);
	}
	return whole;
}

void explain_settings(struct explain *e)
{
	const struct cred_profile *p = &e->ask->profile;
	json_t *list = json_array();

	for (size_t i = 0; i < e->ask->conf.n; i++) {
		const struct gitconf_entry *entry = &e->ask->conf.v[i];
		json_t *o;

		if (!is_setting(entry) || !holds(e, entry) || !counts(e, entry))
			continue;
		o = json_object();
		(void)json_object_set_new(o, "name", report_text(entry->name));
		(void)json_object_set_new(o, "value", report_text(entry->value));
		(void)json_object_set_new(o, "section", report_text(entry->subsection));
		(void)json_object_set_new(o, "from", where(e, entry));
		(void)json_array_append_new(list, o);
	}
	(void)json_object_set_new(e->report, "profile", report_text(p->url));
	(void)json_object_set_new(e->report, "grant", json_string(cred_grant_name(p->grant)));
	(void)json_object_set_new(
		e->report, "clientAuth",
		json_string(p->auth == CRED_AUTH_UNSET ? "app" : cred_auth_name(p->auth)));
	(void)json_object_set_new(e->report, "clientId", report_text(p->client_id));
	(void)json_object_set_new(e->report, "settings", list);
}

/* --- helpers ------------------------------------------------------------------------- */

static bool is_helper(const struct gitconf_entry *entry)
{
	return entry->name != NULL && strcmp(entry->section, "credential") == 0 &&
	       strcmp(entry->name, "helper") == 0;
}

/* "hsm", or a path or a snippet that runs git-credential-hsm. */
static bool is_this(const char *v)
{
	return strcmp(v, "hsm") == 0 || strncmp(v, "hsm ", 4) == 0 ||
	       strstr(v, "git-credential-hsm") != NULL;
}

/* The list as git makes it (git credential.c): an empty value takes back what came before. */
static json_t *helper_list(const struct explain *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->ask->conf.n; i++) {
		const struct gitconf_entry *entry = &e->ask->conf.v[i];

		if (!is_helper(entry) || entry->value == NULL || !holds(e, entry))
			continue;
		if (entry->value[0] == '\0')
			(void)json_array_clear(list);
		else
			(void)json_array_append_new(list, report_text(entry->value));
	}
	return list;
}

void explain_helpers(struct explain *e)
{
	json_t *list = helper_list(e);
	size_t ours = 0;

	while (ours < json_array_size(list) &&
	       !is_this(json_string_value(json_array_get(list, ours))))
		ours++;
	if (ours == json_array_size(list))
		explain_problem(e,
				"git does not ask this helper for %s: git-credential-hsm configure "
				"writes credential.%s.helper",
				e->ask->profile.url, e->ask->profile.url);
	else if (ours > 0)
		explain_problem(
			e,
			"git asks \"%s\" before this helper: put an empty helper = into the "
			"section of %s (git-credential-hsm configure does)",
			json_string_value(json_array_get(list, 0)), e->ask->profile.url);
	else if (json_array_size(list) > 1)
		explain_problem(
			e,
			"git hands access tokens to \"%s\" too, which a git before 2.46 keeps "
			"although they expire: this helper alone is enough",
			json_string_value(json_array_get(list, 1)));
	(void)json_object_set_new(e->report, "helpers", list);
}

/* --- paths, and remotes that would not get a token ---------------------------------------- */

static bool sends_path(const struct explain *e)
{
	bool yes = false;

	for (size_t i = 0; i < e->ask->conf.n; i++) {
		const struct gitconf_entry *entry = &e->ask->conf.v[i];
		struct gitconf one = { .v = &e->ask->conf.v[i], .n = 1, .cap = 1 };
		_cleanup_free_ char *key = NULL;

		if (entry->name == NULL || strcmp(entry->section, "credential") != 0 ||
		    strcmp(entry->name, "usehttppath") != 0 || !holds(e, entry))
			continue;
		key = entry->subsection == NULL
			      ? xstrdup("credential.useHttpPath")
			      : xasprintf("credential.%s.useHttpPath", entry->subsection);
		(void)gitconf_bool(&one, key, false, &yes, NULL);
	}
	return yes;
}

static void check_path(struct explain *e)
{
	const struct cred_profile *p = &e->ask->profile;
	struct cred_url section;
	bool by_path = p->grant == CRED_GITHUB_APP && p->installation == NULL;
	bool sends = sends_path(e);

	if (cred_url_parse(p->url, &section, NULL) == 0) {
		by_path = by_path || section.path[0] != '\0';
		cred_url_free(&section);
	}
	if (by_path && !sends)
		explain_problem(
			e,
			"the profile needs the path, and git sends none: git config --global "
			"credential.%s.useHttpPath true",
			p->url);
	(void)json_object_set_new(e->report, "useHttpPath", json_boolean(sends));
}

static void check_remote(struct explain *e, const struct gitconf_entry *entry)
{
	_cleanup_free_ char *shown = NULL;
	struct cred_url u;

	if (entry->name == NULL || entry->value == NULL || entry->subsection == NULL ||
	    strcmp(entry->section, "remote") != 0 ||
	    (strcmp(entry->name, "url") != 0 && strcmp(entry->name, "pushurl") != 0) ||
	    cred_url_parse(entry->value, &u, NULL) != 0)
		return;
	shown = text_escaped(bytes_str(entry->subsection));
	if (!u.https && strcmp(u.host, e->ask->target.host) == 0)
		explain_problem(
			e,
			"remote \"%s\" is http, which gets no access token: git remote set-url "
			"%s https://...",
			shown, shown);
	cred_url_free(&u);
}

void explain_remotes(struct explain *e)
{
	struct buf url = BUF_INIT;
	struct err err = ERR_INIT;

	check_path(e);
	for (size_t i = 0; i < e->ask->conf.n; i++)
		check_remote(e, &e->ask->conf.v[i]);
	cred_url_format(&url, &e->ask->target);
	if (http_verified(&e->ask->conf, buf_str(&url), &err) != 0)
		explain_problem(e,
				"git sends access tokens over a connection that it does not "
				"verify: %s",
				err.text);
	buf_free(&url);
}
