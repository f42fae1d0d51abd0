#!/bin/sh
# Killed in the middle: the hook, receive-pack, or both, at some point of a push. The
# branch stands as it was or as it was to be; nothing unsigned lands; the record is never
# wrong. GH_SOAK: 200 times instead of 24.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

times=24
[ -z "${GH_SOAK-}" ] || times=200

hk_world
[ ! -e "$GH_HOOKS/post-receive" ] || ln -s "$GH_HOOKS/post-receive" "$GH_WORLD/server/hooks/post-receive"
hk_commit 'first'
accepted 'the first push' origin main
main() { git -C "$GH_WORLD/server" rev-parse refs/heads/main; }
# What a killed receive-pack leaves behind, an administrator has to clear away.
unlock() {
	find "$GH_WORLD/server" -name '*.lock' -delete
}

i=0
between=0
unsigned=0
wrong=0
killed=
before=$(main)
while [ "$i" -lt "$times" ]; do
	i=$((i + 1))
	case $((i % 3)) in
	0) what=hook ;;
	1) what=server ;;
	2) what=all ;;
	esac
	base=$(git rev-parse HEAD)
	if [ $((i % 4)) = 3 ]; then
		hk_unsigned "unsigned $i"
	else
		hk_commit "signed $i"
	fi
	tip=$(git rev-parse HEAD)
	us=$(perl -e 'print int rand 60000')
	k=$(perl "$GH_SRC/system/kill-at.pl" "$us" "$what" git push -q origin main)
	killed="$killed $k"
	unlock
	at=$(main)
	[ "$at" = "$before" ] || [ "$at" = "$tip" ] || between=$((between + 1))
	if [ $((i % 4)) = 3 ]; then
		[ "$at" != "$tip" ] || unsigned=$((unsigned + 1))
		git reset -q --hard "$base"
	fi
	perl "$GH_SRC/system/record-check.pl" "$GH_WORLD/server" >>"$GH_WORLD/wrong" || wrong=$((wrong + 1))
	before=$at
done
is 'the branch stood as it was, or as it was to be' "$between" 0
is 'nothing unsigned landed' "$unsigned" 0
is 'the record told it all each time' "$wrong" 0
[ "$wrong" = 0 ] || diag "$(cat "$GH_WORLD/wrong")"
isnt 'hooks were hit' "$(echo "$killed" | grep -c hook)" 0
isnt 'so was receive-pack' "$(echo "$killed" | grep -c server)" 0

# Between the judgement and the change of the ref for certain: git runs `update` there. What
# is confirmed before it has landed would be found out here.
printf '#!/bin/sh\nkill -9 $PPID\n' >../server/hooks/update
chmod 755 ../server/hooks/update
before=$(main)
hk_commit 'killed at update'
not_ok 'a push whose receive-pack is killed behind the judgement' git push -q origin main
unlock
is 'the branch stands as it was' "$(main)" "$before"
rm ../server/hooks/update
ok 'the record knows that it has not landed' perl "$GH_SRC/system/record-check.pl" "$GH_WORLD/server"
hk_commit 'after all that'
gh_run git push -q origin main
is 'the next push goes in' "$(main)" "$(git rev-parse HEAD)"
hk_unsigned 'last'
refused 'and the hook still refuses' 'not signed' origin main
ok 'the record is whole' perl "$GH_SRC/system/record-check.pl" "$GH_WORLD/server"
is 'every commit on the branch is signed' "$(git -C ../server rev-list main | wc -l)" \
	"$(git -C ../server rev-list main | git -C ../server cat-file --batch | grep -ac '^gpgsig ')"
done_testing
