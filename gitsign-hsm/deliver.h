/* How a signature reaches git: whole and shaped as git wants it, or not at all. */
#ifndef GH_DELIVER_H
#define GH_DELIVER_H

#include "base/err.h"
#include "base/os.h"

/* More than this is no commit, tag or push certificate. */
#define DELIVER_PAYLOAD_MAX ((size_t)512 << 20)

/*
 * Writes the armored signature to io->out, and only then the status lines to
 * `status_fd` (1 and 2 mean the hidden descriptors; below 0: nowhere). git believes
 * exit 0 and SIG_CREATED even when the signature is empty, torn or of a shape that
 * makes its own readers die: one armor of the right label, ended by a newline, and
 * one SIG_CREATED line are looked for before a byte is written. ERR_INTERNAL else.
 */
int deliver(int status_fd, const struct os_stdio *io, struct bytes armor, struct bytes status,
	    struct err *err);

/*
 * Is the status descriptor open? Asked before descriptors are moved: a number that is
 * free now may be ours later. ERR_IO.
 */
int deliver_check_fd(int status_fd, struct err *err);

/*
 * "gitsign-hsm: TEXT" to `fd`; and to the terminal, under a git before 2.40, which keeps
 * to itself what a signer says when it fails. No module may be initialised: this may run
 * a child.
 */
void deliver_error(int fd, const struct err *e);

#endif
