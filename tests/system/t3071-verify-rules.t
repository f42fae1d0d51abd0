#!/bin/sh
# verify --as-push, verify --all: what the hook would say, asked by a client and of what is
# there already.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
verify() { "$GH_BIN/gitsign-hsm" verify "$@"; }
on_server() { (cd "$GH_WORLD/server" && verify --all "$@"); }
# same DESC STATUS PUSH-REFSPEC VERIFY-WORDS...: verify says what the hook then says.
same() {
	local desc status spec
	desc=$1
	status=$2
	spec=$3
	shift 3
	exits "$status" "$desc" verify "$@"
	sed 's/ *$//' "$GH_OUT" >"$GH_WORLD/verify.out"
	gh_run git push origin "$spec"
	is 'and the hook says the same' "$(said)" "$(cat "$GH_WORLD/verify.out")"
}
gh_json() { # FIELD of the JSON object in $GH_OUT
	perl -MJSON::PP -0ne 'my $v = decode_json($_); $v = ref $v eq "ARRAY" ? $v->[$_] : $v->{$_}
		for split /\./, $ENV{FIELD}; print JSON::PP->new->allow_nonref->encode($v)' "$GH_OUT"
}
field() {
	FIELD=$1
	export FIELD
	gh_json
}

# --- as a push ------------------------------------------------------------------------
hk_commit 'one'
exits 3 'without a policy there is no answer' verify --as-push main HEAD
like 'and how to name one' "$(cat "$GH_ERR")" 'which policy\? Name it'
git config hsm.policy "$GH_WORLD/policy"
same 'a first push' 0 main --as-push main HEAD
git fetch -q origin
hk_commit 'two'
same 'a range' 0 main --as-push refs/heads/main origin/main..HEAD
git fetch -q origin
good=$(git rev-parse HEAD)
hk_unsigned 'three'
hk_commit 'four'
same 'an unsigned commit in it' 1 main --as-push main origin/main..HEAD
exits 1 'where the ref stands is known from the remote' verify --as-push main HEAD
exits 0 'as a branch of another rule' verify --as-push topic HEAD
gh_setup git push -q origin HEAD:refs/heads/topic
git fetch -q origin
exits 1 'what is accepted there is not accepted here' verify --as-push main HEAD
gh_setup git checkout -q -B main "$good~1"
hk_commit 'five'
same 'a rewind' 1 +main --as-push main origin/main..HEAD
gh_setup git checkout -q -B main "$good"
hk_as mallory
hk_commit 'six'
same 'a signer from elsewhere' 1 main --as-push main HEAD
hk_as alice
gh_setup git reset -q --hard "$good"
gh_setup git tag -s -m v1 v1
same 'a tag' 0 v1 --as-push v1 v1
gh_setup git tag -a -m v2 v2
same 'an unsigned tag' 1 v2 --as-push refs/tags/v2 v2
gh_setup git push -q origin main
exits 0 'nothing new' verify --as-push main main..main
like 'nothing is pushed' "$(cat "$GH_OUT")" 'nothing to push'
exits 1 'a ref without a rule' verify --as-push refs/notes/x HEAD
exits 1 'a name that is none' verify --as-push 'refs/heads/a..b' HEAD
exits 2 'three dots' verify --as-push main origin/main...HEAD
exits 2 'no range' verify --as-push main
exits 2 'both questions' verify --as-push main --all HEAD
exits 2 'a remote for nothing' verify --remote origin HEAD
exits 3 'an unknown remote' verify --as-push main --remote nowhere HEAD
exits 7 'an unknown revision' verify --as-push main nothing

# An introduction that the clone has counts as the server's does.
git -C "$GH_WORLD" clone -q server clone
cd "$GH_WORLD/clone" || bail 'cd clone'
git config hsm.policy "$GH_WORLD/policy"
git remote remove origin
hk_unsigned 'seven'
exits 1 'all is new where nothing is known' verify --as-push main HEAD
git config hsm.introduction "$(git rev-parse HEAD)"
hk_commit 'eight'
exits 0 'but for an introduction' verify --as-push main HEAD
exits 0 'JSON' verify --json --as-push main HEAD
is 'accepted' "$(field accepted)" true
is 'by whom' "$(field signers.0)" '"alice"'
hk_unsigned 'nine'
exits 1 'JSON of a refusal' verify --json --as-push main HEAD
is 'refused' "$(field accepted)" false
is 'the object' "$(field findings.0.object)" "\"$(git rev-parse HEAD)\""
is 'the rule' "$(field findings.0.rule)" '"main"'
cd "$GH_WORLD/work" || bail 'cd work'

# --- all that is there --------------------------------------------------------------------
git push -q -d origin topic
exits 0 'a server whose refs are good' on_server
like 'each ref with its rule' "$(cat "$GH_OUT")" '^refs/heads/main +main +good +yes$'
exits 0 'as JSON' on_server --json
is 'good' "$(field good)" true
is 'recorded' "$(field refs.0.recorded)" true
# A key that is known later to be stolen since before what it signed; or since after that.
cp "$GH_WORLD/policy" "$GH_WORLD/policy.before"
revoke() { # SINCE
	cp "$GH_WORLD/policy.before" "$GH_WORLD/policy"
	printf '[revoked "stolen"]\n\tcertificate = sha256:%s\n\tsince = %s\n' "$(gh_fp alice)" "$1" \
		>>"$GH_WORLD/policy"
}
revoke 2026-01-01
exits 1 'what a key signed that was revoked before is found' on_server
like 'on its ref' "$(cat "$GH_OUT")" '^refs/heads/main +main +bad +yes$'
like 'with the reason' "$(tr '\n' ' ' <"$GH_OUT")" 'is +revoked +since'
revoke 2120-01-01
exits 0 'what came before the revocation is good' on_server
cp "$GH_WORLD/policy.before" "$GH_WORLD/policy"
hk_unsigned 'ten'
fetch() { gh_setup git -C "$GH_WORLD/server" fetch -q --no-tags "$GH_WORLD/work" "$@"; }
fetch +HEAD:refs/heads/work +HEAD:refs/misc/x
exits 0 'what the rule lets be is good' on_server
like 'though nobody recorded it' "$(cat "$GH_OUT")" '^refs/heads/work +work +good +no$'
like 'a ref without a rule is shown' "$(cat "$GH_OUT")" '^refs/misc/x +- +no rule +no$'
fetch +HEAD:refs/heads/main
exits 1 'an unsigned commit that did not come by a push is found' on_server
like 'on its ref' "$(cat "$GH_OUT")" '^refs/heads/main +main +bad +no$'
like 'by name' "$(cat "$GH_OUT")" "^  $(git rev-parse HEAD) ten"
exits 1 'and in JSON' on_server --json
is 'bad' "$(field good)" false
is 'its object' "$(field findings.0.object)" "\"$(git rev-parse HEAD)\""
git -C "$GH_WORLD/server" config --add hsm.introduction "$(git rev-parse HEAD)"
exits 0 'an introduction ends it' on_server
git -C "$GH_WORLD/server" config --unset hsm.introduction
gh_setup git reset -q --hard "$good"
fetch +HEAD:refs/heads/main
exits 0 'and the old value' on_server

# Tags and tips of a loose rule are judged themselves, unless introduced by their ids.
gh_setup git tag -a -m v3 v3
fetch +refs/tags/v3:refs/tags/v3
exits 1 'an unsigned tag is found' on_server
like 'it' "$(cat "$GH_OUT")" '^refs/tags/v3 +releases +bad +no$'
git -C "$GH_WORLD/server" config hsm.introduction "$(git rev-parse HEAD)"
exits 1 'the introduction of its commit does not exempt it' on_server
git -C "$GH_WORLD/server" config --add hsm.introduction "$(git rev-parse v3)"
exits 0 'its own does' on_server
git -C "$GH_WORLD/server" config --unset-all hsm.introduction
gh_setup git -C "$GH_WORLD/server" update-ref -d refs/tags/v3
git tag -d v3 >/dev/null
hk_unsigned 'tip'
fetch +HEAD:refs/heads/tip/a
exits 1 'an unsigned tip is found' on_server
hk_commit 'on top'
fetch +HEAD:refs/heads/tip/b
exits 1 'below a signed tip too' on_server
git -C "$GH_WORLD/server" config hsm.introduction "$(git rev-parse HEAD~1)"
exits 0 'unless introduced' on_server
git -C "$GH_WORLD/server" config --unset hsm.introduction
gh_setup git -C "$GH_WORLD/server" update-ref -d refs/heads/tip/a
exits 0 'a signed tip vouches for it' on_server
gh_setup git -C "$GH_WORLD/server" update-ref -d refs/heads/tip/b
gh_setup git reset -q --hard "$good"

# left SECONDS: alice is no signer any more since then.
left() {
	cp "$GH_WORLD/policy" "$GH_WORLD/policy.before"
	sed -i "s/^email = alice.*/&\nvalidUntil = $(date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ)/" "$GH_WORLD/policy"
}

# A signer who left is judged at the time when the commits came, where that is known.
until [ "$(date +%s)" -gt "$(stat -c %Y "$GH_WORLD/server/gitsign-hsm/record")" ]; do sleep 0.1; done
left "$(date +%s)"
exits 0 'by the record: she was there' on_server
exits 1 'without one: now she is not' verify --all --remote origin
like 'and that is said' "$(cat "$GH_OUT")" 'alice'
cp "$GH_WORLD/policy.before" "$GH_WORLD/policy"
git fetch -q origin
git tag -d v2 >/dev/null
exits 0 'a clone of what is good' verify --all --remote origin
exits 0 'and of its own refs' verify --all
hk_unsigned 'eleven'
exits 1 'an own branch that would not do' verify --all
exits 2 'no words' verify --all HEAD

# A policy for other refs says nothing of these: that is no yes.
{
	hk_head
	printf '[rule "elsewhere"]\nref = refs/heads/elsewhere\nsigner = alice\n'
} >"$GH_WORLD/policy.elsewhere"
exits 3 'no ref has a rule' verify --all --policy "$GH_WORLD/policy.elsewhere"
like 'that is said' "$(cat "$GH_ERR")" 'nothing was judged: none of [0-9]+ refs has a rule in .*policy.elsewhere'
like 'the table is there' "$(cat "$GH_OUT")" '^refs/heads/main +- +no rule '
unlike 'and no good word' "$(cat "$GH_OUT")" 'are good'
exits 3 'as JSON' verify --all --json --policy "$GH_WORLD/policy.elsewhere"
is 'it is not good' "$(perl -MJSON::PP -0e 'print decode_json(<>)->{good} ? 1 : 0' <"$GH_OUT")" 0

# Rules that accept each other are judged in that order, in report mode too.
gh_setup git reset -q --hard "$good"
hk_commit 'twelve'
gh_setup git branch -f early HEAD
gh_setup git reset -q --hard "$good"
{
	hk_head
	cat <<-EOF
		[rule "main"]
			ref = refs/heads/main
			signer = bob
			accepts = early
			committer = any
		[rule "early"]
			ref = refs/heads/early
			signer = alice
	EOF
} >"$GH_WORLD/policy"
hk_as bob
gh_setup git merge -q -S --no-ff -m merge early
exits 0 'what the looser rule has judged counts' verify --all
cp "$GH_WORLD/policy" "$GH_WORLD/policy.before"
sed -i '/rule "early"/,$s/^signer = alice/signer = bob/' "$GH_WORLD/policy"
exits 1 'what it has judged bad does not' verify --all
like 'it is bad here too' "$(cat "$GH_OUT")" '^refs/heads/main +main +bad '
cp "$GH_WORLD/policy.before" "$GH_WORLD/policy"
gh_setup git update-ref -d refs/heads/early
exits 1 'when it is not there it does not' verify --all
sed -i 's/^version = 1/&\nmode = report/' "$GH_WORLD/policy"
exits 1 'a file in report mode is asked all the same' verify --all

# What came by one branch and was merged into another, when its signer had left, came at first.
hk_policy
hk_as alice
gh_setup git reset -q --hard "$good"
gh_setup git checkout -q -b side
hk_commit 'on a side branch'
gh_setup git push -q origin side
last() { grep ' p ' "$GH_WORLD/server/gitsign-hsm/record" | tail -n 1 | cut -d' ' -f4; }
came=$(last)
until [ "$(date +%s)" -gt "$came" ]; do sleep 0.1; done
gh_setup git checkout -q -
hk_as bob
gh_setup git merge -q -S --no-ff -m 'the side branch' side
gh_setup git push -q origin HEAD:main
hk_as alice
gh_setup git branch -q -D side
left "$(last)"
exits 0 'the first time counts' on_server
cp "$GH_WORLD/policy.before" "$GH_WORLD/policy"
left "$came"
exits 1 'and was too late for who had left before' on_server
cp "$GH_WORLD/policy.before" "$GH_WORLD/policy"

# --- rules that stand on each other ---------------------------------------------------------------
# By name a-rel comes first; what it may have of others stands under main.
mv ../server ../first
hk_server server
cat >../rules <<-EOF2
	[rule "main"]
		ref = refs/heads/main
		signer = role:maintainers
	[rule "rel"]
		ref = refs/heads/a-rel
		signer = alice
		accepts = main
EOF2
{
	hk_head
	cat ../rules
} >../policy
gh_setup git checkout -q --orphan whole
hk_as bob
hk_commit 'by bob'
gh_setup git push -q origin HEAD:main
hk_as alice
hk_commit 'by alice'
gh_setup git push -q origin HEAD:a-rel
exits 0 'what a rule accepts is judged before it' on_server
sed -i '/accepts = main/d' ../policy
exits 1 'and is not, where it accepts nothing' on_server
is 'on the one ref' "$(grep -c ' bad ' "$GH_OUT")" 1

done_testing
