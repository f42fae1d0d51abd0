/* The links in a repository's hooks directory, for servers and for those who push. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"
#include "hook_place.h"

/* --- servers ------------------------------------------------------------------ */

int hook_refuse_other(const struct hook_file *f, struct err *err)
{
	return err_set(err, ERR_CONFIG,
		       "%s is there already, and is not ours. Move it away, or keep both: let a "
		       "script of yours in its place save its standard input, and feed it to the "
		       "other hook and to %s; a push is let in when both end with 0",
		       f->path, f->program);
}

static int make_link(const struct hook_place *p, const struct hook_file *f, struct err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/hooks", p->server.git_dir);

	if (f->ours)
		return 0;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_errno(err, ERR_IO, "cannot make %s", dir);
	if (symlink(f->program, f->path) < 0)
		return err_errno(err, ERR_IO, "cannot install %s", f->path);
	printf("%s -> %s\n", f->path, f->program);
	return 0;
}

/* pre-receive last: from then on the repository is guarded. */
int hook_make_links(const struct hook_place *p, bool transactions, struct err *err)
{
	const struct hook_file *post = &p->files[HOOK_POST_RECEIVE];
	int rc = 0;

	if (post->there && !post->ours)
		printf("note: %s is another program, and stays: what has landed is confirmed on "
		       "record by the next push. Let it run %s as well\n",
		       post->path, post->program);
	else
		rc = make_link(p, post, err);
	if (rc == 0 && transactions)
		rc = make_link(p, &p->files[HOOK_REFERENCE_TRANSACTION], err);
	return rc ? rc : make_link(p, &p->files[HOOK_PRE_RECEIVE], err);
}

static int remove_link(const struct hook_file *f, struct err *err)
{
	if (f->there && !f->ours)
		return err_set(err, ERR_CONFIG, "%s is not ours: left as it is", f->path);
	if (f->there && unlink(f->path) < 0)
		return err_errno(err, ERR_IO, "cannot remove %s", f->path);
	if (f->there)
		printf("%s removed\n", f->path);
	return 0;
}

int hook_remove_links(const struct hook_place *p, struct err *err)
{
	const struct hook_file *pre = &p->files[HOOK_PRE_RECEIVE];
	int rc = remove_link(pre, err);

	if (!pre->there)
		printf("no hook was installed\n");
	for (int i = 0; i < HOOK_KINDS && rc == 0; i++)
		if (p->files[i].ours && &p->files[i] != pre)
			rc = remove_link(&p->files[i], err);
	return rc;
}

/* --- who pushes ------------------------------------------------------------------ */

/* What git would see in the repository; "" when there is none. */
static int effective(const struct hook_place *p, const char *key, struct buf *value,
		     struct err *err)
{
	const char *argv[] = {
		"git", "--git-dir", p->server.git_dir, "config", "--get", key, NULL
	};
	const struct proc_opts opts = { .output_max = PATH_MAX };
	int status = 0;
	int rc = proc_run(argv, &opts, value, &status, err);

	while (value->n > 0 && value->p[value->n - 1] == '\n')
		value->p[--value->n] = '\0';
	return rc;
}

static int check_hooks_path(const struct hook_place *p, struct err *err)
{
	_cleanup_free_ char *hooks = xasprintf("%s/hooks", p->server.git_dir);
	_cleanup_(buf_free) struct buf set = BUF_INIT;
	char x[PATH_MAX], y[PATH_MAX];
	int rc = effective(p, "core.hooksPath", &set, err);
	_cleanup_free_ char *shown = text_escaped(buf_bytes(&set));

	if (rc || set.n == 0)
		return rc;
	if (realpath(buf_str(&set), x) && realpath(hooks, y) && strcmp(x, y) == 0)
		return 0;
	return err_set(err, ERR_CONFIG,
		       "core.hooksPath is %s: git looks for hooks there. Link %s "
		       "into that directory as pre-push",
		       shown, p->files[HOOK_PRE_PUSH].program);
}

int hook_link_client(const struct hook_place *p, struct err *err)
{
	const struct hook_file *f = &p->files[HOOK_PRE_PUSH];
	_cleanup_(buf_free) struct buf policy = BUF_INIT;
	int rc = f->there && !f->ours ? hook_refuse_other(f, err) : check_hooks_path(p, err);

	if (rc == 0)
		rc = effective(p, "hsm.policy", &policy, err);
	if (rc == 0)
		rc = make_link(p, f, err);
	if (rc == 0 && policy.n == 0)
		printf("note: hsm.policy is not set, and without it no push is judged good: git "
		       "config --global hsm.policy /PATH\n");
	return rc;
}

int hook_unlink_client(const struct hook_place *p, struct err *err)
{
	const struct hook_file *f = &p->files[HOOK_PRE_PUSH];

	if (!f->there)
		printf("no hook was installed\n");
	return remove_link(f, err);
}
