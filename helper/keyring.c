#include "helper/keyring.h"

#define SECRET_API_SUBJECT_TO_CHANGE
#include <libsecret/secret.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cred/tokens.h"

static const SecretSchema schema = {
	.name = "org.gitsign_hsm.Tokens",
	.flags = SECRET_SCHEMA_NONE,
	.attributes = { { "url", SECRET_SCHEMA_ATTRIBUTE_STRING },
			{ "profile", SECRET_SCHEMA_ATTRIBUTE_STRING },
			{ "request", SECRET_SCHEMA_ATTRIBUTE_STRING },
			{ NULL, SECRET_SCHEMA_ATTRIBUTE_STRING } },
};

/* A frame's id: what erase and clear are for, and what stands behind the NUL. */
struct name {
	struct bytes profile, request;
	bool whole;
};

struct job {
	SecretService *service;
	bool quiet;
	struct secret *out;
};

static void said(struct job *j, enum cred_said code, struct bytes body)
{
	const struct cred_frame f = { .code = code, .body = body };

	cred_frame_write(j->out, &f);
}

static void unusable(struct job *j, const char *why)
{
	said(j, CRED_SAID_UNUSABLE, bytes_str(why));
}

/* Whatever the service says is for one line, and no longer than one. */
static void failed(struct job *j, GError *error)
{
	_cleanup_free_ char *shown =
		text_escaped(bytes_str(error != NULL ? error->message : "no reason is given"));
	_cleanup_free_ char *text = xasprintf("the keyring cannot be used (%.300s)", shown);

	unusable(j, text);
	g_clear_error(&error);
}

static struct name split(struct bytes id)
{
	const uint8_t *nul = id.n > 0 ? memchr(id.p, '\0', id.n) : NULL;
	struct name n = { .profile = id, .whole = nul != NULL };

	if (nul != NULL) {
		n.profile = bytes_of(id.p, (size_t)(nul - id.p));
		n.request = bytes_skip(id, n.profile.n + 1);
	}
	return n;
}

/* The first line of a profile's name is "url=...". */
static char *url_of(struct bytes profile)
{
	const uint8_t *end = memchr(profile.p, '\n', profile.n);

	if (!bytes_starts(profile, BYTES_LIT("url=")) || end == NULL)
		return g_strdup("");
	return g_strndup((const char *)profile.p + 4, (size_t)(end - profile.p) - 4);
}

static GHashTable *attributes(const struct name *n, bool with_url)
{
	static char profile[] = "profile", request[] = "request", url[] = "url";
	GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);

	g_hash_table_insert(t, profile,
			    g_compute_checksum_for_data(G_CHECKSUM_SHA256, n->profile.p,
							n->profile.n));
	if (n->whole)
		g_hash_table_insert(t, request,
				    g_compute_checksum_for_data(G_CHECKSUM_SHA256, n->request.p,
								n->request.n));
	if (with_url)
		g_hash_table_insert(t, url, url_of(n->profile));
	return t;
}

/* --- locks ------------------------------------------------------------------------------ */

/* The paths of the items, unlocked now; NULL when that cannot be, after it was said. */
static gchar **search(struct job *j, const struct name *n)
{
	GHashTable *a = attributes(n, false);
	gchar **open = NULL, **locked = NULL, **opened = NULL;
	GError *error = NULL;
	gboolean ok = secret_service_search_for_dbus_paths_sync(j->service, &schema, a, NULL, &open,
								&locked, &error);

	g_hash_table_unref(a);
	if (!ok) {
		failed(j, error);
		return NULL;
	}
	if (open[0] == NULL && locked[0] != NULL && !j->quiet)
		(void)secret_service_unlock_dbus_paths_sync(
			j->service, (const gchar **)(uintptr_t)locked, NULL, &opened, &error);
	if (open[0] == NULL && locked[0] != NULL && (opened == NULL || opened[0] == NULL)) {
		g_clear_error(&error);
		unusable(j, "the keyring is locked");
		g_strfreev(open);
		open = NULL;
	} else if (opened != NULL) {
		g_strfreev(open);
		open = opened;
		opened = NULL;
	}
	g_strfreev(opened);
	g_strfreev(locked);
	return open;
}

/* Is there a keyring to write to? Says it when there is none. */
static bool writable(struct job *j)
{
	GError *error = NULL;
	SecretCollection *c = secret_collection_for_alias_sync(
		j->service, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, NULL, &error);
	bool ok = c != NULL && (!j->quiet || !secret_collection_get_locked(c));

	if (error != NULL)
		failed(j, error);
	else if (c == NULL)
		unusable(j, "there is no default keyring");
	else if (!ok)
		unusable(j, "the keyring is locked");
	if (c != NULL)
		g_object_unref(c);
	return ok;
}

/* --- what is asked ------------------------------------------------------------------------ */

/* The text of an item, to be unreferenced; NULL: it is gone, or none of ours. */
static SecretValue *text_of(struct job *j, const char *path, struct bytes *text)
{
	GError *error = NULL;
	SecretValue *v =
		secret_service_get_secret_for_dbus_path_sync(j->service, path, NULL, &error);
	gsize n = 0;

	g_clear_error(&error);
	if (v != NULL) {
		const char *p = secret_value_get(v, &n);

		*text = bytes_of(p, n);
	}
	return v;
}

static void load(struct job *j, const struct name *n)
{
	gchar **paths = search(j, n);
	SecretValue *v = NULL;
	struct bytes text = BYTES_NONE;

	if (paths == NULL)
		return;
	if (paths[0] != NULL)
		v = text_of(j, paths[0], &text);
	g_strfreev(paths);
	if (v != NULL && text.n <= CRED_FRAME_BODY_MAX)
		said(j, CRED_SAID_DONE, text);
	else if (v != NULL || writable(j)) /* what cannot be kept there is said before it is made */
		said(j, CRED_SAID_NOTHING, BYTES_NONE);
	if (v != NULL)
		secret_value_unref(v);
}

static void save(struct job *j, const struct name *n, struct bytes text)
{
	_cleanup_free_ char *url = NULL;
	_cleanup_free_ char *label = NULL;
	GHashTable *a;
	SecretValue *v;
	GError *error = NULL;
	gboolean ok;

	if (!writable(j))
		return;
	url = url_of(n->profile);
	label = xasprintf("git-credential-hsm: %s", url);
	a = attributes(n, true);
	v = secret_value_new((const char *)text.p, (gssize)text.n, "text/plain");
	ok = secret_service_store_sync(j->service, &schema, a, SECRET_COLLECTION_DEFAULT, label, v,
				       NULL, &error);
	secret_value_unref(v);
	g_hash_table_unref(a);
	if (ok)
		said(j, CRED_SAID_DONE, BYTES_NONE);
	else
		failed(j, error);
}

static void remove_item(struct job *j, const char *path)
{
	GError *error = NULL;

	(void)secret_service_delete_item_dbus_path_sync(j->service, path, NULL, &error);
	g_clear_error(&error);
}

/* Label and attributes stay. */
static void replace_text(struct job *j, const char *path, const struct secret *text)
{
	GError *error = NULL;
	SecretItem *item = secret_item_new_for_dbus_path_sync(j->service, path, SECRET_ITEM_NONE,
							      NULL, &error);
	SecretValue *v = secret_value_new(text->p, (gssize)text->n, "text/plain");

	if (item != NULL) {
		(void)secret_item_set_secret_sync(item, v, NULL, &error);
		g_object_unref(item);
	}
	secret_value_unref(v);
	g_clear_error(&error);
}

/* Only when it is the token that was refused: another process may have stored the next. */
static void erase_in(struct job *j, const char *path, struct bytes token)
{
	struct bytes text = BYTES_NONE;
	SecretValue *v = text_of(j, path, &text);
	struct secret left = SECRET_NONE;
	struct cred_tokens t;

	if (v == NULL)
		return;
	if (cred_tokens_parse(text, &t, NULL) != 0) {
		remove_item(j, path);
		secret_value_unref(v);
		return;
	}
	if (cred_tokens_are(&t, token)) {
		secret_free(&t.access);
		if (t.refresh.p != NULL && cred_tokens_format(&left, &t, NULL) == 0)
			replace_text(j, path, &left);
		else
			remove_item(j, path);
	}
	secret_free(&left);
	cred_tokens_free(&t);
	secret_value_unref(v);
}

static void for_profile(struct job *j, const struct cred_frame *f, const struct name *n)
{
	gchar **paths = search(j, n);

	if (paths == NULL)
		return;
	for (size_t i = 0; paths[i] != NULL; i++) {
		if (f->code == CRED_ASK_CLEAR)
			remove_item(j, paths[i]);
		else
			erase_in(j, paths[i], f->body);
	}
	g_strfreev(paths);
	said(j, CRED_SAID_DONE, BYTES_NONE);
}

/* Libraries have much to say; one line is for us to write. */
static void no_words(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer ctx)
{
	(void)domain;
	(void)level;
	(void)text;
	(void)ctx;
}

void keyring_answer(const struct cred_frame *f, bool quiet, struct secret *out)
{
	struct job j = { .quiet = quiet, .out = out };
	struct name n = split(f->id);
	GError *error = NULL;

	g_log_set_default_handler(no_words, NULL);
	if (n.whole != (f->code == CRED_ASK_LOAD || f->code == CRED_ASK_SAVE)) {
		said(&j, CRED_SAID_FAILED, BYTES_LIT("the keyring's program does not know that"));
		return;
	}
	j.service = secret_service_get_sync(SECRET_SERVICE_OPEN_SESSION, NULL, &error);
	if (j.service == NULL) {
		failed(&j, error);
		return;
	}
	if (f->code == CRED_ASK_LOAD)
		load(&j, &n);
	else if (f->code == CRED_ASK_SAVE)
		save(&j, &n, f->body);
	else
		for_profile(&j, f, &n);
	g_object_unref(j.service);
}
