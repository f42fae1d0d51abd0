#!/bin/sh
# git-credential-hsm against servers and networks that misbehave: each fault beside a good answer.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo demo.git
gh_keypair svc EC:prime256v1
gh_keypair app rsa:2048
oidc_start --audience strict \
	"id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore none
fault() {
	srv oidc clear >/dev/null
	srv oidc fault "$@" >/dev/null
}
# One line of ours, whatever happened, and no token in it.
one_line() {
	is 'in one line' "$(grep -c '^git-credential-hsm: ' "$GH_ERR")" 1
	like 'that says what' "$(cat "$GH_ERR")" "^git-credential-hsm: .*$1"
}

ok 'a good server' clone

# --- the token endpoint ---------------------------------------------------------------
fault on='POST /token' kind=status status=500 body='{"error":"oops"}'
not_ok 'HTTP 500' clone
one_line 'HTTP 500. Try again later'
is 'is not asked again' "$(requests)" 1
fault on='POST /token' kind=status status=429 header='Retry-After: 1'
ok 'HTTP 429 with Retry-After is waited for' clone
is 'once' "$(requests)" 2
fault on='POST /token' kind=status status=503 times=2
not_ok 'HTTP 503 twice' clone
is 'is asked twice' "$(requests)" 2
fault on='POST /token' kind=status status=429 header='Retry-After: 3600'
not_ok 'an hour is not waited for' clone
one_line 'HTTP 429'
is 'nor asked again' "$(requests)" 1
fault on='POST /token' kind=status status=302 header="Location: $OIDC_URL/other" times=0
not_ok 'a redirection' clone
one_line 'redirections are not followed'
unlike 'is not followed' "$(srv oidc log)" /other
fault on='POST /token' kind=status status=307 header="Location: $OIDC_URL/token"
not_ok 'not even to itself' clone
for kind in cut torn huge; do
	fault on='POST /token' kind=$kind
	not_ok "an answer that is $kind" clone
	is 'in one line' "$(grep -c '^git-credential-hsm: ' "$GH_ERR")" 1
done
like 'a huge one by its size' "$(cat "$GH_ERR")" 'longer than 65536 bytes'
fault on='POST /token' kind=slow ms=1
ok 'a slow answer is an answer' clone
for text in '' '[]' '"x"' '{' '{"access_token":"a","access_token":"b","token_type":"Bearer"}' \
	'{"access_token":"a"}' '{"token_type":"Bearer"}' '{"access_token":7,"token_type":"Bearer"}' \
	'{"access_token":"","token_type":"Bearer"}' '{"access_token":"a b","token_type":"Bearer"}' \
	'{"access_token":"a\nhost=evil","token_type":"Bearer"}' \
	'{"access_token":"a\u0000","token_type":"Bearer"}' \
	'{"access_token":"a","token_type":"mac"}' '{"access_token":"a","token_type":"DPoP"}' \
	'{"access_token":"a","token_type":"Bearer","expires_in":-1}' \
	'{"access_token":"a","token_type":"Bearer","expires_in":"soon"}' \
	'{"access_token":"a","token_type":"Bearer","refresh_token":"x\n"}'; do
	fault on='POST /token' kind=text body="$text"
	# `echo` would read the backslashes.
	not_ok "no token: $(printf '%s' "$text" | tr '\\' /)" clone
done
fault on='POST /token' kind=text body='{"access_token":"a","token_type":"Bearer"}' type=text/html
not_ok 'JSON that calls itself HTML' clone
one_line 'no JSON by its Content-Type'
fault on='POST /token' kind=dup 'set=access_token="evil"'
not_ok 'a key twice' clone
one_line 'duplicate'
fault on='POST /token' kind=status status=400 body='{"error":"invalid_scope","error_description":"\u001b[2Jgone\nquit=0"}'
not_ok 'words with control bytes' clone
one_line 'invalid_scope: \\x1b.2Jgone'
fault on='POST /token' kind=status status=200 body='{"error":"bad_verification_code"}'
not_ok 'an error in a good answer, as GitHub gives it' clone
one_line 'says no: bad_verification_code'

# --- metadata --------------------------------------------------------------------------
metadata=$(curl -sS --cacert "$GH_ROOTS" "$OIDC_URL/.well-known/openid-configuration")
fault on=openid-configuration kind=status status=404
srv oidc fault on=oauth-authorization-server kind=status status=200 body="$metadata" >/dev/null
ok 'metadata at the address of RFC 8414' clone
fault on=.well-known kind=status status=404 times=2
not_ok 'metadata nowhere' clone
one_line 'no metadata at .*openid-configuration .HTTP 404. nor at .*oauth-authorization-server'
fault on=.well-known kind=status status=500
not_ok 'metadata with HTTP 500' clone
fault on=.well-known kind=status status=301 header='Location: https://evil.example/'
not_ok 'metadata elsewhere' clone
fault on=.well-known kind=edit set=issuer=https://evil.example
not_ok 'another issuer' clone
one_line 'calls itself https://evil.example'
fault on=.well-known kind=edit set=token_endpoint=http://127.0.0.1/
not_ok 'a token endpoint without TLS' clone
fault on=.well-known kind=edit unset=token_endpoint
not_ok 'none' clone
fault on=.well-known kind=dup 'set=token_endpoint="https://evil.example/"'
not_ok 'two' clone
fault on=.well-known kind=huge
not_ok 'huge metadata' clone
fault on=.well-known kind=torn
not_ok 'half of it' clone
is 'and nothing is sent then' "$(requests)" 0

# --- clocks --------------------------------------------------------------------------------
srv oidc clear >/dev/null
srv oidc clock skew=600 >/dev/null
not_ok 'a clock that is wrong' clone
one_line "invalid_client.*; this clock is (599|60[0-9]) s behind the server's"
srv oidc clock skew=20 >/dev/null
ok 'twenty seconds are no matter' clone
srv oidc clock skew=0 >/dev/null

# --- trust in the connection -------------------------------------------------------------------
git config --global http.sslVerify false
git config --global "http.$GIT_URL.sslVerify" true
not_ok 'http.sslVerify=false' clone
one_line 'http.sslVerify is false.*http.sslCAInfo'
git config --global "http.$OIDC_URL.sslVerify" true
ok 'true for the issuer' clone
git config --global --unset http.sslVerify
git config --global --unset "http.$GIT_URL.sslVerify"
not_ok 'GIT_SSL_NO_VERIFY' env GIT_SSL_NO_VERIFY=1 git ls-remote "$GIT_URL/demo.git"
one_line 'GIT_SSL_NO_VERIFY is set'
gh_authority stranger
git config --global "http.$OIDC_URL.sslCAInfo" "$GH_WORLD/ca/stranger.pem"
not_ok 'an issuer by an authority that is not known' clone
one_line 'Is its authority known'
git config --global "http.$OIDC_URL.sslCAInfo" "$GH_ROOTS"
ok 'by one that is' clone
git config --global "http.$OIDC_URL.sslCAInfo" /nonexistent
not_ok 'authorities that are not there' clone
git config --global --unset "http.$OIDC_URL.sslCAInfo"
mkdir "$GH_WORLD/capath"
cp "$GH_ROOTS" "$GH_WORLD/capath/$(openssl x509 -hash -noout -in "$GH_ROOTS").0"
git config --global "http.$OIDC_URL.sslCAInfo" "$GH_WORLD/ca/stranger.pem"
git config --global "http.$OIDC_URL.sslCAPath" "$GH_WORLD/capath"
ok 'a directory of authorities' clone
git config --global --unset "http.$OIDC_URL.sslCAPath"
git config --global --unset "http.$OIDC_URL.sslCAInfo"
git config --global "http.$OIDC_URL.pinnedPubkey" 'sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
not_ok 'another key than the pinned one' clone
git config --global "http.$OIDC_URL.pinnedPubkey" "sha256//$(openssl x509 -in "$CRED_DIR/server.pem" \
	-noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | openssl base64)"
ok 'the pinned one' clone
git config --global --unset "http.$OIDC_URL.pinnedPubkey"
git config --global "http.$OIDC_URL.proxy" http://127.0.0.1:1
not_ok 'http.proxy is used' clone
git config --global "http.$OIDC_URL.proxy" ''
ok 'and taken back' clone
ok 'the environment has no say then' env https_proxy=http://127.0.0.1:1 no_proxy= \
	git -c "http.$GIT_URL.proxy=" ls-remote "$GIT_URL/demo.git"

# --- no network ----------------------------------------------------------------------------------
srv_stop oidc
not_ok 'nobody there' clone
one_line '[Cc]onnect'
set_to hsmIssuer https://issuer.invalid
not_ok 'a name that is none' clone
is 'in one line' "$(grep -c '^git-credential-hsm: ' "$GH_ERR")" 1

done_testing
