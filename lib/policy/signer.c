/* Whose signature it is. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/policy.h"

static bool has_digest(uint8_t (*v)[32], size_t n, const uint8_t *digest)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(v[i], digest, 32) == 0)
			return true;
	return false;
}

static bool has_email(const struct policy_signer *s, const struct cert *c)
{
	/* One address that other programs may read otherwise makes all of them doubtful. */
	if (c->emails_malformed)
		return false;
	for (size_t i = 0; i < s->emails.n; i++)
		if (cert_has_email(c, bytes_str(s->emails.v[i])))
			return true;
	return false;
}

/* Any key line admits, whatever the time. */
static bool is_key_of(const struct policy *p, const struct policy_signer *s,
		      const struct verdict *v)
{
	if (has_digest(s->certs, s->certs_n, v->cert->sha256) ||
	    has_digest(s->spkis, s->spkis_n, v->cert->spki_sha256))
		return true;
	for (size_t i = 0; i < s->trusts.n; i++)
		if (verdict_has_trust(p->trust, v, s->trusts.v[i]))
			return has_email(s, v->cert);
	return false;
}

bool policy_signer_in_window(const struct policy_signer *s, int64_t when)
{
	return when >= s->valid_from && when < s->valid_until;
}

int policy_signer_at(const struct policy *p, const struct policy_signer *s, int64_t when)
{
	int late = 1;

	if (!policy_signer_in_window(s, when))
		return when < s->valid_from ? -1 : 1;
	if (s->has_key_line)
		return 0;
	for (size_t i = 0; i < p->keys_n; i++) {
		const struct policy_key_lines *k = &p->keys[i];

		if (&p->signers[k->signer] != s || when >= k->valid_until)
			continue;
		if (when >= k->valid_from)
			return 0;
		late = -1;
	}
	return late;
}

/* Every line holds, whatever the time. */
static bool key_lines_hold(const struct policy *p, const struct policy_key_lines *k,
			   const struct verdict *v)
{
	const struct policy_signer *s = &p->signers[k->signer];

	return (k->certs_n == 0 || has_digest(k->certs, k->certs_n, v->cert->sha256)) &&
	       (k->spkis_n == 0 || has_digest(k->spkis, k->spkis_n, v->cert->spki_sha256)) &&
	       (k->trusts.n == 0 ||
		(verdict_has_trust(p->trust, v, k->trusts.v[0]) && has_email(s, v->cert)));
}

/* By one of its [key] sections; `*late` is set to one that holds but for its window. */
static bool has_key_lines(const struct policy *p, const struct policy_signer *s,
			  const struct verdict *v, int64_t when,
			  const struct policy_key_lines **late)
{
	for (size_t i = 0; i < p->keys_n; i++) {
		const struct policy_key_lines *k = &p->keys[i];

		if (&p->signers[k->signer] != s || !key_lines_hold(p, k, v))
			continue;
		if (when >= k->valid_from && when < k->valid_until)
			return true;
		*late = k;
	}
	return false;
}

static void say_nobody(const struct verdict *v, char *why, size_t why_n)
{
	struct buf emails = BUF_INIT;

	for (size_t i = 0; i < v->cert->emails_n && i < 3; i++) {
		buf_add_str(&emails, i ? ", " : "; its e-mail: ");
		text_escape(&emails, bytes_str(v->cert->emails[i]));
	}
	snprintf(why, why_n, "certificate %s belongs to no signer of the policy%s",
		 v->cert->subject, buf_str(&emails));
	buf_free(&emails);
}

static void say_late(const char *kind, const char *name, int64_t from, int64_t until, int64_t when,
		     char *why, size_t why_n)
{
	bool early = when < from;
	struct buf date = BUF_INIT;

	text_time(&date, early ? from : until);
	snprintf(why, why_n, "%s %s is not valid %s %s", kind, name,
		 early ? "before" : "any more since", buf_str(&date));
	buf_free(&date);
}

/* *nobody: no section has anything to do with it. */
static const struct policy_signer *find_signer(const struct policy *p, const struct verdict *v,
					       int64_t when, bool *nobody, char *why, size_t why_n)
{
	const struct policy_signer *found = NULL, *late = NULL;
	const struct policy_key_lines *late_key = NULL;

	*nobody = false;
	if (v->level != VERDICT_GOOD || !v->cert) {
		snprintf(why, why_n, "the signature is not good");
		return NULL;
	}
	for (size_t i = 0; i < p->signers_n; i++) {
		const struct policy_signer *s = &p->signers[i];

		if (!is_key_of(p, s, v) && !has_key_lines(p, s, v, when, &late_key))
			continue;
		if (!policy_signer_in_window(s, when)) {
			late = s;
			continue;
		}
		if (found) {
			snprintf(why, why_n, "certificate %s belongs to two signers: %s and %s",
				 v->cert->subject, found->name, s->name);
			return NULL;
		}
		found = s;
	}
	*nobody = !found && !late && !late_key;
	if (!found && late)
		say_late("signer", late->name, late->valid_from, late->valid_until, when, why,
			 why_n);
	else if (!found && late_key)
		say_late("key", late_key->name, late_key->valid_from, late_key->valid_until, when,
			 why, why_n);
	else if (!found)
		say_nobody(v, why, why_n);
	return found;
}

const struct policy_signer *policy_signer_of(const struct policy *p, const struct verdict *v,
					     int64_t when, char *why, size_t why_n)
{
	bool nobody;

	return find_signer(p, v, when, &nobody, why, why_n);
}

/* --- signer = trust:NAME -------------------------------------------------------------- */

/* The record lists names with commas between. */
static bool in_domain(const char *domain, struct bytes email)
{
	const uint8_t *at = email.n ? memrchr(email.p, '@', email.n) : NULL;

	return domain && at && !memchr(email.p, ',', email.n) &&
	       text_eq_nocase(bytes_str(domain), bytes_skip(email, (size_t)(at + 1 - email.p)));
}

bool policy_rule_domain(const struct policy *p, const struct policy_rule *r, struct bytes email)
{
	for (size_t i = 0; i < r->trusts_n; i++)
		if (in_domain(p->trusts[r->trusts[i]].email_domain, email))
			return true;
	return false;
}

/* Is it an address that one of these authorities answers for? */
static bool vouched(const struct policy *p, const size_t *trusts, size_t n,
		    const struct verdict *v, const char *email)
{
	for (size_t i = 0; i < n; i++) {
		const struct policy_trust *t = &p->trusts[trusts[i]];

		if (in_domain(t->email_domain, bytes_str(email)) &&
		    verdict_has_trust(p->trust, v, t->name))
			return true;
	}
	return false;
}

/* The first address that counts; NULL: none. */
static const char *vouched_email(const struct policy *p, const size_t *trusts, size_t n,
				 const struct verdict *v)
{
	/* One address that other programs may read otherwise makes all of them doubtful. */
	for (size_t i = 0; i < v->cert->emails_n && !v->cert->emails_malformed; i++)
		if (vouched(p, trusts, n, v, v->cert->emails[i]))
			return v->cert->emails[i];
	return NULL;
}

/* A leaver's section stays, and does what it says about a new certificate too. */
static const struct policy_signer *section_of_email(const struct policy *p, const struct cert *c)
{
	for (size_t i = 0; i < p->signers_n; i++)
		if (has_email(&p->signers[i], c))
			return &p->signers[i];
	return NULL;
}

static bool admit_by_trust(struct policy_who *w, const size_t *trusts, size_t n)
{
	const char *email = vouched_email(w->policy, trusts, n, w->verdict);
	const struct policy_signer *other =
		w->signer ? NULL : section_of_email(w->policy, w->verdict->cert);

	if (!email)
		return false;
	if (other) {
		snprintf(w->why, sizeof(w->why), "certificate %s has an address of signer %s, but is "
			 "none of that signer's keys", w->verdict->cert->subject, other->name);
		return false;
	}
	w->trusts = trusts;
	w->trusts_n = n;
	if (!w->signer)
		w->name = email;
	return true;
}

/* `allows` is asked about a signer of the file, the trusts about anybody else. */
static bool admits(const struct policy *p, const struct policy_rule *r, const struct verdict *v,
		   int64_t when,
		   bool (*allows)(const struct policy *p, const struct policy_rule *r,
				  const struct policy_signer *s),
		   const size_t *trusts, size_t n, struct policy_who *ret)
{
	bool nobody;

	*ret = (struct policy_who){ .policy = p, .verdict = v };
	ret->signer = find_signer(p, v, when, &nobody, ret->why, sizeof(ret->why));
	ret->name = ret->signer ? ret->signer->name : NULL;
	if (ret->signer && allows(p, r, ret->signer))
		return true;
	return (ret->signer || nobody) && admit_by_trust(ret, trusts, n);
}

bool policy_admits(const struct policy *p, const struct policy_rule *r, const struct verdict *v,
		   int64_t when, struct policy_who *ret)
{
	return admits(p, r, v, when, policy_rule_allows, r->trusts, r->trusts_n, ret);
}

bool policy_admits_push(const struct policy *p, const struct policy_rule *r,
			const struct verdict *v, int64_t when, struct policy_who *ret)
{
	return admits(p, r, v, when, policy_rule_allows_push,
		      r->pusher_said ? r->push_trusts : r->trusts,
		      r->pusher_said ? r->push_trusts_n : r->trusts_n, ret);
}

bool policy_who_has(const struct policy_who *w, struct bytes email)
{
	const struct cert *c = w->verdict->cert;

	for (size_t i = 0; w->trusts && i < c->emails_n; i++)
		if (text_email_eq(bytes_str(c->emails[i]), email))
			return vouched(w->policy, w->trusts, w->trusts_n, w->verdict, c->emails[i]);
	if (w->trusts)
		return false;
	for (size_t i = 0; w->signer && i < w->signer->emails.n; i++)
		if (text_email_eq(bytes_str(w->signer->emails.v[i]), email))
			return true;
	return false;
}

const char *policy_who_email(const struct policy_who *w)
{
	if (w->trusts)
		return vouched_email(w->policy, w->trusts, w->trusts_n, w->verdict);
	return w->signer && w->signer->emails.n ? w->signer->emails.v[0] : NULL;
}
