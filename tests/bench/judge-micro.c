/*
 * What judging a signature costs above the bare public-key operation, per kind of key.
 * Build: make build/lib/libtrust.a build/lib/libsig.a build/lib/libbase.a &&
 *   cc -O2 -g -std=gnu11 -D_GNU_SOURCE -Ilib -I. -o build/judge-micro tests/bench/judge-micro.c \
 *      build/lib/libtrust.a build/lib/libsig.a build/lib/libbase.a -lcrypto
 * Run: build/judge-micro; the figure is the median of rounds in which both are timed in turn.
 */
#include <time.h>

#include "tests/unit/pki.h"
#include "trust/trust.h"

#define MESSAGES 64
#define ROUNDS 41
#define PAYLOAD_MAX 400 /* about what a commit without its signature has */

struct sample {
	char payload[PAYLOAD_MAX];
	struct buf armor;
	uint8_t md[HASH_MAX_SIZE];
	struct buf sig; /* of md, or of the payload for Ed25519 */
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make_sample(struct sample *s, int i, const struct pki_cert *leaf,
			const struct pki_cert *ica)
{
	enum alg_hash h = alg_hash_for(alg_of_key(leaf->key));
	struct bytes bag = buf_bytes(&ica->der), payload = bytes_of(s->payload, PAYLOAD_MAX);
	struct buf der = BUF_INIT;

	memset(s->payload, 'x', PAYLOAD_MAX);
	snprintf(s->payload, PAYLOAD_MAX, "tree %040d\n", i);
	pki_sign(leaf, &bag, 1, payload, &der);
	pem_write(&s->armor, PEM_SIGNED_MESSAGE, buf_bytes(&der));
	PKI_MUST(alg_digest(h, &payload, 1, s->md));
	pki_sign_raw(leaf->key, h, payload, &s->sig, NULL);
	buf_free(&der);
}

static double time_judge(struct trust *t, struct sample *s)
{
	double from = now_us();
	struct verdict v;
	int i;

	for (i = 0; i < MESSAGES; i++) {
		struct bytes payload = bytes_of(s[i].payload, PAYLOAD_MAX);

		trust_judge(t, &payload, 1, buf_bytes(&s[i].armor), PKI_NOW, &v);
		if (v.level != VERDICT_GOOD) {
			fprintf(stderr, "%s\n", v.why);
			abort();
		}
	}
	return (now_us() - from) / MESSAGES;
}

static double time_bare(EVP_PKEY *key, struct sample *s)
{
	bool ed = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
	enum alg_hash h = alg_hash_for(alg_of_key(key));
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	double from, us;
	int i;

	PKI_MUST(ed || (EVP_PKEY_verify_init(ctx) > 0 &&
			EVP_PKEY_CTX_set_signature_md(ctx, alg_hash_md(h)) > 0));
	from = now_us();
	for (i = 0; i < MESSAGES; i++) {
		if (ed)
			PKI_MUST(EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) > 0 &&
				 EVP_DigestVerify(md, s[i].sig.p, s[i].sig.n,
						  (const void *)s[i].payload, PAYLOAD_MAX) > 0);
		else
			PKI_MUST(EVP_PKEY_verify(ctx, s[i].sig.p, s[i].sig.n, s[i].md,
						 alg_hash_size(h)) > 0);
	}
	us = (now_us() - from) / MESSAGES;
	EVP_PKEY_CTX_free(ctx);
	EVP_MD_CTX_free(md);
	return us;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

static void bench(const char *name, const char *key)
{
	struct pki_cert root = pki_make(&(struct pki_spec){ .cn = "Root" }, NULL, true);
	struct pki_cert ica = pki_make(&(struct pki_spec){ .cn = "Sub" }, &root, true);
	struct pki_cert leaf = pki_make(&(struct pki_spec){ .key = key }, &ica, false);
	struct sample *s = calloc(MESSAGES, sizeof(*s));
	struct trust *t = trust_new(NULL);
	struct buf pem = BUF_INIT;
	double judge[ROUNDS], bare[ROUNDS], over[ROUNDS];
	int i;

	pki_pem(&pem, &root);
	PKI_MUST(trust_add_roots(t, "corp", buf_bytes(&pem), NULL) == 0);
	for (i = 0; i < MESSAGES; i++)
		make_sample(&s[i], i, &leaf, &ica);
	for (i = 0; i < ROUNDS; i++) {
		judge[i] = time_judge(t, s);
		bare[i] = time_bare(leaf.key, s);
		over[i] = judge[i] - bare[i];
	}
	printf("%-8s judge %7.2f us, bare %7.2f us, above it %6.2f us\n", name, median(judge),
	       median(bare), median(over));
	for (i = 0; i < MESSAGES; i++) {
		buf_free(&s[i].armor);
		buf_free(&s[i].sig);
	}
	free(s);
	buf_free(&pem);
	trust_free(t);
	pki_free(&leaf);
	pki_free(&ica);
	pki_free(&root);
}

int main(void)
{
	bench("p256", NULL);
	bench("p384", "ec:P-384");
	bench("rsa3072", "rsa:3072");
	bench("ed25519", "ed25519");
	return 0;
}
