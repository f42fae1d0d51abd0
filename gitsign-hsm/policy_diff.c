#include "policy_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "json.h"
#include "policy/past.h"
#include "policy_text.h"

struct diff {
	bool json;
	struct buf changes; /* JSON objects */
	size_t n;
};

/* One line: "rule main  signer  +carol -bob". */
static void change(struct diff *d, const char *kind, const char *name, const char *what,
		   const char *old, const char *new_)
{
	d->n++;
	if (!d->json) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(name));

		if (*what == '\0')
			printf("%-7s %-20s  %s\n", kind, shown, old == NULL ? "added" : "removed");
		else
			printf("%-7s %-20s  %s: %s -> %s\n", kind, shown, what,
			       old != NULL ? old : "-", new_ != NULL ? new_ : "-");
		return;
	}
	json_put_comma(&d->changes);
	buf_add_byte(&d->changes, '{');
	json_put_text(&d->changes, "kind", kind);
	json_put_text(&d->changes, "name", name);
	json_put_text(&d->changes, "what", *what != '\0' ? what : NULL);
	json_put_text(&d->changes, "old", old);
	json_put_text(&d->changes, "new", new_);
	buf_add_byte(&d->changes, '}');
}

static const struct fact *find_fact(const struct facts *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i].key, key) == 0)
			return &f->v[i];
	return NULL;
}

static void diff_facts(struct diff *d, const char *kind, const char *name, const struct facts *a,
		       const struct facts *b)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct fact *y = find_fact(b, a->v[i].key);
		_cleanup_free_ char *old = fact_text(&a->v[i]);
		_cleanup_free_ char *new_ = y != NULL ? fact_text(y) : NULL;

		if (new_ == NULL || strcmp(old, new_) != 0)
			change(d, kind, name, a->v[i].key, old, new_);
	}
	for (size_t i = 0; i < b->n; i++) {
		_cleanup_free_ char *new_ = fact_text(&b->v[i]);

		if (find_fact(a, b->v[i].key) == NULL)
			change(d, kind, name, b->v[i].key, NULL, new_);
	}
}

/* --- rules and people -------------------------------------------------------------------- */

static const struct policy_rule *find_rule(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->rules_n; i++)
		if (strcmp(p->rules[i].name, name) == 0)
			return &p->rules[i];
	return NULL;
}

static const struct policy_signer *find_signer(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->signers_n; i++)
		if (strcmp(p->signers[i].name, name) == 0)
			return &p->signers[i];
	return NULL;
}

/* --- sections, by name ---------------------------------------------------------------------- */

/* One kind of section; `at` gives the name and, if asked, the facts of the i-th. */
struct kind {
	const char *word;
	const char *(*at)(const struct policy *p, size_t i, struct facts *facts);
};

static const char *rule_at(const struct policy *p, size_t i, struct facts *facts)
{
	if (i < p->rules_n && facts != NULL)
		facts_of_rule(p, &p->rules[i], facts);
	return i < p->rules_n ? p->rules[i].name : NULL;
}

static const char *signer_at(const struct policy *p, size_t i, struct facts *facts)
{
	if (i < p->signers_n && facts != NULL)
		facts_of_signer(p, &p->signers[i], facts);
	return i < p->signers_n ? p->signers[i].name : NULL;
}

static const char *key_at(const struct policy *p, size_t i, struct facts *facts)
{
	if (i < p->keys_n && facts != NULL)
		facts_of_key(p, &p->keys[i], facts);
	return i < p->keys_n ? p->keys[i].name : NULL;
}

static const char *revoked_at(const struct policy *p, size_t i, struct facts *facts)
{
	if (i < p->revoked_n && facts != NULL)
		facts_of_revoked(&p->revoked[i], facts);
	return i < p->revoked_n ? p->revoked[i].name : NULL;
}

static const char *trust_at(const struct policy *p, size_t i, struct facts *facts)
{
	if (i < p->trusts_n && facts != NULL)
		facts_of_trust(&p->trusts[i], facts);
	return i < p->trusts_n ? p->trusts[i].name : NULL;
}

static const struct kind kinds[] = {
	{ "trust", trust_at }, { "revoked", revoked_at }, { "rule", rule_at },
	{ "signer", signer_at }, { "key", key_at },
};

static bool find_section(const struct kind *k, const struct policy *p, const char *name, size_t *at)
{
	const char *found;

	for (*at = 0; (found = k->at(p, *at, NULL)) != NULL; ++*at)
		if (strcmp(found, name) == 0)
			return true;
	return false;
}

static void diff_sections(struct diff *d, const struct kind *k, const struct policy *old,
			  const struct policy *new_)
{
	const char *name;
	size_t at;

	for (size_t i = 0; (name = k->at(old, i, NULL)) != NULL; i++) {
		struct facts a, b;

		if (!find_section(k, new_, name, &at)) {
			change(d, k->word, name, "", name, NULL);
			continue;
		}
		(void)k->at(old, i, &a);
		(void)k->at(new_, at, &b);
		diff_facts(d, k->word, name, &a, &b);
		facts_free(&a);
		facts_free(&b);
	}
	for (size_t i = 0; (name = k->at(new_, i, NULL)) != NULL; i++)
		if (!find_section(k, old, name, &at))
			change(d, k->word, name, "", NULL, name);
}

/* --- who may sign where ------------------------------------------------------------------ */

static bool may_sign(const struct policy *p, const char *rule, const char *signer)
{
	const struct policy_rule *r = find_rule(p, rule);
	const struct policy_signer *s = find_signer(p, signer);

	return r != NULL && s != NULL && policy_rule_allows(p, r, s);
}

/* Rules of `p` that the signer may sign under here, and not by the other policy. */
static void diff_person(struct diff *d, const char *kind, const char *signer,
			const struct policy *p, const struct policy *other)
{
	struct buf b = BUF_INIT;
	bool gains = strcmp(kind, "gains") == 0;

	for (size_t i = 0; i < p->rules_n; i++)
		if (may_sign(p, p->rules[i].name, signer) &&
		    !may_sign(other, p->rules[i].name, signer))
			buf_addf(&b, "%s%s", b.n != 0 ? ", " : "", p->rules[i].name);
	if (b.n != 0)
		change(d, kind, signer, "rules", gains ? NULL : buf_str(&b),
		       gains ? buf_str(&b) : NULL);
	buf_free(&b);
}

static void diff_people(struct diff *d, const struct policy *old, const struct policy *new_)
{
	for (size_t i = 0; i < new_->signers_n; i++)
		diff_person(d, "gains", new_->signers[i].name, new_, old);
	for (size_t i = 0; i < old->signers_n; i++)
		diff_person(d, "loses", old->signers[i].name, old, new_);
}

/* --- refs that are there ------------------------------------------------------------------- */

static int diff_refs(struct diff *d, const struct policy *old, const struct policy *new_,
		     struct repo *repo, struct err *err)
{
	struct past_ref *refs = NULL;
	size_t n = 0;
	int rc = past_refs(repo, &refs, &n, err);

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct policy_rule *a = NULL, *b = NULL;

		rc = policy_rule_for(old, bytes_str(refs[i].name), &a, err);
		if (rc == 0)
			rc = policy_rule_for(new_, bytes_str(refs[i].name), &b, err);
		if (rc == 0 && (a != NULL || b != NULL) &&
		    (a == NULL || b == NULL || strcmp(a->name, b->name) != 0))
			change(d, "ref", refs[i].name, "governed by", a != NULL ? a->name : NULL,
			       b != NULL ? b->name : NULL);
	}
	past_refs_free(refs, n);
	return rc;
}

/* --- all of it ------------------------------------------------------------------------------- */

static void print_json(const struct diff *d, const struct policy *old, const struct policy *new_,
		       bool good)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, '{');
	json_put_number(&b, "oldSerial", old->serial);
	json_put_number(&b, "newSerial", new_->serial);
	json_put_bool(&b, "serialGood", good);
	json_put_name(&b, "changes");
	buf_addf(&b, "[%s]}", buf_str(&d->changes));
	puts(buf_str(&b));
	buf_free(&b);
}

/* What a server remembers: record/serial.h. */
static bool serial_good(const struct policy *old, const struct policy *new_)
{
	if (new_->serial == old->serial)
		return new_->serial == 0 || memcmp(new_->rules_digest, old->rules_digest,
						   sizeof(old->rules_digest)) == 0;
	return new_->serial > old->serial;
}

int policy_diff(const struct policy *old, const struct policy *new_, struct repo *repo, bool json,
		struct err *err)
{
	struct diff d = { .json = json };
	bool good = serial_good(old, new_);
	struct facts a, b;
	int rc = 0;

	facts_of_policy(old, &a);
	facts_of_policy(new_, &b);
	diff_facts(&d, "policy", "", &a, &b);
	facts_free(&a);
	facts_free(&b);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		diff_sections(&d, &kinds[i], old, new_);
	diff_people(&d, old, new_);
	if (repo != NULL)
		rc = diff_refs(&d, old, new_, repo, err);
	if (rc == 0 && json)
		print_json(&d, old, new_, good);
	else if (rc == 0 && d.n == 0)
		puts("no rule, no signer and no right is changed");
	if (rc == 0 && !json && !good)
		printf("PROBLEM serial = %lld: servers that know serial %lld refuse this file. "
		       "Write serial = %lld\n",
		       (long long)new_->serial, (long long)old->serial, (long long)old->serial + 1);
	buf_free(&d.changes);
	return rc != 0 ? rc : good ? 0 : ERR_BAD;
}
