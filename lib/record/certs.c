#include "record/certs.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"

#define FILE_NAME "push-certificates"
#define ID_HEX 64
#define LINE_MAX_BYTES (20 + 1 + ID_HEX + 1)
#define SUM_BYTES 16
#define SUM_LINE (4 + 2 * SUM_BYTES + 1)
#define TEXT_MAX ((size_t)RECORD_CERTS_MAX * LINE_MAX_BYTES + 64)

/*
 * "v2 FLOOR", a line "ISSUED ID" for each, oldest first, times in decimal seconds and ID in
 * hexadecimal, and "sum SUM": the first 16 bytes of the SHA-256 of all lines before.
 *
 * "v1" had no floor, and how long to remember each instead of ISSUED.
 */
struct certs {
	int64_t floor;
	struct kept {
		int64_t issued;
		uint8_t id[32];
	} * v;
	size_t n, cap;
};

/* --- the text ----------------------------------------------------------------- */

static bool put_sum(struct bytes lines, struct buf *out)
{
	uint8_t sum[EVP_MAX_MD_SIZE];

	if (!EVP_Digest(lines.p, lines.n, sum, NULL, EVP_sha256(), NULL))
		return false;
	buf_add_str(out, "sum ");
	text_hex(out, bytes_of(sum, SUM_BYTES), false);
	buf_add_byte(out, '\n');
	return true;
}

static bool text_of(const struct certs *c, struct buf *out)
{
	buf_addf(out, "v2 %lld\n", (long long)c->floor);
	for (size_t i = 0; i < c->n; i++) {
		buf_addf(out, "%lld ", (long long)c->v[i].issued);
		text_hex(out, bytes_of(c->v[i].id, sizeof(c->v[i].id)), false);
		buf_add_byte(out, '\n');
	}
	return put_sum(buf_bytes(out), out);
}

/* Oldest first. */
static void add(struct certs *c, int64_t issued, const uint8_t id[32])
{
	size_t at = c->n;

	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->v = xreallocarray(c->v, c->cap, sizeof(*c->v));
	}
	while (at > 0 && c->v[at - 1].issued > issued)
		at--;
	memmove(c->v + at + 1, c->v + at, (c->n - at) * sizeof(*c->v));
	c->v[at].issued = issued;
	memcpy(c->v[at].id, id, sizeof(c->v[at].id));
	c->n++;
}

static bool take_time(struct bytes text, int64_t *ret)
{
	uint64_t x;

	if (!text_parse_u64(text, &x) || x > INT64_MAX)
		return false;
	*ret = (int64_t)x;
	return true;
}

static bool take_line(struct bytes line, struct certs *c)
{
	const uint8_t *space = line.n ? memchr(line.p, ' ', line.n) : NULL;
	uint8_t id[32];
	int64_t issued;

	if (!space || (size_t)(line.p + line.n - space) != ID_HEX + 1 ||
	    !take_time(bytes_of(line.p, (size_t)(space - line.p)), &issued) ||
	    !text_unhex(bytes_of(space + 1, ID_HEX), id, sizeof(id)))
		return false;
	add(c, issued, id);
	return true;
}

/*
 * What v1 forgot was received before it was written: no nonce of it is newer than the file.
 * Nor is a nonce newer than the time to which v1 would have remembered its certificate.
 */
static bool take_head(struct bytes line, int64_t written, struct certs *c)
{
	struct bytes v2 = BYTES_LIT("v2 ");

	c->floor = written > 0 ? written : 0;
	return bytes_eq_str(line, "v1") ||
	       (bytes_starts(line, v2) && take_time(bytes_skip(line, v2.n), &c->floor));
}

static bool take_sum(struct bytes *text)
{
	_cleanup_(buf_free) struct buf sum = BUF_INIT;
	struct bytes lines = *text;

	if (text->n < SUM_LINE)
		return false;
	lines.n -= SUM_LINE;
	if (!put_sum(lines, &sum) || !bytes_eq(buf_bytes(&sum), bytes_skip(*text, lines.n)))
		return false;
	*text = lines;
	return true;
}

static bool parse(struct bytes text, int64_t written, struct certs *c)
{
	bool good = take_sum(&text) && text.n > 0;

	for (size_t line_no = 0; good && text.n > 0; line_no++) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		struct bytes line = bytes_of(text.p, nl ? (size_t)(nl - text.p) : 0);

		good = nl && (line_no ? take_line(line, c) : take_head(line, written, c));
		text = bytes_skip(text, line.n + (nl != NULL));
	}
	return good;
}

static int load(const char *path, struct certs *c, struct err *err)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT;
	_cleanup_free_ char *shown = text_escaped(bytes_str(path));
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, ERR_CONFIG, "%s", shown);
	rc = os_file_read(path, OS_FILE_TRUSTED, TEXT_MAX, &text, err);
	if (rc || parse(buf_bytes(&text), st.st_mtime, c))
		return rc;
	return err_set(err, ERR_CONFIG,
		       "%s, which holds the push certificates that were used, is "
		       "damaged: make a new receive.certNonceSeed, with which none of them is good "
		       "any more, then remove that file",
		       shown);
}

/* --- what is remembered --------------------------------------------------------- */

static enum record_cert find(const struct certs *c, const uint8_t id[32], int64_t issued)
{
	for (size_t i = 0; i < c->n; i++)
		if (memcmp(c->v[i].id, id, 32) == 0)
			return RECORD_CERT_USED;
	return issued <= c->floor ? RECORD_CERT_FORGOTTEN : RECORD_CERT_NEW;
}

int record_certs_find(const char *dir, const uint8_t id[32], int64_t issued, enum record_cert *ret,
		      int64_t *floor, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" FILE_NAME, dir);
	struct certs c = { .v = NULL };
	int rc = load(path, &c, err);

	if (rc == 0) {
		*ret = find(&c, id, issued);
		*floor = c.floor;
	}
	free(c.v);
	return rc;
}

/* Those before `oldest`, and what has to make room for one more. */
static void forget(struct certs *c, int64_t oldest)
{
	size_t k = 0;

	while (k < c->n && (c->v[k].issued < oldest || c->n - k >= RECORD_CERTS_MAX))
		k++;
	if (k == 0)
		return;
	if (c->v[k - 1].issued > c->floor)
		c->floor = c->v[k - 1].issued;
	c->n -= k;
	memmove(c->v, c->v + k, c->n * sizeof(*c->v));
}

int record_certs_add(const char *dir, const uint8_t id[32], int64_t issued, int64_t oldest,
		     struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" FILE_NAME, dir);
	_cleanup_(buf_free) struct buf text = BUF_INIT;
	struct certs c = { .v = NULL };
	int rc = load(path, &c, err);

	if (rc == 0) {
		forget(&c, oldest);
		add(&c, issued, id);
		rc = text_of(&c, &text) ? os_file_replace(path, buf_bytes(&text), 0600, err)
					: err_set(err, ERR_INTERNAL, "SHA-256 failed");
	}
	free(c.v);
	return rc;
}
