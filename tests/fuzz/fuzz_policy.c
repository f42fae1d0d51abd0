/*
 * A policy file; the files that it names are one root, or missing. What is taken obeys
 * the rules that the hook leans on, and no two of its rules tie. Or, where it begins with
 * "refs/", lines: two patterns, and names that pushers could make up.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/file_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char root[] = "-----BEGIN CERTIFICATE-----\n"
			   "MIIBbjCCARWgAwIBAgIUCjWQvyMX0c/EH0JVXTlWLxpKOpMwCgYIKoZIzj0EAwIw\n"
			   "DDEKMAgGA1UEAwwBUjAgFw0yNjExMjQxNzI1MjZaGA8yMTI2MTAzMTE3MjUyNlow\n"
			   "DDEKMAgGA1UEAwwBUjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNtgKjg5n1eC\n"
			   "l6UbJiyGwTjs4nrIkVOqKSYuByiP/WsPFprqmdPANLJVCZjqvE4j1ZjeTgnAqlvI\n"
			   "++gb3SrG8HujUzBRMB0GA1UdDgQWBBSTS5h5OpL2quf4vqID4PdZ/Dqq0DAfBgNV\n"
			   "HSMEGDAWgBSTS5h5OpL2quf4vqID4PdZ/Dqq0DAPBgNVHRMBAf8EBTADAQH/MAoG\n"
			   "CCqGSM49BAMCA0cAMEQCIGs9zjx+SmBXNLHzfeqw39KemBsG0tgYwNg5Lf3TBEIq\n"
			   "AiAncfebCRzUiiYC+NHB7crqdP6cYm8wCrUlfBCHAG8k8Q==\n"
			   "-----END CERTIFICATE-----\n";

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int read_root(void *ctx, const char *path, size_t max, struct buf *out, struct err *err)
{
	(void)max;
	(void)ctx;
	if (strstr(path, "missing"))
		return err_set(err, ERR_CONFIG, "cannot open it");
	buf_add_str(out, root);
	return 0;
}

/* A name that the pattern matches, made from it. */
static void name_of(const char *pattern, struct buf *out)
{
	out->n = 0;
	for (; *pattern; pattern++)
		buf_add_byte(out, *pattern == '*' ? 'x' : (uint8_t)*pattern);
}

static void check_refs(const struct policy *p, const struct policy_rule *r)
{
	const struct policy_rule *governs = NULL;
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < r->refs.n && i < 64; i++) {
		must(strncmp(r->refs.v[i], "refs/", 5) == 0);
		name_of(r->refs.v[i], &name);
		must(policy_glob(r->refs.v[i], buf_bytes(&name)));
		must(policy_rule_for(p, buf_bytes(&name), &governs, NULL) == 0);
		must(r->report || (governs && !governs->report));
		must(!r->report || policy_reported(p, buf_bytes(&name)));
	}
	buf_free(&name);
}

static void check_rule(const struct policy *p, const struct policy_rule *r)
{
	must(r->refs.n > 0 && r->name[0]);
	must(r->anyone == (r->signers_n + r->trusts_n == 0));
	must(r->trusts_n == 0 || r->committer_match);
	for (size_t i = 0; i < r->trusts_n; i++)
		must(r->trusts[i] < p->trusts_n && p->trusts[r->trusts[i]].email_domain);
	for (size_t i = 0; i < r->push_trusts_n; i++)
		must(r->push_trusts[i] < p->trusts_n && p->trusts[r->push_trusts[i]].email_domain);
	must(!r->judges_tags || r->target_any == (r->accepts_n == 0));
	must(r->expiry_grace >= 0 && r->expiry_grace <= 366 * 86400);
	must(r->judges_tags || !r->tags_signed);
	for (size_t i = 0; i < r->signers_n; i++) {
		must(r->signers[i] < p->signers_n);
		must(i == 0 || r->signers[i] != r->signers[i - 1]);
		must(policy_rule_allows(p, r, &p->signers[r->signers[i]]));
		must(r->pusher_said || policy_rule_allows_push(p, r, &p->signers[r->signers[i]]));
	}
	for (size_t i = 0; r->pusher_said && i < r->pushers_n; i++)
		must(policy_rule_allows_push(p, r, &p->signers[r->pushers[i]]));
	check_refs(p, r);
}

static void check_signer(const struct policy *p, const struct policy_signer *s)
{
	size_t keys = s->trusts.n + s->certs_n + s->spkis_n;

	for (size_t i = 0; i < p->keys_n; i++) {
		must(p->keys[i].signer < p->signers_n);
		keys += &p->signers[p->keys[i].signer] == s;
	}
	must(keys > 0);
	must(s->trusts.n == 0 || s->emails.n > 0);
	must(s->valid_from < s->valid_until && s->name[0]);
}

static void check(const struct policy *p)
{
	must(p->trust && trust_name_at(p->trust, 0) && p->serial >= 0);
	must(p->object_size >= 4096 && p->limits.rsa_bits >= 2048);
	must(!p->limits.kinds[KEY_OTHER] && !p->limits.hashes[HASH_SHA1]);
	for (size_t i = 0; i < p->signers_n; i++)
		check_signer(p, &p->signers[i]);
	for (size_t i = 0; i < p->rules_n && i < 64; i++)
		check_rule(p, &p->rules[i]);
}

/* --- patterns ---------------------------------------------------------------------------- */

#define NAME_MAX_BYTES 32
#define WILDS_MAX 3

/* By what the words say, one way after the other. */
static bool matches(const char *pattern, struct bytes name)
{
	size_t stars = strspn(pattern, "*");

	if (!*pattern)
		return name.n == 0;
	if (stars == 0)
		return name.n > 0 && name.p[0] == (uint8_t)*pattern &&
		       matches(pattern + 1, bytes_skip(name, 1));
	for (;; name = bytes_skip(name, 1)) {
		if (matches(pattern + stars, name))
			return true;
		if (name.n == 0 || (stars == 1 && name.p[0] == '/'))
			return false;
	}
}

static bool is_short(const char *pattern)
{
	size_t wilds = 0;

	for (const char *p = pattern; *p; p += strspn(p, "*") + strcspn(p + strspn(p, "*"), "*"))
		wilds += *p == '*';
	return wilds <= WILDS_MAX;
}

static void check_name(const char *a, const char *b, struct bytes name, bool meet)
{
	bool in_a = policy_glob(a, name), in_b = policy_glob(b, name);

	must(!in_a || !in_b || meet);
	if (name.n > NAME_MAX_BYTES)
		return;
	must(!is_short(a) || in_a == matches(a, name));
	must(!is_short(b) || in_b == matches(b, name));
}

static char *line_of(struct bytes *in)
{
	const uint8_t *lf = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
	size_t n = lf ? (size_t)(lf - in->p) : in->n;
	char *line = xstrndup((const char *)in->p, n);

	*in = bytes_skip(*in, lf ? n + 1 : n);
	return line;
}

/* One that no policy can hold matches nothing, and would tie with everything. */
static void check_long(const char *a, const char *b)
{
	size_t literal = strcspn(a, "*"), budget = SIZE_MAX;

	if (strlen(a + literal) <= POLICY_PATTERN_MAX)
		return;
	must(policy_pattern_fault(a) && !policy_glob(a, bytes_of(a, literal)));
	must(policy_patterns_meet(a, b, &budget) && policy_patterns_meet(b, a, &budget));
}

static void check_patterns(struct bytes in)
{
	char *a = line_of(&in), *b = line_of(&in);

	check_long(a, b);
	if (!policy_pattern_fault(a) && !policy_pattern_fault(b)) {
		size_t budget = SIZE_MAX, again = SIZE_MAX, none = 1;
		bool meet = policy_patterns_meet(a, b, &budget);

		must(policy_patterns_meet(b, a, &again) == meet && again == budget);
		must(policy_patterns_meet(a, b, &none) && none == 0);
		must(policy_patterns_meet(a, a, &again));
		while (in.n > 0) {
			char *name = line_of(&in);

			check_name(a, b, bytes_str(name), meet);
			free(name);
		}
	}
	free(a);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct policy *p = NULL;
	int rc;

	if (bytes_starts(bytes_of(data, size), BYTES_LIT("refs/"))) {
		check_patterns(bytes_of(data, size));
		return 0;
	}
	rc = policy_parse(bytes_of(data, size), "/p", read_root, NULL, &p, &err);
	must((rc == 0) == (p != NULL));
	if (p)
		check(p);
	else
		must(rc == ERR_CONFIG && strncmp(err.text, "/p:", 3) == 0);
	policy_free(p);
	return 0;
}
