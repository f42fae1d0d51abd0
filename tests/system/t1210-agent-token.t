#!/bin/sh
# The agent and tokens that go wrong: PINs sent once, hangs, crashes, sessions that end.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

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
git config --global hsm.timeout 2
git config --global hsm.key ''
(umask 077 && printf 'not-it' >"$GH_WORLD/wrong")

# mock WORDS: how the module behaves from here on; no calls are counted yet.
mock() {
	printf '%s\n' "$1" >"$MOCK_P11_FILE"
	: >"$MOCK_P11_LOG"
}
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
is 'without a search for the key, a login or a module that starts' \
	"$(grep -cv '^C_Sign\(Init\)\?$' "$MOCK_P11_LOG")" 0
for rv in 0x60 0xb3 0x30 0x32 0xe0 0x5; do
	mock "C_SignInit=$rv"
	exits 6 "a token that fails for good ($rv) signs nothing" raw
	is 'it was asked twice, by two processes' "$(calls C_SignInit) $(calls C_Initialize)" '2 1'
	mock ''
	ok 'mended, the next signature works' raw
done

# --- hangs and crashes -------------------------------------------------------------------
pid=$(agent_pid)
for f in C_Sign C_SignInit; do
	mock "$f=hang"
	exits 6 "a module that hangs in $f is given up" raw
	like 'it says so' "$(cat "$GH_ERR")" 'did not answer within 2 seconds'
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
exits 6 'a module that hangs in C_Login is given up' raw
mock ''
ok 'and replaced' raw
isnt 'the agent was another one' "$(agent_pid)" "$pid"
mock C_Sign=print
ok 'what a module prints reaches nobody' raw
is 'not even on standard error' "$(grep -cv '^\[GNUPG:\] ' "$GH_ERR")" 0
mock sign-garbage
exits 6 'a signature that does not verify is not handed out' raw
is 'nothing is written' "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
done_testing
