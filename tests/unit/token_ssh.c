/* What an agent signs for ssh, to the last byte; keys and signatures in ssh's form. */
#include <check.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "token/agent_ssh.h"

static const struct bytes blob = BYTES_LIT("the key's blob");

static void put_sshsig(struct buf *b, const char *space, const char *reserved, const char *hash,
		       size_t digest, const char *tail)
{
	uint8_t h[65];

	memset(h, 'h', sizeof(h));
	buf_add_str(b, "SSHSIG");
	wire_put_text(b, space);
	wire_put_text(b, reserved);
	wire_put_text(b, hash);
	wire_put_string(b, bytes_of(h, digest));
	buf_add_str(b, tail);
}

START_TEST(sshsigs)
{
	const struct {
		const char *space, *reserved, *hash;
		size_t digest;
		const char *tail;
		bool good;
	} t[] = {
		{ "file", "", "sha512", 64, "", true },  { "file", "", "sha256", 32, "", true },
		{ "git", "", "sha512", 64, "", true }, /* the namespace is judged elsewhere */
		{ "", "", "sha512", 64, "", false },     { "file", "x", "sha512", 64, "", false },
		{ "file", "", "sha512", 32, "", false }, { "file", "", "sha256", 64, "", false },
		{ "file", "", "sha512", 65, "", false }, { "file", "", "sha1", 20, "", false },
		{ "file", "", "", 0, "", false },        { "file", "", "sha512", 64, "x", false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf b = BUF_INIT;
		struct ssh_request r;

		put_sshsig(&b, t[i].space, t[i].reserved, t[i].hash, t[i].digest, t[i].tail);
		r = ssh_request_parse(buf_bytes(&b), blob);
		ck_assert_msg(r.kind == (t[i].good ? SSH_SIGNATURE : SSH_OTHER), "%zu", i);
		if (t[i].good)
			ck_assert_msg(bytes_eq_str(r.space, t[i].space), "%zu", i);
		for (size_t n = 0; t[i].good && n < b.n; n++)
			ck_assert_msg(ssh_request_parse(bytes_of(b.p, n), blob).kind == SSH_OTHER,
				      "%zu cut to %zu", i, n);
		buf_free(&b);
	}
}
END_TEST

struct login {
	size_t session;
	uint8_t message;
	const char *service, *method;
	uint8_t has;
	struct bytes key;
	const char *tail;
};

static enum ssh_request_kind kind_of(const struct login *l)
{
	enum ssh_request_kind r;
	struct buf b = BUF_INIT;
	uint8_t s[64];

	memset(s, 's', sizeof(s));
	wire_put_string(&b, bytes_of(s, l->session));
	buf_add_byte(&b, l->message);
	wire_put_text(&b, "me");
	wire_put_text(&b, l->service);
	wire_put_text(&b, l->method);
	buf_add_byte(&b, l->has);
	wire_put_text(&b, "alg");
	wire_put_string(&b, l->key);
	buf_add_str(&b, l->tail);
	r = ssh_request_parse(buf_bytes(&b), blob).kind;
	buf_free(&b);
	return r;
}

START_TEST(logins)
{
	const struct login good = { 32, 50, "ssh-connection", "publickey", 1, blob, "" };
	struct login l = good;

	ck_assert_int_eq(kind_of(&l), SSH_LOGIN);
	for (size_t n = 0; n <= 64; n++) {
		bool ok = n == 20 || n == 32 || n == 48 || n == 64;

		l.session = n;
		ck_assert_msg(kind_of(&l) == (ok ? SSH_LOGIN : SSH_OTHER), "session of %zu", n);
	}
	l = good, l.message = 51;
	ck_assert_int_eq(kind_of(&l), SSH_OTHER);
	l = good, l.service = "ssh-userauth";
	ck_assert_int_eq(kind_of(&l), SSH_OTHER);
	l = good, l.method = "hostbased";
	ck_assert_int_eq(kind_of(&l), SSH_OTHER);
	l = good, l.has = 0;
	ck_assert_int_eq(kind_of(&l), SSH_OTHER);
	l = good, l.has = 2;
	ck_assert_int_eq(kind_of(&l), SSH_OTHER);
	l = good, l.key = BYTES_LIT("the key's blo");
	ck_assert_int_eq(kind_of(&l), SSH_OTHER);
	l = good, l.tail = "x";
	ck_assert_int_eq(kind_of(&l), SSH_OTHER);
	l = good, l.method = "publickey-hostbound-v00@openssh.com";
	ck_assert_int_eq(kind_of(&l), SSH_OTHER);
}
END_TEST

/* What other protocols have a key sign is none of ours. */
START_TEST(others)
{
	static const char jwt[] = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0";
	const struct bytes t[] = {
		BYTES_NONE,
		BYTES_LIT("\x31\x4b\x30\x18\x06\x09"),
		BYTES_LIT("\x30\x81\x9c\x02\x01\x00"),
		bytes_of(jwt, sizeof(jwt) - 1),
		BYTES_LIT(
			"                                                                TLS 1.3, "
			"client CertificateVerify"),
		BYTES_LIT("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"),
		BYTES_LIT("SSHSIG"),
		BYTES_LIT("SSHSIG\0\0\0\4file"),
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		ck_assert_msg(ssh_request_parse(t[i], blob).kind == SSH_OTHER, "%zu", i);
}
END_TEST

static void check_key(EVP_PKEY *key, const char *alg, uint32_t flags)
{
	static const struct bytes text = BYTES_LIT("some text");
	struct buf b = BUF_INIT, put = BUF_INIT, back = BUF_INIT;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[SIG_MAX_SIZE];
	size_t n = sizeof(sig);
	bool pure = strcmp(alg, "ssh-ed25519") == 0;
	enum alg_hash h;
	const char *name;

	ck_assert(ssh_key_blob(key, &b) && b.n > 32);
	ck_assert(ssh_key_alg(key, flags, &name, &h));
	ck_assert_str_eq(name, alg);
	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, pure ? NULL : alg_hash_md(h), NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, sig, &n, text.p, text.n), 1);
	ck_assert(ssh_signature_put(&put, key, alg, bytes_of(sig, n)));
	ck_assert(ssh_signature_get(buf_bytes(&put), key, alg, &back));
	ck_assert(bytes_eq(buf_bytes(&back), bytes_of(sig, n)));
	/* Another algorithm's name, a byte more or less: no signature. */
	ck_assert(!ssh_signature_get(buf_bytes(&put), key, "ssh-rsa", &back));
	ck_assert(!ssh_signature_get(bytes_of(put.p, put.n - 1), key, alg, &back));
	buf_add_byte(&put, 0);
	ck_assert(!ssh_signature_get(buf_bytes(&put), key, alg, &back));
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	buf_free(&b);
	buf_free(&put);
	buf_free(&back);
}

START_TEST(keys)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	enum alg_hash h;
	const char *name;

	check_key(EVP_EC_gen("P-256"), "ecdsa-sha2-nistp256", 0);
	check_key(EVP_EC_gen("P-384"), "ecdsa-sha2-nistp384", 0);
	check_key(EVP_EC_gen("P-521"), "ecdsa-sha2-nistp521", 0);
	check_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "ssh-ed25519", 0);
	ck_assert(!ssh_key_alg(rsa, 0, &name, &h)); /* SHA-1 */
	ck_assert_int_eq(EVP_PKEY_up_ref(rsa), 1);
	check_key(rsa, "rsa-sha2-256", SSH_FLAG_SHA256);
	check_key(rsa, "rsa-sha2-512", SSH_FLAG_SHA256 | SSH_FLAG_SHA512);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("token_ssh");
	TCase *c = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, sshsigs);
	tcase_add_test(c, logins);
	tcase_add_test(c, others);
	tcase_add_test(c, keys);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
