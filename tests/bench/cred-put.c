/*
 * cred-put URL TOKEN [SOCKET]: an access token as git-credential-hsm keeps it for the URL's
 * profile: the frame on standard output, for `credential-keyring store`; or into the
 * session's memory, when SOCKET is named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/gitconf.h"
#include "base/os.h"
#include "base/rundir.h"
#include "cred/profile.h"
#include "cred/tokens.h"
#include "cred/wire.h"

static void must(int r, const struct err *err)
{
	if (r == 0)
		return;
	fprintf(stderr, "cred-put: %s\n", err->text);
	exit(1);
}

static void name(const char *url, struct buf *id)
{
	struct gitconf conf = GITCONF_INIT;
	struct cred_profile p;
	struct cred_url target;
	struct err err = ERR_INIT;
	bool found = false;

	must(gitconf_load(&conf, &err), &err);
	must(cred_url_parse(url, &target, &err), &err);
	must(cred_profile_find(&conf, &target, &p, &found, &err), &err);
	must(found ? 0 : err_set(&err, ERR_USAGE, "no profile for %s", url), &err);
	cred_profile_id(id, &p);
	buf_add_byte(id, 0);
	cred_profile_request_id(id, &p, &target);
}

int main(int argc, char **argv)
{
	struct cred_tokens t = CRED_TOKENS_NONE;
	struct secret text = SECRET_NONE, frame = SECRET_NONE;
	struct cred_frame f = { .code = CRED_ASK_SAVE };
	struct buf id = BUF_INIT;
	struct err err = ERR_INIT;
	int fd = STDOUT_FILENO;

	if (argc < 3)
		return 2;
	name(argv[1], &id);
	secret_add_str(&t.access, argv[2]);
	t.issued = os_now();
	t.expires = t.issued + 3600;
	t.username = xstrdup("oauth2");
	must(cred_tokens_format(&text, &t, &err), &err);
	f.id = buf_bytes(&id);
	f.body = bytes_of(text.p, text.n);
	cred_frame_write(&frame, &f);
	if (argc > 3)
		must(rundir_connect(argv[3], &fd, &err), &err);
	must(os_write_all(fd, bytes_of(frame.p, frame.n), "the frame", &err), &err);
	if (argc > 3)
		must(cred_frame_read(fd, 10000, &text, &f, &err), &err);
	return 0;
}
