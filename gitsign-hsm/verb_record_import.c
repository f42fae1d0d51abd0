/* record import: an exported record, put in its place when it can be true here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "record_place.h"
#include "say.h"
#include "verbs.h"

#define TEXT_MAX ((size_t)512 << 20)

static int read_text(const char *file, struct buf *text, struct err *err)
{
	if (strcmp(file, "-") == 0)
		return os_read_all(STDIN_FILENO, TEXT_MAX, "standard input", text, err);
	return os_file_read(file, OS_FILE_ANY, TEXT_MAX, text, err);
}

/* Takes the name of the repository off the front, and compares it with this one's. */
static int check_name(const struct server *s, struct bytes *text, struct err *err)
{
	struct bytes of = BYTES_LIT(RECORD_PLACE_OF), name;
	const uint8_t *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
	_cleanup_free_ char *shown = NULL;

	if (!bytes_starts(*text, of) || end == NULL)
		return 0;
	name = bytes_of(text->p + of.n, (size_t)(end - text->p) - of.n);
	*text = bytes_skip(*text, of.n + name.n + 1);
	if (s->repository == NULL || bytes_eq(name, bytes_str(s->repository)))
		return 0;
	shown = text_escaped(name);
	return err_set(
		err, ERR_INPUT,
		"it is the record of %.200s, and this is %s (hsm.repository): import the one "
		"that was exported here",
		shown, s->repository);
}

/* --- can it be true? --------------------------------------------------------------- */

static int cannot_be(const struct record_entry *e, const char *why, struct err *err)
{
	return err_set(err, ERR_INPUT, "entry %llu: %s", (unsigned long long)e->seq, why);
}

static int check_forward(struct repo *repo, const struct record_entry *e, struct err *err)
{
	enum object_type old = OBJECT_NONE, new_ = OBJECT_NONE;
	bool is = true;
	uint64_t size;
	int rc = 0;

	if (!e->forward || !repo_has(repo, &e->old) || !repo_has(repo, &e->new_))
		return 0;
	rc = repo_stat(repo, &e->old, &old, &size, err);
	if (rc == 0)
		rc = repo_stat(repo, &e->new_, &new_, &size, err);
	if (rc == 0 && old == OBJECT_COMMIT && new_ == OBJECT_COMMIT)
		rc = repo_is_ancestor(repo, &e->old, &e->new_, &is, err);
	if (rc == 0 && !is)
		rc = cannot_be(e, "its new value does not descend from the old one, as it says",
			       err);
	return rc;
}

static int check_entry(struct repo *repo, const struct record_entry *e, struct err *err)
{
	uint8_t n = repo_hash_bytes(repo);

	if ((e->old.n != 0 && e->old.n != n) || (e->new_.n != 0 && e->new_.n != n))
		return cannot_be(e, "ids of another kind than this repository's", err);
	if (!object_ref_ok(bytes_str(e->ref)))
		return cannot_be(e, "not the name of a ref", err);
	if (oid_is_null(&e->old) && oid_is_null(&e->new_))
		return cannot_be(e, "neither an old nor a new value", err);
	if (e->forward && (oid_is_null(&e->old) || oid_is_null(&e->new_)))
		return cannot_be(e, "nothing can descend where a value is missing", err);
	return check_forward(repo, e, err);
}

static int check_all(struct repo *repo, const struct record *r, struct err *err)
{
	size_t n;
	const struct record_entry *v = record_entries(r, &n);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = check_entry(repo, &v[i], err);
	return rc;
}

/* --- in its place -------------------------------------------------------------------- */

/* It is set for a record in which entries have these numbers. */
static void say_clock(uint64_t reset)
{
	if (reset != 0)
		printf("hsm.clockReset = %llu leaves out the times of as many entries of this "
		       "record. "
		       "If it was not set for this one: git config --unset hsm.clockReset\n",
		       (unsigned long long)reset);
}

/* Under the lock: a push that is being judged would be forgotten. */
static int put(struct record_place *p, const struct record *from, bool replace, struct err *err)
{
	struct err damage;
	_cleanup_free_ char *kept = NULL;
	size_t n, there;
	const struct record_entry *v = record_entries(from, &n);
	int rc = record_take(p->server.state_dir, RECORD_PLACE_WAIT_MS, &p->record, &damage, err);

	if (rc != 0)
		return rc;
	record_entries(p->record, &there);
	if ((there != 0 || damage.code != 0) && !replace)
		return err_set(err, ERR_CONFIG,
			       "there is a record already, %s: --replace puts this "
			       "one in its place, and keeps the old one beside it",
			       damage.code != 0 ? "though damaged" : "which the refs stand on");
	rc = record_replace(p->record, p->server.state_dir, v, n, &kept, err);
	if (rc == 0)
		printf("%zu entries imported\n", n);
	if (rc == 0 && kept != NULL)
		printf("the old record is %s/%s\n", p->server.state_dir, kept);
	if (rc == 0)
		say_clock(p->server.clock_reset);
	return rc;
}

static int import_file(struct record_place *p, const char *file, bool replace, struct err *err)
{
	struct buf text = BUF_INIT;
	struct record *r = NULL;
	struct bytes lines;
	int rc = read_text(file, &text, err);

	lines = buf_bytes(&text);
	if (rc == 0)
		rc = check_name(&p->server, &lines, err);

	if (rc == 0 && lines.n == 0)
		rc = err_set(err, ERR_INPUT, "nothing to import: the text is empty");
	if (rc == 0)
		rc = record_parse(strcmp(file, "-") == 0 ? "of standard input" : file, lines, &r,
				  err);
	if (rc == 0)
		rc = check_all(p->repo, r, err);
	if (rc == 0)
		rc = put(p, r, replace, err);
	record_close(r);
	buf_free(&text);
	return rc;
}

int verb_record_import(int argc, char **argv)
{
	bool replace = false;
	const struct opt opts[] = {
		{ 0, "replace", NULL, "put it in the place of a record that is there", OPT_FLAG,
		  &replace },
		{ 0 },
	};
	const struct opt_command cmd = {
		"gitsign-hsm record import [--replace] FILE [REPOSITORY]",
		"Puts an exported record (- is standard input) in its place. What it says was let "
		"in is not judged again: import only what this server or its predecessor has "
		"exported.",
		opts,
		"Then: gitsign-hsm record check",
		1,
		2,
	};
	struct record_place p;
	struct err err = ERR_INIT;
	int rc;

	if (!say_options(&cmd, &argc, &argv, &rc))
		return rc;
	rc = record_place_open(argc > 1 ? argv[1] : NULL, &p, &err);
	if (rc != 0)
		return say_err(&err);
	rc = import_file(&p, argv[0], replace, &err);
	record_place_close(&p);
	return rc != 0 ? say_err(&err) : 0;
}
