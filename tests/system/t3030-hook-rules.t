#!/bin/sh
# Keys of rules that ask for more than a signature: accepts, author, roots.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_rules() {
	cat <<-EOF2
		[rule "main"]
			ref = refs/heads/main
			signer = alice
			accepts = develop
		[rule "develop"]
			ref = refs/heads/develop
			signer = bob
		[rule "alone"]
			ref = refs/heads/alone
			signer = alice
		[rule "beyond"]
			ref = refs/heads/beyond
			signer = alice
			accepts = main
		[rule "own"]
			ref = refs/heads/own
			signer = alice
			author = match
		[rule "known"]
			ref = refs/heads/known
			signer = alice
			author = known
		[rule "import"]
			ref = refs/heads/import/*
			signer = alice
			roots = any
	EOF2
}
hk_world

# --- accepts -----------------------------------------------------------------------
hk_commit 'the first'
accepted 'the first commit' origin HEAD:main HEAD:alone HEAD:own HEAD:known HEAD:beyond
hk_as bob
gh_setup git checkout -q -b develop
hk_commit 'by bob'
bobs=$(git rev-parse HEAD)
refused 'bob signs nothing on main' 'signed by bob, who may not sign here' origin HEAD:main
# alice's first commit is not accepted on develop: only main accepts the other's.
refused 'who accepts is not accepted' 'signed by alice, who may not' origin develop
gh_setup git checkout -q --orphan develop2
hk_commit 'a history of bob'
bobs=$(git rev-parse HEAD)
accepted 'bob signs develop' origin HEAD:develop
gh_setup git checkout -q main
hk_as alice
gh_setup git merge -q -S --allow-unrelated-histories -m 'merge develop' develop2
accepted 'what develop accepted goes into main' origin main
refused 'but not into a rule that accepts nothing else' "$bobs" origin main:alone
hk_as bob
gh_setup git checkout -q develop2
hk_commit 'more by bob'
more=$(git rev-parse HEAD)
accepted 'develop goes on' origin HEAD:develop
gh_setup git checkout -q main
hk_as alice
gh_setup git merge -q -S -m 'merge more' develop2
refused 'accepting main is not accepting what main accepts' "$more" origin main:beyond
accepted 'main takes it' origin main
refused 'nothing in it is new to a rule that accepts main' 'nobody answers for it' \
	origin main:beyond
hk_commit 'on top'
accepted 'a commit on top is, and main'\''s own count' origin main:beyond

# --- author ------------------------------------------------------------------------
gh_setup git checkout -q -B own origin/own
hk_commit 'of bob' --author 'bob <bob@example.com>'
refused 'another author is refused' 'author bob@example.com, but signed by alice' origin own
like 'and it says how' "$(said)" 'git commit --amend --reset-author --no-edit -S'
accepted 'where a known author will do, it is let in' origin own:known
gh_setup git commit -q -S --amend --reset-author --no-edit --allow-empty
accepted 'one'\''s own work is let in' origin own
gh_setup git checkout -q -B known origin/known
hk_commit 'of a stranger' --author 'x <x@example.com>'
refused 'an unknown author is refused' 'author x@example.com is no signer' origin known

# --- roots -------------------------------------------------------------------------
gh_setup git checkout -q --orphan import
hk_commit 'imported'
accepted 'a first history' origin import:import/a
gh_setup git checkout -q --orphan import2
hk_commit 'imported too'
accepted 'another root is let in by roots = any' origin import2:import/b
gh_setup git checkout -q --orphan import3
hk_unsigned 'imported unsigned'
refused 'signed it has to be all the same' 'not signed' origin import3:import/c
gh_setup git commit -q -S --amend --no-edit --allow-empty
refused 'without it a new root is refused' 'new history' origin -f import3:main

# --- who would be right --------------------------------------------------------------
gh_setup git checkout -q -B right origin/develop
hk_commit 'by alice'
refused 'who may not sign is told who may' 'sign it: bob\.$' origin HEAD:develop
sed -i '/^\[signer "bob"\]/,/trust/s/^.*trust = corp//' ../policy
printf '[key "b"]\nsigner = bob\ntrust = corp\nvalidUntil = 2121-01-01\n' >>../policy
refused 'one with a key of its own window, too' 'sign it: bob\.$' origin HEAD:develop
sed -i 's/^validUntil = 2121/validUntil = 2021/' ../policy
refused 'but not when it is over' 'sign it: none is valid at +this time\.$' origin HEAD:develop
sed -i 's/^validUntil = 2021/validUntil = 2121/' ../policy
sed -i 's/^email = bob@.*/&\nvalidUntil = 2020-01-01/' ../policy
refused 'but not of one whose time is over' 'sign it: none is valid at +this time\.$' origin HEAD:develop

done_testing
