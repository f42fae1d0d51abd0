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

char *judge_seen_text(const char *kind, const struct verdict *v)
{
	switch (v->level) {
	case VERDICT_UNSIGNED:
		return xstrdup("not signed");
	case VERDICT_FOREIGN:
		return xasprintf("signed in another format than X.509%s%s",
				 *v->why ? ": " : "", v->why);
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
		return xstrdup("Ask for a new certificate, then sign again with it:");
	case VERDICT_UNKNOWN:
		signers = judge_rule_signers(j->c->policy, job->rule);
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
	_cleanup_free_ char *signers = judge_rule_signers(j->c->policy, job->rule);

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
		       const struct policy_signer *signer)
{
	const char *role = strcmp(s->kind, "tag") == 0 ? "tagger" : "committer";
	_cleanup_free_ char *email = s->ident ? text_escaped(s->ident->email) : NULL;
	_cleanup_free_ char *name = text_escaped(bytes_str(signer->name));
	_cleanup_free_ char *right = signer->emails.n ?
		text_escaped(bytes_str(signer->emails.v[0])) : xstrdup("ADDRESS");
	bool own = s->author && s->ident && bytes_eq(s->author->email, s->ident->email);
	char *seen = email ?
		xasprintf("%s %s, but signed by %s (%s)", role, email, name, right) :
		xasprintf("no %s, but signed by %s", role, name);

	/* Somebody else's authorship is kept; one's own wrong address is set right. */
	judge_job_find(j, job, s->id, s->message, seen,
		       xasprintf("git config user.email %s", right),
		       own ? MEND_RESET_AUTHOR : MEND_SIGN);
}

static bool author_known(const struct policy *p, struct bytes email)
{
	for (size_t i = 0; i < p->signers_n; i++)
		if (email_of(&p->signers[i], email))
			return true;
	return false;
}

/* Tags have a tagger and no author. */
static bool check_author(struct judge *j, struct judge_job *job, const struct judge_signed *s,
			 const struct policy_signer *signer)
{
	bool match = job->rule->author == AUTHOR_MATCH;
	_cleanup_free_ char *email = NULL;

	if (!s->author || job->rule->author == AUTHOR_ANY)
		return true;
	if (match ? email_of(signer, s->author->email) :
		    author_known(j->c->policy, s->author->email))
		return true;
	if (s->quiet)
		return false;
	email = text_escaped(s->author->email);
	if (match)
		judge_job_find(j, job, s->id, s->message,
			       xasprintf("author %s, but signed by %s", email, signer->name),
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

static const struct policy_signer *signer_of(struct judge *j, struct judge_job *job,
					     const struct judge_signed *s,
					     const struct verdict *v)
{
	const struct policy_signer *signer;
	char why[512] = "";

	signer = policy_signer_of(j->c->policy, v, j->c->now, why, sizeof(why));
	if (!signer && !s->quiet) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(why));

		judge_job_find(j, job, s->id, s->message,
			       xstrdup(*shown ? shown : "the signer is not in the policy"),
			       wrong_signer_cure(j, job), MEND_SIGN);
	}
	return signer;
}

const char *judge_who(struct judge *j, struct judge_job *job, const struct judge_signed *s)
{
	const struct policy_signer *signer;
	struct verdict v;

	trust_judge(j->c->policy->trust, s->payload, OBJECT_PAYLOAD_PIECES, s->armor, j->c->now,
		    &v);
	if (v.level != VERDICT_GOOD) {
		if (!s->quiet)
			judge_job_find(j, job, s->id, s->message, judge_seen_text(s->kind, &v),
				       cure_text(j, job, &v), MEND_SIGN);
		return NULL;
	}
	signer = signer_of(j, job, s, &v);
	if (!signer)
		return NULL;
	if (!policy_rule_allows(j->c->policy, job->rule, signer)) {
		_cleanup_free_ char *name = text_escaped(bytes_str(signer->name));

		if (!s->quiet)
			judge_job_find(j, job, s->id, s->message,
				       xasprintf("signed by %s, who may not sign here", name),
				       wrong_signer_cure(j, job), MEND_SIGN);
		return NULL;
	}
	if (job->rule->committer_match &&
	    !(s->ident && email_of(signer, s->ident->email))) {
		if (!s->quiet)
			find_ident(j, job, s, signer);
		return NULL;
	}
	if (!check_author(j, job, s, signer))
		return NULL;
	return signer->name;
}
