/*
 * How much memory a program has had at most: loaded before it (LD_PRELOAD), it appends the
 * kilobytes to the file that GH_PEAK names when the program ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("GH_PEAK");
	FILE *status = path ? fopen("/proc/self/status", "r") : NULL;
	FILE *out = status ? fopen(path, "a") : NULL;
	char line[256];

	while (out && fgets(line, sizeof(line), status))
		if (strncmp(line, "VmHWM:", 6) == 0)
			fprintf(out, "%lu\n", strtoul(line + 6, NULL, 10));
	if (out)
		fclose(out);
	if (status)
		fclose(status);
}
