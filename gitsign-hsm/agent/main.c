/*
 * gitsign-hsm agent: keeps a token's session open between signatures.
 *
 * Starts by itself when hsm.agent is auto, holds a lock so that only one runs, and
 * ends when nobody has asked for a while: with it everything that it knew.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "base/opt.h"
#include "base/os.h"
#include "base/wire.h"
#include "keeper.h"

static int control(const char *verb, const char *argument, struct err *err)
{
	struct buf out = BUF_INIT;
	int r = agent_control(verb, argument, &out, err);

	if (r == 0 && out.n > 0)
		fputs(buf_str(&out), stdout);
	buf_free(&out);
	return r;
}

/* Nobody sees our standard error: what went wrong goes to whoever started us. */
static int started_by_client(void)
{
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT;
	int r = server_run(true, &err);

	if (r != 0) {
		wire_put_u32(&b, (uint32_t)r);
		wire_put_text(&b, err.text);
		(void)agent_send(READY_FD, buf_bytes(&b), 1000, NULL);
		buf_free(&b);
	}
	return r;
}

static bool json;
static const struct opt options[] = {
	{ 0, "json", NULL, "status: one JSON object", OPT_FLAG, &json },
	{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
};
static const struct opt_command command = {
	"gitsign-hsm agent [status [--json] | lock | unlock | stop]",
	"Keeps the session with a token open, so that a PIN is asked for once. Runs in the "
	"foreground; hsm.agent = auto starts it by itself.",
	options,
	NULL,
	0,
	1,
};

static int run_verb(const char *verb, struct err *err)
{
	static const char *const verbs[] = { "status", "lock", "unlock", "stop" };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verb, verbs[i]) == 0 && (i == 0 || !json))
			return control(verb, json ? "json" : "", err);
	return err_set(err, ERR_USAGE, "usage: %s", command.usage);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	bool help = false;
	int r;

	os_start();
	if (argc == 2 && strcmp(argv[1], "--worker") == 0)
		return worker_main();
	if (argc == 2 && strcmp(argv[1], "--started") == 0)
		return started_by_client();
	r = opt_parse(&command, &argc, &argv, &help, &err);
	if (r == 0 && help)
		return os_stdout_end("gitsign-hsm", 0);
	if (r == 0 && argc == 0 && !json)
		r = server_run(false, &err);
	else if (r == 0)
		r = run_verb(argc > 0 ? argv[0] : "", &err);
	if (r != 0)
		fprintf(stderr, "gitsign-hsm: %s\n", err.text);
	return os_stdout_end("gitsign-hsm", r);
}
