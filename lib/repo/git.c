/*
 * Objects and refs through git itself: for what libgit2 cannot open. Two `git cat-file`
 * pipes live as long as the repository is open, the rest is a process a question. Only
 * ids, checked names and checked revisions reach git's arguments and pipes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"
#include "repo/repo_internal.h"

#define TIMEOUT_MS 120000
#define LINE_MAX_BYTES ((size_t)8192)
#define REFS_MAX ((size_t)256 << 20)

struct git {
	struct repo repo;
	char *dir;     /* where git runs; NULL: here, and the environment tells it */
	char **env;    /* owned, ends with NULL */
	char **before; /* the same without the quarantine of a push */
	struct proc_pipe *check, *batch, *held; /* NULL: not running */
	struct buf line;
};

static struct git *of(struct repo *r)
{
	return (struct git *)r;
}

/* --- running git ----------------------------------------------------------- */

/* What a child may have of our environment. In a hook git says where things are. */
static const char *const kept[] = { "PATH=", "HOME=", "TMPDIR=", "LD_LIBRARY_PATH=", NULL };
static const char *const kept_in_hook[] = { "GIT_DIR=", "GIT_ALTERNATE_OBJECT_DIRECTORIES=", NULL };
static const char *const kept_of_push[] = { "GIT_OBJECT_DIRECTORY=", "GIT_QUARANTINE_PATH=", NULL };
/*
 * No replace refs, grafts, shallow lists; no fetch (older gits do not know
 * GIT_NO_LAZY_FETCH, so no protocol either); no configuration but the repository's. No
 * commit-graph: with it git walks through commits whose objects are gone.
 */
static const char *const fixed[] = { "LC_ALL=C",
				     "GIT_NO_REPLACE_OBJECTS=1",
				     "GIT_GRAFT_FILE=/dev/null",
				     "GIT_SHALLOW_FILE=",
				     "GIT_NO_LAZY_FETCH=1",
				     "GIT_ALLOW_PROTOCOL=none",
				     "GIT_TERMINAL_PROMPT=0",
				     "GIT_OPTIONAL_LOCKS=0",
				     "GIT_CONFIG_NOSYSTEM=1",
				     "GIT_CONFIG_GLOBAL=/dev/null",
				     "GIT_CONFIG_COUNT=2",
				     "GIT_CONFIG_KEY_0=safe.directory",
				     "GIT_CONFIG_VALUE_0=*",
				     "GIT_CONFIG_KEY_1=core.commitGraph",
				     "GIT_CONFIG_VALUE_1=false",
				     NULL };

static size_t count(const char *const *v)
{
	size_t n = 0;

	while (v[n])
		n++;
	return n;
}

static size_t keep(char **env, size_t n, const char *const *names)
{
	extern char **environ;

	for (; *names; names++)
		for (char **e = environ; e && *e; e++)
			if (strncmp(*e, *names, strlen(*names)) == 0) {
				env[n++] = xstrdup(*e);
				break;
			}
	return n;
}

static char **make_environment(bool hook, bool push)
{
	char **env =
		xcalloc(count(kept) + count(kept_in_hook) + count(kept_of_push) + count(fixed) + 1,
			sizeof(*env));
	size_t n = keep(env, 0, kept);

	if (hook)
		n = keep(env, n, kept_in_hook);
	if (push)
		n = keep(env, n, kept_of_push);
	for (const char *const *p = fixed; *p; p++)
		env[n++] = xstrdup(*p);
	return env;
}

static void free_environment(char **env)
{
	for (char **e = env; *e; e++)
		free(*e);
	free(env);
}

static struct proc_opts options(const struct git *g)
{
	return (struct proc_opts){
		.env = (const char *const *)g->env,
		.dir = g->dir,
		.timeout_ms = TIMEOUT_MS,
	};
}

/* The child's last words, for an error text. */
static char *last_line(const struct buf *errors)
{
	const char *s = buf_str(errors);
	size_t n = strlen(s), from;

	while (n > 0 && s[n - 1] == '\n')
		n--;
	for (from = n; from > 0 && s[from - 1] != '\n';)
		from--;
	if (n - from > 7 && strncmp(s + from, "fatal: ", 7) == 0)
		from += 7;
	return text_escaped(bytes_of(s + from, n - from));
}

static int fail(struct err *err, const char *what, int status, const struct buf *errors)
{
	_cleanup_free_ char *why = last_line(errors);

	if (*why)
		return err_set(err, ERR_REPO, "%s: git: %s", what, why);
	return err_set(err, ERR_REPO, "%s: git ended with status %d", what, status);
}

/* Runs to the end; statuses above `most` are errors. */
static int run(struct git *g, const char *const *argv, int most, const char *what,
	       struct buf *output, int *status, struct err *err)
{
	struct proc_opts o = options(g);
	struct buf errors = BUF_INIT;
	int rc;

	o.output_max = REFS_MAX;
	o.errors = &errors;
	rc = proc_run(argv, &o, output, status, err);
	if (rc == 0 && *status > most)
		rc = fail(err, what, *status, &errors);
	buf_free(&errors);
	return rc;
}

/* Takes a line off `v`; false at the end, or when it lacks its newline. */
static bool next_line(struct bytes *v, struct bytes *line)
{
	const uint8_t *nl = v->n ? memchr(v->p, '\n', v->n) : NULL;

	if (!nl)
		return false;
	*line = bytes_of(v->p, (size_t)(nl - v->p));
	*v = bytes_skip(*v, line->n + 1);
	return true;
}

/* --- opening -------------------------------------------------------------- */

static void close_repo(struct repo *r)
{
	struct git *g = of(r);

	proc_pipe_close(g->check, NULL);
	proc_pipe_close(g->batch, NULL);
	proc_pipe_close(g->held, NULL);
	free_environment(g->env);
	free_environment(g->before);
	free(g->dir);
	buf_free(&g->line);
	free(g);
}

static int understand(struct git *g, struct bytes said, struct err *err)
{
	struct bytes format = BYTES_NONE, bare = BYTES_NONE;
	_cleanup_free_ char *dir = NULL, *whole = NULL;

	if (!next_line(&said, &format) || !next_line(&said, &bare) || said.n < 2)
		return err_set(err, ERR_REPO, "cannot open the repository: git says too little");
	if (bytes_eq_str(format, "sha1"))
		g->repo.hash_bytes = 20;
	else if (bytes_eq_str(format, "sha256"))
		g->repo.hash_bytes = 32;
	else
		return err_set(err, ERR_REPO, "the repository's object format is unknown");
	g->repo.bare = bytes_eq_str(bare, "true");
	/* The directory is the rest: its name may hold a newline. */
	dir = xstrndup((const char *)said.p, said.n - 1);
	if (g->dir && dir[0] != '/')
		whole = xasprintf("%s/%s", g->dir, dir);
	return repo_set_git_dir(&g->repo, whole ? whole : dir, err);
}

/* Of a directory that cannot be entered git would not even start, and say nothing of it. */
static int find_dir(const struct git *g, struct err *err)
{
	_cleanup_free_ char *shown = g->dir ? text_escaped(bytes_str(g->dir)) : NULL;
	struct stat st;

	if (!g->dir)
		return 0;
	if (stat(g->dir, &st) == 0 && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	else if (access(g->dir, X_OK) == 0)
		return 0;
	return err_errno(err, ERR_REPO, "cannot open the repository %s", shown);
}

static int open_repo(struct git *g, struct err *err)
{
	static const char *const argv[] = { "git",
					    "rev-parse",
					    "--show-object-format",
					    "--is-bare-repository",
					    "--git-common-dir",
					    NULL };
	struct buf said = BUF_INIT;
	int status;
	int rc = find_dir(g, err);

	if (rc == 0)
		rc = run(g, argv, 0, "cannot open the repository", &said, &status, err);
	if (rc == 0)
		rc = understand(g, buf_bytes(&said), err);
	buf_free(&said);
	return rc;
}

/* --- objects --------------------------------------------------------------- */

static void hang_up(struct proc_pipe **p)
{
	proc_pipe_close(*p, NULL);
	*p = NULL;
}

/* Asks a cat-file about `id` and reads the first line of its answer. */
static int ask(struct git *g, struct proc_pipe **p, const char *how, const struct oid *id,
	       struct err *err)
{
	const char *argv[] = { "git", "cat-file", how, NULL };
	struct proc_opts o = options(g);
	char question[OID_HEX_MAX + 1];
	bool eof;
	int rc;

	if (!*p) {
		if (p == &g->held)
			o.env = (const char *const *)g->before;
		rc = proc_pipe_open(argv, &o, p, err);
		if (rc)
			return rc;
	}
	oid_hex(id, question);
	question[2 * id->n] = '\n';
	rc = proc_pipe_write(*p, bytes_of(question, 2 * (size_t)id->n + 1), err);
	if (rc == 0)
		rc = proc_pipe_line(*p, LINE_MAX_BYTES, &g->line, &eof, err);
	if (rc == 0 && eof)
		rc = err_set(err, ERR_REPO, "git cat-file gave up at object %s: git fsck",
			     oid_hex(id, question));
	if (rc)
		hang_up(p);
	return rc;
}

/* "<id> <type> <size>" or "<id> missing" (git-cat-file(1), BATCH OUTPUT). */
static int answer(struct git *g, const struct oid *id, enum object_type *type, uint64_t *size,
		  bool *found, struct err *err)
{
	struct bytes v = buf_bytes(&g->line), word;
	char hex[OID_HEX_MAX];
	const uint8_t *sp;

	oid_hex(id, hex);
	if (bytes_starts(v, bytes_str(hex)) && v.n > strlen(hex)) {
		v = bytes_skip(v, strlen(hex) + 1);
		*found = !bytes_eq_str(v, "missing");
		if (!*found)
			return 0;
		sp = memchr(v.p, ' ', v.n);
		word = sp ? bytes_of(v.p, (size_t)(sp - v.p)) : BYTES_NONE;
		*type = object_type_of(word);
		if (*type && text_parse_u64(bytes_skip(v, word.n + 1), size))
			return 0;
	}
	*found = false;
	return err_set(err, ERR_REPO, "git cat-file does not say what object %s is", hex);
}

static int stat_object(struct repo *r, const struct oid *id, enum object_type *type, uint64_t *size,
		       bool *found, struct err *err)
{
	struct git *g = of(r);
	int rc = ask(g, &g->check, "--batch-check", id, err);

	return rc ? rc : answer(g, id, type, size, found, err);
}

static int held(struct repo *r, const struct oid *id, bool *ret, struct err *err)
{
	struct git *g = of(r);
	enum object_type type;
	uint64_t size;
	int rc = ask(g, &g->held, "--batch-check", id, err);

	return rc ? rc : answer(g, id, &type, &size, ret, err);
}

static int take_content(struct git *g, uint64_t size, struct buf *content, struct err *err)
{
	int rc = proc_pipe_read(g->batch, size, content, err);

	if (rc == 0) {
		rc = proc_pipe_read(g->batch, 1, content, err); /* a newline */
		content->n -= rc == 0;
	}
	return rc ? ERR_REPO : 0;
}

static int read_object(struct repo *r, const struct oid *id, size_t max, enum object_type *type,
		       struct buf *content, bool *found, struct err *err)
{
	struct git *g = of(r);
	uint64_t size = 0;
	int rc = ask(g, &g->batch, "--batch", id, err);

	if (rc == 0)
		rc = answer(g, id, type, &size, found, err);
	if (rc == 0 && !*found)
		return 0;
	if (rc == 0)
		rc = size > max ? repo_too_large(id, size, max, err)
				: take_content(g, size, content, err);
	if (rc)
		hang_up(&g->batch); /* what is left of its answer is not wanted */
	return rc;
}

/* --- refs and revisions ---------------------------------------------------- */

/* The id at the beginning of a line; what is behind its space stays in `v`. */
static bool take_id(const struct git *g, struct bytes *v, struct oid *ret)
{
	size_t n = 2 * (size_t)g->repo.hash_bytes;

	if (v->n < n || !oid_parse(bytes_of(v->p, n), ret))
		return false;
	*v = bytes_skip(*v, v->n > n ? n + 1 : n);
	return true;
}

static int read_ref(struct repo *r, const char *name, struct oid *ret, bool *found, bool *symbolic,
		    struct err *err)
{
	const char *link[] = { "git", "symbolic-ref", "-q", name, NULL };
	const char *value[] = { "git", "show-ref", "--verify", "-q", name, NULL };
	const char *show[] = { "git", "show-ref", "--verify", name, NULL };
	struct buf said = BUF_INIT;
	struct bytes v;
	int status;
	int rc = run(of(r), link, 1, "cannot read a ref", NULL, &status, err);

	if (rc)
		return rc;
	*symbolic = status == 0;
	rc = run(of(r), value, 1, "cannot read a ref", NULL, &status, err);
	if (rc || status)
		return rc;
	rc = run(of(r), show, 0, "cannot read a ref", &said, &status, err);
	v = buf_bytes(&said);
	if (rc == 0 && !take_id(of(r), &v, ret))
		rc = err_set(err, ERR_REPO, "git show-ref shows no object id");
	*found = rc == 0;
	buf_free(&said);
	return rc;
}

static int read_refs(struct repo *r, const char *prefix, repo_ref_fn fn, void *ctx, struct err *err)
{
	static const char *const argv[] = { "git", "for-each-ref",
					    "--format=%(objectname) %(if)%(symref)%(then)s"
					    "%(else)d%(end)%(refname)",
					    NULL };
	struct buf said = BUF_INIT;
	struct bytes rest, line;
	int status;
	int rc = run(of(r), argv, 0, "cannot list the refs", &said, &status, err);

	rest = buf_bytes(&said);
	while (rc == 0 && next_line(&rest, &line)) {
		struct oid id;
		bool symbolic;

		if (!take_id(of(r), &line, &id) || line.n == 0) {
			rc = err_set(err, ERR_REPO, "git for-each-ref shows no object id");
			break;
		}
		symbolic = line.p[0] == 's';
		line = bytes_skip(line, 1);
		if (bytes_starts(line, bytes_str(prefix))) {
			_cleanup_free_ char *name = xstrndup((const char *)line.p, line.n);

			rc = fn(name, &id, symbolic, ctx);
		}
	}
	buf_free(&said);
	return rc;
}

static int resolve(struct repo *r, const char *rev, struct oid *ret, struct err *err)
{
	const char *argv[] = { "git", "rev-parse", "--verify", "-q", rev, NULL };
	struct buf said = BUF_INIT;
	struct bytes v;
	int status;
	int rc = run(of(r), argv, 0, "cannot find a revision", &said, &status, err);

	v = buf_bytes(&said);
	if (rc == 0 && !take_id(of(r), &v, ret))
		rc = err_set(err, ERR_REPO, "git rev-parse shows no object id");
	buf_free(&said);
	return rc;
}

static const struct repo_ops ops = {
	.name = "git",
	.close = close_repo,
	.stat = stat_object,
	.read = read_object,
	.held = held,
	.ref = read_ref,
	.refs = read_refs,
	.resolve = resolve,
};

int repo_git_open(const char *path, struct repo **ret, struct err *err)
{
	struct git *g = xcalloc(1, sizeof(*g));
	int rc;

	g->repo.ops = &ops;
	g->dir = path ? xstrdup(path) : NULL;
	g->env = make_environment(!path, !path);
	g->before = make_environment(!path, false);
	g->repo.quarantine = !path && getenv("GIT_QUARANTINE_PATH");
	rc = open_repo(g, err);
	if (rc == 0)
		*ret = &g->repo;
	else
		repo_close(&g->repo);
	return rc;
}
