#!/bin/sh
# Verifying through the agent's verifier: what comes out is what comes without it.
#
# shellcheck disable=SC2154 # $direct is of agent-lib.sh
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

agent_world
agent_tree
git config --global gpg.x509.program "$GH_BIN/gitsign-hsm"
gh_at_exit 'agent stop >/dev/null 2>&1; chmod 755 "$direct"'

git commit -q -S --allow-empty -m good
git tag -s -m tag v1
git commit -q --no-gpg-sign --allow-empty -m unsigned
gh_key bob EC:prime256v1 bob@example.com
gh_use bob
git commit -q -S --allow-empty -m bob
gh_use alice
extract HEAD bob.data bob.sig
extract v1^0 data sig
sed 's/good/evil/' "$GH_WORLD/data" >"$GH_WORLD/evil"
sed '3s/[A-M]/z/g' "$GH_WORLD/sig" >"$GH_WORLD/broken"
: >"$GH_WORLD/empty"
# By a certificate that expired yesterday.
gh_setup openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$GH_WORLD/old.key"
openssl pkey -in "$GH_WORLD/old.key" -pubout -out "$GH_WORLD/keys/old.pub"
GH_DAYS=-1 gh_certificate old old@example.com
gh_setup openssl cms -sign -binary -in "$GH_WORLD/data" -signer "$GH_WORLD/keys/old.pem" \
	-inkey "$GH_WORLD/old.key" -outform DER -nosmimecap -md sha256 -out "$GH_WORLD/old.der"
{
	echo '-----BEGIN SIGNED MESSAGE-----'
	openssl base64 -in "$GH_WORLD/old.der"
	echo '-----END SIGNED MESSAGE-----'
} >"$GH_WORLD/old"

verify() { "$GH_BIN/gitsign-hsm" --status-fd=1 --verify "$@"; }
# directly COMMAND...: without the agent.
directly() {
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.agent GIT_CONFIG_VALUE_0=off "$@"
}
verifier() { agent status 2>/dev/null | sed -n 's/^verifier: process \([0-9]*\)$/\1/p'; }
plainly() { verify "$GH_WORLD/sig" - <"$GH_WORLD/data" >"$GH_WORLD/plain"; }
served() { without_direct plainly; }
children() { ps -o pid= --ppid "$1" | wc -l; }
# same DESCRIPTION DATA WORDS...: status, output and errors with the verifier alone are
# those without it.
same() {
	local what data rc
	what=$1
	data=$2
	shift 2
	rc=0
	directly verify "$@" <"$data" >"$GH_WORLD/o1" 2>"$GH_WORLD/e1" || rc=$?
	echo "status $rc" >>"$GH_WORLD/o1"
	chmod 0 "$direct"
	rc=0
	verify "$@" <"$data" >"$GH_WORLD/o2" 2>"$GH_WORLD/e2" || rc=$?
	chmod 755 "$direct"
	echo "status $rc" >>"$GH_WORLD/o2"
	is "$what: the same output" "$(cat "$GH_WORLD/o2")" "$(cat "$GH_WORLD/o1")"
	is "$what: the same errors" "$(cat "$GH_WORLD/e2")" "$(cat "$GH_WORLD/e1")"
}

# --- started by itself -------------------------------------------------------------
ok 'with off' git verify-commit v1^0
exits 9 'no agent is started' agent status
not_ok 'and without the direct program nothing is verified' served
git config --global hsm.agent required
ok 'nor with required' git verify-commit v1^0
exits 9 'is one started to verify' agent status
git config --global hsm.agent auto
ok 'with auto a commit verifies, and git does not wait for the agent' \
	timeout 60 git verify-commit v1^0
ok 'an agent comes up behind it' until_true agent status
is 'it has no verifier before one is wanted' "$(verifier)" ''
ok 'then the verifier does it alone' until_true served
in_memory() { TMPDIR=/dev/shm without_direct git verify-commit v1^0; }
if [ -w /dev/shm ]; then
	ok 'also where the signature is in /dev/shm' in_memory
else
	skip 1 'no /dev/shm to write in'
fi
pid=$(verifier)
isnt 'which the agent names' "$pid" ''
is 'its socket is in the directory of one user' \
	"$(stat -c %a "$XDG_RUNTIME_DIR/gitsign-hsm")" 700

# --- the same in every case -------------------------------------------------------------
cd "$GH_WORLD" || bail cd
same 'good' data "$GH_WORLD/sig" -
like 'and good it is' "$(cat "$GH_WORLD/o2")" '^\[GNUPG:\] GOODSIG '
same 'a relative path' data sig -
same 'other data' evil sig -
like 'and bad it is' "$(cat "$GH_WORLD/o2")" '^\[GNUPG:\] BADSIG '
same 'a broken signature' data broken -
same 'an empty one' data empty -
same 'none' data nowhere -
same 'a directory' data . -
cd work || bail cd
same 'from elsewhere' ../data ../sig -
same 'not from here' ../data sig -
git config hsm.roots "$GH_WORLD/nowhere.pem"
same 'configuration of the repository' ../data ../sig -
like 'it is read at once' "$(cat "$GH_WORLD/e2")" 'nowhere.pem'
git config --unset hsm.roots
same 'and forgotten at once' ../data ../sig -
like 'good again' "$(cat "$GH_WORLD/o2")" GOODSIG
gh_authority stranger
git config hsm.roots "$GH_WORLD/ca/stranger.pem"
same 'an unknown authority' ../data ../sig -
like 'certificates that are kept are trusted by nobody for that' \
	"$(cat "$GH_WORLD/o2")" 'TRUST_UNDEFINED'
git config --unset hsm.roots
same 'good once more' ../data ../sig -
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.roots GIT_CONFIG_VALUE_0=$GH_WORLD/ca/stranger.pem
export GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
without_direct plainly
unset GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
like 'the environment is that of who asks' "$(cat "$GH_WORLD/plain")" 'TRUST_UNDEFINED'
like 'it is' "$(cat "$GH_WORLD/o2")" GOODSIG
same 'an expired certificate' ../data ../old -
like 'and expired it is' "$(cat "$GH_WORLD/o2")" '^\[GNUPG:\] EXPKEYSIG '
same 'twice' ../data ../old -
same 'another signer' ../bob.data ../bob.sig -
like 'who is good too' "$(cat "$GH_WORLD/o2")" GOODSIG
same "one's data, the other's signature" ../bob.data ../sig -
like 'is bad' "$(cat "$GH_WORLD/o2")" BADSIG
TZ=Asia/Tokyo
export TZ
same 'another time zone' ../data ../sig -
unset TZ
same 'arguments in other words' ../data --batch --verify ../sig -
no_out() { verify "$GH_WORLD/sig" - <"$GH_WORLD/data" >&- 2>/dev/null; }
exits 9 'a closed standard output is a failure' no_out
exits 9 'as it is without the verifier' directly no_out
both() { is "$1" "$(shift && "$@" 2>&1)" "$(shift && directly "$@" 2>&1)"; }
both 'git log' git log --format='%h %G? %GS %GK'
both 'git verify-commit' git verify-commit --raw v1^0
both 'git verify-tag' git verify-tag --raw v1
both 'git log --show-signature' git log --show-signature
served
is 'it is still the same verifier' "$(verifier)" "$pid"

# --- not for the verifier -----------------------------------------------------------------
at_data() { verify "$GH_WORLD/sig" "$GH_WORLD/data"; }
not_ok 'data in a file: the direct program' without_direct at_data
ok 'which does it' at_data
preloaded() { MALLOC_ARENA_MAX=1 verify "$GH_WORLD/sig" - <"$GH_WORLD/data"; }
not_ok 'what libraries read when they are loaded differs: the direct program' without_direct preloaded
ok 'which does it' preloaded
limited() { prlimit --cpu=1000 "$GH_BIN/gitsign-hsm" --status-fd=1 --verify "$GH_WORLD/sig" - <"$GH_WORLD/data"; }
not_ok 'a limit: the direct program' without_direct limited
ok 'which does it' limited
cp -R "$GH_WORLD/tree" "$GH_WORLD/other"
foreign() {
	"$GH_WORLD/other/bin/gitsign-hsm" --status-fd=1 --verify "$GH_WORLD/sig" - <"$GH_WORLD/data"
}
ok 'another installation verifies' foreign
chmod 0 "$GH_WORLD/other/libexec/gitsign-hsm/direct"
not_ok 'by its own program' foreign

# --- stopped, killed -----------------------------------------------------------------------
another() { served && [ -n "$(verifier)" ] && [ "$(verifier)" != "$pid" ]; }
kill -STOP "$pid"
ok 'one that is stopped is not waited for' timeout 60 git verify-commit v1^0
ok 'and is replaced' until_true another
gone() { ! kill -0 "$pid" 2>/dev/null; }
ok 'it is no more' until_true gone
pid=$(verifier)
kill -KILL "$pid"
ok 'one that is killed is not missed' git verify-commit v1^0
ok 'and another one comes' until_true another
pid=$(verifier)

# A verification that waits for its data, with the verifier's child at it.
mkfifo "$GH_WORLD/slow"
begin() {
	until_true one_child || bail 'the verifier does not come to rest'
	"$GH_BIN/gitsign-hsm" --status-fd=1 --verify "$GH_WORLD/sig" - <"$GH_WORLD/slow" \
		>"$GH_WORLD/o" 2>"$GH_WORLD/e" &
	front=$!
	exec 8>"$GH_WORLD/slow"
	until_true two_children || bail 'nothing begins'
}
two_children() { [ "$(children "$pid")" -eq 2 ]; }
one_child() { [ "$(children "$pid")" -eq 1 ]; }
# end: gives it what it waits for; its status in $rc.
end() {
	rc=0
	cat "$GH_WORLD/data" >&8
	exec 8>&-
	wait "$front" || rc=$?
}
begin
end
is 'data that comes slowly' "$rc" 0
like 'are good' "$(cat "$GH_WORLD/o")" '^\[GNUPG:\] GOODSIG '
begin
kill -TERM "$front"
wait "$front" 2>/dev/null
if thread_sanitized; then
	skip 'the thread sanitizer keeps SIGIO back while it reads'
else
	ok 'who asked is gone: the child ends' until_true one_child
fi
exec 8>&-
begin
at=$(ps -o pid= --ppid "$pid" | tr '\n' ' ')
# shellcheck disable=SC2086
kill -STOP $at
sleep 0.3
# shellcheck disable=SC2086
kill -CONT $at
end
is 'a child that was stopped meanwhile goes on' "$rc" 0
begin
kill -KILL "$pid"
until_true gone
end
is 'the verifier is killed with a child at work: that brings it to its end' "$rc" 0
like 'as good' "$(cat "$GH_WORLD/o")" '^\[GNUPG:\] GOODSIG '
ok 'the next one is served again' until_true another
pid=$(verifier)
begin
# shellcheck disable=SC2046
kill -KILL $(ps -o pid= --ppid "$pid")
rc=0
wait "$front" || rc=$?
exec 8>&-
is 'the child itself is killed: not verified' "$rc" 9
like 'it says so' "$(cat "$GH_WORLD/e")" "cannot verify: the agent's verifier ended"
is 'and nothing is claimed' "$(cat "$GH_WORLD/o")" ''
ok 'the next one is served again' until_true served
pid=$(verifier)

# Ctrl-C: SIGINT to git's process group, with a program that gives the front slow data.
printf '#!/bin/sh\nexec "%s" "$@" <"%s"\n' "$GH_BIN/gitsign-hsm" "$GH_WORLD/slow" >"$GH_WORLD/late"
chmod 755 "$GH_WORLD/late"
until_true one_child
perl -e '$SIG{INT} = "DEFAULT"; setpgrp; exec @ARGV' git -c gpg.x509.program="$GH_WORLD/late" \
	verify-commit v1^0 >"$GH_WORLD/o" 2>&1 &
front=$!
exec 8>"$GH_WORLD/slow"
until_true two_children || bail 'nothing begins'
kill -INT "-$front"
rc=0
wait "$front" || rc=$?
is 'git is interrupted' "$rc" 130
if thread_sanitized; then
	skip 'the thread sanitizer keeps SIGIO back while it reads'
else
	ok 'and nothing of it stays' until_true one_child
fi
exec 8>&-
is 'nor is anything said' "$(cat "$GH_WORLD/o")" ''
ok 'the next one is served' served
is 'by the same verifier' "$(verifier)" "$pid"

# --- an update -----------------------------------------------------------------------------
pid=$(verifier)
cp "$direct" "$direct.new"
mv "$direct.new" "$direct"
ok 'the program is replaced: verified all the same' git verify-commit v1^0
replaced() { git verify-commit v1^0 && [ "$(verifier)" != "$pid" ] && served; }
ok 'and a new verifier comes' until_true replaced
pid=$(verifier)

# --- many ----------------------------------------------------------------------------------
fds() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
memory() { awk '/^RssAnon:/ { print $2 }' "/proc/$pid/status"; }
n=0
many() {
	local i=0
	while [ $i -lt "$2" ]; do
		verify "$GH_WORLD/sig" - <"$GH_WORLD/data" >"$GH_WORLD/many.$1" 2>/dev/null || return 1
		i=$((i + 1))
	done
}
at_once() {
	local p all='' rc=0
	for n in 1 2 3 4; do
		many $n "$1" &
		all="$all $!"
	done
	for p in $all; do wait "$p" || rc=1; done
	return $rc
}
at_once 10
until_true one_child
if [ -r "/proc/$pid/fd/0" ]; then before=$(fds); else before=; fi
memory=$(memory)
ok '1000 verifications, four at once' at_once 250
is 'by the same verifier' "$(verifier)" "$pid"
ok 'no child is left, dead or alive' until_true one_child
if [ -n "$before" ]; then
	is 'nor a descriptor' "$(fds)" "$before"
else
	skip "only root can look at the verifier's descriptors"
fi
if sanitized; then
	skip 'the sanitizer keeps what is freed'
else
	ok 'nor has it grown' test "$(memory)" -le "$((memory + 256))"
fi

# --- taken away -----------------------------------------------------------------------------
pid=$(verifier)
mv "$direct" "$direct.away"
missed() { plainly; [ ! -e "$XDG_RUNTIME_DIR/gitsign-hsm/verify" ]; }
ok 'where the program is gone for good nobody waits for it' until_true missed
mv "$direct.away" "$direct"
ok 'the direct program does it' plainly
agent_end
ok 'and the next agent' until_true served
pid=$(verifier)

# --- the end -------------------------------------------------------------------------------
ok 'a locked agent' agent lock
ok 'still verifies' served
agent_end
ok 'with the agent the verifier ends' until_true gone
ok 'its socket is gone' test ! -e "$XDG_RUNTIME_DIR/gitsign-hsm/verify"
done_testing
