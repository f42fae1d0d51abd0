/*
 * The reference-transaction hook (githooks(5)): git runs it twice or three times for each
 * change of a ref. Only one of them can be refused: that one is judged, by a program that
 * needs libraries which take longer to load than the others last.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"

int main(int argc, char **argv)
{
	struct buf path = BUF_INIT;
	struct err err = ERR_INIT;

	if (argc == 2 && (strcmp(argv[1], "committed") == 0 || strcmp(argv[1], "aborted") == 0 ||
			  strcmp(argv[1], "preparing") == 0))
		return 0;
	if (os_self_dir(&path, &err) == 0) {
		buf_add_str(&path, "/reference-transaction-judge");
		execv(buf_str(&path), argv);
		err_errno(&err, ERR_CONFIG, "cannot run %s", buf_str(&path));
	}
	fprintf(stderr, "gitsign-hsm: refused: %s\n", err.text);
	return ERR_CONFIG;
}
