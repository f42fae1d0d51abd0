/* Findings: kept, and given the command that mends them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

#define SUBJECT_MAX 200

static char *subject_of(struct bytes message)
{
	const uint8_t *nl = message.n ? memchr(message.p, '\n', message.n) : NULL;
	size_t n = nl ? (size_t)(nl - message.p) : message.n;

	if (n > SUBJECT_MAX) {
		n = SUBJECT_MAX;
		while (n > 0 && (message.p[n] & 0xc0) == 0x80)
			n--;
	}
	return text_escaped(bytes_of(message.p, n));
}

static struct judge_finding *add(struct judge *j, enum judge_mend mend,
				 const struct judge_job *job)
{
	struct judge_result *out = j->out;

	if (out->findings_n == j->findings_cap) {
		/* Of a commit's own there is one as a rule, and a push may bring many of these. */
		j->findings_cap = j->findings_cap ? j->findings_cap * 2 : 1;
		out->findings = xreallocarray(out->findings, j->findings_cap,
					      sizeof(*out->findings));
		j->notes = xreallocarray(j->notes, j->findings_cap, sizeof(*j->notes));
	}
	j->notes[out->findings_n] = (struct judge_note){ mend, job };
	memset(&out->findings[out->findings_n], 0, sizeof(*out->findings));
	return &out->findings[out->findings_n++];
}

static void fill(struct judge *j, struct judge_finding *f, const struct judge_update *u,
		 const struct policy_rule *rule, bool report, char *seen, char *cure)
{
	f->ref = text_escaped(bytes_str(u->ref));
	f->rule = rule ? text_escaped(bytes_str(rule->name)) : xstrdup("");
	f->seen = seen;
	f->cure = cure;
	f->report = report;
	if (!report)
		j->out->refused = true;
}

void judge_find(struct judge *j, const struct judge_update *u, const struct policy_rule *rule,
		bool report, char *seen, char *cure)
{
	struct judge_finding *f = add(j, MEND_NONE, NULL);

	f->subject = xstrdup("");
	fill(j, f, u, rule, report, seen, cure);
}

void judge_job_find(struct judge *j, struct judge_job *job, const struct oid *object,
		    struct bytes message, char *seen, char *cure, enum judge_mend mend)
{
	struct judge_finding *f = add(j, mend, job);

	if (object)
		oid_hex(object, f->object);
	f->subject = subject_of(message);
	fill(j, f, job->u, job->rule, job->report, seen, cure);
	job->findings++;
}

void judge_take_findings(struct judge *j, struct judge_job *job, struct judge_fate *f)
{
	for (size_t i = 0; i < f->findings_n; i++) {
		*add(j, f->notes[i].mend, job) = f->findings[i];
		if (!job->report)
			j->out->refused = true;
	}
	job->findings += f->findings_n;
	f->findings_n = 0; /* their strings are the push's now */
	judge_fate_free(f);
}

/*
 * git rebase rewrites what follows its argument; ids are short so that the line fits.
 * Its own -S signs commits again that an amend refuses, empty ones.
 */
static char *resign_command(const struct judge_job *job, bool reset)
{
	const char *merges = job->merges ? "-r " : "";
	const char *how = reset ? "--exec 'git commit --amend --reset-author --no-edit -S'" :
				  "-f -S";
	char hex[OID_HEX_MAX];

	if (job->bad_tip_only)
		return xasprintf("git commit --amend %s--no-edit -S",
				 reset ? "--reset-author " : "");
	if (job->oldest_parent.n == 0)
		return xasprintf("git rebase %s%s --root", merges, how);
	return xasprintf("git rebase %s%s %.12s", merges, how, oid_hex(&job->oldest_parent, hex));
}

void judge_cure_add(struct judge_finding *f, const char *line)
{
	char *cure = xasprintf("%s%s%s", f->cure, *f->cure ? "\n" : "", line);

	free(f->cure);
	f->cure = cure;
}

void judge_mend_all(struct judge *j)
{
	for (size_t i = 0; i < j->out->findings_n; i++) {
		const struct judge_note *note = &j->notes[i];
		_cleanup_free_ char *command = NULL;

		if (note->mend == MEND_NONE)
			continue;
		command = resign_command(note->job, note->mend == MEND_RESET_AUTHOR);
		judge_cure_add(&j->out->findings[i], command);
	}
}

void judge_names_add(struct policy_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return;
	names->v = xreallocarray(names->v, names->n + 1, sizeof(*names->v));
	names->v[names->n++] = xstrdup(name);
}

void judge_names_free(struct policy_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	names->v = NULL;
	names->n = 0;
}

#define SIGNERS_SHOWN 10

/* Whose window or keys are over, or have not begun, is of no help. */
static void add_signers(struct buf *out, const struct judge *j, const size_t *list, size_t list_n,
			bool anyone)
{
	const struct policy *p = j->c->policy;
	size_t all = anyone ? p->signers_n : list_n, n = 0;

	for (size_t i = 0; i < all; i++) {
		const struct policy_signer *s = &p->signers[anyone ? i : list[i]];

		if (policy_signer_at(p, s, j->c->now) != 0 || n++ >= SIGNERS_SHOWN)
			continue;
		buf_add_str(out, n > 1 ? ", " : "");
		text_escape(out, bytes_str(s->name));
	}
	if (n > SIGNERS_SHOWN)
		buf_addf(out, " and %zu more", n - SIGNERS_SHOWN);
}

static void add_trusts(struct buf *out, const struct judge *j, const size_t *list, size_t n)
{
	const struct policy *p = j->c->policy;

	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "%swhoever has a certificate of ", out->n ? ", " : "");
		text_escape(out, bytes_str(p->trusts[list[i]].name));
		buf_add_str(out, " with an address in ");
		text_escape(out, bytes_str(p->trusts[list[i]].email_domain));
	}
}

static char *who_text(struct buf *out)
{
	if (out->n == 0)
		buf_add_str(out, "none is valid at this time");
	return buf_detach(out);
}

char *judge_rule_signers(const struct judge *j, const struct policy_rule *r)
{
	struct buf out = BUF_INIT;

	add_signers(&out, j, r->signers, r->signers_n, r->anyone);
	add_trusts(&out, j, r->trusts, r->trusts_n);
	return who_text(&out);
}

char *judge_rule_pushers(const struct judge *j, const struct policy_rule *r)
{
	struct buf out = BUF_INIT;

	if (!r->pusher_said)
		return judge_rule_signers(j, r);
	add_signers(&out, j, r->pushers, r->pushers_n, r->any_pusher);
	add_trusts(&out, j, r->push_trusts, r->push_trusts_n);
	return who_text(&out);
}

void judge_finding_free(struct judge_finding *f)
{
	free(f->ref);
	free(f->rule);
	free(f->subject);
	free(f->seen);
	free(f->cure);
}

void judge_fate_free(struct judge_fate *f)
{
	for (size_t i = 0; i < f->findings_n; i++)
		judge_finding_free(&f->findings[i]);
	free(f->findings);
	free(f->notes);
	f->findings = NULL;
	f->notes = NULL;
	f->findings_n = 0;
}

void judge_result_free(struct judge_result *r)
{
	for (size_t i = 0; i < r->findings_n; i++)
		judge_finding_free(&r->findings[i]);
	free(r->findings);
	for (size_t i = 0; i < r->entries_n; i++) {
		free(r->entries[i].rule);
		free(r->entries[i].ref);
		free(r->entries[i].who);
	}
	free(r->entries);
	judge_names_free(&r->who);
	memset(r, 0, sizeof(*r));
}
