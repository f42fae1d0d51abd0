/* hook install, hook remove, hook status: the hooks of a repository. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/proc.h"
#include "base/text.h"
#include "gitcmd.h"
#include "hook_place.h"
#include "policy/judge.h"
#include "policy/policy.h"
#include "record/record.h"
#include "record/serial.h"
#include "say.h"
#include "verbs.h"

/* --- problems --------------------------------------------------------------- */

static void say_problem(const char *text, void *ctx)
{
	(void)ctx;
	fprintf(stderr, "gitsign-hsm: %s\n", text);
}

static void print_problem(const char *text, void *ctx)
{
	(void)ctx;
	printf("PROBLEM        %s\n", text);
}

/* --- introductions -------------------------------------------------------------- */

struct tips {
	char **v;
	size_t n, cap;
	struct hook_place *p;
};

static void tips_free(struct tips *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i]);
	free(t->v);
}

static void tips_add(struct tips *t, const char *hex)
{
	if (t->n == t->cap)
		t->v = xreallocarray(t->v, t->cap = t->cap ? t->cap * 2 : 64, sizeof(*t->v));
	t->v[t->n++] = xstrdup(hex);
}

/* A branch's commit, or the commit that a tag leads to. */
static int add_tip(const char *name, const struct oid *id, bool symbolic, void *ctx)
{
	struct tips *t = ctx;
	char hex[OID_HEX_MAX];
	struct oid commit;
	_cleanup_free_ char *rev = xasprintf("%s^{commit}", oid_hex(id, hex));

	(void)name;
	(void)symbolic;
	if (repo_resolve(t->p->repo, rev, &commit, NULL) == 0)
		tips_add(t, oid_hex(&commit, hex));
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void unique(struct tips *t)
{
	size_t kept = 0;

	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_text);
	for (size_t i = 0; i < t->n; i++) {
		if (kept && strcmp(t->v[kept - 1], t->v[i]) == 0)
			free(t->v[i]);
		else
			t->v[kept++] = t->v[i];
	}
	t->n = kept;
}

#define INDEPENDENT_MAX 1000

/* Ancestors of another tip need not be named. An aid only: more names do no harm. */
static int keep_maximal(struct tips *t, struct err *err)
{
	const char **argv = xcalloc(t->n + 6, sizeof(*argv));
	struct proc_opts opts = { .output_max = (size_t)INDEPENDENT_MAX * OID_HEX_MAX + 1 };
	struct buf out = BUF_INIT;
	size_t n = 0;
	int status = 0, rc;

	argv[n++] = "git";
	argv[n++] = "--git-dir";
	argv[n++] = t->p->server.git_dir;
	argv[n++] = "merge-base";
	argv[n++] = "--independent";
	for (size_t i = 0; i < t->n; i++)
		argv[n++] = t->v[i];
	rc = proc_run(argv, &opts, &out, &status, err);
	if (rc == 0 && status == 0) {
		char *at = NULL, *text = buf_detach(&out);
		struct tips less = { .p = t->p };

		for (char *w = strtok_r(text, "\n", &at); w; w = strtok_r(NULL, "\n", &at))
			tips_add(&less, w);
		free(text);
		tips_free(t);
		*t = less;
	}
	buf_free(&out);
	free(argv);
	return rc;
}

static bool introduced(const struct server *s, const char *hex)
{
	char known[OID_HEX_MAX];

	for (size_t i = 0; i < s->introductions_n; i++)
		if (strcmp(oid_hex(&s->introductions[i], known), hex) == 0)
			return true;
	return false;
}

static int introduce(struct hook_place *p, struct err *err)
{
	struct tips t = { .p = p };
	size_t added = 0;
	int rc = repo_refs(p->repo, "refs/", add_tip, &t, err);

	unique(&t);
	if (rc == 0 && t.n > 1 && t.n <= INDEPENDENT_MAX)
		rc = keep_maximal(&t, err);
	for (size_t i = 0; i < t.n && rc == 0; i++) {
		if (introduced(&p->server, t.v[i]))
			continue;
		rc = gitcmd_add(p->scope, "hsm.introduction", t.v[i], err);
		added += rc == 0;
	}
	if (rc == 0)
		printf("hsm.introduction: %zu added; what they reach is not judged\n", added);
	tips_free(&t);
	return rc;
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
		return err_set(err, ERR_CONFIG, "which policy? Name it with --policy FILE; "
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
		return err_set(err, ERR_CONFIG, "not installed: here the hook would enforce "
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
		rc = introduce(p, err);
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
		{ 0, "pre-push", NULL, "the hook of one who pushes, alone", OPT_FLAG, &in.pre_push },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm hook install [--policy FILE] [--introduce] [--reference-transaction] "
		"[REPOSITORY]\n       gitsign-hsm hook install --pre-push [REPOSITORY]",
		"Installs the hooks into a repository that is pushed to.", opts,
		"It says what it changes; hook remove puts it back.", 0, 1,
	};
	struct hook_place p = { .repo = NULL };
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	if (in.pre_push && (in.policy || in.introduce || in.transactions))
		rc = err_set(&err, ERR_USAGE, "--pre-push stands alone");
	else
		rc = (in.pre_push ? hook_place_open_client : hook_place_open)(
			argc > 0 ? argv[0] : NULL, &p, &err);
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
		"the introductions stay: a later installation goes on from there.", opts, NULL, 0, 1,
	};
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = remove_hooks(argc > 0 ? argv[0] : NULL, pre_push, &err);
	return rc ? say_err(&err) : 0;
}

/* --- status ------------------------------------------------------------------------- */

/* A rule may want what git does not ask for. */
static size_t status_certs(const struct hook_place *p, const struct policy *policy)
{
	const struct policy_rule *wants = NULL;

	for (size_t i = 0; i < policy->rules_n && !wants; i++)
		if (policy->rules[i].cert_required && !policy->rules[i].report && !policy->report)
			wants = &policy->rules[i];
	if (!p->server.asks_certs && wants) {
		_cleanup_free_ char *text = xasprintf(
			"rule \"%s\" wants push certificates, but git does not ask for any: pushes to "
			"it are refused. Set receive.certNonceSeed (hook install does)", wants->name);

		print_problem(text, NULL);
		return 1;
	}
	if (p->server.asks_certs)
		printf("certificates   asked for, good for %lld s\n",
		       (long long)p->server.cert_max_age);
	for (size_t i = 0; i < p->server.push_urls_n; i++)
		printf("push URL       %s\n", p->server.push_urls[i]);
	return 0;
}

struct lists {
	int64_t now;
	size_t problems;
};

static void status_crl(const char *name, enum trust_crls asked, const char *issuer, int64_t until,
		       void *ctx)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT;
	struct lists *l = ctx;

	buf_addf(&text, "crl            of %s (trust %s), current until ", issuer, name);
	text_time(&text, until);
	printf("%s%s\n", buf_str(&text), until < l->now ? ": out of date" : "");
	if (until < l->now && asked == TRUST_CRLS_REQUIRE)
		l->problems++;
}

static size_t status_policy(const struct hook_place *p)
{
	struct policy *policy = NULL;
	struct lists lists = { os_now(), 0 };
	struct buf hex = BUF_INIT;
	struct err err = ERR_INIT;
	size_t problems;
	int rc = 0;

	if (!p->server.policy) {
		print_problem("no policy: every push is refused. git config hsm.policy /PATH", NULL);
		return 1;
	}
	printf("policy         %s (%s)\n", p->server.policy, p->server.policy_from);
	if (policy_load(p->server.policy, &policy, &err)) {
		print_problem(err.text, NULL);
		return 1;
	}
	text_hex(&hex, bytes_of(policy->digest, sizeof(policy->digest)), false);
	printf("serial         %lld\ndigest         sha256:%s\nmode           %s\n",
	       (long long)policy->serial, buf_str(&hex), policy->report ? "report" : "enforce");
	trust_each_crl(policy->trust, status_crl, &lists);
	if (!p->server.no_record)
		rc = record_serial_check(p->server.state_dir, policy->serial, policy->rules_digest,
					 &err);
	if (rc)
		print_problem(err.text, NULL);
	buf_free(&hex);
	problems = status_certs(p, policy);
	policy_free(policy);
	return problems + lists.problems + (rc != 0);
}

static bool any_rule(const char *rule, void *ctx)
{
	(void)rule;
	(void)ctx;
	return true;
}

/* Would a push be judged for another time than now? */
static size_t status_clock(const struct hook_place *p, const struct record *r)
{
	_cleanup_free_ char *note = NULL;
	struct err err = ERR_INIT;
	int64_t t;
	int rc = judge_receive_time(r, os_now(), p->server.clock_reset, &t, &note, &err);

	if (rc || note)
		print_problem(rc ? err.text : note, NULL);
	return rc || note;
}

static size_t status_record(const struct hook_place *p)
{
	struct record *r = NULL;
	struct err err = ERR_INIT;
	struct oid *tips = NULL;
	size_t entries = 0, n;

	if (access(p->server.state_dir, F_OK) != 0 || p->server.no_record) {
		printf("record         %s\n", p->server.no_record ?
		       "none is kept (hsm.record = off): refs say what was accepted" : "none yet");
		return 0;
	}
	if (record_open(p->server.state_dir, 5000, NULL, NULL, &r, &err)) {
		print_problem(err.text, NULL);
		return 1;
	}
	record_entries(r, &entries);
	n = record_tips(r, any_rule, NULL, &tips);
	printf("record         %s, %zu entries, %zu tips\n", p->server.state_dir, entries, n);
	for (size_t i = 0; i < n; i++) {
		char hex[OID_HEX_MAX];

		printf("tip            %s%s\n", oid_hex(&tips[i], hex),
		       repo_has(p->repo, &tips[i]) ? "" : " (gone)");
	}
	free(tips);
	n = status_clock(p, r);
	record_close(r);
	return n;
}

static size_t status_hook(const struct hook_place *p)
{
	const struct hook_file *f = &p->files[HOOK_PRE_RECEIVE];

	if (!f->there)
		print_problem("not installed: gitsign-hsm hook install", NULL);
	else if (!f->runs)
		print_problem("the hook is not executable: git passes it over and lets every push "
			      "in. Install it again", NULL);
	else if (!f->ours)
		printf("hook           %s (another program; does it call %s?)\n", f->path, f->program);
	for (int i = 0; i < HOOK_KINDS; i++)
		if (p->files[i].ours && p->files[i].runs)
			printf("hook           %s -> %s\n", p->files[i].path, p->files[i].program);
	return !f->there || !f->runs || !f->ours;
}

int verb_hook_status(int argc, char **argv)
{
	const struct opt opts[] = { { 0 } };
	const struct opt_command cmd = {
		"gitsign-hsm hook status [REPOSITORY]",
		"Shows what the hook enforces, and what endangers it. Exit status 3 when there is "
		"a problem.", opts, NULL, 0, 1,
	};
	struct hook_place p;
	struct err err = ERR_INIT;
	size_t problems;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = hook_place_open(argc > 0 ? argv[0] : NULL, &p, &err);
	if (rc)
		return say_err(&err);
	printf("repository     %s\n", p.server.git_dir);
	problems = status_hook(&p);
	problems += status_policy(&p);
	for (size_t i = 0; i < p.server.introductions_n; i++) {
		char hex[OID_HEX_MAX];

		printf("introduction   %s\n", oid_hex(&p.server.introductions[i], hex));
	}
	problems += status_record(&p);
	problems += hook_place_traps(&p, print_problem, NULL, &err);
	problems += server_inspect(&p.server, p.files[HOOK_PRE_RECEIVE].program, print_problem, NULL);
	hook_place_close(&p);
	return problems ? ERR_CONFIG : 0;
}
