/*
 * floor serve MODULE TOKEN PIN-FILE pkcs11:...;id=%XX SOCKET: a daemon that has a token open, and
 * signs with its P-256 key for whoever connects, one at a time: C_SignInit, C_Sign, no question.
 * floor ... < DATA: has the daemon at $FLOOR_SOCKET sign, and writes what git calls a signature.
 *
 * The least that an agent with this token can cost: what it costs more is our own doing.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/tools/p11.h"

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static void sign_for(int fd, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	unsigned char data[32] = { 0 }, sig[256];
	CK_ULONG n = sizeof(sig);

	if (recv(fd, data, sizeof(data), MSG_WAITALL) != sizeof(data))
		return;
	must(fn->C_SignInit(session, &mechanism, key), "C_SignInit");
	must(fn->C_Sign(session, data, sizeof(data), sig, &n), "C_Sign");
	(void)!send(fd, sig, n, MSG_NOSIGNAL);
}

static int serve(char **argv)
{
	struct sockaddr_un a = address(argv[6]);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;

	load(argv[2]);
	session = login(find_slot(argv[3]), 0, argv[4]);
	key = find_key(session, argv[5]);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(listener, 16) != 0)
		die("listening");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		sign_for(fd, session, key);
		close(fd);
	}
}

static void put(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("writing");
}

static int ask(const char *path)
{
	struct sockaddr_un a = address(path != NULL ? path : "");
	unsigned char some[4096], sig[256];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)read_file(0, some, sizeof(some));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    send(fd, some, 32, MSG_NOSIGNAL) != 32 || recv(fd, sig, sizeof(sig), 0) != 64)
		die("asking");
	put(1, "-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n");
	put(2, "[GNUPG:] BEGIN_SIGNING H8\n[GNUPG:] SIG_CREATED D 19 8 00 0 0\n");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "serve") == 0)
		return serve(argv);
	return ask(getenv("FLOOR_SOCKET"));
}
