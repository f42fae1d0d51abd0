/* One signature under one rule: whose it is, and what to say when it will not do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

static char *time_text(int64_t t)
{
	struct buf b = BUF_INIT;

	text_time(&b, t);
	return buf_detach(&b);
}

static char *expired_text(const struct verdict *v)
{
	_cleanup_free_ char *from = NULL, *until = NULL;

	if (!v->cert)
		return xstrdup(v->why);
	from = time_text(v->cert->not_before);
	until = time_text(v->cert->not_after);
	if (v->when > v->cert->not_after)
		return xasprintf("its certificate expired at %s", until);
	if (v->when < v->cert->not_before)
		return xasprintf("its certificate is valid only from %s", from);
	return xstrdup(v->why);
}

bool judge_is_early(const struct verdict *v)
{
	return v->level == VERDICT_EXPIRED && v->cert && v->when <= v->cert->not_after &&
	       (v->when < v->cert->not_before || v->when <= v->valid_until);
}

char *judge_seen_text(const char *kind, const struct verdict *v)
{
	switch (v->level) {
	case VERDICT_UNSIGNED:
		return xstrdup("not signed");
	case VERDICT_FOREIGN:
		return xstrdup("signed in another format than X.509: with OpenPGP or SSH");
	case VERDICT_EXPIRED:
		return expired_text(v);
	case VERDICT_BAD:
		return xasprintf("the signature is not good for this %s%s%s", kind,
				 *v->why ? ": " : "", v->why);
	default:
		return xstrdup(*v->why ? v->why : verdict_level_name(v->level));
	}
}

static char *cure_text(struct judge *j, const struct judge_job *job, const struct verdict *v)
{
	_cleanup_free_ char *signers = NULL;

	switch (v->level) {
	case VERDICT_FOREIGN:
		return xstrdup("Sign with an X.509 key:\ngit config gpg.format x509\n"
			       "git config gpg.x509.program gitsign-hsm");
	case VERDICT_EXPIRED:
		return judge_is_early(v) ?
			       xstrdup("Push again then: nothing need be signed anew. If that time "
				       "is past already, the server's clock is behind.") :
			       xstrdup("Ask for a new certificate, then sign again with it:");
	case VERDICT_UNKNOWN:
		signers = judge_rule_signers(j, job->rule);
		return xasprintf("Sign with a certificate of an authority that the policy "
				 "trusts. Signers of this rule: %s.", signers);
	case VERDICT_FORBIDDEN:
		return xstrdup("Sign with a key and a certificate that the policy allows:");
	case VERDICT_REVOKED:
		return xstrdup("Make a new key, ask for a certificate of it, then sign again with it:");
	case VERDICT_UNCHECKED:
		return xstrdup("The server's administrator has to put a current CRL in its place "
			       "(crl in the policy's [trust]); then push again, nothing need be "
			       "signed anew.");
	default:
		return xstrdup("");
	}
}

static char *wrong_signer_cure(struct judge *j, const struct judge_job *job)
{
	_cleanup_free_ char *signers = judge_rule_signers(j, job->rule);

	return xasprintf("Let one of the signers of this rule sign it: %s.", signers);
}

static bool email_of(const struct policy_signer *s, struct bytes email)
{
	for (size_t i = 0; i < s->emails.n; i++)
		if (text_email_eq(bytes_str(s->emails.v[i]), email))
			return true;
	return false;
}

static void find_ident(struct judge *j, struct judge_job *job, const struct judge_signed *s,
		       const struct policy_who *who)
{
	const char *role = strcmp(s->kind, "tag") == 0 ? "tagger" : "committer";
	_cleanup_free_ char *email = s->ident ? text_escaped(s->ident->email) : NULL;
	_cleanup_free_ char *name = text_escaped(bytes_str(who->name));
	const char *address = policy_who_email(who);
	_cleanup_free_ char *right = text_escaped(bytes_str(address ? address : "ADDRESS"));
	bool own = s->author && s->ident && bytes_eq(s->author->email, s->ident->email);
	_cleanup_free_ char *by = who->trusts && !who->signer ?
		xstrdup(name) : xasprintf("%s (%s)", name, right);
	char *seen = email ? xasprintf("%s %s, but signed by %s", role, email, by) :
			     xasprintf("no %s, but signed by %s", role, name);
	struct buf cure = BUF_INIT;

	buf_add_str(&cure, "git config user.email ");
	text_shell(&cure, right);
	/* Somebody else's authorship is kept; one's own wrong address is set right. */
	judge_job_find(j, job, s->id, s->message, seen, buf_detach(&cure),
		       own ? MEND_RESET_AUTHOR : MEND_SIGN);
}

static bool author_known(const struct policy *p, const struct policy_rule *r, struct bytes email)
{
	for (size_t i = 0; i < p->signers_n; i++)
		if (email_of(&p->signers[i], email))
			return true;
	return policy_rule_domain(p, r, email);
}

/* Tags have a tagger and no author. */
static bool check_author(struct judge *j, struct judge_job *job, const struct judge_signed *s,
			 const struct policy_who *who)
{
	bool match = job->rule->author == AUTHOR_MATCH;
	_cleanup_free_ char *email = NULL, *name = NULL;

	if (!s->author || job->rule->author == AUTHOR_ANY)
		return true;
	if (match ? policy_who_has(who, s->author->email) :
		    author_known(j->c->policy, job->rule, s->author->email))
		return true;
	if (s->quiet)
		return false;
	email = text_escaped(s->author->email);
	name = text_escaped(bytes_str(who->name));
	if (match)
		judge_job_find(j, job, s->id, s->message,
			       xasprintf("author %s, but signed by %s", email, name),
			       xstrdup("This rule wants its signers to sign their own work. Let the "
				       "author sign, or take the authorship over:"),
			       MEND_RESET_AUTHOR);
	else
		judge_job_find(j, job, s->id, s->message,
			       xasprintf("author %s is no signer of the policy", email),
			       xstrdup("Let one who is in the policy take the authorship over:"),
			       MEND_RESET_AUTHOR);
	return false;
}

static void find_stranger(struct judge *j, struct judge_job *job, const struct judge_signed *s,
			  const struct policy_who *who)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(who->name ? who->name : who->why));

	judge_job_find(j, job, s->id, s->message,
		       who->name ? xasprintf("signed by %s, who may not sign here", shown) :
				   xstrdup(*shown ? shown : "the signer is not in the policy"),
		       wrong_signer_cure(j, job), MEND_SIGN);
}

const char *judge_lasting_name(struct judge *j, const struct policy_who *who)
{
	if (who->signer)
		return who->name;
	judge_names_add(&j->addresses, who->name);
	for (size_t i = 0;; i++)
		if (strcmp(j->addresses.v[i], who->name) == 0)
			return j->addresses.v[i];
}

const char *judge_who(struct judge *j, struct judge_job *job, const struct judge_signed *s)
{
	int64_t when = judge_time_of(j, s->id);
	struct policy_who who;
	struct verdict v;

	trust_judge_late(j->trust, s->payload, OBJECT_PAYLOAD_PIECES, s->armor, s->der,
			 when, job->rule->expiry_grace, &v);
	if (v.level != VERDICT_GOOD) {
		if (!s->quiet)
			judge_job_find(j, job, s->id, s->message, judge_seen_text(s->kind, &v),
				       cure_text(j, job, &v),
				       judge_is_early(&v) ? MEND_NONE : MEND_SIGN);
		return NULL;
	}
	if (!policy_admits(j->c->policy, job->rule, &v, when, &who)) {
		if (!s->quiet)
			find_stranger(j, job, s, &who);
		return NULL;
	}
	if (job->rule->committer_match && !(s->ident && policy_who_has(&who, s->ident->email))) {
		if (!s->quiet)
			find_ident(j, job, s, &who);
		return NULL;
	}
	if (!check_author(j, job, s, &who))
		return NULL;
	return judge_lasting_name(j, &who);
}
