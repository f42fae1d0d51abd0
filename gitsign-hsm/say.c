#include "say.h"

#include <stdio.h>

int say_err(const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "gitsign-hsm: %s\n", err->text);
	return err->code;
}

bool say_options(const struct opt_command *cmd, int *argc, char ***argv, int *status)
{
	struct err err = ERR_INIT;
	bool help = false;
	int r = opt_parse(cmd, argc, argv, &help, &err);

	if (r != 0)
		*status = say_err(&err);
	else
		*status = 0;
	return r == 0 && !help;
}
