/* The operating system's odd corners, in one place (Linux now, macOS later). */
#ifndef GH_BASE_OS_H
#define GH_BASE_OS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* First thing in every main(): descriptors 0-2 open (a closed one fails when used), SIGPIPE ignored, no core
 * dumps, not traceable by others, umask 077, locale left at C. */
void os_start(void);
/* For a process that stays: memory in pieces of more than so many bytes goes back to the system
 * when it is freed. */
void os_memory_returns(size_t bytes);

int64_t os_now(void);          /* seconds since 1970, UTC */
int64_t os_monotonic_ms(void); /* a clock that never goes back */

/* Reads to the end of file. More than `max` bytes: ERR_INPUT. `what` names the
 * source in the error text. */
int os_read_all(int fd, size_t max, const char *what, struct buf *out, struct err *err);
/* Writes every byte or fails with ERR_IO. */
int os_write_all(int fd, struct bytes v, const char *what, struct err *err);

enum os_file_rule {
	OS_FILE_ANY = 0,     /* a regular file, followed through links */
	OS_FILE_TRUSTED = 1, /* and: owner root or we, not writable by group or others */
	OS_FILE_SECRET = 2   /* and: owner we, mode 0400 or 0600 */
};
/* Opens once, judges the open file, reads it whole. Missing: ERR_CONFIG. */
int os_file_read(const char *path, enum os_file_rule rule, size_t max, struct buf *out,
		 struct err *err);
/* Who owns `path` and may write to it, and to every directory above it: 0 when
 * only root and `uid` can change what stands there, otherwise ERR_CONFIG with
 * the culprit and the command that mends it. Sticky directories count as safe. */
int os_path_trusted(const char *path, uid_t uid, struct err *err);
/* Writes beside `path`, syncs, renames over it. */
int os_file_replace(const char *path, struct bytes content, mode_t mode, struct err *err);

/*
 * Keeps what a foreign library prints away from our pipes: moves 1 and 2 to
 * close-on-exec descriptors above 2 and points 0, 1 and 2 at /dev/null. A child
 * that the library forks does not keep the copies.
 */
struct os_stdio {
	int out;
	int err;
};
int os_stdio_hide(struct os_stdio *ret, struct err *err);
/* Puts 1 and 2 back and closes the copies. */
void os_stdio_restore(struct os_stdio *s);

/*
 * Writes out what standard output still holds. Returns `status`, or ERR_IO and a word by
 * `program` when some of the result was lost and `status` says nothing worse than 1.
 */
int os_stdout_end(const char *program, int status);
/*
 * Ends the process without the exit handlers of whatever was loaded: a module's may
 * hang, crash or print. Flush stdout before.
 */
void os_exit(int status) __attribute__((noreturn));
/* What os_exit() does first where a sanitizer is built in: ends the process when it leaks. */
void os_check_leaks(void);

size_t os_processors(void); /* that this process may run on; at least 1 */

/* The absolute directory of the running program. */
int os_self_dir(struct buf *out, struct err *err);

#endif
