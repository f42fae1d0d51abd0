#!/bin/sh
# A push of very many bad commits: what is listed is kept, all is counted, and the memory of the
# hook is that of as many good ones.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
zero=0000000000000000000000000000000000000000
many=40000
# policy THREADS [MODE]
policy() {
	{
		hk_head
		cat <<-EOF2
			[limits]
				threads = $1
			[rule "main"]
				ref = refs/heads/main
				signer = role:maintainers
			[rule "watch"]
				ref = refs/heads/any
				signer = role:maintainers
				mode = report
			[rule "work"]
				ref = refs/heads/**
				commits = any
				signer = anyone
				keylessUpdate = allow
		EOF2
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}
# chain BRANCH N KINDS: N unsigned commits on a branch of their own, of so many kinds: an
# encoding that is not known is a kind by itself.
chain() {
	perl -e '($branch, $n, $kinds) = @ARGV;
		for $i (1 .. $n) {
			printf "commit refs/heads/%s\ncommitter a <a\@example.com> %d +0000\n%s", $branch,
				1700000000 + $i, $kinds > 1 ? "encoding x" . $i % $kinds . "\n" : "";
			printf "data 12\nnumber%06d\n", $i;
		}' "$@" | gh_setup git fast-import --quiet
}
# hook REF ID...: the hook over what stands in the server's objects, and no record.
hook() {
	rm -rf ../server/gitsign-hsm ../peak
	(
		cd ../server || exit 99
		GH_PEAK=$GH_WORLD/peak
		export GIT_DIR=. GH_PEAK
		while [ "$#" -gt 0 ]; do
			echo "$zero $2 $1"
			shift 2
		done | LD_PRELOAD=$GH_TOOLS/peak.so ASAN_OPTIONS=verify_asan_link_order=0:quarantine_size_mb=1 \
			hooks/pre-receive
	)
}
# What was said, without progress; and its last sentence in one line.
words() { tr '\r' '\n' <"$GH_ERR" | grep -v '^Verifying signatures: ' | grep .; }
sums() { words | tr -s '\n ' '  '; }
peak() { cat ../peak; }

chain plain "$many" 1
chain kinds 3000 3000
chain two 100 2
gh_setup git -C ../server fetch -q ../work plain:refs/import/plain kinds:refs/import/kinds \
	two:refs/import/two
plain=$(git rev-parse plain)
kinds=$(git rev-parse kinds)
two=$(git rev-parse two)
gh_setup git -C ../server update-ref -d refs/import/plain

# --- memory -------------------------------------------------------------------------------
policy 1
exits 0 'very many commits where any are taken' hook refs/heads/work "$plain"
good=$(peak)
exits 1 'and where they have to be signed' hook refs/heads/main "$plain"
bad=$(peak)
like 'each is counted' "$(sums)" "refused: $many of $many commits, rule \"main\""
like 'in its group, too' "$(words)" "\.\.\. and $((many - 12)) more$"
is 'of which twenty are listed' "$(words | grep -c ' number0')" 20
diag "good: $good kB, bad: $bad kB"
ok 'memory is what it is for good ones' test "$((bad - good))" -lt "$((many / 16))"
exits 0 'where a report rule watches' hook refs/heads/any "$plain"
like 'each is counted there' "$(sums)" "would refuse: $many of $many commits, rule \"watch\""
ok 'no more than twice that: they are walked twice' test "$(peak)" -lt "$((2 * good))"

# --- kinds ----------------------------------------------------------------------------------
exits 1 'of each kind all are counted' hook refs/heads/main "$two"
is 'half of them in each' "$(words | grep -c '\.\.\. and 46 more$')" 2
is 'and behind what is listed' "$(words | grep -c '\.\.\. and 30 more$')" 2
for n in 1 2 8; do
	policy "$n"
	exits 1 "more kinds than are listed, with $n threads" hook refs/heads/main "$kinds" \
		refs/heads/any "$kinds"
	if [ "$n" = 1 ]; then
		words >../said
		like 'what is not listed is counted' "$(cat ../said)" 'and 2800 more findings of other kinds'
		like 'with what a second rule finds' "$(cat ../said)" 'and 5800 more findings of other kinds'
		like 'and all of it' "$(sums)" 'refused: 6000 of 6000 commits, 2 rules'
	else
		is "the same words with $n" "$(words)" "$(cat ../said)"
	fi
done
exits 1 'a ref whose findings come when enough is kept' hook refs/heads/main "$kinds" \
	refs/heads/other "$two"
like 'is refused all the same' "$(sums)" 'refused: 3100 of 3100 commits, 2 rules'

# --- who asks for all of it ------------------------------------------------------------------
verify() { "$GH_BIN/gitsign-hsm" verify --policy "$GH_WORLD/policy" --as-push main "$@"; }
exits 1 'as JSON' verify --json "$kinds"
is 'each finding is there' "$(grep -o '"seen"' "$GH_OUT" | wc -l)" 3000
exits 1 'for people' verify "$two"
is 'as the hook has it' "$(grep -c '\.\.\. and 30 more$' "$GH_OUT")" 2
exits 1 'replayed' "$GH_BIN/gitsign-hsm" policy replay --ref refs/heads/main \
	--range "$kinds~2999..$kinds" "$GH_WORLD/policy"
like 'each is counted' "$(cat "$GH_OUT")" '^main +1 +0 +1 +2999 +enforce$'
done_testing
