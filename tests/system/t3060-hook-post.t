#!/bin/sh
# post-receive: what has landed is confirmed on record, and a push never fails by it.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
hsm="$GH_BIN/gitsign-hsm"
record=$GH_WORLD/server/gitsign-hsm/record
post=$GH_WORLD/server/hooks/post-receive
# last: the last line's kind: p pending, l landed, d dropped.
last() { tail -n 1 "$record" | cut -d ' ' -f 3; }
pending() { grep -c '^v[12] [0-9]* p ' "$record"; }
landed() { grep -c '^v1 [0-9]* l ' "$record"; }

hk_commit 'one'
accepted 'without post-receive a push goes in' origin main
is 'and is pending on record' "$(last)" p
ln -s "$GH_HOOKS/post-receive" "$post"
hk_commit 'two'
accepted 'with it too, and it has nothing to say' origin main
is 'what landed is confirmed at once' "$(last)" l
is 'what was left pending as well' "$(pending) $(landed)" '2 2'
hk_commit 'three'
accepted 'several refs' origin main main:refs/heads/x main:refs/heads/y
is 'are all confirmed' "$(pending) $(landed)" '5 5'
accepted 'a deletion' origin :x
is 'is confirmed' "$(pending) $(landed)" '6 6'
git tag -s -m v1 v1
accepted 'a tag' origin v1
is 'is confirmed' "$(pending) $(landed)" '7 7'
lines=$(wc -l <"$record")
hk_unsigned 'bad'
refused 'what is refused' 'not signed' origin main
is 'leaves nothing on record' "$(wc -l <"$record")" "$lines"
gh_setup git reset -q --hard HEAD~1

# --- what is wrong is said ---------------------------------------------------------------
# said_after DESC PATTERN PUSH-WORDS...: the push goes in, and the hook says so.
said_after() {
	local desc pattern
	desc=$1
	pattern=$2
	shift 2
	gh_run git push "$@"
	if [ "$GH_STATUS" = 0 ] && said | tr '\n' ' ' | grep -Eq -e "$pattern" &&
		! said | grep -Eq '.{73}'; then
		pass "$desc"
	else
		fail "$desc"
		diag "wanted: $pattern"
		gh_show git push "$@"
	fi
}
mv ../server/hooks/pre-receive ../pre-receive
hk_unsigned 'unjudged'
said_after 'a push that nobody judged is told of' 'refs/heads/main has changed, but +the record does' \
	origin main
said_after 'a deletion too' 'refs/heads/y has changed' origin :y
mv ../pre-receive ../server/hooks/pre-receive
gh_setup git reset -q --hard HEAD~1
gh_setup git -C ../server update-ref refs/heads/main "$(git rev-parse HEAD)"
hk_commit 'four'
accepted 'judged again, it is quiet again' origin main

cp "$record" ../record.good
printf '#!/bin/sh\nsed -i 1s/main/maim/ "%s"\nexec "%s/post-receive"\n' "$record" "$GH_HOOKS" >../spoil
rm "$post"
cp ../spoil "$post"
chmod 755 "$post"
hk_commit 'five'
said_after 'a record spoilt meanwhile is told of, the push stands' \
	'has landed, but is not +confirmed in the record: .*damaged' origin main
is 'it has landed' "$(hk_at refs/heads/main)" "$(git rev-parse HEAD)"
rm "$post"
ln -s "$GH_HOOKS/post-receive" "$post"
cp ../record.good "$record"
exits 0 'without input it ends well' sh -c 'cd ../server && GIT_DIR=. exec hooks/post-receive </dev/null'
like 'and says why it did nothing' "$(tr '\n' ' ' <"$GH_ERR")" 'no +ref updates'

# --- report rules record nothing, and so there is nothing to confirm -----------------------
{
	hk_head
	echo '[rule "watched"]'
	echo '	ref = refs/heads/**'
	echo '	signer = anyone'
	echo '	mode = report'
} >../policy
gh_run git push origin HEAD:refs/heads/watched
is 'a ref that is only watched goes in' "$GH_STATUS" 0
unlike 'and nothing is missed on record' "$(said)" 'has changed'
hk_policy

# --- hook install ----------------------------------------------------------------------------
gh_bare fresh
chmod -R go-w ../fresh
rm -f ../fresh/hooks/*
ok 'hook install' "$hsm" hook install --policy ../policy ../fresh
is 'installs both hooks' "$(ls ../fresh/hooks | tr '\n' ' ')" 'post-receive pre-receive '
ok 'hook status' "$hsm" hook status ../fresh
is 'shows both' "$(grep -c '^hook .*-receive -> ' "$GH_OUT")" 2
ok 'hook remove' "$hsm" hook remove ../fresh
is 'removes both' "$(ls ../fresh/hooks)" ''
echo '#!/bin/sh' >../fresh/hooks/post-receive
ok 'another post-receive is no obstacle' "$hsm" hook install --policy ../policy ../fresh
like 'and it says what that means' "$(cat "$GH_OUT")" 'another program, and stays'
is 'it stays' "$(cat ../fresh/hooks/post-receive)" '#!/bin/sh'
ok 'also when ours is removed' "$hsm" hook remove ../fresh
is 'it stays' "$(ls ../fresh/hooks)" 'post-receive'
chmod g+w ../fresh/hooks/post-receive
exits 3 'a hook that others can write to is refused' "$hsm" hook install --policy ../policy ../fresh

done_testing
