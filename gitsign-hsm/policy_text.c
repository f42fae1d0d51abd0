#include "policy_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "json.h"

/* --- facts ------------------------------------------------------------------------- */

static void add_value(struct fact *f, const char *value)
{
	f->values.v = xreallocarray(f->values.v, f->values.n + 1, sizeof(char *));
	f->values.v[f->values.n++] = text_escaped(bytes_str(value));
}

static struct fact *add_fact(struct facts *f, const char *key)
{
	f->v = xreallocarray(f->v, f->n + 1, sizeof(*f->v));
	f->v[f->n] = (struct fact){ .key = key };
	return &f->v[f->n++];
}

static void add_word(struct facts *f, const char *key, const char *value)
{
	add_value(add_fact(f, key), value);
}

static void add_time(struct facts *f, const char *key, int64_t t)
{
	struct fact *x = add_fact(f, key);
	struct buf b = BUF_INIT;

	if (t != INT64_MIN && t != INT64_MAX) {
		text_time(&b, t);
		add_value(x, buf_str(&b));
	}
	buf_free(&b);
}

static void add_number(struct facts *f, const char *key, long long n)
{
	_cleanup_free_ char *text = xasprintf("%lld", n);

	add_word(f, key, text);
}

static void add_hex(struct fact *f, const char *kind, const uint8_t digest[32])
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s:sha256:", kind);
	text_hex(&b, bytes_of(digest, 32), false);
	add_value(f, buf_str(&b));
	buf_free(&b);
}

static void add_prefixed(struct fact *f, const char *kind, const char *name)
{
	_cleanup_free_ char *text = xasprintf("%s:%s", kind, name);

	add_value(f, text);
}

void facts_add(struct facts *f, const char *key, const char *value)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->v[i].key, key) == 0) {
			add_value(&f->v[i], value);
			return;
		}
	}
	add_word(f, key, value);
}

void facts_free(struct facts *f)
{
	for (size_t i = 0; i < f->n; i++) {
		for (size_t k = 0; k < f->v[i].values.n; k++)
			free(f->v[i].values.v[k]);
		free(f->v[i].values.v);
	}
	free(f->v);
	*f = (struct facts){ NULL, 0 };
}

char *fact_text(const struct fact *f)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < f->values.n; i++)
		buf_addf(&b, "%s%s", i != 0 ? ", " : "", f->values.v[i]);
	if (f->values.n == 0)
		buf_add_byte(&b, '-');
	return buf_detach(&b);
}

static bool is_among(const char *key, const char *const *words)
{
	while (*words != NULL && strcmp(key, *words) != 0)
		words++;
	return *words != NULL;
}

void facts_json(struct buf *b, const struct facts *f)
{
	static const char *const lists[] = { "ref",  "signer",  "pusher",       "accepts", "email",
					     "keys", "trust",   "revoked",      "hook",    "crl",
					     "tip",  "pushUrl", "introduction", "problem", NULL };
	static const char *const numbers[] = { "expiryGrace", "serial", "entries", "tips", NULL };

	for (size_t i = 0; i < f->n; i++) {
		const struct fact *x = &f->v[i];

		if (is_among(x->key, numbers) && x->values.n != 0) {
			json_put_name(b, x->key);
			buf_add_str(b, x->values.v[0]);
			continue;
		}
		if (!is_among(x->key, lists)) {
			json_put_text(b, x->key, x->values.n != 0 ? x->values.v[0] : NULL);
			continue;
		}
		json_put_name(b, x->key);
		buf_add_byte(b, '[');
		for (size_t k = 0; k < x->values.n; k++) {
			json_put_comma(b);
			text_json(b, bytes_str(x->values.v[k]));
		}
		buf_add_byte(b, ']');
	}
}

/* --- a rule -------------------------------------------------------------------------- */

const char *rule_asks(const struct policy_rule *r)
{
	if (r->judges_tags)
		return r->tags_signed ? "tags signed" : "any tag";
	switch (r->commits) {
	case COMMITS_SIGNED:
		return "commits signed";
	case COMMITS_TIP:
		return "tip signed";
	default:
		return "any commit";
	}
}

static void add_list(struct buf *b, bool on, const char *word)
{
	if (on)
		buf_addf(b, "%s%s", b->n != 0 ? "," : "", word);
}

char *rule_allows(const struct policy_rule *r)
{
	struct buf b = BUF_INIT;

	add_list(&b, r->allow_rewind, "rewind");
	add_list(&b, r->allow_delete, "delete");
	add_list(&b, r->allow_keyless, "keyless");
	add_list(&b, !r->committer_match, "any-committer");
	add_list(&b, b.n == 0, "-");
	return buf_detach(&b);
}

static void add_people(const struct policy *p, struct fact *f, bool anyone, const size_t *signers,
		       size_t n, const size_t *trusts, size_t trusts_n)
{
	if (anyone)
		add_value(f, "anyone");
	for (size_t i = 0; i < n && !anyone; i++)
		add_value(f, p->signers[signers[i]].name);
	for (size_t i = 0; i < trusts_n; i++)
		add_prefixed(f, "trust", p->trusts[trusts[i]].name);
}

static void add_permits(struct facts *f, const struct policy_rule *r)
{
	static const char *const author[] = {
		[AUTHOR_ANY] = "any", [AUTHOR_MATCH] = "match", [AUTHOR_KNOWN] = "known"
	};

	if (r->judges_tags)
		add_word(f, "target", r->target_any ? "any" : "accepted");
	add_word(f, "committer", r->committer_match ? "match" : "any");
	if (!r->judges_tags) {
		add_word(f, "author", author[r->author]);
		add_word(f, "roots", r->any_root ? "any" : "introduced");
	}
	add_word(f, "rewind", r->allow_rewind ? "allow" : "deny");
	add_word(f, "delete", r->allow_delete ? "allow" : "deny");
	add_word(f, "keylessUpdate", r->allow_keyless ? "allow" : "deny");
	add_word(f, "pushCertificate", r->cert_required ? "required" : "optional");
	add_number(f, "expiryGrace", (long long)r->expiry_grace);
}

void facts_of_rule(const struct policy *p, const struct policy_rule *r, struct facts *ret)
{
	struct facts f = { NULL, 0 };
	struct fact *x = add_fact(&f, "ref");

	for (size_t i = 0; i < r->refs.n; i++)
		add_value(x, r->refs.v[i]);
	add_word(&f, "asks", rule_asks(r));
	add_people(p, add_fact(&f, "signer"), r->anyone, r->signers, r->signers_n, r->trusts,
		   r->trusts_n);
	x = add_fact(&f, "pusher");
	if (r->pusher_said)
		add_people(p, x, r->any_pusher, r->pushers, r->pushers_n, r->push_trusts,
			   r->push_trusts_n);
	else
		add_people(p, x, r->anyone, r->signers, r->signers_n, r->trusts, r->trusts_n);
	x = add_fact(&f, "accepts");
	for (size_t i = 0; i < r->accepts_n; i++)
		add_value(x, p->rules[r->accepts[i]].name);
	add_permits(&f, r);
	add_word(&f, "mode", p->report || r->report ? "report" : "enforce");
	*ret = f;
}

/* --- a signer, and the file ---------------------------------------------------------- */

static void add_keys(struct fact *f, uint8_t (*certs)[32], size_t certs_n, uint8_t (*spkis)[32],
		     size_t spkis_n)
{
	for (size_t i = 0; i < certs_n; i++)
		add_hex(f, "certificate", certs[i]);
	for (size_t i = 0; i < spkis_n; i++)
		add_hex(f, "spki", spkis[i]);
}

void facts_of_signer(const struct policy *p, const struct policy_signer *s, struct facts *ret)
{
	struct facts f = { NULL, 0 };
	struct fact *x = add_fact(&f, "email");

	for (size_t i = 0; i < s->emails.n; i++)
		add_value(x, s->emails.v[i]);
	x = add_fact(&f, "keys");
	for (size_t i = 0; i < s->trusts.n; i++)
		add_prefixed(x, "trust", s->trusts.v[i]);
	add_keys(x, s->certs, s->certs_n, s->spkis, s->spkis_n);
	for (size_t i = 0; i < p->keys_n; i++)
		if (&p->signers[p->keys[i].signer] == s)
			add_prefixed(x, "key", p->keys[i].name);
	add_time(&f, "validFrom", s->valid_from);
	add_time(&f, "validUntil", s->valid_until);
	*ret = f;
}

void facts_of_key(const struct policy *p, const struct policy_key_lines *k, struct facts *ret)
{
	struct facts f = { NULL, 0 };
	struct fact *x;

	add_word(&f, "signer", p->signers[k->signer].name);
	x = add_fact(&f, "keys");
	for (size_t i = 0; i < k->trusts.n; i++)
		add_prefixed(x, "trust", k->trusts.v[i]);
	add_keys(x, k->certs, k->certs_n, k->spkis, k->spkis_n);
	add_time(&f, "validFrom", k->valid_from);
	add_time(&f, "validUntil", k->valid_until);
	*ret = f;
}

void facts_of_revoked(const struct policy_revoked *r, struct facts *ret)
{
	struct facts f = { NULL, 0 };

	add_keys(add_fact(&f, "keys"), r->certs, r->certs_n, r->spkis, r->spkis_n);
	add_time(&f, "since", r->since);
	if (r->reason != NULL)
		add_word(&f, "reason", r->reason);
	*ret = f;
}

void facts_of_trust(const struct policy_trust *t, struct facts *ret)
{
	struct facts f = { NULL, 0 };

	add_hex(add_fact(&f, "roots"), "file", t->roots);
	if (t->email_domain != NULL)
		add_word(&f, "emailDomain", t->email_domain);
	if (t->crls != NULL)
		add_word(&f, "crlPolicy", t->crls);
	*ret = f;
}

static void add_algorithms(struct facts *f, const struct trust_limits *l)
{
	struct fact *x;

	x = add_fact(f, "key");
	for (int k = KEY_RSA; k <= KEY_ED25519; k++)
		if (l->kinds[k])
			add_value(x, alg_key_name((struct alg_key){ (enum alg_kind)k, l->rsa_bits }));
	x = add_fact(f, "hash");
	for (int h = HASH_SHA256; h <= HASH_SHA512; h++)
		if (l->hashes[h])
			add_value(x, alg_hash_name((enum alg_hash)h));
}

void facts_of_policy(const struct policy *p, struct facts *ret)
{
	struct facts f = { NULL, 0 };

	add_word(&f, "mode", p->report ? "report" : "enforce");
	add_algorithms(&f, &p->limits);
	add_number(&f, "objectSize", (long long)p->object_size);
	add_number(&f, "time", (long long)p->time);
	add_number(&f, "refs", (long long)p->refs);
	*ret = f;
}
