/*
 * null-signer: what git calls a signer, and does nothing but what git waits for: reads
 * its input to the end, writes an armor and SIG_CREATED. What signing costs at least.
 */
#include <string.h>
#include <unistd.h>

static int put(int fd, const char *text)
{
	size_t n = strlen(text);

	return write(fd, text, n) == (ssize_t)n ? 0 : 1;
}

int main(void)
{
	char some[4096];

	while (read(0, some, sizeof(some)) > 0)
		;
	return put(1, "-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n") ||
	       put(2, "[GNUPG:] BEGIN_SIGNING H8\n[GNUPG:] SIG_CREATED D 19 8 00 0 0\n");
}
