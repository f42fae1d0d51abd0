/*
 * mk-history KEY CERT NAME EMAIL N PACK: N signed commits in a row on the empty tree,
 * as a pack for `git index-pack`, and the id of the last on standard output. A key in a
 * file, so that a long history takes seconds. The youngest comes first, as git packs.
 */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/pem.h"
#include "base/text.h"
#include "sig/cms.h"

#define EMPTY_TREE "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
#define FIRST_TIME 1700000000

static int sign(void *ctx, enum alg_hash h, struct bytes tbs, struct buf *sig, struct err *err)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	const EVP_MD *digest = EVP_PKEY_get_base_id(ctx) == EVP_PKEY_ED25519 ? NULL : alg_hash_md(h);
	size_t n = SIG_MAX_SIZE;
	int ok = md != NULL && EVP_DigestSignInit(md, NULL, digest, NULL, ctx) == 1 &&
		 EVP_DigestSign(md, buf_reserve(sig, n), &n, tbs.p, tbs.n) == 1;

	EVP_MD_CTX_free(md);
	if (!ok)
		return err_set(err, ERR_INTERNAL, "EVP_DigestSign failed");
	sig->n += n;
	return 0;
}

/* The armor as a header: a space before every line but the first. */
static void add_header(struct buf *commit, const struct buf *armor)
{
	buf_add_str(commit, "gpgsig ");
	for (size_t i = 0; i + 1 < armor->n; i++) {
		buf_add_byte(commit, armor->p[i]);
		if (armor->p[i] == '\n')
			buf_add_byte(commit, ' ');
	}
	buf_add_byte(commit, '\n');
}

static void object_id(const struct buf *raw, struct buf *hex)
{
	char head[64];
	uint8_t md[HASH_MAX_SIZE];
	struct bytes v[2];
	int n = snprintf(head, sizeof(head), "commit %zu", raw->n);

	v[0] = bytes_of(head, (size_t)n + 1);
	v[1] = buf_bytes(raw);
	alg_digest(HASH_SHA1, v, 2, md);
	buf_clear(hex);
	text_hex(hex, bytes_of(md, alg_hash_size(HASH_SHA1)), false);
}

static int one(const struct cms_signer *signer, struct bytes leaf, const char *who, unsigned i,
	       struct buf *parent, struct buf *raw, struct err *err)
{
	struct buf head = BUF_INIT, body = BUF_INIT, der = BUF_INIT, armor = BUF_INIT;
	struct cms_input in = { .leaf = leaf, .signing_time = FIRST_TIME + i, .signer = *signer };
	int r;

	buf_addf(&head, "tree " EMPTY_TREE "\n");
	if (parent->n > 0)
		buf_addf(&head, "parent %s\n", buf_str(parent));
	buf_addf(&head, "author %s %u +0000\ncommitter %s %u +0000\n", who, FIRST_TIME + i, who,
		 FIRST_TIME + i);
	buf_addf(&body, "\nCommit %u\n", i);
	in.payload[0] = buf_bytes(&head);
	in.payload[1] = buf_bytes(&body);
	r = cms_sign(&in, &der, err);
	if (r == 0) {
		pem_write(&armor, PEM_SIGNED_MESSAGE, buf_bytes(&der));
		buf_clear(raw);
		buf_add_bytes(raw, buf_bytes(&head));
		add_header(raw, &armor);
		buf_add_bytes(raw, buf_bytes(&body));
		object_id(raw, parent);
	}
	buf_free(&head);
	buf_free(&body);
	buf_free(&der);
	buf_free(&armor);
	return r;
}

/* --- the pack (gitformat-pack(5)) ---------------------------------------------- */

struct pack {
	struct buf *objects; /* as they stand in it */
	unsigned n;
	EVP_MD_CTX *md;
	FILE *f;
};

static void add_object(struct pack *p, unsigned type, struct bytes raw)
{
	struct buf *b = &p->objects[p->n++];
	uLongf size = compressBound(raw.n);
	size_t left = raw.n >> 4;
	uint8_t c = (uint8_t)(type << 4 | (raw.n & 15));

	for (; left > 0; left >>= 7) {
		buf_add_byte(b, c | 0x80);
		c = left & 0x7f;
	}
	buf_add_byte(b, c);
	compress(buf_reserve(b, size), &size, raw.p, raw.n);
	b->n += size;
}

static bool put(struct pack *p, const void *v, size_t n)
{
	return EVP_DigestUpdate(p->md, v, n) == 1 && fwrite(v, 1, n, p->f) == n;
}

static int write_pack(struct pack *p, const char *path)
{
	uint8_t head[12] = { 'P', 'A', 'C', 'K', 0, 0, 0, 2, (uint8_t)(p->n >> 24),
			     (uint8_t)(p->n >> 16), (uint8_t)(p->n >> 8), (uint8_t)p->n };
	uint8_t sum[HASH_MAX_SIZE];
	bool ok;

	p->f = fopen(path, "w");
	p->md = EVP_MD_CTX_new();
	ok = p->f != NULL && EVP_DigestInit_ex(p->md, EVP_sha1(), NULL) == 1 &&
	     put(p, head, sizeof(head));
	for (unsigned i = p->n; ok && i-- > 0;)
		ok = put(p, p->objects[i].p, p->objects[i].n);
	ok = ok && EVP_DigestFinal_ex(p->md, sum, NULL) == 1 && fwrite(sum, 1, 20, p->f) == 20;
	EVP_MD_CTX_free(p->md);
	if (p->f != NULL && fclose(p->f) != 0)
		ok = false;
	if (!ok)
		perror(path);
	return ok ? 0 : ERR_IO;
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *key = f != NULL ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (f != NULL)
		fclose(f);
	return key;
}

static X509 *read_cert(const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *cert = f != NULL ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	if (f != NULL)
		fclose(f);
	return cert;
}

int main(int argc, char **argv)
{
	struct buf parent = BUF_INIT, raw = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned char *der = NULL;

	if (argc != 7) {
		fputs("usage: mk-history KEY CERT NAME EMAIL N PACK\n", stderr);
		return ERR_USAGE;
	}
	EVP_PKEY *key = read_key(argv[1]);
	X509 *cert = read_cert(argv[2]);
	int n = key != NULL && cert != NULL ? i2d_X509(cert, &der) : -1;

	if (n <= 0) {
		fputs("mk-history: key or certificate cannot be read\n", stderr);
		return ERR_IO;
	}
	struct cms_signer signer = { sign, key };
	_cleanup_free_ char *who = xasprintf("%s <%s>", argv[3], argv[4]);
	unsigned count = (unsigned)strtoul(argv[5], NULL, 10);

	struct pack pack = { .objects = xcalloc(count + 1, sizeof(struct buf)) };

	add_object(&pack, 2, BYTES_NONE); /* the empty tree */
	for (unsigned i = 1; i <= count; i++) {
		if (one(&signer, bytes_of(der, (size_t)n), who, i, &parent, &raw, &err) != 0) {
			fprintf(stderr, "mk-history: %s\n", err.text);
			return err.code;
		}
		add_object(&pack, 1, buf_bytes(&raw));
	}
	if (write_pack(&pack, argv[6]) != 0)
		return ERR_IO;
	puts(buf_str(&parent));
	for (unsigned i = 0; i < pack.n; i++)
		buf_free(&pack.objects[i]);
	free(pack.objects);
	buf_free(&parent);
	buf_free(&raw);
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}
