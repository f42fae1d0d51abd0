#include "judge_one.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"

#define ROOTS_MAX ((size_t)1 << 20)

static int load_roots(const struct settings *s, struct judge_one *j, struct err *err)
{
	struct buf pem = BUF_INIT;
	int r = 0;

	j->own = trust_new(NULL);
	j->trust = j->own;
	if (s->roots == NULL)
		return 0;
	r = os_file_read(s->roots, OS_FILE_TRUSTED, ROOTS_MAX, &pem, err);
	if (r == 0)
		r = trust_add_roots(j->own, "hsm.roots", buf_bytes(&pem), err);
	if (r != 0)
		err_prefix(err, "hsm.roots");
	buf_free(&pem);
	return r;
}

int judge_one_open(const struct settings *s, struct judge_one *ret, struct err *err)
{
	struct judge_one j = { NULL, NULL, NULL };
	int r;

	if (s->policy != NULL) {
		r = policy_load(s->policy, &j.policy, err);
		if (r == 0)
			j.trust = j.policy->trust;
	} else {
		r = load_roots(s, &j, err);
	}
	if (r != 0) {
		judge_one_close(&j);
		return r;
	}
	*ret = j;
	return 0;
}

void judge_one_close(struct judge_one *j)
{
	policy_free(j->policy);
	trust_free(j->own);
	memset(j, 0, sizeof(*j));
}

/* For a tag the rule that governs its ref counts, else any. */
static bool is_admitted(const struct policy *p, const struct verdict *v, struct bytes tag,
			int64_t now, struct policy_who *who)
{
	const struct policy_rule *rule = NULL;
	struct buf ref = BUF_INIT;
	int r;

	for (size_t i = 0; i < p->rules_n && tag.n == 0; i++)
		if (policy_admits(p, &p->rules[i], v, now, who))
			return true;
	if (tag.n == 0)
		return false;
	buf_add_str(&ref, "refs/tags/");
	buf_add_bytes(&ref, tag);
	r = policy_rule_for(p, buf_bytes(&ref), &rule, NULL);
	buf_free(&ref);
	return r == 0 && rule != NULL && policy_admits(p, rule, v, now, who);
}

static void place(const struct policy *p, struct bytes tag, int64_t now, struct opinion *o)
{
	char why[256] = "";
	const struct policy_signer *s = policy_signer_of(p, &o->verdict, now, why, sizeof(why));
	struct policy_who who = { .name = NULL };

	o->trust = TRUST_MARGINAL;
	if (is_admitted(p, &o->verdict, tag, now, &who)) {
		o->trust = TRUST_FULLY;
		o->signer = who.name;
		snprintf(o->why, sizeof(o->why), "signer %s", who.name);
	} else if (s != NULL) {
		o->signer = s->name;
		snprintf(o->why, sizeof(o->why), "signer %s may not sign this by the policy",
			 s->name);
	} else {
		snprintf(o->why, sizeof(o->why), "the policy lists no such signer: %s", why);
	}
}

void judge_one(const struct judge_one *j, const struct bytes *payload, size_t payload_n,
	       struct bytes armor, struct bytes tag, int64_t now, struct opinion *ret)
{
	struct opinion o = { .trust = TRUST_NEVER };

	trust_judge(j->trust, payload, payload_n, armor, now, &o.verdict);
	snprintf(o.why, sizeof(o.why), "%s", o.verdict.why);
	if (o.verdict.level == VERDICT_UNKNOWN || o.verdict.level == VERDICT_UNCHECKED)
		o.trust = TRUST_UNDEFINED;
	if (o.verdict.level == VERDICT_GOOD) {
		if (j->policy != NULL) {
			place(j->policy, tag, now, &o);
		} else {
			o.trust = TRUST_MARGINAL;
			snprintf(o.why, sizeof(o.why), "chain good; no policy names its signer");
		}
	}
	*ret = o;
}
