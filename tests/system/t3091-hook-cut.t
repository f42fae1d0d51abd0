#!/bin/sh
# A pack that becomes shorter while the hook or a verb reads it: a disk that fails, a hand that errs.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
zero=0000000000000000000000000000000000000000
# threads N: the policy, with so many threads.
threads() {
	{
		hk_head
		printf '%s\n' '[limits]' "threads = $1" '[rule "main"]' 'ref = refs/heads/**' \
			'commits = any' 'signer = role:maintainers'
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}
hk_commit 'first'
i=0
while [ "$i" -lt 600 ]; do
	i=$((i + 1))
	printf 'commit refs/heads/main\ncommitter a <a@example.com> %d +0000\ndata 9\n' "17000$((10000 + i))"
	printf 'number%03d\n' "$i"
	[ "$i" -gt 1 ] || printf 'from refs/heads/main^0\n'
	echo
done | gh_setup git fast-import --quiet
gh_setup git reset -q --hard main
hk_commit 'last'
tip=$(git rev-parse HEAD)
gh_setup git -C ../server fetch -q ../work main:refs/heads/main
gh_setup git -C ../server -c pack.window=0 repack -q -a -d --no-write-bitmap-index
git -C ../server update-ref -d refs/heads/main
pack=$(ls "$GH_WORLD"/server/objects/pack/*.pack)
ok 'a pack of some pages' test "$(stat -c %s "$pack")" -gt 20000
cp "$pack" ../whole
chmod 644 "$pack"
# hook [NAME=VALUE...]: the hook over what stands in the server's objects, and no record.
hook() {
	rm -rf ../server/gitsign-hsm
	cp ../whole "$pack"
	(
		cd ../server || exit 99
		echo "$zero $tip refs/heads/main" | env GIT_DIR=. "$@" hooks/pre-receive
	)
}
cuts() {
	LD_PRELOAD="$GH_TOOLS/cut.so" ASAN_OPTIONS=verify_asan_link_order=0 "$@"
}
for n in 1 2 8; do
	threads "$n"
	exits 0 "whole, with $n threads" hook
	exits 7 "cut while it is mapped, with $n threads" cuts hook
	like 'is said, with what to do' "$(tr -s '\n ' '  ' <"$GH_ERR")" \
		'gitsign-hsm: refused: .*became shorter while it was read.* git fsck'
	ok 'and has happened' test "$(stat -c %s "$pack")" = 4096
done
exits 7 'for a page of GitLab' cuts hook GL_PROTOCOL=web
is 'each line is marked' "$(grep -vc '^GL-HOOK-ERR: ' "$GH_ERR")" 1 # the one that ends progress
like 'and says it' "$(cat "$GH_ERR")" '^GL-HOOK-ERR: gitsign-hsm: refused: a file of the repository'

# The verbs: the same word, the same status.
threads 1
cp ../whole "$pack"
gh_setup git -C ../server update-ref refs/heads/main "$tip"
on_server() { # [cuts] VERB...
	local with
	with=
	if [ "$1" = cuts ]; then
		with=$1
		shift
	fi
	cp ../whole "$pack"
	(cd ../server && $with "$GH_BIN/gitsign-hsm" "$@")
}
git -C ../server tag oldest "$tip~601"
for verb in 'verify oldest' 'verify --all' 'record rebuild --dry-run' \
	"policy replay --ref refs/heads/main --range $tip~300..$tip $GH_WORLD/policy"; do
	# shellcheck disable=SC2086 # words
	exits 0 "$verb, whole" on_server $verb
	# shellcheck disable=SC2086
	exits 7 "$verb, cut while it is mapped" on_server cuts $verb
	is 'is said, with what to do' "$(cat "$GH_ERR")" \
		"gitsign-hsm: a file of the repository became shorter while it was read, or its disk has failed. See with: git fsck"
done
done_testing
