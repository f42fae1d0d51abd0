/* Verdicts: every case that is refused stands beside the same case that is good. */
#include <check.h>
#include <malloc.h>

#include "tests/unit/world.h"

#include "tests/unit/forge.h"

static const struct wcase cases[] = {
	{ "leaf under root", ROOT, .level = GOOD },
	{ "leaf under intermediate", ICA = { .cn = "Sub" }, .level = GOOD },
	{ "last second", ROOT, .when = 10, .level = GOOD },
	{ "expired", ROOT, .when = 11, .level = VERDICT_EXPIRED, "expired on 2027-01-25" },
	{ "first second", ROOT, .when = -10, .level = GOOD },
	{ "not yet valid", ROOT, .when = -11, .level = VERDICT_EXPIRED, "not valid before 2027" },
	{ "expired intermediate", ICA = { .cn = "Sub", .until = 3 }, .when = 4,
	  .level = VERDICT_EXPIRED, "CA certificate that expired on 2027-01-18" },
	{ "intermediate in time", ICA = { .cn = "Sub", .until = 3 }, .when = 3, .level = GOOD },
	{ "later intermediate", ICA = { .cn = "Sub", .from = 3 }, .when = 2,
	  .level = VERDICT_EXPIRED, "CA certificate that is not valid before" },
	{ "expired root", .root = { .cn = "Root", .until = 3 }, .when = 4,
	  .level = VERDICT_EXPIRED, "CA certificate that expired" },

	{ "no KU", ROOT, .leaf = { .ku = "" }, .level = FORBIDDEN, "keyUsage" },
	{ "KU keyEncipherment", ROOT, .leaf = { .ku = "keyEncipherment" },
	  .level = FORBIDDEN, "digitalSignature" },
	{ "EKU serverAuth", ROOT, .leaf = { .eku = "serverAuth" },
	  .level = FORBIDDEN, "extendedKeyUsage" },
	{ "EKU any", ROOT, .leaf = { .eku = "anyExtendedKeyUsage" },
	  .level = FORBIDDEN, "extendedKeyUsage" },
	{ "EKU codeSigning", ROOT, .leaf = { .eku = "codeSigning" }, .level = GOOD },
	{ "EKU emailProtection", ROOT, .leaf = { .eku = "emailProtection" }, .level = GOOD },
	{ "CA as leaf", ROOT, .leaf = { .bc = "critical,CA:TRUE",
	  .ku = "critical,digitalSignature,keyCertSign" }, .level = FORBIDDEN, "CA certificate" },

	{ "RSA-3072", ROOT, .leaf = { .key = "rsa:3072" }, .level = GOOD },
	{ "RSA-2048", ROOT, .leaf = { .key = "rsa:2048" }, .level = FORBIDDEN, "2048 bits" },
	{ "RSA-1024", ROOT, .leaf = { .key = "rsa:1024" }, .level = FORBIDDEN, "1024 bits" },
	{ "RSA, e = 3", ROOT, .leaf = { .key = "rsa:3072:3" }, .level = FORBIDDEN, "exponent" },
	{ "P-384", ROOT, .leaf = { .key = "ec:P-384" }, .level = GOOD },
	{ "P-521", ROOT, .leaf = { .key = "ec:P-521" }, .level = GOOD },
	{ "Ed25519", ROOT, .leaf = { .key = "ed25519" }, .level = GOOD },
	{ "Ed25519 CA", .root = { .cn = "Root", .key = "ed25519" }, .level = GOOD },
	{ "RSA-2048 root", .root = { .cn = "Root", .key = "rsa:2048" }, .level = GOOD },
	{ "RSA-1024 root", .root = { .cn = "Root", .key = "rsa:1024" },
	  .level = FORBIDDEN, "CA certificate key too weak" },
	{ "RSA-2048 intermediate", ICA = { .cn = "Sub", .key = "rsa:2048" }, .level = GOOD },
	{ "RSA-1024 intermediate", ICA = { .cn = "Sub", .key = "rsa:1024" },
	  .level = FORBIDDEN, "CA certificate key too weak" },
	{ "secp256k1 root", .root = { .cn = "Root", .key = "ec:secp256k1" },
	  .level = FORBIDDEN, "kind" },
	{ "leaf signed with SHA-1", ROOT, .leaf = { .md = (void *)1 },
	  .level = FORBIDDEN, "digest algorithm too weak" },
	{ "intermediate signed with SHA-1", ICA = { .cn = "Sub", .md = (void *)1 },
	  .level = FORBIDDEN, "digest algorithm too weak" },
	{ "leaf signed with SHA-512", ROOT, .leaf = { .md = (void *)2 }, .level = GOOD },

	{ "issuer without CA", ICA = { .cn = "Sub" }, .ica_not_ca = true,
	  .level = FORBIDDEN, "may not issue" },
	{ "issuer says CA:FALSE", ICA = { .cn = "Sub", .bc = "critical,CA:FALSE",
	  .ku = "critical,keyCertSign" }, .level = FORBIDDEN, "CA" },
	{ "issuer without keyCertSign", ICA = { .cn = "Sub", .ku = "critical,cRLSign" },
	  .level = FORBIDDEN, "may not issue" },
	{ "issuer without keyUsage", ICA = { .cn = "Sub", .ku = "" }, .level = FORBIDDEN, "key usage" },
	{ "root without keyUsage", .root = { .cn = "Root", .ku = "" }, .level = GOOD },
	{ "intermediate, constraints not critical", ICA = { .cn = "Sub", .bc = "CA:TRUE" },
	  .level = FORBIDDEN, "critical" },
	{ "root, constraints not critical", .root = { .cn = "Root", .bc = "CA:TRUE" }, .level = GOOD },
	{ "intermediate of version 1", ICA = { .cn = "Sub", .v1 = true }, .level = FORBIDDEN, "CA" },
	{ "root of version 1", .root = { .cn = "Root", .v1 = true }, .level = FORBIDDEN, "CA" },
	{ "no key identifiers", .root = { .cn = "Root", .no_ids = true }, .has_ica = true,
	  .ica = { .cn = "Sub", .no_ids = true }, .leaf = { .no_ids = true }, .level = GOOD },
	{ "pathlen kept", .root = { .cn = "Root", .bc = "critical,CA:TRUE,pathlen:1" },
	  .has_ica = true, .ica = { .cn = "Sub" }, .level = GOOD },
	{ "pathlen violated", .root = { .cn = "Root", .bc = "critical,CA:TRUE,pathlen:0" },
	  .has_ica = true, .ica = { .cn = "Sub" }, .level = FORBIDDEN, "path length" },
	{ "name constraint kept", ICA = { .cn = "Sub",
	  .nc = "critical,permitted;email:example.com" }, .level = GOOD },
	{ "name constraint violated", ICA = { .cn = "Sub",
	  .nc = "critical,permitted;email:example.org" }, .level = FORBIDDEN, "permitted subtree" },
	{ "name excluded", ICA = { .cn = "Sub", .nc = "critical,excluded;email:example.com" },
	  .level = FORBIDDEN, "excluded subtree" },
	{ "root's name constraint violated", .root = { .cn = "Root",
	  .nc = "critical,permitted;email:example.org" }, .level = FORBIDDEN, "permitted subtree" },
	{ "name constraint violated, not critical", ICA = { .cn = "Sub",
	  .nc = "permitted;email:example.org" }, .level = FORBIDDEN, "permitted subtree" },
	{ "name constraint of a host kept", ICA = { .cn = "Sub",
	  .nc = "critical,permitted;email:alice@example.com" }, .level = GOOD },
	{ "name constraint of another person", ICA = { .cn = "Sub",
	  .nc = "critical,permitted;email:bob@example.com" }, .level = FORBIDDEN, "permitted subtree" },
	{ "name constraint of subdomains", ICA = { .cn = "Sub",
	  .nc = "critical,permitted;email:.example.com" }, .level = FORBIDDEN, "permitted subtree" },
	{ "name constraint on names that are not there", ICA = { .cn = "Sub",
	  .nc = "critical,permitted;DNS:example.org" }, .level = GOOD },
	{ "name constraint of a kind that cannot be judged", ICA = { .cn = "Sub",
	  .nc = "critical,excluded;RID:1.2.3" }, .leaf = { .san = "email:alice@example.com,RID:1.2.3" },
	  .level = FORBIDDEN, "constraint" },

	{ "EKU above: codeSigning", ICA = { .cn = "Sub", .eku = "codeSigning" }, .level = GOOD },
	{ "EKU above: emailProtection", ICA = { .cn = "Sub", .eku = "serverAuth,emailProtection" },
	  .level = GOOD },
	{ "EKU above: any", ICA = { .cn = "Sub", .eku = "anyExtendedKeyUsage" }, .level = GOOD },
	{ "EKU above: serverAuth", ICA = { .cn = "Sub", .eku = "serverAuth" },
	  .level = FORBIDDEN, "/CN=Sub: its extendedKeyUsage" },
	{ "EKU above: another than the signer's", ICA = { .cn = "Sub", .eku = "emailProtection" },
	  .leaf = { .eku = "codeSigning" }, .level = FORBIDDEN, "extendedKeyUsage" },
	{ "EKU above: one of the signer's", ICA = { .cn = "Sub", .eku = "emailProtection" },
	  .leaf = { .eku = "codeSigning,emailProtection" }, .level = GOOD },
	{ "EKU above: the signer has none", ICA = { .cn = "Sub", .eku = "emailProtection" },
	  .leaf = { .eku = "" }, .level = GOOD },
	{ "EKU of the root: clientAuth", .root = { .cn = "Root", .eku = "clientAuth" },
	  .level = FORBIDDEN, "/CN=Root: its extendedKeyUsage" },
	{ "EKU of the root: codeSigning", .root = { .cn = "Root", .eku = "codeSigning" },
	  .level = GOOD },
	{ "unknown extension", ROOT, .leaf = { .ext = EXT_UNKNOWN }, .level = GOOD },
	{ "unknown critical extension", ROOT, .leaf = { .ext = EXT_UNKNOWN_CRITICAL },
	  .level = FORBIDDEN, "critical extension" },
	{ "unknown critical extension above", ICA = { .cn = "Sub", .ext = EXT_UNKNOWN_CRITICAL },
	  .level = FORBIDDEN, "critical extension" },
	{ "intermediate repeats an extension", ICA = { .cn = "Sub", .ext = EXT_TWICE },
	  .level = FORBIDDEN, "repeats" },
	{ "leaf repeats an extension", ROOT, .leaf = { .ext = EXT_TWICE },
	  .level = VERDICT_BAD, "repeats" },

	{ "two SANs", ROOT, .leaf = { .san = "email:alice@example.com,email:bob@example.com" },
	  .level = GOOD },
	{ "no SAN", ROOT, .leaf = { .san = "" }, .level = GOOD },
	{ "SAN with NUL", ROOT, .leaf = { .san = "", .ext = EXT_SAN_NUL },
	  .level = FORBIDDEN, "malformed e-mail" },
};

/* EVP_sha1() is no constant expression. */
static const EVP_MD *md_of(const EVP_MD *token)
{
	return token == (void *)1 ? EVP_sha1() : token ? EVP_sha512() : NULL;
}

START_TEST(table)
{
	struct wcase c = cases[_i];
	struct world w;

	c.leaf.md = md_of(c.leaf.md);
	c.ica.md = md_of(c.ica.md);
	world_open(&w, &c);
	expect_at(c.name, &w.v, c.level, c.word);
	if (w.v.level == VERDICT_GOOD)
		ck_assert_str_eq(w.v.trust_name, "corp");
	judge(w.t, PAYLOAD, &w.der, PKI_NOW + c.when * PKI_DAY, &w.v); /* now from the table */
	expect_at(c.name, &w.v, c.level, c.word);
	world_close(&w);
}
END_TEST

START_TEST(details)
{
	struct world w;

	world_open(&w, &plain);
	expect(&w.v, GOOD);
	ck_assert_str_eq(w.v.cert->emails[0], "alice@example.com");
	ck_assert_int_eq(w.v.hash, HASH_SHA256);
	ck_assert(w.v.has_signing_time);
	ck_assert_int_eq(w.v.signing_time, PKI_NOW);
	ck_assert_int_eq(w.v.when, PKI_NOW);
	ck_assert_int_eq(w.v.valid_from, PKI_NOW - 10 * PKI_DAY);
	ck_assert_int_eq(w.v.valid_until, PKI_NOW + 10 * PKI_DAY);
	world_close(&w);
}
END_TEST

/* Every bit of the message matters, or does not change what is covered; none may crash. */
START_TEST(tampered)
{
	struct world w;
	size_t i, good = 0;

	world_open(&w, &plain);
	judge(w.t, BYTES_LIT("tree 0000"), &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_BAD, "");
	for (i = 0; i < w.der.n; i++) {
		w.der.p[i] ^= 1;
		judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
		good += w.v.level == VERDICT_GOOD;
		w.der.p[i] ^= 1;
	}
	ck_assert_uint_eq(good, 0);
	w.der.p[w.der.n - 1] ^= 1;
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_BAD, "signature");
	w.der.p[w.der.n - 1] ^= 1;
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	buf_add_byte(&w.der, 0);
	judge(w.t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, VERDICT_BAD, "");
	world_close(&w);
}
END_TEST

START_TEST(armors)
{
	static const struct {
		const char *text;
		enum verdict_level level;
	} t[] = {
		{ "", VERDICT_UNSIGNED },
		{ "-----BEGIN SSH SIGNATURE-----\nAA==\n-----END SSH SIGNATURE-----\n",
		  VERDICT_FOREIGN },
		{ "-----BEGIN PGP SIGNATURE-----\n\n", VERDICT_FOREIGN },
		{ "-----BEGIN PGP MESSAGE-----\n\n", VERDICT_FOREIGN },
		{ "-----BEGIN PKCS7-----\nAA==\n-----END PKCS7-----\n", VERDICT_BAD },
		{ "-----BEGIN SIGNED MESSAGE-----\nAA==\n-----END SIGNED MESSAGE-----\n",
		  VERDICT_BAD },
		{ "\n-----BEGIN SSH SIGNATURE-----\n", VERDICT_BAD },
		{ "JUNK", VERDICT_BAD },
	};
	struct trust *tr = trust_new(NULL);
	struct bytes payload = PAYLOAD;
	struct verdict v;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		trust_judge(tr, &payload, 1, bytes_str(t[i].text), PKI_NOW, &v);
		expect_at(t[i].text, &v, t[i].level, "");
	}
	trust_free(tr);
}
END_TEST

/* In git objects CRLF and text after the block are content that nobody signed. */
START_TEST(armor_strict)
{
	struct bytes payload = PAYLOAD;
	struct buf armor = BUF_INIT;
	struct world w;

	world_open(&w, &plain);
	pem_write(&armor, PEM_SIGNED_MESSAGE, buf_bytes(&w.der));
	trust_judge(w.t, &payload, 1, buf_bytes(&armor), PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	buf_add_str(&armor, "more\n");
	trust_judge(w.t, &payload, 1, buf_bytes(&armor), PKI_NOW, &w.v);
	expect(&w.v, VERDICT_BAD, "");
	buf_free(&armor);
	world_close(&w);
}
END_TEST

START_TEST(payload_pieces)
{
	struct bytes v[3] = { BYTES_LIT("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"),
			      BYTES_NONE, BYTES_LIT("\nmessage\n") };
	struct buf armor = BUF_INIT;
	struct world w;

	world_open(&w, &plain);
	pem_write(&armor, PEM_SIGNED_MESSAGE, buf_bytes(&w.der));
	trust_judge(w.t, v, 3, buf_bytes(&armor), PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	trust_judge(w.t, v, 2, buf_bytes(&armor), PKI_NOW, &w.v);
	expect(&w.v, VERDICT_BAD, "");
	buf_free(&armor);
	world_close(&w);
}
END_TEST

/* --- limits ---------------------------------------------------------------------------------- */

START_TEST(limits)
{
	struct wcase rsa = { "rsa", ROOT, .leaf = { .key = "rsa:2048" } };
	struct trust_limits l;
	struct trust *t;
	struct world w;

	world_open(&w, &rsa);
	expect(&w.v, FORBIDDEN, "at least 3072");
	trust_limits_default(&l);
	l.rsa_bits = 2048;
	t = trust_new(&l);
	add_roots(t, "corp", &w.root);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	trust_free(t);
	l.rsa_bits = 2049;
	t = trust_new(&l);
	add_roots(t, "corp", &w.root);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, FORBIDDEN, "at least 2049");
	trust_free(t);
	l.rsa_bits = 2048;
	l.hashes[HASH_SHA256] = false;
	t = trust_new(&l);
	add_roots(t, "corp", &w.root);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, FORBIDDEN, "digest");
	trust_free(t);
	trust_limits_default(&l);
	l.rsa_bits = 1024;
	l.kinds[KEY_RSA] = false;
	t = trust_new(&l);
	add_roots(t, "corp", &w.root);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, FORBIDDEN, "rsa2048");
	trust_free(t);
	world_close(&w);
}
END_TEST

/* Even when the policy allows it, OpenSSL's level 2 stays the floor. */
START_TEST(openssl_floor)
{
	struct wcase rsa = { "rsa", ROOT, .leaf = { .key = "rsa:1024" } };
	struct trust_limits l;
	struct trust *t;
	struct world w;

	world_open(&w, &rsa);
	trust_limits_default(&l);
	l.rsa_bits = 1024;
	t = trust_new(&l);
	add_roots(t, "corp", &w.root);
	judge(t, PAYLOAD, &w.der, PKI_NOW, &w.v);
	expect(&w.v, FORBIDDEN, "too weak");
	trust_free(t);
	world_close(&w);
}
END_TEST

/* More signers than the table keeps: verdicts stay right. */
START_TEST(many_signers)
{
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct trust *t = trust_new(NULL);
	struct buf first = BUF_INIT, der = BUF_INIT;
	struct verdict v;
	int i;

	add_roots(t, "corp", &root);
	for (i = 0; i < 1100; i++) {
		struct pki_cert leaf = pki_make(&(struct pki_spec){ .cn = "Alice" }, &root, false);

		buf_clear(&der);
		pki_sign(&leaf, NULL, 0, PAYLOAD, &der);
		if (i == 0)
			buf_add_bytes(&first, buf_bytes(&der));
		judge(t, PAYLOAD, &der, PKI_NOW, &v);
		expect(&v, GOOD);
		ck_assert_mem_eq(v.cert->der, leaf.der.p, leaf.der.n);
		pki_free(&leaf);
	}
	judge(t, PAYLOAD, &der, PKI_NOW, &v);
	expect(&v, GOOD);
	judge(t, BYTES_LIT("else"), &der, PKI_NOW, &v);
	expect(&v, VERDICT_BAD, "");
	judge(t, PAYLOAD, &first, PKI_NOW, &v);
	expect(&v, GOOD);
	buf_free(&first);
	buf_free(&der);
	trust_free(t);
	pki_free(&root);
}
END_TEST

/*
 * Certificates that take OpenSSL thirty times their bytes, of as many signers as there are
 * pushed: what is kept of them is bounded, for all threads together.
 */
START_TEST(large_signers)
{
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct trust *t[4] = { trust_new(NULL) };
	struct buf der = BUF_INIT, san = BUF_INIT;
	size_t before, after, n = sizeof(t) / sizeof(t[0]);
	struct verdict v;

	buf_add_str(&san, "email:alice@example.com");
	for (size_t i = 0; i < 900; i++)
		buf_add_str(&san, ",DNS:a");
	add_roots(t[0], "corp", &root);
	trust_share(t[0], n);
	for (size_t i = 1; i < n; i++)
		t[i] = trust_clone(t[0]);
	before = mallinfo2().uordblks;
	for (size_t i = 0; i < 100 * n; i++) {
		struct pki_cert leaf = pki_make(
			&(struct pki_spec){ .cn = "Alice", .san = buf_str(&san) }, &root, false);

		buf_clear(&der);
		pki_sign(&leaf, NULL, 0, PAYLOAD, &der);
		judge(t[i % n], PAYLOAD, &der, PKI_NOW, &v);
		expect(&v, GOOD);
		pki_free(&leaf);
	}
	after = mallinfo2().uordblks;
	ck_assert_msg(after < before + (17 << 20), "%zu bytes", after - before);
	for (size_t i = n; i-- > 0;)
		trust_free(t[i]);
	buf_free(&san);
	buf_free(&der);
	pki_free(&root);
}
END_TEST

/* Eight authorities may stand between an anchor and the signer. */
START_TEST(depth)
{
	struct pki_cert ca[10] = { pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true) };
	struct trust *t = trust_new(NULL);

	add_roots(t, "corp", &ca[0]);
	for (size_t i = 1; i < 10; i++) {
		_cleanup_free_ char *cn = xasprintf("Sub %zu", i);
		struct bytes bag[9];
		struct buf der = BUF_INIT;
		struct pki_cert leaf;
		struct verdict v;

		ca[i] = pki_make(&(struct pki_spec){ .cn = cn }, &ca[i - 1], true);
		leaf = pki_make(&(struct pki_spec){ .cn = "Alice" }, &ca[i], false);
		for (size_t k = 0; k < i; k++)
			bag[k] = buf_bytes(&ca[i - k].der);
		pki_sign(&leaf, bag, i, PAYLOAD, &der);
		judge(t, PAYLOAD, &der, PKI_NOW, &v);
		if (i <= 8)
			expect(&v, GOOD);
		else
			expect(&v, FORBIDDEN, "chain too long");
		buf_free(&der);
		pki_free(&leaf);
	}
	for (size_t i = 0; i < 10; i++)
		pki_free(&ca[i]);
	trust_free(t);
}
END_TEST

/* --- signingTime, and what it may excuse ------------------------------------------------ */

START_TEST(no_signing_time)
{
	struct wcase c = { "no time", ROOT };
	struct buf der = BUF_INIT;
	struct forge f;
	struct world w;

	world_open(&w, &c);
	f = forge_of(&w.leaf, PAYLOAD);
	forge(&der, &f);
	judge(w.t, PAYLOAD, &der, PKI_NOW, &w.v);
	expect(&w.v, GOOD);
	f.flags |= FORGE_NO_TIME;
	buf_clear(&der);
	forge(&der, &f);
	judge(w.t, PAYLOAD, &der, PKI_NOW, &w.v);
	expect(&w.v, FORBIDDEN, "signingTime");
	buf_free(&der);
	world_close(&w);
}
END_TEST

static void judge_late(struct world *w, int64_t when, int64_t grace)
{
	struct bytes payload = PAYLOAD;
	struct buf armor = BUF_INIT;

	pem_write(&armor, PEM_SIGNED_MESSAGE, buf_bytes(&w->der));
	trust_judge_late(w->t, &payload, 1, buf_bytes(&armor), BYTES_NONE, when, grace,
			 &w->v);
	buf_free(&armor);
}

static void sign_at(struct world *w, int64_t t)
{
	struct forge f = forge_of(&w->leaf, PAYLOAD);

	f.time = t;
	buf_clear(&w->der);
	forge(&w->der, &f);
}

START_TEST(grace)
{
	struct wcase c = { "grace", ROOT };
	struct world w;
	int64_t end;

	world_open(&w, &c);
	end = w.v.valid_until;
	judge_late(&w, end, 0);
	expect(&w.v, GOOD);
	judge_late(&w, end + 1, 0);
	expect(&w.v, VERDICT_EXPIRED, "expired on");
	judge_late(&w, end + 100, 100);
	expect(&w.v, GOOD);
	ck_assert_int_eq(w.v.valid_until, end);
	judge_late(&w, end + 101, 100);
	expect(&w.v, VERDICT_EXPIRED, "expired on");
	/* Not for what is not valid yet, and not for what was signed outside of the validity. */
	judge_late(&w, w.v.valid_from - 1, PKI_DAY);
	expect(&w.v, VERDICT_EXPIRED, "not valid before");
	sign_at(&w, end);
	judge_late(&w, end + 100, 100);
	expect(&w.v, GOOD);
	sign_at(&w, end + 1);
	judge_late(&w, end + 100, 100);
	expect(&w.v, VERDICT_EXPIRED, "expired on");
	sign_at(&w, w.v.valid_from - 1);
	judge_late(&w, end + 100, 100);
	expect(&w.v, VERDICT_EXPIRED, "expired on");
	sign_at(&w, w.v.valid_from);
	judge_late(&w, end + 100, 100);
	expect(&w.v, GOOD);
	/* Revocation is that of the receive time. */
	trust_revoke_certificate(w.t, w.v.cert->sha256, end + 50, "keyCompromise");
	judge_late(&w, end + 49, 100);
	expect(&w.v, GOOD);
	judge_late(&w, end + 50, 100);
	expect(&w.v, VERDICT_REVOKED, "keyCompromise");
	world_close(&w);
}
END_TEST

/* What has expired may be above the signer. */
START_TEST(grace_of_chains)
{
	struct wcase c = { "chains", .root = { .cn = "Root" }, .has_ica = true,
			   .ica = { .cn = "Sub", .until = 3 } };
	int64_t end = PKI_NOW + 3 * PKI_DAY;
	struct world w;

	world_open(&w, &c);
	judge_late(&w, end + 100, 100);
	expect(&w.v, GOOD);
	ck_assert_int_eq(w.v.valid_until, end);
	judge_late(&w, end + 101, 100);
	expect(&w.v, VERDICT_EXPIRED, "CA certificate that expired");
	world_close(&w);
}
END_TEST

#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("trust");
	TCase *tc = tcase_create("trust");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, table, 0, N(cases));
	tcase_add_test(tc, details);
	tcase_add_test(tc, tampered);
	tcase_add_test(tc, armors);
	tcase_add_test(tc, armor_strict);
	tcase_add_test(tc, payload_pieces);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, openssl_floor);
	tcase_add_test(tc, many_signers);
	tcase_add_test(tc, large_signers);
	tcase_add_test(tc, depth);
	tcase_add_test(tc, no_signing_time);
	tcase_add_test(tc, grace);
	tcase_add_test(tc, grace_of_chains);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
