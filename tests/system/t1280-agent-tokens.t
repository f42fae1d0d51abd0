#!/bin/sh
# The agent and real tokens that go away and come back: SoftHSM, NSS softokn, a TPM (swtpm)
# that is killed and started again. The same agent signs before and after.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"
agent_world
cd .. || bail 'cd'
. "${GH_SRC:-tests}/system/tokens-lib.sh"
nss='' nss_args='' tpm='' # which it sets
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" # those modules keep what they like
git config --global hsm.agent required
git config --global hsm.timeout 20
printf 'test1234\n' >token.pin && chmod 600 token.pin
printf 'wrong123\n' >wrong.pin && chmod 600 wrong.pin

# The PIN, and a line for each time that it was given.
cat >give <<-EOF2
	#!/bin/sh
	echo given >>$GH_WORLD/given
	cat "\$1"
EOF2
chmod 700 give
given() {
	cat given 2>/dev/null | wc -l | tr -d ' '
	: >given
}
pin_from() {
	git config --global hsm.pinSource "command:$GH_WORLD/give $1"
	: >given
}
good() { # DESCRIPTION: the last signature verifies
	ok "$1" "$GH_BIN/gitsign-hsm" --status-fd=1 --verify one.sig payload
}
sign() { raw payload >one.sig; }

# goes NAME AWAY BACK: what an agent makes of a token that is taken and put back; AWAY and BACK
# are commands. Its key is the one that hsm.key names.
goes() {
	local pid
	agent_end
	: >given
	ok "$1: a signature" sign
	ok "$1: and one more" sign
	is "$1: one PIN" "$(given)" 1
	pid=$(agent_pid)
	$2
	not_ok "$1: away, nothing is signed" sign
	is "$1: nothing is handed out" "$(wc -c <one.sig | tr -d ' ')" 0
	like "$1: it says why" "$(cat "$GH_ERR")" '^gitsign-hsm: .*(sees no token|no key on the tokens|failed: )'
	$3
	: >given
	ok "$1: put back, the next signature works" sign
	good "$1: it is good"
	is "$1: with one PIN" "$(given)" 1
	# The agent may not have looked while the token was away.
	$2
	$3
	ok "$1: away and back between two signatures" sign
	good "$1: good too"
	is "$1: it is the same agent" "$(agent_pid)" "$pid"
}
# keeps NAME: PIN and lock.
keeps() {
	agent_end
	pin_from "$GH_WORLD/wrong.pin"
	exits 5 "$1: not with a wrong PIN" sign
	exits 5 "$1: nor the second time" sign
	like "$1: which the token does not see again" "$(cat "$GH_ERR")" 'not sent again'
	pin_from "$2"
	ok "$1: with the right one" sign
	good "$1: it is good"
	ok "$1: locked" agent lock
	exits 5 "$1: it signs nothing" sign
	ok "$1: unlocked" agent unlock
	: >given
	ok "$1: it signs" sign
	is "$1: for a PIN" "$(given)" 1
}
# a_key NAME TOKEN: a key with a certificate on this token, which the configuration uses.
a_key() {
	gh_setup gitsign-hsm key generate --token "$2" --label "$1" --type p256
	gitsign-hsm cert self-sign --store --email "$1@example.com" "$1" >"$1.pem" 2>setup.log ||
		bail "cert self-sign: $(cat setup.log)"
	git config --global hsm.key "$1@example.com"
	git config --global hsm.roots "$GH_WORLD/$1.pem"
}

# --- SoftHSM ------------------------------------------------------------------------------
away() { mv tokens tokens.away && mkdir tokens; }
back() { rmdir tokens && mv tokens.away tokens; }
pin_from "$GH_PIN_FILE"
goes SoftHSM away back
keeps SoftHSM "$GH_PIN_FILE"

# --- NSS -----------------------------------------------------------------------------------
if nss_here; then
	agent_end
	nss_make token.pin
	pin_from "$GH_WORLD/token.pin"
	git config --global hsm.module "$nss"
	git config --global hsm.moduleArgs "$nss_args"
	a_key nss 'NSS Certificate DB'
	# It has the database open, and signs with what it has: until its process is another.
	nss_away() { mv nss nss.away && kill -9 "$(agent_worker)"; }
	nss_back() { mv nss.away nss; }
	goes NSS nss_away nss_back
	keeps NSS "$GH_WORLD/token.pin"
	git config --global --unset hsm.moduleArgs
else
	skip 'NSS (libnss3, libnss3-tools) is not here' 21
fi

# --- a TPM ------------------------------------------------------------------------------------
if tpm_here; then
	agent_end
	tpm_make test1234
	# Whoever takes its power away may be guessing, it thinks, and locks after three times.
	gh_setup tpm2_dictionarylockout --setup-parameters --max-tries=100 --recovery-time=1 \
		--lockout-recovery-time=1
	pin_from "$GH_WORLD/token.pin"
	git config --global hsm.module "$tpm"
	a_key tpm tpm
	tpm_away() { stop_tpm -KILL; }
	goes TPM tpm_away start_tpm
	keeps TPM "$GH_WORLD/token.pin"
else
	skip 'a TPM (swtpm, tpm2-abrmd, libtpm2-pkcs11-1, libtpm2-pkcs11-tools) is not here' 21
fi
agent_end
done_testing
