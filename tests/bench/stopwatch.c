/*
 * stopwatch RUNS INPUT COMMAND...: runs the commands (words split at blanks; NAME=VALUE
 * before them is for their environment) in turn, RUNS times, with INPUT as standard
 * input, and prints the median wall time of each whole process in milliseconds, a line
 * each. In turn, so that what else the machine does meets all alike.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define WORDS_MAX 32
#define ENV_MAX 256
#define RUNS_MAX 1000
#define COMMANDS_MAX 16
#define WARM_UP 3

extern char **environ;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct command {
	char *words[WORDS_MAX], *env[ENV_MAX];
};

static void split(char *text, struct command *c)
{
	char *save = NULL;
	int n = 0, env_n = 0;

	for (char *w = strtok_r(text, " ", &save); w != NULL && n + 1 < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save)) {
		if (n == 0 && strchr(w, '=') != NULL && env_n + 1 < ENV_MAX)
			c->env[env_n++] = w;
		else
			c->words[n++] = w;
	}
	/* Behind them: getenv() finds the first one of a name. */
	for (char **e = environ; *e != NULL && env_n + 1 < ENV_MAX; e++)
		c->env[env_n++] = *e;
}

/* Milliseconds, or a negative number when the command fails. */
static double run(struct command *c, const char *input)
{
	posix_spawn_file_actions_t fa;
	double start = now_ms();
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, input, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, c->words[0], &fa, NULL, c->words, c->env) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&fa);
	return status == 0 ? now_ms() - start : -1;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	static double took[COMMANDS_MAX][RUNS_MAX];
	int runs = argc > 3 ? (int)strtol(argv[1], NULL, 10) : 0;
	int n = argc - 3;

	if (runs < 1 || runs > RUNS_MAX || n > COMMANDS_MAX) {
		fputs("usage: stopwatch RUNS INPUT COMMAND...\n", stderr);
		return 2;
	}
	for (int i = 0; i < n; i++)
		split(argv[i + 3], &commands[i]);
	for (int r = -WARM_UP; r < runs; r++) {
		for (int i = 0; i < n; i++) {
			double t = run(&commands[i], argv[2]);

			if (t < 0) {
				fprintf(stderr, "stopwatch: failed: %s ...\n",
					commands[i].words[0]);
				return 1;
			}
			if (r >= 0)
				took[i][r] = t;
		}
	}
	for (int i = 0; i < n; i++) {
		qsort(took[i], (size_t)runs, sizeof(double), by_value);
		printf("%.3f\n", took[i][runs / 2]);
	}
	return 0;
}
