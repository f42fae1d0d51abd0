#include "sig/cert_keep.h"

/* What does not fit any more is not kept: in turn with what is there it would only cost. */
static struct {
	struct cert *v[CERT_KEEP_MAX];
	size_t n, bytes;
	bool on;
} kept;

void cert_keep_start(void)
{
	kept.on = true;
}

void cert_keep_end(void)
{
	while (kept.n > 0)
		cert_free(kept.v[--kept.n]);
	kept.bytes = 0;
	kept.on = false;
}

size_t cert_keep_count(void)
{
	return kept.n;
}

struct bytes cert_keep_at(size_t i)
{
	return bytes_of(kept.v[i]->der, kept.v[i]->der_n);
}

struct cert *cert_kept(struct bytes der)
{
	for (size_t i = 0; i < kept.n; i++) {
		if (!bytes_eq(cert_keep_at(i), der))
			continue;
		kept.v[i]->owners++;
		return kept.v[i];
	}
	return NULL;
}

void cert_keep(struct cert *c)
{
	if (!kept.on || kept.n == CERT_KEEP_MAX || c->der_n > CERT_KEEP_BYTES - kept.bytes)
		return;
	c->owners++;
	kept.bytes += c->der_n;
	kept.v[kept.n++] = c;
}
