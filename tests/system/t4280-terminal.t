#!/bin/sh
# git-credential-hsm on a terminal: the PIN, the code and its QR code, also when standard error is
# thrown away.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
gh_need expect
cred_repo demo.git
gh_keypair svc EC:prime256v1
gh_certificate svc svc@example.com 'extendedKeyUsage=clientAuth' 'subjectAltName='
gh_store "$GH_WORLD/keys/svc.pem" svc
oidc_start "id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)" \
	'id=mtls grants=client_credentials auth=tls_client_auth dn=CN=svc' 'id=cli grants=device_code' \
	"id=proven grants=device_code,refresh_token auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
GIT_TERMINAL_PROMPT=1
export GIT_TERMINAL_PROMPT
git config --global hsm.pinSource prompt

# git has a request behind a verb; on a terminal a verb that is none was mistyped.
GH_HELPER=$CRED_HELPER expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn $env(GH_HELPER) stauts
expect eof
exit [lindex [wait] 3]
SCRIPT
is 'a mistyped verb' "$?" 2
like 'it is told' "$(cat "$GH_WORLD/seen")" 'stauts is not a verb'

cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore none
set_to() {
	git config --global "credential.$GIT_URL.$1" "$2"
}
# with_pin PIN: git on a terminal of its own; the PIN comes after two seconds.
with_pin() {
	GH_KEYS="$1
" GH_URL="$GIT_URL/demo.git" expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn git ls-remote -q $env(GH_URL)
expect {
	"PIN for token" { expect ": "; sleep 2; send -- $env(GH_KEYS) }
	timeout { exit 97 }
	eof { exit 98 }
}
expect { timeout { exit 99 } eof {} }
exit [lindex [wait] 3]
SCRIPT
}
start=$(date +%s)
ok 'the PIN is asked for' with_pin "$GH_PIN"
unlike 'without an echo' "$(cat "$GH_WORLD/seen")" "$GH_PIN"
iat=$(srv oidc last path=/token | cred_field client_assertion | cut -d. -f2 |
	perl -MMIME::Base64=decode_base64url -ne 'print decode_base64url($_)' | sed 's/.*"iat":\([0-9]*\).*/\1/')
ok 'what is signed has the time after it' test "$iat" -ge $((start + 2 - 5))
not_ok 'a wrong PIN' with_pin 00000000
like 'is told' "$(cat "$GH_WORLD/seen")" 'git-credential-hsm: .*the PIN is wrong'
set_to hsmClientId mtls
set_to hsmClientAuth tls_client_auth
ok 'the PIN for TLS' with_pin "$GH_PIN"
unlike 'without an echo' "$(cat "$GH_WORLD/seen")" "$GH_PIN"
not_ok 'a wrong one' with_pin 00000000
is 'is asked for once' "$(grep -c 'PIN for token' "$GH_WORLD/seen")" 1
like 'and told' "$(cat "$GH_WORLD/seen")" 'does not take the PIN'
git config --global "credential.interactive" false
exits 98 'nobody is asked where nobody may be' with_pin "$GH_PIN"
like 'says what to do' "$(cat "$GH_WORLD/seen")" 'set hsm.pinSource'
git config --global --unset credential.interactive
git config --global --unset "credential.$GIT_URL.hsmClientAuth"

# A person whose client has a key: the PIN is for the next access token, too, and nothing else is.
set_to hsmClientId proven
set_to hsmGrant device_code
set_to hsmScope 'openid offline_access read_repository'
set_to hsmStore session
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
git config --global hsm.pinSource "file:$GH_PIN_FILE"
{ cred_until 'a code' grep -q 'enter  ' "$GH_ERR" && srv oidc device >/dev/null; } &
ok 'a person logs in' "$CRED_HELPER" login "$GIT_URL"
git config --global hsm.pinSource prompt
renewed() {
	cred_ask erase protocol=https "host=${GIT_URL#https://}" \
		"password=$(srv oidc issued what=access_token | tail -n 1)"
	with_pin "$1"
}
before=$(requests)
ok 'the PIN is asked for when the access token is renewed' renewed "$GH_PIN"
is 'by one request' "$(requests)" $((before + 1))
not_ok 'a wrong one' renewed 00000000
like 'is told' "$(cat "$GH_WORLD/seen")" 'git-credential-hsm: .*the PIN is wrong'
# The shell that was there before has the terminal back, and nobody sits on the lock.
interrupted() {
	GH_URL="$GIT_URL/demo.git" expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn sh -c "trap : INT; git ls-remote -q \$GH_URL; echo BACK; exec cat"
expect {
	"PIN for token" { expect ": "; send -- "\003" }
	timeout { exit 97 }
	eof { exit 98 }
}
expect { BACK {} timeout { exit 99 } }
foreach lock [glob $env(XDG_RUNTIME_DIR)/gitsign-hsm/fetch-*.lock] {
	if {[catch {exec flock -w 30 $lock true}]} { exit 96 }
}
exit 0
SCRIPT
}
cred_ask erase protocol=https "host=${GIT_URL#https://}" "password=$(srv oidc issued what=access_token | tail -n 1)"
exits 0 'Ctrl-C ends the question' interrupted
git config --global credential.interactive false
exits 98 'nobody is asked where nobody may be' renewed "$GH_PIN"
like 'says what to do' "$(cat "$GH_WORLD/seen")" 'set hsm.pinSource'
git config --global --unset credential.interactive
ok 'the refresh token is good still' renewed "$GH_PIN"
srv oidc clear >/dev/null
# In its last minute the access token is renewed where nobody is asked for it. (This clock is ahead by the rest.)
soon() {
	LD_PRELOAD=$GH_TOOLS/clock.so GH_CLOCK=240 ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 \
		cred_ask get protocol=https "host=${GIT_URL#https://}"
}
ok 'a token that ends soon is given' soon
like 'as it is' "$(cat "$GH_OUT")" "^password=$(srv oidc issued what=access_token | tail -n 1)\$"
is 'and the PIN is no matter yet' "$(cat "$GH_ERR")" ''
git config --global credential.interactive false
ok 'where nobody may be asked' soon
like 'it is told that nobody will be' "$(cat "$GH_ERR")" 'cannot be renewed yet: .*set hsm.pinSource'
git config --global --unset credential.interactive
set_to hsmStore none
set_to hsmScope read_repository
git config --global --unset "credential.$GIT_URL.hsmKey"

# --- the code --------------------------------------------------------------------------
set_to hsmClientId cli
set_to hsmGrant device_code
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
# on_terminal TERM REDIRECTION: the code is seen on the terminal, and answered.
on_terminal() {
	GH_TERM=$1 GH_TO=$2 GH_URL="$GIT_URL/demo.git" GH_CTL="$CRED_DIR/oidc.ctl" \
		expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn env TERM=$env(GH_TERM) sh -c "git ls-remote -q \$GH_URL $env(GH_TO)"
expect {
	-re {enter +([A-Z]+-[A-Z]+)} { set code $expect_out(1,string) }
	timeout { exit 97 }
	eof { exit 98 }
}
exec curl -s --unix-socket $env(GH_CTL) -d user_code=$code http://control/device
expect { timeout { exit 99 } eof {} }
exit [lindex [wait] 3]
SCRIPT
}
ok 'a code on the terminal' on_terminal dumb ''
unlike 'no QR code on one that is dumb' "$(cat "$GH_WORLD/seen")" '▀'
ok 'with a QR code' on_terminal xterm ''
like 'in half blocks' "$(cat "$GH_WORLD/seen")" '▀'
ok 'also when standard error is thrown away' on_terminal dumb '2>/dev/null'
ok 'or kept by whoever started git' on_terminal dumb '2>swallowed'
unlike 'which then has no code' "$(cat swallowed)" 'enter'

done_testing
