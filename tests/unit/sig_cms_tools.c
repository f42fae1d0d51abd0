/* CMS, second opinions: openssl cms and gpgsm read what we write, and we what they do. */
#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/proc.h"
#include "base/text.h"
#include "tests/unit/cms_judge.h"

static char dir[] = "/tmp/gh-cms.XXXXXX";

/* --- files and programs ---------------------------------------------------------------- */

static const char *path_of(const char *name)
{
	static char paths[4][PATH_MAX];
	static int i;

	i = (i + 1) % 4;
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, name);
	return paths[i];
}

static void put_file(const char *name, struct bytes v)
{
	struct err err = ERR_INIT;

	ck_assert_msg(os_file_replace(path_of(name), v, 0600, &err) == 0, "%s", err.text);
}

static void get_file(const char *name, struct buf *out)
{
	struct err err = ERR_INIT;

	ck_assert_msg(os_file_read(path_of(name), OS_FILE_ANY, 1 << 20, out, &err) == 0, "%s",
		      err.text);
}

/* Runs it in `dir`, away from the user's configuration. */
static int run(const char *const *argv, struct bytes input, struct buf *errors)
{
	char home[PATH_MAX], gnupg[PATH_MAX], path[4096];
	const char *env[] = { home, gnupg, path, "LC_ALL=C", NULL };
	struct proc_opts opts = { .input = input, .env = env, .dir = dir, .errors = errors };
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int status = -1;

	snprintf(home, sizeof(home), "HOME=%s", dir);
	snprintf(gnupg, sizeof(gnupg), "GNUPGHOME=%s/gnupg", dir);
	snprintf(path, sizeof(path), "PATH=%s", getenv("PATH"));
	ck_assert_msg(proc_run(argv, &opts, &out, &status, &err) == 0, "%s: %s", argv[0],
		      err.text);
	buf_free(&out);
	return status;
}

static void must_run(const char *const *argv, struct bytes input)
{
	struct buf errors = BUF_INIT;
	int status = run(argv, input, &errors);

	ck_assert_msg(status == 0, "%s %s: %d: %s", argv[0], argv[1], status, buf_str(&errors));
	buf_free(&errors);
}

static void put_cert(const char *name, const struct pki_cert *c)
{
	struct buf pem = BUF_INIT;

	pki_pem(&pem, c);
	put_file(name, buf_bytes(&pem));
	buf_free(&pem);
}

static void put_key(const char *name, EVP_PKEY *key)
{
	FILE *f = fopen(path_of(name), "w");

	ck_assert(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) && fclose(f) == 0);
}

/* --- openssl cms ------------------------------------------------------------------------- */

/* OpenSSL 3.0 does no CMS with Ed25519. */
static const char *const key_kinds[] = { "rsa:2048", "rsa:3072", "ec:P-256", "ec:P-384", "ec:P-521" };

static int openssl_verify(const char *sig, bool certfile)
{
	const char *argv[20] = { "openssl", "cms",	"-verify",  "-binary", "-inform",
				 "DER",	    "-in",	sig,	    "-content", "payload",
				 "-out",    "/dev/null", "-noverify", "-purpose", "any" };

	if (certfile) {
		argv[15] = "-certfile";
		argv[16] = "leaf.crt";
	}
	return run(argv, BYTES_NONE, NULL);
}

START_TEST(openssl_reads_ours)
{
	struct pki_cert leaf = pki_make(&(struct pki_spec){ .key = key_kinds[_i] }, &root, false);
	struct buf der = BUF_INIT, bare = BUF_INIT;
	struct forge f = forge_of(&leaf, PAYLOAD);

	put_file("payload", PAYLOAD);
	put_cert("leaf.crt", &leaf);
	pki_sign(&leaf, NULL, 0, PAYLOAD, &der);
	put_file("ours", buf_bytes(&der));
	ck_assert_int_eq(openssl_verify("ours", false), 0);
	ck_assert_int_eq(openssl_verify("ours", true), 0);
	f.flags = FORGE_NO_BAG; /* only with the certificate from elsewhere */
	forge(&bare, &f);
	put_file("bare", buf_bytes(&bare));
	ck_assert_int_ne(openssl_verify("bare", false), 0);
	ck_assert_int_eq(openssl_verify("bare", true), 0);
	put_file("payload", BYTES_LIT("other\n"));
	ck_assert_int_ne(openssl_verify("ours", true), 0);
	buf_free(&der);
	buf_free(&bare);
	pki_free(&leaf);
}
END_TEST

static const struct {
	const char *args[4];
	int code;
	const char *word;
} theirs[] = {
	{ { "-outform", "DER" }, 0, NULL },
	{ { "-cades" }, 0, NULL },
	{ { "-nosmimecap" }, 0, NULL },
	{ { "-cades", "-nosmimecap" }, 0, NULL },
	{ { "-md", "sha384" }, 0, NULL },
	{ { "-md", "sha512", "-cades" }, 0, NULL },
	{ { "-nocerts" }, 0, NULL },
	{ { "-certfile", "root.crt" }, 0, NULL },
	{ { "-md", "sha1" }, ERR_INPUT, "digest algorithm" },
	{ { "-noattr" }, ERR_INPUT, "no signed attributes" },
	{ { "-keyid" }, ERR_INPUT, "version 1" },
	{ { "-nodetach" }, ERR_INPUT, "detached" },
};

static void openssl_sign(const struct pki_cert *leaf, const char *const *args, struct buf *der)
{
	const char *argv[24] = { "openssl", "cms",     "-sign",	   "-binary",  "-outform",
				 "DER",	    "-in",     "payload",  "-signer",  "leaf.crt",
				 "-inkey",  "leaf.key", "-out",	   "theirs" };

	for (int i = 0; i < 4 && args[i]; i++)
		argv[14 + i] = args[i];
	put_file("payload", PAYLOAD);
	put_cert("leaf.crt", leaf);
	put_cert("root.crt", &root);
	put_key("leaf.key", leaf->key);
	must_run(argv, BYTES_NONE);
	get_file("theirs", der);
}

START_TEST(we_read_openssl)
{
	const struct pki_cert *leaves[] = { &ec, &rsa };

	for (int k = 0; k < 2; k++) {
		struct buf der = BUF_INIT;

		openssl_sign(leaves[k], theirs[_i].args, &der);
		if (theirs[_i].code == 0) {
			good(buf_bytes(&der), leaves[k]);
			refused(buf_bytes(&der), &other, ERR_BAD, "");
		} else {
			refused(buf_bytes(&der), leaves[k], theirs[_i].code, theirs[_i].word);
		}
		buf_free(&der);
	}
}
END_TEST

START_TEST(we_read_openssl_curves)
{
	struct pki_cert leaf = pki_make(&(struct pki_spec){ .key = key_kinds[_i] }, &root, false);
	const char *const args[4] = { "-cades" };
	struct buf der = BUF_INIT;

	openssl_sign(&leaf, args, &der);
	good(buf_bytes(&der), &leaf);
	buf_free(&der);
	pki_free(&leaf);
}
END_TEST

/* A second signer, put there by OpenSSL. */
START_TEST(openssl_resigned)
{
	static const char *const argv[] = { "openssl",	"cms",	  "-resign",   "-inform", "DER",
					    "-in",	"theirs", "-signer",   "leaf.crt", "-inkey",
					    "leaf.key", "-outform", "DER",     "-binary", "-md",
					    "sha256",	"-out",	  "resigned", NULL };
	const char *const args[4] = { "-md", "sha256" };
	struct buf der = BUF_INIT, resigned = BUF_INIT;

	openssl_sign(&rsa, args, &der);
	good(buf_bytes(&der), &rsa);
	put_cert("leaf.crt", &ec);
	put_key("leaf.key", ec.key);
	must_run(argv, BYTES_NONE);
	get_file("resigned", &resigned);
	refused(buf_bytes(&resigned), &rsa, ERR_INPUT, "more than one SignerInfo");
	buf_free(&der);
	buf_free(&resigned);
}
END_TEST

/* --- gpgsm ----------------------------------------------------------------------------------- */

/* gpgsm reads nothing but the old ciphers out of PKCS#12. */
static void put_p12(const char *name, const struct pki_cert *c)
{
	OSSL_PROVIDER *legacy = OSSL_PROVIDER_load(NULL, "legacy");
	OSSL_PROVIDER *normal = OSSL_PROVIDER_load(NULL, "default");
	PKCS12 *p12 = PKCS12_create("x", "key", c->key, c->x, NULL,
				    NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
				    NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 2048, 2048, 0);
	FILE *f = fopen(path_of(name), "w");

	ck_assert(p12 && f && i2d_PKCS12_fp(f, p12) > 0 && fclose(f) == 0);
	PKCS12_free(p12);
	if (legacy)
		OSSL_PROVIDER_unload(legacy);
	OSSL_PROVIDER_unload(normal);
}

static void gpgsm_home(const struct pki_cert *ca)
{
	struct buf trust = BUF_INIT;
	unsigned char md[20];
	unsigned n = sizeof(md);

	ck_assert(mkdir(path_of("gnupg"), 0700) == 0 && X509_digest(ca->x, EVP_sha1(), md, &n));
	text_hex(&trust, bytes_of(md, n), true);
	buf_add_str(&trust, " S relax\n");
	put_file("gnupg/trustlist.txt", buf_bytes(&trust));
	put_file("gnupg/gpg-agent.conf", BYTES_LIT("allow-loopback-pinentry\n"));
	put_file("gnupg/gpgsm.conf", BYTES_LIT("batch\ndisable-crl-checks\nno-secmem-warning\n"
					       "pinentry-mode loopback\npassphrase-fd 0\n"));
	put_file("gnupg/dirmngr.conf", BYTES_LIT("disable-http\ndisable-ldap\n"));
	put_cert("root.crt", ca);
	buf_free(&trust);
}

#define GPGSM(...) must_run((const char *const[]){ "gpgsm", __VA_ARGS__, NULL }, BYTES_LIT("x\n"))

static bool gpgsm_takes(const char *sig, const char *payload)
{
	const char *argv[] = { "gpgsm", "--verify", sig, payload, NULL };

	return run(argv, BYTES_NONE, NULL) == 0;
}

static void end_agents(void)
{
	const char *argv[] = { "gpgconf", "--kill", "all", NULL };

	run(argv, BYTES_NONE, NULL);
}

static void gpgsm_signs(const struct pki_cert *leaf)
{
	struct buf der = BUF_INIT;
	struct cms c;

	GPGSM("--detach-sign", "-o", "theirs", "payload");
	get_file("theirs", &der);
	good(buf_bytes(&der), leaf);
	ck_assert_int_eq(cms_parse(buf_bytes(&der), &c, NULL), 0);
	ck_assert(c.own.n > 0 && !c.has_ess && c.has_signing_time);
	ck_assert_int_eq(cms_signer_index(&c), 0);
	ck_assert(bytes_eq(c.certs[0], buf_bytes(&leaf->der)));
	cms_free(&c);
	put_file("other", BYTES_LIT("other\n"));
	ck_assert(gpgsm_takes("theirs", "payload") && !gpgsm_takes("theirs", "other"));
	buf_free(&der);
}

static void gpgsm_reads(const struct pki_cert *ca, const char *kind)
{
	struct pki_spec spec = { .key = kind, .from = -400, .until = 400 };
	struct pki_cert leaf = pki_make(&spec, ca, false);
	struct buf der = BUF_INIT;

	pki_sign(&leaf, NULL, 0, PAYLOAD, &der);
	put_file("ours", buf_bytes(&der));
	ck_assert_msg(gpgsm_takes("ours", "payload"), "%s", kind);
	ck_assert_msg(!gpgsm_takes("ours", "other"), "%s", kind);
	buf_free(&der);
	pki_free(&leaf);
}

/*
 * gpgsm 2.2 takes EC keys from cards only: it signs with RSA, and reads both; but no
 * signature by P-521, whoever made it.
 */
START_TEST(gpgsm)
{
	struct pki_spec spec = { .cn = "Wide", .from = -400, .until = 400 };
	struct pki_cert ca = pki_make(&spec, NULL, true), leaf;

	spec = (struct pki_spec){ .key = "rsa:2048", .from = -400, .until = 400 };
	leaf = pki_make(&spec, &ca, false);
	put_file("payload", PAYLOAD);
	gpgsm_home(&ca);
	put_p12("leaf.p12", &leaf);
	GPGSM("--import", "root.crt");
	GPGSM("--import", "leaf.p12");
	gpgsm_signs(&leaf);
	for (int i = 0; i < N(key_kinds) - 1; i++)
		gpgsm_reads(&ca, key_kinds[i]);
	pki_free(&leaf);
	pki_free(&ca);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sig/cms tools");
	TCase *tc = tcase_create("openssl"), *g = tcase_create("gpgsm");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, openssl_reads_ours, 0, N(key_kinds));
	tcase_add_loop_test(tc, we_read_openssl, 0, N(theirs));
	tcase_add_loop_test(tc, we_read_openssl_curves, 0, N(key_kinds));
	tcase_add_test(tc, openssl_resigned);
	suite_add_tcase(s, tc);
	tcase_set_timeout(g, 180);
	tcase_add_unchecked_fixture(g, NULL, end_agents);
	tcase_add_test(g, gpgsm);
	suite_add_tcase(s, g);
	return s;
}

int main(void)
{
	const char *const rm[] = { "rm", "-rf", dir, NULL };
	struct proc_opts opts = { .output_max = 0 };
	struct buf out = BUF_INIT;
	int failed, status;

	if (!mkdtemp(dir))
		return 1;
	failed = run_suite(suite());
	if (proc_run(rm, &opts, &out, &status, NULL) != 0 || status != 0)
		failed = 1;
	buf_free(&out);
	return failed;
}
