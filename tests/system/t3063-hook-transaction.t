#!/bin/sh
# reference-transaction: what does not go through a push, and what a push has judged.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
hsm="$GH_BIN/gitsign-hsm"
server=$GH_WORLD/server
ln -s "$GH_HOOKS/reference-transaction" "$server/hooks/reference-transaction"
# update ARGS: git update-ref on the server.
update() { git -C "$server" update-ref "$@"; }
# kept DESC PATTERN ARGS: refused by these words, and all refs stand as they did.
kept() {
	local desc pattern before
	desc=$1
	pattern=$2
	shift 2
	before=$(git -C "$server" for-each-ref)
	gh_run "$@"
	if [ "$GH_STATUS" != 0 ] && tr '\n' ' ' <"$GH_ERR" | grep -Eq -e "$pattern" &&
		[ "$(git -C "$server" for-each-ref)" = "$before" ]; then
		pass "$desc"
	else
		fail "$desc"
		diag "wanted: $pattern"
		gh_show "$@"
	fi
}

# --- pushes ----------------------------------------------------------------------------------
hk_commit 'one'
accepted 'a push that pre-receive has judged' origin main
hk_commit 'two'
accepted 'and the next' origin main
accepted 'several refs' origin main:refs/heads/x main:refs/heads/y main:refs/heads/tip/z
accepted 'deletions' origin :x :y
git tag -s -m v1 v1
accepted 'a tag' origin v1
hk_unsigned 'bad'
bad=$(git rev-parse HEAD)
refused 'pre-receive refuses first' 'not signed' origin main
accepted 'where its rule lets anything in' origin main:refs/heads/work

# --- everything else ------------------------------------------------------------------------------
two=$(git rev-parse HEAD~1)
one=$(git rev-parse HEAD~2)
kept 'git update-ref to an unsigned commit' 'refs/heads/main: not signed.*refused' \
	update refs/heads/main "$bad"
kept 'with the old value named' 'not signed' update refs/heads/main "$bad" "$two"
kept 'back to an older commit' 'not a fast-forward' update refs/heads/main "$one"
kept 'a deletion' 'no deletion' update -d refs/heads/main
kept 'a tag that is moved' 'stays that' update refs/tags/v1 "$two"
kept 'a lightweight tag' 'lightweight' update refs/tags/v2 "$two"
kept 'a name like a signed tag' 'short name' update refs/heads/v1 "$two"
printf 'update refs/heads/work %s\nupdate refs/heads/main %s\n' "$one" "$bad" >../stdin
# shellcheck disable=SC2016 # for the shell that runs it
kept 'one bad of two in a transaction' 'not signed' \
	sh -c 'git -C "$1" update-ref --stdin <"$2"' sh "$server" ../stdin
ok 'a ref that may be rewritten' update refs/heads/work "$one"
ok 'or deleted' update -d refs/heads/work
ok 'the value that it has' update refs/heads/main "$two"
ok 'a ref that no rule governs' update refs/notes/x "$bad"
ok 'HEAD is no matter of a rule' git -C "$server" symbolic-ref HEAD refs/heads/other
gh_setup git -C "$server" symbolic-ref HEAD refs/heads/main
gh_setup git checkout -q -b next HEAD~1
hk_commit 'three'
three=$(git rev-parse HEAD)
git -C "$server" fetch -q "$GH_WORLD/work" next
ok 'a signed commit that nobody pushed' update refs/heads/main "$three"
is 'has landed' "$(hk_at refs/heads/main)" "$three"
hk_commit 'four'
accepted 'and a push goes on from there' origin HEAD:main
kept 'a fetch into a governed ref' 'not signed' git -C "$server" fetch -q "$GH_WORLD/work" \
	"+$bad:refs/heads/main"
ok 'git pack-refs' git -C "$server" pack-refs --all
ok 'git gc' git -C "$server" gc -q
kept 'a packed ref is not deleted' 'no deletion' update -d refs/heads/main
hk_commit 'five'
accepted 'packed refs are refs' origin HEAD:main
git tag -s -m v5 v5
accepted 'a ref that is not packed' origin v5
kept 'is not deleted beside packed ones' 'no deletion' update -d refs/tags/v5

# --- what is awaited is that change, and no other --------------------------------------------------
# pre-receive lets it in, but then a hook of the test keeps it from landing.
hk_commit 'six'
six=$(git rev-parse HEAD)
printf '#!/bin/sh\nexit 1\n' >"$server/hooks/update"
chmod 755 "$server/hooks/update"
ok 'two branches of another rule' update refs/heads/wanted "$three"
ok 'at one commit' update refs/heads/twin "$(hk_at refs/heads/main)"
not_ok 'judged, but not landed' git push -q origin HEAD:main HEAD:wanted
rm "$server/hooks/update"
ok 'which is then moved' update refs/heads/wanted "$two"
git -C "$server" fetch -q "$GH_WORLD/work" next
cp ../policy ../policy.good
{
	hk_head | sed 's/alice@/nobody@/'
	printf '[rule "all"]\n\tref = refs/heads/**\n\tsigner = bob\n'
} >../policy
# entry REF: that of the change which is waited for.
entry() {
	grep " $1 [0-9a-f]* $six " "$server/gitsign-hsm/record" | cut -d' ' -f2
}
awaited=$(entry refs/heads/main)
kept 'not by another hand: it is judged' 'refs/heads/main: ' update refs/heads/main "$six"
# A daemon has run the hooks: which push it was is not to be seen.
hk_unbound "$awaited"
hk_unbound "$(entry refs/heads/wanted)"
kept 'another change is judged: by this policy it is refused' 'refs/heads/other: .*refused' \
	update refs/heads/other "$six"
kept 'to another value' 'not a fast-forward' update refs/heads/main "$one"
kept 'of a ref that stood there too' 'refs/heads/twin: ' update refs/heads/twin "$six"
kept 'from another value' 'refs/heads/wanted: ' update refs/heads/wanted "$six"
hk_received "$awaited" $(($(date +%s) - 600 - 3600 - 60))
kept 'what was judged longer ago is judged again' 'refs/heads/main: ' update refs/heads/main "$six"
hk_received "$awaited" $(($(date +%s) - 600 - 3300))
printf '[limits]\n\ttime = 60\n' >>../policy
kept 'how long one push may be judged counts' 'refs/heads/main: ' update refs/heads/main "$six"
sed -i '$d' ../policy && sed -i '$d' ../policy
git -C "$server" config hsm.clockReset "$awaited"
kept 'and what a wrong clock said does not' 'refs/heads/main: ' update refs/heads/main "$six"
git -C "$server" config --unset hsm.clockReset
mv ../policy ../policy.bad
kept 'without a policy nothing lands' 'update refused: .*policy' update refs/heads/main "$six"
mv ../policy.bad ../policy
ok 'the one that was judged may still land, when its push was not seen' update refs/heads/main "$six"
mv ../policy.good ../policy
is 'and has' "$(hk_at refs/heads/main)" "$six"

# --- the policy's serial ---------------------------------------------------------------------------
sed -i 's/version = 1/&\n\tserial = 7/' ../policy
hk_commit 'seventh serial'
accepted 'a policy with a serial' origin HEAD:main
serial=$(git rev-parse HEAD)
ok 'is in force for other changes too' update refs/heads/free "$serial"
sed -i 's/serial = 7/serial = 6/' ../policy
kept 'an older policy is not' 'serial 7 was +in +force' update refs/heads/free "$three"
kept 'not even where its rules say nothing' 'serial 7 was +in +force' \
	update refs/notes/y "$three"
sed -i 's/serial = 6/serial = 7/' ../policy
ok 'the newer one is' update refs/heads/free "$three"

# --- while somebody judges for long -----------------------------------------------------------------
exec 9<"$server/gitsign-hsm/record"
flock -x 9
ok 'the lock on the record keeps nothing from landing' update refs/heads/free "$six"
flock -u 9
exec 9<&-
cp "$server/gitsign-hsm/record" ../record
printf 'v1 99 p 1' >>"$server/gitsign-hsm/record"
ok 'a line that is being written is not there yet' update refs/heads/free "$three"
is 'and is left alone' "$(tail -c 9 "$server/gitsign-hsm/record")" 'v1 99 p 1'
cp ../record "$server/gitsign-hsm/record"
sed -i 1s/main/maim/ "$server/gitsign-hsm/record"
kept 'a damaged record refuses' 'damaged' update refs/heads/free "$six"
cp ../record "$server/gitsign-hsm/record"
git -C "$server" config hsm.record off
ok 'without a record what is good goes in' update refs/heads/free "$six"
kept 'and nothing else' 'not signed' update refs/heads/main "$bad"
hk_commit 'seven'
accepted 'by a push as well' origin HEAD:main
git -C "$server" config hsm.record on

# --- how it is run -----------------------------------------------------------------------------------
cd "$server" || bail 'cd server'
for state in preparing committed aborted; do
	exits 0 "nothing is asked when $state" hooks/reference-transaction "$state" </dev/null
done
exits 2 'another state is refused' hooks/reference-transaction started </dev/null
exits 0 'nothing changed is nothing to judge' hooks/reference-transaction prepared </dev/null
exits 8 'lines that are none are refused' sh -c \
	'echo "$1" | hooks/reference-transaction prepared' sh 'refs/heads/main'
exits 1 'a symbolic ref where a rule governs' sh -c \
	'echo "$1" | hooks/reference-transaction prepared' sh \
	"ref:refs/heads/x ref:refs/heads/y refs/heads/main"
like 'by that name' "$(tr '\n' ' ' <"$GH_ERR")" 'would be a symbolic ref'
exits 0 'HEAD may be one' sh -c 'echo "$1" | hooks/reference-transaction prepared' sh \
	"ref:refs/heads/x ref:refs/heads/y HEAD"

# --- installing -----------------------------------------------------------------------------------
cd ../work || bail 'cd work'
gh_bare fresh
chmod -R go-w ../fresh
rm -f ../fresh/hooks/*
ok 'hook install --reference-transaction' "$hsm" hook install --policy ../policy \
	--reference-transaction ../fresh
ok 'puts the hook there' test -x ../fresh/hooks/reference-transaction
git remote add fresh "$GH_WORLD/fresh"
gh_setup git checkout -q --orphan fresh
hk_commit 'fresh'
accepted 'a push goes in' fresh HEAD:main
ok 'hook status' "$hsm" hook status ../fresh
like 'shows it' "$(cat "$GH_OUT")" '^hook .*/reference-transaction -> '
ok 'hook remove' "$hsm" hook remove ../fresh
is 'removes it' "$(ls ../fresh/hooks)" ''

done_testing
