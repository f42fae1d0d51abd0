/*
 * receive.certNonceSeed: a secret, which no command line may hold. So the file is written
 * here, as git does it: beside it, under the name of its lock (git lockfile.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "hook_place.h"

#define SEED_BYTES 32
#define CONFIG_MAX ((size_t)4 << 20)

static int add_seed(struct buf *config, struct err *err)
{
	uint8_t seed[SEED_BYTES];

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return err_errno(err, ERR_INTERNAL, "no random bytes");
	if (config->n > 0 && config->p[config->n - 1] != '\n')
		buf_add_byte(config, '\n');
	buf_add_str(config, "[receive]\n\tcertNonceSeed = ");
	text_hex(config, bytes_of(seed, sizeof(seed)), false);
	buf_add_byte(config, '\n');
	explicit_bzero(seed, sizeof(seed));
	return 0;
}

static int write_new(const char *lock, struct bytes text, mode_t mode, struct err *err)
{
	int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = 0;

	if (fd < 0)
		return err_errno(err, ERR_IO, "cannot lock the configuration: %s", lock);
	rc = os_write_all(fd, text, lock, err);
	if (rc == 0 && (fchmod(fd, mode & 0777) < 0 || fsync(fd) < 0))
		rc = err_errno(err, ERR_IO, "cannot write %s", lock);
	if (close(fd) < 0 && rc == 0)
		rc = err_errno(err, ERR_IO, "cannot write %s", lock);
	if (rc)
		unlink(lock);
	return rc;
}

static int append(const char *file, struct stat *st, struct err *err)
{
	_cleanup_free_ char *lock = xasprintf("%s.lock", file);
	struct buf text = BUF_INIT;
	int rc = os_file_read(file, OS_FILE_ANY, CONFIG_MAX, &text, err);

	if (rc == 0 && stat(file, st) < 0)
		rc = err_errno(err, ERR_IO, "cannot look at %s", file);
	if (rc == 0)
		rc = add_seed(&text, err);
	if (rc == 0)
		rc = write_new(lock, buf_bytes(&text), st->st_mode, err);
	if (rc == 0 && rename(lock, file) < 0) {
		rc = err_errno(err, ERR_IO, "cannot replace %s", file);
		unlink(lock);
	}
	if (text.p)
		explicit_bzero(text.p, text.n);
	buf_free(&text);
	return rc;
}

int hook_place_seed(const struct hook_place *p, struct err *err)
{
	_cleanup_free_ char *config = xasprintf("%s/config", p->server.git_dir);
	char real[PATH_MAX];
	struct stat st;
	int rc;

	if (!realpath(config, real))
		return err_errno(err, ERR_IO, "cannot find %s", config);
	rc = hook_place_note(p, "receive.certNonceSeed", err);
	if (rc == 0)
		rc = append(real, &st, err);
	if (rc)
		return rc;
	printf("receive.certNonceSeed: made, and not shown\n");
	if (st.st_mode & 044)
		printf("note: others on this machine can read it in %s. When no other account "
		       "serves the repository: chmod go-r '%s'\n",
		       real, real);
	return 0;
}
