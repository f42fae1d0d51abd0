/*
 * A policy file; the files that it names are one root, or missing. What is taken obeys
 * the rules that the hook leans on, and no two of its rules tie.
 */
#include <stdlib.h>
#include <string.h>

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
	}
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct policy *p = NULL;
	int rc = policy_parse(bytes_of(data, size), "/p", read_root, NULL, &p, &err);

	must((rc == 0) == (p != NULL));
	if (p)
		check(p);
	else
		must(rc == ERR_CONFIG && strncmp(err.text, "/p:", 3) == 0);
	policy_free(p);
	return 0;
}
