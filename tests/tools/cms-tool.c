/*
 * cms-tool: CMS signatures by a key in a file, right ones and wrong ones, taken
 * apart and checked. For tests that need no token, or a signature that no signing
 * program makes.
 */
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/opt.h"
#include "base/os.h"
#include "base/text.h"
#include "sig/cert.h"
#include "tests/unit/forge.h"

#define INPUT_MAX ((size_t)64 << 20)

/* It makes one message and ends: what it has not freed is no leak that matters. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

static struct {
	const char *digest, *time, *extra_attr, *ess, *sid;
	const char *type, *capability, *protection, *unsigned_attr, *listed, *sig_oid, *bend;
	bool no_type, no_digest, version, token, token_other, tokens;
	bool no_ess, no_time, no_attrs, wrong_digest, unsorted, ski, no_signer, two_signers;
	bool with_content, no_certs, crl, ber, pieces, trailing, pss, der, ski_v1;
} want;

/* Options that cms_sign() cannot fulfil, and so need the forger. */
static const struct {
	const bool *is;
	unsigned flag;
} forged[] = {
	{ &want.no_type, FORGE_NO_TYPE },
	{ &want.no_digest, FORGE_NO_DIGEST },
	{ &want.version, FORGE_VERSION },
	{ &want.token, FORGE_TOKEN },
	{ &want.token_other, FORGE_TOKEN_OTHER },
	{ &want.tokens, FORGE_TOKENS },
	{ &want.no_ess, FORGE_NO_ESS },
	{ &want.no_time, FORGE_NO_TIME },
	{ &want.no_attrs, FORGE_NO_ATTRS },
	{ &want.wrong_digest, FORGE_WRONG_DIGEST },
	{ &want.unsorted, FORGE_UNSORTED },
	{ &want.ski, FORGE_SKI },
	{ &want.ski_v1, FORGE_SKI_V1 },
	{ &want.no_signer, FORGE_NO_SIGNER },
	{ &want.two_signers, FORGE_TWO_SIGNERS },
	{ &want.with_content, FORGE_CONTENT },
	{ &want.no_certs, FORGE_NO_BAG },
	{ &want.crl, FORGE_CRL },
	{ &want.ber, FORGE_BER },
	{ &want.pieces, FORGE_PIECES },
	{ &want.trailing, FORGE_TRAILING },
	{ &want.pss, FORGE_PSS },
};

static const struct opt options[] = {
	{ 0, "digest", "NAME", "sha1, sha256, sha384 or sha512", OPT_STRING, &want.digest },
	{ 0, "time", "T", "signingTime, in seconds since 1970 or as 2027-01-15T08:00:00Z",
	  OPT_STRING, &want.time },
	{ 0, "no-time", NULL, "no signingTime", OPT_FLAG, &want.no_time },
	{ 0, "no-ess", NULL, "no signingCertificateV2", OPT_FLAG, &want.no_ess },
	{ 0, "ess", "CERT.pem", "signingCertificateV2 names this certificate", OPT_STRING,
	  &want.ess },
	{ 0, "sid", "CERT.pem", "the signer is named after this certificate", OPT_STRING,
	  &want.sid },
	{ 0, "no-attrs", NULL, "no signed attributes", OPT_FLAG, &want.no_attrs },
	{ 0, "extra-attr", "OIDHEX", "a further signed attribute; content octets of its OID",
	  OPT_STRING, &want.extra_attr },
	{ 0, "type", "OIDHEX", "contentType is this", OPT_STRING, &want.type },
	{ 0, "no-type", NULL, "no contentType", OPT_FLAG, &want.no_type },
	{ 0, "no-digest", NULL, "no messageDigest", OPT_FLAG, &want.no_digest },
	{ 0, "capability", "OIDHEX", "SMIMECapabilities with this one, and free bytes behind it",
	  OPT_STRING, &want.capability },
	{ 0, "protection", "NAME", "CMSAlgorithmProtection with this digest", OPT_STRING,
	  &want.protection },
	{ 0, "unsigned-attr", "OIDHEX", "an unsigned attribute", OPT_STRING, &want.unsigned_attr },
	{ 0, "token", NULL, "a timestamp token, by nobody", OPT_FLAG, &want.token },
	{ 0, "token-other", NULL, "one of another signature", OPT_FLAG, &want.token_other },
	{ 0, "tokens", NULL, "two of them", OPT_FLAG, &want.tokens },
	{ 0, "listed", "NAME", "the SignedData lists this digest", OPT_STRING, &want.listed },
	{ 0, "signature-oid", "OIDHEX", "the SignerInfo names this signature algorithm", OPT_STRING,
	  &want.sig_oid },
	{ 0, "bend", "HOW", "the signature value: flip, negate (s to n - s), pad, zero", OPT_STRING,
	  &want.bend },
	{ 0, "v3", NULL, "a SignedData of version 3", OPT_FLAG, &want.version },
	{ 0, "wrong-digest", NULL, "messageDigest of other content", OPT_FLAG, &want.wrong_digest },
	{ 0, "unsorted", NULL, "signed attributes not in DER order", OPT_FLAG, &want.unsorted },
	{ 0, "ski", NULL, "the signer is named by key identifier", OPT_FLAG, &want.ski },
	{ 0, "plain-ski", NULL, "and the version says issuer and serial number", OPT_FLAG,
	  &want.ski_v1 },
	{ 0, "no-signer", NULL, "no SignerInfo", OPT_FLAG, &want.no_signer },
	{ 0, "two-signers", NULL, "two SignerInfos", OPT_FLAG, &want.two_signers },
	{ 0, "with-content", NULL, "not detached", OPT_FLAG, &want.with_content },
	{ 0, "no-certs", NULL, "no certificates", OPT_FLAG, &want.no_certs },
	{ 0, "crl", NULL, "a CRL in the bag", OPT_FLAG, &want.crl },
	{ 0, "ber", NULL, "indefinite lengths", OPT_FLAG, &want.ber },
	{ 0, "pieces", NULL, "and octet strings in pieces", OPT_FLAG, &want.pieces },
	{ 0, "trailing", NULL, "a byte behind the message", OPT_FLAG, &want.trailing },
	{ 0, "pss", NULL, "RSASSA-PSS", OPT_FLAG, &want.pss },
	{ 0, "der", NULL, "writes DER, not armor", OPT_FLAG, &want.der },
	{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
};

static const struct opt_command command = {
	.usage = "cms-tool [options] sign KEY.pem CERT.pem [CHAIN.pem] <PAYLOAD\n"
		 "       cms-tool parse <SIGNATURE\n"
		 "       cms-tool check CERT.pem PAYLOAD SIGNATURE\n"
		 "       cms-tool fuzz-seed DIRECTORY",
	.summary = "Makes CMS signatures, right or wrong ones, shows what is in one, checks one.",
	.opts = options,
	.args_min = 1,
	.args_max = 4,
};

static void die(const struct err *err)
{
	fprintf(stderr, "cms-tool: %s\n", err->text);
	exit(err->code);
}

static void fail(enum err_code code, const char *text)
{
	struct err err = ERR_INIT;

	err_set(&err, code, "%s", text);
	die(&err);
}

static void read_file(const char *path, struct buf *out)
{
	struct err err = ERR_INIT;

	if (os_file_read(path, OS_FILE_ANY, INPUT_MAX, out, &err))
		die(&err);
}

static void read_stdin(struct buf *out)
{
	struct err err = ERR_INIT;

	if (os_read_all(0, INPUT_MAX, "standard input", out, &err))
		die(&err);
}

static void write_stdout(struct bytes v)
{
	struct err err = ERR_INIT;

	if (os_write_all(1, v, "standard output", &err))
		die(&err);
}

static void read_certs(const char *path, struct cert_list *l)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	read_file(path, &text);
	if (cert_list_from_pem(buf_bytes(&text), FORGE_BAG, l, &err))
		die(&err);
	buf_free(&text);
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	if (!key)
		fail(ERR_KEY, "no private key in the file");
	return key;
}

static struct bytes der_of(const struct cert *c)
{
	return bytes_of(c->der, c->der_n);
}

/* --- sign ------------------------------------------------------------------------ */

static enum alg_hash digest_of(const char *name)
{
	int h = name ? HASH_SHA1 : HASH_NONE;

	while (name && h <= HASH_SHA512 && strcmp(name, alg_hash_name((enum alg_hash)h)) != 0)
		h++;
	if (h > HASH_SHA512)
		fail(ERR_USAGE, "--digest: no such digest");
	return (enum alg_hash)h;
}

static int64_t time_of(const char *text)
{
	uint64_t u;
	int64_t t;

	if (!text)
		return os_now();
	if (text_parse_u64(bytes_str(text), &u))
		return (int64_t)u;
	if (!text_parse_time(bytes_str(text), &t))
		fail(ERR_USAGE, "--time: not a time");
	return t;
}

/* The content octets of an OID that an option names; they live to the end. */
static struct bytes oid_of(const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *oid = xmalloc(n + 1);

	if (!text_unhex(bytes_str(hex), oid, n))
		fail(ERR_USAGE, "an OID: not hexadecimal digits");
	return bytes_of(oid, n);
}

static void extra_attr(const char *hex, struct buf *out)
{
	forge_octets_attr(out, oid_of(hex), BYTES_LIT("extra"));
}

/* SMIMECapabilities (RFC 8551 2.5.2) with one capability and an OCTET STRING for it. */
static void capability_attr(const char *hex, struct buf *out)
{
	struct buf v = BUF_INIT;
	size_t list = der_open(&v, DER_SEQUENCE), cap = der_open(&v, DER_SEQUENCE);

	der_put(&v, DER_OID, oid_of(hex));
	der_put(&v, DER_OCTET_STRING, BYTES_LIT("whatever somebody would have signed"));
	der_close(&v, cap);
	der_close(&v, list);
	forge_attr(out, OID_SMIME_CAPABILITIES, buf_bytes(&v));
	buf_free(&v);
}

static void add_attrs(const struct forge *f, struct buf *out)
{
	if (want.extra_attr)
		extra_attr(want.extra_attr, out);
	if (want.type)
		forge_type_attr(out, oid_of(want.type));
	if (want.capability)
		capability_attr(want.capability, out);
	if (want.protection)
		forge_protection_attr(out, alg_hash_oid(digest_of(want.protection)),
				      alg_signature_oid(alg_of_key(f->key).kind,
							alg_hash_for(alg_of_key(f->key))));
}

/* --- the signature value, bent ------------------------------------------------------ */

static void bend_flip(struct buf *sig)
{
	sig->p[sig->n - 1] ^= 1;
}

static void bend_zero(struct buf *sig)
{
	buf_clear(sig);
	buf_add(sig, "\x30\x06\x02\x01\x00\x02\x01\x00", 8);
}

static void put_ecdsa(struct buf *sig, ECDSA_SIG *v)
{
	unsigned char *der = NULL;
	int n = i2d_ECDSA_SIG(v, &der);

	buf_clear(sig);
	buf_add(sig, der, (size_t)n);
	OPENSSL_free(der);
	ECDSA_SIG_free(v);
}

/* ECDSA over P-256: (r, n - s) verifies as (r, s) does. */
static void bend_negate(struct buf *sig)
{
	static const char order[] =
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	const unsigned char *p = sig->p;
	ECDSA_SIG *v = d2i_ECDSA_SIG(NULL, &p, (long)sig->n);
	BIGNUM *n = NULL, *s = BN_new();

	PKI_MUST(v && s && BN_hex2bn(&n, order) && BN_sub(s, n, ECDSA_SIG_get0_s(v)));
	PKI_MUST(ECDSA_SIG_set0(v, BN_dup(ECDSA_SIG_get0_r(v)), s));
	put_ecdsa(sig, v);
	BN_free(n);
}

/* The same number with one octet of zeros in front of it: not DER. */
static void bend_pad(struct buf *sig)
{
	struct buf out = BUF_INIT;
	size_t r = sig->p[3];

	buf_add_byte(&out, 0x30);
	buf_add_byte(&out, (uint8_t)(sig->p[1] + 1));
	buf_add_byte(&out, 0x02);
	buf_add_byte(&out, (uint8_t)(r + 1));
	buf_add_byte(&out, 0);
	buf_add(&out, sig->p + 4, sig->n - 4);
	buf_clear(sig);
	buf_add_bytes(sig, buf_bytes(&out));
	buf_free(&out);
}

static void (*bend_of(const char *how))(struct buf *sig)
{
	static const struct {
		const char *how;
		void (*bend)(struct buf *sig);
	} bends[] = { { "flip", bend_flip },
		      { "zero", bend_zero },
		      { "negate", bend_negate },
		      { "pad", bend_pad } };

	for (size_t i = 0; how && i < sizeof(bends) / sizeof(bends[0]); i++)
		if (!strcmp(how, bends[i].how))
			return bends[i].bend;
	if (how)
		fail(ERR_USAGE, "--bend: no such way");
	return NULL;
}

static unsigned forge_flags(void)
{
	unsigned flags = 0;

	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
		flags |= *forged[i].is ? forged[i].flag : 0;
	return flags;
}

/* The certificate of an option, first of its file; the lists live to the end. */
static struct bytes option_cert(const char *path, struct cert_list *l)
{
	if (!path)
		return BYTES_NONE;
	read_certs(path, l);
	return der_of(l->v[0]);
}

static bool sign_forged(struct forge *f, struct buf *der)
{
	struct cert_list ess = { NULL, 0 }, named = { NULL, 0 };
	struct buf attr = BUF_INIT, sid = BUF_INIT, unsig = BUF_INIT;

	f->flags = forge_flags();
	f->hash = digest_of(want.digest);
	f->listed = digest_of(want.listed);
	f->bend = bend_of(want.bend);
	add_attrs(f, &attr);
	if (!f->flags && !f->hash && !want.ess && !want.sid && !attr.n && !want.unsigned_attr &&
	    !want.sig_oid && !f->listed && !f->bend && f->bag_n < 16)
		return false;
	f->ess_cert = option_cert(want.ess, &ess);
	if (want.sid)
		forge_sid(&sid, option_cert(want.sid, &named));
	if (want.type)
		f->flags |= FORGE_NO_TYPE; /* the other one stands in its place */
	if (want.unsigned_attr)
		extra_attr(want.unsigned_attr, &unsig);
	if (want.sig_oid)
		f->sig_oid = oid_of(want.sig_oid);
	f->unsigned_attrs = buf_bytes(&unsig);
	f->sid = buf_bytes(&sid);
	f->attrs = buf_bytes(&attr);
	forge(der, f);
	cert_list_free(&ess);
	cert_list_free(&named);
	buf_free(&attr);
	buf_free(&sid);
	buf_free(&unsig);
	return true;
}

static void sign_right(const struct forge *f, struct buf *der)
{
	struct cms_input in = {
		.payload = { f->payload },
		.leaf = f->leaf,
		.chain = f->bag,
		.chain_n = f->bag_n,
		.signing_time = f->time,
		.signer = { pki_sign_raw, f->key },
	};
	struct err err = ERR_INIT;

	if (cms_sign(&in, der, &err))
		die(&err);
}

static void write_signature(struct bytes der)
{
	struct buf armor = BUF_INIT;

	if (want.der) {
		write_stdout(der);
		return;
	}
	pem_write(&armor, PEM_SIGNED_MESSAGE, der);
	write_stdout(buf_bytes(&armor));
	buf_free(&armor);
}

static void do_sign(const char *key, const char *cert, const char *chain)
{
	struct cert_list leaf = { NULL, 0 }, more = { NULL, 0 };
	struct buf payload = BUF_INIT, der = BUF_INIT;
	struct forge f = { .key = read_key(key), .time = time_of(want.time) };

	read_certs(cert, &leaf);
	if (chain)
		read_certs(chain, &more);
	read_stdin(&payload);
	f.leaf = der_of(leaf.v[0]);
	f.payload = buf_bytes(&payload);
	for (f.bag_n = 0; f.bag_n < more.n; f.bag_n++)
		f.bag[f.bag_n] = der_of(more.v[f.bag_n]);
	if (!sign_forged(&f, &der))
		sign_right(&f, &der);
	write_signature(buf_bytes(&der));
	EVP_PKEY_free(f.key);
	cert_list_free(&leaf);
	cert_list_free(&more);
	buf_free(&payload);
	buf_free(&der);
}

/* --- parse, check ------------------------------------------------------------------ */

/* DER or armor; the views of `c` look into `der`. */
static void parse(struct bytes in, struct buf *der, struct cms *c)
{
	struct err err = ERR_INIT;

	if (!bytes_starts(in, BYTES_LIT("-----BEGIN")))
		buf_add_bytes(der, in);
	else if (pem_read_one(in, PEM_SIGNED_MESSAGE, false, der, &err))
		die(&err);
	if (cms_parse(buf_bytes(der), c, &err))
		die(&err);
}

static void print_hex(const char *name, struct bytes v)
{
	struct buf hex = BUF_INIT;

	text_hex(&hex, v, false);
	printf("%s %s\n", name, buf_str(&hex));
	buf_free(&hex);
}

static void print_time(const struct cms *c)
{
	struct buf t = BUF_INIT;

	text_time(&t, c->signing_time);
	printf("signing-time %s\n", c->has_signing_time ? buf_str(&t) : "none");
	buf_free(&t);
}

static void do_parse(void)
{
	struct buf in = BUF_INIT, der = BUF_INIT;
	struct cms c;

	read_stdin(&in);
	parse(buf_bytes(&in), &der, &c);
	printf("encoding %s\ndigest %s\n", c.own.n ? "ber" : "der", alg_hash_name(c.hash));
	printf("family %s\n", c.family == KEY_RSA       ? "rsa"
			      : c.family == KEY_ED25519 ? "ed25519"
							: "ecdsa");
	print_hex("issuer", c.issuer);
	print_hex("serial", c.serial);
	printf("certificates %zu\nsigner-index %d\n", c.certs_n, cms_signer_index(&c));
	print_hex("message-digest", c.message_digest);
	print_time(&c);
	printf("ess %s\n", c.has_ess ? alg_hash_name(c.ess_hash) : "none");
	print_hex("ess-hash", c.ess_cert_hash);
	print_hex("signature", c.signature);
	printf("timestamp-token %zu\n", c.timestamp_token.n);
	cms_free(&c);
	buf_free(&in);
	buf_free(&der);
}

static void do_check(const char *cert, const char *payload, const char *signature)
{
	struct buf content = BUF_INIT, sig = BUF_INIT, der = BUF_INIT;
	struct cert_list l = { NULL, 0 };
	struct err err = ERR_INIT;
	struct cms_key *key;
	struct bytes what;
	struct cms c;

	read_certs(cert, &l);
	read_file(payload, &content);
	read_file(signature, &sig);
	parse(buf_bytes(&sig), &der, &c);
	what = buf_bytes(&content);
	if (cms_key_new(l.v[0]->key, &key, &err) ||
	    cms_check(&c, &what, 1, der_of(l.v[0]), key, &err))
		die(&err);
	printf("good\n");
	cms_key_free(key);
	cms_free(&c);
	cert_list_free(&l);
	buf_free(&content);
	buf_free(&sig);
	buf_free(&der);
}

/* --- seeds: every kind of message, by one key of each kind --------------------------- */

static void seed(const char *dir, const char *name, size_t i, const struct forge *f)
{
	struct buf path = BUF_INIT, der = BUF_INIT;
	struct err err = ERR_INIT;

	buf_addf(&path, "%s/tool-%s-%zu", dir, name, i);
	forge(&der, f);
	if (os_file_replace(buf_str(&path), buf_bytes(&der), 0644, &err))
		die(&err);
	buf_free(&path);
	buf_free(&der);
}

static void do_seeds(const char *dir)
{
	static const struct {
		const char *name, *key;
	} kinds[] = { { "rsa", "rsa:2048" }, { "ec", "ec:P-256" }, { "ed", "ed25519" } };

	for (size_t k = 0; k < 3; k++) {
		struct pki_spec spec = { .key = kinds[k].key };
		struct pki_cert leaf = pki_make(&spec, NULL, true);
		struct forge f = forge_of(&leaf, BYTES_LIT("payload\n"));

		seed(dir, kinds[k].name, 0, &f);
		for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
			f.flags = forged[i].flag;
			if (f.flags != FORGE_PSS || k == 0)
				seed(dir, kinds[k].name, i + 1, &f);
		}
		pki_free(&leaf);
	}
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	bool help = false;

	os_start();
	if (opt_parse(&command, &argc, &argv, &help, &err))
		die(&err);
	if (help)
		return 0;
	if (!strcmp(argv[0], "sign") && argc >= 3)
		do_sign(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
	else if (!strcmp(argv[0], "parse") && argc == 1)
		do_parse();
	else if (!strcmp(argv[0], "check") && argc == 4)
		do_check(argv[1], argv[2], argv[3]);
	else if (!strcmp(argv[0], "fuzz-seed") && argc == 2)
		do_seeds(argv[1]);
	else
		fail(ERR_USAGE, "no such command, or not the words it needs; see --help");
	return 0;
}
