/* key generate, key check. */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "base/text.h"
#include "json.h"
#include "say.h"
#include "verbs.h"

#define ID_BYTES 8
#define LABEL_MAX 255

static const struct {
	const char *name;
	enum alg_kind kind;
	int bits;
} types[] = {
	{ "p256", KEY_P256, 0 },       { "p384", KEY_P384, 0 },      { "p521", KEY_P521, 0 },
	{ "ed25519", KEY_ED25519, 0 }, { "rsa3072", KEY_RSA, 3072 }, { "rsa4096", KEY_RSA, 4096 },
	{ "rsa2048", KEY_RSA, 2048 },
};

struct make {
	const char *token, *label, *type, *id;
	bool each_time;
};

static int parse_type(const char *text, struct token_key_spec *spec, struct err *err)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(text));

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, text) == 0) {
			spec->kind = types[i].kind;
			spec->bits = types[i].bits;
			return 0;
		}
	return err_set(err, ERR_USAGE,
		       "--type %s: p256, p384, p521, ed25519, rsa3072, rsa4096 or rsa2048", shown);
}

static int parse_id(const char *text, uint8_t *id, size_t max, size_t *n, struct err *err)
{
	if (text == NULL) {
		*n = ID_BYTES;
		if (RAND_bytes(id, ID_BYTES) != 1)
			return err_set(err, ERR_INTERNAL, "no random numbers");
		return 0;
	}
	*n = strlen(text) / 2;
	if (*n == 0 || *n > max || !text_unhex(bytes_str(text), id, *n))
		return err_set(err, ERR_USAGE, "--id wants 1 to %zu bytes as hexadecimal digits",
			       max);
	return 0;
}

/* SHA-256 of the SubjectPublicKeyInfo: what a policy calls spki. */
static void spki_text(EVP_PKEY *key, struct buf *out)
{
	unsigned char *der = NULL;
	uint8_t digest[HASH_MAX_SIZE];
	int n = i2d_PUBKEY(key, &der);
	struct bytes v = bytes_of(der, n > 0 ? (size_t)n : 0);

	if (n > 0 && alg_digest(HASH_SHA256, &v, 1, digest))
		text_hex(out, bytes_of(digest, 32), false);
	OPENSSL_free(der);
}

static void report(struct admin *a, const struct token_key *k)
{
	struct buf uri = BUF_INIT, spki = BUF_INIT;
	const char *but = admin_not_verified_by(alg_of_key(k->key).kind);

	admin_uri(a, k, &uri);
	spki_text(k->key, &spki);
	fprintf(a->out,
		"Made on the token, and it cannot leave it: %s\n"
		"  uri   %s\n"
		"  spki  sha256:%s\n"
		"%s%s%s"
		"Next, a certificate for it:\n"
		"  gitsign-hsm cert request '%s' >request.pem   (for your CA)\n"
		"  gitsign-hsm cert import answer.pem\n"
		"or, where no CA is wanted:\n"
		"  gitsign-hsm cert self-sign --store '%s' >certificate.pem\n",
		alg_key_name(alg_of_key(k->key)), buf_str(&uri), buf_str(&spki),
		but != NULL ? "  but   " : "", but != NULL ? but : "", but != NULL ? "\n" : "",
		buf_str(&uri), buf_str(&uri));
	buf_free(&uri);
	buf_free(&spki);
}

static int make(struct admin *a, void *ctx, struct err *err)
{
	const struct make *o = ctx;
	uint8_t id[64];
	size_t id_n = 0, slot = 0;
	struct token_key_spec spec = { .label = o->label, .each_time = o->each_time };
	struct token_key made = { .id = id };
	int r;

	if ((r = parse_type(o->type, &spec, err)) != 0 ||
	    (r = parse_id(o->id, id, sizeof(id), &id_n, err)) != 0)
		return r;
	r = admin_slot(a, o->token, &slot, err);
	if (r == 0)
		r = admin_login(a, slot, true, err);
	spec.id = bytes_of(id, id_n);
	if (r == 0)
		r = token_generate(a->token, slot, &spec, &made.key, err);
	if (r != 0)
		return r;
	made.slot_index = slot;
	made.id_n = id_n;
	made.label = text_escaped(bytes_str(o->label));
	report(a, &made);
	free(made.label);
	EVP_PKEY_free(made.key);
	return 0;
}

int verb_key_generate(int argc, char **argv)
{
	struct make o = { .type = "p256" };
	struct admin_options at = { .module = NULL };
	const struct opt opts[] = {
		{ 0, "label", "NAME", "what the key is called on the token", OPT_STRING, &o.label },
		{ 0, "token", "LABEL", "which token, when there are several (or its serial)",
		  OPT_STRING, &o.token },
		{ 0, "type", "TYPE", "p256 (default), p384, p521, ed25519, rsa3072, rsa4096",
		  OPT_STRING, &o.type },
		{ 0, "id", "HEX", "CKA_ID (default: 8 random bytes)", OPT_STRING, &o.id },
		{ 0, "each-time", NULL, "the token wants the PIN for every signature", OPT_FLAG,
		  &o.each_time },
		ADMIN_MODULE(&at.module),
		ADMIN_PIN_SOURCE(&at.pin_source),
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm key generate --label NAME [--type TYPE] [...]",
		.summary = "Makes a key pair on a token that can sign and nothing else, and that "
			   "cannot be taken out. It is read back: a token that made something "
			   "else has it destroyed again.",
		.opts = opts,
	};
	struct err err = ERR_INIT;
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	/* A longer one would make a URI of it that nothing here takes. */
	if (o.label == NULL || o.label[0] == '\0' || strlen(o.label) > LABEL_MAX) {
		err_set(&err, ERR_USAGE, "give the key a name of up to %d bytes: --label NAME",
			LABEL_MAX);
		return say_err(&err);
	}
	return admin_run(&at, make, &o);
}

/* --- key check ---------------------------------------------------------------- */

struct check {
	const char *name, *json_name;
	enum token_fact is, should; /* FACT_UNKNOWN: any will do */
	const char *meaning;        /* when it is not as it should be */
	bool use;                   /* one that a signing key has not to have */
};

#define CHECKS 11
static void fill(struct check *c, const struct token_key_facts *f)
{
	const struct check all[CHECKS] = {
		{ "sensitive", "sensitive", f->sensitive, FACT_YES, "its value can be read out",
		  false },
		{ "extractable", "extractable", f->extractable, FACT_NO,
		  "it can be wrapped and taken away", false },
		{ "always sensitive", "alwaysSensitive", f->always_sensitive, FACT_YES,
		  "its value could be read once", false },
		{ "never extractable", "neverExtractable", f->never_extractable, FACT_YES,
		  "it could be taken away once", false },
		{ "made on the token", "local", f->local, FACT_YES,
		  "it was imported: copies may exist", false },
		{ "signs", "sign", f->sign, FACT_YES, "it may not sign", false },
		{ "decrypts", "decrypt", f->decrypt, FACT_NO, "a signing key should not decrypt",
		  true },
		{ "unwraps", "unwrap", f->unwrap, FACT_NO, "a signing key should not unwrap keys",
		  true },
		{ "derives", "derive", f->derive, FACT_NO, "a signing key should not derive keys",
		  true },
		{ "recovers", "signRecover", f->sign_recover, FACT_NO,
		  "signatures with recovery are for other uses", true },
		{ "PIN each time", "alwaysAuthenticate", f->always_authenticate, FACT_UNKNOWN, "",
		  false },
	};

	memcpy(c, all, sizeof(all));
}

static bool wrong(const struct check *c)
{
	if (c->should == FACT_UNKNOWN || c->is == c->should)
		return false;
	/* What a token does not know about uses is no use; about secrecy it is a fault. */
	return c->is != FACT_UNKNOWN || !c->use;
}

static const char *fact_name(enum token_fact f)
{
	return f == FACT_YES ? "yes" : f == FACT_NO ? "no" : "not told";
}

static int print_check(struct admin *a, const struct token_key *k, const struct check *c, bool json)
{
	struct buf b = BUF_INIT, uri = BUF_INIT, spki = BUF_INIT;
	size_t bad = 0;

	admin_uri(a, k, &uri);
	spki_text(k->key, &spki);
	buf_add_byte(&b, '{');
	json_put_text(&b, "uri", buf_str(&uri));
	json_put_text(&b, "key", alg_key_name(alg_of_key(k->key)));
	json_put_text(&b, "spkiSha256", buf_str(&spki));
	json_put_text(&b, "level", "declared");
	if (!json)
		fprintf(a->out, "%s, %s\n  spki sha256:%s\n", buf_str(&uri),
			alg_key_name(alg_of_key(k->key)), buf_str(&spki));
	for (size_t i = 0; i < CHECKS; i++) {
		bad += wrong(&c[i]);
		json_put_bool(&b, c[i].json_name, c[i].is);
		if (!json)
			fprintf(a->out, "  %-8s %-18s %s%s%s\n", wrong(&c[i]) ? "PROBLEM" : "ok",
				c[i].name, fact_name(c[i].is), wrong(&c[i]) ? ": " : "",
				wrong(&c[i]) ? c[i].meaning : "");
	}
	json_put_bool(&b, "good", bad == 0);
	if (json)
		fprintf(a->out, "%s}\n", buf_str(&b));
	else
		fprintf(a->out, "%zu problem%s. All this is what the module declares, not proof.\n",
			bad, bad == 1 ? "" : "s");
	buf_free(&b);
	buf_free(&uri);
	buf_free(&spki);
	return bad == 0 ? 0 : ERR_BAD;
}

struct question {
	const char *key; /* as admin_key() takes it */
	bool json;
};

static int check(struct admin *a, void *ctx, struct err *err)
{
	const struct question *q = ctx;
	const struct token_key *k = NULL;
	struct token_key_facts f;
	struct check c[CHECKS];
	int r = admin_key(a, q->key, false, &k, err);

	if (r == 0)
		r = admin_login(a, k->slot_index, false, err);
	if (r == 0)
		r = token_key_facts(a->token, k->slot_index, bytes_of(k->id, k->id_n), &f, err);
	if (r != 0)
		return r;
	fill(c, &f);
	return print_check(a, k, c, q->json);
}

int verb_key_check(int argc, char **argv)
{
	struct admin_options at = { .module = NULL };
	struct question q = { .key = NULL };
	const struct opt opts[] = {
		ADMIN_MODULE(&at.module),
		{ 0, "json", NULL, "print JSON", OPT_FLAG, &q.json },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm key check [KEY] [--json]",
		.summary = "Reads what the token declares about a private key (KEY: a PKCS#11 URI "
			   "or a label): can it leave the token, was it made there, may it do "
			   "more than sign. Ends with 1 when there is a problem.",
		.opts = opts,
		.args_max = 1,
	};
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	q.key = argc > 0 ? argv[0] : NULL;
	return admin_run(&at, check, &q);
}
