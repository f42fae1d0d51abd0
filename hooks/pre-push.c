/*
 * The pre-push hook: judges what is about to be sent (githooks(5), pre-push), with the
 * words of the server's hook, by the policy of hsm.policy. The server decides; this spares
 * the way there. What is known of it are the values that git names, and what was fetched.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "hooks/common/hook.h"

/* --- what the server has ---------------------------------------------------- */

struct known {
	const struct hook *h;
	struct past_ref *v;
	size_t n, cap, prefix_n;
};

static void add(struct known *k, char *name, const struct oid *value)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 64;
		k->v = xreallocarray(k->v, k->cap, sizeof(*k->v));
	}
	k->v[k->n++] = (struct past_ref){ name, *value };
}

static int by_name(const void *name, const void *ref)
{
	const struct past_ref *r = ref;

	return strcmp(name, r->name);
}

static int by_names(const void *a, const void *b)
{
	const struct past_ref *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* refs/remotes/NAME/x is what refs/heads/x was when it was fetched last. */
static int add_fetched(const char *ref, const struct oid *value, bool symbolic, void *ctx)
{
	struct known *k = ctx;
	char *name = xasprintf("refs/heads/%s", ref + k->prefix_n);

	if (symbolic || bsearch(name, k->v, k->h->updates_n, sizeof(*k->v), by_name))
		free(name);
	else
		add(k, name, value);
	return 0;
}

static int find_known(struct known *k, const char *remote, struct err *err)
{
	_cleanup_free_ char *prefix = xasprintf("refs/remotes/%s/", remote);

	for (size_t i = 0; i < k->h->updates_n; i++)
		add(k, xstrdup(k->h->updates[i].ref), &k->h->updates[i].old);
	qsort(k->v, k->n, sizeof(*k->v), by_names);
	k->prefix_n = strlen(prefix);
	/* A remote that is a URL, or nothing that a ref could be called, was never fetched. */
	if (!object_ref_ok(bytes_of(prefix, k->prefix_n - 1)))
		return 0;
	return repo_refs(k->h->repo, prefix, add_fetched, k, err);
}

static int open_past(struct hook *h, const char *remote, struct err *err)
{
	struct known k = { .h = h };
	int rc = find_known(&k, remote, err);

	if (rc == 0)
		rc = past_of_list(k.v, k.n, h->policy, &h->past, err);
	for (size_t i = 0; i < k.n; i++)
		free((char *)(uintptr_t)k.v[i].name);
	free(k.v);
	return rc;
}

/* --- the judgement ------------------------------------------------------------ */

static int judge_and_say(struct hook *h, struct err *err)
{
	struct judge_result res = { .refused = true };
	struct buf text = BUF_INIT;
	int rc = hook_judge(h, &res, err);

	if (rc)
		return rc;
	judge_render_findings(&res, h->policy, h->updates_n, &text);
	hook_say(buf_str(&text));
	if (!res.refused && res.wants_cert && !h->server.asks_certs)
		hook_say("gitsign-hsm: the server wants a push certificate with this:\n"
			 "    git push --signed\n");
	if (res.refused)
		rc = -1;
	buf_free(&text);
	judge_result_free(&res);
	return rc;
}

static int run(struct hook *h, const char *remote, struct err *err)
{
	int rc = hook_open_client(h, err);

	if (rc == 0)
		rc = hook_read_pushed(h, err);
	if (rc == 0 && h->updates_n == 0)
		return 0;
	if (rc == 0)
		rc = hook_load_policy(h, err);
	if (rc == 0)
		rc = open_past(h, remote, err);
	if (rc == 0)
		rc = hook_limit_time(h, err);
	return rc ? rc : judge_and_say(h, err);
}

int main(int argc, char **argv)
{
	struct hook h = { .name = "pre-push", .way = JUDGE_WAY_BEFORE };
	struct err err = ERR_INIT;
	int rc;

	hook_start_client();
	if (argc != 3)
		rc = err_set(&err, ERR_USAGE,
			     "pre-push takes the name and the URL of a remote: git runs it "
			     "(gitsign-hsm-hook(8))");
	else
		rc = run(&h, argv[1], &err);
	if (rc > 0)
		rc = hook_refuse(&h, &err);
	if (rc)
		hook_say_line("nothing was sent; git push --no-verify asks the server instead",
			      NULL);
	hook_close(&h);
	return rc < 0 ? ERR_BAD : rc;
}
