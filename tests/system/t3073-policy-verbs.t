#!/bin/sh
# policy explain, check --against and --for, replay, init --for.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
hsm="$GH_BIN/gitsign-hsm"
pol() { "$hsm" policy "$@"; }
field() {
	FIELD=$1 perl -MJSON::PP -0ne 'my $v = decode_json($_); $v = ref $v eq "ARRAY" ? $v->[$_] :
		$v->{$_} for split /\./, $ENV{FIELD}; print JSON::PP->new->allow_nonref->encode($v)' \
		"$GH_OUT"
}
out() { cat "$GH_OUT"; }
{
	hk_head
	cat <<-EOF
		[signer "carol"]
			email = carol@example.com
			trust = corp
			validUntil = 2030-01-01
		[rule "main"]
			ref = refs/heads/main
			ref = refs/heads/rel*
			signer = alice
			signer = bob
		[rule "releases"]
			ref = refs/tags/**
			tag = signed
			signer = alice
			accepts = main
		[rule "work"]
			ref = refs/heads/**
			commits = tip
			signer = anyone
			rewind = allow
			delete = allow
			keylessUpdate = allow
			committer = any
		[rule "strict"]
			ref = refs/heads/*
			signer = carol
			author = match
			mode = report
	EOF
} >"$GH_WORLD/new"
chmod 644 "$GH_WORLD/new"

# --- explain ----------------------------------------------------------------------------
exits 3 'explain needs a policy' pol explain main
exits 0 'explain' pol explain --policy ../new main
line=$(grep -n 'rule "main"' ../new | cut -d: -f1)
like 'the rule, its line, and why' "$(out)" \
	"^rule +\"main\" \(../new:$line\): refs/heads/main has no wildcard"
like 'what yields to it' "$(out)" '^yields +rule "work" .*refs/heads/\*\* has 11 bytes before'
like 'what watches it' "$(out)" '^watched by +rule "strict" '
like 'who may sign' "$(out)" '^may sign +bob  email bob@example.com  keys trust:corp'
unlike 'and who may not' "$(out)" '^may sign +carol'
like 'what is asked' "$(out)" '^Each new commit is signed'
like 'direction' "$(out)" '^It goes forward only'
like 'deletion' "$(out)" '^It is not deleted'
sed 's/^\[signer "bob"\]/&\n\tvalidUntil = 2020-01-01/; s/^\[signer "alice"\]/&\n\tvalidFrom = 2120-01-01/' \
	../new >../windows
exits 0 'windows' pol explain --policy ../windows topic
like 'who may sign no more' "$(out)" '^not any more +bob .*validUntil 2020'
like 'who may not yet' "$(out)" '^not yet +alice .*validFrom 2120'
like 'who may' "$(out)" '^may sign +carol'
# keyed FROM UNTIL: bob has nothing but a key with a window.
keyed() {
	sed '/^\[signer "bob"\]/,/trust/s/^.*trust = corp//' ../new >../keyed
	printf '[key "b"]\nsigner = bob\ntrust = corp\nvalidFrom = %s\nvalidUntil = %s\n' "$1" "$2" >>../keyed
}
keyed 2020-01-01 2021-01-01
exits 0 'whose only key is over' pol explain --policy ../keyed main
like 'signs no more' "$(out)" '^not any more +bob '
keyed 2120-01-01 2121-01-01
exits 0 'whose only key is to come' pol explain --policy ../keyed main
like 'signs not yet' "$(out)" '^not yet +bob '
keyed 2020-01-01 2121-01-01
exits 0 'whose key is good' pol explain --policy ../keyed main
like 'signs' "$(out)" '^may sign +bob '
exits 0 'as JSON' pol explain --json --policy ../windows topic
is 'bob may not' "$(field maySign.1.now)" false
is 'carol may' "$(field maySign.2.now)" true
sed '/^tag = signed/s/signed/any/; s/^\t*commits = tip/\tcommits = any/; s/committer = any/expiryGrace = 90m/' ../new >../asks
exits 0 'without signatures' pol explain --policy ../asks topic
unlike 'no committer is asked for' "$(out)" 'committer'
like 'the grace is said' "$(out)" 'at most 2 h before the push'
exits 0 'another ref' pol explain --policy ../new refs/heads/topic/x
like 'has another rule' "$(out)" '^rule +"work" '
like 'everybody signs' "$(out)" '^may sign +carol .*validUntil 2030-01-01T00:00:00Z'
like 'which asks less' "$(out)" '^The new tip is signed'
like 'and allows more' "$(out)" '^It may be rewound'
exits 0 'the longer prefix wins' pol explain --policy ../new release/1
exits 0 'a tag' pol explain --policy ../new refs/tags/v1
like 'is used once' "$(out)" 'is used once'
like 'accepts' "$(out)" '^accepts +main'
like 'target' "$(out)" 'accepted under a rule that this one accepts'
exits 1 'a ref without a rule' pol explain --policy ../new refs/notes/x
like 'is refused' "$(out)" 'every push to it is refused'
exits 2 'no name of a ref' pol explain --policy ../new 'a..b'
exits 0 'as JSON' pol explain --json --policy ../new main
is 'rule' "$(field rule)" '"main"'
is 'who' "$(field maySign.1.name)" '"bob"'
is 'matches' "$(field matches.1.name)" '"work"'
is 'report rules among them' "$(field matches.2.report)" true
git config hsm.policy "$GH_WORLD/policy"
exits 0 'that of the repository' pol explain main

# --- check --against ------------------------------------------------------------------------
exits 0 'nothing changed' pol check --against ../new ../new
like 'and it says so' "$(out)" 'no rule, no signer'
exits 0 'changes' pol check --against ../policy ../new
like 'a rule that is new' "$(out)" '^rule +strict +added'
like 'one that is gone' "$(out)" '^rule +tip +removed'
like 'patterns' "$(out)" '^rule +main +ref: refs/heads/main -> refs/heads/main, refs/heads/rel\*'
like 'what it asks' "$(out)" '^rule +work +asks: any commit -> tip signed'
like 'a signer' "$(out)" '^signer +carol +added'
like 'who gains' "$(out)" '^gains +carol +rules: - -> work, strict'
like 'who loses' "$(out)" '^loses +alice +rules: tip -> -'
sed 's/^validUntil.*/validUntil = 2031-01-01/; s/^signer = bob//' ../new >../newer
exits 0 'fewer' pol check --against ../new ../newer
like 'a window' "$(out)" '^signer +carol +validUntil: 2030-01-01T00:00:00Z -> 2031-01-01T00:00:00Z'
like 'a signer less' "$(out)" '^rule +main +signer: alice, bob -> alice'
like 'who loses by it' "$(out)" '^loses +bob +rules: main -> -'
# Whatever lets somebody in, or keeps somebody out, is shown.
one=$(printf '%064d' 1) two=$(printf '%064d' 2)
{
	cat ../new
	printf '%s\n' '[key "laptop"]' 'signer = alice' "spki = sha256:$one" 'validUntil = 2026-09-01' \
		'[revoked "lost"]' "spki = sha256:$two" 'since = 2026-01-01' '[algorithms]' 'rsaBits = 3072' \
		'[limits]' 'refs = 100'
} >../whole
cp "$GH_WORLD/ca/root.pem" ../other.pem
echo >>../other.pem
# shown DESC SED PATTERN: of a file that is changed so.
shown() {
	sed "$2" ../whole >../changed
	exits 0 "$1" pol check --against ../whole ../changed
	like 'is shown' "$(out)" "$3"
	is 'alone' "$(out | wc -l)" 1
}
shown 'the window of a key' 's/^validUntil = 2026-09-01/validUntil = 2027-09-01/' \
	'^key +laptop +validUntil: 2026-09-01T00:00:00Z -> 2027-09-01T00:00:00Z'
shown 'which key it is' "s/$one/$two/" "^key +laptop +keys: spki:sha256:$one -> spki:sha256:$two"
sed '/^\[key/,$s/^signer = alice/signer = bob/' ../whole >../changed
exits 0 'whose key' pol check --against ../whole ../changed
like 'is shown' "$(out)" '^key +laptop +signer: alice -> bob'
shown 'what is revoked' "s/$two/$one/" "^revoked lost +keys: spki:sha256:$two -> spki:sha256:$one"
shown 'since when' 's/^since = .*/since = 2026-02-01/' '^revoked lost +since: 2026-01-01T.* -> 2026-02-01'
shown 'a revocation that is gone' '/^\[revoked/,/^since/d' '^revoked lost +removed'
shown 'how long a key has to be' 's/^rsaBits = .*/rsaBits = 2048/' '^policy +key: rsa3072, .* -> rsa2048, '
shown 'which digests count' 's/^rsaBits = .*/hash = sha512/' '^policy +hash: sha256, sha384, sha512 -> sha512'
shown 'anchors' "s,^\([[:space:]]*\)roots = .*,\1roots = $GH_WORLD/other.pem," '^trust +corp +roots: file:sha256:.* -> file:sha256:'
shown "an authority's domain" 's/^[[:space:]]*roots = /emailDomain = example.com\n&/' \
	'^trust +corp +emailDomain: - -> example.com'
exits 0 'as JSON' pol check --json --against ../new ../newer
is 'old' "$(field changes.0.old)" '"alice, bob"'
is 'new' "$(field changes.0.new)" '"alice"'
sed 's/^version = 1/&\nserial = 7/' ../new >../seven
sed 's/^version = 1/&\nserial = 7/' ../newer >../seven2
sed 's/^version = 1/&\nserial = 8/' ../newer >../eight
exits 1 'a serial that has not grown' pol check --against ../seven ../seven2
like 'is a problem' "$(out)" 'Write serial = 8'
exits 1 'or has shrunk' pol check --against ../seven ../newer
exits 0 'one that has' pol check --against ../seven ../eight
exits 0 'the same text of the same serial' pol check --against ../seven ../seven
hk_commit 'one'
gh_setup git push -q origin main main:refs/heads/release main:refs/heads/tip/x
exits 0 'refs of a repository' pol check --against ../policy --repository ../server ../new
like 'that change their rule' "$(out)" '^ref +refs/heads/release +governed by: work -> main'
like 'each' "$(out)" '^ref +refs/heads/tip/x +governed by: tip -> work'
unlike 'and no others' "$(out)" '^ref +refs/heads/main'
exits 2 'a repository for nothing' pol check --repository ../server ../new
exits 3 'an old file that is none' pol check --against ../nothing ../new

# --- check --for -----------------------------------------------------------------------------
exits 0 'version 1 knows it' pol check --for 1 ../new
exits 2 'of version 2 this program knows nothing' pol check --for 2 ../new
exits 2 'zero is none' pol check --for 0 ../new
printf '[policy]\nversion = 1\n[role "x"]\nsigners = y\n' >../bad
exits 3 'a wrong file is refused with its line' pol check --for 1 ../bad
like 'the line' "$(cat "$GH_ERR")" 'bad:4: unknown key'

# --- replay -------------------------------------------------------------------------------------
hk_as bob
hk_commit 'two'
gh_setup git push -q origin main
hk_as alice
hk_unsigned 'three'
gh_setup git push -q origin HEAD:refs/heads/loose
hk_commit 'four'
gh_setup git push -q origin HEAD:refs/heads/loose
exits 0 'by the policy that was in force all were good' pol replay ../policy ../server
like 'counted by rule' "$(out)" '^main +2 +2 +0 +0 +enforce'
like 'each' "$(out)" '^work +3 +3 +0 +0 +enforce'
exits 1 'by a stricter one not' pol replay ../newer ../server
like 'the rule that refuses' "$(out)" '^main +3 +2 +1 +1 +enforce'
like 'a report rule beside' "$(out)" '^strict +5 +1 +4 +4 +report'
like 'what is refused' "$(out)" "^  $(git rev-parse HEAD~2) two"
is 'each object once for each rule' "$(out | grep -c "^  $(git rev-parse HEAD~2) two")" 2
exits 1 'as JSON' pol replay --json ../newer ../server
is 'refused' "$(field rules.0.refused)" 1
is 'of' "$(field rules.0.updates)" 3
sed 's/commits = tip/commits = signed/' ../new >../signed
exits 1 'an unsigned commit that came' pol replay ../signed ../server
like 'is found where it came, once' "$(out)" '^work +3 +2 +1 +1 +enforce'
sed 's/^version = 1/&\nmode = report/' ../signed >../report
exits 1 'a file in report mode is asked all the same' pol replay ../report ../server
like 'by its rule' "$(out)" '^work +3 +2 +1 +1 +report'
like 'and says what it would refuse' "$(out)" '^Would refuse: '
like 'in words' "$(out)" "^  $(git rev-parse HEAD~1) three"
unlike 'it says nothing of what was accepted' "$(out)" 'accepted'
sed '/rule "work"/,$d' ../new >../none
exits 1 'no rule at all' pol replay ../none ../server
like 'is counted' "$(out)" '^\(none\) +3 +0 +3 +3 +enforce'
exits 0 'a range' pol replay --ref refs/heads/main --range HEAD~3..HEAD~2 ../policy .
exits 1 'with an unsigned commit' pol replay --ref refs/heads/main --range HEAD~2..HEAD ../policy .
like 'in words' "$(out)" "^  $(git rev-parse HEAD~1) three"
exits 0 'what is not in it is not judged' pol replay --ref refs/heads/main --range HEAD~1..HEAD ../policy .
exits 3 'without a record there is nothing to replay' pol replay ../policy .
exits 2 'half a range' pol replay --ref refs/heads/main --range HEAD~2.. ../policy .
exits 2 'a range without a ref' pol replay --range HEAD~2..HEAD ../policy .
# A branch that was rewound, and what stood there is gone.
gone=$(git rev-parse HEAD)
gh_setup git push -q -f origin HEAD~1:refs/heads/loose
gh_setup git reset -q --hard HEAD~1
hk_commit 'five'
gh_setup git push -q -f origin HEAD:refs/heads/loose
exits 0 'rewinds are replayed' pol replay ../policy ../server
like 'too' "$(out)" '^work +5 +5 +0 +0 +enforce'
git -C ../server reflog expire --expire=all --all
rm "../server/objects/$(echo "$gone" | cut -c1-2)/$(echo "$gone" | cut -c3-)"
not_ok 'what stood there is gone' git -C ../server cat-file -e "$gone"
sed 's/rewind = allow/rewind = deny/' ../policy >../strict
exits 1 'a rewind from there is one' pol replay ../strict ../server
like 'as it was' "$(out)" 'not a fast-forward'
exits 0 'it is not judged' pol replay ../policy ../server
like 'and the others are' "$(out)" '^work +4 +4 +0 +0 +enforce'
like 'which it says' "$(out)" '^1 updates are of objects that are gone'

# What another hand did between two pushes, when they came, and what has not landed.
mv ../server ../first
hk_server server
hk_as bob
gh_setup git checkout -q -b again HEAD~2
gh_setup git push -q origin again:main
hk_commit 'six'
gh_setup git push -q origin again
git -C ../server update-ref refs/heads/main refs/heads/again
hk_commit 'seven'
gh_setup git push -q origin again:main
exits 0 'a ref that was moved between two pushes' pol replay ../policy ../server
like 'stands where the second found it' "$(out)" '^main +2 +2 +0 +0 +enforce'
day() { date -u -d "@$(($(date +%s) + $1 * 86400))" +%Y-%m-%d; }
hk_received 3 "$(($(date +%s) + 2 * 86400 + 100))"
# window DAYS: bob may sign so long from now on.
window() {
	sed "s/^\[signer \"bob\"\]/&\\n\tvalidUntil = $(day "$1")/" ../policy >../window
}
window 2
exits 1 'a window that was over when it came' pol replay ../window ../server
like 'is one then' "$(out)" '^main +2 +1 +1 +2 +enforce'
window 4
exits 0 'and one that was not is none' pol replay ../window ../server
printf '#!/bin/sh\nexit 1\n' >../server/hooks/update
chmod 755 ../server/hooks/update
not_ok 'a push that another hook refuses' git push -q origin again:refs/heads/held
exits 0 'has not come' pol replay ../policy ../server
like 'for a replay either' "$(out)" '^work +1 +1 +0 +0 +enforce'

# --- init --for ------------------------------------------------------------------------------------
for kind in plain gitlab gitea gitolite; do
	rm -f ../made
	exits 0 "init --for $kind" pol init --for "$kind" -o ../made --roots "$GH_ROOTS" \
		--signer alice=alice@example.com
	exits 0 'is a policy' pol check ../made
	exits 0 'with main' pol explain --policy ../made main
done
rm -f ../made
pol init --for gitlab -o ../made --roots "$GH_ROOTS" --signer alice=alice@example.com 2>/dev/null
exits 0 "a forge's own refs" pol explain --policy ../made refs/merge-requests/1/head
like 'need no signature' "$(out)" 'need no signature'
rm -f ../made
pol init -o ../made --roots "$GH_ROOTS" --signer alice=alice@example.com 2>/dev/null
exits 1 'on a plain server they have no rule' pol explain --policy ../made refs/merge-requests/1/head
done_testing
