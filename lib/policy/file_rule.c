/* [rule]: what is asked of refs. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/file_internal.h"

#define GRACE_MAX (366 * 86400)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct policy_rule *rule_now(struct policy_draft *d)
{
	return &d->p->rules[d->p->rules_n - 1];
}

/* --- [rule] -------------------------------------------------------------------------- */

void policy_begin_rule(struct policy_draft *d, const char *name)
{
	size_t n = d->p->rules_n, same = n, again = n;
	struct policy_rule *r;

	d->rule_words = policy_grow(d->rule_words, &n, sizeof(*d->rule_words));
	d->accept_words = policy_grow(d->accept_words, &same, sizeof(*d->accept_words));
	d->pusher_words = policy_grow(d->pusher_words, &again, sizeof(*d->pusher_words));
	d->p->rules = policy_grow(d->p->rules, &d->p->rules_n, sizeof(*d->p->rules));
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
		policy_names_add(&rule_now(d)->refs, value);
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
	rule_now(d)->tags_signed = !policy_word_of_two(d, "tag", value, "any", "signed");
}

/* A value of `signer` or `pusher`. */
static void add_who(struct policy_draft *d, const char *value, bool *anyone,
		    struct policy_words *words)
{
	if (strcmp(value, "anyone") == 0)
		*anyone = true;
	policy_word_add(words, value, d->line);
}

static void set_signer(struct policy_draft *d, const char *value)
{
	add_who(d, value, &rule_now(d)->anyone, &d->rule_words[d->p->rules_n - 1]);
}

static void set_pusher(struct policy_draft *d, const char *value)
{
	rule_now(d)->pusher_said = true;
	add_who(d, value, &rule_now(d)->any_pusher, &d->pusher_words[d->p->rules_n - 1]);
}

static void set_push_certificate(struct policy_draft *d, const char *value)
{
	rule_now(d)->cert_required =
		policy_word_of_two(d, "pushCertificate", value, "required", "optional");
}

static void set_committer(struct policy_draft *d, const char *value)
{
	rule_now(d)->committer_match = !policy_word_of_two(d, "committer", value, "any", "match");
}

static void set_author(struct policy_draft *d, const char *value)
{
	static const char *const words[] = { "any", "match", "known" };
	_cleanup_free_ char *shown = NULL;

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(value, words[i]) == 0) {
			rule_now(d)->author = (enum policy_author)i;
			return;
		}
	shown = policy_shown(value);
	policy_fault(d, d->line, "author is \"%s\" (write any, match or known)", shown);
}

static void set_accepts(struct policy_draft *d, const char *value)
{
	policy_word_add(&d->accept_words[d->p->rules_n - 1], value, d->line);
}

static void set_roots(struct policy_draft *d, const char *value)
{
	rule_now(d)->any_root = policy_word_of_two(d, "roots", value, "any", "introduced");
}

static void set_target(struct policy_draft *d, const char *value)
{
	rule_now(d)->target_any = policy_word_of_two(d, "target", value, "any", "accepted");
}

static void set_grace(struct policy_draft *d, const char *value)
{
	_cleanup_free_ char *shown = NULL;
	int64_t x;

	if (text_parse_duration(bytes_str(value), &x) && x >= 0 && x <= GRACE_MAX) {
		rule_now(d)->expiry_grace = x;
		return;
	}
	shown = policy_shown(value);
	policy_fault(d, d->line, "expiryGrace is \"%s\" (write a time from 0 to 366d: 90m, 12h, 7d)",
		     shown);
}

static void set_rewind(struct policy_draft *d, const char *value)
{
	rule_now(d)->allow_rewind = policy_word_of_two(d, "rewind", value, "allow", "deny");
}

static void set_delete(struct policy_draft *d, const char *value)
{
	rule_now(d)->allow_delete = policy_word_of_two(d, "delete", value, "allow", "deny");
}

static void set_keyless(struct policy_draft *d, const char *value)
{
	rule_now(d)->allow_keyless = policy_word_of_two(d, "keylessUpdate", value, "allow", "deny");
}

static void set_rule_mode(struct policy_draft *d, const char *value)
{
	rule_now(d)->report = policy_word_of_two(d, "mode", value, "report", "enforce");
}

/* What only commits have, and only tags. */
static void check_commit_keys(struct policy_draft *d, const struct policy_rule *r)
{
	static const char *const keys[] = { "author", "roots" };

	for (size_t i = 0; i < COUNT(keys) && r->judges_tags; i++)
		if (policy_key_seen(d, keys[i]))
			policy_fault(d, r->line, "rule \"%s\" judges tag objects: `%s' is for "
				     "commits (remove it)", r->name, keys[i]);
	if (!r->judges_tags && policy_key_seen(d, "target"))
		policy_fault(d, r->line, "rule \"%s\" judges commits: `target' is for rules with "
			     "`tag' (remove it)", r->name);
}

/* What another key of the rule leaves without an effect, whoever reads it believes. */
static void check_vain_keys(struct policy_draft *d, const struct policy_rule *r)
{
	if (!r->judges_tags && r->commits == COMMITS_ANY && r->author != AUTHOR_ANY)
		policy_fault(d, r->line, "rule \"%s\" has `author' beside commits = any, where no "
			     "signature is asked for (remove one)", r->name);
	if (r->judges_tags && r->tags_signed && r->allow_rewind)
		policy_fault(d, r->line, "rule \"%s\" has rewind = allow, but a signed tag stays what "
			     "it is (remove it)", r->name);
}

/* Beside target = any a tag rule accepts nothing: it has no commits. */
static void check_target(struct policy_draft *d, const struct policy_rule *r)
{
	bool accepts = policy_key_seen(d, "accepts");

	if (accepts == !r->target_any)
		return;
	if (accepts)
		policy_fault(d, r->line, "rule \"%s\" has `accepts' beside target = any, which asks "
			     "no rule (remove one)", r->name);
	else
		policy_fault(d, r->line, "rule \"%s\" lets tags point at accepted commits only, but "
			     "names no rule that accepts them (write accepts = RULE, or target = "
			     "any)", r->name);
}

void policy_end_rule(struct policy_draft *d)
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
	check_commit_keys(d, r);
	check_vain_keys(d, r);
	if (tags == r->refs.n && tags > 0 && !commits)
		check_target(d, r);
}

const struct policy_key policy_rule_keys[] = {
	{ "ref", KEY_REPEAT, true, set_ref },
	{ "commits", KEY_ONCE, false, set_commits },
	{ "tag", KEY_ONCE, false, set_tag },
	{ "signer", KEY_REPEAT, true, set_signer },
	{ "pusher", KEY_REPEAT, false, set_pusher },
	{ "pushCertificate", KEY_ONCE, false, set_push_certificate },
	{ "committer", KEY_ONCE, false, set_committer },
	{ "rewind", KEY_ONCE, false, set_rewind },
	{ "delete", KEY_ONCE, false, set_delete },
	{ "keylessUpdate", KEY_ONCE, false, set_keyless },
	{ "mode", KEY_ONCE, false, set_rule_mode },
	{ "accepts", KEY_REPEAT, false, set_accepts },
	{ "target", KEY_ONCE, false, set_target },
	{ "expiryGrace", KEY_ONCE, false, set_grace },
	{ "author", KEY_ONCE, false, set_author },
	{ "roots", KEY_ONCE, false, set_roots },
	POLICY_KEY_LATER("format"), POLICY_KEY_LATER("mergetag"),
	POLICY_KEY_LATER("timestamp"),
	POLICY_KEY_LATER("approvals"), POLICY_KEY_LATER("service"),
	POLICY_KEYS_END
};
