/* The policy file: what is read, how much may stand in it, its digest, whose the files are. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "tests/unit/policy_text.h"

/* --- what is read ------------------------------------------------------------------------ */

static const char full[] =
	"[policy]\nversion = 1\nserial = 12\n"
	"[rule \"main\"]\nref = refs/heads/main\nref = refs/heads/release/*\ncommits = tip\n"
	"signer = role:two\nsigner = alice\ncommitter = any\nrewind = allow\ndelete = allow\n"
	"keylessUpdate = allow\nmode = report\naccepts = light\nauthor = match\nroots = any\n"
	"[rule \"tags\"]\nref = refs/tags/**\nsigner = anyone\naccepts = light\n"
	"[rule \"any-tags\"]\nref = refs/tags/any/*\nsigner = bob\ntag = any\ntarget = any\n"
	"[rule \"light\"]\nref = refs/tags/light/*\nsigner = bob\ncommits = signed\n"
	"[role \"two\"]\nsigner = bob\nsigner = alice\n"
	"[signer \"alice\"]\nemail = alice@example.com\nemail = alice@example.org\ntrust = corp\n"
	"validFrom = 2026-01-01\nvalidUntil = 2027-01-01T12:00:00Z\n"
	"[signer \"bob\"]\ncertificate = sha256:" COLONS "\nspki = sha256:" HEX64 "\n"
	"email = bob@example.com\n"
	"[trust \"corp\"]\nroots = /etc/ca.pem\n"
	"[algorithms]\nrsaBits = 4096\nkey = rsa\nkey = ed25519\nhash = sha512\n"
	"[limits]\nobjectSize = 2m\ntime = 5m\nrefs = 7\n";

static void check_full_signers(const struct policy *p)
{
	const struct policy_signer *alice = &p->signers[0], *bob = &p->signers[1];

	ck_assert_uint_eq(p->signers_n, 2);
	ck_assert_str_eq(alice->name, "alice");
	ck_assert_uint_eq(alice->emails.n, 2);
	ck_assert_str_eq(alice->emails.v[1], "alice@example.org");
	ck_assert_uint_eq(alice->trusts.n, 1);
	ck_assert_str_eq(alice->trusts.v[0], "corp");
	ck_assert_int_eq(alice->valid_from, 1767225600);
	ck_assert_int_eq(alice->valid_until, 1798804800);
	ck_assert_uint_eq(alice->certs_n + alice->spkis_n, 0);
	ck_assert_uint_eq(bob->certs_n, 1);
	ck_assert_uint_eq(bob->spkis_n, 1);
	ck_assert_uint_eq(bob->certs[0][1], 0x23);
	ck_assert_mem_eq(bob->certs[0], bob->spkis[0], 32);
	ck_assert_int_eq(bob->valid_from, INT64_MIN);
	ck_assert_int_eq(bob->valid_until, INT64_MAX);
}

static void check_full_rules(const struct policy *p)
{
	const struct policy_rule *r = p->rules;

	ck_assert_uint_eq(p->rules_n, 4);
	ck_assert_str_eq(r[0].name, "main");
	ck_assert_uint_eq(r[0].line, 4);
	ck_assert_uint_eq(r[0].refs.n, 2);
	ck_assert_int_eq(r[0].commits, COMMITS_TIP);
	ck_assert(!r[0].anyone && !r[0].committer_match && r[0].allow_rewind && r[0].allow_delete &&
		  r[0].allow_keyless && r[0].report && !r[0].judges_tags);
	ck_assert_uint_eq(r[0].accepts_n, 1);
	ck_assert_uint_eq(r[0].accepts[0], 3);
	ck_assert(r[0].any_root && !r[3].any_root);
	ck_assert_int_eq(r[0].author, AUTHOR_MATCH);
	ck_assert_int_eq(r[3].author, AUTHOR_ANY);
	ck_assert_uint_eq(r[0].signers_n, 2);
	ck_assert_uint_eq(r[0].signers[0], 1); /* bob, as the role has it */
	ck_assert_uint_eq(r[0].signers[1], 0);
	ck_assert(r[1].anyone && r[1].judges_tags && r[1].tags_signed && r[1].committer_match);
	ck_assert(!r[1].allow_rewind && !r[1].allow_delete && !r[1].allow_keyless && !r[1].report);
	ck_assert_int_eq(r[1].commits, COMMITS_SIGNED);
	ck_assert(!r[1].target_any && r[1].accepts_n == 1 && r[1].accepts[0] == 3);
	ck_assert(r[2].judges_tags && !r[2].tags_signed && !r[2].anyone && r[2].target_any);
	ck_assert(!r[3].judges_tags && !r[3].tags_signed);
	ck_assert_int_eq(r[3].commits, COMMITS_SIGNED);
}

START_TEST(values)
{
	struct policy *p;
	struct err err = ERR_INIT;

	ck_assert_msg(parse(full, &p, &err) == 0, "%s", err.text);
	ck_assert_str_eq(p->path, "dir/policy");
	ck_assert_int_eq(p->serial, 12);
	ck_assert(!p->report);
	ck_assert_str_eq(last_path, "/etc/ca.pem");
	ck_assert_str_eq(trust_name_at(p->trust, 0), "corp");
	ck_assert_int_eq(p->limits.rsa_bits, 4096);
	ck_assert(p->limits.kinds[KEY_RSA] && p->limits.kinds[KEY_ED25519]);
	ck_assert(!p->limits.kinds[KEY_P256] && !p->limits.kinds[KEY_OTHER]);
	ck_assert(p->limits.hashes[HASH_SHA512] && !p->limits.hashes[HASH_SHA256]);
	ck_assert_uint_eq(p->object_size, 2 << 20);
	ck_assert_int_eq(p->time, 300);
	ck_assert_uint_eq(p->refs, 7);
	check_full_signers(p);
	check_full_rules(p);
	policy_free(p);
}
END_TEST

START_TEST(defaults)
{
	struct policy *p;
	struct trust_limits l;

	ck_assert_int_eq(parse(BASE RULE, &p, NULL), 0);
	trust_limits_default(&l);
	ck_assert_int_eq(p->serial, 0);
	ck_assert(!p->report);
	ck_assert_uint_eq(p->object_size, 1 << 20);
	ck_assert_int_eq(p->time, 600);
	ck_assert_uint_eq(p->refs, 10000);
	ck_assert_int_eq(p->limits.rsa_bits, l.rsa_bits);
	ck_assert_mem_eq(p->limits.kinds, l.kinds, sizeof(l.kinds));
	ck_assert_mem_eq(p->limits.hashes, l.hashes, sizeof(l.hashes));
	ck_assert_str_eq(last_path, "dir/roots.pem");
	ck_assert(p->rules[0].committer_match && !p->rules[0].judges_tags);
	ck_assert_int_eq(p->rules[0].commits, COMMITS_SIGNED);
	policy_free(p);
}
END_TEST

/* --- bounds -------------------------------------------------------------------------------- */

static void expect_fault(const struct buf *text, const char *words)
{
	struct err err = ERR_INIT;
	struct policy *p;

	ck_assert_int_eq(parse(buf_str(text), &p, &err), ERR_CONFIG);
	ck_assert_msg(strstr(err.text, words), "%s", err.text);
}

static void expect_none(const struct buf *text)
{
	struct err err = ERR_INIT;
	struct policy *p;

	ck_assert_msg(parse(buf_str(text), &p, &err) == 0, "%s", err.text);
	policy_free(p);
}

static void add_many(struct buf *b, const char *section, int from, int until, const char *keys)
{
	for (int i = from; i < until; i++)
		buf_addf(b, "[%s \"n%d\"]\n%s", section, i, keys);
}

START_TEST(bounds)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, POLICY);
	add_many(&b, "trust", 0, 64, "roots = x\n");
	expect_none(&b);
	add_many(&b, "trust", 64, 65, "roots = x\n");
	expect_fault(&b, ": more than 64 [trust] sections");
	b.n = 0;
	buf_add_str(&b, BASE);
	add_many(&b, "role", 0, 1024, "signer = bob\n");
	expect_none(&b);
	add_many(&b, "role", 1024, 1025, "signer = bob\n");
	expect_fault(&b, ": more than 1024 [role] sections");
	b.n = 0;
	buf_add_str(&b, BASE);
	add_many(&b, "revoked", 0, 1024, "spki = sha256:" HEX64 "\n");
	add_many(&b, "key", 0, 1024, "signer = bob\ntrust = corp\n");
	expect_none(&b);
	add_many(&b, "key", 1024, 1025, "signer = bob\ntrust = corp\n");
	expect_fault(&b, ": more than 1024 [key] sections");
	b.n = 0;
	buf_add_str(&b, BASE);
	add_many(&b, "revoked", 0, 1025, "spki = sha256:" HEX64 "\n");
	expect_fault(&b, ": more than 1024 [revoked] sections");
	b.n = 0;
	buf_add_str(&b, POLICY TRUST);
	for (int i = 0; i < 64; i++)
		buf_add_str(&b, "crl = a.crl\n");
	expect_none(&b);
	buf_add_str(&b, "crl = a.crl\n");
	expect_fault(&b, ": more than 64 crl lines");
	b.n = 0;
	buf_add_str(&b, BASE "[rule \"x\"]\nsigner = bob\n");
	for (int i = 0; i < 4096; i++)
		buf_addf(&b, "ref = refs/heads/%d*\n", i);
	expect_none(&b);
	buf_add_str(&b, "ref = refs/heads/x\n");
	expect_fault(&b, ": more than 4096 patterns");
	buf_free(&b);
}
END_TEST

/* What would take hours to compare is refused instead. */
START_TEST(costly_patterns)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, BASE);
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "[rule \"n%d\"]\nsigner = bob\nref = refs/*%0200d\n", i, i);
	expect_fault(&b, ":1: too many patterns with wildcards begin alike");
	buf_free(&b);
}
END_TEST

/* --- digest ---------------------------------------------------------------------------------- */

static void digest_of(const char *text, uint8_t out[32])
{
	struct policy *p;

	ck_assert_int_eq(parse(text, &p, NULL), 0);
	memcpy(out, p->digest, 32);
	policy_free(p);
}

START_TEST(digest)
{
	uint8_t a[32], b[32];
	struct bytes text = BYTES_LIT(BASE);
	uint8_t n[2][8] = { { 0 } }, out[HASH_MAX_SIZE];

	digest_of(BASE, a);
	digest_of(BASE, b);
	ck_assert_mem_eq(a, b, 32);
	digest_of(BASE "; a comment\n", b);
	ck_assert_mem_ne(a, b, 32);
	buf_add_str(&root_pem, "\n");
	digest_of(BASE, b);
	ck_assert_mem_ne(a, b, 32);
	n[0][7] = (uint8_t)text.n;
	n[1][6] = (uint8_t)(root_pem.n >> 8);
	n[1][7] = (uint8_t)root_pem.n;
	ck_assert(alg_digest(HASH_SHA256,
			     (struct bytes[]){ bytes_of(n[0], 8), text, bytes_of(n[1], 8),
					       buf_bytes(&root_pem) },
			     4, out));
	ck_assert_mem_eq(b, out, 32);
	root_pem.n--;
	digest_of(POLICY TRUST "crl = a.crl\n" ALICE BOB, a);
	buf_add_str(&root_crl, "\n");
	digest_of(POLICY TRUST "crl = a.crl\n" ALICE BOB, b);
	ck_assert_mem_ne(a, b, 32);
	root_crl.n--;
}
END_TEST

/* --- files ------------------------------------------------------------------------------------ */

struct place {
	char *dir, *policy, *roots;
};

static void put(const char *path, struct bytes text)
{
	struct err err = ERR_INIT;

	ck_assert_msg(os_file_replace(path, text, 0644, &err) == 0, "%s", err.text);
}

static void place_open(struct place *x)
{
	const char *tmp = getenv("TMPDIR");

	x->dir = xasprintf("%s/gh-policy.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(x->dir));
	x->policy = xasprintf("%s/policy", x->dir);
	x->roots = xasprintf("%s/roots.pem", x->dir);
	put(x->policy, BYTES_LIT(BASE RULE));
	put(x->roots, buf_bytes(&root_pem));
}

static void place_close(struct place *x)
{
	unlink(x->policy);
	unlink(x->roots);
	rmdir(x->dir);
	free(x->policy);
	free(x->roots);
	free(x->dir);
}

static void expect_load(const struct place *x, const char *fault)
{
	struct policy *p = NULL;
	struct err err = ERR_INIT;
	int rc = policy_load(x->policy, &p, &err);

	ck_assert_msg(rc == (fault ? ERR_CONFIG : 0), "%d: %s", rc, err.text);
	ck_assert_msg(!fault || strstr(err.text, fault), "%s lacks: %s", err.text, fault);
	ck_assert((p != NULL) == !fault);
	policy_free(p);
}

static void expect_draft(const struct place *x, bool good)
{
	struct policy *p = NULL;

	ck_assert_int_eq(policy_load_draft(x->policy, &p, NULL), good ? 0 : ERR_CONFIG);
	policy_free(p);
}

START_TEST(trusted_files)
{
	const char *fault = "chmod go-w";
	struct place x;

	place_open(&x);
	expect_load(&x, NULL);
	expect_draft(&x, true);
	for (int i = 0; i < 3; i++) {
		const char *what = i == 0 ? x.policy : i == 1 ? x.roots : x.dir;

		ck_assert_int_eq(chmod(what, i == 2 ? 0777 : 0664), 0);
		expect_load(&x, fault);
		expect_draft(&x, true);
		ck_assert_int_eq(chmod(what, i == 2 ? 0700 : 0644), 0);
		expect_load(&x, NULL);
	}
	unlink(x.roots);
	expect_load(&x, "policy:4: ");
	expect_draft(&x, false);
	ck_assert_int_eq(mkfifo(x.roots, 0600), 0);
	expect_load(&x, "not a regular file");
	expect_draft(&x, false);
	unlink(x.policy);
	expect_load(&x, x.policy);
	expect_draft(&x, false);
	place_close(&x);
}
END_TEST

START_TEST(file_sizes)
{
	struct buf big = BUF_INIT;
	struct place x;

	place_open(&x);
	buf_add_str(&big, BASE RULE);
	while (big.n < POLICY_TEXT_MAX)
		buf_add_byte(&big, '\n');
	put(x.policy, buf_bytes(&big));
	expect_load(&x, NULL);
	buf_add_byte(&big, '\n');
	put(x.policy, buf_bytes(&big));
	expect_load(&x, x.policy);
	put(x.policy, BYTES_LIT(BASE RULE));
	put(x.roots, buf_bytes(&big));
	expect_load(&x, "policy:4: ");
	buf_free(&big);
	place_close(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_file");
	TCase *t = tcase_create("file");

	policy_text_open();
	tcase_add_test(t, values);
	tcase_add_test(t, defaults);
	tcase_add_test(t, bounds);
	tcase_add_test(t, costly_patterns);
	tcase_add_test(t, digest);
	tcase_add_test(t, trusted_files);
	tcase_add_test(t, file_sizes);
	suite_add_tcase(s, t);
	return policy_text_run(s);
}
