#include "helper/sibling.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/os.h"

#define PLACE "/libexec/gitsign-hsm"

int sibling_path(const char *name, struct buf *out, struct err *err)
{
	size_t before = out->n;
	int r = os_self_dir(out, err);
	size_t n = out->n - before, place = strlen(PLACE);

	if (r != 0)
		return r;
	if (n < place || memcmp(out->p + out->n - place, PLACE, place) != 0)
		buf_add_str(out, "/.." PLACE);
	buf_addf(out, "/%s", name);
	return 0;
}

/* A file without a name, whatever is there gone with its last descriptor. */
static int set_input(struct bytes input, struct err *err)
{
	int fd, r;

	if (input.n == 0)
		return 0;
	fd = memfd_create("request", MFD_CLOEXEC);
	if (fd < 0)
		return err_errno(err, ERR_IO, "no memory file can be had");
	r = os_write_all(fd, input, "the request", err);
	if (r == 0 && (lseek(fd, 0, SEEK_SET) != 0 || dup2(fd, STDIN_FILENO) < 0))
		r = err_errno(err, ERR_IO, "cannot hand on the request");
	close(fd);
	return r;
}

int sibling_become(const char *const *argv, struct bytes input, struct err *err)
{
	struct buf path = BUF_INIT;
	int r = sibling_path(argv[0], &path, err);

	if (r == 0)
		r = set_input(input, err);
	if (r == 0) {
		execv(buf_str(&path), (char *const *)(uintptr_t)argv);
		r = err_errno(err, ERR_CONFIG,
			      "%s: cannot run it (is git-credential-hsm installed whole?)",
			      buf_str(&path));
	}
	buf_free(&path);
	return r;
}
