#include "gitcmd.h"

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
