/* Which key: exactly one, with or without a certificate, and not the one that signs commits. */
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "gitsign-hsm/select.h"
#include "helper/key_internal.h"

#define PEM_MAX 262144
#define CERTS_MAX 64

/* A public key on the token, by a certificate or by a public key object. */
struct found {
	size_t slot;
	struct bytes id;
	const char *label;
	EVP_PKEY *key;           /* borrowed */
	const struct cert *cert; /* NULL: a public key object */
	uint8_t spki[32];
};

struct search {
	struct token_objects objects;
	struct token_keys keys;
	struct cert_list certs; /* of the objects, and hsmCertificate's */
	struct found *v;
	size_t n;
	const struct token_slot *slots;
	const struct cert *file; /* the leaf of hsmCertificate, or NULL */
};

static bool spki_hash(EVP_PKEY *key, uint8_t out[32])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	bool ok = n > 0 && SHA256(der, (size_t)n, out) != NULL;

	OPENSSL_free(der);
	return ok;
}

static void add(struct search *s, size_t slot, struct bytes id, const char *label, EVP_PKEY *key,
		const struct cert *cert)
{
	struct found f = { slot, id, label, key, cert, { 0 } };

	if (key == NULL || !spki_hash(key, f.spki))
		return;
	s->v = xreallocarray(s->v, s->n + 1, sizeof(s->v[0]));
	s->v[s->n++] = f;
}

static int read_file(struct search *s, const char *path, struct err *err)
{
	struct buf pem = BUF_INIT;
	int r;

	if (path == NULL)
		return 0;
	r = os_file_read(path, OS_FILE_ANY, PEM_MAX, &pem, err);
	if (r == 0)
		r = cert_list_from_pem(buf_bytes(&pem), CERTS_MAX, &s->certs, err);
	if (r != 0)
		err_prefix(err, "hsmCertificate");
	else
		s->file = s->certs.v[0];
	buf_free(&pem);
	return r;
}

/* All of the tokens that the URI may mean: labels and ids are compared here. */
static int load(struct search *s, struct token *t, const struct selector *want, struct err *err)
{
	struct uri where = { .slot_id = -1 };
	size_t slots_n;
	int r;

	if (want->kind == SELECT_URI) {
		where = want->uri;
		where.object = where.type = NULL;
		where.id = NULL;
		where.id_n = 0;
		where.has_id = false;
	}
	r = token_certificates(t, &where, &s->objects, err);
	if (r == 0)
		r = token_public_keys(t, &where, &s->keys, err);
	if (r != 0)
		return r;
	s->slots = token_slots(t, &slots_n);
	for (size_t i = 0; i < s->objects.n; i++) {
		const struct token_object *o = &s->objects.v[i];
		struct cert *c = NULL;

		if (cert_parse(bytes_of(o->der, o->der_n), &c, NULL) != 0)
			continue;
		cert_list_add(&s->certs, c);
		add(s, o->slot_index, bytes_of(o->id, o->id_n), o->label, c->key, c);
	}
	for (size_t i = 0; i < s->keys.n; i++) {
		const struct token_key *k = &s->keys.v[i];

		add(s, k->slot_index, bytes_of(k->id, k->id_n), k->label, k->key, NULL);
	}
	return 0;
}

static void search_free(struct search *s)
{
	token_objects_free(&s->objects);
	token_keys_free(&s->keys);
	cert_list_free(&s->certs);
	free(s->v);
}

/* --- matching ---------------------------------------------------------------------- */

static bool uri_fits(const struct search *s, const struct found *f, const struct uri *u)
{
	_cleanup_free_ char *label = u->object != NULL ? text_escaped(bytes_str(u->object)) : NULL;

	return token_slot_matches(&s->slots[f->slot], u) &&
	       (!u->has_id || bytes_eq(f->id, bytes_of(u->id, u->id_n))) &&
	       (label == NULL || strcmp(label, f->label) == 0);
}

static bool fits(const struct search *s, const struct found *f, const struct selector *want)
{
	switch (want->kind) {
	case SELECT_URI:
		return uri_fits(s, f, &want->uri);
	case SELECT_SHA1:
		return f->cert != NULL && memcmp(f->cert->sha1, want->digest, 20) == 0;
	case SELECT_SHA256:
		return f->cert != NULL && memcmp(f->cert->sha256, want->digest, 32) == 0;
	case SELECT_EMAIL:
		return f->cert != NULL && cert_has_email(f->cert, bytes_str(want->email));
	default:
		return false;
	}
}

static bool same_key(const struct found *a, const struct found *b)
{
	return memcmp(a->spki, b->spki, 32) == 0;
}

static void describe(struct buf *out, const struct search *s, const struct found *f)
{
	buf_addf(out, "%s\"%s\" (%s) on token \"%s\"", out->n > 0 ? "; " : "", f->label,
		 alg_key_name(alg_of_key(f->key)), s->slots[f->slot].label);
}

static int refuse(const struct search *s, const struct selector *want, size_t n, struct err *err)
{
	struct buf list = BUF_INIT;
	int r;

	for (size_t i = 0; i < s->n && i < 8; i++)
		if (n == 0 || fits(s, &s->v[i], want))
			describe(&list, s, &s->v[i]);
	if (n > 1)
		r = err_set(err, ERR_KEY, "hsmKey fits %zu keys: name one by its id or label: %s",
			    n, buf_str(&list));
	else if (list.n > 0)
		r = err_set(err, ERR_KEY, "hsmKey names no key that is there; there are: %s",
			    buf_str(&list));
	else
		r = err_set(
			err, ERR_KEY,
			"hsmKey names no key: the token shows no public key and no certificate "
			"(is it plugged in? else name the certificate's file as hsmCertificate)");
	buf_free(&list);
	return r;
}

static int pick(const struct search *s, const struct selector *want, const struct found **ret,
		struct err *err)
{
	const struct found *one = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct found *f = &s->v[i];

		if (!fits(s, f, want))
			continue;
		if (one != NULL && same_key(one, f) && one->slot == f->slot &&
		    bytes_eq(one->id, f->id))
			continue; /* its certificate, or its public key object */
		one = f;
		n++;
	}
	if (n != 1)
		return refuse(s, want, n, err);
	*ret = one;
	return 0;
}

/* --- not the commit key -------------------------------------------------------------- */

/* Would this setting of the signing program choose the key, through any of its objects? */
static bool chooses(const struct search *s, const char *setting, const struct found *key)
{
	struct selector want;
	bool yes = false;

	if (setting == NULL || setting[0] == '\0' || selector_parse(setting, &want, NULL) != 0)
		return false;
	for (size_t i = 0; i < s->n && !yes; i++)
		yes = same_key(&s->v[i], key) && fits(s, &s->v[i], &want);
	selector_free(&want);
	return yes;
}

static int not_for_commits(const struct search *s, const struct settings *settings,
			   const struct found *key, struct err *err)
{
	static const char *const names[] = { "user.signingKey", "hsm.key", "hsm.tagKey",
					     "hsm.pushKey", "user.email" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *v = gitconf_get(&settings->conf, names[i]);

		/* git signs as the committer when no key is named */
		if (strcmp(names[i], "user.email") == 0 &&
		    (settings->user_key != NULL || settings->format == NULL ||
		     strcmp(settings->format, "x509") != 0))
			continue;
		if (chooses(s, v, key))
			return err_set(err, ERR_KEY,
				       "hsmKey is the key that signs commits (%s): a signature for "
				       "a server must not pass for one under a commit. Use another "
				       "key, or say hsmKeyShared = true",
				       names[i]);
	}
	return 0;
}

/* --- the answer ------------------------------------------------------------------------ */

/* hsmCertificate's, or any on the token with this key. */
static const struct cert *cert_for(const struct search *s, const struct found *key)
{
	uint8_t spki[32];

	if (s->file != NULL)
		return spki_hash(s->file->key, spki) && memcmp(spki, key->spki, 32) == 0 ? s->file
											 : NULL;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].cert != NULL && same_key(&s->v[i], key))
			return s->v[i].cert;
	return NULL;
}

static int keep(struct key *k, const struct search *s, const struct found *f, struct err *err)
{
	const struct cert *cert = cert_for(s, f);
	int r = 0;

	if (cert == NULL && s->file != NULL)
		return err_set(err, ERR_KEY, "hsmCertificate is for another key than hsmKey names");
	k->slot = f->slot;
	k->id = xmalloc(f->id.n + 1);
	if (f->id.n > 0)
		memcpy(k->id, f->id.p, f->id.n);
	memcpy(k->spki, f->spki, 32);
	k->label = xstrdup(f->label);
	EVP_PKEY_up_ref(f->key);
	if (cert != NULL)
		r = cert_parse(bytes_of(cert->der, cert->der_n), &k->cert, err);
	k->facts = (struct key_facts){
		.alg = alg_of_key(f->key),
		.public = f->key,
		.token = s->slots[f->slot].label,
		.serial = s->slots[f->slot].serial,
		.label = k->label,
		.id = bytes_of(k->id, f->id.n),
		.cert = k->cert != NULL ? bytes_of(k->cert->der, k->cert->der_n) : BYTES_NONE,
		.spki_sha256 = bytes_of(k->spki, 32),
	};
	return r;
}

void key_found_free(struct key *k)
{
	free(k->id);
	free(k->label);
	cert_free(k->cert);
	EVP_PKEY_free(k->facts.public);
}

/* A private key alone on its token: the file says what its public half is. */
static void add_file(struct search *s, const struct selector *want, size_t slots_n)
{
	const struct uri *u = &want->uri;
	size_t slot = slots_n;

	if (s->file == NULL || want->kind != SELECT_URI || !u->has_id)
		return;
	for (size_t i = 0; i < slots_n; i++) {
		if (!token_slot_matches(&s->slots[i], u))
			continue;
		if (slot != slots_n)
			return;
		slot = i;
	}
	for (size_t i = 0; i < s->n; i++)
		if (uri_fits(s, &s->v[i], u))
			return;
	if (slot != slots_n)
		add(s, slot, bytes_of(u->id, u->id_n), u->object != NULL ? u->object : "",
		    s->file->key, NULL);
}

int key_find(struct key *k, void *ctx, struct err *err)
{
	const struct cred_profile *p = ctx;
	struct search s = { .n = 0 };
	struct selector want;
	const struct found *f = NULL;
	size_t slots_n;
	int r = selector_parse(p->key, &want, err);

	if (r != 0) {
		err_prefix(err, "hsmKey");
		return r;
	}
	r = read_file(&s, p->certificate, err);
	if (r == 0)
		r = load(&s, k->token, &want, err);
	if (r == 0) {
		(void)token_slots(k->token, &slots_n);
		add_file(&s, &want, slots_n);
		r = pick(&s, &want, &f, err);
	}
	if (r == 0 && !p->key_shared)
		r = not_for_commits(&s, &k->settings, f, err);
	if (r == 0)
		r = keep(k, &s, f, err);
	selector_free(&want);
	search_free(&s);
	return r;
}
