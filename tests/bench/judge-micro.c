/*
 * judge-micro [NAME...]: what judging a signature costs in process, per kind of key: our
 * judgement, the bare public-key operation, OpenSSL's CMS_verify over the same messages
 * (which has none of Ed25519), and what no judge of a pack can spare: inflating the commit,
 * its id, the digests of what is signed and of the signed attributes, before each bare
 * operation (which leaves little of the caches), less that. Microseconds of processor time,
 * medians of rounds in which all are timed in turn, a line "NAME judge bare read cms" each.
 */
#include <libdeflate.h>
#include <openssl/cms.h>
#include <time.h>
#include <zlib.h>

#include "object/object.h"
#include "tests/unit/pki.h"
#include "trust/trust.h"

#define MESSAGES 64
#define ROUNDS 15
#define PAYLOAD_MAX 400 /* about what a commit without its signature has */
#define ATTRS_SIZE 120
#define OBJECT_MAX 16384

struct sample {
	char payload[PAYLOAD_MAX];
	struct buf armor;
	uint8_t md[HASH_MAX_SIZE];
	struct buf sig; /* of md, or of the payload for Ed25519 */
	struct buf object;
	uint8_t deflated[OBJECT_MAX];
	uLongf deflated_n;
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

/* As git packs it; the two ids are what cannot be compressed in a commit's headers. */
static void make_object(struct sample *s)
{
	struct buf *o = &s->object;

	for (int line = 0; line < 2; line++) {
		buf_add_str(o, line == 0 ? "tree " : "\nparent ");
		for (int i = 0; i < 20; i++)
			buf_addf(o, "%02x", s->sig.p[20 * line + i]);
	}
	buf_add_str(o, "\nauthor hist <hist@example.com> 1700000000 +0000"
		       "\ncommitter hist <hist@example.com> 1700000000 +0000\ngpgsig ");
	for (size_t i = 0; i < s->armor.n; i++) {
		buf_add_byte(o, s->armor.p[i]);
		if (s->armor.p[i] == '\n' && i + 1 < s->armor.n)
			buf_add_byte(o, ' ');
	}
	buf_addf(o, "\nchange number %u\n", (unsigned)s->sig.p[40]);
	s->deflated_n = sizeof(s->deflated);
	PKI_MUST(compress(s->deflated, &s->deflated_n, o->p, o->n) == Z_OK);
}

static void read_one(struct libdeflate_decompressor *d, enum alg_hash h, const struct sample *s)
{
	struct bytes payload = bytes_of(s->payload, PAYLOAD_MAX);
	static uint8_t out[OBJECT_MAX];
	struct bytes attrs = bytes_of(out, ATTRS_SIZE);
	uint8_t md[HASH_MAX_SIZE];
	struct oid id;

	PKI_MUST(libdeflate_zlib_decompress(d, s->deflated, s->deflated_n, out, s->object.n,
					    NULL) == LIBDEFLATE_SUCCESS);
	PKI_MUST(oid_of_object(OBJECT_COMMIT, bytes_of(out, s->object.n), 20, &id));
	PKI_MUST(alg_digest(h, &payload, 1, md) && alg_digest(h, &attrs, 1, md));
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

/* With `reads` each check comes behind the reading of a commit, in caches that the checks have. */
static double time_bare(EVP_PKEY *key, struct sample *s, bool reads)
{
	bool ed = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	enum alg_hash h = alg_hash_for(alg_of_key(key));
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	double from, us;
	int i;

	PKI_MUST(ed || (EVP_PKEY_verify_init(ctx) > 0 &&
			EVP_PKEY_CTX_set_signature_md(ctx, alg_hash_md(h)) > 0));
	from = now_us();
	for (i = 0; i < MESSAGES; i++) {
		if (reads)
			read_one(d, h, &s[i]);
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
	libdeflate_free_decompressor(d);
	return us;
}

static X509_STORE *store_of(const struct pki_cert *root)
{
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
	const unsigned char *p = root->der.p;
	X509 *x = d2i_X509(NULL, &p, (long)root->der.n);

	PKI_MUST(x && X509_STORE_add_cert(store, x) == 1);
	X509_free(x);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
	return store;
}

/* 0 where OpenSSL cannot verify the kind. */
static double time_cms(X509_STORE *store, struct sample *s)
{
	double from = now_us();
	int i;

	for (i = 0; i < MESSAGES; i++) {
		struct buf der = BUF_INIT;
		const unsigned char *p;
		CMS_ContentInfo *cms;
		BIO *data = BIO_new_mem_buf(s[i].payload, PAYLOAD_MAX);
		int good;

		PKI_MUST(pem_read_one(buf_bytes(&s[i].armor), PEM_SIGNED_MESSAGE, false, &der,
				      NULL) == 0);
		p = der.p;
		cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
		good = CMS_verify(cms, NULL, store, data, NULL, CMS_BINARY | CMS_DETACHED);
		CMS_ContentInfo_free(cms);
		BIO_free(data);
		buf_free(&der);
		if (good != 1)
			return 0;
	}
	return (now_us() - from) / MESSAGES;
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
	struct trust_limits limits;
	struct trust *t;
	struct buf pem = BUF_INIT;
	X509_STORE *store = store_of(&root);
	double judge[ROUNDS], bare[ROUNDS], read[ROUNDS], cms[ROUNDS];
	int i;

	trust_limits_default(&limits);
	limits.rsa_bits = 2048; /* as [algorithms] may say */
	t = trust_new(&limits);
	pki_pem(&pem, &root);
	PKI_MUST(trust_add_roots(t, "corp", buf_bytes(&pem), NULL) == 0);
	for (i = 0; i < MESSAGES; i++) {
		make_sample(&s[i], i, &leaf, &ica);
		make_object(&s[i]);
	}
	for (i = 0; i < ROUNDS; i++) {
		judge[i] = time_judge(t, s);
		bare[i] = time_bare(leaf.key, s, false);
		read[i] = time_bare(leaf.key, s, true) - bare[i];
		cms[i] = time_cms(store, s);
	}
	printf("%s %.2f %.2f %.2f %.2f\n", name, median(judge), median(bare), median(read),
	       median(cms));
	X509_STORE_free(store);
	for (i = 0; i < MESSAGES; i++) {
		buf_free(&s[i].armor);
		buf_free(&s[i].sig);
		buf_free(&s[i].object);
	}
	free(s);
	buf_free(&pem);
	trust_free(t);
	pki_free(&leaf);
	pki_free(&ica);
	pki_free(&root);
}

int main(int argc, char **argv)
{
	static const char *const kinds[][2] = {
		{ "p256", NULL },          { "p384", "ec:P-384" },   { "rsa2048", "rsa:2048" },
		{ "rsa3072", "rsa:3072" }, { "ed25519", "ed25519" },
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		int i = 1;

		while (i < argc && strcmp(argv[i], kinds[k][0]) != 0)
			i++;
		if (argc == 1 || i < argc)
			bench(kinds[k][0], kinds[k][1]);
	}
	return 0;
}
