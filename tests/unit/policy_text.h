/*
 * Policy files for tests: texts that are good, on which cases go on, and policy_parse() with
 * a reader that needs no files: "missing" cannot be opened, "broken" holds no certificate,
 * what ends in .crl is root_crl and all else root_pem.
 */
#ifndef GH_TESTS_POLICY_TEXT_H
#define GH_TESTS_POLICY_TEXT_H

#include <check.h>
#include <string.h>

#include "policy/file_internal.h"
#include "tests/unit/crl_make.h"
#include "tests/unit/pki.h"

static struct buf root_pem = BUF_INIT, root_crl = BUF_INIT;
static char last_path[256]; /* that was read last */

static int read_root(void *ctx, const char *path, size_t max, struct buf *out, struct err *err)
{
	(void)max;
	(void)ctx;
	snprintf(last_path, sizeof(last_path), "%s", path);
	if (strstr(path, "missing"))
		return err_set(err, ERR_CONFIG, "cannot open %s", path);
	if (strstr(path, "broken"))
		buf_add_str(out, "no certificate\n");
	else if (strstr(path, ".crl"))
		buf_add_bytes(out, buf_bytes(&root_crl));
	else
		buf_add_bytes(out, buf_bytes(&root_pem));
	return 0;
}

static int parse(const char *text, struct policy **p, struct err *err)
{
	*p = NULL;
	return policy_parse(bytes_str(text), "dir/policy", read_root, NULL, p, err);
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define COLONS                                                                                    \
	"01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:" \
	"AB:CD:EF"

/* Lines 1 to 10, on which the cases go on. */
#define POLICY "[policy]\nversion = 1\n"
#define TRUST "[trust \"corp\"]\nroots = roots.pem\n"
#define ALICE "[signer \"alice\"]\nemail = alice@example.com\ntrust = corp\n"
#define BOB "[signer \"bob\"]\nemail = bob@example.com\ntrust = corp\n"
#define BASE POLICY TRUST ALICE BOB
#define DOMAIN POLICY TRUST "emailDomain = example.com\n" ALICE BOB
#define RULE_X "[rule \"x\"]\nref = refs/heads/x\nsigner = bob\n"
#define RULE_Y "[rule \"y\"]\nref = refs/heads/y\nsigner = bob\n"
#define RULE_T "[rule \"t\"]\nref = refs/tags/t\nsigner = bob\ntarget = any\n"
#define RULE_TA "[rule \"t\"]\nref = refs/tags/t\nsigner = bob\n"
#define RULE "[rule \"main\"]\nref = refs/heads/main\nsigner = alice\n"

static void policy_text_open(void)
{
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct buf der = BUF_INIT;

	pki_pem(&root_pem, &root);
	crl_make(&(struct crl_spec){ .reason = -1 }, &root, NULL, &der);
	pem_write(&root_crl, PEM_CRL, buf_bytes(&der));
	buf_free(&der);
	pki_free(&root);
}

/* Runs the suite, and frees what was opened: the program's exit status. */
static int policy_text_run(Suite *s)
{
	SRunner *sr = srunner_create(s);
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	buf_free(&root_pem);
	buf_free(&root_crl);
	return failed != 0;
}

#endif
