/* A resolver that never answers: loaded before a program (LD_PRELOAD), it holds who asks for a name. */
#include <netdb.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)res;
	for (;;)
		pause();
}
