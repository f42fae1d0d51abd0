/* Whose a signature is, and what that one may sign and push. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/file_internal.h"
#include "tests/unit/policy_made.h"
#include "tests/unit/world.h"

/* --- signers ------------------------------------------------------------------------------- */

struct people {
	struct world w;
	struct policy *p;
	struct verdict v;
	char why[256];
};

/* %C and %S in the text: the digests of the leaf and of its key. */
static void fill(struct buf *out, const char *text, const struct cert *c)
{
	for (; *text; text++) {
		bool cert = strncmp(text, "%C", 2) == 0, spki = strncmp(text, "%S", 2) == 0;

		if (!cert && !spki) {
			buf_add_byte(out, (uint8_t)*text);
			continue;
		}
		buf_add_str(out, "sha256:");
		text_hex(out, bytes_of(cert ? c->sha256 : c->spki_sha256, 32), spki);
		text++;
	}
}

static void meet_people(struct people *x, const char *text, const struct wcase *c)
{
	struct buf filled = BUF_INIT;

	world_open(&x->w, c);
	ck_assert_ptr_nonnull(x->w.v.cert);
	fill(&filled, text, x->w.v.cert);
	x->p = parse(buf_str(&filled), &x->w.root);
	judge(x->p->trust, PAYLOAD, &x->w.der, PKI_NOW, &x->v);
	buf_free(&filled);
	x->why[0] = '\0';
}

static void part(struct people *x)
{
	policy_free(x->p);
	world_close(&x->w);
}

#define TOP "[policy]\nversion = 1\n[trust \"corp\"]\nroots = r\n"
#define ALICE "[signer \"alice\"]\nemail = alice@example.com\ntrust = corp\n"

static const struct {
	const char *text, *san, *signer, *why;
} owners[] = {
	{ TOP ALICE, NULL, "alice", NULL },
	{ TOP ALICE, "email:alice@EXAMPLE.com", "alice", NULL },
	{ TOP ALICE, "email:Alice@example.com", NULL, "belongs to no signer" },
	{ TOP ALICE, "email:bob@example.com", NULL, "its e-mail: bob@example.com" },
	{ TOP ALICE, "", NULL, "belongs to no signer of the policy" },
	{ TOP ALICE, "email:bob@example.com,email:alice@example.com", "alice", NULL },
	{ TOP "[signer \"key\"]\ncertificate = %C\n", "", "key", NULL },
	{ TOP "[signer \"key\"]\nspki = %S\n", "", "key", NULL },
	{ TOP "[signer \"key\"]\nspki = %C\n", "", NULL, "no signer" },
	{ TOP "[signer \"key\"]\ncertificate = %S\n", "", NULL, "no signer" },
	/* An e-mail without trust admits nothing by itself. */
	{ TOP "[signer \"key\"]\nemail = alice@example.com\ncertificate = %S\n", NULL, NULL,
	  "no signer" },
	{ TOP "[signer \"key\"]\nemail = alice@example.com\ncertificate = %C\n", NULL, "key", NULL },
	/* The same certificate by address and by digest. */
	{ TOP ALICE "[signer \"key\"]\nspki = %S\n", NULL, NULL, "two signers: alice and key" },
	{ TOP ALICE "[signer \"key\"]\nspki = %S\n", "email:bob@example.com", "key", NULL },
	{ TOP ALICE "[signer \"key\"]\nspki = %S\nvalidUntil = 2027-01-15\n", NULL, "alice", NULL },
	{ TOP ALICE "[signer \"bob\"]\nemail = bob@example.com\ntrust = corp\n",
	  "email:bob@example.com,email:alice@example.com", NULL, "two signers: alice and bob" },
	/* The window: from inclusive, until exclusive, at 08:00:00. */
	{ TOP ALICE "validFrom = 2027-01-15T08:00:00Z\n", NULL, "alice", NULL },
	{ TOP ALICE "validFrom = 2027-01-15T08:00:01Z\n", NULL, NULL,
	  "signer alice is not valid before 2027-01-15T08:00:01Z" },
	{ TOP ALICE "validUntil = 2027-01-15T08:00:01Z\n", NULL, "alice", NULL },
	{ TOP ALICE "validUntil = 2027-01-15T08:00:00Z\n", NULL, NULL,
	  "signer alice is not valid any more since 2027-01-15T08:00:00Z" },
	/* One after the other. */
	{ TOP ALICE "validUntil = 2027-01-15T08:00:00Z\n"
	  "[signer \"alice2\"]\nemail = alice@example.com\ntrust = corp\n"
	  "validFrom = 2027-01-15T08:00:00Z\n", NULL, "alice2", NULL },
	/* [key]: every line has to hold. */
	{ TOP "[signer \"a\"]\n[key \"k\"]\nsigner = a\nspki = %S\n", "", "a", NULL },
	{ TOP "[signer \"a\"]\n[signer \"b\"]\nspki = %C\n[key \"k\"]\nsigner = a\nspki = %S\n", "",
	  "a", NULL },
	{ TOP "[signer \"a\"]\n[key \"k\"]\nsigner = a\nspki = %C\n", "", NULL, "no signer" },
	{ TOP "[signer \"a\"]\n[key \"k\"]\nsigner = a\nspki = %S\ncertificate = %C\n", "", "a",
	  NULL },
	{ TOP "[signer \"a\"]\n[key \"k\"]\nsigner = a\nspki = %S\ncertificate = %S\n", "", NULL,
	  "no signer" },
	{ TOP "[signer \"a\"]\nemail = alice@example.com\n[key \"k\"]\nsigner = a\nspki = %S\n"
	  "trust = corp\n", NULL, "a", NULL },
	{ TOP "[signer \"a\"]\nemail = alice@example.com\n[key \"k\"]\nsigner = a\nspki = %S\n"
	  "trust = corp\n", "email:bob@example.com", NULL, "no signer" },
	{ TOP "[signer \"a\"]\n[key \"k\"]\nsigner = a\nspki = %S\n"
	  "validUntil = 2027-01-15T08:00:01Z\n", "", "a", NULL },
	{ TOP "[signer \"a\"]\n[key \"k\"]\nsigner = a\nspki = %S\n"
	  "validUntil = 2027-01-15T08:00:00Z\n", "", NULL, "key k is not valid any more since" },
	{ TOP "[signer \"a\"]\n[key \"k\"]\nsigner = a\nspki = %S\n"
	  "validFrom = 2027-01-15T08:00:00Z\n", "", "a", NULL },
	{ TOP "[signer \"a\"]\n[key \"k\"]\nsigner = a\nspki = %S\n"
	  "validFrom = 2027-01-15T08:00:01Z\n", "", NULL, "key k is not valid before" },
	{ TOP "[signer \"a\"]\nvalidUntil = 2027-01-15\n[key \"k\"]\nsigner = a\nspki = %S\n", "",
	  NULL, "signer a is not valid any more" },
};

/* [revoked]: the verdict says so, before anybody asks whose the key is. */
static const struct {
	const char *text, *why; /* NULL: good */
} revocations[] = {
	{ "spki = %S\n", "the key of certificate /CN=Alice is revoked (revoked \"x\")" },
	{ "spki = %C\n", NULL },
	{ "certificate = %C\n", "certificate /CN=Alice is revoked (revoked \"x\")" },
	{ "certificate = %S\n", NULL },
	{ "spki = %S\nsince = 2027-01-15T08:00:00Z\nreason = superseded\n",
	  "is revoked since 2027-01-15T08:00:00Z (superseded, revoked \"x\")" },
	{ "spki = %S\nsince = 2027-01-15T08:00:01Z\n", NULL },
};

START_TEST(revoked)
{
	struct wcase c = { "revoked", ROOT };
	struct buf text = BUF_INIT;
	struct people x;

	buf_addf(&text, "%s[revoked \"x\"]\n%s", TOP ALICE, revocations[_i].text);
	meet_people(&x, buf_str(&text), &c);
	if (revocations[_i].why)
		expect(&x.v, VERDICT_REVOKED, revocations[_i].why);
	else
		expect(&x.v, GOOD);
	part(&x);
	buf_free(&text);
}
END_TEST

START_TEST(owner)
{
	struct wcase c = { "owner", ROOT, .leaf = { .san = owners[_i].san } };
	const struct policy_signer *s;
	struct people x;

	meet_people(&x, owners[_i].text, &c);
	expect(&x.v, GOOD);
	s = policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why));
	if (owners[_i].signer) {
		ck_assert_msg(s, "%d: %s", _i, x.why);
		ck_assert_str_eq(s->name, owners[_i].signer);
	} else {
		ck_assert_msg(!s, "%d: %s", _i, s ? s->name : "");
		ck_assert_msg(strstr(x.why, owners[_i].why), "%d: %s", _i, x.why);
	}
	part(&x);
}
END_TEST

/* Only a good verdict has an owner, and each name of trust stands for itself. */
START_TEST(owner_needs_good)
{
	static const char two[] = TOP "[trust \"other\"]\nroots = r\n"
		"[signer \"alice\"]\nemail = alice@example.com\ntrust = other\n";
	struct people x;

	meet_people(&x, two, &plain);
	ck_assert_ptr_nonnull(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
	x.v.trust_set = 1; /* corp alone */
	ck_assert_ptr_null(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
	x.v.trust_set = 2;
	ck_assert_ptr_nonnull(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
	for (int level = VERDICT_BAD; level < VERDICT_GOOD; level++) {
		x.v.level = (enum verdict_level)level;
		ck_assert_ptr_null(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
		ck_assert_str_eq(x.why, "the signature is not good");
	}
	part(&x);
	meet_people(&x, TOP "[trust \"other\"]\nroots = r\n"
		    "[signer \"a\"]\nemail = alice@example.com\n[key \"k\"]\nsigner = a\ntrust = other\n", &plain);
	ck_assert_ptr_nonnull(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
	x.v.trust_set = 1;
	ck_assert_ptr_null(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
	part(&x);
}
END_TEST

START_TEST(malformed_email)
{
	struct people x;
	struct cert copy;

	meet_people(&x, TOP ALICE, &plain);
	copy = *x.v.cert;
	x.v.cert = &copy;
	ck_assert_ptr_nonnull(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
	copy.emails_malformed = true;
	ck_assert_ptr_null(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
	part(&x);
	meet_people(&x, TOP "[signer \"key\"]\ncertificate = %C\n", &plain);
	copy = *x.v.cert;
	copy.emails_malformed = true;
	x.v.cert = &copy;
	ck_assert_ptr_nonnull(policy_signer_of(x.p, &x.v, PKI_NOW, x.why, sizeof(x.why)));
	part(&x);
}
END_TEST

START_TEST(allows)
{
	static const char text[] = HEAD
		"[signer \"bob\"]\nemail = bob@example.com\ntrust = corp\n"
		"[signer \"carol\"]\nemail = carol@example.com\ntrust = corp\n"
		"[role \"two\"]\nsigner = bob\nsigner = alice\n"
		"[rule \"one\"]\nref = refs/heads/a\nsigner = bob\n"
		"[rule \"role\"]\nref = refs/heads/b\nsigner = role:two\nsigner = alice\n"
		"[rule \"all\"]\nref = refs/heads/c\nsigner = anyone\n";
	static const bool expected[3][3] = { { 0, 1, 0 }, { 1, 1, 0 }, { 1, 1, 1 } };
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct policy *p = parse(text, &root);
	struct policy_signer stranger = p->signers[0];

	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 3; k++)
			ck_assert_int_eq(policy_rule_allows(p, &p->rules[i], &p->signers[k]),
					 expected[i][k]);
		ck_assert(!policy_rule_allows(p, &p->rules[i], &stranger));
	}
	ck_assert_uint_eq(p->rules[1].signers_n, 2);
	policy_free(p);
	pki_free(&root);
}
END_TEST

START_TEST(allows_push)
{
	static const char text[] = HEAD
		"[signer \"bob\"]\nemail = bob@example.com\ntrust = corp\n"
		"[role \"two\"]\nsigner = bob\nsigner = alice\n"
		"[rule \"signers\"]\nref = refs/heads/a\nsigner = bob\n"
		"[rule \"other\"]\nref = refs/heads/b\nsigner = bob\npusher = alice\n"
		"[rule \"role\"]\nref = refs/heads/c\nsigner = bob\npusher = role:two\n"
		"[rule \"all\"]\nref = refs/heads/d\nsigner = bob\npusher = anyone\n"
		"pushCertificate = required\n";
	static const bool expected[4][2] = { { 0, 1 }, { 1, 0 }, { 1, 1 }, { 1, 1 } };
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct policy *p = parse(text, &root);
	struct policy_signer stranger = p->signers[0];

	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 2; k++)
			ck_assert_int_eq(policy_rule_allows_push(p, &p->rules[i], &p->signers[k]),
					 expected[i][k]);
		ck_assert(!policy_rule_allows_push(p, &p->rules[i], &stranger));
		ck_assert_int_eq(p->rules[i].cert_required, i == 3);
	}
	policy_free(p);
	pki_free(&root);
}
END_TEST

/* --- signer = trust:NAME ------------------------------------------------------------------- */

#define CORP "[policy]\nversion = 1\n[trust \"corp\"]\nroots = r\nemailDomain = Example.com\n"
#define STAFF "[rule \"x\"]\nref = refs/x\nsigner = trust:corp\n"
#define STAFF_Y "[rule \"y\"]\nref = refs/y\nsigner = trust:corp\n"
#define NAMED "[rule \"x\"]\nref = refs/x\nsigner = alice\nsigner = trust:corp\n"

static const struct {
	const char *text, *san;
	const char *name, *why;       /* admitted as; or why not */
	const char *has, *has_not;    /* addresses of hers */
} admitted[] = {
	{ CORP STAFF, "email:alice@example.com", "alice@example.com", NULL, "alice@EXAMPLE.com",
	  "Alice@example.com" },
	{ CORP STAFF, "email:alice@example.com", "alice@example.com", NULL, NULL, "bob@example.com" },
	{ CORP STAFF, "email:alice@EXAMPLE.COM", "alice@EXAMPLE.COM", NULL, "alice@example.com", NULL },
	{ CORP STAFF, "email:alice@mail.example.com", NULL, "belongs to no signer", NULL, NULL },
	{ CORP STAFF, "email:alice@badexample.com", NULL, "belongs to no signer", NULL, NULL },
	{ CORP STAFF, "", NULL, "belongs to no signer", NULL, NULL },
	/* The first in the domain; others of it count, others do not. */
	{ CORP STAFF, "email:a@example.org,email:b@example.com,email:c@example.com", "b@example.com",
	  NULL, "c@example.com", "a@example.org" },
	/* A [signer] by name, and by address: the section's name, the certificate's addresses. */
	{ CORP ALICE STAFF, "email:alice@example.com", "alice", NULL, "alice@example.com", NULL },
	{ CORP ALICE NAMED, "email:alice@example.com,email:b@example.com", "alice", NULL,
	  "alice@example.com", "b@example.com" },
	{ CORP ALICE STAFF, "email:alice@example.com,email:b@example.com", "alice", NULL,
	  "b@example.com", "c@example.com" },
	{ CORP ALICE NAMED, "email:bob@example.com", "bob@example.com", NULL, "bob@example.com",
	  "alice@example.com" },
	{ CORP "[signer \"alice\"]\nspki = %S\nemail = alice@example.org\n" STAFF,
	  "email:alice@example.com", "alice", NULL, "alice@example.com", "alice@example.org" },
	/* Out of the domain a signer signs where she is named. */
	{ CORP "[signer \"alice\"]\nspki = %S\nemail = alice@example.org\n" STAFF,
	  "email:alice@example.org", NULL, "", NULL, NULL },
	/* Leavers, keys with conditions, addresses that are somebody's: the section decides. */
	{ CORP ALICE "validUntil = 2027-01-15\n" STAFF, "email:alice@example.com", NULL,
	  "signer alice is not valid any more", NULL, NULL },
	{ CORP ALICE "validUntil = 2027-01-15\n" STAFF,
	  "email:al@example.com,email:alice@example.com", NULL, "signer alice is not valid any more", NULL, NULL },
	{ CORP "[signer \"alice\"]\nspki = %C\nemail = alice@example.com\n" STAFF,
	  "email:alice@example.com", NULL, "has an address of signer alice, but is none of that", NULL, NULL },
	{ CORP "[signer \"alice\"]\nspki = %C\nemail = alice@example.com\n" STAFF,
	  "email:b@example.com,email:alice@example.com", NULL, "has an address of signer alice", NULL, NULL },
	{ CORP "[signer \"alice\"]\nemail = alice@example.com\n[key \"k\"]\nsigner = alice\n"
	  "spki = %S\nvalidUntil = 2027-01-15\n" STAFF, "email:alice@example.com", NULL,
	  "key k is not valid any more", NULL, NULL },
	{ CORP ALICE "[signer \"key\"]\nspki = %S\n" STAFF, "email:alice@example.com", NULL,
	  "two signers: alice and key", NULL, NULL },
};

START_TEST(admits)
{
	struct wcase c = { "admits", ROOT, .leaf = { .san = admitted[_i].san } };
	struct policy_who who;
	struct people x;
	bool yes;

	meet_people(&x, admitted[_i].text, &c);
	expect(&x.v, GOOD);
	yes = policy_admits(x.p, &x.p->rules[0], &x.v, PKI_NOW, &who);
	ck_assert_msg(yes == (admitted[_i].name != NULL), "%d: %s", _i, who.why);
	if (yes)
		ck_assert_msg(strcmp(who.name, admitted[_i].name) == 0, "%d: %s", _i, who.name);
	else
		ck_assert_msg(strstr(who.why, admitted[_i].why), "%d: %s", _i, who.why);
	if (yes && admitted[_i].has)
		ck_assert_msg(policy_who_has(&who, bytes_str(admitted[_i].has)), "%d", _i);
	if (yes && admitted[_i].has_not)
		ck_assert_msg(!policy_who_has(&who, bytes_str(admitted[_i].has_not)), "%d", _i);
	part(&x);
}
END_TEST

/* Names in the record are parted by commas: an address with one would be two. */
START_TEST(no_comma)
{
	struct wcase c = { "comma", ROOT, .leaf = { .san = "", .ext = EXT_SAN_COMMA } };
	struct policy_who who;
	struct people x;

	meet_people(&x, CORP STAFF, &c);
	expect(&x.v, GOOD);
	ck_assert_str_eq(x.v.cert->emails[0], "a,bob@example.com");
	ck_assert(!policy_admits(x.p, x.p->rules, &x.v, PKI_NOW, &who));
	part(&x);
}
END_TEST

/* The push certificate: by `pusher`, else by `signer`. */
static const struct {
	const char *rule;
	bool sign, push;
} pushes[] = {
	{ "signer = trust:corp\n", true, true },
	{ "signer = trust:corp\npusher = alice\n", true, false },
	{ "signer = alice\npusher = trust:corp\n", false, true },
	{ "signer = alice\n", false, false },
	{ "signer = trust:corp\npusher = anyone\n", true, false },
};

START_TEST(admits_push)
{
	struct wcase c = { "push", ROOT, .leaf = { .san = "email:carol@example.com" } };
	struct buf text = BUF_INIT;
	struct policy_who who;
	struct people x;

	buf_addf(&text, "%s%s[rule \"x\"]\nref = refs/x\n%s", CORP, ALICE, pushes[_i].rule);
	meet_people(&x, buf_str(&text), &c);
	ck_assert_int_eq(policy_admits(x.p, x.p->rules, &x.v, PKI_NOW, &who), pushes[_i].sign);
	ck_assert_int_eq(policy_admits_push(x.p, x.p->rules, &x.v, PKI_NOW, &who), pushes[_i].push);
	if (pushes[_i].push)
		ck_assert_str_eq(who.name, "carol@example.com");
	part(&x);
	buf_free(&text);
}
END_TEST

/* Of another authority the address says nothing. */
START_TEST(admits_by_chain)
{
	struct wcase c = { "chain", ROOT, .leaf = { .san = "email:alice@example.com" } };
	struct policy_who who;
	struct people x;

	meet_people(&x, CORP "[trust \"other\"]\nroots = r\nemailDomain = example.org\n"
		    "[rule \"x\"]\nref = refs/x\nsigner = trust:other\n" STAFF_Y, &c);
	ck_assert(!policy_admits(x.p, &x.p->rules[0], &x.v, PKI_NOW, &who));
	ck_assert(policy_admits(x.p, &x.p->rules[1], &x.v, PKI_NOW, &who));
	x.v.trust_set = 2; /* as if the chain ended at the other's anchors only */
	ck_assert(!policy_admits(x.p, &x.p->rules[1], &x.v, PKI_NOW, &who));
	part(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_signer");
	TCase *t = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, owner, 0, COUNT(owners));
	tcase_add_loop_test(t, revoked, 0, COUNT(revocations));
	tcase_add_loop_test(t, admits, 0, COUNT(admitted));
	tcase_add_test(t, admits_by_chain);
	tcase_add_test(t, no_comma);
	tcase_add_loop_test(t, admits_push, 0, COUNT(pushes));
	tcase_add_test(t, owner_needs_good);
	tcase_add_test(t, malformed_email);
	tcase_add_test(t, allows);
	tcase_add_test(t, allows_push);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
