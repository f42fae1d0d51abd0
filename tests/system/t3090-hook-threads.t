#!/bin/sh
# However many threads judge a push, they say the same.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
zero=0000000000000000000000000000000000000000
# threads N COMMITS: the policy, with so many threads and this kind of rule.
threads() {
	{
		hk_head
		printf '%s\n' '[limits]' "threads = $1" '[rule "main"]' 'ref = refs/heads/**' \
			"commits = $2" 'signer = role:maintainers'
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}
# many N: N unsigned commits on top of the branch.
many() {
	i=0
	while [ "$i" -lt "$1" ]; do
		i=$((i + 1))
		printf 'commit refs/heads/main\ncommitter a <a@example.com> %d +0000\ndata 9\n' \
			$((1700000000 + i % 7))
		printf 'number%03d\n' "$i"
		[ "$i" -gt 1 ] || printf 'from refs/heads/main^0\n'
		echo
	done | gh_setup git fast-import --quiet
	gh_setup git reset -q --hard main
}
# What was said, without progress, which a slow machine shows.
words() { tr '\r' '\n' <"$GH_ERR" | grep -v '^Verifying signatures: ' | grep .; }
# hook LINE...: the hook over what stands in the server's objects, and no record.
hook() {
	rm -rf ../server/gitsign-hsm
	(
		cd ../server || exit 99
		export GIT_DIR=.
		printf '%s\n' "$@" | hooks/pre-receive
	)
}

for who in alice bob alice mallory; do
	hk_as "$who"
	hk_commit "by $who"
done
many 350
git branch middle
for who in bob mallory alice; do
	hk_as "$who"
	hk_commit "then by $who"
	hk_unsigned "and nobody after $who"
done
gh_setup git checkout -q -b side HEAD~3
hk_commit 'on the side'
gh_setup git checkout -q main
gh_setup git merge -q -S --no-ff -m 'merged' side
hk_unsigned 'the bad tip'
tip=$(git rev-parse main)
hk_as alice
hk_commit 'the good tip'
good=$(git rev-parse main)
gh_setup git -C ../server -c fetch.unpackLimit=100000 fetch -q ../work main

# --- all that is wrong -----------------------------------------------------------------
lines="$zero $tip refs/heads/main
$zero $(git rev-parse middle) refs/heads/middle
$zero $(git rev-parse middle~200) refs/heads/old"
for n in 1 2 3 8 64; do
	threads "$n" signed
	exits 1 "refused with $n threads" hook "$lines"
	if [ "$n" = 1 ]; then
		words >../said
		like 'of many unsigned ones twenty are shown' "$(cat ../said)" 'and [0-9]+ more'
		like 'and how many there are' "$(tail -n 1 ../said)" 'of 36[0-9] commits'
	else
		is "the same words with $n" "$(words)" "$(cat ../said)"
	fi
done

# --- all that is right -----------------------------------------------------------------
for n in 1 2 8; do
	threads "$n" any
	exits 0 "accepted with $n threads" hook "$zero $good refs/heads/main"
	[ "$n" != 1 ] || words >../said
	is "the same words with $n" "$(words)" "$(cat ../said)"
done

# --- an object that is missing ------------------------------------------------------------
gone=$(git rev-parse middle~340)
rm -f "../server/objects/$(echo "$gone" | sed 's,..,&/,')"
for n in 1 8; do
	threads "$n" signed
	exits 7 "not judged with $n threads" hook "$zero $good refs/heads/main"
	like 'the object is named' "$(tr '\n' ' ' <"$GH_ERR")" "object +$gone is not in the repository"
done

# --- the policy ------------------------------------------------------------------------------
for n in 0 65 -1 x; do
	threads "$n" signed
	exits 3 "threads = $n is refused" hook "$zero $good refs/heads/main"
	like 'with its bounds' "$(cat "$GH_ERR")" 'threads'
done
done_testing
