/* Refs of a remote, by the fetch refspecs that a clone has. */
#include "policy/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define KEPT "refs/remotes/"

/* "+SRC:DST", each with one star or none. */
struct spec {
	struct bytes src, dst;
};

struct search {
	struct spec *specs;
	size_t specs_n;
	struct past_ref *v;
	size_t n, cap;
};

static int take_spec(const char *value, void *ctx)
{
	struct search *s = ctx;
	struct bytes v = bytes_str(value ? value : "");
	const uint8_t *colon;
	struct spec x;

	if (v.n && v.p[0] == '+')
		v = bytes_skip(v, 1);
	colon = v.n ? memchr(v.p, ':', v.n) : NULL;
	if (!colon)
		return 0; /* nothing is kept; or a negative one */
	x.src = bytes_of(v.p, (size_t)(colon - v.p));
	x.dst = bytes_skip(v, x.src.n + 1);
	if (!bytes_starts(x.dst, bytes_str(KEPT)) || !bytes_starts(x.src, bytes_str("refs/")))
		return 0;
	s->specs = xreallocarray(s->specs, s->specs_n + 1, sizeof(*s->specs));
	s->specs[s->specs_n++] = x;
	return 0;
}

/* What a name has in the place of the star; false when it does not match. */
static bool match(struct bytes pattern, struct bytes name, struct bytes *star)
{
	const uint8_t *at = memchr(pattern.p, '*', pattern.n);
	size_t before = at ? (size_t)(at - pattern.p) : pattern.n;
	struct bytes after = bytes_skip(pattern, at ? before + 1 : before);

	if (name.n < before + after.n || (!at && name.n != before) ||
	    memcmp(name.p, pattern.p, before) != 0 ||
	    (after.n && memcmp(name.p + name.n - after.n, after.p, after.n) != 0))
		return false;
	*star = bytes_of(name.p + before, name.n - before - after.n);
	return true;
}

static char *filled(struct bytes pattern, struct bytes star)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < pattern.n; i++)
		if (pattern.p[i] == '*')
			buf_add_bytes(&b, star);
		else
			buf_add_byte(&b, pattern.p[i]);
	return buf_detach(&b);
}

static int take_ref(const char *name, const struct oid *id, bool symbolic, void *ctx)
{
	struct search *s = ctx;
	struct bytes star;

	for (size_t i = 0; i < s->specs_n && !symbolic; i++) {
		if (!match(s->specs[i].dst, bytes_str(name), &star))
			continue;
		if (s->n == s->cap) {
			s->cap = s->cap ? 2 * s->cap : 64;
			s->v = xreallocarray(s->v, s->cap, sizeof(*s->v));
		}
		s->v[s->n++] = (struct past_ref){ filled(s->specs[i].src, star), *id };
	}
	return 0;
}

int remote_refs(struct repo *repo, const struct gitconf *conf, const char *remote,
		struct past_ref **ret, size_t *n, struct err *err)
{
	_cleanup_free_ char *key = xasprintf("remote.%s.fetch", remote);
	struct search s = { NULL, 0, NULL, 0, 0 };
	int rc;

	(void)gitconf_each(conf, key, take_spec, &s);
	rc = s.specs_n ? repo_refs(repo, KEPT, take_ref, &s, err) : 0;
	free(s.specs);
	if (rc) {
		past_refs_free(s.v, s.n);
		return rc;
	}
	*ret = s.v;
	*n = s.n;
	return 0;
}
