/* The sections of a policy file, their keys, and what each takes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/file_internal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define END { NULL, KEY_ONCE, false, NULL }
#define LATER(name) { name, KEY_LATER, false, NULL }

static struct policy_signer *signer_now(struct policy_draft *d)
{
	return &d->p->signers[d->p->signers_n - 1];
}

static struct policy_rule *rule_now(struct policy_draft *d)
{
	return &d->p->rules[d->p->rules_n - 1];
}

static void *grow(void *list, size_t *n, size_t size)
{
	char *v = xreallocarray(list, *n + 1, size);

	memset(v + *n * size, 0, size);
	*n += 1;
	return v;
}

static void names_add(struct policy_names *names, const char *name)
{
	names->v = grow(names->v, &names->n, sizeof(*names->v));
	names->v[names->n - 1] = xstrdup(name);
}

/* Takes the text. */
static void claim(struct policy_draft *d, char *text)
{
	if (d->claims_n == d->claims_cap) {
		d->claims_cap = d->claims_cap ? d->claims_cap * 2 : 64;
		d->claims = xreallocarray(d->claims, d->claims_cap, sizeof(*d->claims));
	}
	d->claims[d->claims_n++] = (struct policy_claim){ text, d->p->signers_n - 1, d->line };
}

/* --- values -------------------------------------------------------------------------- */

/* One of two words; the fault names both. */
static bool word_of_two(struct policy_draft *d, const char *key, const char *value,
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

static bool number_in(struct policy_draft *d, const char *key, const char *value, uint64_t min,
		      uint64_t max, uint64_t *ret)
{
	_cleanup_free_ char *shown = NULL;

	if (text_parse_u64(bytes_str(value), ret) && *ret >= min && *ret <= max)
		return true;
	shown = policy_shown(value);
	policy_fault(d, d->line, "%s is \"%s\" (write a whole number from %llu to %llu)", key, shown,
		     (unsigned long long)min, (unsigned long long)max);
	return false;
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

static void add_digest(struct policy_draft *d, const char *key, const char *value,
		       uint8_t (**list)[32], size_t *n)
{
	_cleanup_free_ char *shown = NULL;
	uint8_t digest[32];

	if (parse_digest(value, digest)) {
		struct buf text = BUF_INIT;

		*list = grow(*list, n, 32);
		memcpy((*list)[*n - 1], digest, 32);
		buf_addf(&text, "%s sha256:", key);
		text_hex(&text, bytes_of(digest, 32), false);
		claim(d, buf_detach(&text));
		return;
	}
	shown = policy_shown(value);
	policy_fault(d, d->line, "%s is \"%s\" (write sha256: and 64 hexadecimal digits)", key,
		     shown);
}

/* --- [policy] ------------------------------------------------------------------------ */

/* A later one was refused before anything else was read. */
static void set_version(struct policy_draft *d, const char *value)
{
	uint64_t x;

	number_in(d, "version", value, 1, POLICY_VERSION, &x);
}

static void set_serial(struct policy_draft *d, const char *value)
{
	uint64_t x;

	if (number_in(d, "serial", value, 0, INT64_MAX, &x))
		d->p->serial = (int64_t)x;
}

static void set_mode(struct policy_draft *d, const char *value)
{
	d->p->report = word_of_two(d, "mode", value, "report", "enforce");
}

static const struct policy_key policy_keys[] = {
	{ "version", KEY_ONCE, true, set_version },
	{ "serial", KEY_ONCE, false, set_serial },
	{ "mode", KEY_ONCE, false, set_mode },
	END
};

/* --- [trust] ------------------------------------------------------------------------- */

static void begin_trust(struct policy_draft *d, const char *name)
{
	struct policy_anchors *a;

	d->anchors = grow(d->anchors, &d->anchors_n, sizeof(*d->anchors));
	a = &d->anchors[d->anchors_n - 1];
	a->name = name;
	a->line = d->section_line;
	if (d->anchors_n == TRUST_MAX_NAMES + 1)
		policy_fault(d, d->section_line, "more than %d [trust] sections (put anchors of one "
			     "kind into one PEM file)", TRUST_MAX_NAMES);
}

static void set_roots(struct policy_draft *d, const char *value)
{
	struct policy_anchors *a = &d->anchors[d->anchors_n - 1];
	const char *slash = strrchr(d->path, '/');

	a->roots_line = d->line;
	if (*value == '/' || !slash)
		a->roots = xstrdup(value);
	else
		a->roots = xasprintf("%.*s%s", (int)(slash - d->path + 1), d->path, value);
}

static const struct policy_key trust_keys[] = {
	{ "roots", KEY_ONCE, true, set_roots },
	LATER("crl"), LATER("crlPolicy"), LATER("emailDomain"),
	LATER("timestampRoots"), LATER("openpgpKeyring"),
	END
};

/* --- [signer] ------------------------------------------------------------------------ */

static void begin_signer(struct policy_draft *d, const char *name)
{
	struct policy_signer *s;

	d->p->signers = grow(d->p->signers, &d->p->signers_n, sizeof(*d->p->signers));
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
		names_add(&signer_now(d)->emails, value);
		claim(d, email_claim(value));
		return;
	}
	shown = policy_shown(value);
	policy_fault(d, d->line, "email is \"%s\" (write the address alone: alice@example.com)",
		     shown);
}

static void set_trust(struct policy_draft *d, const char *value)
{
	struct policy_names *trusts = &signer_now(d)->trusts;

	for (size_t i = 0; i < trusts->n; i++)
		if (strcmp(trusts->v[i], value) == 0) {
			_cleanup_free_ char *shown = policy_shown(value);

			policy_fault(d, d->line, "trust = %s stands twice here (remove one)", shown);
			return;
		}
	policy_word_add(&d->trust_words, value, d->line);
	if (trusts->n <= TRUST_MAX_NAMES)
		names_add(trusts, value);
}

static void set_certificate(struct policy_draft *d, const char *value)
{
	struct policy_signer *s = signer_now(d);

	add_digest(d, "certificate", value, &s->certs, &s->certs_n);
}

static void set_spki(struct policy_draft *d, const char *value)
{
	struct policy_signer *s = signer_now(d);

	add_digest(d, "spki", value, &s->spkis, &s->spkis_n);
}

static void set_time(struct policy_draft *d, const char *key, const char *value, int64_t *ret)
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
	set_time(d, "validFrom", value, &signer_now(d)->valid_from);
}

static void set_until(struct policy_draft *d, const char *value)
{
	set_time(d, "validUntil", value, &signer_now(d)->valid_until);
}

static void end_signer(struct policy_draft *d)
{
	const struct policy_signer *s = signer_now(d);
	bool trust = policy_key_seen(d, "trust");

	if (!trust && !policy_key_seen(d, "certificate") && !policy_key_seen(d, "spki"))
		policy_fault(d, s->line, "signer \"%s\" has no key (write trust = NAME with email, "
			     "or certificate, or spki)", s->name);
	if (trust && !policy_key_seen(d, "email"))
		policy_fault(d, s->line, "signer \"%s\" has trust but no email (write the e-mail "
			     "that the certificates carry)", s->name);
	if (s->valid_from >= s->valid_until)
		policy_fault(d, s->line, "signer \"%s\" is never valid (validFrom must be before "
			     "validUntil)", s->name);
}

static const struct policy_key signer_keys[] = {
	{ "email", KEY_REPEAT, false, set_email },
	{ "trust", KEY_REPEAT, false, set_trust },
	{ "certificate", KEY_REPEAT, false, set_certificate },
	{ "spki", KEY_REPEAT, false, set_spki },
	{ "validFrom", KEY_ONCE, false, set_from },
	{ "validUntil", KEY_ONCE, false, set_until },
	LATER("kind"), LATER("sshKey"), LATER("sshAuthority"), LATER("openpgp"),
	END
};

/* --- [role] -------------------------------------------------------------------------- */

static void begin_role(struct policy_draft *d, const char *name)
{
	struct policy_role *r;

	d->roles = grow(d->roles, &d->roles_n, sizeof(*d->roles));
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

static const struct policy_key role_keys[] = {
	{ "signer", KEY_REPEAT, true, set_member },
	END
};

/* --- [rule] -------------------------------------------------------------------------- */

static void begin_rule(struct policy_draft *d, const char *name)
{
	size_t n = d->p->rules_n;
	struct policy_rule *r;

	d->rule_words = grow(d->rule_words, &n, sizeof(*d->rule_words));
	d->p->rules = grow(d->p->rules, &d->p->rules_n, sizeof(*d->p->rules));
	r = rule_now(d);
	r->name = xstrdup(name);
	r->commits = COMMITS_SIGNED;
	r->committer_match = true;
	r->line = d->section_line;
	if (d->p->rules_n == POLICY_SECTIONS_MAX + 1)
		policy_fault(d, r->line, "more than %d [rule] sections", POLICY_SECTIONS_MAX);
}

static void set_ref(struct policy_draft *d, const char *value)
{
	const char *fault = policy_pattern_fault(value);
	_cleanup_free_ char *shown = NULL;

	if (++d->patterns_n == POLICY_PATTERNS_MAX + 1)
		policy_fault(d, d->line, "more than %d patterns (use wildcards)",
			     POLICY_PATTERNS_MAX);
	if (!fault && d->patterns_n <= POLICY_PATTERNS_MAX)
		names_add(&rule_now(d)->refs, value);
	if (!fault)
		return;
	shown = policy_shown(value);
	policy_fault(d, d->line, "ref is \"%s\" (%s)", shown, fault);
}

static void set_commits(struct policy_draft *d, const char *value)
{
	static const char *const words[] = { "signed", "tip", "any" };
	_cleanup_free_ char *shown = NULL;

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(value, words[i]) == 0) {
			rule_now(d)->commits = (enum policy_commits)i;
			return;
		}
	shown = policy_shown(value);
	if (strcmp(value, "firstParent") == 0)
		policy_fault(d, d->line, "`commits = firstParent' is not supported by this version "
			     "of gitsign-hsm");
	else
		policy_fault(d, d->line, "commits is \"%s\" (write signed, tip or any)", shown);
}

static void set_tag(struct policy_draft *d, const char *value)
{
	rule_now(d)->judges_tags = true;
	rule_now(d)->tags_signed = !word_of_two(d, "tag", value, "any", "signed");
}

static void set_signer(struct policy_draft *d, const char *value)
{
	_cleanup_free_ char *shown = policy_shown(value);

	if (strncmp(value, "trust:", 6) == 0) {
		policy_fault(d, d->line, "`signer = %s' is not supported by this version of "
			     "gitsign-hsm", shown);
		return;
	}
	if (strcmp(value, "anyone") == 0)
		rule_now(d)->anyone = true;
	policy_word_add(&d->rule_words[d->p->rules_n - 1], value, d->line);
}

static void set_committer(struct policy_draft *d, const char *value)
{
	rule_now(d)->committer_match = !word_of_two(d, "committer", value, "any", "match");
}

static void set_rewind(struct policy_draft *d, const char *value)
{
	rule_now(d)->allow_rewind = word_of_two(d, "rewind", value, "allow", "deny");
}

static void set_delete(struct policy_draft *d, const char *value)
{
	rule_now(d)->allow_delete = word_of_two(d, "delete", value, "allow", "deny");
}

static void set_keyless(struct policy_draft *d, const char *value)
{
	rule_now(d)->allow_keyless = word_of_two(d, "keylessUpdate", value, "allow", "deny");
}

static void set_rule_mode(struct policy_draft *d, const char *value)
{
	rule_now(d)->report = word_of_two(d, "mode", value, "report", "enforce");
}

static void end_rule(struct policy_draft *d)
{
	struct policy_rule *r = rule_now(d);
	bool commits = policy_key_seen(d, "commits");
	size_t tags = 0;

	for (size_t i = 0; i < r->refs.n; i++)
		tags += strncmp(r->refs.v[i], "refs/tags/", 10) == 0;
	if (tags > 0 && tags < r->refs.n)
		policy_fault(d, r->line, "rule \"%s\" mixes refs/tags/ and other refs (make two "
			     "rules of it)", r->name);
	else if (r->judges_tags && tags == 0 && r->refs.n > 0)
		policy_fault(d, r->line, "rule \"%s\" has `tag', but no ref under refs/tags/ "
			     "(branches are judged by `commits')", r->name);
	if (r->judges_tags && commits)
		policy_fault(d, r->line, "rule \"%s\" has both `tag' and `commits' (`tag' judges "
			     "tag objects: keep one)", r->name);
	if (!r->judges_tags && !commits && tags > 0) {
		r->judges_tags = true;
		r->tags_signed = true;
	}
}

static const struct policy_key rule_keys[] = {
	{ "ref", KEY_REPEAT, true, set_ref },
	{ "commits", KEY_ONCE, false, set_commits },
	{ "tag", KEY_ONCE, false, set_tag },
	{ "signer", KEY_REPEAT, true, set_signer },
	{ "committer", KEY_ONCE, false, set_committer },
	{ "rewind", KEY_ONCE, false, set_rewind },
	{ "delete", KEY_ONCE, false, set_delete },
	{ "keylessUpdate", KEY_ONCE, false, set_keyless },
	{ "mode", KEY_ONCE, false, set_rule_mode },
	LATER("target"), LATER("pusher"), LATER("accepts"), LATER("author"), LATER("format"),
	LATER("pushCertificate"), LATER("roots"), LATER("mergetag"), LATER("expiryGrace"),
	LATER("timestamp"), LATER("approvals"), LATER("service"),
	END
};

/* --- [algorithms], [limits] ---------------------------------------------------------- */

static void set_bits(struct policy_draft *d, const char *value)
{
	uint64_t x;

	d->bits_said = true;
	d->bits_line = d->line;
	if (number_in(d, "rsaBits", value, 2048, 16384, &x))
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
	END
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

static const struct policy_key limit_keys[] = {
	{ "objectSize", KEY_ONCE, false, set_object_size },
	END
};

/* --- the table ----------------------------------------------------------------------- */

static const struct policy_section sections[] = {
	{ "policy", false, policy_keys, NULL, NULL },
	{ "trust", true, trust_keys, begin_trust, NULL },
	{ "signer", true, signer_keys, begin_signer, end_signer },
	{ "role", true, role_keys, begin_role, NULL },
	{ "rule", true, rule_keys, begin_rule, end_rule },
	{ "algorithms", false, algorithm_keys, NULL, end_algorithms },
	{ "limits", false, limit_keys, NULL, NULL },
	{ "key", true, NULL, NULL, NULL },
	{ "revoked", true, NULL, NULL, NULL },
};

const struct policy_section *policy_section_find(const char *name)
{
	for (size_t i = 0; i < COUNT(sections); i++)
		if (strcmp(sections[i].name, name) == 0)
			return &sections[i];
	return NULL;
}
