/*
 * agent-load CLIENTS COUNT PAYLOAD CONFIG [KEY]: as many processes, each of which has
 * the agent sign the payload COUNT times, a connection for each signature. CONFIG is a
 * file with the hsm section; a PIN comes from its pinSource file. Prints how many
 * signatures came, and writes the last one of each process to PAYLOAD.sig.N.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/gitconf.h"
#include "base/os.h"
#include "token/agent.h"

struct load {
	int count;
	const char *path;
	struct agent_ask ask;
	struct pin_source pin;
};

static void fail(const struct err *err)
{
	fprintf(stderr, "agent-load: %s\n", err->text);
	_exit(1);
}

static void client(const struct load *l, int number)
{
	struct buf armor = BUF_INIT, status = BUF_INIT;
	char *path = xasprintf("%s.sig.%d", l->path, number);
	struct err err = ERR_INIT;

	for (int i = 0; i < l->count; i++) {
		buf_clear(&armor);
		buf_clear(&status);
		if (agent_sign(&l->ask, &l->pin, NULL, &armor, &status, &err) != AGENT_DONE)
			fail(&err);
	}
	if (os_file_replace(path, buf_bytes(&armor), 0600, &err) != 0)
		fail(&err);
	_exit(0);
}

static int run(const struct load *l, int clients)
{
	int status, bad = 0;

	for (int i = 0; i < clients; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0)
			client(l, i);
	}
	for (int i = 0; i < clients; i++)
		if (wait(&status) < 0 || status != 0)
			bad++;
	printf("%d\n", (clients - bad) * l->count);
	return bad != 0;
}

int main(int argc, char **argv)
{
	struct buf payload = BUF_INIT, config = BUF_INIT;
	struct gitconf conf = GITCONF_INIT;
	struct load l;
	struct err err = ERR_INIT;
	int r;

	os_start();
	if (argc != 5 && argc != 6)
		return 2;
	l = (struct load){ .count = atoi(argv[2]), .path = argv[3] };
	if (os_file_read(argv[3], OS_FILE_ANY, AGENT_PAYLOAD_MAX, &payload, &err) != 0 ||
	    os_file_read(argv[4], OS_FILE_ANY, 65536, &config, &err) != 0 ||
	    gitconf_parse(&conf, buf_bytes(&config), argv[4], &err) != 0 ||
	    pin_source_parse(gitconf_get(&conf, "hsm.pinSource"), &l.pin, &err) != 0)
		fail(&err);
	l.ask = (struct agent_ask){ agent_purpose_of(buf_bytes(&payload)), buf_bytes(&payload),
				    argc == 6 ? argv[5] : "", buf_str(&config), "/" };
	r = run(&l, atoi(argv[1]));
	gitconf_free(&conf);
	buf_free(&payload);
	buf_free(&config);
	return r;
}
