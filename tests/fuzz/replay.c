/*
 * A fuzz target without a fuzzer: every file of the directories that are named goes
 * through it once. What `make fuzz-cov` counts lines with.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *path)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (os_file_read(path, OS_FILE_ANY, (size_t)16 << 20, &b, &err)) {
		fprintf(stderr, "replay: %s\n", err.text);
		exit(1);
	}
	LLVMFuzzerTestOneInput(b.p, b.n);
	buf_free(&b);
}

static size_t replay_all(const char *dir)
{
	struct buf path = BUF_INIT;
	DIR *d = opendir(dir);
	size_t n = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		buf_clear(&path);
		buf_addf(&path, "%s/%s", dir, e->d_name);
		replay(buf_str(&path));
		n++;
	}
	if (d)
		closedir(d);
	buf_free(&path);
	return n;
}

int main(int argc, char **argv)
{
	size_t n = 0;

	for (int i = 1; i < argc; i++)
		n += replay_all(argv[i]);
	printf("%zu inputs\n", n);
	return n > 0 ? 0 : 1;
}
