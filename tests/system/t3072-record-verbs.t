#!/bin/sh
# record list, check, export, import, rebuild.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
server=$GH_WORLD/server
state=$server/gitsign-hsm
rec() { (cd "$server" && "$GH_BIN/gitsign-hsm" record "$@"); }
field() {
	FIELD=$1 perl -MJSON::PP -0ne 'my $v = decode_json($_); $v = ref $v eq "ARRAY" ? $v->[$_] :
		$v->{$_} for split /\./, $ENV{FIELD}; print JSON::PP->new->allow_nonref->encode($v)' \
		"$GH_OUT"
}
kept() { find "$state" -name 'record.*' | wc -l | tr -d ' '; }
# sums FILE SED: the file changed by sed, all sums right.
sums() {
	perl -MDigest::SHA=sha256_hex -e '
		my ($file, $from, $to) = @ARGV;
		my ($out, $sum) = ("", "0" x 32);
		open my $in, "<", $file or die $!;
		while (<$in>) {
			chomp;
			s/ [0-9a-f]{32}$//;
			s/$from/$to/;
			$sum = substr sha256_hex($sum . $_), 0, 32;
			$out .= "$_ $sum\n";
		}
		open my $o, ">", $file or die $!;
		print $o $out;
	' "$1" "$2" "$3"
}

# --- list and check ---------------------------------------------------------------------
exits 0 'nothing to list yet' rec list
exits 3 'nothing to check' rec check
exits 3 'nothing to export' rec export
not_ok 'and none is made' test -e "$state"
hk_commit 'one'
gh_setup git push -q origin main
hk_commit 'two'
gh_setup git push -q origin main HEAD:refs/heads/topic
gh_setup git tag -s -m v1 v1
gh_setup git push -q origin v1
gh_setup git push -q origin -d topic
exits 0 'list' rec list
like 'an update' "$(cat "$GH_OUT")" \
	"^ +1  [-0-9TZ:]+  landed   -  +$(git rev-parse HEAD~1 | cut -c1-12)  refs/heads/main +main +alice\$"
is 'all of them' "$(wc -l <"$GH_OUT" | tr -d ' ')" 6
exits 0 'those of a ref, as JSON' rec list --json --ref refs/heads/topic
is 'created' "$(field 0.old)" null
is 'deleted' "$(field 1.new)" null
is 'by which policy' "\"sha256:$(field 1.policy | tr -d '"' | sed 's/^sha256://')\"" \
	"$("$GH_BIN/gitsign-hsm" policy check --json ../policy | grep -o '"sha256:[0-9a-f]*"' | head -n 1)"
is 'who' "$(field 0.who.0)" '"alice"'
exits 0 'another ref has none' rec list --json --ref refs/heads/none
is 'none' "$(cat "$GH_OUT")" '[]'
exits 0 'check: all agrees' rec check
exits 0 'as JSON' rec check --json
is 'no problems' "$(field problems)" '[]'
is 'entries' "$(field entries)" 5
exits 0 'from elsewhere' "$GH_BIN/gitsign-hsm" record check "$server"

main=$(git rev-parse HEAD)
git -C "$server" update-ref refs/heads/main "$main~1"
exits 1 'a ref that was moved otherwise' rec check
like 'is named' "$(cat "$GH_OUT")" \
	"^PROBLEM  refs/heads/main stands at $(git rev-parse HEAD~1 | cut -c1-12), the record has"
git -C "$server" update-ref -d refs/heads/main
exits 1 'one that was deleted' rec check --json
like 'too' "$(field problems.0)" 'refs/heads/main does not exist, the record has'
git -C "$server" update-ref refs/heads/main "$main"
git -C "$server" update-ref refs/heads/new "$main"
exits 1 'one that is unknown' rec check
like 'too' "$(cat "$GH_OUT")" 'refs/heads/new is unknown to the record'
git -C "$server" update-ref -d refs/heads/new
exits 0 'and all agrees again' rec check

# --- export and import -----------------------------------------------------------------------
exits 0 'export' rec export -o "$GH_WORLD/copy"
is 'for nobody else to read' "$(stat -c %a "$GH_WORLD/copy")" 600
rec export >"$GH_WORLD/copy2"
ok 'to standard output the same' cmp "$GH_WORLD/copy" "$GH_WORLD/copy2"
exits 3 'a record that is there is not overwritten' rec import "$GH_WORLD/copy"
like 'without a word' "$(cat "$GH_ERR")" '\-\-replace'
mv "$state" "$state.away"
exits 0 'where there is none it is taken' rec import "$GH_WORLD/copy"
rec export >"$GH_WORLD/copy2"
ok 'and is the same' cmp "$GH_WORLD/copy" "$GH_WORLD/copy2"
hk_commit 'three'
accepted 'pushes go on from there' origin main
exits 0 'with --replace it is' rec import --replace "$GH_WORLD/copy"
is 'the old one is kept' "$(kept)" 1
like 'and named' "$(cat "$GH_OUT")" "^the old record is $state/record\.[0-9]+T"
exits 1 'now the record is older than the refs' rec check
exits 0 'the kept one is one to import' rec import --replace "$(find "$state" -name 'record.*')"
exits 0 'and agrees' rec check
is 'again the old one is kept' "$(kept)" 2
gh_run rec import --replace - <"$GH_WORLD/copy"
is 'standard input' "$GH_STATUS" 0
exits 0 'the kept one again' rec import --replace "$(find "$state" -name 'record.*' | sort | head -n 1)"

git -C "$server" config hsm.repository team/project
rec export >"$GH_WORLD/named"
is 'the repository has a name' "$(head -n 1 "$GH_WORLD/named")" 'repository team/project'
exits 0 'its own record is taken' rec import --replace "$GH_WORLD/named"
exits 0 'or one without a name' rec import --replace "$GH_WORLD/copy"
like 'status shows it' "$("$GH_BIN/gitsign-hsm" hook status "$server")" 'name +team/project'
git -C "$server" config hsm.repository team/other
exits 8 "another one's is not" rec import --replace "$GH_WORLD/named"
like 'and why' "$(cat "$GH_ERR")" 'the record of team/project, and this is team/other'
for name in 'a b' '' "$(printf 'a\033b')" "$(printf '%0201d' 1)"; do
	git -C "$server" config hsm.repository "$name"
	exits 3 'no name' rec export
done
git -C "$server" config --unset hsm.repository
exits 0 'where there is no name each is taken' rec import --replace "$GH_WORLD/named"

# bad DESC STATUS PATTERN SED-FROM TO: the copy with that change is refused, and nothing is touched.
bad() {
	cp "$GH_WORLD/copy" "$GH_WORLD/bad"
	sums "$GH_WORLD/bad" "$4" "$5"
	cp "$state/record" "$GH_WORLD/before"
	exits "$2" "$1 is refused" rec import --replace "$GH_WORLD/bad"
	like 'with a reason' "$(cat "$GH_ERR")" "$3"
	ok 'and nothing was touched' cmp "$state/record" "$GH_WORLD/before"
}
bad 'a changed line with a right sum, a number left out' 3 'contradicts' '^v1 2 ' 'v1 3 '
bad 'an entry with the number of another' 3 'contradicts' '^v1 2 p' 'v1 1 p'
bad 'a name that is none' 8 'entry 3: not the name of a ref' 'refs/heads/topic' 'refs/heads/to..pic'
other=$(git -C "$server" commit-tree "$main^{tree}" -m other)
bad 'another descent' 8 'entry 2: .*does not descend' "$main" "$other"
bad 'ids of another kind' 8 'another kind' "$(git rev-parse v1)" "$(printf '%064d' 7)"
bad 'a newer format' 3 'newer' '^v1 1 p' 'v3 1 p'
bad 'a state twice' 3 'contradicts' '^v1 2 l' 'v1 1 l'
sed 's/topic/topid/' "$GH_WORLD/copy" >"$GH_WORLD/bad"
exits 3 'a wrong sum is refused' rec import --replace "$GH_WORLD/bad"
printf 'v1 9' | cat "$GH_WORLD/copy" - >"$GH_WORLD/bad"
exits 3 'a torn line is refused' rec import --replace "$GH_WORLD/bad"
: >"$GH_WORLD/bad"
exits 8 'nothing is refused' rec import --replace "$GH_WORLD/bad"
exits 0 'the record is as it was' rec check

# --- the clock -----------------------------------------------------------------------------------
cp "$state/record" "$GH_WORLD/before"
sums "$state/record" '^v1 5 p \d+' 'v1 5 p 4102444800'
exits 1 'a time that has not come' rec check
like 'and the way out' "$(cat "$GH_OUT")" 'entry 5 .*2100-01-01.*git config hsm.clockReset 5$'
git -C "$server" config hsm.clockReset 5
exits 0 'is no problem any more' rec check
exits 0 'another record comes' rec import --replace "$GH_WORLD/before"
like 'that number may not be one of it' "$(cat "$GH_OUT")" \
	'^hsm.clockReset = 5 leaves out .* git config --unset hsm.clockReset'
sums "$state/record" '^v1 5 p \d+' 'v1 5 p 4102444800'

# --- rebuild ----------------------------------------------------------------------------------------
cp "$state/record" "$GH_WORLD/before"
exits 0 'a dry run' rec rebuild --dry-run
ok 'writes nothing' cmp "$state/record" "$GH_WORLD/before"
n=$(kept)
exits 0 'rebuild' rec rebuild
like 'refs and deleted names' "$(cat "$GH_OUT")" '^recorded: 2 refs, 1 names of refs that are not there'
like 'the clock begins anew' "$(cat "$GH_OUT")" '^hsm.clockReset unset'
is 'the old record is kept' "$(kept)" $((n + 1))
exits 0 'all agrees' rec check
exits 0 'no time is in the future' rec list
unlike 'none' "$(cat "$GH_OUT")" '2100-'
hk_commit 'four'
accepted 'pushes go on from there' origin main
gh_setup git checkout -q -b old HEAD~2
hk_commit 'other'
exits 0 'the deleted branch is on record' rec list --ref refs/heads/topic
is 'deleted' "$(grep -c 'refs/heads/topic' "$GH_OUT")" 1
gh_setup git checkout -q main
git -C "$server" update-ref -d refs/tags/v1
git push -q origin main~1:refs/heads/settle
exits 1 'a tag that vanished' rec check
gh_setup git tag -s -f -m again v1
refused 'its name stays used' 'stays that' origin v1
rec rebuild >/dev/null
refused 'also when the record was made anew' 'stays that' origin v1
rm -r "$state"
accepted 'it is free when all is forgotten' origin v1

# A damaged record, and refs that are not good.
hk_unsigned 'bad'
gh_setup git -C "$server" fetch -q --no-tags "$GH_WORLD/work" +HEAD:refs/heads/main
echo junk >>"$state/record"
hk_commit 'on top'
refused 'a damaged record refuses' 'record rebuild' origin main
exits 1 'rebuild tells what is not good' rec rebuild
like 'by name' "$(cat "$GH_OUT")" "^  $(git rev-parse HEAD~1) bad"
like 'and about the damage' "$(cat "$GH_ERR")" 'damaged'
refused 'and does not record it' 'not signed' origin main
exits 0 'the others are recorded' rec list
like 'one' "$(cat "$GH_OUT")" 'refs/heads/settle'
unlike 'but not this' "$(cat "$GH_OUT")" 'refs/heads/main'

# --- where none is kept --------------------------------------------------------------------------------
sed -i 's/^version = 1/&\nmode = report/' "$GH_WORLD/policy"
exits 3 'report mode records nothing' rec rebuild
git -C "$server" config hsm.record off
for v in list check export rebuild 'import x'; do
	# shellcheck disable=SC2086 # words
	exits 3 "record $v without a record" rec $v
done
done_testing
