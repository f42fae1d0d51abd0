/* The record as text, and another in its place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "record/record_internal.h"

#define KEPT_MAX 1000

static int put_entries(struct buf *out, struct hasher *h, const struct record_entry *v, size_t n,
		       struct err *err)
{
	struct line_sum last = line_sum_first;
	bool ok = true;

	for (size_t i = 0; i < n && ok; i++) {
		struct record_entry e = v[i];

		e.seq = i + 1;
		/* One that is pending stays its push's: nobody else may apply it. */
		if (e.state != RECORD_PENDING)
			e.push = NULL;
		ok = line_put_entry(out, h, &last, &e);
		if (ok && e.state != RECORD_PENDING)
			ok = line_put_change(out, h, &last, e.seq, e.state);
	}
	return ok ? 0 : err_set(err, ERR_INTERNAL, "SHA-256 failed");
}

int record_export(const struct record *r, struct buf *out, struct err *err)
{
	struct hasher h;
	int rc = hasher_init(&h) ? put_entries(out, &h, r->v, r->n, err)
				 : err_set(err, ERR_INTERNAL, "SHA-256 is not there");

	hasher_free(&h);
	return rc;
}

/* "record.20261231T235959Z", and what is free after it. */
static int keep_old(const struct record *r, char **kept, struct err *err)
{
	time_t now = (time_t)os_now();
	char when[32] = "";
	struct stat st;
	struct tm tm;

	if (fstat(r->fd, &st) == 0 && st.st_size == 0)
		return 0;
	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	for (int i = 0; i < KEPT_MAX; i++) {
		_cleanup_free_ char *name = i ? xasprintf(RECORD_FILE ".%s.%d", when, i)
					      : xasprintf(RECORD_FILE ".%s", when);

		if (linkat(r->dir_fd, RECORD_FILE, r->dir_fd, name, 0) == 0) {
			*kept = xstrdup(name);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return err_errno(err, ERR_IO, "cannot keep the old record %s beside the new one", r->path);
}

int record_replace(struct record *r, const char *dir, const struct record_entry *v, size_t n,
		   char **kept, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" RECORD_FILE, dir);
	_cleanup_free_ char *old = NULL;
	_cleanup_(buf_free) struct buf text = BUF_INIT;
	int rc = put_entries(&text, &r->hash, v, n, err);

	if (rc == 0)
		rc = keep_old(r, &old, err);
	if (rc == 0)
		rc = os_file_replace(path, buf_bytes(&text), 0600, err);
	if (rc) {
		if (old)
			unlinkat(r->dir_fd, old, 0);
		return rc;
	}
	r->broken = true;
	*kept = old;
	old = NULL;
	return 0;
}
