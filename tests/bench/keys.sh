# keys.sh: a token with many keys. Sourced by run.sh.
#
# Without the agent a signature pays for what the module does with every object when it
# starts, and so does a raw process: that is the reference. With the agent it must not
# matter how many there are.
# shellcheck shell=sh disable=SC2154
echo "# a token with many keys"
[ -e .git ] || gh_setup git init -q .
ours="$GH_BIN/gitsign-hsm --status-fd=2 -bsau $fp"

# many N: the token `world' with N keys, each with its certificate; $with is how a command is
# told so, with an agent of its own.
many() {
	mkdir -p "many-$1"
	mkdir -m 700 "run-$1"
	cp -R tokens/. "many-$1"
	sed "s|^directories.tokendir.*|directories.tokendir = $GH_WORLD/many-$1|" \
		"$SOFTHSM2_CONF" >"many-$1.conf"
	with="SOFTHSM2_CONF=$GH_WORLD/many-$1.conf XDG_RUNTIME_DIR=$GH_WORLD/run-$1"
	gh_setup env $with "$build/bench/mk-keys" "$GH_MODULE" world "$GH_PIN_FILE" $(($1 - 1))
	gh_at_exit "env $with $GH_BIN/gitsign-hsm agent stop >/dev/null 2>&1"
}
# keys N RUNS: the rows of a token with so many.
keys() {
	many "$1"
	git config --global hsm.agent off
	raw="$with $GH_TOOLS/p11-raw $GH_MODULE world $GH_PIN_FILE $uri"
	turns "$2" "$with $ours" "$raw" "$with $GH_BIN/gitsign-hsm key list" \
		"$with $GH_BIN/gitsign-hsm token list" "$ours"
	row "keys-$1/sign" "$(turn 1)" "$(turn 2)" ms \
		"one signature, no agent, $1 keys on the token : a raw PKCS#11 process, the same token"
	row "keys-$1/sign-1" "$(turn 1)" "$(turn 5)" ms \
		"one signature, no agent, $1 keys on the token : one key on the token"
	row "keys-$1/key-list" "$(turn 3)" "$(turn 2)" ms \
		"key list, $1 keys on the token : a raw PKCS#11 process, the same token"
	row "keys-$1/token-list" "$(turn 4)" "$(turn 2)" ms \
		"token list, $1 keys on the token : a raw PKCS#11 process, the same token"
	git config --global hsm.agent auto
	turns 40 "$with $ours" "$ours"
	row "keys-$1/agent" "$(turn 1)" "$(turn 2)" ms \
		"one signature, agent, $1 keys on the token : one key on the token"
	git config --global hsm.agent off
}
gh_at_exit '"$GH_BIN/gitsign-hsm" agent stop >/dev/null 2>&1'
keys 200 10
keys 1000 3
"$GH_BIN/gitsign-hsm" agent stop >/dev/null
