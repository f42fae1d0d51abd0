/* A CRL as a table, its signature, and files of them. */
#include "sig/crl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/pem.h"
#include "sig/crl_internal.h"

const char *crl_reason_name(enum crl_reason r)
{
	static const char *const names[] = {
		[CRL_UNSPECIFIED] = "unspecified",
		[CRL_KEY_COMPROMISE] = "keyCompromise",
		[CRL_CA_COMPROMISE] = "cACompromise",
		[CRL_AFFILIATION_CHANGED] = "affiliationChanged",
		[CRL_SUPERSEDED] = "superseded",
		[CRL_CESSATION] = "cessationOfOperation",
		[CRL_HOLD] = "certificateHold",
		[CRL_PRIVILEGE_WITHDRAWN] = "privilegeWithdrawn",
		[CRL_AA_COMPROMISE] = "aACompromise",
	};
	size_t i = (size_t)r;

	return i < sizeof(names) / sizeof(names[0]) && names[i] ? names[i] : names[0];
}

/* --- the table ------------------------------------------------------------------- */

static struct bytes serial_of(const struct crl *c, const struct crl_slot *s)
{
	return bytes_of(c->der + s->serial, s->serial_n);
}

/* Where a serial stands in the index, or would. */
static uint32_t *place_of(const struct crl *c, struct bytes serial)
{
	size_t mask = c->index_n - 1, at = (size_t)hash_bytes(c->seed, serial) & mask;

	for (; c->index[at]; at = (at + 1) & mask)
		if (bytes_eq(serial_of(c, &c->entries[c->index[at] - 1]), serial))
			break;
	return &c->index[at];
}

static void index_entries(struct crl *c)
{
	size_t i;

	c->seed = hash_seed();
	c->index_n = 16;
	while (c->index_n < c->entries_n * 2)
		c->index_n *= 2;
	c->index = xcalloc(c->index_n, sizeof(*c->index));
	for (i = 0; i < c->entries_n; i++) {
		uint32_t *at = place_of(c, serial_of(c, &c->entries[i]));

		if (*at == 0 || c->entries[i].since < c->entries[*at - 1].since)
			*at = (uint32_t)i + 1;
	}
}

bool crl_find(const struct crl *c, struct bytes serial, struct crl_entry *ret)
{
	uint32_t at = *place_of(c, serial);

	if (at == 0)
		return false;
	ret->since = c->entries[at - 1].since;
	ret->reason = (enum crl_reason)c->entries[at - 1].reason;
	return true;
}

/* --- one list -------------------------------------------------------------------- */

int crl_parse(struct bytes der, struct crl **ret, struct err *err)
{
	struct crl *c;
	int rc;

	/* Before anything else of OpenSSL: OPENSSL_CONF of the environment must not count. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (der.n == 0 || der.n > CRL_MAX_DER)
		return err_set(err, ERR_INPUT, "a CRL must have 1 to %zu bytes, not %zu",
			       CRL_MAX_DER, der.n);
	c = xcalloc(1, sizeof(*c));
	c->refs = 1;
	c->der = xmalloc(der.n);
	c->der_n = der.n;
	memcpy(c->der, der.p, der.n);
	rc = crl_read(c, err);
	ERR_clear_error(); /* what OpenSSL tried and gave up is no error of a later caller */
	if (rc) {
		crl_free(c);
		return rc;
	}
	index_entries(c);
	*ret = c;
	return 0;
}

struct crl *crl_ref(struct crl *c)
{
	__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void crl_free(struct crl *c)
{
	if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	X509_NAME_free(c->issuer);
	free(c->issuer_text);
	free(c->entries);
	free(c->index);
	free(c->der);
	free(c);
}

static bool fits(const struct crl *c, EVP_PKEY *key)
{
	switch (alg_of_key(key).kind) {
	case KEY_RSA:
		return c->family == KEY_RSA;
	case KEY_ED25519:
		return c->family == KEY_ED25519;
	case KEY_P256:
	case KEY_P384:
	case KEY_P521:
		return c->family == KEY_P256;
	default:
		return false;
	}
}

int crl_verify(const struct crl *c, EVP_PKEY *key, struct err *err)
{
	const EVP_MD *md = c->hash == HASH_NONE ? NULL : alg_hash_md(c->hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && fits(c, key) && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, c->signature.p, c->signature.n, c->tbs.p, c->tbs.n) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? 0 : err_set(err, ERR_BAD, "the CRL's signature does not verify");
}

/* --- files ----------------------------------------------------------------------- */

static int add(struct crl_list *l, struct bytes der, struct err *err)
{
	struct crl *c;

	if (l->n == CRL_MAX_LISTS)
		return err_set(err, ERR_INPUT, "more than %d CRLs", CRL_MAX_LISTS);
	if (crl_parse(der, &c, err))
		return ERR_INPUT;
	l->v = xreallocarray(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = c;
	return 0;
}

static int read_pem(struct bytes text, struct crl_list *l, struct err *err)
{
	_cleanup_(buf_free) struct buf der = BUF_INIT;
	bool found = true;
	int rc = 0;

	while (rc == 0) {
		buf_clear(&der);
		rc = pem_next(&text, PEM_CRL, &der, &found, err);
		if (rc || !found)
			break;
		rc = add(l, buf_bytes(&der), err);
		if (rc && l->n > 0)
			err_prefix(err, "list %zu of the file", l->n + 1);
	}
	if (rc == 0 && l->n == 0)
		rc = err_set(err, ERR_INPUT,
			     "no CRL found, neither in DER nor in PEM form "
			     "(BEGIN " PEM_CRL ")");
	return rc;
}

int crl_list_read(struct bytes file, struct crl_list *l, struct err *err)
{
	struct crl_list got = { NULL, 0 };
	int rc;

	if (file.n > CRL_MAX_FILE)
		return err_set(err, ERR_INPUT, "larger than %zu bytes", CRL_MAX_FILE);
	rc = file.n > 0 && file.p[0] == 0x30 ? add(&got, file, err) : read_pem(file, &got, err);
	if (rc) {
		crl_list_free(&got);
		return rc;
	}
	*l = got;
	return 0;
}

void crl_list_free(struct crl_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		crl_free(l->v[i]);
	free(l->v);
	*l = (struct crl_list){ NULL, 0 };
}
