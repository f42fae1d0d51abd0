#!/bin/sh
# What a tag may point at: target = accepted (the default), and target = any.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

# tags [LINE...]: the rules, with those lines in the rule of tags.
tags() {
	{
		hk_head
		hk_rules | sed '/target = any/d'
	} >"$GH_WORLD/policy.base"
	for line; do
		printf '\t%s\n' "$line"
	done >"$GH_WORLD/policy.lines"
	sed "/\"releases\"/r $GH_WORLD/policy.lines" "$GH_WORLD/policy.base" >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}
# tag NAME [OBJECT]: a signed tag.
tag() {
	gh_setup git tag -s -m "$1" "$@"
}
server() {
	git -C "$GH_WORLD/server" "$@"
}

hk_world
tags
hk_commit 'one'
refused 'accepted, and no rule that accepts: a fault of the file' 'target =$|target = any|accepts = RULE' \
	origin main
tags 'accepts = main'

tag v1
refused 'a tag at a commit that nobody has let in is refused' 'tags a commit that was not let in' \
	origin v1
like 'and it says where' "$(said)" 'under main$'
like 'and what to do' "$(said | tr '\n' ' ')" 'Push [0-9a-f]{12} to a branch of such a rule first'
accepted 'with the branch it is let in' origin main v1
tag v2
accepted 'on a commit that is in already, too' origin v2
hk_commit 'two'
hk_commit 'three'
gh_setup git push -q origin main
tag v3 HEAD~1
accepted 'and on one below a tip' origin v3
hk_commit 'four'
hk_commit 'five'
tag inner HEAD~1
refused 'a tag at a commit that its branch would bring' 'tags a commit that was not let in' \
	origin inner
accepted 'comes in with that branch, below its tip' origin main inner

gh_setup git checkout -q -b side
hk_commit 'on a branch of another rule'
gh_setup git push -q origin side
tag v4
refused 'a commit of another rule does not count' 'tags a commit that was not let in' origin v4
tags 'accepts = main' 'accepts = work'
accepted 'until that rule is named' origin v4
tags 'accepts = main'
tag v5 HEAD
refused 'what a tag points at is not let in by that' 'tags a commit that was not let in' origin v5

hk_unsigned 'bad'
tag v6
gh_run git push origin side:main v6
is 'with a branch that is refused it is refused' "$GH_STATUS" 1
not_ok 'and is not there' server rev-parse -q --verify refs/tags/v6
gh_setup git reset -q --hard HEAD~1

# --- other objects ---------------------------------------------------------------------
gh_setup git checkout -q main
tag outer v3
gh_setup git tag -s -m nested nested outer
accepted 'a tag of a tag of an accepted commit is let in' origin nested
tag w1 v5
refused 'a tag of a tag of another commit is refused' 'tags a commit that was not let in' origin w1
tag tree 'HEAD^{tree}'
refused 'a tag of a tree is refused' 'tags a tree, where this rule wants a commit' origin tree
blob=$(git rev-parse HEAD:file1)
tag blob "$blob"
refused 'so is one of a blob' 'tags a blob, where this rule wants a commit' origin blob
tags 'target = any'
accepted 'target = any lets in a tree' origin tree
accepted 'and a blob' origin blob
accepted 'and any commit' origin v5

# --- many at once ------------------------------------------------------------------------
tags 'accepts = main'
for i in 1 2 3 4; do
	tag "good$i" "main~$((i % 3))"
done
tag bad1 side
refused 'of many tags the one that does not fit is named' 'tags a commit that was not let in' origin \
	good1 good2 bad1 good3 good4
like 'that one' "$(said)" 'refs/tags/bad1'
unlike 'and no other' "$(said)" 'refs/tags/good'
accepted 'the others are let in' origin good1 good2 good3 good4

# --- tag = any -----------------------------------------------------------------------------
tags 'accepts = main' 'keylessUpdate = allow'
sed -i 's/tag = signed/tag = any/' "$GH_WORLD/policy"
gh_setup git tag light main
accepted 'an unsigned tag of an accepted commit is let in' origin light
gh_setup git tag light2 side
refused 'of another commit it is refused' 'tags a commit that was not let in' origin light2
gh_setup git tag light3 'HEAD^{tree}'
refused 'or of a tree' 'tags a tree' origin light3

# --- introductions ---------------------------------------------------------------------------
tags 'accepts = main'
gh_setup git checkout -q --orphan old
hk_unsigned 'before there were signatures'
tag old
refused 'old history is refused' 'tags a commit that was not let in' origin refs/tags/old
git -C "$GH_WORLD/server" config hsm.introduction "$(git rev-parse HEAD)"
gh_setup git -C "$GH_WORLD/server" fetch -q "$GH_WORLD/work" old
accepted 'until it is introduced' origin refs/tags/old

done_testing
