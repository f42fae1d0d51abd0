#!/bin/sh
# hsm.record = off: what the refs hold is accepted, and what that cannot promise. Beside
# each case stands what a server with a record says.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
server=$GH_WORLD/server
git -C "$server" config hsm.record off

# another NAME: a copy of the server that keeps a record from here on; its refs are
# introduced as they are.
another() {
	cp -R "$server" "$GH_WORLD/$1"
	git -C "$GH_WORLD/$1" config hsm.record on
	for tip in $(git -C "$server" for-each-ref --format='%(objectname)' refs/heads); do
		git -C "$GH_WORLD/$1" config --add hsm.introduction "$tip"
	done
	git remote add "$1" "$GH_WORLD/$1"
}

hk_commit 'one'
accepted 'a signed push is let in' origin main
not_ok 'nothing is written' test -e "$server/gitsign-hsm"
another with
hk_unsigned 'two'
refused 'an unsigned one is not' 'not signed' origin main
accepted 'elsewhere it may go' origin main:refs/heads/loose
hk_commit 'three'
refused 'but what stands there is not accepted here' 'not signed' origin main
gh_setup git reset -q --hard HEAD~2
hk_commit 'four'
accepted 'what stands here is not judged again' origin main
gh_setup git push -q with main

# --- refs that were touched by others ---------------------------------------------------
hk_unsigned 'five'
git push -q origin main:refs/heads/loose -f 2>/dev/null
git push -q with main:refs/heads/loose -f 2>/dev/null
git -C "$server" update-ref refs/heads/main "$(git rev-parse HEAD)"
git -C "$GH_WORLD/with" update-ref refs/heads/main "$(git rev-parse HEAD)"
hk_commit 'six'
refused 'what an administrator puts there shows with a record' 'not signed' with main
accepted 'without one it counts' origin main
gh_setup git branch six
gh_setup git checkout -q -b rewound HEAD~1
hk_commit 'seven'
refused 'a rewind is refused' 'not a fast-forward' origin -f rewound:main
gh_setup git checkout -q main

# --- names of signed tags ------------------------------------------------------------------
gh_setup git tag -s -m v1 v1
accepted 'a signed tag is let in' origin v1
gh_setup git push -q with v1
git push -q with v1:refs/tags/other 2>/dev/null # settles the record
gh_setup git tag -s -f -m other v1
refused 'while it stands it stays what it is' 'stays that' origin -f v1
git -C "$server" update-ref -d refs/tags/v1
git -C "$GH_WORLD/with" update-ref -d refs/tags/v1
refused 'with a record its name is used up' 'stays that' with -f v1
accepted 'without one it is free again' origin -f v1

# --- what a rule accepts ----------------------------------------------------------------------
sed -i 's/^ref = refs\/heads\/main$/&\naccepts = work/' "$GH_WORLD/policy"
hk_unsigned 'eight'
accepted 'a branch of a looser rule' origin main:refs/heads/topic
hk_commit 'nine'
accepted 'is accepted where the rule says so, an update with a signature on top' \
	origin main
hk_policy

# --- introductions --------------------------------------------------------------------------------
hk_server fresh
git -C "$GH_WORLD/fresh" config hsm.record off
git remote add fresh "$GH_WORLD/fresh"
refused 'nothing is accepted in an empty repository' 'not signed' fresh main
git -C "$GH_WORLD/fresh" config hsm.introduction "$(git rev-parse main~1)"
accepted 'but what was introduced' fresh main

# --- the word -----------------------------------------------------------------------------------------
hk_commit 'ten'
for word in '' maybe Off false 0; do
	git -C "$server" config hsm.record "$word"
	refused "hsm.record = \"$word\" is refused" 'on or off' origin main
done
git config --global hsm.record off
git -C "$server" config --unset hsm.record
refused 'the account that runs the hook cannot switch the record off' 'not signed' origin main
like 'hook status: a record' "$("$GH_BIN/gitsign-hsm" hook status "$server")" '^record .*gitsign-hsm'
git -C "$server" config hsm.record off
like 'hook status: none is kept' "$("$GH_BIN/gitsign-hsm" hook status "$server")" \
	'^record .*none is kept'
accepted 'and off it is again' origin main
done_testing
