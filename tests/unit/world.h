/* A small world for tests of verdicts: a root, maybe an intermediate, a signer. */
#ifndef GH_TESTS_WORLD_H
#define GH_TESTS_WORLD_H

#include <check.h>

#include "base/mem.h"
#include "tests/unit/pki.h"
#include "trust/trust.h"

#define PAYLOAD BYTES_LIT("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nmessage\n")

/* One root, maybe one intermediate, one leaf: the shape of nearly every case. */
struct world {
	struct pki_cert root, ica, leaf;
	struct trust *t;
	struct buf der, armor;
	struct verdict v;
};

struct wcase {
	const char *name;
	struct pki_spec root, ica, leaf;
	bool has_ica;
	bool ica_not_ca;
	int64_t when; /* days from PKI_NOW */
	enum verdict_level level;
	const char *word;
};

static void add_roots(struct trust *t, const char *name, const struct pki_cert *c)
{
	struct buf pem = BUF_INIT;
	struct err err = ERR_INIT;

	pki_pem(&pem, c);
	ck_assert_msg(trust_add_roots(t, name, buf_bytes(&pem), &err) == 0, "%s", err.text);
	buf_free(&pem);
}

static void judge(struct trust *t, struct bytes payload, const struct buf *der, int64_t when,
		  struct verdict *v)
{
	struct buf armor = BUF_INIT;

	pem_write(&armor, PEM_SIGNED_MESSAGE, buf_bytes(der));
	trust_judge(t, &payload, 1, buf_bytes(&armor), when, v);
	buf_free(&armor);
}

static void expect_at(const char *name, const struct verdict *v, enum verdict_level level,
		      const char *word)
{
	ck_assert_msg(v->level == level, "%s: %s (%s), expected %s", name,
		      verdict_level_name(v->level), v->why, verdict_level_name(level));
	ck_assert_msg(strstr(v->why, word ? word : ""), "%s: \"%s\" lacks \"%s\"", name, v->why,
		      word);
	ck_assert_msg((v->level == VERDICT_GOOD) == (v->why[0] == '\0'), "%s: %s", name, v->why);
	ck_assert_msg((v->level >= VERDICT_FORBIDDEN) == (v->cert != NULL), "%s: cert", name);
	ck_assert_msg((v->level >= VERDICT_EXPIRED) == (v->trust_name != NULL), "%s: name", name);
	ck_assert_msg((v->level >= VERDICT_EXPIRED) == (v->trust_set != 0), "%s: set", name);
}
#define expect(v, ...) expect_at(__func__, v, __VA_ARGS__)

static void world_open(struct world *w, const struct wcase *c)
{
	struct bytes bag;

	*w = (struct world){ .t = trust_new(NULL) };
	w->root = pki_make(&c->root, NULL, true);
	if (c->has_ica) {
		w->ica = pki_make(&c->ica, &w->root, !c->ica_not_ca);
		bag = buf_bytes(&w->ica.der);
	}
	w->leaf = pki_make(&c->leaf, c->has_ica ? &w->ica : &w->root, false);
	add_roots(w->t, "corp", &w->root);
	pki_sign(&w->leaf, &bag, c->has_ica, PAYLOAD, &w->der);
	judge(w->t, PAYLOAD, &w->der, PKI_NOW + c->when * PKI_DAY, &w->v);
}

static void world_close(struct world *w)
{
	trust_free(w->t);
	pki_free(&w->root);
	pki_free(&w->ica);
	pki_free(&w->leaf);
	buf_free(&w->der);
}

#define GOOD VERDICT_GOOD, NULL
#define FORBIDDEN VERDICT_FORBIDDEN
#define ROOT .root = { .cn = "Root" }
#define ICA ROOT, .has_ica = true, .ica

static const struct wcase plain = { "plain", ICA = { .cn = "Sub" } };

#endif
