/* Where a user's sockets and locks stand, and who is at the other end of a socket. */
#ifndef GH_BASE_RUNDIR_H
#define GH_BASE_RUNDIR_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Appends "gitsign-hsm" in XDG_RUNTIME_DIR or /run/user/UID, or "gitsign-hsm-UID" in
 * TMPDIR or /tmp. It must be ours, of mode 0700, and no link; `create` makes it. ERR_IO
 * when it is not there, ERR_CONFIG when it is not safe.
 */
int rundir_path(bool create, struct buf *out, struct err *err);

/*
 * Opens (makes) the file `name` in the directory and locks it until the descriptor is
 * closed; *fd is -1, with success, when another has it still after timeout_ms. Whoever
 * dies lets go.
 */
int rundir_lock(const char *name, int timeout_ms, int *fd, struct err *err);

/*
 * A socket there: connected to one who runs as we do (ERR_IO: nobody listens; ERR_CONFIG:
 * somebody else), or listening, non-blocking, in the place of whatever stood under the
 * name: hold a lock, so that it is not another one's.
 */
int rundir_connect(const char *name, int *fd, struct err *err);
/* The same, but a queue that is full is not waited for at all. */
int rundir_connect_now(const char *name, int *fd, struct err *err);
int rundir_listen(const char *name, int *fd, struct err *err);
/* The same for a socket elsewhere, such as SSH_AUTH_SOCK names. */
int rundir_connect_path(const char *path, int *fd, struct err *err);
void rundir_remove(const char *name);
/* Is it still there for others to find, or has the directory gone with its session? */
bool rundir_has(const char *name);
/* Which file it is; number 0: none. While a socket listens no other file is the same. */
struct rundir_file {
	dev_t device; /* a directory made anew may number its files as the old one did */
	ino_t number;
};
struct rundir_file rundir_file(const char *name);
/* Is the other end of a connection a process of our user? */
bool rundir_peer_ours(int fd);

#endif
