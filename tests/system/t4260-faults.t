#!/bin/sh
# git-credential-hsm against servers, networks and tokens that misbehave, each fault beside a good
# answer: no access token, one line that says why, git told to ask nobody, no longer than a deadline.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo demo.git
gh_keypair svc EC:prime256v1
gh_keypair other EC:prime256v1
oidc_start --audience strict \
	"id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore none
fault() {
	srv oidc clear >/dev/null
	srv oidc fault "$@" >/dev/null
}
# refused DESCRIPTION [PATTERN]: one line of ours, that says what, and git asks nobody for a password.
refused() {
	gh_run timeout -k 5 120 git ls-remote -q "$GIT_URL/demo.git"
	if [ "$GH_STATUS" = 0 ] || [ "$GH_STATUS" -ge 129 ] || [ "$GH_STATUS" = 124 ] ||
		[ "$(grep -c '^git-credential-hsm: ' "$GH_ERR")" != 1 ] ||
		! grep -q 'told us to quit' "$GH_ERR" ||
		! grep -Eq "^git-credential-hsm: .*${2-}" "$GH_ERR"; then
		fail "$1"
		gh_show "$1"
	else
		pass "$1"
	fi
}
# What never comes is waited for no longer than is said; the right answers get their time.
refused_in_time() {
	set_to hsmTimeout 2s
	refused "$1" 'in time|the time is up'
	git config --global --unset "credential.$GIT_URL.hsmTimeout"
}

ok 'a good server' clone

# --- the token endpoint ---------------------------------------------------------------
fault on='POST /token' kind=status status=500 body='{"error":"oops"}'
refused 'HTTP 500' 'HTTP 500. Try again later'
is 'is not asked again' "$(requests)" 1
fault on='POST /token' kind=status status=429 header='Retry-After: 1'
ok 'HTTP 429 with Retry-After is waited for' clone
is 'once' "$(requests)" 2
fault on='POST /token' kind=status status=503 times=2
refused 'HTTP 503 twice'
is 'is asked twice' "$(requests)" 2
fault on='POST /token' kind=status status=429 header='Retry-After: 3600'
refused 'an hour is not waited for' 'HTTP 429'
is 'nor asked again' "$(requests)" 1
fault on='POST /token' kind=status status=302 header="Location: $OIDC_URL/other" times=0
refused 'a redirection' 'redirections are not followed'
unlike 'is not followed' "$(srv oidc log)" /other
fault on='POST /token' kind=status status=307 header="Location: $OIDC_URL/token"
refused 'not even to itself'
for kind in cut torn huge; do
	fault on='POST /token' kind=$kind
	refused "an answer that is $kind"
done
like 'a huge one by its size' "$(cat "$GH_ERR")" 'longer than 65536 bytes'
for kind in hang 'drip ms=50'; do
	# shellcheck disable=SC2086 # words
	fault on='POST /token' times=0 kind=$kind
	refused_in_time "an answer without an end: $kind"
	# shellcheck disable=SC2086
	fault on=.well-known times=0 kind=$kind
	refused_in_time "metadata without an end: $kind"
done
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
	'{"access_token":"a","token_type":"Bearer","expires_in":1e30}' \
	'{"access_token":"a","token_type":"Bearer","refresh_token":"x\n"}'; do
	fault on='POST /token' kind=text body="$text"
	# `echo` would read the backslashes.
	refused "no token: $(printf '%s' "$text" | tr '\\' /)"
done
# git 2.40 drops what has expired, and asks for a password.
fault on='POST /token' kind=edit set=expires_in=0
refused 'a token that is over when it comes' 'has expired already'
fault on='POST /token' kind=edit set=expires_in=0
ok 'login keeps what came with it' "$GH_BIN/git-credential-hsm" login "$GIT_URL"
like 'and says so' "$(cat "$GH_OUT")" 'access token received, which has expired already'
fault on='POST /token' kind=edit set=expires_in=1e30
refused 'a life that no number here can hold'
fault on='POST /token' kind=edit unset=expires_in
ok 'one that says nothing of its end' clone
fault on='POST /token' kind=edit 'set=expires_in="300"'
ok 'one whose end is a number in a string' clone
fault on='POST /token' kind=edit set=expires_in=9007199254740991
ok 'one that ends when nobody is left' clone
fault on='POST /token' kind=text body='{"access_token":"a","token_type":"Bearer"}' type=text/html
refused 'JSON that calls itself HTML' 'no JSON by its Content-Type'
fault on='POST /token' kind=dup 'set=access_token="evil"'
refused 'a key twice' 'duplicate'
fault on='POST /token' kind=status status=400 body='{"error":"invalid_scope","error_description":"\u001b[2Jgone\nquit=0"}'
refused 'words with control bytes' 'invalid_scope: \\x1b.2Jgone'
fault on='POST /token' kind=status status=200 body='{"error":"bad_verification_code"}'
refused 'an error in a good answer, as GitHub gives it' 'says no: bad_verification_code'

# --- metadata --------------------------------------------------------------------------
metadata=$(curl -sS --cacert "$GH_ROOTS" "$OIDC_URL/.well-known/openid-configuration")
fault on=openid-configuration kind=status status=404
srv oidc fault on=oauth-authorization-server kind=status status=200 body="$metadata" >/dev/null
ok 'metadata at the address of RFC 8414' clone
fault on=.well-known kind=status status=404 times=2
refused 'metadata nowhere' 'no metadata at .*openid-configuration .HTTP 404. nor at .*oauth-authorization-server'
fault on=.well-known kind=status status=500
refused 'metadata with HTTP 500'
fault on=.well-known kind=status status=301 header='Location: https://evil.example/'
refused 'metadata elsewhere'
fault on=.well-known kind=edit set=issuer=https://evil.example
refused 'another issuer' 'calls itself https://evil.example'
fault on=.well-known kind=edit set=token_endpoint=http://127.0.0.1/
refused 'a token endpoint without TLS'
fault on=.well-known kind=edit unset=token_endpoint
refused 'none'
fault on=.well-known kind=dup 'set=token_endpoint="https://evil.example/"'
refused 'two'
fault on=.well-known kind=huge
refused 'huge metadata'
fault on=.well-known kind=torn
refused 'half of it'
is 'and nothing is sent then' "$(requests)" 0

# --- the token that proves who asks -----------------------------------------------------
srv oidc clear >/dev/null
set_to hsmKey "$(gh_uri other)"
refused 'a key that the server does not know' invalid_client
set_to hsmKey 'pkcs11:token=world;object=nothing'
refused 'a key that is not there' 'names no key'
set_to hsmKey "$(gh_uri svc)"
printf '%s\n' 000000 >"$GH_PIN_FILE"
refused 'a wrong PIN' PIN
unlike 'which is not told' "$(cat "$GH_ERR")" '000000'
printf '%s\n' "$GH_PIN" >"$GH_PIN_FILE"
ok 'the right one' clone
# Whatever ends the program that asks, git is told to stop.
git config --global hsm.module "$GH_TOOLS/mock-p11.so"
git config --global hsm.timeout 2
MOCK_P11=load-hang
export MOCK_P11
refused 'a module that hangs' 'did not answer within 2 seconds'
unset MOCK_P11
git config --global --unset hsm.timeout
git config --global hsm.module "$GH_MODULE"

# --- clocks --------------------------------------------------------------------------------
srv oidc clear >/dev/null
srv oidc clock skew=600 >/dev/null
refused 'a clock that is wrong' "invalid_client.*; this clock is (599|60[0-9]) s behind the server's"
srv oidc clock skew=20 >/dev/null
ok 'twenty seconds are no matter' clone
srv oidc clock skew=0 >/dev/null

# --- trust in the connection -------------------------------------------------------------------
git config --global http.sslVerify false
git config --global "http.$GIT_URL.sslVerify" true
refused 'http.sslVerify=false' 'http.sslVerify is false.*http.sslCAInfo'
git config --global "http.$OIDC_URL.sslVerify" true
ok 'true for the issuer' clone
git config --global --unset http.sslVerify
git config --global --unset "http.$GIT_URL.sslVerify"
GIT_SSL_NO_VERIFY=1
export GIT_SSL_NO_VERIFY
refused 'GIT_SSL_NO_VERIFY' 'GIT_SSL_NO_VERIFY is set'
unset GIT_SSL_NO_VERIFY
gh_authority stranger
git config --global "http.$OIDC_URL.sslCAInfo" "$GH_WORLD/ca/stranger.pem"
refused 'an issuer by an authority that is not known' 'Is its authority known'
git config --global "http.$OIDC_URL.sslCAInfo" "$GH_ROOTS"
ok 'by one that is' clone
git config --global "http.$OIDC_URL.sslCAInfo" /nonexistent
refused 'authorities that are not there'
git config --global --unset "http.$OIDC_URL.sslCAInfo"
mkdir "$GH_WORLD/capath"
cp "$GH_ROOTS" "$GH_WORLD/capath/$(openssl x509 -hash -noout -in "$GH_ROOTS").0"
git config --global "http.$OIDC_URL.sslCAInfo" "$GH_WORLD/ca/stranger.pem"
git config --global "http.$OIDC_URL.sslCAPath" "$GH_WORLD/capath"
ok 'a directory of authorities' clone
git config --global --unset "http.$OIDC_URL.sslCAPath"
git config --global --unset "http.$OIDC_URL.sslCAInfo"
git config --global "http.$OIDC_URL.pinnedPubkey" 'sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
refused 'another key than the pinned one'
git config --global "http.$OIDC_URL.pinnedPubkey" "sha256//$(openssl x509 -in "$CRED_DIR/server.pem" \
	-noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | openssl base64)"
ok 'the pinned one' clone
git config --global --unset "http.$OIDC_URL.pinnedPubkey"
git config --global "http.$OIDC_URL.proxy" http://127.0.0.1:1
refused 'http.proxy is used'
git config --global "http.$OIDC_URL.proxy" ''
ok 'and taken back' clone
ok 'the environment has no say then' env https_proxy=http://127.0.0.1:1 no_proxy= \
	git -c "http.$GIT_URL.proxy=" ls-remote "$GIT_URL/demo.git"

# --- no network ----------------------------------------------------------------------------------
srv_stop oidc
refused 'nobody there' '[Cc]onnect'
cred_tls_key server elsewhere DNS:elsewhere.example
oidc_start "id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
set_to hsmIssuer "$OIDC_URL"
refused "another host's certificate" 'Is its authority known'
set_to hsmIssuer https://issuer.invalid
refused 'a name that is none'
# A resolver that does not come back, whatever it was told of time.
set_to hsmTimeout 1s
printf 'protocol=https\nhost=%s\n\n' "${GIT_URL#https://}" >named
nobody_names_it() {
	LD_PRELOAD=$GH_TOOLS/no-dns.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 \
		timeout -k 1 60 "$CRED_HELPER" get <named
}
not_ok 'a name that nobody answers for' nobody_names_it
is 'git is told to stop' "$(cat "$GH_OUT")" quit=1
like 'when the time is up' "$(cat "$GH_ERR")" '^git-credential-hsm: https://issuer.invalid/.* does not answer in time'

done_testing
