/* The highest serial of a policy that was in force, in a file beside the record. */
#include "record/serial.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"

#define FILE_NAME "policy-serial"
#define TEXT_MAX 512
#define DIGEST_HEX 64

/*
 * One line: "v1 SERIAL DIGEST SUM", SERIAL decimal, the others hexadecimal; SUM is the
 * first 16 bytes of the SHA-256 of the line up to the space before it.
 */
struct seen {
	int64_t serial; /* 0: none */
	uint8_t rules[32];
};

static bool line_of(const struct seen *s, struct buf *out)
{
	uint8_t sum[EVP_MAX_MD_SIZE];

	buf_addf(out, "v1 %lld ", (long long)s->serial);
	text_hex(out, bytes_of(s->rules, sizeof(s->rules)), false);
	if (!EVP_Digest(out->p, out->n, sum, NULL, EVP_sha256(), NULL))
		return false;
	buf_add_byte(out, ' ');
	text_hex(out, bytes_of(sum, 16), false);
	buf_add_byte(out, '\n');
	return true;
}

/* What is read is right when it is, to the last byte, what would be written. */
static bool parse(struct bytes text, struct seen *ret)
{
	_cleanup_(buf_free) struct buf again = BUF_INIT;
	struct bytes v1 = BYTES_LIT("v1 "), number;
	struct seen s = { .serial = 0 };
	const uint8_t *space;
	uint64_t x;

	if (!bytes_starts(text, v1))
		return false;
	number = bytes_skip(text, v1.n);
	space = memchr(number.p, ' ', number.n);
	if (!space || (size_t)(number.p + number.n - space) < DIGEST_HEX + 1)
		return false;
	number.n = (size_t)(space - number.p);
	if (!text_parse_u64(number, &x) || x == 0 || x > INT64_MAX ||
	    !text_unhex(bytes_of(space + 1, DIGEST_HEX), s.rules, sizeof(s.rules)))
		return false;
	s.serial = (int64_t)x;
	if (!line_of(&s, &again) || !bytes_eq(buf_bytes(&again), text))
		return false;
	*ret = s;
	return true;
}

static int load(const char *path, struct seen *ret, struct err *err)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT;
	_cleanup_free_ char *shown = text_escaped(bytes_str(path));
	int rc;

	*ret = (struct seen){ .serial = 0 };
	if (access(path, F_OK) != 0)
		return errno == ENOENT ? 0 : err_errno(err, ERR_CONFIG, "%s", shown);
	rc = os_file_read(path, OS_FILE_TRUSTED, TEXT_MAX, &text, err);
	if (rc || parse(buf_bytes(&text), ret))
		return rc;
	return err_set(err, ERR_CONFIG, "%s, which holds the highest serial of the policy, is "
		       "damaged: make sure that the policy is the newest one, then remove that "
		       "file", shown);
}

int record_serial_check(const char *dir, int64_t serial, const uint8_t rules[32],
			struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" FILE_NAME, dir);
	struct seen seen;
	int rc = load(path, &seen, err);

	if (rc)
		return rc;
	if (serial < seen.serial)
		return err_set(err, ERR_CONFIG, "the policy has serial %lld, but serial %lld was in "
			       "force already: put the newer file back, or give this one serial = "
			       "%llu", (long long)serial, (long long)seen.serial,
			       (unsigned long long)seen.serial + 1);
	if (serial == seen.serial && serial != 0 && memcmp(rules, seen.rules, 32) != 0)
		return err_set(err, ERR_CONFIG, "the policy or a file of trust anchors that it names "
			       "has changed, but its serial has not: write serial = %llu",
			       (unsigned long long)seen.serial + 1);
	return 0;
}

int record_serial_keep(const char *dir, int64_t serial, const uint8_t rules[32], struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" FILE_NAME, dir);
	_cleanup_(buf_free) struct buf line = BUF_INIT;
	struct seen seen;
	int rc = record_serial_check(dir, serial, rules, err);

	if (!rc)
		rc = load(path, &seen, err);
	if (rc || serial == seen.serial)
		return rc;
	seen.serial = serial;
	memcpy(seen.rules, rules, sizeof(seen.rules));
	if (!line_of(&seen, &line))
		return err_set(err, ERR_INTERNAL, "SHA-256 failed");
	return os_file_replace(path, buf_bytes(&line), 0600, err);
}
