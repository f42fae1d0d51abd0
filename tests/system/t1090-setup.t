#!/bin/sh
# setup finds the module by itself, and asks when there are several; a module that hangs,
# crashes or is none does not stop it.
. "${GH_SRC:-tests}/system/lib.sh"
gh_need expect
gh_world
gh_key alice EC:prime256v1 alice@example.com
PATH=$GH_BIN:$PATH
git config --global --unset hsm.module
git config --global user.email alice@example.com
exits 7 'no repository is here' gitsign-hsm setup
like 'it says what to do' "$(cat "$GH_ERR")" 'no repository is here: go to one, or give --global'
is 'before it asks anything of a token' "$(cat "$GH_OUT")" ''
gh_repo work
cd work || bail cd
exits 7 "another user's repository" env GIT_TEST_ASSUME_DIFFERENT_OWNER=1 gitsign-hsm setup
like 'it says so' "$(cat "$GH_ERR")" 'another user owns this repository.*safe.directory'
is 'before it asks anything, too' "$(cat "$GH_OUT")" ''
ok 'setup without a path' gitsign-hsm setup
like 'says what it found' "$(cat "$GH_ERR")" 'PKCS#11 module: .*softhsm.*token "world"'
like 'and keeps it' "$(git config --local hsm.module)" 'softhsm'
unlike 'nothing is said of anchors' "$(cat "$GH_OUT")" 'work tree'
ok 'undo' gitsign-hsm setup --undo
ok 'anchors from elsewhere' gitsign-hsm setup --roots "$GH_ROOTS"
unlike 'nothing is said of them' "$(cat "$GH_OUT")" 'work tree'
ok 'undo' gitsign-hsm setup --undo
cp "$GH_ROOTS" here.pem
ok 'anchors that a pull can exchange' gitsign-hsm setup --roots here.pem
like 'it is told' "$(cat "$GH_OUT")" "note: $PWD/here.pem is a file of the work tree"
ok 'undo' gitsign-hsm setup --undo
rm here.pem


# The other verbs find it in the same way, and print it where it does no harm.
ok 'token list without a module' gitsign-hsm token list --json
is 'finds the token' "$(perl -MJSON::PP -0e 'print map { $_->{label} } @{decode_json(<>)}' <"$GH_OUT")" world
ok 'key list without a module' gitsign-hsm key list
like 'finds the key' "$(cat "$GH_OUT")" '/CN=alice'
ok 'token init without a module' gitsign-hsm token init --label fresh \
	--pin-source "file:$GH_PIN_FILE" --so-pin-source "file:$GH_PIN_FILE"
ok 'its token is there' sh -c 'gitsign-hsm token list --brief | grep -q "^fresh"'
rm -rf "$GH_WORLD"/tokens/*
exits 3 'no token at all' gitsign-hsm token list
exits 3 'no place for tokens' env SOFTHSM2_CONF=/dev/null gitsign-hsm token list
like 'a module is named once, with its own words' "$(cat "$GH_ERR")" \
	'^  [^ ]*libsofthsm2.so: C_Initialize failed: CKR_GENERAL_ERROR'
gh_token world
gh_key alice EC:prime256v1 alice@example.com

own=$HOME/.config/pkcs11/modules
mkdir -p "$own"
module() { # NAME PATH
	printf '# a module\nmodule:  %s\npriority: 1\n' "$2" >"$own/$1.module"
}
# The mock is the same file by two names: one sound, one that goes wrong.
openssl ecparam -name prime256v1 -genkey -noout -out ../mock.key
export MOCK_P11_KEY="$GH_WORLD/mock.key"
cp "$GH_TOOLS/mock-p11.so" ../mock.so
module mock "$GH_WORLD/mock.so"
exits 3 'two have a token, and nobody can choose' gitsign-hsm setup
like 'they are listed' "$(cat "$GH_ERR")" "--module $GH_WORLD/mock.so +\\(token \"mock\"\\)"
like 'with their tokens' "$(cat "$GH_ERR")" '--module .*softhsm.* \(token "world"\)'
is 'nothing was changed' "$(git config --local hsm.module || echo none)" none
pick() { # ANSWER
	GH_ANSWER=$1 expect -f - >../seen 2>&1 <<'SCRIPT'
set timeout 100
spawn gitsign-hsm setup
expect {
	"Which one?" {}
	timeout { exit 97 }
	eof { exit 98 }
}
set which [regexp -inline {([0-9])  [^\n]*softhsm} $expect_out(buffer)]
if {$env(GH_ANSWER) == "softhsm"} { send "[lindex $which 1]\r" } else { send "$env(GH_ANSWER)\r" }
expect eof
exit [lindex [wait] 3]
SCRIPT
}
exits 3 'a choice that is none' pick 9
ok 'a choice' pick softhsm
like 'is kept' "$(git config --local hsm.module)" 'softhsm'
ok 'undo' gitsign-hsm setup --undo

export MOCK_P11_FILE="$GH_WORLD/faults"
for f in C_GetSlotList=crash no-slots version-9 C_Initialize=0x30; do
	printf '%s\n' "$f" >../faults
	ok "a module beside it: $f" gitsign-hsm setup
	like 'ours is found' "$(git config --local hsm.module)" 'softhsm'
	gh_setup gitsign-hsm setup --undo
done
echo C_GetTokenInfo=print >../faults
exits 3 'a module that prints' gitsign-hsm setup
like 'is a choice all the same' "$(cat "$GH_ERR")" 'mock.so +\(token "mock"\)'
# Google's module gives its tokens no label unless told to.
echo label-none,pin-none >../faults
exits 3 'a token without a label' gitsign-hsm setup
like 'is a choice too' "$(cat "$GH_ERR")" 'mock.so +\(token ""\)'
echo blank >../faults
ok 'a blank token is none' gitsign-hsm setup
gh_setup gitsign-hsm setup --undo
echo C_Initialize=0x30 >../faults

module none "$GH_WORLD/ca/root.pem"
module gone "$GH_WORLD/nowhere.so"
cp "$GH_TOOLS/mock-p11.so" ../p11-kit-proxy.so
module proxy "$GH_WORLD/p11-kit-proxy.so"
rm "$own/mock.module"
: >../faults
ok 'what is no module, or not there, or stands for others' gitsign-hsm setup
gh_setup gitsign-hsm setup --undo
export SOFTHSM2_CONF=/dev/null
module mock "$GH_WORLD/mock.so"
git config --global hsm.timeout 600 # what hangs is given up earlier than that
for f in 'C_Initialize=0x30:.*CKR_DEVICE_ERROR' 'C_GetSlotList=crash:crashed .signal 6' \
	'no-slots:no token that is init' 'C_Initialize=hang:did not answer in time'; do
	echo "${f%%:*}" >../faults
	exits 3 "no token anywhere: ${f%%:*}" timeout 300 gitsign-hsm setup
	like 'it says why' "$(cat "$GH_ERR")" "mock.so: ${f#*:}"
done
like 'and what to do' "$(cat "$GH_ERR")" 'token init'
done_testing
