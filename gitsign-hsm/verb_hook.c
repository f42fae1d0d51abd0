/* hook install, hook remove: the hooks of a repository. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "gitcmd.h"
#include "hook_place.h"
#include "policy/policy.h"
#include "say.h"
#include "verbs.h"

/* --- problems --------------------------------------------------------------- */

static void say_problem(const char *text, void *ctx)
{
	(void)ctx;
	fprintf(stderr, "gitsign-hsm: %s\n", text);
}

/* --- install --------------------------------------------------------------------- */

struct install {
	const char *policy;
	bool introduce, pre_push, transactions;
};

static int choose_policy(const struct hook_place *p, const struct install *in, char **path,
			 struct err *err)
{
	char real[PATH_MAX];
	const char *from = in->policy ? in->policy : p->server.policy;
	struct policy *policy = NULL;
	int rc;

	if (!from)
		return err_set(err, ERR_CONFIG,
			       "which policy? Name it with --policy FILE; "
			       "gitsign-hsm policy init writes a first one");
	if (!realpath(from, real))
		return err_errno(err, ERR_CONFIG, "the policy %s", from);
	rc = policy_load(real, &policy, err);
	if (rc == 0)
		rc = os_path_trusted(real, geteuid(), err);
	policy_free(policy);
	if (rc == 0)
		*path = xstrdup(real);
	return rc;
}

static int configure(struct hook_place *p, const struct install *in, const char *policy,
		     struct err *err)
{
	struct buf v = BUF_INIT;
	bool found = false;
	int rc = 0;

	if (in->policy && (!p->server.policy || strcmp(p->server.policy, policy) != 0)) {
		rc = hook_place_set(p, "hsm.policy", policy, err);
		if (rc == 0)
			printf("hsm.policy = %s\n", policy);
	}
	if (rc == 0)
		rc = gitcmd_get(p->scope, "receive.fsckObjects", &v, &found, err);
	if (rc == 0 && !found) {
		rc = hook_place_set(p, "receive.fsckObjects", "true", err);
		if (rc == 0)
			printf("receive.fsckObjects = true\n");
	} else if (rc == 0 && strcmp(buf_str(&v), "true") != 0) {
		printf("receive.fsckObjects is %s: left as it is\n", buf_str(&v));
	}
	buf_free(&v);
	return rc;
}

/* git asks for push certificates when it has a seed; for how long one is good is ours. */
static int configure_certs(const struct hook_place *p, struct err *err)
{
	_cleanup_free_ char *age = xasprintf("%lld", (long long)p->server.cert_max_age);
	struct buf v = BUF_INIT;
	bool found = false;
	int rc = 0;

	if (!p->server.asks_certs)
		rc = hook_place_seed(p, err);
	if (rc == 0)
		rc = gitcmd_get(p->scope, "receive.certNonceSlop", &v, &found, err);
	if (rc == 0 && !found) {
		rc = hook_place_set(p, "receive.certNonceSlop", age, err);
		if (rc == 0)
			printf("receive.certNonceSlop = %s\n", age);
	}
	buf_free(&v);
	return rc;
}

static int check_install(struct hook_place *p, struct err *err)
{
	const struct hook_file *pre = &p->files[HOOK_PRE_RECEIVE];
	size_t n;

	if (pre->there && !pre->ours)
		return hook_refuse_other(pre, err);
	n = hook_place_traps(p, say_problem, NULL, err);
	n += server_inspect(&p->server, pre->program, say_problem, NULL);
	if (n > 0)
		return err_set(err, ERR_CONFIG,
			       "not installed: here the hook would enforce "
			       "nothing. Mend what is said above, then try again");
	return 0;
}

static int install(struct hook_place *p, const struct install *in, struct err *err)
{
	_cleanup_free_ char *policy = NULL;
	int rc = check_install(p, err);

	if (rc == 0)
		rc = choose_policy(p, in, &policy, err);
	if (rc == 0)
		rc = configure(p, in, policy, err);
	if (rc == 0)
		rc = configure_certs(p, err);
	if (rc == 0 && in->introduce)
		rc = hook_introduce_all(p, err);
	if (rc == 0)
		rc = hook_make_links(p, in->transactions, err);
	if (rc == 0 && !repo_is_bare(p->repo))
		printf("note: the repository is not bare\n");
	return rc;
}

int verb_hook_install(int argc, char **argv)
{
	struct install in = { .policy = NULL };
	const struct opt opts[] = {
		{ 0, "policy", "FILE", "the policy file; is written to hsm.policy", OPT_STRING,
		  &in.policy },
		{ 0, "introduce", NULL, "do not judge the history that is there today", OPT_FLAG,
		  &in.introduce },
		{ 0, "reference-transaction", NULL, "judge changes of refs that no push makes too",
		  OPT_FLAG, &in.transactions },
		{ 0, "pre-push", NULL, "the hook of one who pushes, alone", OPT_FLAG,
		  &in.pre_push },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm hook install [--policy FILE] [--introduce] [--reference-transaction] "
		"[REPOSITORY]\n       gitsign-hsm hook install --pre-push [REPOSITORY]",
		"Installs the hooks into a repository that is pushed to.",
		opts,
		"It says what it changes; hook remove puts it back.",
		0,
		1,
	};
	struct hook_place p = { .repo = NULL };
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	if (in.pre_push && (in.policy || in.introduce || in.transactions))
		rc = err_set(&err, ERR_USAGE, "--pre-push stands alone");
	else
		rc = (in.pre_push ? hook_place_open_client
				  : hook_place_open)(argc > 0 ? argv[0] : NULL, &p, &err);
	if (rc)
		return say_err(&err);
	rc = in.pre_push ? hook_link_client(&p, &err) : install(&p, &in, &err);
	hook_place_close(&p);
	return rc ? say_err(&err) : 0;
}

/* --- remove ------------------------------------------------------------------------ */

static void tell_restored(const char *key, const char *value)
{
	printf("%s %s%s\n", key, value ? "= " : "unset", value ? value : "");
}

static int remove_hooks(const char *path, bool pre_push, struct err *err)
{
	struct hook_place p = { .repo = NULL };
	int rc = (pre_push ? hook_place_open_client : hook_place_open)(path, &p, err);

	if (rc)
		return rc;
	rc = pre_push ? hook_unlink_client(&p, err) : hook_remove_links(&p, err);
	if (rc == 0 && !pre_push)
		rc = hook_place_restore(&p, tell_restored, err);
	hook_place_close(&p);
	return rc;
}

int verb_hook_remove(int argc, char **argv)
{
	bool pre_push = false;
	const struct opt opts[] = {
		{ 0, "pre-push", NULL, "the hook of one who pushes, alone", OPT_FLAG, &pre_push },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm hook remove [--pre-push] [REPOSITORY]",
		"Takes the hooks out, and puts the configuration back. The record and "
		"the introductions stay: a later installation goes on from there.",
		opts,
		NULL,
		0,
		1,
	};
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = remove_hooks(argc > 0 ? argv[0] : NULL, pre_push, &err);
	return rc ? say_err(&err) : 0;
}
