#include "cert_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"

#define FILE_MAX ((size_t)1 << 20)
#define CERTS_MAX 64 /* of one file */

struct loading {
	const char *key;
	struct cert_list *list;
	struct err *err;
};

static int load_one(const char *path, void *ctx)
{
	struct loading *l = ctx;
	struct buf text = BUF_INIT;
	int r;

	if (path[0] == '\0')
		return 0;
	if (path[0] != '/') {
		_cleanup_free_ char *shown = text_escaped(bytes_str(path));

		return err_set(l->err, ERR_CONFIG, "%s is %s: it must be an absolute path", l->key,
			       shown);
	}
	r = os_file_read(path, OS_FILE_ANY, FILE_MAX, &text, l->err);
	if (r == 0)
		r = cert_list_from_pem(buf_bytes(&text), CERTS_MAX, l->list, l->err);
	if (r != 0)
		err_prefix(l->err, "%s", l->key);
	buf_free(&text);
	return r;
}

int cert_files_load(const struct settings *s, const char *key, struct cert_list *ret,
		    struct err *err)
{
	struct loading l = { key, ret, err };
	int r = gitconf_each(&s->conf, key, load_one, &l);

	if (r != 0)
		cert_list_free(ret);
	return r;
}

static bool there_already(const struct token_objects *o, const struct token_key *k,
			  const struct cert *c)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].slot_index == k->slot_index &&
		    bytes_eq(bytes_of(o->v[i].id, o->v[i].id_n), bytes_of(k->id, k->id_n)) &&
		    bytes_eq(bytes_of(o->v[i].der, o->v[i].der_n), bytes_of(c->der, c->der_n)))
			return true;
	return false;
}

static uint8_t *copy(const uint8_t *p, size_t n)
{
	uint8_t *q = xmalloc(n + 1);

	if (n > 0)
		memcpy(q, p, n);
	return q;
}

static void add(struct token_objects *o, const struct token_key *k, const struct cert *c)
{
	struct token_object *n;

	o->v = xreallocarray(o->v, o->n + 1, sizeof(o->v[0]));
	n = &o->v[o->n++];
	*n = (struct token_object){ .slot_index = k->slot_index,
				    .id = copy(k->id, k->id_n),
				    .id_n = k->id_n,
				    .label = xstrdup(k->label),
				    .der = copy(c->der, c->der_n),
				    .der_n = c->der_n };
}

int cert_files_match(const struct settings *s, struct token *t, const struct uri *u,
		     struct token_objects *o, struct err *err)
{
	struct cert_list l = { NULL, 0 };
	struct token_keys keys = { NULL, 0 };
	int r = cert_files_load(s, "hsm.certificate", &l, err);

	if (r == 0 && l.n > 0)
		r = token_public_keys(t, u, &keys, err);
	for (size_t i = 0; r == 0 && i < l.n; i++)
		for (size_t k = 0; k < keys.n; k++)
			if (keys.v[k].key != NULL && EVP_PKEY_eq(keys.v[k].key, l.v[i]->key) == 1 &&
			    !there_already(o, &keys.v[k], l.v[i]))
				add(o, &keys.v[k], l.v[i]);
	token_keys_free(&keys);
	cert_list_free(&l);
	return r;
}
