#include "record/certs.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"

#define FILE_NAME "push-certificates"
#define ID_HEX 64
#define LINE_MAX_BYTES (20 + 1 + ID_HEX + 1)
#define SUM_BYTES 16
#define TEXT_MAX ((size_t)RECORD_CERTS_MAX * LINE_MAX_BYTES + 64)

/*
 * "v1", a line "UNTIL ID" for each, UNTIL in decimal seconds and ID in hexadecimal, and
 * "sum SUM": the first 16 bytes of the SHA-256 of all lines before.
 */
struct certs {
	struct kept {
		int64_t until;
		uint8_t id[32];
	} * v;
	size_t n, cap;
};

static bool text_of(const struct certs *c, struct buf *out)
{
	uint8_t sum[EVP_MAX_MD_SIZE];

	buf_add_str(out, "v1\n");
	for (size_t i = 0; i < c->n; i++) {
		buf_addf(out, "%lld ", (long long)c->v[i].until);
		text_hex(out, bytes_of(c->v[i].id, sizeof(c->v[i].id)), false);
		buf_add_byte(out, '\n');
	}
	if (!EVP_Digest(out->p, out->n, sum, NULL, EVP_sha256(), NULL))
		return false;
	buf_add_str(out, "sum ");
	text_hex(out, bytes_of(sum, SUM_BYTES), false);
	buf_add_byte(out, '\n');
	return true;
}

static void add(struct certs *c, int64_t until, const uint8_t id[32])
{
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->v = xreallocarray(c->v, c->cap, sizeof(*c->v));
	}
	c->v[c->n].until = until;
	memcpy(c->v[c->n++].id, id, 32);
}

static bool take_line(struct bytes line, struct certs *c)
{
	const uint8_t *space = line.n ? memchr(line.p, ' ', line.n) : NULL;
	uint8_t id[32];
	uint64_t until;

	if (!space || (size_t)(line.p + line.n - space) != ID_HEX + 1 ||
	    !text_parse_u64(bytes_of(line.p, (size_t)(space - line.p)), &until) ||
	    until > INT64_MAX || !text_unhex(bytes_of(space + 1, ID_HEX), id, sizeof(id)))
		return false;
	add(c, (int64_t)until, id);
	return true;
}

/* What is read is right when it is, to the last byte, what would be written. */
static bool parse(struct bytes text, struct certs *c)
{
	_cleanup_(buf_free) struct buf again = BUF_INIT;
	struct bytes rest = text;

	for (size_t line_no = 0; rest.n > 0; line_no++) {
		const uint8_t *nl = memchr(rest.p, '\n', rest.n);
		struct bytes line = bytes_of(rest.p, nl ? (size_t)(nl - rest.p) : 0);

		if (!nl)
			return false;
		rest = bytes_skip(rest, line.n + 1);
		if (line_no > 0 && rest.n > 0 && !take_line(line, c))
			return false;
	}
	return text_of(c, &again) && bytes_eq(buf_bytes(&again), text);
}

static int load(const char *path, struct certs *c, struct err *err)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT;
	_cleanup_free_ char *shown = text_escaped(bytes_str(path));
	int rc;

	if (access(path, F_OK) != 0)
		return errno == ENOENT ? 0 : err_errno(err, ERR_CONFIG, "%s", shown);
	rc = os_file_read(path, OS_FILE_TRUSTED, TEXT_MAX, &text, err);
	if (rc || parse(buf_bytes(&text), c))
		return rc;
	return err_set(err, ERR_CONFIG,
		       "%s, which holds the push certificates that were used, is "
		       "damaged: wait for hsm.certMaxAge, until none of them is good any more, "
		       "then remove that file",
		       shown);
}

static bool find(const struct certs *c, const uint8_t id[32])
{
	for (size_t i = 0; i < c->n; i++)
		if (memcmp(c->v[i].id, id, 32) == 0)
			return true;
	return false;
}

int record_certs_seen(const char *dir, const uint8_t id[32], bool *ret, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" FILE_NAME, dir);
	struct certs c = { NULL, 0, 0 };
	int rc = load(path, &c, err);

	if (rc == 0)
		*ret = find(&c, id);
	free(c.v);
	return rc;
}

static void forget(struct certs *c, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].until >= now)
			c->v[kept++] = c->v[i];
	c->n = kept;
}

int record_certs_add(const char *dir, const uint8_t id[32], int64_t now, int64_t keep,
		     struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" FILE_NAME, dir);
	_cleanup_(buf_free) struct buf text = BUF_INIT;
	struct certs c = { NULL, 0, 0 };
	int rc = load(path, &c, err);

	if (rc == 0) {
		forget(&c, now);
		if (c.n >= RECORD_CERTS_MAX)
			rc = err_set(err, ERR_BAD,
				     "more than %d pushes with certificates in a short "
				     "time: try again in some minutes",
				     RECORD_CERTS_MAX);
	}
	if (rc == 0) {
		add(&c, now + keep, id);
		rc = text_of(&c, &text) ? os_file_replace(path, buf_bytes(&text), 0600, err)
					: err_set(err, ERR_INTERNAL, "SHA-256 failed");
	}
	free(c.v);
	return rc;
}
