/* The files that a policy names: anchors and CRLs, read, loaded and digested. */
#include <stdlib.h>
#include <string.h>

#include "base/alg.h"
#include "base/mem.h"
#include "policy/file_internal.h"
#include "sig/crl.h"

static void read_crls(struct policy_draft *d, struct policy_anchors *a)
{
	for (size_t i = 0; i < a->crls_n && a->asks != CRLS_OFF; i++) {
		struct policy_crl *c = &a->crls[i];
		struct err err = ERR_INIT;

		if (d->read(d->ctx, c->path, CRL_MAX_FILE, &c->text, &err))
			policy_fault(d, c->line, "%s", err.text);
	}
}

void policy_read_files(struct policy_draft *d)
{
	for (size_t i = 0; i < d->anchors_n && i < TRUST_MAX_NAMES; i++) {
		struct policy_anchors *a = &d->anchors[i];
		struct err err = ERR_INIT;

		if (a->roots && d->read(d->ctx, a->roots, POLICY_TEXT_MAX, &a->pem, &err))
			policy_fault(d, a->roots_line, "%s", err.text);
		read_crls(d, a);
	}
}

static void load_crls(struct policy_draft *d, const struct policy_anchors *a)
{
	struct bytes v[TRUST_MAX_CRL_FILES];
	struct err err = ERR_INIT;
	size_t bad = 0;

	if (a->crls_n == 0 || a->asks == CRLS_OFF)
		return;
	for (size_t i = 0; i < a->crls_n; i++)
		v[i] = buf_bytes(&a->crls[i].text);
	if (trust_set_crls(d->p->trust, a->name,
			   a->asks == CRLS_REQUIRE ? TRUST_CRLS_REQUIRE : TRUST_CRLS_IF_PRESENT, v,
			   a->crls_n, &bad, &err))
		policy_fault(d, a->crls[bad].line, "%s (let crl name a complete list by its "
			     "authority)", err.text);
}

/* What a section is beside its names. */
static void describe(const struct policy_anchors *a, struct policy_trust *t)
{
	static const char *const words[] = {
		[CRLS_REQUIRE] = "require", [CRLS_IF_PRESENT] = "ifPresent", [CRLS_OFF] = "off"
	};
	struct bytes pem = buf_bytes(&a->pem);
	uint8_t out[HASH_MAX_SIZE];

	if (alg_digest(HASH_SHA256, &pem, 1, out))
		memcpy(t->roots, out, sizeof(t->roots));
	t->crls = a->crls_n ? words[a->asks] : NULL;
}

static void load_anchors(struct policy_draft *d)
{
	d->p->trust = trust_new(&d->p->limits);
	for (size_t i = 0; i < d->anchors_n && i < TRUST_MAX_NAMES; i++) {
		const struct policy_anchors *a = &d->anchors[i];
		struct err err = ERR_INIT;

		describe(a, &d->p->trusts[i]);
		if (a->pem.n == 0 && d->faults_all > 0)
			continue; /* it could not be read, and that was said */
		if (a->roots && trust_add_roots(d->p->trust, a->name, buf_bytes(&a->pem), &err))
			policy_fault(d, a->roots_line, "%s", err.text);
		else if (d->faults_all == 0)
			load_crls(d, a);
	}
}

/* [revoked] is one with what the CRLs say: its verdict is the same. */
static void load_revoked(struct policy_draft *d)
{
	for (size_t i = 0; i < d->p->revoked_n; i++) {
		const struct policy_revoked *r = &d->p->revoked[i];
		_cleanup_free_ char *why =
			xasprintf("%s%srevoked \"%s\"", r->reason ? r->reason : "",
				  r->reason ? ", " : "", r->name);

		for (size_t k = 0; k < r->spkis_n; k++)
			trust_revoke_key(d->p->trust, r->spkis[k], r->since, why);
		for (size_t k = 0; k < r->certs_n; k++)
			trust_revoke_certificate(d->p->trust, r->certs[k], r->since, why);
	}
}

void policy_load_trust(struct policy_draft *d)
{
	load_anchors(d);
	load_revoked(d);
}

/* The texts of which the digest is: the policy's, then each section's in their order. */
static size_t count_texts(const struct policy_draft *d)
{
	size_t n = 1 + d->anchors_n;

	for (size_t i = 0; i < d->anchors_n; i++)
		n += d->anchors[i].crls_n;
	return n;
}

/* CRLs come last: what they change is not what the policy says. */
static void list_texts(const struct policy_draft *d, struct bytes text, struct bytes *v)
{
	*v++ = text;
	for (size_t i = 0; i < d->anchors_n; i++)
		*v++ = buf_bytes(&d->anchors[i].pem);
	for (size_t i = 0; i < d->anchors_n; i++)
		for (size_t k = 0; k < d->anchors[i].crls_n; k++)
			*v++ = buf_bytes(&d->anchors[i].crls[k].text);
}

/* Each text behind its length: no byte can move from one to the next unseen. */
bool policy_digest(struct policy_draft *d, struct bytes text)
{
	size_t n = count_texts(d);
	struct bytes *texts = xcalloc(n, sizeof(*texts)), *v = xcalloc(2 * n, sizeof(*v));
	uint8_t *lengths = xcalloc(n, 8), out[HASH_MAX_SIZE];
	bool ok;

	list_texts(d, text, texts);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < 8; k++)
			lengths[8 * i + k] = (uint8_t)((uint64_t)texts[i].n >> (56 - 8 * k));
		v[2 * i] = bytes_of(lengths + 8 * i, 8);
		v[2 * i + 1] = texts[i];
	}
	ok = alg_digest(HASH_SHA256, v, 2 * n, out);
	if (ok)
		memcpy(d->p->digest, out, sizeof(d->p->digest));
	ok = ok && alg_digest(HASH_SHA256, v, 2 * (1 + d->anchors_n), out);
	if (ok)
		memcpy(d->p->rules_digest, out, sizeof(d->p->rules_digest));
	free(texts);
	free(v);
	free(lengths);
	return ok;
}
