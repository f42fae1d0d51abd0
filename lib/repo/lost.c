#include "repo/lost.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static const char *lost_text;

/* Only what a signal handler may do. */
static void lost(int signal_number)
{
	ssize_t n = write(STDERR_FILENO, lost_text, strlen(lost_text));

	(void)signal_number;
	_exit(n < 0 ? ERR_IO : ERR_REPO);
}

void repo_lost_say(const char *text)
{
	const struct sigaction on_lost = { .sa_handler = lost };

	lost_text = text;
	(void)sigaction(SIGBUS, &on_lost, NULL);
}
