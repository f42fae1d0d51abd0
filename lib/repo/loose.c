#include "repo/loose.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/text.h"

#define HEADER_MAX 32 /* "commit ", 20 digits and a NUL */
#define CHUNK ((size_t)64 << 10)

struct reader {
	int fd;
	z_stream z;
	uint8_t *in;
	bool eof;
	const char *hex;
	struct err *err;
};

static char *path_of(const char *objects, const struct oid *id)
{
	char hex[OID_HEX_MAX];

	oid_hex(id, hex);
	return xasprintf("%s/%.2s/%s", objects, hex, hex + 2);
}

static int bad(struct reader *r, const char *how)
{
	return err_set(r->err, ERR_REPO, "object %s is corrupt: its file %s (git fsck)", r->hex,
		       how);
}

static int refill(struct reader *r)
{
	ssize_t n;

	do
		n = read(r->fd, r->in, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(r->err, ERR_REPO, "reading object %s", r->hex);
	r->eof = n == 0;
	r->z.next_in = r->in;
	r->z.avail_in = (uInt)n;
	return 0;
}

/*
 * Inflates until `n` bytes are there or the stream ends; *ret is how many came, *end
 * whether that was its end. Each turn takes or gives a byte, or is the last.
 */
static int inflate_some(struct reader *r, uint8_t *out, size_t n, size_t *ret, bool *end)
{
	size_t done = 0;
	int code = Z_OK;

	while (code == Z_OK && done < n) {
		uInt room = n - done < CHUNK ? (uInt)(n - done) : (uInt)CHUNK;
		int rc = r->z.avail_in == 0 && !r->eof ? refill(r) : 0;

		if (rc)
			return rc;
		r->z.next_out = out + done;
		r->z.avail_out = room;
		code = inflate(&r->z, Z_NO_FLUSH);
		done += room - r->z.avail_out;
		if (code == Z_BUF_ERROR && !r->eof)
			code = Z_OK; /* it wants more input */
	}
	if (code == Z_BUF_ERROR)
		return bad(r, "ends too early");
	if (code != Z_OK && code != Z_STREAM_END)
		return bad(r, "is no zlib stream");
	*ret = done;
	*end = code == Z_STREAM_END;
	return 0;
}

/* "TYPE SP SIZE", without its NUL. */
static bool parse_header(struct bytes v, struct loose_info *ret)
{
	const uint8_t *sp = memchr(v.p, ' ', v.n);
	struct bytes size = sp ? bytes_skip(v, (size_t)(sp - v.p) + 1) : BYTES_NONE;

	ret->type = sp ? object_type_of(bytes_of(v.p, (size_t)(sp - v.p))) : OBJECT_NONE;
	return ret->type != OBJECT_NONE && size.n > 0 && (size.n == 1 || size.p[0] != '0') &&
	       text_parse_u64(size, &ret->size);
}

/* The stream must end with the content, and the file with the stream. */
static int check_end(struct reader *r, bool end)
{
	uint8_t more;
	size_t n = 0;
	int rc = end ? 0 : inflate_some(r, &more, 1, &n, &end);

	if (rc)
		return rc;
	if (n > 0 || !end)
		return bad(r, "holds more than its header says");
	rc = r->z.avail_in == 0 && !r->eof ? refill(r) : 0;
	return rc == 0 && r->z.avail_in > 0 ? bad(r, "goes on behind its end") : rc;
}

static int read_stream(struct reader *r, size_t max, struct loose_info *info, struct buf *content)
{
	uint8_t head[HEADER_MAX], *nul;
	size_t got, rest, n = 0;
	bool end;
	int rc = inflate_some(r, head, sizeof(head), &got, &end);

	if (rc)
		return rc;
	nul = memchr(head, '\0', got);
	if (!nul || !parse_header(bytes_of(head, (size_t)(nul - head)), info))
		return bad(r, "does not begin with a type and a size");
	if (info->size > max)
		return err_set(r->err, ERR_INPUT, "object %s has %llu bytes, more than %zu", r->hex,
			       (unsigned long long)info->size, max);
	if (!content)
		return 0;
	got -= (size_t)(nul - head) + 1;
	if (got > info->size)
		return bad(r, "holds more than its header says");
	rest = info->size - got;
	buf_add(content, nul + 1, got);
	rc = rest && !end ? inflate_some(r, buf_reserve(content, rest), rest, &n, &end) : 0;
	if (rc == 0 && rest && n < rest)
		rc = bad(r, "holds less than its header says");
	if (rc == 0) {
		content->n += rest;
		rc = check_end(r, end);
	}
	return rc;
}

static int read_file(struct reader *r, size_t max, struct loose_info *ret, struct buf *content)
{
	size_t start = content ? content->n : 0;
	int rc;

	if (inflateInit(&r->z) != Z_OK)
		return err_set(r->err, ERR_INTERNAL, "zlib cannot start");
	r->in = xmalloc(CHUNK);
	rc = read_stream(r, max, ret, content);
	if (rc && content)
		content->n = start;
	free(r->in);
	inflateEnd(&r->z);
	return rc;
}

int loose_read(const char *objects, const struct oid *id, size_t max, struct loose_info *ret,
	       struct buf *content, bool *found, struct err *err)
{
	_cleanup_free_ char *path = path_of(objects, id);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char hex[OID_HEX_MAX];
	struct reader r = { .fd = fd, .hex = oid_hex(id, hex), .err = err };
	struct stat st;
	int rc;

	*found = fd >= 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_errno(err, ERR_REPO, "opening object %s", hex);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		rc = bad(&r, "is none");
	else
		rc = read_file(&r, max, ret, content);
	close(fd);
	return rc;
}

bool loose_has(const char *objects, const struct oid *id)
{
	_cleanup_free_ char *path = path_of(objects, id);

	return access(path, F_OK) == 0;
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

size_t loose_count(const char *objects, const char *digits, struct oid *ret)
{
	_cleanup_free_ char *path = xasprintf("%s/%.2s", objects, digits);
	struct dirent **v = NULL;
	int all = scandir(path, &v, visible, alphasort);
	size_t n = 0;

	for (int i = 0; i < all; i++) {
		_cleanup_free_ char *hex = xasprintf("%.2s%s", digits, v[i]->d_name);

		n += strncmp(hex, digits, strlen(digits)) == 0 && oid_parse(bytes_str(hex), ret);
		free(v[i]);
	}
	free(v);
	return n;
}
