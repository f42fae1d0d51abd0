/* RFC 5280 6.3, for complete lists that stand in files. */
#include "trust/revoke.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/der.h"
#include "base/mem.h"
#include "base/text.h"

#define CERTS_MAX 1024 /* beside the lists of one file */

/* --- keys ------------------------------------------------------------------------ */

void revoked_keys_add(struct revoked_keys *k, enum revoked_kind kind, const uint8_t sha256[32],
		      int64_t since, const char *why)
{
	struct revoked_key *e;

	k->v = xreallocarray(k->v, k->n + 1, sizeof(*k->v));
	e = &k->v[k->n++];
	e->kind = kind;
	memcpy(e->sha256, sha256, sizeof(e->sha256));
	e->since = since;
	e->why = xstrdup(why);
}

void revoked_keys_free(struct revoked_keys *k)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		free(k->v[i].why);
	free(k->v);
	*k = (struct revoked_keys){ NULL, 0 };
}

/* "`what` (`why`)", with `since` ("since", "at") and the time between. */
static void revoke(struct revoked *r, int64_t at, const char *what, const char *since,
		   const char *why)
{
	struct buf b = BUF_INIT;

	if (r->why && r->at <= at)
		return;
	buf_add_str(&b, what);
	if (at != INT64_MIN) {
		buf_addf(&b, " %s ", since);
		text_time(&b, at);
	}
	buf_addf(&b, " (%s)", why);
	free(r->why);
	r->why = buf_detach(&b);
	r->at = at;
}

/* `other`: of the certificate's other form; NULL: none, or not known. */
static bool is_revoked(const struct revoked_key *k, const struct cert *c, const uint8_t *other)
{
	if (k->kind == REVOKED_KEY)
		return memcmp(k->sha256, c->spki_sha256, sizeof(k->sha256)) == 0;
	return memcmp(k->sha256, c->sha256, sizeof(k->sha256)) == 0 ||
	       (other && memcmp(k->sha256, other, sizeof(k->sha256)) == 0);
}

void revoked_key_look(const struct revoked_keys *k, const struct cert *c, const struct cert *issuer,
		      struct revoked *ret)
{
	uint8_t other[32];
	bool two = k->n > 0 && issuer && issuer->key && cert_other_sha256(c, issuer->key, other);
	size_t i;

	for (i = 0; i < k->n; i++) {
		_cleanup_free_ char *what = NULL;

		if (!is_revoked(&k->v[i], c, two ? other : NULL))
			continue;
		what = xasprintf("%scertificate %s is revoked",
				 k->v[i].kind == REVOKED_KEY ? "the key of " : "", c->subject);
		revoke(ret, k->v[i].since, what, "since", k->v[i].why);
	}
}

/* --- one certificate ------------------------------------------------------------- */

void crl_cover_free(struct crl_cover *c)
{
	free(c->from_of);
	free(c->until_of);
	free(c->missing);
	*c = (struct crl_cover){ 0 };
}

static void narrow(struct crl_cover *c, int64_t from, int64_t until, const char *issuer)
{
	if (!c->from_of || from > c->from) {
		free(c->from_of);
		c->from_of = xstrdup(issuer);
		c->from = from;
	}
	if (!c->until_of || until < c->until) {
		free(c->until_of);
		c->until_of = xstrdup(issuer);
		c->until = until;
	}
}

/* The worst reason stays: the wrong before the missing. */
static void lacks(struct crl_cover *c, bool wrong, const char *what, const char *issuer,
		  const char *rest)
{
	if (c->missing && (c->wrong || !wrong))
		return;
	free(c->missing);
	c->missing = xasprintf("%s%s%s", what, issuer, rest);
	c->wrong = wrong;
}

/* A CA that has changed its key issues lists under one name with both. */
static bool other_key(const struct crl *crl, X509 *issuer)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);

	return id && crl->key_id.n > 0 &&
	       !bytes_eq(crl->key_id,
			 bytes_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)));
}

static bool may_sign(X509 *issuer)
{
	return !(X509_get_extension_flags(issuer) & EXFLAG_KUSAGE) ||
	       (X509_get_key_usage(issuer) & KU_CRL_SIGN);
}

static bool verified(struct crl_use *u, const struct cert *issuer)
{
	if (u->tried && memcmp(u->spki, issuer->spki_sha256, sizeof(u->spki)) == 0)
		return u->good;
	memcpy(u->spki, issuer->spki_sha256, sizeof(u->spki));
	u->tried = true;
	u->good = issuer->key && crl_verify(u->crl, issuer->key, NULL) == 0;
	return u->good;
}

static bool of_issuer(const struct crl_use *u, const struct cert *c)
{
	return X509_NAME_cmp(u->crl->issuer, X509_get_issuer_name(c->x509)) == 0;
}

/* The lists of one issuer that count. */
struct found {
	struct crl_use *v[CRL_MAX_LISTS];
	size_t n;
	const struct crl *newest;
};

static void find_lists(struct crl_set *s, const struct cert *c, const struct cert *issuer,
		       struct found *f, struct crl_cover *cover)
{
	bool named = false, wrong = false;
	size_t i;

	f->n = 0;
	f->newest = NULL;
	for (i = 0; i < s->n; i++) {
		struct crl_use *u = &s->v[i];

		if (!of_issuer(u, c) || other_key(u->crl, issuer->x509))
			continue;
		named = true;
		if (!may_sign(issuer->x509) || !verified(u, issuer)) {
			wrong = true;
			continue;
		}
		f->v[f->n++] = u;
		if (!f->newest || u->crl->this_update > f->newest->this_update)
			f->newest = u->crl;
	}
	if (f->n > 0)
		return;
	if (!named)
		lacks(cover, false, "there is no CRL of ", issuer->subject, "");
	else if (wrong && !may_sign(issuer->x509))
		lacks(cover, true, "", issuer->subject,
		      " may not sign CRLs: its keyUsage lacks cRLSign");
	else
		lacks(cover, true, "the CRL of ", issuer->subject, " is not signed by it");
}

/* A hold counts while it stands, any other revocation for ever: an authority may drop
 * entries of expired certificates. */
static void look_up(const struct found *f, const struct cert *c, struct revoked *r)
{
	_cleanup_free_ char *what = xasprintf("certificate %s was revoked", c->subject);
	struct crl_entry e;
	size_t i;

	for (i = 0; i < f->n; i++) {
		const struct crl *crl = f->v[i]->crl;

		if (crl_find(crl, c->serial, &e) && (e.reason != CRL_HOLD || crl == f->newest))
			revoke(r, e.since, what, "at", crl_reason_name(e.reason));
	}
}

static void cover_of(const struct found *f, const struct cert *issuer, struct crl_cover *cover)
{
	int64_t from = INT64_MAX, until = INT64_MIN;
	size_t i;

	for (i = 0; i < f->n; i++) {
		const struct crl *crl = f->v[i]->crl;

		from = crl->this_update < from ? crl->this_update : from;
		until = crl->next_update > until ? crl->next_update : until;
	}
	if (f->n > 0)
		narrow(cover, from, until, issuer->subject);
}

static void judge_one(struct crl_set *s, const struct cert *c, const struct cert *issuer,
		      struct revoked *r, struct crl_cover *cover)
{
	struct found f;

	find_lists(s, c, issuer, &f, cover);
	look_up(&f, c, r);
	cover_of(&f, issuer, cover);
}

/* --- a chain --------------------------------------------------------------------- */

static struct cert *facts_of(X509 *x)
{
	unsigned char *der = NULL;
	struct cert *c = NULL;
	int n = i2d_X509(x, &der);

	if (n <= 0 || cert_parse(bytes_of(der, (size_t)n), &c, NULL))
		c = NULL;
	OPENSSL_free(der);
	return c;
}

void crl_set_judge(struct crl_set *s, const STACK_OF(X509) * chain, const struct revoked_keys *keys,
		   struct revoked *revoked, struct crl_cover *cover)
{
	int i, n = sk_X509_num(chain);
	struct cert *c = n > 0 ? facts_of(sk_X509_value(chain, 0)) : NULL;

	for (i = 0; i < n && c; i++) {
		struct cert *above = i + 1 < n ? facts_of(sk_X509_value(chain, i + 1)) : NULL;

		revoked_key_look(keys, c, above, revoked);
		if (above && s)
			judge_one(s, c, above, revoked, cover);
		cert_free(c);
		c = above;
	}
	if (i < n) /* what cannot be read again cannot be looked up */
		lacks(cover, true, "a certificate of the chain cannot be looked up", "", "");
}

/* --- files ----------------------------------------------------------------------- */

void crl_set_free(struct crl_set *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		crl_free(s->v[i].crl);
	free(s->v);
	*s = (struct crl_set){ NULL, 0 };
}

static void add_list(struct crl_set *s, struct crl *crl)
{
	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = (struct crl_use){ .crl = crl_ref(crl) };
}

void crl_set_clone(const struct crl_set *of, struct crl_set *ret)
{
	size_t i;

	*ret = (struct crl_set){ NULL, 0 };
	for (i = 0; i < of->n; i++)
		add_list(ret, of->v[i].crl);
}

size_t crl_set_until(const struct crl_set *s, const char *issuer, int64_t *until)
{
	size_t first = s->n;

	*until = INT64_MIN;
	for (size_t i = s->n; i-- > 0;) {
		const struct crl *c = s->v[i].crl;

		if (strcmp(c->issuer_text, issuer) != 0)
			continue;
		first = i;
		if (c->next_update > *until)
			*until = c->next_update;
	}
	return first;
}

static int read_file(struct bytes file, struct crl_set *s, struct cert_list *certs, struct err *err)
{
	_cleanup_(crl_list_free) struct crl_list l = { NULL, 0 };
	bool der = file.n > 0 && file.p[0] == DER_SEQUENCE;
	size_t i;

	if (crl_list_read(file, &l, err))
		return ERR_CONFIG;
	if (s->n + l.n > CRL_MAX_LISTS)
		return err_set(err, ERR_CONFIG, "more than %d CRLs under one trust name",
			       CRL_MAX_LISTS);
	for (i = 0; i < l.n; i++)
		add_list(s, l.v[i]);
	return der ? 0 : cert_list_add_pem(file, CERTS_MAX, certs, err);
}

static const struct cert *issuer_among(const struct cert *c, const struct cert_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->v[i]->key && X509_check_issued(l->v[i]->x509, c->x509) == X509_V_OK &&
		    X509_verify(c->x509, l->v[i]->key) == 1)
			return l->v[i];
	return NULL;
}

/* Does a list revoke this certificate? Then its key is refused, whoever certifies it. */
static int look_at(struct crl_set *s, const struct cert *c, const struct cert_list *anchors,
		   const struct cert_list *certs, struct revoked_keys *keys, struct err *err)
{
	const struct cert *issuer = issuer_among(c, anchors);
	struct revoked r = REVOKED_NONE;
	struct crl_cover cover = { 0 };

	if (!issuer)
		issuer = issuer_among(c, certs);
	ERR_clear_error();
	if (!issuer)
		return err_set(err, ERR_CONFIG,
			       "certificate %s stands beside a CRL, but that of its "
			       "issuer neither there nor in roots: add it",
			       c->subject);
	judge_one(s, c, issuer, &r, &cover);
	if (r.why) {
		_cleanup_free_ char *why = xasprintf("it is the key of a revoked one: %s", r.why);

		revoked_keys_add(keys, REVOKED_KEY, c->spki_sha256, r.at, why);
	}
	free(r.why);
	crl_cover_free(&cover);
	return 0;
}

static int look_at_all(struct crl_set *s, const struct cert_list *anchors,
		       const struct cert_list *certs, struct revoked_keys *keys, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < certs->n && rc == 0; i++)
		rc = look_at(s, certs->v[i], anchors, certs, keys, err);
	return rc;
}

int crl_set_read(const struct bytes *files, size_t n, const struct cert_list *anchors,
		 struct crl_set *ret, struct revoked_keys *keys, size_t *bad, struct err *err)
{
	_cleanup_(cert_list_free) struct cert_list certs = { NULL, 0 };
	struct crl_set s = { NULL, 0 };
	size_t i;
	int rc = 0;

	*bad = 0;
	for (i = 0; i < n && rc == 0; i++) {
		*bad = i;
		rc = read_file(files[i], &s, &certs, err);
	}
	if (rc == 0)
		rc = look_at_all(&s, anchors, &certs, keys, err);
	if (rc) {
		if (err)
			err->code = ERR_CONFIG;
		crl_set_free(&s);
		return ERR_CONFIG;
	}
	*ret = s;
	return 0;
}
