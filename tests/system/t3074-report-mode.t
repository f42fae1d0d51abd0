#!/bin/sh
# Report mode, of a rule and of a file; hook enable, disable, status.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
hsm="$GH_BIN/gitsign-hsm"
server=$GH_WORLD/server
hook() { "$hsm" hook "$@"; }
out() { cat "$GH_OUT"; }
field() {
	FIELD=$1 perl -MJSON::PP -0ne 'my $v = decode_json($_); $v = ref $v eq "ARRAY" ? $v->[$_] :
		$v->{$_} for split /\./, $ENV{FIELD}; print JSON::PP->new->allow_nonref->encode($v)' \
		"$GH_OUT"
}
# reported DESC PATTERN PUSH-WORDS...: let in, with that word.
reported() {
	local desc pattern
	desc=$1
	pattern=$2
	shift 2
	gh_run git push "$@"
	if [ "$GH_STATUS" = 0 ] && said | grep -Eq -e "$pattern"; then
		pass "$desc"
	else
		fail "$desc"
		gh_show git push "$@"
	fi
}
entries() { "$hsm" record list "$server" | grep -c " $1 "; }

# --- a report rule ---------------------------------------------------------------------
{
	hk_head
	cat <<-EOF
		[rule "main"]
			ref = refs/heads/main
			signer = alice
		[rule "rest"]
			ref = refs/heads/**
			signer = bob
		[rule "watch"]
			ref = refs/heads/**
			ref = refs/ci/*
			signer = bob
			mode = report
		[rule "alike"]
			ref = refs/heads/main
			commits = any
			signer = anyone
			rewind = allow
			delete = allow
			keylessUpdate = allow
			mode = report
	EOF
} >"$GH_WORLD/policy"
hk_commit 'one'
reported 'the enforcing rule lets it in, the report rule says what it would do' \
	'^Would refuse: refs/heads/main: signed by alice, who may not sign here' origin main
like 'in its last line' "$(said | tr '\n' ' ')" 'gitsign-hsm: would refuse: .*rule +"watch"'
like 'beside the acceptance' "$(said)" '^gitsign-hsm: accepted 1 commit by alice'
is 'the enforcing rule is recorded' "$(entries main)" 1
is 'the report rule is not' "$(entries watch)" 0
hk_as bob
hk_commit 'two'
refused 'it never lets in what the enforcing one refuses' 'signed by bob, who may not' origin main
unlike 'of what it would let in it says nothing' "$(said)" 'Would refuse: .*two'
gh_setup git reset -q --hard HEAD~1
hk_as alice
refused 'an equal pattern of a report rule governs nothing' 'allows no deletion' origin -d main
hk_unsigned 'three'
refused 'nor does it loosen' 'refs/heads/main: not signed' origin main
reported 'a ref with report rules alone is let in' 'Would refuse: .*not signed' origin main:refs/ci/1
is 'and not recorded' "$(entries refs/ci/1)" 0
refused 'what stands there is accepted nowhere' 'not signed' origin main
hk_commit 'four'
reported 'what a report rule has seen it judges again' 'Would refuse: .*not signed' origin main:refs/ci/1
git push origin main:refs/cj/1 >/dev/null 2>"$GH_WORLD/err"
like 'a ref without any rule is refused' "$(cat "$GH_WORLD/err")" 'no rule of the policy governs'
gh_setup git reset -q --hard HEAD~2

# --- a file in report mode ----------------------------------------------------------------
hk_policy
sed -i 's/^version = 1/&\nserial = 1/' "$GH_WORLD/policy"
rm -rf "$server/gitsign-hsm"
hook install "$server" >/dev/null 2>&1
exits 0 'hook status: enforcing' hook status "$server"
like 'and says so' "$(out)" '^mode +enforce$'
exits 0 'enable where it is on' hook enable "$server"
like 'is no change' "$(out)" 'in force already'
exits 0 'disable' hook disable "$server"
like 'says what that means' "$(out)" 'nothing is refused and nothing recorded'
like 'in the file' "$(cat "$GH_WORLD/policy")" 'mode = report'
like 'with a new serial' "$(cat "$GH_WORLD/policy")" 'serial = 2'
is 'whose mode stays' "$(stat -c %a "$GH_WORLD/policy")" 644
ok 'and that is still a policy' "$hsm" policy check "$GH_WORLD/policy"
exits 0 'disable where it is off' hook disable "$server"
like 'is no change' "$(out)" 'already'
exits 3 'hook status says it' hook status "$server"
like 'as a problem' "$(out)" '^PROBLEM +the policy is in report mode'
exits 3 'as JSON too' hook status --json "$server"
is 'mode' "$(field mode)" '"report"'
like 'problem' "$(field problem.0)" 'report mode'
is 'serial' "$(field serial)" 2
hk_unsigned 'five'
reported 'an unsigned commit comes in' 'Would refuse: .*not signed' origin main
like 'each push is told' "$(said | tr '\n' ' ')" 'would refuse: '
not_ok 'nothing is recorded' test -s "$server/gitsign-hsm/record"
gh_setup git tag -a -m v1 v1
reported 'an unsigned tag too' 'Would refuse' origin v1
reported 'and a ref without a rule' 'would refuse' origin main:refs/x/y
hk_commit 'six'
gh_setup git push -q origin main:refs/heads/fine main~1:refs/heads/topic

# --- enable -----------------------------------------------------------------------------------
cp "$GH_WORLD/policy" "$GH_WORLD/policy.report"
exits 1 'enable shows what would break' hook enable "$server"
like 'the commit' "$(out)" "^  $(git rev-parse HEAD~1) five"
like 'the tag' "$(out)" "^  $(git rev-parse v1) v1"
like 'counted' "$(out)" '^[0-9]+ of [0-9]+ governed refs are good'
like 'what has no rule' "$(out)" '^2 refs have no rule'
like 'and what to do' "$(out)" '^Not switched on'
ok 'and changes nothing' cmp "$GH_WORLD/policy" "$GH_WORLD/policy.report"
is 'no introduction either' "$(git -C "$server" config hsm.introduction)" ''
exits 1 'a dry run' hook enable --dry-run --introduce "$server"
ok 'changes nothing' cmp "$GH_WORLD/policy" "$GH_WORLD/policy.report"
exits 2 'one or the other' hook enable --introduce --anyway "$server"

cp -R "$server" "$GH_WORLD/anyway"
exits 0 'anyway: it is switched on' hook enable --anyway "$GH_WORLD/anyway"
like 'in the file' "$(cat "$GH_WORLD/policy")" 'mode = enforce'
git remote add anyway "$GH_WORLD/anyway"
hk_commit 'seven'
refused 'what came in is judged' 'not signed' anyway main
sed -i 's/serial = 3/serial = 5/' "$GH_WORLD/policy"
hook disable "$server" >/dev/null

exits 0 'introduce: what is there is exempt' hook enable --introduce "$server"
like 'by its ids' "$(out)" '^hsm.introduction: 2 added'
like 'the tag object too' "$(git -C "$server" config --get-all hsm.introduction)" "$(git rev-parse v1)"
like 'and it is on' "$(cat "$GH_WORLD/policy")" 'mode = enforce'
like 'with a new serial' "$(cat "$GH_WORLD/policy")" 'serial = 7'
exits 0 'hook status is content' hook status "$server"
accepted 'pushes go on from there' origin main
hk_unsigned 'eight'
refused 'and are judged again' 'not signed' origin main
cd "$server" || bail cd
exits 0 'all that is there is good' "$hsm" verify --all
cd "$GH_WORLD/work" || bail cd
gh_setup git reset -q --hard HEAD~1

# What is on record needs no introduction, nor what is good.
hook disable "$server" >/dev/null
n=$(git -C "$server" config --get-all hsm.introduction | wc -l)
hk_commit 'nine'
gh_setup git push -q origin main
exits 0 'where all is good it is one step' hook enable "$server"
is 'without introductions' "$(git -C "$server" config --get-all hsm.introduction | wc -l)" "$n"
hk_commit 'ten'
accepted 'and judged from what is on record' origin main

# An older file came back in report mode: the hook would refuse whatever is pushed.
cp "$GH_WORLD/policy" "$GH_WORLD/policy.on"
sed -i 's/serial = .*/serial = 3/; s/mode = enforce/mode = report/' "$GH_WORLD/policy"
cp "$GH_WORLD/policy" "$GH_WORLD/policy.old"
for n in '' --dry-run; do
	# shellcheck disable=SC2086
	exits 3 "an older serial is not switched on: $n" hook enable $n "$server"
	like "and why: $n" "$(cat "$GH_ERR")" 'not switched on.*has serial 4, but serial [0-9]+ was in force'
	ok "the file stays: $n" cmp "$GH_WORLD/policy" "$GH_WORLD/policy.old"
done
git -C "$server" config hsm.record off
gh_run hook enable --dry-run "$server"
unlike 'without a record none was in force' "$(cat "$GH_ERR")" 'serial'
git -C "$server" config --unset hsm.record
cp "$GH_WORLD/policy.on" "$GH_WORLD/policy"

# --- not ours to switch --------------------------------------------------------------------------
git config --global hsm.policy "$GH_WORLD/policy"
cp "$GH_WORLD/policy" "$GH_WORLD/policy.on"
if [ "$(id -u)" != 0 ]; then
	chmod 444 "$GH_WORLD/policy"
	exits 3 'a file that cannot be written' hook disable "$server"
	like 'is changed by its owner' "$(cat "$GH_ERR")" "git config -f .* policy.mode report; git config -f"
	chmod 644 "$GH_WORLD/policy"
else
	skip 'root writes everything' 2
fi
ok 'and stays' cmp "$GH_WORLD/policy" "$GH_WORLD/policy.on"
printf '[include]\n\tpath = x\n' >>"$GH_WORLD/policy"
exits 3 'a policy that is none' hook disable "$server"
cp "$GH_WORLD/policy.on" "$GH_WORLD/policy"
rm -f "$server/hooks/pre-receive"
hook disable "$server" >/dev/null
exits 3 'without the hook there is nothing to switch on' hook enable "$server"
like 'and how to get it' "$(cat "$GH_ERR")" 'hook install'
done_testing
