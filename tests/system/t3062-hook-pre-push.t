#!/bin/sh
# pre-push: what the server would refuse is not sent, and said in the same words.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
hsm="$GH_BIN/gitsign-hsm"
# A server that judges nothing: what arrives there is what pre-push let through.
gh_bare lenient
git remote add lenient "$GH_WORLD/lenient"

# stopped DESC PATTERN PUSH-WORDS...: nothing is sent, by these words. passed DESC PUSH-WORDS...
stopped() {
	local desc pattern before
	desc=$1
	pattern=$2
	shift 2
	before=$(git -C ../lenient for-each-ref)
	gh_run git push "$@"
	if [ "$GH_STATUS" = 1 ] && tr '\n' ' ' <"$GH_ERR" | grep -Eq -e "$pattern" &&
		grep -q '^gitsign-hsm: nothing was sent' "$GH_ERR" &&
		[ "$(git -C ../lenient for-each-ref)" = "$before" ]; then
		pass "$desc"
	else
		fail "$desc"
		diag "wanted: $pattern"
		gh_show git push "$@"
	fi
}
passed() {
	local desc
	desc=$1
	shift
	gh_run git push "$@"
	if [ "$GH_STATUS" = 0 ] && ! grep -q gitsign-hsm "$GH_ERR"; then
		pass "$desc"
	else
		fail "$desc"
		gh_show git push "$@"
	fi
}

ls_hooks() { find .git/hooks -type l -exec basename {} \; ; }

# --- installing ------------------------------------------------------------------------------
exits 2 'it is installed alone' "$hsm" hook install --pre-push --policy ../policy
echo '#!/bin/sh' >.git/hooks/pre-push
exits 3 'another hook is not replaced' "$hsm" hook install --pre-push
rm .git/hooks/pre-push
git config core.hooksPath /nowhere
exits 3 'nor put where git does not look' "$hsm" hook install --pre-push
like 'by name' "$(cat "$GH_ERR")" 'core.hooksPath'
git config --unset core.hooksPath
ok 'hook install --pre-push' "$hsm" hook install --pre-push
is 'installs that hook alone' "$(ls_hooks)" pre-push
like 'and says what it still needs' "$(cat "$GH_OUT")" 'hsm.policy is not set'
hk_commit 'one'
stopped 'without a policy nothing is sent' 'no policy is configured.*a copy of the +server' lenient main
unlike 'which is nobody else'\''s matter' "$(cat "$GH_ERR")" administrator
git config --global hsm.policy "$GH_WORLD/policy"

# --- judging -----------------------------------------------------------------------------------
passed 'a signed commit is sent' lenient main
passed 'nothing to send is nothing to judge' lenient main
hk_unsigned 'bad'
stopped 'an unsigned one is not' 'refs/heads/main: not signed.*refused: 1 of 1 commit' lenient main
like 'it says how to mend it' "$(cat "$GH_ERR")" '^    git commit --amend --no-edit -S'
ok 'who knows better sends it' git push --no-verify lenient main
gh_setup git -C ../lenient update-ref refs/heads/main HEAD~1
gh_setup git fetch -q lenient
gh_setup git commit -q --amend --no-edit -S
passed 'mended, it is sent' lenient main
hk_as mallory
hk_commit 'by mallory'
stopped 'a stranger is told who would be right' 'Let one of the signers.*alice' lenient main
gh_setup git reset -q --hard HEAD~1
hk_as alice
passed 'a rule for another branch' lenient HEAD:refs/heads/topic
passed 'a revision with a space in it' lenient 'main@{0 days ago}:refs/heads/topic2'
stopped 'a ref without a rule' 'no rule of the policy governs' lenient HEAD:refs/notes/x
stopped 'a rewind' 'not a fast-forward' -f lenient HEAD~1:main
passed 'that another rule allows' -f lenient HEAD~1:topic
stopped 'a deletion' 'no deletion' lenient :main
passed 'that another rule allows' lenient :topic2
git tag -a --no-sign -m v1 v1
stopped 'an unsigned tag' 'not signed' lenient v1
git tag -s -f -m v1 v1 >/dev/null
passed 'a signed one' lenient v1

# What is new is what the server does not have, as far as it is known here.
hk_unsigned 'unsigned base'
gh_setup git push --no-verify lenient main:refs/heads/main
hk_commit 'on top'
passed 'what the server has is not judged again' lenient main
git update-ref -d refs/remotes/lenient/main
hk_commit 'more'
passed 'git asks it for the refs that are pushed' lenient main
{
	hk_head
	cat <<-EOF
		[rule "all"]
			ref = refs/heads/**
			commits = signed
			signer = alice
	EOF
} >../policy
gh_setup git update-ref -d refs/remotes/lenient/main
hk_commit 'newer'
stopped 'of the others nothing is known' 'not signed' lenient main:refs/heads/another
gh_setup git fetch -q lenient
passed 'until they are fetched' lenient main:refs/heads/another
stopped 'from another remote' 'not signed' "$GH_WORLD/server" main:refs/heads/another
hk_policy

# --- where the server decides alone ----------------------------------------------------------
{
	hk_head
	cat <<-EOF
		[rule "main"]
			ref = refs/heads/**
			commits = signed
			signer = alice
			delete = allow
			pushCertificate = required
	EOF
} >../policy
hk_commit 'for a certificate'
gh_run git push lenient main
is 'whether a certificate comes is not known yet' "$GH_STATUS" 0
like 'it says that one has to' "$(tr '\n' ' ' <"$GH_ERR")" 'wants a push certificate.*git push --signed'
git config push.gpgSign if-asked
passed 'with push.gpgSign it comes' lenient :topic
git config --unset push.gpgSign
sed -i 's/pushCertificate.*/mode = report/' ../policy
hk_unsigned 'only watched'
gh_run git push lenient main
is 'what is only watched is sent' "$GH_STATUS" 0
like 'and told of' "$(cat "$GH_ERR")" '^Would refuse: '
hk_policy

# --- git -c, another work tree ------------------------------------------------------------------
git config --global --unset hsm.policy
hk_commit 'again'
gh_run git -c hsm.policy="$GH_WORLD/policy" push lenient HEAD:refs/heads/tip/two
is 'git -c hsm.policy counts' "$GH_STATUS" 0
git config --global hsm.policy "$GH_WORLD/policy"
gh_setup git worktree add -q ../tree
cd ../tree || bail 'cd tree'
hk_unsigned 'in another work tree'
stopped 'in another work tree' 'not signed' lenient HEAD:refs/heads/tip/three
gh_setup git commit -q --amend --no-edit -S
passed 'and signed there' lenient HEAD:refs/heads/tip/three
cd ../work || bail 'cd work'

# --- both ends ----------------------------------------------------------------------------------
gh_setup git checkout -q --orphan fresh
hk_commit 'fresh'
accepted 'the server'\''s own hook says the same' origin HEAD:main
ok 'hook remove --pre-push' "$hsm" hook remove --pre-push
is 'removes it' "$(ls_hooks)" ''
ok 'removing again is fine' "$hsm" hook remove --pre-push

done_testing
