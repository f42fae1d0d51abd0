#!/bin/sh
# What a client that is not git can send to the hook, and what happens around it.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
zero=0000000000000000000000000000000000000000
hk_commit 'one'
hk_commit 'two'
one=$(git rev-parse HEAD~1)
two=$(git rev-parse HEAD)

# --- ref lines ---------------------------------------------------------------------
raw_accepted 'an honest raw push is let in' "$zero $one refs/heads/main"
raw_refused 'a lie about the old value is refused' 'the push says it stands at' \
	"$two $two refs/heads/main"
raw_refused 'so is a creation of what exists' 'the push says it stands at nothing' \
	"$zero $two refs/heads/main"
raw_accepted 'the truth is let in' "$one $two refs/heads/main"
raw_refused 'a deletion with a lie is refused' 'no deletion' "$zero $zero refs/heads/main"
raw_refused 'a deletion with another lie too' 'the push says it stands at' \
	"$one $zero refs/heads/main"
raw_refused 'with the truth too' 'no deletion' "$two $zero refs/heads/main"
is 'it is still there' "$(hk_at refs/heads/main)" "$two"
raw_refused 'one ref twice is refused' 'more than once' "$zero $one refs/heads/a" \
	"$zero $two refs/heads/a"
raw_accepted 'two refs are let in' "$zero $one refs/heads/a" "$zero $two refs/heads/b"
raw_refused 'a newline in a name makes no second command' 'refused' \
	"$zero $one refs/heads/ok
$two $zero refs/heads/main"
is 'main is still there' "$(hk_at refs/heads/main)" "$two"
raw_refused 'a newline with nonsense behind it' 'line 2 of the ref updates' \
	"$zero $one refs/heads/ok
nonsense"
for name in refs/heads/a..b 'refs/heads/a b' refs/heads/x.lock 'refs/heads/a@{1}' refs//heads/x \
	HEAD foo "$(printf 'refs/heads/e\033[2J')" "$(printf 'refs/heads/\302\233x')" \
	"$(printf 'refs/heads/M\374ller')"; do
	raw_refused "not a name: $(printf %s "$name" | tr -cd '[:print:]')" 'not a valid ref name' \
		"$zero $one $name"
done
raw_refused 'a missing object is refused' 'not sent|refused|missing' \
	"$zero 1234567890123456789012345678901234567890 refs/heads/missing"
raw_refused 'what does not exist is not deleted' 'does not exist' "$zero $zero refs/heads/nothing"
like 'and it says what to do' "$(cat "$GH_OUT")" 'Leave it out of the push'

# --- introductions ---------------------------------------------------------------------
for id in "$(echo "$one" | cut -c1-12)" "$one$(echo "$one" | cut -c1-24)" main; do
	gh_setup git -C ../server config hsm.introduction "$id"
	raw_refused 'an introduction is a full id of this repository' 'is not a full object id' \
		"$zero $two refs/heads/introduced"
done
gh_setup git -C ../server config hsm.introduction "$one"
raw_accepted 'as one is' "$zero $two refs/heads/introduced"
gh_setup git -C ../server config --unset hsm.introduction

# --- shallow ------------------------------------------------------------------------
hk_commit 'three'
hk_commit 'four'
four=$(git rev-parse HEAD)
gh_setup git -C ../server config receive.shallowUpdate true
RAW_SHALLOW=$four RAW_OBJECTS="--max-count=1 $four"
export RAW_SHALLOW RAW_OBJECTS
raw_refused 'a shallow push is refused' 'shallow' "$zero $four refs/heads/shallow"
unset RAW_SHALLOW RAW_OBJECTS
gh_setup git -C ../server config --unset receive.shallowUpdate
echo "$one" >../server/shallow
raw_refused 'a repository cut short is refused' 'shallow' "$zero $one refs/heads/short"
rm ../server/shallow
accepted 'the whole history is let in' origin main

# --- the server ----------------------------------------------------------------------
hk_commit 'five'
git -C ../server config --unset hsm.policy
refused 'without a policy every push is refused' 'no policy is configured' origin main
git config --global hsm.policy "$GH_WORLD/policy"
refused 'the account'\''s own configuration names none' 'no policy is configured' origin main
git config --global --unset hsm.policy
git -C ../server config hsm.policy policy
refused 'a relative one is refused' 'absolute' origin main
git -C ../server config hsm.policy "$GH_WORLD/nothing"
refused 'one that is not there is refused' 'nothing' origin main
git -C ../server config hsm.policy "$GH_WORLD/policy"
chmod g+w ../policy
refused 'one that others can write to is refused' 'chmod' origin main
chmod g-w ../policy
if [ "$(id -u)" != 0 ]; then
	chmod 0 ../policy
	refused 'one that cannot be read is refused' 'policy' origin main
	chmod 644 ../policy
else
	skip 'root reads everything'
fi
sed 's/version = 1/version = 99/' ../policy >../newer
git -C ../server config hsm.policy "$GH_WORLD/newer"
refused 'one of a later version is refused' 'version|newer' origin main
{
	cat ../policy
	printf '[rule "later"]\n\tref = refs/later\n\tsigner = alice\n\tapprovals = 2\n'
} >../newer
refused 'so is one with a key of a later version' 'approvals|supported' origin main
git -C ../server config hsm.policy "$GH_WORLD/policy"
for part in . refs objects hooks config gitsign-hsm; do
	chmod g+w "../server/$part"
	refused "a repository whose $part others can write to is refused" 'chmod go-w' origin main
	chmod g-w "../server/$part"
done
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.policy GIT_CONFIG_VALUE_0=/nowhere \
	GITSIGN_HSM_POLICY=/nowhere OPENSSL_CONF=/nowhere LC_ALL=xx_YY accepted \
	'the environment of the pusher changes nothing' origin main
# What git itself keeps from a hook does not come by a push: by hand it does.
by_hand() {
	echo "$(printf '%040d' 0) $(git -C ../server rev-parse main) refs/heads/by-hand" |
		(cd ../server && GIT_DIR=. "$@" "$GH_HOOKS/pre-receive")
}
ok 'a hook by hand' by_hand env
ok 'git configuration from the environment changes nothing' by_hand env GIT_CONFIG_COUNT=1 \
	GIT_CONFIG_KEY_0=hsm.policy GIT_CONFIG_VALUE_0=/nowhere
ok 'parameters neither' by_hand env GIT_CONFIG_PARAMETERS="'hsm.policy'='/nowhere'"
# execve(2) takes any string for a variable; only there can one be made that has no value.
odd_environment() {
	(cd ../server && timeout 20 perl -e 'my ($p, @e) = (@ARGV, "PATH=/usr/bin:/bin", "OPENSSL_CONF");
		syscall 59, $p, pack("pQ", $p, 0), pack("ppQ", @e, 0)' "$GH_HOOKS/pre-receive" </dev/null)
}
if [ "$(uname -m)" = x86_64 ]; then
	exits 8 'a variable without a value is passed over' odd_environment
else
	skip 'execve has another number here' 1
fi

# --- report mode ---------------------------------------------------------------------
cp ../policy ../policy.enforce
cat >>../policy <<-EOF
	[rule "watch"]
		ref = refs/heads/watched/*
		ref = refs/heads/main
		commits = tip
		signer = alice
		mode = report
	[rule "alone"]
		ref = refs/ci/*
		commits = signed
		signer = alice
		mode = report
EOF
hk_as bob
hk_commit 'by bob'
gh_run git push origin main
is 'a report rule refuses nothing' "$GH_STATUS" 0
like 'but says what it would do' "$(said)" '^Would refuse: .*signed by bob, who may not'
like 'and what was done' "$(said | tail -n 1)" 'accepted 1 commit by bob'
hk_unsigned 'unsigned'
ok 'a ref with report rules only is let in' git push origin HEAD:refs/ci/x
like 'with its words' "$(said)" 'Would refuse: .*not signed'
not_ok 'a ref without any rule is not' git push origin HEAD:refs/cj/x
refused 'the enforcing rule still refuses' 'not signed' origin main
sed 's/version = 1/&\n\tmode = report/' ../policy.enforce >../policy
ok 'a whole file in report mode refuses nothing' git push origin main HEAD:refs/cj/x
like 'and says what it would do' "$(said)" 'would refuse: '
cp ../policy.enforce ../policy
dirty=$(git rev-parse HEAD)
hk_as alice
hk_commit 'after'
refused 'what report mode let in is not accepted by it' "$dirty" origin main
gh_setup git reset -q --hard HEAD~2
gh_setup git -C ../server update-ref refs/heads/main "$(git rev-parse HEAD)"
gh_setup git fetch -q
hk_commit 'after'
accepted 'without it all is well' origin main

# --- what happens around it ------------------------------------------------------------
gh_setup git checkout -q -b side
hk_commit 'to be pruned'
pruned=$(git rev-parse HEAD)
accepted 'a branch, to be deleted' origin side
accepted 'deleted' origin :side
gh_setup git -C ../server reflog expire --expire=now --all
gh_setup git -C ../server gc -q --prune=now
not_ok 'its commit is gone' git -C ../server cat-file -e "$pruned"
gh_setup git checkout -q main
hk_commit 'after the prune'
accepted 'a recorded tip that is gone stands in nobody'\''s way' origin main

hk_commit 'left'
left=$(git rev-parse HEAD)
gh_setup git reset -q --hard HEAD~1
hk_commit 'right'
right=$(git rev-parse HEAD)
git push -q origin "$left:refs/heads/left" >/dev/null 2>&1 &
first=$!
git push -q origin "$right:refs/heads/right" >/dev/null 2>&1 &
second=$!
wait "$first"
one=$?
wait "$second"
is 'two pushes at once do not hurt each other' "$one $?" '0 0'
is 'both landed' "$(hk_at refs/heads/left) $(hk_at refs/heads/right)" "$left $right"

# Killed at some moment: the ref stands as it was, or as it was to be.
cat >../kill.pl <<'PERL'
use strict;
use Time::HiRes 'usleep';
my ($us, @cmd) = @ARGV;
my $pid = fork();
if (!$pid) { setpgrp(0, 0); open STDERR, '>', '/dev/null'; exec @cmd; exit 127 }
usleep($us);
kill 'KILL', -$pid;
waitpid $pid, 0;
PERL
i=0
bad=0
before=$(hk_at refs/heads/main)
while [ "$i" -lt 12 ]; do
	hk_commit "kill $i"
	perl ../kill.pl $((8000 + i * 3000)) git push -q origin main
	i=$((i + 1))
	at=$(hk_at refs/heads/main)
	[ "$at" = "$before" ] || [ "$at" = "$(git rev-parse HEAD)" ] || bad=$((bad + 1))
	before=$at
	rm -f ../server/refs/heads/*.lock ../server/HEAD.lock
done
is 'a push that is killed leaves the branch in one of two states' "$bad" 0
accepted 'and the next one goes on' origin HEAD:refs/heads/main HEAD:refs/heads/after-kill
hk_unsigned 'last'
refused 'and still refuses' 'not signed' origin main

done_testing
