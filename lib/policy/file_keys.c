/* The sections of a policy file, their keys, and what each takes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/file_internal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

void *policy_grow(void *list, size_t *n, size_t size)
{
	char *v = xreallocarray(list, *n + 1, size);

	memset(v + *n * size, 0, size);
	*n += 1;
	return v;
}

void policy_names_add(struct policy_names *names, const char *name)
{
	names->v = policy_grow(names->v, &names->n, sizeof(*names->v));
	names->v[names->n - 1] = xstrdup(name);
}

/* --- values -------------------------------------------------------------------------- */

bool policy_word_of_two(struct policy_draft *d, const char *key, const char *value,
			const char *yes, const char *no)
{
	_cleanup_free_ char *shown = NULL;

	if (strcmp(value, yes) == 0)
		return true;
	if (strcmp(value, no) == 0)
		return false;
	shown = policy_shown(value);
	policy_fault(d, d->line, "%s is \"%s\" (write %s or %s)", key, shown, no, yes);
	return false;
}

static bool policy_number_in(struct policy_draft *d, const char *key, const char *value,
			     uint64_t min, uint64_t max, uint64_t *ret)
{
	_cleanup_free_ char *shown = NULL;

	if (text_parse_u64(bytes_str(value), ret) && *ret >= min && *ret <= max)
		return true;
	shown = policy_shown(value);
	policy_fault(d, d->line, "%s is \"%s\" (write a whole number from %llu to %llu)", key, shown,
		     (unsigned long long)min, (unsigned long long)max);
	return false;
}

/* --- [policy] ------------------------------------------------------------------------ */

/* A later one was refused before anything else was read. */
static void set_version(struct policy_draft *d, const char *value)
{
	uint64_t x;

	policy_number_in(d, "version", value, 1, POLICY_VERSION, &x);
}

static void set_serial(struct policy_draft *d, const char *value)
{
	uint64_t x;

	if (policy_number_in(d, "serial", value, 0, INT64_MAX, &x))
		d->p->serial = (int64_t)x;
}

static void set_mode(struct policy_draft *d, const char *value)
{
	d->p->report = policy_word_of_two(d, "mode", value, "report", "enforce");
}

static const struct policy_key policy_keys[] = {
	{ "version", KEY_ONCE, true, set_version },
	{ "serial", KEY_ONCE, false, set_serial },
	{ "mode", KEY_ONCE, false, set_mode },
	POLICY_KEYS_END
};

/* --- [trust] ------------------------------------------------------------------------- */

static void begin_trust(struct policy_draft *d, const char *name)
{
	struct policy_anchors *a;

	d->anchors = policy_grow(d->anchors, &d->anchors_n, sizeof(*d->anchors));
	a = &d->anchors[d->anchors_n - 1];
	a->name = name;
	a->line = d->section_line;
	d->p->trusts = policy_grow(d->p->trusts, &d->p->trusts_n, sizeof(*d->p->trusts));
	d->p->trusts[d->p->trusts_n - 1].name = xstrdup(name);
	if (d->anchors_n == TRUST_MAX_NAMES + 1)
		policy_fault(d, d->section_line, "more than %d [trust] sections (put anchors of one "
			     "kind into one PEM file)", TRUST_MAX_NAMES);
}

/* Relative to the directory of the policy file. */
static char *joined(const struct policy_draft *d, const char *value)
{
	const char *slash = strrchr(d->path, '/');

	if (*value == '/' || !slash)
		return xstrdup(value);
	return xasprintf("%.*s%s", (int)(slash - d->path + 1), d->path, value);
}

static void set_roots(struct policy_draft *d, const char *value)
{
	struct policy_anchors *a = &d->anchors[d->anchors_n - 1];

	a->roots_line = d->line;
	a->roots = joined(d, value);
}

static void set_crl(struct policy_draft *d, const char *value)
{
	struct policy_anchors *a = &d->anchors[d->anchors_n - 1];
	struct policy_crl *c;

	if (a->crls_n == TRUST_MAX_CRL_FILES) {
		policy_fault(d, d->line, "more than %d crl lines in one section (put lists into one "
			     "PEM file)", TRUST_MAX_CRL_FILES);
		return;
	}
	a->crls = policy_grow(a->crls, &a->crls_n, sizeof(*a->crls));
	c = &a->crls[a->crls_n - 1];
	c->line = d->line;
	c->path = joined(d, value);
}

static void set_crl_policy(struct policy_draft *d, const char *value)
{
	static const char *const words[] = { "require", "ifPresent", "off" };
	struct policy_anchors *a = &d->anchors[d->anchors_n - 1];
	_cleanup_free_ char *shown = NULL;

	a->asks_line = d->line;
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(value, words[i]) == 0) {
			a->asks = (enum policy_crls)i;
			return;
		}
	shown = policy_shown(value);
	policy_fault(d, d->line, "crlPolicy is \"%s\" (write require, ifPresent or off)", shown);
}

/* Exactly this one: a subdomain is another. */
static void set_email_domain(struct policy_draft *d, const char *value)
{
	struct policy_trust *t = &d->p->trusts[d->p->trusts_n - 1];
	_cleanup_free_ char *email = xasprintf("x@%s", value), *shown = NULL;
	bool ok = text_email_ok(bytes_str(email)) && !strpbrk(value, "@*?,") && *value != '.';

	for (const char *p = value; ok && *p; p++)
		ok = (uint8_t)*p < 0x80;
	if (ok) {
		t->email_domain = xstrdup(value);
		return;
	}
	shown = policy_shown(value);
	policy_fault(d, d->line, "emailDomain is \"%s\" (write what stands behind the @, without "
		     "wildcards: example.com)", shown);
}

static void end_trust(struct policy_draft *d)
{
	const struct policy_anchors *a = &d->anchors[d->anchors_n - 1];

	if (a->asks_line && a->crls_n == 0 && a->asks != CRLS_OFF)
		policy_fault(d, a->asks_line, "crlPolicy without a crl (add crl = FILE, or remove "
			     "crlPolicy)");
}

static const struct policy_key trust_keys[] = {
	{ "roots", KEY_ONCE, true, set_roots },
	{ "crl", KEY_REPEAT, false, set_crl },
	{ "crlPolicy", KEY_ONCE, false, set_crl_policy },
	{ "emailDomain", KEY_ONCE, false, set_email_domain },
	POLICY_KEY_LATER("timestampRoots"), POLICY_KEY_LATER("openpgpKeyring"),
	POLICY_KEYS_END
};

/* --- [algorithms], [limits] ---------------------------------------------------------- */

static void set_bits(struct policy_draft *d, const char *value)
{
	uint64_t x;

	d->bits_said = true;
	d->bits_line = d->line;
	if (policy_number_in(d, "rsaBits", value, 2048, 16384, &x))
		d->p->limits.rsa_bits = (int)x;
}

static void set_key(struct policy_draft *d, const char *value)
{
	static const char *const names[] = {
		[KEY_RSA] = "rsa",   [KEY_P256] = "p256",	[KEY_P384] = "p384",
		[KEY_P521] = "p521", [KEY_ED25519] = "ed25519",
	};
	_cleanup_free_ char *shown = NULL;

	/* The first line replaces the default. */
	if (!d->key_said)
		memset(d->p->limits.kinds, 0, sizeof(d->p->limits.kinds));
	d->key_said = true;
	for (size_t i = KEY_RSA; i < COUNT(names); i++)
		if (strcmp(value, names[i]) == 0) {
			d->p->limits.kinds[i] = true;
			return;
		}
	shown = policy_shown(value);
	policy_fault(d, d->line, "key is \"%s\" (write rsa, p256, p384, p521 or ed25519)", shown);
}

static void set_hash(struct policy_draft *d, const char *value)
{
	_cleanup_free_ char *shown = NULL;

	if (!d->hash_said)
		memset(d->p->limits.hashes, 0, sizeof(d->p->limits.hashes));
	d->hash_said = true;
	for (size_t h = HASH_SHA256; h <= HASH_SHA512; h++)
		if (strcmp(value, alg_hash_name((enum alg_hash)h)) == 0) {
			d->p->limits.hashes[h] = true;
			return;
		}
	shown = policy_shown(value);
	policy_fault(d, d->line, "hash is \"%s\" (write sha256, sha384 or sha512)", shown);
}

static void end_algorithms(struct policy_draft *d)
{
	if (d->bits_said && !d->p->limits.kinds[KEY_RSA])
		policy_fault(d, d->bits_line, "rsaBits without RSA keys (add key = rsa, or remove "
			     "rsaBits)");
}

static const struct policy_key algorithm_keys[] = {
	{ "rsaBits", KEY_ONCE, false, set_bits },
	{ "key", KEY_REPEAT, false, set_key },
	{ "hash", KEY_REPEAT, false, set_hash },
	POLICY_KEYS_END
};

static void set_object_size(struct policy_draft *d, const char *value)
{
	_cleanup_free_ char *shown = NULL;
	uint64_t x;

	if (gitconf_parse_size(value, &x) && x >= 4096 && x <= (uint64_t)64 << 20) {
		d->p->object_size = x;
		return;
	}
	shown = policy_shown(value);
	policy_fault(d, d->line, "objectSize is \"%s\" (write a size from 4k to 64m)", shown);
}

static void set_limit_time(struct policy_draft *d, const char *value)
{
	_cleanup_free_ char *shown = NULL;
	int64_t x;

	if (text_parse_duration(bytes_str(value), &x) && x >= 1 && x <= 86400) {
		d->p->time = x;
		return;
	}
	shown = policy_shown(value);
	policy_fault(d, d->line, "time is \"%s\" (write a time from 1s to 24h)", shown);
}

static void set_limit_refs(struct policy_draft *d, const char *value)
{
	uint64_t x;

	if (policy_number_in(d, "refs", value, 1, 500000, &x))
		d->p->refs = (size_t)x;
}

static void set_limit_threads(struct policy_draft *d, const char *value)
{
	uint64_t x;

	if (policy_number_in(d, "threads", value, 1, 64, &x))
		d->p->threads = (size_t)x;
}

static const struct policy_key limit_keys[] = {
	{ "objectSize", KEY_ONCE, false, set_object_size },
	{ "time", KEY_ONCE, false, set_limit_time },
	{ "refs", KEY_ONCE, false, set_limit_refs },
	{ "threads", KEY_ONCE, false, set_limit_threads },
	POLICY_KEYS_END
};

/* --- the table ----------------------------------------------------------------------- */

static const struct policy_section sections[] = {
	{ "policy", false, policy_keys, NULL, NULL },
	{ "trust", true, trust_keys, begin_trust, end_trust },
	{ "signer", true, policy_signer_keys, policy_begin_signer, policy_end_signer },
	{ "role", true, policy_role_keys, policy_begin_role, NULL },
	{ "rule", true, policy_rule_keys, policy_begin_rule, policy_end_rule },
	{ "algorithms", false, algorithm_keys, NULL, end_algorithms },
	{ "limits", false, limit_keys, NULL, NULL },
	{ "key", true, policy_key_keys, policy_begin_key, policy_end_key },
	{ "revoked", true, policy_revoked_keys, policy_begin_revoked, policy_end_revoked },
};

const struct policy_section *policy_section_find(const char *name)
{
	for (size_t i = 0; i < COUNT(sections); i++)
		if (strcmp(sections[i].name, name) == 0)
			return &sections[i];
	return NULL;
}
