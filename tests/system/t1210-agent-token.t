#!/bin/sh
# The agent and tokens that go wrong: PINs sent once, hangs, crashes, sessions that end.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

gh_need expect
agent_world
[ -f "$GH_TOOLS/mock-p11.so" ] || skip_all 'no mock module built'
openssl ecparam -name prime256v1 -genkey -noout -out ../mock.key
openssl pkey -in ../mock.key -pubout -out ../keys/mock.pub
gh_certificate mock alice@example.com
MOCK_P11_KEY=$GH_WORLD/mock.key
MOCK_P11_CERT=$GH_WORLD/keys/mock.pem
MOCK_P11_LOG=$GH_WORLD/mock.log
MOCK_P11_FILE=$GH_WORLD/mock.words
export MOCK_P11_KEY MOCK_P11_CERT MOCK_P11_LOG MOCK_P11_FILE
git config --global hsm.module "$GH_TOOLS/mock-p11.so"
git config --global hsm.agent required
git config --global hsm.key ''
(umask 077 && printf 'not-it' >"$GH_WORLD/wrong")

# mock WORDS: how the module behaves from here on; no calls are counted yet.
mock() {
	printf '%s\n' "$1" >"$MOCK_P11_FILE"
	: >"$MOCK_P11_LOG"
}
# git_config NAME=VALUE... COMMAND: with configuration of a narrower scope.
git_config() {
	(
		n=0
		while [ "${1#*=}" != "$1" ]; do
			export "GIT_CONFIG_KEY_$n=${1%%=*}" "GIT_CONFIG_VALUE_$n=${1#*=}"
			n=$((n + 1))
			shift
		done
		export GIT_CONFIG_COUNT=$n
		"$@"
	)
}
# impatient COMMAND...: who waits three seconds for the token.
impatient() { git_config hsm.timeout=3 "$@"; }
calls() { grep -c "^$1\$" "$MOCK_P11_LOG" || :; }

# --- PINs ------------------------------------------------------------------------
git config --global hsm.pinSource "file:$GH_WORLD/wrong"
mock "pin=$GH_PIN"
exits 5 'a wrong stored PIN signs nothing' raw
like 'the token says that it is wrong' "$(cat "$GH_ERR")" 'PIN is wrong'
exits 5 'nor does it the second time' raw
like 'it is not sent again' "$(cat "$GH_ERR")" 'refused this PIN before: it is not sent again'
exits 128 'nor by another client' commit x
is 'the token has seen it once' "$(calls C_Login)" 1
git config --global hsm.pinSource "file:$GH_PIN_FILE"
ok 'the right one is sent' raw
is 'once, for two signatures' "$(raw >/dev/null 2>&1; calls C_Login)" 2
agent_end
git config --global hsm.pinSource "file:$GH_WORLD/wrong"
mock pin=not-it
ok 'a new agent tries what an old one knew as wrong' raw

agent_end
mock pin-final
exits 5 'a stored PIN is not sent at the last try' raw
like 'it says why' "$(cat "$GH_ERR")" 'one more wrong PIN locks'
is 'the token has seen none' "$(calls C_Login)" 0
mock pin-locked
exits 5 'nor to a token that is locked' raw
is 'which has seen none' "$(calls C_Login)" 0
git config --global hsm.pinSource "file:$GH_PIN_FILE"

# A key that wants the PIN each time, and a login that is good.
for words in each-time-declared each-time; do
	agent_end
	mock "pin=$GH_PIN,$words"
	ok "$words: a session that was logged in to" raw
	mock "pin=$GH_PIN,$words,pin-final"
	exits 5 'a stored PIN is not sent at the last try' raw
	like 'it says why' "$(cat "$GH_ERR")" 'one more wrong PIN locks'
	is 'the token has seen none' "$(calls C_Login)" 0
	mock "pin=$GH_PIN,$words"
	ok 'which over, it is' raw
	mock "pin=$GH_PIN,$words"
	exits 5 'a wrong one signs nothing' git_config hsm.pinSource="file:$GH_WORLD/wrong" raw
	is 'and is seen' "$(calls C_Login)" 1
	exits 5 'nor does it the second time' git_config hsm.pinSource="file:$GH_WORLD/wrong" raw
	like 'as it is known' "$(cat "$GH_ERR")" 'refused this PIN before: it is not sent again'
	is 'and is not seen again' "$(calls C_Login)" 1
done
# The agent knows it, whatever becomes of the process that has sent it.
agent_end
mock "pin=$GH_PIN"
exits 5 'a wrong one' git_config hsm.pinSource="file:$GH_WORLD/wrong" raw
ok 'a right one' raw
kill -9 "$(agent_worker)"
exits 5 'the wrong one to another process' git_config hsm.pinSource="file:$GH_WORLD/wrong" raw
is 'is not sent' "$(calls C_Login)" 2
exits 5 'and the right one is not kept for it' git_config hsm.pinSource="file:/nonexistent" raw
is 'nor sent' "$(calls C_Login)" 2

# --- a session that ends --------------------------------------------------------------
mock "pin=$GH_PIN,login-uses=2"
ok 'a login that is good for two signatures: one' raw
ok 'two' raw
is 'with one PIN' "$(calls C_Login)" 1
ok 'then the PIN is asked for again, and the third is made' raw
is 'with a second PIN' "$(calls C_Login)" 2
mock ''
ok 'a session is open' raw
mock ''
ok 'and is used' raw
# The agent's own look at the session, which may come at any time, reads no attributes.
is 'without a look at keys, a login or a module that starts' \
	"$(grep -c '^C_\(GetAttr\|Login\|OpenS\|Init\|GetT\)' "$MOCK_P11_LOG")" 0
for rv in 0x60 0xb3 0x30 0x32 0xe0 0x5; do
	mock "C_SignInit=$rv"
	exits 6 "a token that fails for good ($rv) signs nothing" raw
	is 'it was asked twice, by two processes' "$(calls C_SignInit) $(calls C_Initialize)" '2 1'
	mock ''
	ok 'mended, the next signature works' raw
done

# --- a session that nobody uses ------------------------------------------------------------
# Each ten seconds the agent asks the token for the key, which keeps the session of one that
# ends those it does not hear of.
asked() { [ "$(calls C_FindObjectsInit)" -ge 1 ]; }
rests() { until_true "$@" || until_true "$@"; }
for words in '' C_GetSessionInfo=null cert-apart; do
	agent_end
	mock "$words"
	ok "a session is open ${words:+with }$words" raw
	worker=$(agent_worker)
	mock "$words"
	ok 'it is kept open' rests asked
	ok 'and signs' raw
	is 'in the same process' "$(agent_worker)" "$worker"
	is 'without another login' "$(calls C_Login)" 0
done
ended() { [ -z "$(agent_worker)" ]; }
for words in C_GetSessionInfo=0xb3 key-hidden; do
	mock ''
	ok 'a session is open' raw
	mock "$words"
	ok "$words: it is known to be gone before it is wanted" rests ended
	mock ''
	ok 'the next signature works' raw
	is 'with one login' "$(calls C_Login)" 1
done

# --- whose deadline ---------------------------------------------------------------------
mock ''
agent_end
ok 'a session that somebody patient opened' raw
mock C_Sign=hang
exits 6 'hangs for somebody who is not' impatient raw
like 'who waits as long as is said here' "$(cat "$GH_ERR")" 'did not answer within 3 seconds'
mock ''
ok 'the next is signed' raw

# --- hangs and crashes -------------------------------------------------------------------
pid=$(agent_pid)
for f in C_Sign C_SignInit; do
	mock "$f=hang"
	exits 6 "a module that hangs in $f is given up" impatient raw
	like 'it says so' "$(cat "$GH_ERR")" 'did not answer within 3 seconds'
	is 'it was not asked again' "$(calls $f)" 1
	mock ''
	ok 'and replaced for the next' raw
	mock "$f=crash"
	exits 6 "a module that crashes in $f signs nothing" raw
	mock ''
	ok 'and is replaced' raw
done
mock C_Login=hang
agent_end
exits 6 'a module that hangs in C_Login is given up' impatient raw
mock ''
ok 'and replaced' raw
isnt 'the agent was another one' "$(agent_pid)" "$pid"
mock C_Sign=print
ok 'what a module prints reaches nobody' raw
is 'not even on standard error' "$(grep -cv '^\[GNUPG:\] ' "$GH_ERR")" 0

# --- a token that takes its time ---------------------------------------------------------
# on_terminal MESSAGE: git commit on a terminal, which gives the PIN when asked; what is
# seen goes into ../seen.
on_terminal() {
	GH_MESSAGE=$1 expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn git commit -q -S --allow-empty -m $env(GH_MESSAGE)
expect {
	"PIN for token" { send -- "$env(GH_PIN)\n"; exp_continue }
	timeout { exit 99 }
	eof {}
}
exit [lindex [wait] 3]
SCRIPT
}
export GH_PIN
agent_end
mock C_Sign=slow
ok 'a token that waits for its owner' on_terminal touch
like 'a reminder is seen' "$(cat ../seen)" 'has not answered yet: does it want to be touched'
mock C_Sign=brief
ok 'one that takes less than a second' on_terminal quick
unlike 'none' "$(cat ../seen)" 'touched'
git config --global hsm.agent off
mock C_Sign=slow
ok 'without the agent: a token that waits' on_terminal touch
is 'a reminder is seen, once' "$(grep -c 'has not answered yet: .*touched, or a PIN on its reader' ../seen)" 1
mock C_Initialize=slow,pin-pad,C_Login=slow
ok 'a pad, and a module that starts slowly' on_terminal pad
is 'one reminder too' "$(grep -c 'a PIN on its reader' ../seen)" 1
mock ''
ok 'one that does not wait' on_terminal quick
unlike 'no reminder' "$(cat ../seen)" 'touched'
git config --global hsm.agent required
git config --global hsm.pinSource prompt
agent_end
mock C_GetTokenInfo=slow
ok 'one that is slow before it wants a PIN' on_terminal slow
like 'reminds' "$(cat ../seen)" 'touched'
like 'and asks' "$(cat ../seen)" 'PIN for token'
is 'the commit is there' "$(git log -1 --format=%s)" slow
git config --global hsm.pinSource "file:$GH_PIN_FILE"

# --- while it does not answer -----------------------------------------------------------------
agent_end
mock ''
ok 'an agent' raw
agent lock && agent unlock
mock C_GetTokenInfo=hang
git_config hsm.timeout=20 raw >/dev/null 2>../hung.err &
hung=$!
in_it() { [ "$(calls C_GetTokenInfo)" -ge 1 ]; }
ok 'a token that does not say what it is' until_true in_it
ok 'does not keep the agent from saying what it does' timeout 10 "$GH_BIN/gitsign-hsm" agent status
like 'nor how' "$(cat "$GH_OUT")" 'modules open: 1,'
ok 'in JSON too' timeout 10 "$GH_BIN/gitsign-hsm" agent status --json
ok 'another token signs meanwhile' git_config hsm.module="$GH_MODULE" hsm.key="$(gh_fp alice)" \
	timeout 10 "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau '' <"$GH_WORLD/payload"
ok 'and who asked for that one still waits' kill -0 $hung
exits 6 'until it is given up' wait $hung
like 'with a word' "$(cat ../hung.err)" 'did not answer within 20 seconds'
mock ''

# --- a token whose PIN nobody gives yet -----------------------------------------------------
waiting() {
	expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn git -c hsm.pinSource=prompt commit -q -S --allow-empty -m waited
expect {
	"PIN for token" { exec touch ../prompted }
	timeout { exit 97 }
}
while {![file exists ../go]} { after 50 }
send -- "$env(GH_PIN)\n"
expect { timeout { exit 99 } eof {} }
exit [lindex [wait] 3]
SCRIPT
}
agent_end
mock ''
rm -f ../go ../prompted
waiting &
waiter=$!
ok 'somebody is asked for a PIN' until_true test -e ../prompted
ok 'another token signs meanwhile' git_config hsm.module="$GH_MODULE" hsm.key="$(gh_fp alice)" \
	timeout 60 "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau '' <"$GH_WORLD/payload"
touch ../go
ok 'the PIN is given' wait $waiter
is 'and that commit signed' "$(git log -1 --format=%s)" waited
is 'each by its own process' "$(agent_worker | wc -w | tr -d ' ')" 2
agent_end
rm -f ../go ../prompted
waiting &
waiter=$!
ok 'asked again' until_true test -e ../prompted
agent lock &
locker=$!
is_locked() { agent status | grep -q 'locked$'; }
ok 'and locked meanwhile' until_true is_locked
touch ../go
exits 128 'the PIN comes too late' wait $waiter
like 'git says why' "$(cat ../seen)" 'agent is locked|failed to sign'
ok 'it is locked' wait $locker
ok 'unlocked' agent unlock

# --- which modules ---------------------------------------------------------------------------
cp "$GH_TOOLS/mock-p11.so" ../own.so
mock ''
exits 3 'a module of the user that only a repository names' \
	git_config hsm.module="$GH_WORLD/own.so" raw
like 'is not loaded by the agent' "$(cat "$GH_ERR")" 'the agent loads modules that only root can change'
ok 'but by the program itself, with auto' git_config hsm.module="$GH_WORLD/own.so" hsm.agent=auto raw
git config --global hsm.module "$GH_WORLD/own.so"
agent_end
ok 'one that the user names is' raw
git config --global hsm.module "$GH_TOOLS/mock-p11.so"
agent_end
mock sign-garbage
exits 6 'a signature that does not verify is not handed out' raw
is 'nothing is written' "$(wc -c <"$GH_OUT" | tr -d ' ')" 0

agent_end
mock login-first
ok 'a token that shows nothing before a login' raw
ok 'and again' raw
is 'was logged in to once' "$(calls C_Login)" 1
exits 4 'a key that is not there' "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau nobody@example.com <../payload
agent_end
mock "login-first,pin=$GH_PIN"
git config --global hsm.pinSource "file:$GH_WORLD/wrong"
exits 5 'nor with a wrong PIN' raw
exits 5 'nor the second time' raw
like 'which is not sent again' "$(cat "$GH_ERR")" 'refused this PIN before: it is not sent again'
is 'the token has seen it once' "$(calls C_Login)" 1
git config --global hsm.pinSource "file:$GH_PIN_FILE"
ok 'with the right one' raw
agent_end
mock login-first,pin-final
exits 5 'a stored PIN is not sent at the last try' raw
is 'to such a token either' "$(calls C_Login)" 0
# Whoever gives the PIN sees what for, and is asked nothing else.
git config --global hsm.pinSource prompt
agent_end
mock login-first
ok 'a PIN that is typed before the key is seen' on_terminal shy
like 'shows what for' "$(cat ../seen)" 'shy'
like 'and is asked for' "$(cat ../seen)" 'PIN for token'
like 'and counts as a yes' "$(tail -n 1 "${XDG_STATE_HOME:-$HOME/.local/state}/gitsign-hsm/agent.log")" '"reason": ?"pin"'
ok 'the next commit of the branch' on_terminal shyer
unlike 'asks for nothing' "$(cat ../seen)" 'PIN for token'
git config --global hsm.pinSource "file:$GH_PIN_FILE"

# PKCS#11 2.40 lets C_Sign leave out a zero at the front of an RSA signature; RFC 8017 does not.
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out ../mock.key 2>/dev/null ||
	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out ../mock.key 2>/dev/null
openssl pkey -in ../mock.key -pubout -out ../keys/mock.pub
(cd .. && gh_certificate mock alice@example.com)
agent_end
mock sign-unpadded
shortened() { # until one was; each has to be good
	local i
	i=0
	until grep -q unpadded "$MOCK_P11_LOG"; do
		raw >/dev/null 2>&1 && [ "$i" -lt 6000 ] || return 1
		i=$((i + 1))
		printf 'tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@example.com> %d +0000\ncommitter A <a@example.com> %d +0000\n\nx\n' \
			"$i" "$i" >../payload
	done
}
ok 'a signature that a token has shortened' shortened
done_testing
