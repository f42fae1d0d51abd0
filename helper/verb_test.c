/* test: would git get in with what this helper gives? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/proc.h"
#include "base/text.h"
#include "helper/verbs.h"

#define LS_REMOTE_MS 180000

/* git's own word: its TLS, its proxy, its matching; no helper but this one. */
static int ls_remote(const char *url, const char *self, struct err *err)
{
	_cleanup_free_ char *helper = xasprintf("credential.helper=%s", self);
	const char *argv[] = { "git",
			       "-c",
			       "credential.helper=",
			       "-c",
			       helper,
			       "-c",
			       "core.askPass=",
			       "ls-remote",
			       "-q",
			       url,
			       NULL };
	struct proc_opts opts = { .output_max = (size_t)64 << 20,
				  .timeout_ms = LS_REMOTE_MS,
				  .keep_stderr = true };
	struct buf out = BUF_INIT;
	int status = 0;
	int r = proc_run(argv, &opts, &out, &status, err);
	size_t refs = 0;

	for (size_t i = 0; i < out.n; i++)
		refs += out.p[i] == '\n';
	buf_free(&out);
	if (r == 0 && status != 0)
		return err_set(err, ERR_BAD, "git does not get in (git ls-remote: status %d)",
			       status);
	if (r == 0)
		printf("git gets in: %zu ref%s\n", refs, refs == 1 ? "" : "s");
	return r;
}

static int self_path(struct buf *out, struct err *err)
{
	int r = os_self_dir(out, err);

	if (r == 0)
		buf_add_str(out, "/../../bin/git-credential-hsm");
	return r;
}

static int test(const char *url, bool offline, struct err *err)
{
	struct ask a;
	struct buf shown = BUF_INIT, self = BUF_INIT;
	bool repository;
	int r = verb_profile(url, &a, err);

	if (r != 0)
		return r;
	cred_url_format(&shown, &a.target);
	repository = a.target.path[0] != '\0';
	printf("%s gets an access token, by the profile of %s\n", buf_str(&shown), a.profile.url);
	fflush(stdout);
	ask_free(&a);
	if (!offline && !repository)
		r = err_set(err, ERR_USAGE,
			    "name a repository to try it (or say --offline): %s/PATH",
			    buf_str(&shown));
	else if (!offline)
		r = self_path(&self, err);
	if (r == 0 && !offline)
		r = ls_remote(buf_str(&shown), buf_str(&self), err);
	buf_free(&shown);
	buf_free(&self);
	return r;
}

int verb_test(int argc, char **argv)
{
	bool offline = false;
	const struct opt opts[] = {
		{ 0, "offline", NULL, "only say whether a token would be given", OPT_FLAG,
		  &offline },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "git-credential-hsm test [--offline] URL",
		.summary = "Says whether an address gets an access token, and lets git read the "
			   "repository's refs with it. Ends with status 3 for an address that gets "
			   "none, 1 when git does not get in.",
		.opts = opts,
		.epilogue = "  git-credential-hsm test https://git.example.com/team/project.git\n"
			    "  git-credential-hsm test --offline https://elsewhere.example.com\n",
		.args_min = 1,
		.args_max = 1,
	};
	struct err err = ERR_INIT;
	int r;

	if (!verb_options(&cmd, &argc, &argv, &r))
		return r;
	r = test(argv[0], offline, &err);
	return r != 0 ? verb_failed(&err) : 0;
}
