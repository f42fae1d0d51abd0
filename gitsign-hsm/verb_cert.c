/* cert request, cert self-sign, cert import. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "base/pem.h"
#include "base/text.h"
#include "issue.h"
#include "say.h"
#include "sig/cert.h"
#include "verbs.h"

#define FILE_MAX ((size_t)1 << 20)
#define CERTS_MAX 16

struct issue_options {
	const char *key; /* as admin_key() takes it */
	const char *subject, *days;
	struct opt_list emails;
	bool store;
	bool self; /* a certificate, no request */
};

struct key_signer {
	struct admin *a;
	const struct token_key *k;
};

static int sign(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err)
{
	const struct key_signer *s = ctx;

	return token_sign(s->a->token, s->k->slot_index, bytes_of(s->k->id, s->k->id_n), s->k->key,
			  h, tbs, sig, err);
}

static int parse_days(const char *text, int *ret, struct err *err)
{
	uint64_t days = 365;

	if (text != NULL && (!text_parse_u64(bytes_str(text), &days) || days < 1 || days > 3650))
		return err_set(err, ERR_USAGE, "--days wants 1 to 3650");
	*ret = (int)days;
	return 0;
}

static X509 *first_certificate(const struct buf *pem)
{
	struct bytes rest = buf_bytes(pem);
	struct buf der = BUF_INIT;
	bool found = false;
	const unsigned char *p;
	X509 *x = NULL;

	if (pem_next(&rest, PEM_CERTIFICATE, &der, &found, NULL) == 0 && found) {
		p = der.p;
		x = d2i_X509(NULL, &p, (long)der.n);
	}
	buf_free(&der);
	return x;
}

static int store(struct admin *a, const struct token_key *k, const struct buf *pem, struct err *err)
{
	X509 *x = first_certificate(pem);
	bool stored;
	int r = x == NULL
			? err_set(err, ERR_INTERNAL, "the certificate cannot be read back")
			: token_store_certificate(a->token, k->slot_index, bytes_of(k->id, k->id_n),
						  k->label, x, &stored, err);

	X509_free(x);
	return r;
}

static int issue(struct admin *a, void *ctx, struct err *err)
{
	const struct issue_options *o = ctx;
	const char *mine = gitconf_get(&a->settings.conf, "user.email");
	const struct token_key *k = NULL;
	struct key_signer signer = { a, NULL };
	struct buf pem = BUF_INIT;
	struct issue i = { .subject = o->subject,
			   .name = gitconf_get(&a->settings.conf, "user.name"),
			   .emails = o->emails.v,
			   .emails_n = o->emails.n,
			   .sign = sign,
			   .ctx = &signer };
	int r = parse_days(o->days, &i.days, err);

	if (i.emails_n == 0 && mine != NULL) {
		i.emails = &mine;
		i.emails_n = 1;
	}
	if (r == 0)
		r = admin_key(a, o->key, o->store, &k, err);
	if (r == 0)
		r = admin_login(a, k->slot_index, o->store, err);
	if (r != 0)
		return r;
	signer.k = k;
	i.key = k->key;
	r = o->self ? issue_self_signed(&i, &pem, err) : issue_request(&i, &pem, err);
	if (r == 0 && o->store)
		r = store(a, k, &pem, err);
	if (r == 0)
		fputs(buf_str(&pem), a->out);
	buf_free(&pem);
	return r;
}

static int run_issue(int argc, char **argv, bool self)
{
	struct issue_options o = { .self = self };
	struct admin_options at = { .module = NULL };
	const struct opt opts[] = {
		{ 0, "email", "ADDRESS", "may repeat (else user.email)", OPT_LIST, &o.emails },
		{ 0, "subject", "NAME", "/CN=Name/O=Company (else user.name)", OPT_STRING,
		  &o.subject },
		ADMIN_MODULE(&at.module),
		ADMIN_PIN_SOURCE(&at.pin_source),
		{ 0, self ? "days" : NULL, "N", "how long it is valid (365)", OPT_STRING, &o.days },
		{ 0, "store", NULL, "write it to the token, beside the key", OPT_FLAG, &o.store },
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = self ? "gitsign-hsm cert self-sign [KEY] [--days N] [--store] [...]"
			      : "gitsign-hsm cert request [KEY] [--email ADDRESS] [...]",
		.summary =
			self ? "Prints (PEM) a certificate that the key signs itself, for teams "
			       "without a CA: it is its own trust anchor (hsm.roots). KEY: a "
			       "PKCS#11 "
			       "URI or a label."
			     : "Prints (PEM) a certificate request (PKCS#10) for a key on a token, "
			       "for your CA: e-mail addresses, digitalSignature, code signing. "
			       "KEY: "
			       "a PKCS#11 URI or a label.",
		.opts = opts,
		.args_max = 1,
	};
	int r;

	if (say_options(&cmd, &argc, &argv, &r)) {
		o.key = argc > 0 ? argv[0] : NULL;
		r = admin_run(&at, issue, &o);
	}
	free(o.emails.v);
	return r;
}

int verb_cert_request(int argc, char **argv)
{
	return run_issue(argc, argv, false);
}

int verb_cert_self_sign(int argc, char **argv)
{
	return run_issue(argc, argv, true);
}

/* --- cert import -------------------------------------------------------------------- */

static const struct token_key *key_of(const struct admin *a, const struct cert *c)
{
	for (size_t i = 0; i < a->keys.n; i++)
		if (a->keys.v[i].key != NULL && EVP_PKEY_eq(a->keys.v[i].key, c->key) == 1)
			return &a->keys.v[i];
	return NULL;
}

static int import_one(struct admin *a, const struct token_key *k, const struct cert *c,
		      struct err *err)
{
	bool ca = c->is_ca, stored = false;
	struct bytes id = ca ? bytes_of(c->sha1, sizeof(c->sha1)) : bytes_of(k->id, k->id_n);
	int r = token_store_certificate(a->token, k->slot_index, id, ca ? c->subject : k->label,
					c->x509, &stored, err);

	if (r == 0)
		fprintf(a->out, "%s %s%s\n", stored ? "stored " : "was there:", c->subject,
			ca ? " (issuer)" : "");
	return r;
}

/* The key's certificate, then its issuers out of the same file: they go into signatures. */
static int import_list(struct admin *a, const struct cert_list *l, struct err *err)
{
	const struct token_key *k = NULL;
	const struct cert *leaf = NULL, *chain[CERTS_MAX];
	size_t n;
	int r;

	for (size_t i = 0; i < l->n; i++) {
		const struct token_key *fit = l->v[i]->is_ca ? NULL : key_of(a, l->v[i]);

		if (fit == NULL)
			continue;
		if (k != NULL)
			return err_set(err, ERR_KEY,
				       "two certificates of the file belong to keys "
				       "here: import them one by one");
		k = fit;
		leaf = l->v[i];
	}
	if (k == NULL)
		return err_set(err, ERR_KEY,
			       "no key on the token belongs to this certificate (its "
			       "public key is another): nothing was stored");
	r = admin_login(a, k->slot_index, true, err);
	if (r == 0)
		r = import_one(a, k, leaf, err);
	n = cert_chain_for(leaf, l, chain, CERTS_MAX);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = import_one(a, k, chain[i], err);
	if (r == 0)
		fprintf(a->out, "Next: gitsign-hsm setup --key %s\n",
			leaf->emails_n > 0 ? leaf->emails[0] : "FINGERPRINT");
	return r;
}

static int import(struct admin *a, void *ctx, struct err *err)
{
	const char *path = ctx;
	struct cert_list l = { NULL, 0 };
	struct buf text = BUF_INIT;
	int r = os_file_read(path, OS_FILE_ANY, FILE_MAX, &text, err);

	if (r == 0)
		r = cert_list_from_pem(buf_bytes(&text), CERTS_MAX, &l, err);
	if (r == 0)
		r = admin_keys(a, NULL, true, err);
	if (r == 0)
		r = import_list(a, &l, err);
	cert_list_free(&l);
	buf_free(&text);
	return r;
}

int verb_cert_import(int argc, char **argv)
{
	struct admin_options at = { .module = NULL };
	const struct opt opts[] = {
		ADMIN_MODULE(&at.module),
		ADMIN_PIN_SOURCE(&at.pin_source),
		{ 0, NULL, NULL, NULL, OPT_FLAG, NULL },
	};
	const struct opt_command cmd = {
		.usage = "gitsign-hsm cert import FILE",
		.summary = "Stores a certificate (PEM) on the token beside the key that it "
			   "belongs to, and its issuers when they stand in the file too. One "
			   "whose public key is not on the token is refused.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};
	int r;

	if (!say_options(&cmd, &argc, &argv, &r))
		return r;
	return admin_run(&at, import, argv[0]);
}
