/* Tag rules: the tag object, what it says, and whose it is; nested ones level by level. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

#define TAG_LEVELS_MAX 8

/* What follows refs/tags/, or refs/<kind>/ where a rule keeps tags elsewhere. */
static const char *tag_name(const char *ref)
{
	const char *slash = strchr(ref + strlen("refs/"), '/');

	return slash ? slash + 1 : ref + strlen("refs/");
}

static char *tag_cure(const struct judge_job *job, const struct oid *target)
{
	_cleanup_free_ char *name = text_escaped(bytes_str(tag_name(job->u->ref)));
	struct buf b = BUF_INIT;
	char hex[OID_HEX_MAX];

	buf_add_str(&b, "git tag -s -f ");
	text_shell(&b, name);
	buf_addf(&b, " %.12s", oid_hex(target, hex));
	return buf_detach(&b);
}

static void find_tag(struct judge *j, struct judge_job *job, const struct oid *id,
		     struct bytes message, char *seen, char *cure)
{
	judge_job_find(j, job, id, message, seen, cure, MEND_NONE);
}

/* A tag that has had a value keeps it. */
static void check_moved(struct judge *j, struct judge_job *job)
{
	char hex[OID_HEX_MAX];
	bool known, deleted;
	struct oid last = { .n = 0 };

	past_last(j->c->past, job->u->ref, &known, &deleted, &last);
	if (job->rule->tags_signed && known && last.n && !oid_is_null(&last) &&
	    !oid_eq(&last, &job->u->new_)) {
		find_tag(j, job, NULL, BYTES_NONE,
			 xasprintf("this tag has been %.12s, and stays that",
				   oid_hex(&last, hex)),
			 xstrdup("Choose a new name: the name of a signed tag is used once."));
		return;
	}
	if (job->base.n == 0 || oid_eq(&job->base, &job->u->new_) || job->old_lied ||
	    job->rule->allow_rewind)
		return;
	find_tag(j, job, NULL, BYTES_NONE,
		 xasprintf("moves a tag that %s %.12s", job->creates_known ?
			   "was deleted at" : "stands at", oid_hex(&job->base, hex)),
		 xstrdup("Choose a new name; this rule lets no tag move."));
}

int judge_plan_tag(struct judge *j, struct judge_job *job, struct err *err)
{
	(void)err;
	if (!repo_has(j->c->repo, &job->u->new_)) {
		find_tag(j, job, &job->u->new_, BYTES_NONE, xstrdup("the object was not sent"),
			 xstrdup("Push again; `git fsck` shows what is missing."));
		return 0;
	}
	check_moved(j, job);
	judge_plan_target(j, job);
	job->fresh = !judge_set_accepted(judge_set_of(j, job->rule, job->report),
					 &job->u->new_);
	job->forward = job->base.n == 0 || oid_eq(&job->base, &job->u->new_);
	job->ready = true;
	return 0;
}

/* Re-aims the cures of the findings from `from` on: a tag is signed with git tag. */
static void mend_with_tag(struct judge *j, const struct judge_job *job, size_t from,
			  const struct oid *target)
{
	_cleanup_free_ char *command = tag_cure(job, target);

	for (size_t i = from; i < j->out->findings_n; i++) {
		if (j->notes[i].mend != MEND_NONE)
			judge_cure_add(&j->out->findings[i], command);
		j->notes[i].mend = MEND_NONE;
	}
}

static bool check_name(struct judge *j, struct judge_job *job, const struct oid *id,
		       const struct object_tag *t)
{
	_cleanup_free_ char *says = NULL;

	if (bytes_eq_str(t->name, tag_name(job->u->ref)))
		return true;
	says = text_escaped(t->name);
	find_tag(j, job, id, t->message, xasprintf("the tag object says that it is %s", says),
		 tag_cure(job, &t->target));
	return false;
}

static int check_target(struct judge *j, struct judge_job *job, const struct oid *id,
			const struct object_tag *t, bool *ok, struct err *err)
{
	enum object_type type;
	uint64_t size;
	int rc;

	*ok = false;
	if (!repo_has(j->c->repo, &t->target)) {
		find_tag(j, job, id, t->message, xstrdup("what it tags was not sent"),
			 xstrdup("Push again; `git fsck` shows what is missing."));
		return 0;
	}
	rc = repo_stat(j->c->repo, &t->target, &type, &size, err);
	if (rc)
		return rc;
	*ok = type == t->target_type;
	if (!*ok)
		find_tag(j, job, id, t->message,
			 xasprintf("says that it tags a %s, which is a %s",
				   object_type_name(t->target_type), object_type_name(type)),
			 tag_cure(job, &t->target));
	return 0;
}

/* Everything about one tag object but what it points at. */
static bool judge_level(struct judge *j, struct judge_job *job, const struct oid *id,
			const struct object_tag *t, unsigned level)
{
	struct judge_signed s = {
		.kind = "tag", .id = id, .payload = t->payload,
		.armor = buf_bytes(&t->signature), .message = t->message,
		.ident = t->has_tagger ? &t->tagger : NULL,
		.quiet = !job->rule->tags_signed,
	};
	size_t from = j->out->findings_n;
	const char *who;

	if (level == 0 && !check_name(j, job, id, t))
		return false;
	who = judge_who(j, job, &s);
	mend_with_tag(j, job, from, &t->target);
	if (!who)
		return !job->rule->tags_signed;
	judge_names_add(&job->who, who);
	if (level == 0)
		job->good_object = true;
	return true;
}

static int read_tag(struct judge *j, struct judge_job *job, const struct oid *id,
		    struct buf *raw, struct object_tag *t, bool *ok, struct err *err)
{
	struct err why = ERR_INIT;
	enum object_type type;
	int rc = repo_read(j->c->repo, id, j->c->policy->object_size, &type, raw, &why);

	*ok = false;
	if (rc == ERR_INPUT) {
		find_tag(j, job, id, BYTES_NONE,
			 xasprintf("larger than the %llu bytes that the policy allows",
				   (unsigned long long)j->c->policy->object_size),
			 xstrdup("Shorten the message, or ask the policy's owner for a larger [limits] "
				 "objectSize."));
		return 0;
	}
	if (rc)
		return err_set(err, why.code, "%s", why.text);
	if (type != OBJECT_TAG)
		return err_set(err, ERR_REPO, "a tag object is not one");
	if (object_parse_tag(buf_bytes(raw), repo_hash_bytes(j->c->repo), t, &why)) {
		find_tag(j, job, id, BYTES_NONE, xasprintf("malformed: %s", why.text),
			 xstrdup("Make the tag again with `git tag -s -f`."));
		return 0;
	}
	*ok = true;
	return 0;
}

/* Judges the tag `*id` and moves `*id` to what it tags; *more when that is a tag again. */
static int judge_one(struct judge *j, struct judge_job *job, struct oid *id, unsigned level,
		     bool *more, bool *good, struct err *err)
{
	struct object_tag t = { .target = { .n = 0 } };
	struct buf raw = BUF_INIT;
	bool ok;
	int rc = read_tag(j, job, id, &raw, &t, &ok, err);

	*more = *good = false;
	if (rc == 0 && ok) {
		*good = judge_level(j, job, id, &t, level);
		rc = check_target(j, job, id, &t, &ok, err);
		*good = *good && ok;
		*more = rc == 0 && ok && t.target_type == OBJECT_TAG;
		*id = t.target;
		object_tag_free(&t);
	}
	buf_free(&raw);
	return rc;
}

int judge_tag(struct judge *j, struct judge_job *job, struct err *err)
{
	struct oid id = job->u->new_;
	enum object_type type;
	bool more = true, all = true, good;
	uint64_t size;
	int rc = repo_stat(j->c->repo, &id, &type, &size, err);

	if (rc)
		return rc;
	if (type != OBJECT_TAG) {
		if (job->rule->tags_signed)
			find_tag(j, job, &id, BYTES_NONE,
				 xstrdup("a lightweight tag: it holds no signature"),
				 tag_cure(job, &id));
		return job->rule->tags_signed ? 0 : judge_aim(j, job, &id, err);
	}
	for (unsigned level = 0; more && rc == 0; level++) {
		if (level == TAG_LEVELS_MAX) {
			find_tag(j, job, &id, BYTES_NONE, xstrdup("tags nested too deep"),
				 xstrdup("Tag the commit itself."));
			return 0;
		}
		rc = judge_one(j, job, &id, level, &more, &good, err);
		all = all && good;
	}
	if (rc || !all)
		return rc;
	if (!job->report)
		j->out->tags++;
	return judge_aim(j, job, &id, err);
}
