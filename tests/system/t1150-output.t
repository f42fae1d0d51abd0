#!/bin/sh
# What a verb prints is whole, or there is none and a reason: the disk is full, the token fails in
# the middle. And a token is made of the one blank token that is there, not of one of several.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
PATH=$GH_BIN:$PATH
gh_key alice EC:prime256v1 alice@example.com
gh_use alice
gh_repo work
cd work || bail cd
gh_setup git commit -q -S --allow-empty -m one
gh_setup gitsign-hsm policy init --roots "$GH_ROOTS" --signer a=alice@example.com -o ../policy
gh_setup gitsign-hsm key generate --token world --label good
export XDG_RUNTIME_DIR="$GH_WORLD/run"
mkdir -m 700 "$XDG_RUNTIME_DIR"
git config --global user.email alice@example.com

# --- a full disk ------------------------------------------------------------------
lost='the result could not be written'
lists="--version
--help
--list-secret-keys --with-colons
token list
token list --json
key list --json
key check good
key check --json good
cert request alice
cert self-sign alice
verify HEAD
verify --json HEAD
policy check ../policy
policy explain --policy ../policy refs/heads/main
record list --help
agent --help"
if [ -w /dev/full ]; then
	echo "$lists" >../lists
	while read -r words; do
		# shellcheck disable=SC2086
		ok "$words" gitsign-hsm $words </dev/null
		isnt "$words: prints" "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
		# shellcheck disable=SC2016
		exits 9 "$words: a full disk" sh -c 'gitsign-hsm "$@" </dev/null >/dev/full' sh $words
		like "$words: is told" "$(cat "$GH_ERR")" "^gitsign-hsm: $lost: No space left"
	done <../lists
	for words in --version --help 'capability' 'status --json'; do
		# shellcheck disable=SC2086
		ok "credential helper: $words" git-credential-hsm $words
		# shellcheck disable=SC2016
		exits 9 "credential helper: $words: a full disk" \
			sh -c 'git-credential-hsm "$@" >/dev/full' sh $words
		like "credential helper: $words: is told" "$(cat "$GH_ERR")" \
			"^git-credential-hsm: $lost: No space left"
	done
	# What doctor has found is lost with it.
	exits 9 'doctor' sh -c 'gitsign-hsm doctor >/dev/full'
	like 'doctor: is told' "$(cat "$GH_ERR")" "$lost"
else
	skip 'no /dev/full' 78
fi

# --- a token that fails in the middle --------------------------------------------------
gh_setup openssl ecparam -name prime256v1 -genkey -noout -out ../mock.key
gh_setup openssl req -new -x509 -key ../mock.key -subj /CN=mock -days 9 -out ../mock.pem
export MOCK_P11_CERT="$GH_WORLD/mock.pem"
export MOCK_P11_KEY="$GH_WORLD/mock.key" MOCK_P11_LOG="$GH_WORLD/mock.log"
mock() { # FAULTS WORDS...
	local faults
	faults=$1
	shift
	env MOCK_P11="$faults" gitsign-hsm "$@" --module "$GH_TOOLS/mock-p11.so"
}
for v in 'key list --json' 'key list'; do
	# shellcheck disable=SC2086
	ok "$v" mock '' $v
	like "$v: it is there" "$(cat "$GH_OUT")" mock
	for f in C_OpenSession C_FindObjectsInit C_FindObjects C_GetAttributeValue; do
		# shellcheck disable=SC2086
		not_ok "$v: $f fails" mock "$f=0x30" $v
		is "$v: $f: nothing is printed" "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
		like "$v: $f: why" "$(cat "$GH_ERR")" '^gitsign-hsm: .*DEVICE_ERROR'
	done
done

# --- blank tokens ------------------------------------------------------------------------
printf '12345678\n' >../so && chmod 600 ../so
init() {
	: >"$MOCK_P11_LOG"
	mock "$1" token init --label new --pin-source "file:$GH_PIN_FILE" --so-pin-source "file:$GH_WORLD/so"
}
exits 6 'no blank token' init ''
like 'none: it says so' "$(cat "$GH_ERR")" 'no blank token is here'
exits 6 'two of them' init blank-2
like 'two: what to do' "$(cat "$GH_ERR")" '2 blank tokens are here: leave one of them in'
is 'two: neither was touched' "$(grep -c C_InitToken "$MOCK_P11_LOG")" 0
exits 6 'one, and its module cannot do it' init blank
like 'one: it is tried' "$(cat "$GH_ERR")" 'initialise'
unlike 'one: it is seen' "$(cat "$GH_ERR")" 'blank token'
# SoftHSM has one blank token behind all that were made.
for n in $(seq 1 64); do
	softhsm2-util --init-token --free --label "t$n" --so-pin 12345678 --pin "$GH_PIN" >/dev/null || bail init
done
ok 'a blank one behind many tokens' gitsign-hsm token init --label last \
	--pin-source "file:$GH_PIN_FILE" --so-pin-source "file:$GH_WORLD/so"
is 'it is listed, too' "$(gitsign-hsm token list --brief | grep -c '^last	')" 1
done_testing
