#include "trust/known.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

#define BUCKETS 1024 /* a power of two */
/* Bounds of what is kept. A prepared key with its contexts takes about KEY_COST. */
#define ENTRIES_MAX 1024
#define KEY_COST ((size_t)4 << 10)

struct known_table {
	struct known *bucket[BUCKETS];
	struct known *spare; /* the entry of the last call that found the table full */
	size_t n, bytes, bytes_max;
	uint64_t seed;
};

static void known_free(struct known *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->spans_n; i++)
		crl_cover_free(&k->spans[i].crls);
	free(k->revoked.why);
	cms_key_free(k->key);
	cert_free(k->leaf);
	free(k->spans);
	free(k->bytes);
	free(k->why);
	free(k);
}

/* --- one entry ----------------------------------------------------------------- */

static struct bytes keep(uint8_t **p, struct bytes v)
{
	struct bytes ret = bytes_of(*p, v.n);

	if (v.n > 0)
		memcpy(*p, v.p, v.n);
	*p += v.n;
	return ret;
}

static int read_leaf(struct known *k, const struct cms *c, struct err *err)
{
	int i = cms_signer_index(c);
	struct cert *leaf;

	if (i < 0)
		return err_set(err, ERR_BAD,
			       "the signer's certificate must stand in the signature "
			       "exactly once");
	if (cert_parse(c->certs[i], &leaf, err))
		return err_prefix(err, "the signer's certificate");
	if (!leaf->key || cms_key_new(leaf->key, &k->key, err)) {
		cert_free(leaf);
		return err_set(err, ERR_BAD,
			       "the public key of the signer's certificate is of a "
			       "kind that is not supported");
	}
	k->leaf = leaf;
	return 0;
}

static struct known *known_new(const struct cms *c, uint64_t hash)
{
	struct known *k = xcalloc(1, sizeof(*k));
	struct err err = ERR_INIT;
	uint8_t *p;

	p = k->bytes = xmalloc(c->certs_whole.n + c->issuer.n + c->serial.n + 1);
	k->bag = keep(&p, c->certs_whole);
	k->issuer = keep(&p, c->issuer);
	k->serial = keep(&p, c->serial);
	k->hash = hash;
	k->revoked = REVOKED_NONE;
	if (read_leaf(k, c, &err))
		k->why = xstrdup(err.text);
	return k;
}

/* --- the table -------------------------------------------------------------------- */

struct known_table *known_table_new(void)
{
	struct known_table *t = xcalloc(1, sizeof(*t));

	t->seed = hash_seed();
	t->bytes_max = KNOWN_BYTES;
	return t;
}

void known_table_limit(struct known_table *t, size_t bytes)
{
	t->bytes_max = bytes;
}

void known_table_clear(struct known_table *t)
{
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		while (t->bucket[i]) {
			struct known *k = t->bucket[i];

			t->bucket[i] = k->next;
			known_free(k);
		}
	}
	known_free(t->spare);
	t->spare = NULL;
	t->n = t->bytes = 0;
}

void known_table_free(struct known_table *t)
{
	if (!t)
		return;
	known_table_clear(t);
	free(t);
}

static bool known_is(const struct known *k, const struct cms *c)
{
	return bytes_eq(k->serial, c->serial) && bytes_eq(k->issuer, c->issuer) &&
	       bytes_eq(k->bag, c->certs_whole);
}

static struct known *insert(struct known_table *t, struct known *k)
{
	size_t cost = KEY_COST + k->bag.n + k->issuer.n + k->serial.n +
		      (k->leaf ? cert_size(k->leaf) : 0);
	struct known **head = &t->bucket[k->hash % BUCKETS];

	if (t->n >= ENTRIES_MAX || t->bytes + cost > t->bytes_max) {
		t->spare = k;
		return k;
	}
	t->n++;
	t->bytes += cost;
	k->next = *head;
	*head = k;
	return k;
}

struct known *known_get(struct known_table *t, const struct cms *c)
{
	uint64_t hash = hash_bytes(hash_bytes(t->seed, c->certs_whole), c->serial);
	struct known *k;

	for (k = t->bucket[hash % BUCKETS]; k; k = k->next)
		if (k->hash == hash && known_is(k, c))
			return k;
	if (t->spare && t->spare->hash == hash && known_is(t->spare, c))
		return t->spare;
	known_free(t->spare);
	t->spare = NULL;
	return insert(t, known_new(c, hash));
}
