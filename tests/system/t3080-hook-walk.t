#!/bin/sh
# What is new and what is accepted, whatever dates say; objects that are broken.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
zero=0000000000000000000000000000000000000000
hk_rules() {
	printf '%s\n' '[rule "main"]' 'ref = refs/heads/main' 'commits = signed' 'rewind = allow' \
		'signer = anyone'
}
hk_policy

# dated DATE MESSAGE: a signed commit of that date.
dated() {
	GIT_COMMITTER_DATE="@$1 +0000" GIT_AUTHOR_DATE="@$1 +0000"
	export GIT_COMMITTER_DATE GIT_AUTHOR_DATE
	hk_commit "$2"
	unset GIT_COMMITTER_DATE GIT_AUTHOR_DATE
}

# --- dates ------------------------------------------------------------------------------
dated 1900000000 'far in the future'
first=$(git rev-parse HEAD)
dated 100 'long ago'
dated 1700000000 'today'
second=$(git rev-parse HEAD)
dated 200 'long ago again'
accepted 'a history whose dates make no sense is let in' origin main
tip=$(git rev-parse HEAD)
for old in $first $second; do
	refused 'going back to an old commit is no new one' 'no new signed commit' \
		origin "+$old:refs/heads/main"
done
is 'it stands where it stood' "$(hk_at refs/heads/main)" "$tip"
dated 1 'older than all'
accepted 'a new commit older than all of it is let in' origin main
dated 4000000000 'younger than all'
accepted 'so is one younger than all' origin main
hk_unsigned 'not signed'
bad=$(git rev-parse HEAD)
dated 50 'on top'
refused 'an unsigned one is found between dates' "$bad" origin main
gh_setup git reset -q --hard origin/main

# Another branch of the history, joined to the accepted one.
gh_setup git checkout -q -b side "$first"
dated 1950000000 'on the side'
gh_setup git checkout -q main
gh_setup git merge -q -S --no-ff -m join side
accepted 'what a merge brings in is judged with it' origin main
like 'both commits' "$(said)" 'accepted 2 commits'

# --- an object that is cut off -------------------------------------------------------------
# The server unpacks small pushes into loose objects.
path_of() {
	echo "$1" | sed 's,..,&/,'
}
# halve FILE: what is left of it is the first half
halve() {
	chmod u+w "$1"
	head -c "$(($(wc -c <"$1") / 2))" "$1" >"$1.half"
	mv "$1.half" "$1"
}
# hook LINE: the hook as receive-pack runs it, with the objects of a push in q.
hook() {
	(
		cd "$GH_WORLD/server" || exit 99
		q=$PWD/objects/incoming
		export GIT_DIR=. GIT_QUARANTINE_PATH="$q" GIT_OBJECT_DIRECTORY="$q" \
			GIT_ALTERNATE_OBJECT_DIRECTORIES="$PWD/objects"
		echo "$1" | timeout 60 hooks/pre-receive
	)
}
# bring COMMIT...: copies its loose object into the quarantine.
bring() {
	local id
	for id; do
		mkdir -p "../server/objects/incoming/$(echo "$id" | cut -c1-2)"
		cp ".git/objects/$(path_of "$id")" "../server/objects/incoming/$(path_of "$id")"
	done
}
tip=$(git rev-parse HEAD)
hk_commit 'one'
one=$(git rev-parse HEAD)
hk_commit 'two'
two=$(git rev-parse HEAD)
bring "$one" "$two"
exits 0 'the two commits are let in' hook "$tip $two refs/heads/main"
halve "../server/objects/incoming/$(path_of "$one")"
exits 7 'not with one of them cut off' hook "$tip $two refs/heads/main"
like 'it is named' "$(tr "\n" " " <"$GH_ERR")" "object +$one is corrupt"
halve "../server/objects/incoming/$(path_of "$two")"
exits 7 'nor with the tip cut off' hook "$tip $two refs/heads/main"
rm -rf ../server/objects/incoming

# In the accepted history: nothing there is read when the push builds on its tip.
gh_setup rm -rf ../server/gitsign-hsm
gh_setup git -C ../server config hsm.introduction "$tip"
old=$(git rev-parse HEAD~4)
halve "../server/objects/$(path_of "$old")"
bring "$one" "$two"
gh_setup git -C ../server update-ref -d refs/heads/main
exits 0 'a new tip on the accepted one' hook "$zero $two refs/heads/main"
gh_setup git checkout -q -b other "$first"
hk_commit 'three'
three=$(git rev-parse HEAD)
bring "$three"
exits 7 'what has to be read is, and found to be cut off' hook "$zero $three refs/heads/main"
like 'it is named too' "$(tr "\n" " " <"$GH_ERR")" "object +$old is corrupt"
done_testing
