#!/bin/sh
# The pre-receive hook, by real pushes: each thing that is let in beside the one that
# is not.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
zero=0000000000000000000000000000000000000000

# --- commits ---------------------------------------------------------------------
hk_commit 'the first'
hk_commit 'the second'
accepted 'signed commits are let in' origin main
like 'and the line says by whom' "$(said)" \
	'^gitsign-hsm: accepted 2 commits by alice on refs/heads/main \(rule main\)$'

base=$(git rev-parse HEAD)
hk_unsigned 'no signature'
bad=$(git rev-parse HEAD)
refused 'an unsigned commit is refused' 'not signed' origin main
like 'with its id' "$(said)" "^  $bad no signature"
like 'and the command that mends it' "$(said)" "^    git commit --amend --no-edit -S\$"
like 'and a summary in the last line' "$(said | tail -n 1)" \
	'^gitsign-hsm: refused: 1 of 1 commit, rule "main" \(policy serial 0\)$'
hk_commit 'signed on top'
refused 'an unsigned one below a signed one is refused' "$bad" origin main
short=$(git rev-parse "$base" | cut -c1-12)
like 'to be mended by a rebase' "$(said)" \
	"^    git rebase -f -S $short\$"
gh_setup git rebase -q -f -S "$short"
accepted 'what the cure makes is let in' origin main

hk_as mallory
hk_commit 'by a stranger'
refused 'a signer outside of the policy is refused' 'mallory|signer' origin main
like 'the right ones are named' "$(said)" 'alice, bob'
gh_setup git reset -q --hard HEAD~1
hk_as bob
hk_commit 'by bob'
accepted 'another signer of the role is let in' origin main

git config --global user.email alice@example.com
hk_commit 'bob as alice'
refused 'the committer has to be the signer' 'committer alice@example.com, but signed by bob' \
	origin main
like 'and it says how' "$(said)" 'git config user.email bob@example.com'
like 'with the author set right too' "$(said)" 'git commit --amend --reset-author --no-edit -S'
hk_as bob
gh_setup git commit -q --amend --reset-author --no-edit -S
accepted 'the mended one is let in' origin main

# A byte of the message changed behind the signature.
hk_commit 'untouched'
git cat-file commit HEAD | sed 's/^untouched$/untouchEd/' >../tampered
tampered=$(git hash-object -t commit -w ../tampered)
refused 'a tampered commit is refused' 'not good for this commit' \
	origin "$tampered:refs/heads/main"
accepted 'the untouched one is let in' origin main

gh_run git cat-file commit HEAD
cp "$GH_OUT" "$GH_OUT.commit"
awk '/^gpgsig/ { print "HG:extra x" } { print }' "$GH_OUT" >../malformed
odd=$(git hash-object -t commit -w --literally ../malformed)
refused 'a malformed commit is refused' 'malformed' origin "+$odd:refs/heads/main"

awk '/^author/ { print "HG:extra x" } { print }' "$GH_OUT.commit" >../malformed
odd=$(git hash-object -t commit -w --literally ../malformed)
refused 'one that nobody can walk through too' 'malformed' \
	origin "+$odd:refs/heads/main"

# --- rewind, delete ------------------------------------------------------------------
hk_as alice
tip=$(git rev-parse HEAD)
gh_setup git reset -q --hard HEAD~1
hk_commit 'another way'
refused 'a rewind is refused' 'not a fast-forward' -f origin main
accepted 'where the rule allows it, it is let in' -f origin main:refs/heads/topic \
	"$tip:refs/heads/other"
accepted 'rewinding there too' -f origin HEAD~1:refs/heads/topic
gh_setup git reset -q --hard "$tip"
refused 'a deletion is refused' 'no deletion' origin :main
accepted 'where the rule allows it, it is let in' origin :topic
is 'main is still there' "$(hk_at refs/heads/main)" "$tip"

# --- tags --------------------------------------------------------------------------
gh_setup git tag -s -m 'one' v1.0
accepted 'a signed tag is let in' origin v1.0
like 'and counted' "$(said)" 'accepted 1 tag by alice on refs/tags/v1.0 \(rule releases\)'
refused 'the tag object under another name is refused' 'says that it is v1.0' \
	origin v1.0:refs/tags/v9.9
like 'with the command' "$(said)" '^    git tag -s -f v9.9 '
gh_setup git tag v1.1
refused 'a lightweight tag is refused' 'a lightweight tag' origin v1.1
like 'with the command' "$(said)" '^    git tag -s -f v1.1 '
gh_setup git tag -a -m 'no signature' v1.2
refused 'an annotated tag without signature is refused' 'not signed' origin v1.2
hk_as bob
gh_setup git tag -s -m 'by bob' v1.3
refused 'a tag by another signer is refused' 'signed by bob, who may not sign here' origin v1.3
hk_as alice
gh_setup git tag -s -f -m 'again' v1.0
refused 'a tag stays what it is' 'has been|stands at' -f origin v1.0
gh_setup git tag -s -m 'nested' v2.0 v1.3
refused 'a tag of a tag: each one is judged' 'signed by bob' origin v2.0
gh_setup git tag -s -f -m 'nested' v2.0 v1.0
accepted 'both good ones are let in' origin v2.0
gh_setup git tag -s -m 'name' shadow
accepted 'a tag, to have its name' origin shadow
refused 'a branch that wears a tag'\''s name is refused' 'its short name' origin HEAD:refs/heads/shadow
accepted 'another name is free' origin HEAD:refs/heads/lantern
gh_setup git tag -s -m 'name' lantern
refused 'a tag that wears a branch'\''s name is refused' 'its short name' origin refs/tags/lantern
refused 'a branch named HEAD is refused' 'named like HEAD' origin HEAD:refs/heads/HEAD
refused 'a branch named like an object id is refused' 'named like an object id' \
	origin "HEAD:refs/heads/$tip"
accepted 'a little shorter is a name' origin "HEAD:refs/heads/${tip%?}"

# --- other refs ------------------------------------------------------------------------
refused 'a ref without a rule is refused' 'no rule' origin HEAD:refs/notes/x
refused 'a replace ref is refused' 'replace refs' origin "HEAD:refs/replace/$tip"
gh_setup git -C ../server symbolic-ref refs/heads/alias refs/heads/main
hk_commit 'through an alias'
refused 'a symbolic ref is refused' 'a symbolic ref' origin HEAD:refs/heads/alias
gh_setup git -C ../server symbolic-ref -d refs/heads/alias
accepted 'the branch itself is let in' origin main
tree=$(git rev-parse 'HEAD^{tree}')
raw_refused 'a tree is no branch' 'a tree, but this rule is for commits' \
	"$zero $tree refs/heads/tree"
gh_setup git checkout -q --orphan lonely
hk_commit 'a new root'
refused 'a new root beside the accepted history is refused' 'new history' \
	origin lonely:refs/heads/main -f
gh_setup git checkout -q main

# --- laundering ---------------------------------------------------------------------------
gh_setup git checkout -q -b washing
hk_unsigned 'dirty'
dirty=$(git rev-parse HEAD)
accepted 'an unsigned commit gets onto a branch that takes any' origin washing
refused 'but from there not onto main' "$dirty" origin washing:main
hk_commit 'a clean shirt'
refused 'nor below a signed one' "$dirty" origin washing:main
accepted 'though a rule for tips takes that' origin washing:tip/one
like 'and all of it is new there' "$(said)" 'accepted .* commits? by alice'
refused 'main still does not' "$dirty" origin washing:main
refused 'an unsigned commit is no tip, though a tip vouches for it' 'not signed' \
	origin "$dirty:refs/heads/tip/two"
gh_setup git checkout -q main

# --- keyless ------------------------------------------------------------------------------
refused 'an update that brings nothing signed is refused' 'nobody answers for it' \
	origin HEAD:refs/heads/tip/three HEAD~1:refs/heads/tip/four HEAD:refs/heads/tip/three-b \
	"$(git rev-parse washing):refs/heads/tip/five"
hk_commit 'new'
accepted 'one that does is let in' origin HEAD:refs/heads/tip/three

# --- all findings --------------------------------------------------------------------------
gh_setup git checkout -q -b many
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23; do
	hk_unsigned "number $i"
done
refused 'a long list is cut and counted' '^  ... and 3 more$' origin many:main
is 'one cure is said once' "$(said | grep -c 'git rebase')" 1
like 'the sum is right' "$(said | tail -n 1)" 'refused: 23 of 24 commits, rule "main"'
gh_setup git checkout -q main
hk_unsigned 'unsigned'
refused 'every ref of a push is judged' 'not signed' origin main HEAD:refs/notes/x
like 'and each is said' "$(said)" 'no rule'
gh_setup git reset -q --hard HEAD~1
gh_setup git commit -q --no-gpg-sign --allow-empty -m "$(printf 'esc \033[31m \302\233 \342\200\256 end')"
refused 'control characters of a subject do not reach the terminal' 'esc .x1b' origin main
gh_setup git reset -q --hard HEAD~1

done_testing
