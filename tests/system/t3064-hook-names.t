#!/bin/sh
# Names that shadow signed tags; refs that are deleted and made again.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
{
	hk_head
	cat <<-EOF
		[rule "releases"]
			ref = refs/tags/v*
			tag = signed
			target = any
			signer = alice
			delete = allow
			keylessUpdate = allow
		[rule "other-tags"]
			ref = refs/tags/*
			tag = any
			target = any
			signer = alice
			keylessUpdate = allow
			delete = allow
		[rule "work"]
			ref = refs/heads/**
			ref = refs/v*
			commits = signed
			signer = alice
			delete = allow
			keylessUpdate = allow
		[rule "free"]
			ref = refs/heads/free/*
			commits = signed
			signer = alice
			delete = allow
			keylessUpdate = allow
			rewind = allow
	EOF
} >../policy
hk_commit 'one'
hk_commit 'two'
accepted 'a branch' origin main

# --- one name, one meaning -------------------------------------------------------------------
git tag -s -m v1 v1
accepted 'a signed tag' origin v1
refused 'a branch of that name' 'short name is that of refs/tags/v1' origin main:refs/heads/v1
refused 'or a ref right below refs/' 'short name is that of refs/tags/v1' origin main:refs/v1
accepted 'another name' origin main:refs/heads/v2
git tag -s -m v2 v2
refused 'a tag named like a branch' 'short name is that of refs/heads/v2' origin v2
refused 'is told what would help' 'delete that ref first' origin v2
accepted 'the branch goes' origin :refs/heads/v2
accepted 'then the tag may come' origin v2
# git lets none be pushed, but there may be one.
gh_setup git -C ../server update-ref refs/v4 refs/heads/main
git tag -s -m v4 v4
refused 'a tag named like a ref right below refs/' 'short name is that of refs/v4' origin v4
git tag -s -m v3 v3
refused 'both in one push' 'short name is that of' origin v3 main:refs/heads/v3
git tag -a -m light light
accepted 'a tag that nothing is promised of' origin light
accepted 'shares its name' origin main:refs/heads/light

# --- tags that go and come -----------------------------------------------------------------------
accepted 'a signed tag may be deleted here' origin :v1
refused 'its name is still taken' 'short name is that of refs/tags/v1' origin main:refs/heads/v1
accepted 'the same tag may come back' origin v1
accepted 'and go' origin :v1
git tag -s -f -m 'v1 again' v1 >/dev/null
refused 'another one may not' 'has been .* and stays that' origin v1
git tag -f v1 main >/dev/null
refused 'a lightweight one neither' 'stays that|lightweight' origin refs/tags/v1
refused 'nor when the branch'\''s name goes first' 'short name is that of|stays that' origin \
	main:refs/heads/v1 refs/tags/v1

# --- names that a shell reads otherwise -------------------------------------------------------------
# shellcheck disable=SC2016 # the name is meant as it stands
name='v9$(touch${IFS}x)'
git tag "$name" main >/dev/null
refused 'a tag whose name is a command' 'lightweight' origin "refs/tags/$name"
like 'is quoted in the command that mends it' "$(said)" "git tag -s -f '.*' "

# --- branches that go and come --------------------------------------------------------------------
accepted 'a branch' origin main:refs/heads/topic
accepted 'is deleted' origin :topic
refused 'it does not start again further back' 'it was deleted at' origin main~1:refs/heads/topic
accepted 'but where it was' origin main:refs/heads/topic
accepted 'deleted again' origin :topic
hk_commit 'three'
accepted 'it may go on from there' origin main:refs/heads/topic
accepted 'where rewinds are allowed' origin main:refs/heads/free/x
accepted 'a branch is deleted' origin :free/x
accepted 'and starts anywhere' origin main~2:refs/heads/free/x
gh_setup git checkout -q --orphan side
hk_commit 'side'
refused 'on another history' 'starts a new history' origin side:refs/heads/free/y

done_testing
