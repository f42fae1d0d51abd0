/* The checks of a push that no rule can switch off: names, duplicates, old values. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/judge_internal.h"

/* libgit2 reads no name of 1024 bytes, and the one of the same tag or branch may be longer. */
#define NAME_LIMIT 1000

static void find_ref(struct judge *j, const struct judge_update *u, char *seen, const char *cure)
{
	judge_find(j, u, NULL, false, seen, xstrdup(cure));
}

static int by_ref(const void *a, const void *b)
{
	const struct judge_update *const *y = b;

	return strcmp(a, (*y)->ref);
}

/* Does this push set `ref` to something? */
static bool pushed(const struct judge *j, const char *ref)
{
	const struct judge_update **hit = bsearch(ref, j->sorted, j->n,
						  sizeof(struct judge_update *), by_ref);

	return hit && !oid_is_null(&(*hit)->new_);
}

static bool duplicate(const struct judge *j, const struct judge_update *u, bool *first)
{
	const struct judge_update **at = bsearch(u->ref, j->sorted, j->n,
						 sizeof(struct judge_update *), by_ref);
	size_t i = (size_t)(at - j->sorted), same = 0;

	while (i > 0 && strcmp(j->sorted[i - 1]->ref, u->ref) == 0)
		i--;
	*first = j->sorted[i] == u;
	for (; i < j->n && same < 2 && strcmp(j->sorted[i]->ref, u->ref) == 0; i++)
		same++;
	return same > 1;
}

static bool is_object_id(const char *name)
{
	size_t n = strspn(name, "0123456789abcdefABCDEF");

	return (n == 40 || n == 64) && name[n] == '\0';
}

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* What git takes for this ref when somebody types a short name. */
static const char *short_name(const char *ref)
{
	if (starts(ref, "refs/heads/"))
		return ref + strlen("refs/heads/");
	if (starts(ref, "refs/tags/"))
		return ref + strlen("refs/tags/");
	return ref + strlen("refs/");
}

/* A tag that was deleted still has its name: clones may have it, and it is used once. */
static int ref_taken(struct judge *j, const char *ref, bool tag, bool *ret, struct err *err)
{
	bool deleted;
	struct oid id;

	*ret = pushed(j, ref) || past_is_coming(j->c->past, ref);
	if (!*ret && tag)
		past_last(j->c->past, ref, ret, &deleted, &id);
	return *ret ? 0 : past_value(j->c->past, ref, &id, ret, NULL, err);
}

static int signed_tag_rule(struct judge *j, const char *tag, bool *ret, struct err *err)
{
	const struct policy_rule *r = NULL;
	int rc = policy_rule_for(j->c->policy, bytes_str(tag), &r, err);

	*ret = rc == 0 && r && r->judges_tags && r->tags_signed;
	return rc;
}

/*
 * `git clone -b v1.0` takes the branch when there is one, `git checkout v1.0` the tag:
 * one name must not mean both when the tag's name is a promise.
 */
static int check_shadow(struct judge *j, const struct judge_update *u, bool *bad, struct err *err)
{
	const char *name = short_name(u->ref);
	_cleanup_free_ char *tag = xasprintf("refs/tags/%s", name);
	_cleanup_free_ char *head = xasprintf("refs/heads/%s", name);
	_cleanup_free_ char *bare = xasprintf("refs/%s", name);
	const char *others[] = { tag, head, bare };
	bool governed, taken;
	int rc = signed_tag_rule(j, tag, &governed, err);

	if (rc || !governed)
		return rc;
	for (size_t i = 0; i < 3; i++) {
		/* Anything collides with the tag; the tag collides with anything. */
		if (strcmp(u->ref, others[i]) == 0 || (i > 0 && strcmp(u->ref, tag) != 0))
			continue;
		rc = ref_taken(j, others[i], i == 0, &taken, err);
		if (rc)
			return rc;
		if (taken) {
			_cleanup_free_ char *shown = text_escaped(bytes_str(others[i]));

			find_ref(j, u, xasprintf("its short name is that of %s%s", shown,
						 past_is_coming(j->c->past, others[i]) ?
						 ", which another push is just creating" : ""),
				 i == 0 ? "Choose another name: the name of a signed tag means the "
					  "tag alone, even when that was deleted." :
					  "Choose another name, or delete that ref first: the name of "
					  "a signed tag must mean the tag alone.");
			*bad = true;
		}
	}
	return 0;
}

static bool check_name(struct judge *j, const struct judge_update *u)
{
	bool ours;

	if (!object_ref_ok(bytes_str(u->ref))) {
		find_ref(j, u, xstrdup("not a valid ref name"),
			 "See git-check-ref-format(1) for what a name may hold; it has to be UTF-8.");
		return false;
	}
	if (strlen(u->ref) > NAME_LIMIT) {
		find_ref(j, u, xstrdup("the name is longer than 1000 bytes"),
			 "Choose a shorter one.");
		return false;
	}
	if (strcmp(u->ref, "refs/replace") == 0 || starts(u->ref, "refs/replace/")) {
		find_ref(j, u, xstrdup("replace refs make one object stand for another"),
			 "They cannot be pushed to a repository that judges signatures.");
		return false;
	}
	ours = starts(u->ref, "refs/heads/") || starts(u->ref, "refs/tags/");
	if (oid_is_null(&u->new_))
		return true; /* whatever it is called, it may go */
	if (strcmp(short_name(u->ref), "HEAD") == 0) {
		find_ref(j, u, xstrdup("named like HEAD"), "Choose another name.");
		return false;
	}
	if (ours && is_object_id(short_name(u->ref))) {
		find_ref(j, u, xstrdup("named like an object id"), "Choose another name.");
		return false;
	}
	return true;
}

static void find_lie(struct judge *j, const struct judge_update *u, const struct oid *was)
{
	char said[OID_HEX_MAX], is[OID_HEX_MAX];
	bool gone = oid_is_null(was);

	find_ref(j, u, xasprintf("the push says it stands at %.12s, it %s%.12s",
				 oid_is_null(&u->old) ? "nothing" : oid_hex(&u->old, said),
				 gone ? "does not exist" : "stands at ",
				 gone ? "" : oid_hex(was, is)),
		 "Somebody else may have pushed meanwhile. Fetch, then push again:\ngit fetch");
}

static int check_old(struct judge *j, const struct judge_update *u, struct oid *was,
		     bool *old_lied, bool *go_on, struct err *err)
{
	bool found = false, symbolic = false;
	int rc = past_value(j->c->past, u->ref, was, &found, &symbolic, err);

	if (rc)
		return rc;
	if (!found)
		*was = (struct oid){ .n = u->old.n };
	if (symbolic) {
		find_ref(j, u, xstrdup("a symbolic ref: it stands for another"),
			 "Push to the ref that it points at.");
		return 0;
	}
	*old_lied = !oid_eq(&u->old, was);
	if (*old_lied)
		find_lie(j, u, was);
	if (!found && oid_is_null(&u->new_)) {
		find_ref(j, u, xstrdup("to be deleted, but it does not exist"),
			 "Leave it out of the push. To forget it in your clone:\n"
			 "git fetch --prune");
		return 0;
	}
	*go_on = true;
	return 0;
}

int judge_structure(struct judge *j, const struct judge_update *u, struct oid *was,
		    bool *old_lied, bool *go_on, struct err *err)
{
	bool first, shadow = false;
	int rc;

	*go_on = false;
	*old_lied = false;
	if (duplicate(j, u, &first)) {
		if (first)
			find_ref(j, u, xstrdup("named more than once in one push"),
				 "Push it once.");
		return 0;
	}
	if (!check_name(j, u))
		return 0;
	if (!oid_is_null(&u->new_)) {
		rc = check_shadow(j, u, &shadow, err);
		if (rc || shadow)
			return rc;
	}
	return check_old(j, u, was, old_lied, go_on, err);
}
