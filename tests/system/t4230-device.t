#!/bin/sh
# git-credential-hsm for a person at another device (RFC 8628), and the refresh tokens after it.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo demo.git
gh_keypair dev EC:prime256v1
oidc_start --ttl 300 'id=cli grants=device_code,refresh_token' \
	"id=keyed grants=device_code,refresh_token auth=private_key_jwt key=$(cred_pub dev)" \
	'id=short grants=device_code'
git_start --scope read_repository
GIT_TERMINAL_PROMPT=1 # somebody is there
export GIT_TERMINAL_PROMPT

cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId cli hsmGrant device_code \
	hsmScope 'openid offline_access read_repository' hsmStore session
# The person answers as soon as there is a code: $1 is deny=1 or nothing.
person() {
	cred_until 'a code' grep -q 'enter  ' "$GH_ERR"
	srv oidc device user_code="$(sed -n 's/^  enter  //p' "$GH_ERR")" "$@" >/dev/null
}
# with_person [ANSWER]: the clone, and the person's answer meanwhile.
with_person() {
	: >"$GH_ERR"
	person "$@" &
	clone
}
quick() {
	srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
}
fresh() {
	printf 'protocol=https\nhost=%s\npassword=%s\n\n' "${GIT_URL#https://}" \
		"$(GIT_TERMINAL_PROMPT=0 cred_ask get protocol=https "host=${GIT_URL#https://}" |
			sed -n 's/^password=//p')" | "$CRED_HELPER" erase
}

quick
ok 'a clone after a yes' with_person
like 'the person was told who asks' "$(cat "$GH_ERR")" "access to $GIT_URL wants your yes at $OIDC_URL"
like 'and where' "$(cat "$GH_ERR")" "open   $OIDC_URL/device"
before=$(requests)
ok 'and another one' clone
is 'without a request' "$(requests)" "$before"
is 'or a word' "$(cat "$GH_ERR")" ''

# --- refresh -----------------------------------------------------------------------------
fresh
GIT_TERMINAL_PROMPT=0
ok 'a new access token by the refresh token' clone
is 'for one request' "$(requests)" "$((before + 1))"
is 'and the next refresh token is another' "$(srv oidc issued what=refresh_token | sort -u | wc -l)" 2
fresh
ok 'which is good again' clone
# The issuer is silent about a new one: the old one is kept.
fresh
srv oidc fault kind=edit on='POST /token' unset=refresh_token >/dev/null
ok 'an answer without a refresh token' clone
# (With rotation the old one is dead by now, and says so.)
fresh
before=$(srv_count oidc 'POST /token 400')
not_ok 'a refresh token that is dead, and nobody to ask' clone
like 'names the reason and the cure' "$(cat "$GH_ERR")" "takes the refresh token of the last login no more.*git-credential-hsm login $GIT_URL"
is 'asked once' "$(srv_count oidc 'POST /token 400')" "$((before + 1))"
not_ok 'it is not kept' clone
is 'nor asked with again' "$(srv_count oidc 'POST /token 400')" "$((before + 1))"
GIT_TERMINAL_PROMPT=1
ok 'a person says yes again' with_person
srv oidc clear >/dev/null
quick
# The network fails: the refresh token is kept for the next time.
fresh
srv oidc fault kind=cut on='POST /token' >/dev/null
not_ok 'no network, no token' clone
unlike 'and no code' "$(cat "$GH_ERR")" 'enter  '
ok 'the refresh token is good still' clone
# The answer is lost on its way: asked again, the refresh token would be taken for a stolen one.
fresh
before=$(requests)
srv oidc fault kind=lost on='POST /token' >/dev/null
not_ok 'an answer that is lost' clone
is 'is not asked for twice' "$(requests)" "$((before + 1))"

# --- refused -------------------------------------------------------------------------------
set_to hsmStore none # each call asks
set_to hsmScope 'openid read_repository'
not_ok 'a no' with_person deny=1
like 'is told' "$(cat "$GH_ERR")" 'says no: access_denied'
srv oidc clear >/dev/null
srv oidc fault kind=edit on='POST /device/auth' set=interval=1 set=expires_in=3 >/dev/null
not_ok 'nobody answers' clone
like 'is told too' "$(cat "$GH_ERR")" 'nobody said yes'
srv oidc clear >/dev/null
quick
# slow_down: the next request comes five seconds later than the interval.
srv oidc fault kind=status on='POST /token' status=400 body='{"error":"slow_down"}' >/dev/null
start=$(date +%s)
ok 'a server that wants us slower' with_person
ok 'waits five seconds more' test "$(date +%s)" -ge $((start + 6))
is 'gets its time' "$(srv_count oidc 'POST /token')" 2
srv oidc fault kind=cut on='POST /token' >/dev/null
ok 'a connection that breaks while waiting' with_person
srv oidc clear >/dev/null
srv oidc fault kind=edit on='POST /device/auth' set=interval=1 set=expires_in=2305843009213693951 >/dev/null
ok 'a code that lives for ages' with_person
for bad in 'set=verification_uri=http://127.0.0.1/' 'set=verification_uri=javascript:x' \
	'set=verification_uri_complete=https://u@h/' unset=user_code unset=expires_in \
	'set=user_code=7' 'set=interval="x"' set=device_code=; do
	srv oidc clear >/dev/null
	srv oidc fault kind=edit on='POST /device/auth' "$bad" >/dev/null
	not_ok "an answer that is none: $bad" clone
done
srv oidc clear >/dev/null
srv oidc fault kind=edit on='POST /device/auth' 'set=user_code="\u001b[31mX"' set=expires_in=2 >/dev/null
not_ok 'a code with control bytes' clone
like 'is shown escaped' "$(cat "$GH_ERR")" 'enter  \\x1b.31mX'
srv oidc clear >/dev/null
set_to hsmIssuer "$OIDC_URL/"
not_ok 'an issuer with one letter more is another' clone
like 'says so' "$(cat "$GH_ERR")" 'it calls itself .*to the letter'
set_to hsmIssuer "$OIDC_URL"
GIT_TERMINAL_PROMPT=0
not_ok 'nobody may be asked' clone
like 'says what to type' "$(cat "$GH_ERR")" "wants a person to say yes.*git-credential-hsm login $GIT_URL"
unlike 'and asks for no code' "$(srv oidc log)" '/device/auth'
GIT_TERMINAL_PROMPT=1
git config --global credential.interactive false
not_ok "git's own word for that" clone
unlike 'counts too' "$(srv oidc log)" '/device/auth'
git config --global --unset credential.interactive

# --- with a key ------------------------------------------------------------------------------
quick
set_to hsmClientId keyed
set_to hsmKey "$(gh_uri dev)"
ok 'a client that proves itself by its key' with_person
srv oidc clear >/dev/null
quick
set_to hsmClientId cli
not_ok 'a client that has none, with a key' clone

done_testing
