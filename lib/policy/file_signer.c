/* [signer] and [role]: who signs, and with which keys. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/file_internal.h"

static struct policy_signer *signer_now(struct policy_draft *d)
{
	return &d->p->signers[d->p->signers_n - 1];
}

/* Takes the text. */
static void claim(struct policy_draft *d, char *text)
{
	if (d->claims_n == d->claims_cap) {
		d->claims_cap = d->claims_cap ? d->claims_cap * 2 : 64;
		d->claims = xreallocarray(d->claims, d->claims_cap, sizeof(*d->claims));
	}
	d->claims[d->claims_n++] = (struct policy_claim){
		text, d->p->signers_n - 1,
		d->keys == policy_key_keys ? d->p->keys_n - 1 : SIZE_MAX, d->line };
}

/* sha256:HEX, also with the colons and capitals that openssl prints. */
static bool parse_digest(const char *value, uint8_t out[32])
{
	static const char head[] = "sha256:";
	char hex[64];
	size_t n = strlen(value), step;

	if (strncmp(value, head, sizeof(head) - 1) != 0)
		return false;
	value += sizeof(head) - 1;
	n -= sizeof(head) - 1;
	if (n != 64 && n != 95)
		return false;
	step = n == 64 ? 2 : 3;
	for (size_t i = 0; i < 32; i++) {
		hex[2 * i] = value[i * step];
		hex[2 * i + 1] = value[i * step + 1];
		if (step == 3 && i < 31 && value[i * step + 2] != ':')
			return false;
	}
	return text_unhex(bytes_of(hex, sizeof(hex)), out, 32);
}

void policy_add_digest(struct policy_draft *d, const char *key, const char *value,
		       uint8_t (**list)[32], size_t *n, bool claims)
{
	_cleanup_free_ char *shown = NULL;
	uint8_t digest[32];

	if (parse_digest(value, digest)) {
		struct buf text = BUF_INIT;

		*list = policy_grow(*list, n, 32);
		memcpy((*list)[*n - 1], digest, 32);
		buf_addf(&text, "%s sha256:", key);
		text_hex(&text, bytes_of(digest, 32), false);
		if (claims)
			claim(d, buf_detach(&text));
		buf_free(&text);
		return;
	}
	shown = policy_shown(value);
	policy_fault(d, d->line, "%s is \"%s\" (write sha256: and 64 hexadecimal digits)", key,
		     shown);
}

/* --- [signer] ------------------------------------------------------------------------ */

void policy_begin_signer(struct policy_draft *d, const char *name)
{
	struct policy_signer *s;

	d->p->signers = policy_grow(d->p->signers, &d->p->signers_n, sizeof(*d->p->signers));
	s = signer_now(d);
	s->name = xstrdup(name);
	s->valid_from = INT64_MIN;
	s->valid_until = INT64_MAX;
	s->line = d->section_line;
	if (d->p->signers_n == POLICY_SIGNERS_MAX + 1)
		policy_fault(d, s->line, "more than %d [signer] sections", POLICY_SIGNERS_MAX);
}

/* As text_email_eq() compares: the domain in lower case. */
static char *email_claim(const char *email)
{
	char *text = xasprintf("email %s", email);

	for (char *p = strchr(text, '@'); *p; p++)
		*p = text_lower(*p);
	return text;
}

static void set_email(struct policy_draft *d, const char *value)
{
	_cleanup_free_ char *shown = NULL;

	if (text_email_ok(bytes_str(value))) {
		policy_names_add(&signer_now(d)->emails, value);
		claim(d, email_claim(value));
		return;
	}
	shown = policy_shown(value);
	policy_fault(d, d->line, "email is \"%s\" (write the address alone: alice@example.com)",
		     shown);
}

void policy_add_trust(struct policy_draft *d, struct policy_names *trusts, const char *value)
{
	for (size_t i = 0; i < trusts->n; i++)
		if (strcmp(trusts->v[i], value) == 0) {
			_cleanup_free_ char *shown = policy_shown(value);

			policy_fault(d, d->line, "trust = %s stands twice here (remove one)", shown);
			return;
		}
	policy_word_add(&d->trust_words, value, d->line);
	if (trusts->n <= TRUST_MAX_NAMES)
		policy_names_add(trusts, value);
}

static void set_trust(struct policy_draft *d, const char *value)
{
	policy_add_trust(d, &signer_now(d)->trusts, value);
}

static void set_certificate(struct policy_draft *d, const char *value)
{
	struct policy_signer *s = signer_now(d);

	policy_add_digest(d, "certificate", value, &s->certs, &s->certs_n, true);
}

static void set_spki(struct policy_draft *d, const char *value)
{
	struct policy_signer *s = signer_now(d);

	policy_add_digest(d, "spki", value, &s->spkis, &s->spkis_n, true);
}

void policy_set_time(struct policy_draft *d, const char *key, const char *value, int64_t *ret)
{
	_cleanup_free_ char *shown = NULL;

	if (text_parse_time(bytes_str(value), ret))
		return;
	shown = policy_shown(value);
	policy_fault(d, d->line, "%s is \"%s\" (write 2026-12-31 or 2026-12-31T23:59:59Z)", key,
		     shown);
}

static void set_from(struct policy_draft *d, const char *value)
{
	policy_set_time(d, "validFrom", value, &signer_now(d)->valid_from);
}

static void set_until(struct policy_draft *d, const char *value)
{
	policy_set_time(d, "validUntil", value, &signer_now(d)->valid_until);
}

/* What a service may sign is decided by what it merges: not asked yet. */
static void set_kind(struct policy_draft *d, const char *value)
{
	_cleanup_free_ char *shown = NULL;

	if (strcmp(value, "person") == 0)
		return;
	shown = policy_shown(value);
	if (strcmp(value, "service") == 0)
		policy_fault(d, d->line, "`kind = service' is not supported by this version of "
			     "gitsign-hsm");
	else
		policy_fault(d, d->line, "kind is \"%s\" (write person)", shown);
}

void policy_end_signer(struct policy_draft *d)
{
	const struct policy_signer *s = signer_now(d);
	bool trust = policy_key_seen(d, "trust");

	signer_now(d)->has_key_line = trust || policy_key_seen(d, "certificate") ||
				      policy_key_seen(d, "spki");
	if (trust && !policy_key_seen(d, "email"))
		policy_fault(d, s->line, "signer \"%s\" has trust but no email (write the e-mail "
			     "that the certificates carry)", s->name);
	if (s->valid_from >= s->valid_until)
		policy_fault(d, s->line, "signer \"%s\" is never valid (validFrom must be before "
			     "validUntil)", s->name);
}

const struct policy_key policy_signer_keys[] = {
	{ "email", KEY_REPEAT, false, set_email },
	{ "trust", KEY_REPEAT, false, set_trust },
	{ "certificate", KEY_REPEAT, false, set_certificate },
	{ "spki", KEY_REPEAT, false, set_spki },
	{ "validFrom", KEY_ONCE, false, set_from },
	{ "validUntil", KEY_ONCE, false, set_until },
	{ "kind", KEY_ONCE, false, set_kind },
	POLICY_KEY_LATER("sshKey"), POLICY_KEY_LATER("sshAuthority"), POLICY_KEY_LATER("openpgp"),
	POLICY_KEYS_END
};

/* --- [role] -------------------------------------------------------------------------- */

void policy_begin_role(struct policy_draft *d, const char *name)
{
	struct policy_role *r;

	d->roles = policy_grow(d->roles, &d->roles_n, sizeof(*d->roles));
	r = &d->roles[d->roles_n - 1];
	r->name = name;
	r->line = d->section_line;
	if (d->roles_n == POLICY_SECTIONS_MAX + 1)
		policy_fault(d, r->line, "more than %d [role] sections", POLICY_SECTIONS_MAX);
}

static void set_member(struct policy_draft *d, const char *value)
{
	_cleanup_free_ char *shown = policy_shown(value);

	if (strcmp(value, "anyone") == 0 || strchr(value, ':'))
		policy_fault(d, d->line, "signer = %s in a role (a role lists names of [signer] "
			     "sections, no other roles)", shown);
	else
		policy_word_add(&d->roles[d->roles_n - 1].words, value, d->line);
}

const struct policy_key policy_role_keys[] = {
	{ "signer", KEY_REPEAT, true, set_member },
	POLICY_KEYS_END
};
