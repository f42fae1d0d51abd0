/* The files of packs, mapped, and where in them an object lies. */
#include <dirent.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "repo/pack.h"

#define PACKS_MAX 64 /* the rest is libgit2's */

struct pack {
	struct bytes index_file, file;
	struct pack_index index;
};

struct packs {
	struct pack v[PACKS_MAX];
	size_t n;
	size_t last; /* where the last one was found */
	struct libdeflate_decompressor *z;
};

static void unmap(struct bytes v)
{
	if (v.n > 0)
		munmap((void *)(uintptr_t)v.p, v.n);
}

/* The whole of a file, mapped: what git writes under such a name it never changes. */
static bool map(const char *path, struct bytes *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	void *p = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uint64_t)st.st_size <= SIZE_MAX / 2)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return false;
	*ret = bytes_of(p, (size_t)st.st_size);
	return true;
}

static bool open_pack(const char *base, struct pack *ret)
{
	_cleanup_free_ char *index = xasprintf("%s.idx", base), *file = xasprintf("%s.pack", base);
	struct pack k = { .index_file = BYTES_NONE, .file = BYTES_NONE };

	if (map(index, &k.index_file) && pack_index_open(k.index_file, &k.index) &&
	    map(file, &k.file) && pack_open(k.file, k.index.n)) {
		*ret = k;
		return true;
	}
	unmap(k.index_file);
	unmap(k.file);
	return false;
}

static int is_index(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 4 && strcmp(e->d_name + n - 4, ".idx") == 0;
}

static void open_dir(struct packs *p, const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/pack", dir);
	struct dirent **v = NULL;
	int n = scandir(path, &v, is_index, alphasort);

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *base =
			xasprintf("%s/%.*s", path, (int)strlen(v[i]->d_name) - 4, v[i]->d_name);

		if (p->n < PACKS_MAX)
			p->n += open_pack(base, &p->v[p->n]);
		free(v[i]);
	}
	free(v);
}

struct packs *packs_open(char *const *dirs, size_t n)
{
	struct packs *p = xcalloc(1, sizeof(*p));

	p->z = libdeflate_alloc_decompressor();
	for (size_t i = 0; i < n && p->z; i++)
		open_dir(p, dirs[i]);
	return p;
}

void packs_free(struct packs *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		unmap(p->v[i].index_file);
		unmap(p->v[i].file);
	}
	libdeflate_free_decompressor(p->z);
	free(p);
}

bool packs_read(struct packs *p, const struct oid *id, size_t max, enum object_type *type,
		struct buf *content)
{
	uint64_t offset;

	for (size_t i = 0; i < p->n; i++) {
		size_t k = (p->last + i) % p->n;

		if (!pack_index_find(&p->v[k].index, id, &offset))
			continue;
		p->last = k;
		return pack_entry_read(p->v[k].file, offset, p->z, max, type, content);
	}
	return false;
}
