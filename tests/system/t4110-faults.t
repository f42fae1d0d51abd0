#!/bin/sh
# git-credential-hsm when the authorization server, the network or the keyring goes wrong: no token,
# quit=1 so that git asks nobody for a password, one line that says why, and never more than a
# deadline's wait. Afterwards the right answer is taken.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"
[ -x "$CRED_HELPER" ] || skip_all 'git-credential-hsm is not built'

cred_world
gh_keypair svc EC:prime256v1
gh_keypair other EC:prime256v1
cred_repo demo.git
oidc_start --audience strict \
	"id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
# Nothing is kept here, so that each call asks the server.
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore none
printf 'protocol=https\nhost=%s\n\n' "${GIT_URL#https://}" >"$GH_WORLD/right"

# A minute and a half is beyond every deadline of the helper's.
ask() {
	timeout -k 5 90 "$CRED_HELPER" get <"$GH_WORLD/right"
}

# refused DESCRIPTION: no token, an orderly end, git is told to stop, one line for the person.
refused() {
	gh_run ask
	if grep -Eq '^(password|credential|username)=' "$GH_OUT" || [ "$GH_STATUS" -ge 124 ] ||
		! grep -Eq '^quit=(1|true)$' "$GH_OUT" || [ "$(grep -c . "$GH_ERR")" != 1 ]; then
		fail "$1"
		gh_show "$1"
	else
		pass "$1"
	fi
}

# faulty DESCRIPTION FAULT...: with this fault it is refused; then all is well again.
faulty() {
	local desc
	desc=$1
	shift
	srv oidc fault times=0 "$@" >/dev/null
	# What never comes is waited for no longer than is said; the right answers get their time.
	case $* in *kind=hang* | *kind=drip*) git config --global "credential.$GIT_URL.hsmTimeout" 2s ;; esac
	refused "$desc"
	git config --global --unset "credential.$GIT_URL.hsmTimeout"
	srv oidc clear >/dev/null
}

ok 'a token' ask
like 'when all is well' "$(cat "$GH_OUT")" '^password=.'

for at in openid-configuration 'POST /token'; do
	faulty "$at: 500" on="$at" kind=status status=500
	faulty "$at: 200 and no JSON" on="$at" kind=text body='<html>' type=text/html
	faulty "$at: half of a JSON text" on="$at" kind=text body='{"access_token":"abc'
	faulty "$at: an array" on="$at" kind=text body='["access_token"]'
	faulty "$at: a long body" on="$at" kind=huge mb=8
	faulty "$at: a redirection" on="$at" kind=status status=307 header="Location: $OIDC_URL/x"
	faulty "$at: cut before the answer" on="$at" kind=cut
	faulty "$at: cut in the middle" on="$at" kind=torn
	faulty "$at: no answer" on="$at" kind=hang
	faulty "$at: an answer without an end" on="$at" kind=drip ms=50
done
faulty 'another issuer than was asked' on=well-known kind=edit set=issuer=https://evil.example
faulty 'two issuers' on=well-known kind=dup set=issuer=https://evil.example
faulty 'a token endpoint without TLS' on=well-known kind=edit set=token_endpoint=http://127.0.0.1:1/token
faulty 'no token endpoint' on=well-known kind=edit unset=token_endpoint
faulty 'two access tokens' on='POST /token' kind=dup set=access_token=evil
faulty 'no access token' on='POST /token' kind=edit unset=access_token
faulty 'an access token with an end of line in it' on='POST /token' kind=edit \
	'set=access_token="abc\nhost=evil.example"'
faulty 'an access token with a NUL in it' on='POST /token' kind=edit 'set=access_token="abc\u0000def"'
faulty 'an empty access token' on='POST /token' kind=edit 'set=access_token=""'
faulty 'a token of another type' on='POST /token' kind=edit set=token_type=DPoP
faulty 'an error with an escape in it' on='POST /token' kind=status status=400 \
	body='{"error":"invalid_client","error_description":"\u001b[2Jgone\nquit=0"}'
unlike 'which does not reach the terminal' "$(cat "$GH_ERR")" "$(printf '\033')"

srv oidc fault on='POST /token' kind=status status=429 header='Retry-After: 1' times=1 >/dev/null
gh_run ask
if grep -q '^password=' "$GH_OUT"; then
	pass '429: waited, and asked again'
else
	like '429: or said so' "$(cat "$GH_ERR")" '[Rr]etry|later|429'
fi
srv oidc clear >/dev/null

# The assertion is signed by the token: another key, a wrong PIN, no token at all.
git config --global "credential.$GIT_URL.hsmKey" "$(gh_uri other)"
refused 'a key that the server does not know'
git config --global "credential.$GIT_URL.hsmKey" 'pkcs11:token=world;object=nothing'
refused 'a key that is not there'
git config --global "credential.$GIT_URL.hsmKey" "$(gh_uri svc)"
printf '%s\n' 000000 >"$GH_PIN_FILE"
refused 'a wrong PIN'
unlike 'which is not told' "$(cat "$GH_ERR")" '000000'
printf '%s\n' "$GH_PIN" >"$GH_PIN_FILE"
# Whatever ends the program that asks, git is told to stop.
git config --global hsm.module "$GH_TOOLS/mock-p11.so"
git config --global hsm.timeout 2
MOCK_P11=load-hang
export MOCK_P11
refused 'a module that hangs'
like 'which is told' "$(cat "$GH_ERR")" 'did not answer within 2 seconds'
unset MOCK_P11
git config --global --unset hsm.timeout
git config --global hsm.module "$GH_MODULE"

# Another authority's server is nobody: what git is told about checking does not count here.
git config --global http.sslVerify false
gh_authority stranger
git config --global http.sslCAInfo "$GH_WORLD/ca/stranger.pem"
refused 'a server whose certificate nobody vouches for, whatever http.sslVerify says'
git config --global http.sslCAInfo "$GH_ROOTS"
git config --global --unset http.sslVerify

# The keyring: what is not kept is asked for, and said.
git config --global "credential.$GIT_URL.hsmStore" secretservice
for state in locked none nobus; do
	gh_run cred_keyring "$state" sh -c 'timeout -k 5 90 "$1" get <"$2"' ask "$CRED_HELPER" "$GH_WORLD/right"
	if [ "$GH_STATUS" -lt 124 ] && grep -Eq '^(password=.|quit=)' "$GH_OUT" &&
		[ "$(grep -c . "$GH_ERR")" -le 1 ]; then
		pass "a keyring that is $state: an answer, and a line at most"
	else
		fail "a keyring that is $state: an answer, and a line at most"
		gh_show "$state"
	fi
done
git config --global "credential.$GIT_URL.hsmStore" none

srv_stop oidc
refused 'a server that has gone'
git config --global "credential.$GIT_URL.hsmIssuer" https://nowhere.invalid
refused 'a name that is none'
done_testing
