#include "select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cert_files.h"

#define ABOVE_MAX 64 /* whatever a token says who issued whom */

static bool parse_digest(const char *text, struct selector *ret)
{
	char hex[65];
	size_t n = 0;

	if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0)
		text += 2;
	else if (strncasecmp(text, "sha256:", 7) == 0)
		text += 7;
	for (; *text != '\0'; text++) {
		if (*text == ':' || *text == ' ')
			continue;
		if (n == sizeof(hex) - 1)
			return false;
		hex[n++] = text_lower(*text);
	}
	if (n != 40 && n != 64)
		return false;
	ret->kind = n == 40 ? SELECT_SHA1 : SELECT_SHA256;
	return text_unhex(bytes_of(hex, n), ret->digest, n / 2);
}

static bool parse_email(const char *text, struct selector *ret)
{
	const char *open = strrchr(text, '<');
	struct bytes v = bytes_str(text);

	if (open != NULL) {
		const char *close = strchr(open, '>');

		if (close == NULL || close[1] != '\0')
			return false;
		v = bytes_of(open + 1, (size_t)(close - open - 1));
	}
	if (!text_email_ok(v))
		return false;
	ret->kind = SELECT_EMAIL;
	ret->email = xstrndup((const char *)v.p, v.n);
	return true;
}

int selector_parse(const char *text, struct selector *ret, struct err *err)
{
	_cleanup_free_ char *shown = NULL;
	struct selector s = { .kind = SELECT_ANY };

	if (text != NULL && text[0] != '\0') {
		if (uri_is(text)) {
			int r = uri_parse(text, &s.uri, err);

			if (r != 0)
				return r;
			s.kind = SELECT_URI;
		} else if (!parse_digest(text, &s) && !parse_email(text, &s)) {
			shown = text_escaped(bytes_str(text));
			return err_set(
				err, ERR_KEY,
				"%s names no key: give a certificate's fingerprint (40 or 64 "
				"hexadecimal digits), an e-mail address or a pkcs11: URI",
				shown);
		}
	}
	*ret = s;
	return 0;
}

void selector_free(struct selector *s)
{
	free(s->email);
	if (s->kind == SELECT_URI)
		uri_free(&s->uri);
	memset(s, 0, sizeof(*s));
}

bool select_in_force(const struct cert *x, int64_t now, char *why, size_t room)
{
	bool late = now > x->not_after;
	struct buf when = BUF_INIT;

	if (!late && now >= x->not_before)
		return true;
	text_time(&when, late ? x->not_after : x->not_before);
	snprintf(why, room, "%s %s", late ? "expired at" : "not valid before", buf_str(&when));
	buf_free(&when);
	return false;
}

void candidate_judge(struct candidate *c, int64_t now)
{
	const struct cert *x = c->cert;

	if (!x->usage_ok)
		snprintf(c->why, sizeof(c->why), "%s", x->usage_why);
	else if (x->alg.kind == KEY_RSA && (x->alg.bits < 2048 || x->alg.bits > 4096))
		snprintf(c->why, sizeof(c->why), "RSA with %d bits: 2048 to 4096 can sign",
			 x->alg.bits);
	else if (x->alg.kind == KEY_OTHER)
		snprintf(c->why, sizeof(c->why), "%s keys cannot sign here", alg_key_name(x->alg));
	else
		(void)select_in_force(x, now, c->why, sizeof(c->why));
}

static void parse_one(struct candidate *k, int64_t now)
{
	struct err why = ERR_INIT;

	k->passed = false;
	if (cert_parse(bytes_of(k->object->der, k->object->der_n), &k->cert, &why) != 0)
		snprintf(k->why, sizeof(k->why), "%.150s", why.text);
	else
		candidate_judge(k, now);
}

/* Without a look into the certificate; true where only that can tell. */
static bool may_match(const struct token_object *o, const struct selector *want)
{
	enum alg_hash h = want->kind == SELECT_SHA1 ? HASH_SHA1 : HASH_SHA256;
	struct bytes der = bytes_of(o->der, o->der_n);
	uint8_t digest[HASH_MAX_SIZE];

	if (want->kind == SELECT_URI)
		return !want->uri.has_id ||
		       bytes_eq(bytes_of(o->id, o->id_n), bytes_of(want->uri.id, want->uri.id_n));
	if (want->kind != SELECT_SHA1 && want->kind != SELECT_SHA256)
		return true;
	return !alg_digest(h, &der, 1, digest) ||
	       memcmp(digest, want->digest, alg_hash_size(h)) == 0;
}

static void take_objects(struct candidates *c, struct token *t, const struct selector *want,
			 int64_t now)
{
	size_t slots_n;
	const struct token_slot *slots = token_slots(t, &slots_n);

	c->v = xcalloc(c->objects.n + 1, sizeof(c->v[0]));
	for (size_t i = 0; i < c->objects.n; i++) {
		struct candidate *k = &c->v[c->n++];

		k->object = &c->objects.v[i];
		k->slot = &slots[k->object->slot_index];
		k->passed = want != NULL && !may_match(k->object, want);
		if (!k->passed)
			parse_one(k, now);
	}
}

int candidates_load(const struct settings *s, struct token *t, const struct selector *want,
		    int64_t now, struct candidates *ret, struct err *err)
{
	bool by_uri = want != NULL && want->kind == SELECT_URI;
	struct candidates c = { .n = 0 };
	struct uri where = { .slot_id = -1 };
	int r;

	/* All certificates of the token: the chain stands among them. */
	if (by_uri) {
		where = want->uri;
		where.object = NULL;
		where.type = NULL;
		where.id = NULL;
		where.id_n = 0;
		where.has_id = false;
	}
	r = token_certificates(t, by_uri ? &where : NULL, &c.objects, err);
	if (r == 0)
		r = cert_files_match(s, t, by_uri ? &where : NULL, &c.objects, err);
	if (r != 0) {
		token_objects_free(&c.objects);
		return r;
	}
	take_objects(&c, t, want, now);
	*ret = c;
	return 0;
}

/* `leaf` or what was parsed as one that may be above it. */
static bool may_be_above(const struct candidates *c, const struct candidate *k,
			 const struct cert *leaf)
{
	struct bytes der = bytes_of(k->object->der, k->object->der_n);

	if (cert_may_issue(der, leaf))
		return true;
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].cert != NULL && c->v[i].cert->is_ca &&
		    cert_may_issue(der, c->v[i].cert))
			return true;
	return false;
}

void candidates_parse(struct candidates *c, const struct cert *leaf, int64_t now)
{
	size_t room = leaf != NULL ? ABOVE_MAX : c->n, before;

	do {
		before = room;
		for (size_t i = 0; i < c->n && room > 0; i++) {
			if (!c->v[i].passed || (leaf != NULL && !may_be_above(c, &c->v[i], leaf)))
				continue;
			parse_one(&c->v[i], now);
			room--;
		}
	} while (leaf != NULL && room > 0 && room < before);
}

void candidates_free(struct candidates *c)
{
	for (size_t i = 0; i < c->n; i++)
		cert_free(c->v[i].cert);
	free(c->v);
	token_objects_free(&c->objects);
	memset(c, 0, sizeof(*c));
}

static bool uri_fits(const struct candidate *c, const struct uri *u)
{
	struct bytes id = bytes_of(c->object->id, c->object->id_n);

	if (!token_slot_matches(c->slot, u))
		return false;
	if (u->has_id && !bytes_eq(id, bytes_of(u->id, u->id_n)))
		return false;
	if (u->object != NULL) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(u->object));

		if (strcmp(shown, c->object->label) != 0)
			return false;
	}
	return true;
}

bool candidate_matches(const struct candidate *c, const struct selector *s)
{
	if (s->kind == SELECT_URI)
		return uri_fits(c, &s->uri);
	if (c->cert == NULL)
		return false;
	switch (s->kind) {
	case SELECT_ANY:
		return !c->cert->is_ca;
	case SELECT_EMAIL:
		return cert_has_email(c->cert, bytes_str(s->email));
	case SELECT_SHA1:
		return memcmp(c->cert->sha1, s->digest, 20) == 0;
	case SELECT_SHA256:
		return memcmp(c->cert->sha256, s->digest, 32) == 0;
	default:
		return false;
	}
}

static void describe(struct buf *out, const struct candidate *c, const char *why)
{
	buf_add_str(out, "\n  ");
	if (c->cert != NULL) {
		text_hex(out, bytes_of(c->cert->sha256, 8), false);
		buf_addf(out, "... %s", c->cert->subject);
		if (c->cert->emails_n > 0)
			buf_addf(out, " <%s>", c->cert->emails[0]);
	} else {
		buf_addf(out, "\"%s\"", c->object->label);
	}
	buf_addf(out, " on token \"%s\": %s", c->slot->label, why);
}

static bool is_usable(const struct candidate *k, const struct selector *s)
{
	return candidate_matches(k, s) && k->why[0] == '\0' && k->cert != NULL;
}

/* One certificate on several tokens: its fingerprint does not tell them apart. */
static bool copies_of_one(const struct candidates *c, const struct selector *s)
{
	const struct candidate *first = NULL;

	for (size_t i = 0; i < c->n; i++) {
		if (!is_usable(&c->v[i], s))
			continue;
		if (first == NULL)
			first = &c->v[i];
		else if (memcmp(first->cert->sha256, c->v[i].cert->sha256, 32) != 0)
			return false;
	}
	return first != NULL;
}

static int refuse_copies(const struct candidates *c, const struct selector *s, size_t n,
			 struct err *err)
{
	struct buf list = BUF_INIT;
	size_t shown = 0;
	int r;

	for (size_t i = 0; i < c->n && shown < 12; i++)
		if (is_usable(&c->v[i], s)) {
			buf_add_str(&list, "\n  git config hsm.key '");
			candidate_uri_exact(&c->v[i], &list);
			buf_add_str(&list, "'");
			shown++;
		}
	r = err_set(
		err, ERR_KEY,
		"%zu keys fit, and all have the same certificate: unplug all tokens but one, or "
		"say which:%s",
		n, buf_str(&list));
	buf_free(&list);
	return r;
}

static int refuse(const struct candidates *c, const struct selector *s, size_t usable,
		  struct err *err)
{
	struct buf list = BUF_INIT;
	size_t shown = 0;
	int r;

	if (usable > 1 && copies_of_one(c, s))
		return refuse_copies(c, s, usable, err);
	for (size_t i = 0; i < c->n && shown < 12; i++) {
		const struct candidate *k = &c->v[i];
		bool fits = candidate_matches(k, s);

		if ((usable > 0 && (!fits || k->why[0] != '\0')) ||
		    (k->cert != NULL && k->cert->is_ca && !fits))
			continue;
		describe(&list, k, !fits ? "another key" : k->why[0] != '\0' ? k->why : "usable");
		shown++;
	}
	if (usable > 1)
		r = err_set(err, ERR_KEY,
			    "%zu keys fit; name one by its fingerprint (git config user.signingKey "
			    "FINGERPRINT, see gitsign-hsm key list):%s",
			    usable, buf_str(&list));
	else if (shown > 0)
		r = err_set(err, ERR_KEY, "no key on the tokens can be used here:%s",
			    buf_str(&list));
	else
		r = err_set(err, ERR_KEY,
			    "no certificate found on the tokens: is the token plugged in, and does "
			    "it hold the certificate beside the key (gitsign-hsm key list)?");
	buf_free(&list);
	return r;
}

/* Two copies of one certificate with one key id are one candidate. */
static bool same(const struct candidate *a, const struct candidate *b)
{
	return a->slot == b->slot &&
	       bytes_eq(bytes_of(a->object->id, a->object->id_n),
			bytes_of(b->object->id, b->object->id_n)) &&
	       memcmp(a->cert->sha256, b->cert->sha256, 32) == 0;
}

static bool same_people(const struct cert *a, const struct cert *b)
{
	if (a->emails_n != b->emails_n || strcmp(a->subject, b->subject) != 0)
		return false;
	for (size_t i = 0; i < a->emails_n; i++)
		if (strcmp(a->emails[i], b->emails[i]) != 0)
			return false;
	return true;
}

const struct cert *select_later(const struct cert *a, const struct cert *b)
{
	if (memcmp(a->spki_sha256, b->spki_sha256, sizeof(a->spki_sha256)) != 0 ||
	    !bytes_eq(a->issuer, b->issuer) || !same_people(a, b) || a->not_after == b->not_after)
		return NULL;
	return a->not_after > b->not_after ? a : b;
}

/* Counts one more in *n, but for what renews or is renewed by *best, which is the later then. */
static void add_fit(const struct candidate **best, size_t *n, const struct candidate *k)
{
	const struct cert *later = NULL;

	if (*best != NULL && (*best)->slot == k->slot)
		later = select_later((*best)->cert, k->cert);
	*n += later == NULL;
	if (later == NULL || later == k->cert)
		*best = k;
}

int candidates_pick(const struct candidates *c, const struct selector *s,
		    const struct selector *fallback, const struct candidate **ret, struct err *err)
{
	const struct candidate *found = NULL, *preferred = NULL;
	size_t usable = 0, preferred_n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct candidate *k = &c->v[i];

		if (!is_usable(k, s))
			continue;
		if (found != NULL && same(found, k))
			continue;
		add_fit(&found, &usable, k);
		if (fallback != NULL && candidate_matches(k, fallback))
			add_fit(&preferred, &preferred_n, k);
	}
	if (usable > 1 && s->kind != SELECT_ANY && s->kind != SELECT_URI && preferred_n == 1) {
		*ret = preferred;
		return 0;
	}
	if (usable != 1)
		return refuse(c, s, usable, err);
	*ret = found;
	return 0;
}

static void put_uri(const struct candidate *c, const char *serial, struct buf *out)
{
	struct uri u = { .slot_id = -1 };

	u.token = c->slot->label[0] != '\0' ? (char *)(uintptr_t)c->slot->label : NULL;
	u.serial = serial != NULL && serial[0] != '\0' ? (char *)(uintptr_t)serial : NULL;
	u.id = c->object->id;
	u.id_n = c->object->id_n;
	u.has_id = c->object->id_n > 0;
	uri_format(out, &u);
}

void candidate_uri(const struct candidate *c, struct buf *out)
{
	put_uri(c, NULL, out);
}

void candidate_uri_exact(const struct candidate *c, struct buf *out)
{
	put_uri(c, c->slot->serial, out);
}
