#include "gitcmd.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"

static int run(const char *const *argv, struct buf *out, int *status, struct err *err)
{
	struct buf errors = BUF_INIT;
	struct proc_opts opts = { .errors = &errors };
	int r = proc_run(argv, &opts, out, status, err);

	/* 1: not found; 5: not there to unset. Everything else is git's complaint. */
	if (r == 0 && *status != 0 && *status != 1 && *status != 5) {
		_cleanup_free_ char *said = NULL;

		while (errors.n > 0 && errors.p[errors.n - 1] == '\n')
			errors.n--;
		said = text_escaped(buf_bytes(&errors));
		r = err_set(err, ERR_CONFIG, "git %s: %s", argv[1], said);
	}
	buf_free(&errors);
	return r;
}

int gitcmd_get(const char *scope, const char *key, struct buf *value, bool *found,
	       struct err *err)
{
	const char *argv[] = { "git", "config", scope, "-z", "--get", key, NULL };
	int status = 0;
	int r = run(argv, value, &status, err);

	if (r != 0)
		return r;
	*found = status == 0;
	if (*found && value->n > 0 && value->p[value->n - 1] == '\0')
		value->n--;
	return 0;
}

int gitcmd_get_all(const char *scope, const char *key, struct buf *values, struct err *err)
{
	const char *argv[] = { "git", "config", scope, "-z", "--get-all", key, NULL };
	int status = 0;

	return run(argv, values, &status, err);
}

int gitcmd_set(const char *scope, const char *key, const char *value, struct err *err)
{
	const char *set[] = { "git", "config", scope, "--replace-all", key, value, NULL };
	const char *unset[] = { "git", "config", scope, "--unset-all", key, NULL };
	struct buf out = BUF_INIT;
	int status = 0;
	int r = run(value != NULL ? set : unset, &out, &status, err);

	buf_free(&out);
	if (r == 0 && value != NULL && status != 0)
		r = err_set(err, ERR_CONFIG, "git config could not set %s", key);
	return r;
}

int gitcmd_add(const char *scope, const char *key, const char *value, struct err *err)
{
	const char *argv[] = { "git", "config", scope, "--add", key, value, NULL };
	struct buf out = BUF_INIT;
	int status = 0;
	int r = run(argv, &out, &status, err);

	buf_free(&out);
	if (r == 0 && status != 0)
		r = err_set(err, ERR_CONFIG, "git config could not add %s", key);
	return r;
}

/* The number behind the last `before` of what git prints, or all of it with '\0'. */
static bool date(const char *const *argv, char before, int64_t *ret)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int status = 0;
	bool good = run(argv, &out, &status, &err) == 0 && status == 0;
	const char *text = buf_str(&out);
	uint64_t v;

	if (good && before != '\0')
		text = strrchr(text, before);
	if (good && text != NULL && before != '\0')
		text += 1 + strspn(text + 1, " ");
	good = good && text != NULL && text_parse_u64(bytes_of(text, strcspn(text, " \n")), &v) &&
	       v <= INT64_MAX;
	if (good)
		*ret = (int64_t)v;
	buf_free(&out);
	return good;
}

bool gitcmd_date_next(int64_t *ret)
{
	/* "Name <email> 1234567890 +0000" */
	const char *argv[] = { "git", "var", "GIT_COMMITTER_IDENT", NULL };

	return date(argv, '>', ret);
}

bool gitcmd_date_head(int64_t *ret)
{
	const char *argv[] = { "git", "-c", "log.showSignature=false", "log", "-1",
			       "--format=%ct", NULL };

	return date(argv, '\0', ret);
}

int gitcmd_version(struct buf *out, struct err *err)
{
	const char *argv[] = { "git", "--version", NULL };
	struct buf said = BUF_INIT;
	const char prefix[] = "git version ";
	int status = 0;
	int r = run(argv, &said, &status, err);

	if (r == 0 && bytes_starts(buf_bytes(&said), bytes_str(prefix))) {
		struct bytes v = bytes_skip(buf_bytes(&said), sizeof(prefix) - 1);

		while (v.n > 0 && v.p[v.n - 1] == '\n')
			v.n--;
		text_escape(out, v);
	} else if (r == 0) {
		r = err_set(err, ERR_CONFIG, "git --version says something unknown");
	}
	buf_free(&said);
	return r;
}

/* git has one status for all of it: its words, which are not translated here, tell. */
enum gitcmd_place gitcmd_place(struct buf *top)
{
	const char *argv[] = { "git", "rev-parse", "--show-toplevel", NULL };
	struct err err = ERR_INIT;
	int status = 0;
	int r = run(argv, top, &status, &err);

	if (r == 0 && status == 0 && top->n > 0 && top->p[top->n - 1] == '\n') {
		top->n--;
		return GITCMD_WORK_TREE;
	}
	buf_clear(top);
	if (strstr(err.text, "dubious ownership") != NULL)
		return GITCMD_FOREIGN;
	return strstr(err.text, "not a git repository") != NULL ? GITCMD_NOWHERE : GITCMD_NO_TREE;
}

bool gitcmd_in_work_tree(const char *path)
{
	struct buf top = BUF_INIT;
	char real[PATH_MAX];
	bool in = gitcmd_place(&top) == GITCMD_WORK_TREE && realpath(path, real) != NULL;

	if (in) {
		buf_add_byte(&top, '/');
		in = bytes_starts(bytes_str(real), buf_bytes(&top));
		buf_add_str(&top, ".git/");
		in = in && !bytes_starts(bytes_str(real), buf_bytes(&top));
	}
	buf_free(&top);
	return in;
}
