/*
 * git's contract for a verifier (git gpg-interface.c, parse_gpg_output): status
 * lines on the status descriptor, text for people on standard error. git's
 * verify-commit believes exit 0 with GOODSIG whatever the trust line says, so
 * exit 0 is kept for signatures that somebody vouches for.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "gpgsm.h"
#include "judge_one.h"
#include "object/object.h"

#define PAYLOAD_MAX ((size_t)512 << 20)
#define ARMOR_MAX ((size_t)4 << 20)

/* The name in a tag object's payload; empty for anything else. */
static struct bytes tag_name(struct bytes payload)
{
	struct bytes line, key = BYTES_LIT("tag ");

	/* "object", "type", then "tag": a commit begins with "tree". */
	for (int i = 0; i < 3; i++) {
		const uint8_t *nl = payload.n > 0 ? memchr(payload.p, '\n', payload.n) : NULL;

		if (nl == NULL || (i == 0 && !bytes_starts(payload, BYTES_LIT("object "))))
			return BYTES_NONE;
		line = bytes_of(payload.p, (size_t)(nl - payload.p));
		payload = bytes_skip(payload, line.n + 1);
		if (i == 2 && bytes_starts(line, key))
			return bytes_skip(line, key.n);
	}
	return BYTES_NONE;
}

static int read_data(const char *name, struct buf *out, struct err *err)
{
	int fd = STDIN_FILENO, r;

	if (strcmp(name, "-") != 0)
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(name));

		return err_errno(err, ERR_IO, "cannot open the signed data %s", shown);
	}
	r = os_read_all(fd, PAYLOAD_MAX, "the signed data", out, err);
	if (fd != STDIN_FILENO)
		close(fd);
	return r;
}

/* It is no file of the configuration: what cannot be read here is input. */
static int read_armor(const char *name, struct buf *out, struct err *err)
{
	int r = os_file_read(name, OS_FILE_ANY, ARMOR_MAX, out, err);

	return r == ERR_CONFIG ? err_set(err, ERR_IO, "%s", err->text) : r;
}

/* Lines that people and git's own tests look for, in gpgsm's words. */
static void explain(FILE *f, const struct opinion *o)
{
	const struct verdict *v = &o->verdict;
	struct buf when = BUF_INIT;

	if (v->cert == NULL) {
		fprintf(f, "gitsign-hsm: %s signature: %s\n",
			v->level == VERDICT_BAD ? "BAD" : "No X.509", o->why);
		return;
	}
	text_time(&when, v->signing_time);
	fprintf(f, "gitsign-hsm: Signature made %s by certificate %s\n",
		v->has_signing_time ? buf_str(&when) : "[no date given]", v->cert->subject);
	for (size_t i = 0; i < v->cert->emails_n; i++)
		fprintf(f, "gitsign-hsm:                aka <%s>\n", v->cert->emails[i]);
	switch (v->level) {
	case VERDICT_GOOD:
		fprintf(f, "gitsign-hsm: Good signature from \"%s\" (%s)\n", v->cert->subject,
			o->why);
		break;
	case VERDICT_EXPIRED:
		fprintf(f, "gitsign-hsm: Good signature from \"%s\", but %s\n", v->cert->subject,
			o->why);
		break;
	default:
		fprintf(f, "gitsign-hsm: Signature of \"%s\" is not trusted: %s\n",
			v->cert->subject, o->why);
		break;
	}
	buf_free(&when);
}

static int judge(const struct args *a, struct buf *status, int *result, struct err *err)
{
	struct buf armor = BUF_INIT, data = BUF_INIT;
	struct settings s = { .conf = GITCONF_INIT };
	struct judge_one j = { NULL, NULL, NULL };
	struct opinion o;
	struct bytes payload;
	int r;

	r = read_data(a->data, &data, err);
	if (r == 0)
		r = read_armor(a->signature, &armor, err);
	if (r == 0)
		r = settings_load(&s, err);
	if (r == 0)
		r = judge_one_open(&s, &j, err);
	if (r == 0) {
		payload = buf_bytes(&data);
		judge_one(&j, &payload, 1, buf_bytes(&armor), tag_name(payload), os_now(), &o);
		status_verdict(status, &o.verdict, o.trust);
		*result = status_exit(&o.verdict, o.trust);
		explain(stderr, &o);
	}
	judge_one_close(&j);
	settings_free(&s);
	buf_free(&armor);
	buf_free(&data);
	return r;
}

int gpgsm_verify(const struct args *a)
{
	struct buf status = BUF_INIT;
	struct err err = ERR_INIT;
	int result = ERR_BAD;
	int r = judge(a, &status, &result, &err);

	if (r != 0) {
		/* Not judged: git shows E, and nothing passes. */
		status_line(&status, "NEWSIG");
		status_line(&status, "ERRSIG %040d 0 0 00 0 1", 0);
		fprintf(stderr, "gitsign-hsm: cannot verify: %s\n", err.text);
		result = r;
	}
	if (a->status_fd >= 0 &&
	    os_write_all(a->status_fd, buf_bytes(&status), "the status", &err) != 0) {
		fprintf(stderr, "gitsign-hsm: %s\n", err.text);
		result = err.code;
	}
	buf_free(&status);
	return result;
}
