/* From armor to verdict: each step that passes raises it, each that does not says why. */
#include "trust/trust.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pem.h"
#include "base/text.h"
#include "trust/chain.h"
#include "trust/known.h"
#include "trust/revoke.h"

struct anchors {
	char *name;
	X509_STORE *store;
	struct cert_list certs; /* what is in the store */
	bool asks_crls;
	enum trust_crls asked;
	struct crl_set crls;
};

struct trust {
	struct trust_limits limits;
	struct anchors anchors[TRUST_MAX_NAMES];
	size_t anchors_n;
	struct revoked_keys revoked;
	const struct trust *of; /* the one whose anchors and keys these are; NULL: our own */
	int64_t now;
	size_t sharers;
	struct known_table *known;
	/* Of the signature in hand: kept to spare allocations, and zeroes in what is large. */
	struct buf der;
	struct err why;
};

static const char *const level_names[] = {
	[VERDICT_BAD] = "bad",
	[VERDICT_UNSIGNED] = "unsigned",
	[VERDICT_FOREIGN] = "foreign",
	[VERDICT_FORBIDDEN] = "forbidden",
	[VERDICT_REVOKED] = "revoked",
	[VERDICT_UNKNOWN] = "unknown",
	[VERDICT_UNCHECKED] = "unchecked",
	[VERDICT_EXPIRED] = "expired",
	[VERDICT_GOOD] = "good",
};

const char *verdict_level_name(enum verdict_level l)
{
	return (size_t)l < sizeof(level_names) / sizeof(level_names[0]) ? level_names[l] : "bad";
}

void trust_limits_default(struct trust_limits *l)
{
	*l = (struct trust_limits){
		.rsa_bits = 3072,
		.kinds = { [KEY_RSA] = true,
			   [KEY_P256] = true,
			   [KEY_P384] = true,
			   [KEY_P521] = true,
			   [KEY_ED25519] = true },
		.hashes = { [HASH_SHA256] = true, [HASH_SHA384] = true, [HASH_SHA512] = true },
	};
}

/* --- the object -------------------------------------------------------------------- */

struct trust *trust_new(const struct trust_limits *limits)
{
	struct trust *t = xcalloc(1, sizeof(*t));

	/* Before anything else of OpenSSL: OPENSSL_CONF of the environment must not count. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (limits)
		t->limits = *limits;
	else
		trust_limits_default(&t->limits);
	t->now = INT64_MIN;
	t->sharers = 1;
	t->known = known_table_new();
	return t;
}

void trust_share(struct trust *t, size_t n)
{
	t->sharers = n;
	known_table_limit(t->known, KNOWN_BYTES / n);
}

struct trust *trust_clone(const struct trust *of)
{
	struct trust *t = trust_new(&of->limits);
	size_t i;

	t->of = of;
	t->now = of->now;
	trust_share(t, of->sharers);
	t->revoked = of->revoked;
	t->anchors_n = of->anchors_n;
	memcpy(t->anchors, of->anchors, sizeof(t->anchors));
	for (i = 0; i < t->anchors_n; i++)
		crl_set_clone(&of->anchors[i].crls, &t->anchors[i].crls);
	return t;
}

void trust_free(struct trust *t)
{
	size_t i;

	if (!t)
		return;
	known_table_free(t->known);
	for (i = 0; i < t->anchors_n; i++) {
		crl_set_free(&t->anchors[i].crls);
		if (t->of)
			continue;
		X509_STORE_free(t->anchors[i].store);
		cert_list_free(&t->anchors[i].certs);
		free(t->anchors[i].name);
	}
	if (!t->of)
		revoked_keys_free(&t->revoked);
	buf_free(&t->der);
	free(t);
}

static struct anchors *find_anchors(struct trust *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->anchors_n; i++)
		if (!strcmp(t->anchors[i].name, name))
			return &t->anchors[i];
	return NULL;
}

static int new_anchors(struct trust *t, const char *name, struct anchors **ret, struct err *err)
{
	struct anchors *a = &t->anchors[t->anchors_n];

	if (t->anchors_n == TRUST_MAX_NAMES)
		return err_set(err, ERR_CONFIG, "more than %d [trust] sections", TRUST_MAX_NAMES);
	a->store = chain_store_new();
	if (!a->store)
		return err_set(err, ERR_INTERNAL, "cannot make a certificate store");
	a->name = xstrdup(name);
	t->anchors_n++;
	*ret = a;
	return 0;
}

int trust_add_roots(struct trust *t, const char *name, struct bytes pem, struct err *err)
{
	_cleanup_(cert_list_free) struct cert_list l = { NULL, 0 };
	struct anchors *a = find_anchors(t, name);
	size_t i;
	int rc;

	if (cert_list_from_pem(pem, TRUST_MAX_ROOTS, &l, err)) {
		if (err)
			err->code = ERR_CONFIG;
		err_prefix(err, "trust anchors of \"%s\"", name);
		return ERR_CONFIG;
	}
	if (!a && (rc = new_anchors(t, name, &a, err)) != 0)
		return rc;
	known_table_clear(t->known); /* what was judged was judged without these */
	for (i = 0; i < l.n; i++) {
		if (!X509_STORE_add_cert(a->store, l.v[i]->x509))
			return err_set(err, ERR_INTERNAL, "cannot add a trust anchor");
		cert_list_add(&a->certs, l.v[i]);
		l.v[i] = NULL;
	}
	return 0;
}

int trust_set_crls(struct trust *t, const char *name, enum trust_crls asked,
		   const struct bytes *files, size_t n, size_t *bad, struct err *err)
{
	struct anchors *a = find_anchors(t, name);
	int rc;

	*bad = 0;
	if (!a || a->asks_crls)
		return err_set(err, ERR_INTERNAL, "CRLs of \"%s\" out of order", name);
	rc = crl_set_read(files, n, &a->certs, &a->crls, &t->revoked, bad, err);
	if (rc)
		return err_prefix(err, "CRLs of \"%s\"", name);
	known_table_clear(t->known);
	a->asks_crls = true;
	a->asked = asked;
	return 0;
}

void trust_each_crl(const struct trust *t,
		    void (*each)(const char *name, enum trust_crls asked, const char *issuer,
				 int64_t until, void *ctx),
		    void *ctx)
{
	for (size_t i = 0; i < t->anchors_n; i++)
		for (size_t k = 0; k < t->anchors[i].crls.n; k++) {
			const struct anchors *a = &t->anchors[i];
			const char *issuer = a->crls.v[k].crl->issuer_text;
			int64_t until = INT64_MIN;

			if (crl_set_until(&a->crls, issuer, &until) == k)
				each(a->name, a->asked, issuer, until, ctx);
		}
}

void trust_revoke_key(struct trust *t, const uint8_t spki[32], int64_t since, const char *why)
{
	revoked_keys_add(&t->revoked, REVOKED_KEY, spki, since, why);
	known_table_clear(t->known); /* `spki` may stand in it */
}

void trust_revoke_certificate(struct trust *t, const uint8_t sha256[32], int64_t since,
			      const char *why)
{
	revoked_keys_add(&t->revoked, REVOKED_CERTIFICATE, sha256, since, why);
	known_table_clear(t->known); /* `sha256` may stand in it */
}

void trust_set_now(struct trust *t, int64_t now)
{
	t->now = now;
}

const char *trust_name_at(const struct trust *t, size_t i)
{
	return i < t->anchors_n ? t->anchors[i].name : NULL;
}

bool verdict_has_trust(const struct trust *t, const struct verdict *v, const char *name)
{
	size_t i;

	for (i = 0; i < t->anchors_n; i++)
		if (!strcmp(t->anchors[i].name, name))
			return v->trust_set >> i & 1;
	return false;
}

/* --- what time does not change ------------------------------------------------------- */

static int forbid(struct known *k, char *why)
{
	free(k->why);
	k->why = why;
	k->level = VERDICT_FORBIDDEN;
	return -1;
}

/* The signer's own certificate. */
static int judge_leaf(const struct trust *t, struct known *k)
{
	const struct trust_limits *l = &t->limits;
	const struct cert *c = k->leaf;
	const char *fault = chain_key_fault(c->key);

	if (fault)
		return forbid(k, xasprintf("the signer's key is %s", fault));
	if (!l->kinds[c->alg.kind])
		return forbid(k,
			      xasprintf("keys of kind %s are not allowed", alg_key_name(c->alg)));
	if (c->alg.kind == KEY_RSA && c->alg.bits < l->rsa_bits)
		return forbid(k, xasprintf("the signer's RSA key has %d bits, at least %d are "
					   "needed",
					   c->alg.bits, l->rsa_bits));
	if (!c->usage_ok)
		return forbid(k, xasprintf("certificate %s may not sign commits: %s", c->subject,
					   c->usage_why));
	if (c->emails_malformed)
		return forbid(k, xasprintf("certificate %s has a malformed e-mail address",
					   c->subject));
	return 0;
}

/* All certificates of the bag but the signer's. */
static int parse_bag(const struct cms *c, struct cert_list *l, struct err *err)
{
	int leaf = cms_signer_index(c);
	size_t i;

	for (i = 0; i < c->certs_n; i++) {
		struct cert *x;

		if ((int)i == leaf)
			continue;
		if (cert_parse(c->certs[i], &x, err))
			return err_prefix(err, "certificate %zu of the signature", i + 1);
		cert_list_add(l, x);
	}
	return 0;
}

/* Where the facts about a good chain go. */
struct span_place {
	struct trust *t;
	struct known *k;
	size_t name;
};

static void add_span(const STACK_OF(X509) * chain, void *ctx)
{
	struct span_place *p = ctx;
	struct anchors *a = &p->t->anchors[p->name];
	struct known_span *s;

	p->k->spans = xreallocarray(p->k->spans, p->k->spans_n + 1, sizeof(*s));
	s = &p->k->spans[p->k->spans_n++];
	*s = (struct known_span){ .name = p->name };
	if (a->asks_crls || p->t->revoked.n > 0)
		crl_set_judge(a->asks_crls ? &a->crls : NULL, chain, &p->t->revoked, &p->k->revoked,
			      &s->crls);
}

/* Under each trust name by itself: one that refuses takes nothing from another. */
static void judge_chains(struct trust *t, struct known *k, const struct cert *const *above,
			 size_t n)
{
	struct chain_result r;
	size_t i;

	k->level = VERDICT_UNKNOWN;
	k->why = xstrdup("no trust anchors are configured");
	for (i = 0; i < t->anchors_n; i++) {
		struct span_place place = { t, k, i };

		chain_judge(t->anchors[i].store, k->leaf, above, n, add_span, &place, &r);
		if (r.level == VERDICT_GOOD) {
			k->spans[k->spans_n - 1].from = r.from;
			k->spans[k->spans_n - 1].until = r.until;
			k->level = VERDICT_GOOD;
		} else if (r.level < k->level || (r.level == k->level && i == 0)) {
			free(k->why);
			k->why = xstrdup(r.why);
			k->level = r.level;
		}
	}
	if (k->spans_n > 0)
		k->level = VERDICT_GOOD;
}

static void judge_known(struct trust *t, struct known *k, const struct cms *c)
{
	_cleanup_(cert_list_free) struct cert_list bag = { NULL, 0 };
	const struct cert *above[CMS_MAX_CERTS];
	struct err err = ERR_INIT;

	k->judged = true;
	k->level = VERDICT_BAD;
	revoked_key_look(&t->revoked, k->leaf, NULL, &k->revoked);
	if (judge_leaf(t, k))
		return;
	if (parse_bag(c, &bag, &err) || chain_order(k->leaf, &bag, above, &err)) {
		forbid(k, xstrdup(err.text));
		return;
	}
	for (size_t i = 0; i < bag.n; i++)
		revoked_key_look(&t->revoked, bag.v[i], NULL, &k->revoked);
	judge_chains(t, k, above, bag.n);
}

/* --- the verdict ------------------------------------------------------------------------ */

/* Texts come escaped; a cut must not leave half a UTF-8 character. */
static void say(struct verdict *v, enum verdict_level level, const char *why)
{
	size_t n = strlen(why);

	v->level = level;
	if (n >= sizeof(v->why)) {
		n = sizeof(v->why) - 1;
		while (n > 0 && ((uint8_t)why[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(v->why, why, n);
	v->why[n] = '\0';
}

static void say_time(struct verdict *v, enum verdict_level level, const char *what, int64_t t)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT;

	buf_addf(&b, "the %s ", what);
	text_time(&b, t);
	say(v, level, buf_str(&b));
}

static void say_out_of_time(struct verdict *v)
{
	const struct cert *c = v->cert;

	if (v->when > c->not_after)
		say_time(v, VERDICT_EXPIRED, "signer's certificate expired on", c->not_after);
	else if (v->when < c->not_before)
		say_time(v, VERDICT_EXPIRED, "signer's certificate is not valid before",
			 c->not_before);
	else if (v->when > v->valid_until)
		say_time(v, VERDICT_EXPIRED, "chain has a CA certificate that expired on",
			 v->valid_until);
	else
		say_time(v, VERDICT_EXPIRED, "chain has a CA certificate that is not valid before",
			 v->valid_from);
}

static void take_span(const struct trust *t, struct verdict *v, const struct known_span *s)
{
	if (!v->trust_set) {
		v->trust_name = t->anchors[s->name].name;
		v->valid_from = s->from;
		v->valid_until = s->until;
	}
	v->trust_set |= (uint64_t)1 << s->name;
}

/* Do the CRLs that are asked for under this name speak about the time? */
static bool is_covered(const struct trust *t, const struct known_span *s, int64_t when)
{
	const struct anchors *a = &t->anchors[s->name];
	const struct crl_cover *c = &s->crls;
	int64_t present = when > t->now ? when : t->now;

	if (!a->asks_crls || a->asked == TRUST_CRLS_IF_PRESENT)
		return !c->wrong;
	return !c->missing && (!c->from_of || present >= c->from) &&
	       (!c->until_of || when <= c->until);
}

static void say_uncovered(struct verdict *v, const struct crl_cover *c)
{
	_cleanup_free_ char *what = NULL;

	if (c->missing) {
		say(v, VERDICT_UNCHECKED, c->missing);
		return;
	}
	if (v->when > c->until)
		what = xasprintf("CRL of %s is out of date since", c->until_of);
	else
		what = xasprintf("CRL of %s is not valid before", c->from_of);
	say_time(v, VERDICT_UNCHECKED, what, v->when > c->until ? c->until : c->from);
}

/*
 * Has the chain expired no longer than that ago, and was it signed before, by the signer's
 * word? Authorities may have been renewed since: the signer's certificate says from when.
 */
static bool is_excused(const struct known_span *s, const struct verdict *v)
{
	return v->when > s->until && v->when - s->until <= v->grace && v->has_signing_time &&
	       v->signing_time >= v->cert->not_before && v->signing_time <= s->until;
}

static void judge_time(const struct trust *t, const struct known *k, struct verdict *v)
{
	const struct known_span *s, *end = k->spans + k->spans_n, *covered = NULL;

	for (s = k->spans; s < end; s++) {
		if (!is_covered(t, s, v->when))
			continue;
		covered = s;
		if (v->when >= s->from && v->when <= s->until)
			take_span(t, v, s);
	}
	for (s = k->spans; s < end; s++)
		if (is_covered(t, s, v->when) && is_excused(s, v))
			take_span(t, v, s);
	if (v->trust_set) {
		say(v, VERDICT_GOOD, "");
		return;
	}
	if (!covered) {
		say_uncovered(v, &k->spans[0].crls);
		return;
	}
	for (s = k->spans; s < end; s++)
		if (is_covered(t, s, v->when))
			take_span(t, v, s);
	say_out_of_time(v);
}

static void judge_good(const struct trust *t, const struct cms *c, const struct known *k,
		       struct verdict *v)
{
	if (v->when >= k->revoked.at) {
		v->revoked_at = k->revoked.at;
		say(v, VERDICT_REVOKED, k->revoked.why);
	} else if (!t->limits.hashes[c->hash]) {
		say(v, VERDICT_FORBIDDEN, "the signature's digest algorithm is not allowed");
	} else if (!v->has_signing_time) {
		say(v, VERDICT_FORBIDDEN,
		    "the signature does not say when it was made (signingTime)");
	} else if (k->level != VERDICT_GOOD) {
		say(v, k->level, k->why ? k->why : "not judged");
	} else {
		judge_time(t, k, v);
	}
}

static void judge_cms(struct trust *t, const struct bytes *payload, size_t payload_n,
		      const struct cms *c, struct verdict *v)
{
	struct known *k = known_get(t->known, c);

	if (!k->leaf) {
		say(v, VERDICT_BAD, k->why);
		return;
	}
	if (cms_check(c, payload, payload_n, bytes_of(k->leaf->der, k->leaf->der_n), k->key,
		      &t->why)) {
		say(v, VERDICT_BAD, t->why.text);
		return;
	}
	v->cert = k->leaf;
	v->hash = c->hash;
	v->has_signing_time = c->has_signing_time;
	v->signing_time = c->signing_time;
	if (!k->judged)
		judge_known(t, k, c);
	judge_good(t, c, k, v);
}

static bool is_foreign(struct bytes armor)
{
	return bytes_starts(armor, BYTES_LIT("-----BEGIN SSH SIGNATURE-----")) ||
	       bytes_starts(armor, BYTES_LIT("-----BEGIN PGP SIGNATURE-----")) ||
	       bytes_starts(armor, BYTES_LIT("-----BEGIN PGP MESSAGE-----"));
}

static void judge_x509(struct trust *t, const struct bytes *payload, size_t payload_n,
		       struct bytes armor, struct bytes der, struct verdict *v)
{
	struct cms c;

	if (der.n == 0) {
		buf_clear(&t->der);
		if (pem_read_one(armor, PEM_SIGNED_MESSAGE, false, &t->der, &t->why)) {
			say(v, VERDICT_BAD, t->why.text);
			return;
		}
		der = buf_bytes(&t->der);
	}
	if (cms_parse(der, &c, &t->why)) {
		say(v, VERDICT_BAD, t->why.text);
		return;
	}
	judge_cms(t, payload, payload_n, &c, v);
	cms_free(&c);
}

void trust_judge(struct trust *t, const struct bytes *payload, size_t payload_n, struct bytes armor,
		 int64_t when, struct verdict *ret)
{
	trust_judge_late(t, payload, payload_n, armor, BYTES_NONE, when, 0, ret);
}

void trust_judge_late(struct trust *t, const struct bytes *payload, size_t payload_n,
		      struct bytes armor, struct bytes der, int64_t when, int64_t grace,
		      struct verdict *ret)
{
	*ret = (struct verdict){ .when = when, .grace = grace };
	say(ret, VERDICT_BAD, "not judged");
	if (armor.n == 0)
		say(ret, VERDICT_UNSIGNED, "there is no signature");
	else if (is_foreign(armor))
		say(ret, VERDICT_FOREIGN, "the signature is not X.509 but OpenPGP or SSH");
	else
		judge_x509(t, payload, payload_n, armor, der, ret);
}
