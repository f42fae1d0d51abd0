/* [key] and [revoked]: keys with conditions of their own, and keys that count no more. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/file_internal.h"

/* --- [key] --------------------------------------------------------------------------- */

static struct policy_key_lines *key_now(struct policy_draft *d)
{
	return &d->p->keys[d->p->keys_n - 1];
}

void policy_begin_key(struct policy_draft *d, const char *name)
{
	size_t n = d->p->keys_n;
	struct policy_key_lines *k;

	d->key_signers = policy_grow(d->key_signers, &n, sizeof(*d->key_signers));
	d->p->keys = policy_grow(d->p->keys, &d->p->keys_n, sizeof(*d->p->keys));
	k = key_now(d);
	k->name = xstrdup(name);
	k->signer = SIZE_MAX;
	k->valid_from = INT64_MIN;
	k->valid_until = INT64_MAX;
	k->line = d->section_line;
	if (d->p->keys_n == POLICY_SECTIONS_MAX + 1)
		policy_fault(d, k->line, "more than %d [key] sections", POLICY_SECTIONS_MAX);
}

static void set_signer(struct policy_draft *d, const char *value)
{
	d->key_signers[d->p->keys_n - 1] = (struct policy_word){ value, d->line };
}

static void set_trust(struct policy_draft *d, const char *value)
{
	policy_add_trust(d, &key_now(d)->trusts, value);
}

static void set_certificate(struct policy_draft *d, const char *value)
{
	struct policy_key_lines *k = key_now(d);

	policy_add_digest(d, "certificate", value, &k->certs, &k->certs_n, true);
}

static void set_spki(struct policy_draft *d, const char *value)
{
	struct policy_key_lines *k = key_now(d);

	policy_add_digest(d, "spki", value, &k->spkis, &k->spkis_n, true);
}

static void set_from(struct policy_draft *d, const char *value)
{
	policy_set_time(d, "validFrom", value, &key_now(d)->valid_from);
}

static void set_until(struct policy_draft *d, const char *value)
{
	policy_set_time(d, "validUntil", value, &key_now(d)->valid_until);
}

void policy_end_key(struct policy_draft *d)
{
	const struct policy_key_lines *k = key_now(d);

	if (!policy_key_seen(d, "trust") && !policy_key_seen(d, "certificate") &&
	    !policy_key_seen(d, "spki"))
		policy_fault(d, k->line, "key \"%s\" says of no key that it is it (write "
			     "certificate, spki or trust = NAME)", k->name);
	if (k->valid_from >= k->valid_until)
		policy_fault(d, k->line, "key \"%s\" is never valid (validFrom must be before "
			     "validUntil)", k->name);
}

const struct policy_key policy_key_keys[] = {
	{ "signer", KEY_ONCE, true, set_signer },
	{ "trust", KEY_ONCE, false, set_trust },
	{ "certificate", KEY_ONCE, false, set_certificate },
	{ "spki", KEY_ONCE, false, set_spki },
	{ "validFrom", KEY_ONCE, false, set_from },
	{ "validUntil", KEY_ONCE, false, set_until },
	POLICY_KEY_LATER("sshKey"), POLICY_KEY_LATER("sshAuthority"), POLICY_KEY_LATER("openpgp"),
	POLICY_KEYS_END
};

/* --- [revoked] ----------------------------------------------------------------------- */

static struct policy_revoked *revoked_now(struct policy_draft *d)
{
	return &d->p->revoked[d->p->revoked_n - 1];
}

void policy_begin_revoked(struct policy_draft *d, const char *name)
{
	struct policy_revoked *r;

	d->p->revoked = policy_grow(d->p->revoked, &d->p->revoked_n, sizeof(*d->p->revoked));
	r = revoked_now(d);
	r->name = xstrdup(name);
	r->since = INT64_MIN;
	r->line = d->section_line;
	if (d->p->revoked_n == POLICY_SECTIONS_MAX + 1)
		policy_fault(d, r->line, "more than %d [revoked] sections", POLICY_SECTIONS_MAX);
}

static void revoke_certificate(struct policy_draft *d, const char *value)
{
	struct policy_revoked *r = revoked_now(d);

	policy_add_digest(d, "certificate", value, &r->certs, &r->certs_n, false);
}

static void revoke_spki(struct policy_draft *d, const char *value)
{
	struct policy_revoked *r = revoked_now(d);

	policy_add_digest(d, "spki", value, &r->spkis, &r->spkis_n, false);
}

static void set_since(struct policy_draft *d, const char *value)
{
	policy_set_time(d, "since", value, &revoked_now(d)->since);
}

/* The words of RFC 5280 5.3.1 that end a certificate. */
static void set_reason(struct policy_draft *d, const char *value)
{
	static const char *const words[] = { "unspecified", "keyCompromise", "cACompromise",
					     "affiliationChanged", "superseded",
					     "cessationOfOperation", "privilegeWithdrawn" };
	_cleanup_free_ char *shown = NULL;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(value, words[i]) == 0) {
			free(revoked_now(d)->reason);
			revoked_now(d)->reason = xstrdup(value);
			return;
		}
	shown = policy_shown(value);
	policy_fault(d, d->line, "reason is \"%s\" (write keyCompromise, cACompromise, "
		     "affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn or "
		     "unspecified)", shown);
}

void policy_end_revoked(struct policy_draft *d)
{
	if (!policy_key_seen(d, "certificate") && !policy_key_seen(d, "spki"))
		policy_fault(d, d->section_line, "revoked \"%s\" names no key (write spki = "
			     "sha256:..., or certificate)", revoked_now(d)->name);
}

const struct policy_key policy_revoked_keys[] = {
	{ "certificate", KEY_REPEAT, false, revoke_certificate },
	{ "spki", KEY_REPEAT, false, revoke_spki },
	{ "since", KEY_ONCE, false, set_since },
	{ "reason", KEY_ONCE, false, set_reason },
	POLICY_KEYS_END
};
