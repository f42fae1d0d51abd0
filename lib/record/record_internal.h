/* What the files of the record share; nobody else includes this. */
#ifndef GH_RECORD_INTERNAL_H
#define GH_RECORD_INTERNAL_H

#include <openssl/evp.h>

#include "base/buf.h"
#include "record/record.h"

/*
 * The file: one line an entry or a change of state, fields parted by one space.
 *
 *   v1 SEQ p RECEIVED POLICY RULE REF OLD NEW FORWARD WHO SUM
 *   v2 SEQ p RECEIVED POLICY RULE REF OLD NEW FORWARD WHO PUSH SUM
 *   v1 SEQ l SUM                      entry SEQ landed
 *   v1 SEQ d SUM                      entry SEQ was dropped
 *
 * SEQ counts entries from 1 without gaps. POLICY is hexadecimal. RULE, REF and WHO
 * have %XX for bytes that are not printable ASCII, space and '%'; "-" stands for
 * the empty string ("%2D" for a hyphen alone) and for no object id. FORWARD is f
 * or n. PUSH is push_here(), never empty. SUM is the first 16 bytes, in hexadecimal, of the
 * SHA-256 of the SUM of the line before (32 zeros before the first) and this line up to the
 * space before SUM.
 */
#define SUM_HEX 32

#define RECORD_FILE "record" /* in the state directory */

struct line_sum {
	char hex[SUM_HEX];
};

extern const struct line_sum line_sum_first;

struct hasher {
	const EVP_MD *md;
	EVP_MD_CTX *ctx;
};

struct record_index;

struct record {
	int fd, dir_fd;
	char *path;           /* of the file, escaped, for error texts */
	char *note;           /* what recovery did; NULL: nothing */
	struct hasher hash;
	struct line_sum last; /* of the last good line */
	uint64_t size;        /* of the file */
	bool broken;          /* a failed write could not be taken back */
	bool read_only;
	bool dir_new;         /* we made the directory: its name is not on disk yet */
	struct buf text;      /* the file as read; strings of loaded entries stand in it */
	struct record_entry *v;
	size_t n, cap;
	size_t loaded;        /* entries from here on own their strings */
	struct record_entry *queue;
	size_t queue_n, queue_cap;
	struct record_index *index; /* record_query.c; empty when entries changed */
};

bool hasher_init(struct hasher *h);
void hasher_free(struct hasher *h);
bool hasher_sum(struct hasher *h, const struct line_sum *before, struct bytes line,
		struct line_sum *ret);

/* Appends a whole line with its sum and moves `last` on. False: the hash failed. */
bool line_put_entry(struct buf *out, struct hasher *h, struct line_sum *last,
		    const struct record_entry *e);
bool line_put_change(struct buf *out, struct hasher *h, struct line_sum *last, uint64_t seq,
		     enum record_state to);

enum line_fault {
	LINE_GOOD = 0,
	LINE_SUM,    /* not what was written */
	LINE_NEWER,  /* of a version that we do not know */
	LINE_MEANING /* the sum is right, but it says something that cannot be */
};

/*
 * Reads the line [text, text + n), its newline left out, and adds it to the entries.
 * Strings are unescaped where they stand and point into `text` from then on.
 */
enum line_fault line_take(struct record *r, char *text, size_t n);

/* The entries or their states changed. */
void index_drop(struct record *r);
struct record_index *index_new(void);
void index_free(struct record_index *x);

/* Appends `text` to the file and syncs it, or leaves the file as it was. */
int record_write(struct record *r, struct bytes text, struct err *err);

#endif
