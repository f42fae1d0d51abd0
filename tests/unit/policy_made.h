/* A policy out of a text, with one authority that is made for it. */
#ifndef GH_TESTS_POLICY_MADE_H
#define GH_TESTS_POLICY_MADE_H

#include <check.h>

#include "policy/policy.h"
#include "tests/unit/pki.h"

static int read_root(void *ctx, const char *path, size_t max, struct buf *out,
		     struct err *err)
{
	(void)max;
	(void)path;
	(void)err;
	pki_pem(out, (const struct pki_cert *)ctx);
	return 0;
}

static struct policy *parse(const char *text, struct pki_cert *root)
{
	struct policy *p = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(policy_parse(bytes_str(text), "/p", read_root, root, &p, &err) == 0,
		      "%s", err.text);
	return p;
}

#define HEAD "[policy]\nversion = 1\n[trust \"corp\"]\nroots = r\n" \
	     "[signer \"alice\"]\nemail = alice@example.com\ntrust = corp\n"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#endif
