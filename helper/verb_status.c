/* status: every profile, and what is kept for it. */
#include <stdio.h>
#include <string.h>

#include "helper/report.h"
#include "helper/verbs.h"

static bool is_ours(const struct gitconf_entry *e)
{
	return e->name != NULL && e->subsection != NULL && strcmp(e->section, "credential") == 0 &&
	       strncmp(e->name, "hsm", 3) == 0;
}

static bool told(const json_t *list, const char *url)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "url")),
			   url) == 0)
			return true;
	return false;
}

static json_t *broken(const char *section, const struct err *err)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "url", report_text(section));
	(void)json_object_set_new(o, "problem", report_said(err->text));
	return o;
}

static json_t *describe(struct ask *a)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "url", report_text(a->profile.url));
	(void)json_object_set_new(o, "grant", json_string(cred_grant_name(a->profile.grant)));
	(void)json_object_set_new(o, "issuer", report_text(a->profile.issuer));
	(void)json_object_set_new(o, "clientId", report_text(a->profile.client_id));
	(void)json_object_set_new(o, "token", report_token(a));
	return o;
}

static void add(json_t *list, const char *section)
{
	struct err err = ERR_INIT;
	struct ask a;
	int r = ask_url(section, &a, &err);

	if (r == 0 && !a.found) {
		ask_free(&a);
		return;
	}
	if (r != 0) {
		json_t *o = broken(section, &err);

		if (told(list, json_string_value(json_object_get(o, "url"))))
			json_decref(o);
		else
			(void)json_array_append_new(list, o);
		return;
	}
	if (!told(list, a.profile.url))
		(void)json_array_append_new(list, describe(&a));
	ask_free(&a);
}

static void print_one(const json_t *o)
{
	const char *problem = json_string_value(json_object_get(o, "problem"));
	const char *issuer = json_string_value(json_object_get(o, "issuer"));
	const char *note = json_string_value(json_object_get(json_object_get(o, "token"), "note"));
	struct buf b = BUF_INIT;

	printf("%s\n", json_string_value(json_object_get(o, "url")));
	if (problem != NULL) {
		printf("  problem  %s\n", problem);
		return;
	}
	printf("  grant    %s as %s%s%s\n", json_string_value(json_object_get(o, "grant")),
	       json_string_value(json_object_get(o, "clientId")), issuer != NULL ? " from " : "",
	       issuer != NULL ? issuer : "");
	report_token_line(json_object_get(o, "token"), &b);
	printf("  token    %s\n", buf_str(&b));
	if (note != NULL)
		printf("           %s\n", note);
	buf_free(&b);
}

static int status(bool as_json, struct err *err)
{
	struct gitconf conf = GITCONF_INIT;
	json_t *list = json_array();
	int r = gitconf_load(&conf, err);

	for (size_t i = 0; r == 0 && i < conf.n; i++)
		if (is_ours(&conf.v[i]))
			add(list, conf.v[i].subsection);
	if (r == 0 && as_json) {
		r = report_print(list, err);
	} else if (r == 0) {
		for (size_t i = 0; i < json_array_size(list); i++)
			print_one(json_array_get(list, i));
		if (json_array_size(list) == 0)
			puts("No profiles: git-credential-hsm configure URL writes one.");
	}
	json_decref(list);
	gitconf_free(&conf);
	return r;
}

int verb_status(int argc, char **argv)
{
	bool as_json = false;
	const struct opt opts[] = {
		{ 0, "json", NULL, "for programs", OPT_FLAG, &as_json },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "git-credential-hsm status [--json]",
		.summary = "Lists the profiles of git's configuration and the age of what is kept "
			   "for each. No request is made.",
		.opts = opts,
		.args_max = 0,
	};
	struct err err = ERR_INIT;
	int r;

	if (!verb_options(&cmd, &argc, &argv, &r))
		return r;
	r = status(as_json, &err);
	return r != 0 ? verb_failed(&err) : 0;
}
