#!/bin/sh
# Eight pushers at once. Whatever the order: what is refused does not land, what lands is
# on record, and the record tells how every ref came to its value. GH_SOAK: 100 pushes
# each instead of 4.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

pushers='1 2 3 4 5 6 7 8'
each=4
[ -z "${GH_SOAK-}" ] || each=100

hk_rules() {
	cat <<-EOF2
		[rule "heads"]
			ref = refs/heads/**
			signer = alice
	EOF2
}
hk_world
hk_commit 'first'
accepted 'the first push' origin main
cd "$GH_WORLD" || bail cd

# pusher N: signed commits to a branch of its own and, when nobody was faster, to main;
# an unsigned one to main now and then. A line for each push: what, status.
pusher() {
	cd "$GH_WORLD/p$1" || exit 1
	i=0
	while [ "$i" -lt "$each" ]; do
		i=$((i + 1))
		git commit -q -S --allow-empty -m "pusher $1, $i" || exit 1
		push own "HEAD:refs/heads/own/$1"
		case $((i % 4)) in
		0)
			git commit -q --no-gpg-sign --allow-empty -m "unsigned $1, $i"
			push unsigned "+HEAD:refs/heads/main"
			push unsigned "HEAD:refs/heads/own/$1"
			git reset -q --hard HEAD~1
			;;
		2)
			git fetch -q origin
			git checkout -q -B try origin/main
			git commit -q -S --allow-empty -m "main by $1, $i"
			push main HEAD:refs/heads/main
			git checkout -q main
			;;
		esac
	done
}
push() { # WHAT REFSPEC
	local rc
	rc=0
	git push -q origin "$2" >>"$GH_WORLD/log.$n" 2>&1 || rc=$?
	echo "$1 $rc" >>"$GH_WORLD/pushes.$n"
}
for n in $pushers; do
	gh_setup git clone -q server "p$n"
done
pids=
for n in $pushers; do
	(pusher "$n") 8>&- &
	pids="$pids $!"
done
for p in $pids; do
	wait "$p" || fail "a pusher ends with $?"
done

count() { cat "$GH_WORLD"/pushes.* | grep -c -e "$1"; }
is 'all pushes to own branches went in' "$(count '^own 0$')" $((8 * each))
is 'no other did of these' "$(count '^own [^0]')" 0
is 'no unsigned one did' "$(count '^unsigned 0$')" 0
isnt 'some to the branch of all did' "$(count '^main 0$')" 0
is 'nothing crashed' "$(cat "$GH_WORLD"/log.* | grep -ci 'signal\|fault of the program\|damaged\|core')" 0
is 'every commit is signed' "$(git -C server rev-list --all | wc -l)" \
	"$(git -C server rev-list --all | git -C server cat-file --batch | grep -ac '^gpgsig ')"
ok 'the record tells it all' perl "$GH_SRC/system/record-check.pl" "$GH_WORLD/server"
cd work || bail cd
gh_setup git pull -q origin main
hk_commit 'last'
accepted 'and the next push goes in' origin main
ok 'the record still does' perl "$GH_SRC/system/record-check.pl" "$GH_WORLD/server"
done_testing
