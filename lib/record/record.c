/* The record's file: opening, the lock, recovery, appending. */
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "record/record_internal.h"

#define FILE_MAX ((uint64_t)512 << 20)

/* --- opening ---------------------------------------------------------------- */

static int judge_owner(const char *path, const struct stat *st, struct err *err)
{
	unsigned we = (unsigned)geteuid();

	if (st->st_uid != geteuid())
		return err_set(
			err, ERR_CONFIG,
			"%s belongs to user id %u, but this runs as %u: run as that user, or "
			"chown -R %u '%s'",
			path, (unsigned)st->st_uid, we, we, path);
	if (st->st_mode & 022)
		return err_set(err, ERR_CONFIG,
			       "%s can be written by others (mode %04o): "
			       "chmod go-w '%s'",
			       path, (unsigned)(st->st_mode & 07777), path);
	return 0;
}

static int make_dir(struct record *r, const char *dir, struct err *err)
{
	_cleanup_free_ char *name = text_escaped(bytes_str(dir));

	r->dir_new = mkdir(dir, 0700) == 0;
	if (r->dir_new || errno == EEXIST)
		return 0;
	return err_errno(err, ERR_CONFIG, "cannot create the state directory %s", name);
}

static int open_dir(struct record *r, const char *dir, struct err *err)
{
	_cleanup_free_ char *name = text_escaped(bytes_str(dir));
	struct stat st;
	int rc;

	r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0 || fstat(r->dir_fd, &st) < 0)
		return err_errno(err, ERR_CONFIG, "cannot open the state directory %s", name);
	rc = judge_owner(name, &st, err);
	if (!rc)
		rc = os_path_trusted(dir, geteuid(), err);
	return rc;
}

static int open_file(struct record *r, struct err *err)
{
	struct stat st;

	r->fd = openat(r->dir_fd, RECORD_FILE,
		       (r->read_only ? O_RDONLY : O_RDWR | O_APPEND | O_CREAT) | O_NOFOLLOW |
			       O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		       0600);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		return err_errno(err, ERR_CONFIG, "cannot open the record %s", r->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "the record %s is not a regular file", r->path);
	return judge_owner(r->path, &st, err);
}

/* Waits for the lock on the open file; flock() ends with the descriptor, whatever
 * happens to us. */
static int wait_lock(struct record *r, int64_t start, int wait_ms, void (*waiting)(void *ctx),
		     void *ctx, struct err *err)
{
	const struct timespec pause = { 0, 20 * 1000 * 1000 };
	bool said = false;

	while (flock(r->fd, LOCK_EX | LOCK_NB) < 0) {
		int64_t spent = os_monotonic_ms() - start;

		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, ERR_IO, "cannot lock the record %s", r->path);
		if (spent >= wait_ms)
			return err_set(err, ERR_IO,
				       "another push holds the record %s for longer "
				       "than %d s: try again",
				       r->path, wait_ms / 1000);
		if (spent >= 1000 && !said && waiting) {
			waiting(ctx);
			said = true;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Whether the locked file is still the one that has the name. */
static bool is_current(const struct record *r)
{
	struct stat ours, there;

	return fstat(r->fd, &ours) == 0 &&
	       fstatat(r->dir_fd, RECORD_FILE, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static int open_locked(struct record *r, int wait_ms, void (*waiting)(void *ctx), void *ctx,
		       struct err *err)
{
	int64_t start = os_monotonic_ms();
	int rc;

	for (;;) {
		rc = open_file(r, err);
		if (!rc)
			rc = wait_lock(r, start, wait_ms, waiting, ctx, err);
		if (rc || is_current(r))
			return rc;
		close(r->fd); /* it was replaced while we waited */
		r->fd = -1;
	}
}

/* --- reading and recovery --------------------------------------------------- */

static int read_file(struct record *r, struct err *err)
{
	struct stat st;
	int rc;

	if (fstat(r->fd, &st) < 0)
		return err_errno(err, ERR_IO, "cannot look at the record %s", r->path);
	if ((uint64_t)st.st_size > FILE_MAX)
		return err_set(err, ERR_CONFIG, "the record %s has more than %llu MiB", r->path,
			       (unsigned long long)(FILE_MAX >> 20));
	buf_reserve(&r->text, (size_t)st.st_size + 1);
	rc = os_read_all(r->fd, (size_t)FILE_MAX, r->path, &r->text, err);
	r->size = r->text.n;
	return rc;
}

/* A crash in the middle of the last write, or one that goes on: nobody was told yet that
 * it is there. */
static int cut_tail(struct record *r, size_t good, struct err *err)
{
	if (r->read_only)
		return 0;
	if (ftruncate(r->fd, (off_t)good) < 0 || fsync(r->fd) < 0)
		return err_errno(err, ERR_IO, "cannot cut the torn end off the record %s", r->path);
	r->note = xasprintf("the record %s ended in a torn line (a crash or a full disk): "
			    "its last %zu bytes were cut off",
			    r->path, r->text.n - good);
	r->size = good;
	return 0;
}

static int damaged(const struct record *r, size_t line, enum line_fault fault, struct err *err)
{
	if (fault == LINE_NEWER)
		return err_set(err, ERR_CONFIG,
			       "line %zu of the record %s was written by a newer "
			       "version of this program: update it here",
			       line, r->path);
	return err_set(
		err, ERR_CONFIG,
		"line %zu of the record %s is damaged (%s): put back a copy with "
		"`gitsign-hsm record import`; or, when there is none, judge the refs again with "
		"`gitsign-hsm record rebuild`",
		line, r->path,
		fault == LINE_SUM ? "its check sum is wrong" : "it contradicts earlier lines");
}

/*
 * A whole last line whose sum is wrong was torn when it has zeros, where a block never
 * got to the disk. Without them it was written, and has changed since.
 */
static bool is_torn(const struct record *r, const char *line, const char *end)
{
	return end + 1 == (const char *)r->text.p + r->text.n &&
	       memchr(line, '\0', (size_t)(end - line));
}

/* Strict: nothing is torn, all that is not right is damage. */
static int take_text(struct record *r, bool strict, struct err *err)
{
	size_t at = 0, line = 1;

	while (at < r->text.n) {
		char *p = (char *)r->text.p + at;
		char *end = memchr(p, '\n', r->text.n - at);
		enum line_fault fault;

		if (!end)
			return strict ? damaged(r, line, LINE_SUM, err) : cut_tail(r, at, err);
		fault = line_take(r, p, (size_t)(end - p));
		if (fault == LINE_SUM && !strict && is_torn(r, p, end))
			return cut_tail(r, at, err);
		if (fault)
			return damaged(r, line, fault, err);
		at = (size_t)(end + 1 - (char *)r->text.p);
		line++;
	}
	return 0;
}

static int load(struct record *r, struct err *err)
{
	int rc = read_file(r, err);

	return rc ? rc : take_text(r, false, err);
}

static struct record *record_of(const char *path)
{
	struct record *r = xcalloc(1, sizeof(*r));

	r->fd = r->dir_fd = -1;
	r->path = text_escaped(bytes_str(path));
	r->last = line_sum_first;
	r->loaded = SIZE_MAX;
	r->index = index_new();
	return r;
}

static struct record *record_new(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/" RECORD_FILE, dir);

	return record_of(path);
}

/* `rc` is what opening came to. */
static int finish(struct record *r, int rc, struct record **ret)
{
	if (rc) {
		record_close(r);
		return rc;
	}
	r->loaded = r->n;
	*ret = r;
	return 0;
}

static int start_hash(struct record *r, struct err *err)
{
	return hasher_init(&r->hash) ? 0 : err_set(err, ERR_INTERNAL, "SHA-256 is not there");
}

int record_open(const char *dir, int wait_ms, void (*waiting)(void *ctx), void *ctx,
		struct record **ret, struct err *err)
{
	struct record *r = record_new(dir);
	int rc = start_hash(r, err);

	if (!rc)
		rc = make_dir(r, dir, err);
	if (!rc)
		rc = open_dir(r, dir, err);
	if (!rc)
		rc = open_locked(r, wait_ms, waiting, ctx, err);
	if (!rc)
		rc = load(r, err);
	return finish(r, rc, ret);
}

int record_read(const char *dir, struct record **ret, struct err *err)
{
	struct record *r = record_new(dir);
	int rc = start_hash(r, err);

	r->read_only = r->broken = true;
	if (!rc && record_exists(dir)) {
		rc = open_dir(r, dir, err);
		if (!rc)
			rc = open_file(r, err);
		if (!rc)
			rc = load(r, err);
	}
	return finish(r, rc, ret);
}

int record_take(const char *dir, int wait_ms, struct record **ret, struct err *damage,
		struct err *err)
{
	struct record *r = record_new(dir);
	int rc = start_hash(r, err);

	*damage = (struct err)ERR_INIT;
	if (!rc)
		rc = make_dir(r, dir, err);
	if (!rc)
		rc = open_dir(r, dir, err);
	if (!rc)
		rc = open_locked(r, wait_ms, NULL, NULL, err);
	if (!rc && load(r, damage))
		r->n = 0;
	return finish(r, rc, ret);
}

int record_parse(const char *name, struct bytes text, struct record **ret, struct err *err)
{
	struct record *r = record_of(name);
	int rc = start_hash(r, err);

	r->broken = true;
	buf_add_bytes(&r->text, text);
	if (!rc)
		rc = take_text(r, true, err);
	return finish(r, rc, ret);
}

static void free_strings(struct record_entry *e)
{
	free(e->rule);
	free(e->ref);
	free(e->who);
	free(e->push);
}

void record_close(struct record *r)
{
	if (!r)
		return;
	for (size_t i = r->loaded; i < r->n; i++)
		free_strings(&r->v[i]);
	for (size_t i = 0; i < r->queue_n; i++)
		free_strings(&r->queue[i]);
	free(r->v);
	free(r->queue);
	buf_free(&r->text);
	hasher_free(&r->hash);
	index_free(r->index);
	free(r->path);
	free(r->note);
	if (r->fd >= 0)
		close(r->fd);
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	free(r);
}

bool record_exists(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/" RECORD_FILE, dir);
	struct stat st;

	return lstat(path, &st) == 0;
}

void record_unlock(struct record *r)
{
	flock(r->fd, LOCK_UN);
	r->broken = true;
}

const struct record_entry *record_entries(const struct record *r, size_t *n)
{
	*n = r->n;
	return r->v;
}

const char *record_note(const struct record *r)
{
	return r->note;
}

/* --- appending -------------------------------------------------------------- */

/* The names on the way to a file that is new are in directories of their own. */
static int sync_names(struct record *r)
{
	int up, rc = 0;

	if (r->size == 0)
		rc = fsync(r->dir_fd);
	if (!rc && r->dir_new) {
		up = openat(r->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = up < 0 ? -1 : fsync(up);
		if (up >= 0)
			close(up);
	}
	r->dir_new &= rc != 0;
	return rc < 0 && errno != EINVAL ? -1 : 0; /* EINVAL: the file system has no such thing */
}

static int sync_all(struct record *r, struct err *err)
{
	if (fsync(r->fd) < 0)
		return err_errno(err, ERR_IO, "cannot sync the record %s", r->path);
	if (sync_names(r) < 0)
		return err_errno(err, ERR_IO, "cannot sync the directory of the record %s",
				 r->path);
	return 0;
}

int record_write(struct record *r, struct bytes text, struct err *err)
{
	int rc;

	if (r->broken)
		return err_set(err, ERR_IO, "the record %s could not be written before", r->path);
	if (r->size + text.n > FILE_MAX)
		return err_set(err, ERR_IO, "the record %s would pass %llu MiB", r->path,
			       (unsigned long long)(FILE_MAX >> 20));
	rc = os_write_all(r->fd, text, r->path, err);
	if (!rc)
		rc = sync_all(r, err);
	if (rc) {
		/* Half a batch must not stay: the push that it stands for is refused. */
		if (ftruncate(r->fd, (off_t)r->size) < 0 || fsync(r->fd) < 0)
			r->broken = true;
		return rc;
	}
	r->size += text.n;
	return 0;
}

void record_append(struct record *r, const struct record_entry *e)
{
	struct record_entry copy = *e;

	copy.state = RECORD_PENDING;
	copy.seq = r->n + r->queue_n + 1;
	copy.rule = xstrdup(e->rule ? e->rule : "");
	copy.ref = xstrdup(e->ref);
	copy.who = xstrdup(e->who ? e->who : "");
	copy.push = xstrdup(e->push ? e->push : "");
	if (r->queue_n == r->queue_cap) {
		r->queue_cap = r->queue_cap ? 2 * r->queue_cap : 16;
		r->queue = xreallocarray(r->queue, r->queue_cap, sizeof(*r->queue));
	}
	r->queue[r->queue_n++] = copy;
}

static void adopt_queue(struct record *r)
{
	r->cap = r->n + r->queue_n;
	r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
	memcpy(r->v + r->n, r->queue, r->queue_n * sizeof(*r->v));
	r->n += r->queue_n;
	r->queue_n = 0;
	index_drop(r);
}

int record_commit(struct record *r, struct err *err)
{
	struct buf text = BUF_INIT;
	struct line_sum last = r->last;
	int rc = 0;

	if (r->queue_n == 0)
		return 0;
	for (size_t i = 0; !rc && i < r->queue_n; i++)
		if (!line_put_entry(&text, &r->hash, &last, &r->queue[i]))
			rc = err_set(err, ERR_INTERNAL, "SHA-256 failed");
	if (!rc)
		rc = record_write(r, buf_bytes(&text), err);
	if (!rc) {
		r->last = last;
		adopt_queue(r);
	}
	buf_free(&text);
	return rc;
}
