#!/bin/sh
# What may only grow: the policy's serial and the receive time.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
state=$GH_WORLD/server/gitsign-hsm

# serial N [SED]: the policy with that serial.
serial() {
	{
		hk_head | sed "s/version = 1/&\n\tserial = $1/"
		hk_rules
	} | sed "${2:-}" >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}

# --- serial ------------------------------------------------------------------------
hk_commit 'one'
accepted 'a policy without a serial is not remembered' origin main
not_ok 'nothing is' test -e "$state/policy-serial"
serial 12
hk_commit 'two'
accepted 'one with a serial is' origin main
hk_commit 'three'
accepted 'the same again is let in' origin main
serial 12 's:heads/tip/:heads/tips/:'
hk_commit 'four'
refused 'another text of the same serial is refused' 'write serial = 13' origin main
like 'and why' "$(said | tr '\n' ' ')" 'has changed, but its serial has not'
serial 13 's:heads/tip/:heads/tips/:'
accepted 'with a new serial it is let in' origin main
serial 12
hk_commit 'five'
refused 'an older policy is refused' 'serial 13 was in$|already' origin main
hk_policy
refused 'so is one without a serial' 'has serial 0' origin main
gh_run "$GH_BIN/gitsign-hsm" hook status "$GH_WORLD/server"
is 'hook status calls it a problem' "$GH_STATUS" 3
like 'in the same words' "$(tr '\n' ' ' <"$GH_OUT")" 'has serial 0'
serial 12
before=$(grep ' p ' "$state/record")
exits 3 'no record is made anew by an older one' "$GH_BIN/gitsign-hsm" record rebuild "$GH_WORLD/server"
like 'for the same reason' "$(cat "$GH_ERR")" 'serial 13 was in force'
is 'and it is as it was' "$(grep ' p ' "$state/record")" "$before"
serial 14
accepted 'one with a higher serial is let in' origin main
cat "$GH_WORLD/ca/root.pem" >>"$GH_WORLD/ca/root.pem.new"
cat "$GH_WORLD/ca/root.pem.new" "$GH_WORLD/ca/root.pem" >"$GH_WORLD/ca/both.pem"
mv "$GH_WORLD/ca/both.pem" "$GH_WORLD/ca/root.pem"
chmod 644 "$GH_WORLD/ca/root.pem"
hk_commit 'six'
refused 'other anchors are another policy' 'trust anchors' origin main
mv "$GH_WORLD/ca/root.pem.new" "$GH_WORLD/ca/root.pem"
chmod 644 "$GH_WORLD/ca/root.pem"
accepted 'the old ones are the old one' origin main
echo 'v1 99' >"$state/policy-serial"
hk_commit 'seven'
refused 'a damaged file refuses' 'damaged: make sure' origin main
rm "$state/policy-serial"
accepted 'and is made anew when it was removed' origin main

# Lists come and go, the serial stays.
cat >"$GH_WORLD/ca/crl.cnf" <<EOF
[ca]
default_ca = x
[x]
database = $GH_WORLD/ca/index
default_md = sha256
crl_extensions = ext
[ext]
authorityKeyIdentifier = keyid:always
EOF
: >"$GH_WORLD/ca/index"
list() {
	gh_setup openssl ca -config "$GH_WORLD/ca/crl.cnf" -cert "$GH_WORLD/ca/root.pem" \
		-keyfile "$GH_WORLD/ca/root.key" -gencrl -crlsec "$1" -out "$GH_WORLD/ca/root.crl"
	chmod 644 "$GH_WORLD/ca/root.crl"
}
list 90000
serial 15 "s|^	roots = .*|&\n	crl = $GH_WORLD/ca/root.crl|"
hk_commit 'eight'
accepted 'a policy with a list' origin main
list 90001
hk_commit 'nine'
accepted 'a new list needs no new serial' origin main

# --- the clock ----------------------------------------------------------------------
last=$(grep -c ' p ' "$state/record")
now=$(date +%s)
hk_received "$last" $((now + 300))
hk_commit 'ten'
accepted 'a clock that is a little behind needs no word' origin main
is 'and time does not go back' "$(grep ' p ' "$state/record" | tail -n 1 | cut -d' ' -f4)" $((now + 300))
last=$((last + 1))
hk_received "$last" 4102444800 # in 2100
hk_commit 'eleven'
refused 'a push after one by a wrong clock counts as received then' 'expired at|out of date since' \
	origin main
like 'it says that the clock is behind' "$(said | tr '\n' ' ')" \
	"entry $last +of the record was +received at +2100-01-01T00:00:00Z"
like 'and what to do' "$(said | tr '\n' ' ')" "git config +hsm.clockReset $last"
gh_run "$GH_BIN/gitsign-hsm" hook status "$GH_WORLD/server"
like 'hook status says so too' "$(tr '\n' ' ' <"$GH_OUT")" "git config hsm.clockReset $last"
git -C "$GH_WORLD/server" config hsm.clockReset "$last"
gh_run "$GH_BIN/gitsign-hsm" hook status "$GH_WORLD/server"
unlike 'and no more after that' "$(cat "$GH_OUT")" 'clockReset'
accepted 'after that it is let in' origin main
entry=$(grep ' p ' "$state/record" | tail -n 1 | cut -d' ' -f4)
ok 'with the right time' test "$entry" -lt $((now + 3600))
last=$((last + 1))
hk_received "$last" 4102444800
hk_commit 'twelve'
refused 'that was for the past only' "hsm.clockReset $last|expired|out of date" origin main
git -C "$GH_WORLD/server" config hsm.clockReset $((last + 1))
refused 'entries to come cannot be left out' 'git config +--unset hsm.clockReset|hsm.clockReset is' origin main
git -C "$GH_WORLD/server" config hsm.clockReset soon
refused 'it is a number' 'not the number of an entry' origin main
git -C "$GH_WORLD/server" config hsm.clockReset "$last"
accepted 'a new number is a new beginning' origin main

done_testing
