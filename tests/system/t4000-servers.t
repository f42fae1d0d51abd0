#!/bin/sh
# The servers that the credential helper is tested with: each takes what is right and refuses what
# is wrong, when asked by curl, openssl, pkcs11-tool and stock git.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
gh_keypair svc EC:prime256v1
gh_keypair other EC:prime256v1
gh_keypair app rsa:2048
cred_repo demo.git
cred_repo acme/widgets.git
cred_repo acme/secret.git
# A client certificate of the authority, with its key in a file, and one of nobody's.
cred_tls_key bound svc-mtls
sed -i 's/serverAuth/clientAuth/' "$CRED_DIR/bound.ext"
gh_setup openssl x509 -req -in "$CRED_DIR/bound.csr" -CA "$GH_ROOTS" -CAkey "$GH_WORLD/ca/root.key" \
	-set_serial 77 -days 30 -extfile "$CRED_DIR/bound.ext" -out "$CRED_DIR/bound.pem"
gh_setup openssl req -x509 -new -key "$CRED_DIR/bound.key" -subj /CN=svc-mtls -days 30 \
	-out "$CRED_DIR/self.pem"

oidc_start --audience strict --resource https://git.example/ \
	"id=svc grants=client_credentials,token_exchange auth=private_key_jwt key=$(cred_pub svc)" \
	'id=mtls grants=client_credentials auth=tls_client_auth dn=CN=svc-mtls bound' \
	'id=cli grants=authorization_code,refresh_token,device_code'
git_start --scope read_repository
github_start app --client-id Iv1.test --installation '77 Acme widgets,gears contents=write,metadata=read'

token=$OIDC_URL/token
bearer=urn:ietf:params:oauth:client-assertion-type:jwt-bearer
grant=urn:ietf:params:oauth:grant-type

# answered STATUS DESCRIPTION [PATTERN]: the last answer, in $answer.
answered() {
	is "$2" "$(printf '%s\n' "$answer" | tail -n 1)" "$1"
	[ -z "${3-}" ] || like "$2: the words" "$answer" "$3"
}

# with_token URL TOKEN WORDS...: git with the token as password and nothing else.
with_token() {
	local url password
	url=$1
	password=$2
	shift 2
	printf '#!/bin/sh\necho username=x\necho "password=%s"\n' "$password" >"$GH_WORLD/helper"
	chmod 700 "$GH_WORLD/helper"
	git -c credential.helper= -c credential.helper="$GH_WORLD/helper" "$@" ls-remote "$url"
}

# --- client credentials, private_key_jwt -------------------------------------------
# by_jwt KEY AUD [PAYLOAD [FORM...]]
by_jwt() {
	local key aud more
	key=$1
	aud=$2
	more=${3-}
	[ $# -lt 3 ] || shift
	shift 2
	answer=$(cred_post "$token" grant_type=client_credentials scope=read_repository \
		client_assertion_type="$bearer" \
		client_assertion="$(cred_assertion "$key" svc "$aud" "$more")" "$@")
}

answer=$(cred_curl "$OIDC_URL/.well-known/openid-configuration")
answered 200 'discovery' "\"issuer\":\"$OIDC_URL\""
by_jwt svc "$OIDC_URL"
answered 200 'an assertion by the key in the token'
good=$(printf '%s' "$answer" | cred_field access_token)
by_jwt other "$OIDC_URL"
answered 401 'another key is refused' invalid_client
by_jwt svc https://evil.example
answered 401 'another audience is refused' invalid_client
by_jwt svc "$token"
answered 401 'the older audience is refused by a strict server' invalid_client
by_jwt svc "$OIDC_URL" "\"exp\":$(($(date +%s) - 60))"
answered 401 'an expired assertion is refused' invalid_client
by_jwt svc "$OIDC_URL" "\"exp\":$(($(date +%s) + 3600))"
answered 401 'one that lives for an hour is refused' invalid_client
assertion=$(cred_assertion svc svc "$OIDC_URL")
for want in 200 401; do
	answer=$(cred_post "$token" grant_type=client_credentials scope=read_repository \
		client_assertion_type="$bearer" client_assertion="$assertion")
	answered "$want" "an assertion serves once: $want"
done
by_jwt svc "$OIDC_URL" '' resource=https://git.example/
answered 200 'a token for a resource'
is 'names it' "$(srv oidc check token="$(printf '%s' "$answer" | cred_field access_token)" |
	cred_field aud)" https://git.example/
by_jwt svc "$OIDC_URL" '' resource=https://evil.example/
answered 400 'an unknown resource is refused' invalid_target
is 'every token is told' "$(srv oidc issued what=access_token | head -n 1)" "$good"

# --- mutual TLS -----------------------------------------------------------------------
mtls() {
	answer=$(cred_curl "$@" -d grant_type=client_credentials -d client_id=mtls \
		-d scope=read_repository "$token")
}
mtls --cert "$CRED_DIR/bound.pem" --key "$CRED_DIR/bound.key"
answered 200 'a client certificate'
bound=$(printf '%s' "$answer" | cred_field access_token)
mtls
answered 401 'none is refused' invalid_client
mtls --cert "$CRED_DIR/self.pem" --key "$CRED_DIR/bound.key"
answered 401 'a self-made one is refused' invalid_client

# --- git over https -----------------------------------------------------------------------
ok 'git fetches with the token' with_token "$GIT_URL/demo.git" "$good"
not_ok 'with another it is refused' with_token "$GIT_URL/demo.git" "x$good"
answer=$(cred_curl "$GIT_URL/demo.git/info/refs?service=git-upload-pack")
answered 401 'and without one' 'no token'
answer=$(cred_curl -H "Authorization: Bearer $good" "$GIT_URL/demo.git/info/refs?service=git-upload-pack")
answered 200 'Bearer does too'
answer=$(cred_curl -H "Authorization: Bearer $good" "$GIT_URL/demo.git/info/refs?service=git-receive-pack")
answered 401 'a token to read does not push'
not_ok 'a bound token without its certificate is refused' with_token "$GIT_URL/demo.git" "$bound"
ok 'with it, git fetches' with_token "$GIT_URL/demo.git" "$bound" \
	-c http.sslCert="$CRED_DIR/bound.pem" -c http.sslKey="$CRED_DIR/bound.key"
srv oidc clock skew=400 >/dev/null
not_ok 'an old token is refused' with_token "$GIT_URL/demo.git" "$good"
srv oidc clock skew=0 >/dev/null
srv oidc revoke token="$good" >/dev/null
not_ok 'and a revoked one' with_token "$GIT_URL/demo.git" "$good"

# --- device -----------------------------------------------------------------------------------
ask_device() {
	answer=$(cred_post "$OIDC_URL/device/auth" client_id=cli \
		scope='openid offline_access read_repository')
	device=$(printf '%s' "$answer" | cred_field device_code)
}
poll() {
	answer=$(cred_post "$token" grant_type="$grant:device_code" client_id=cli device_code="$device")
}
ask_device
answered 200 'a device code' verification_uri_complete
poll
answered 400 'before the person has answered' authorization_pending
srv oidc device >/dev/null
poll
answered 200 'after a yes' refresh_token
refresh=$(printf '%s' "$answer" | cred_field refresh_token)
ask_device
srv oidc device deny=1 >/dev/null
poll
answered 400 'after a no' access_denied

# --- refresh ------------------------------------------------------------------------------------
refresh() {
	answer=$(cred_post "$token" grant_type=refresh_token client_id=cli refresh_token="$1")
}
refresh "$refresh"
answered 200 'a refresh token' refresh_token
next=$(printf '%s' "$answer" | cred_field refresh_token)
isnt 'comes back as another' "$next" "$refresh"
refresh "$refresh"
answered 400 'the old one again is refused' invalid_grant
refresh "$next"
answered 400 'and has cost the new one its life' invalid_grant

# --- authorization code ----------------------------------------------------------------------------
verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk
challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
# Nobody listens at the end: the browser's last address is what counts.
browse() {
	node "$CRED_SERVERS/browser.mjs" "$OIDC_URL/auth?client_id=cli&response_type=code&state=abc&prompt=consent&code_challenge=$challenge&code_challenge_method=S256&scope=openid%20offline_access%20read_repository&redirect_uri=http://127.0.0.1:$callback/callback" "$@" 2>/dev/null |
		grep "^http://127.0.0.1:$callback/callback"
}
# A port where nothing listens: a server's that has ended.
srv_start gone git --root "$CRED_ROOT" --name gone
callback=$SRV_PORT
srv_stop gone
code=$(browse | sed -n 's/.*[?&]code=\([^&]*\).*/\1/p')
exchange() {
	answer=$(cred_post "$token" grant_type=authorization_code client_id=cli code="$code" \
		redirect_uri="http://127.0.0.1:$callback/callback" code_verifier="$1")
}
exchange "$verifier"
answered 200 'a code and its verifier' access_token
code=$(browse | sed -n 's/.*[?&]code=\([^&]*\).*/\1/p')
exchange "x$verifier"
answered 400 'another verifier is refused' invalid_grant
like 'a person who says no' "$(browse deny)" error=access_denied
srv oidc fault kind=location on='^GET /auth/' times=0 set=iss=https://evil.example >/dev/null
like 'a wrong iss, when asked for' "$(browse)" 'iss=https%3A%2F%2Fevil.example'
srv oidc clear >/dev/null

# --- token exchange ------------------------------------------------------------------------------------
swap() {
	answer=$(cred_post "$token" grant_type="$grant:token-exchange" scope=read_repository \
		subject_token_type=urn:ietf:params:oauth:token-type:jwt subject_token="$1" \
		client_assertion_type="$bearer" \
		client_assertion="$(cred_assertion svc svc "$OIDC_URL")")
}
swap "$(srv oidc workload)"
answered 200 "a build's identity" access_token
swap "$(srv oidc workload aud=https://evil.example)"
answered 400 'for another audience' invalid_grant
swap "$(srv oidc workload ttl=-10)"
answered 400 'an old one' invalid_grant
swap "$(srv oidc workload iss=https://evil.example)"
answered 400 'by another issuer' invalid_grant

# --- GitHub App -----------------------------------------------------------------------------------------
api=$GITHUB_URL/api/v3
now=$(date +%s)
# github METHOD PATH [PAYLOAD [BODY [KEY]]]
github() {
	answer=$(cred_curl -X "$1" -H "Authorization: Bearer $(cred_jwt "${5:-app}" RS256 '"typ":"JWT"' \
		"\"iss\":\"Iv1.test\",\"iat\":$((now - 60)),\"exp\":$((now + 500))${3:+,$3}")" \
		${4:+-d "$4"} "$api$2")
}
made=/app/installations/77/access_tokens
github GET /repos/acme/widgets/installation
answered 200 'the installation of a repository' '"id":77'
github GET /repos/acme/nothing/installation
answered 404 'of none' 'Not Found'
github POST $made '' '{"repositories":["widgets"],"permissions":{"contents":"read"}}'
answered 201 'an installation token' '"contents":"read"'
narrow=$(printf '%s' "$answer" | cred_field token)
github POST $made '"iss":"Iv1.other"'
answered 401 'another App is refused'
github POST $made "\"exp\":$((now + 1200))"
answered 401 'a token for twenty minutes is refused' 'too far in the future'
github POST $made "\"iat\":$((now + 300))"
answered 401 'one from the future is refused' 'Issued at'
github POST $made "\"exp\":$((now - 5))"
answered 401 'an old one is refused' 'Expiration time'
gh_keypair app2 rsa:2048
github POST $made '' '' app2
answered 401 "another App's key is refused" 'could not be decoded'
answer=$(cred_curl -X POST -H "Authorization: Bearer $(cred_jwt svc ES256 '"typ":"JWT"' \
	"\"iss\":\"Iv1.test\",\"iat\":$((now - 60)),\"exp\":$((now + 500))")" "$api$made")
answered 401 'ES256 is refused' 'could not be decoded'
github POST $made '' '{"repositories":["secret"]}'
answered 422 "a repository that is not the installation's" 'does not exist or is not accessible'
github POST $made '' '{"permissions":{"administration":"write"}}'
answered 422 'a permission that it has not' 'not granted'
ok 'git fetches with it' with_token "$GITHUB_URL/acme/widgets.git" "$narrow"
not_ok 'but no other repository' with_token "$GITHUB_URL/acme/gears.git" "$narrow"
answer=$(cred_curl -H "Authorization: Bearer $narrow" \
	"$GITHUB_URL/acme/widgets.git/info/refs?service=git-upload-pack")
answered 401 'and not as Bearer'
answer=$(cred_curl -u "x:$narrow" "$GITHUB_URL/acme/widgets.git/info/refs?service=git-receive-pack")
answered 403 'to read is not to push'
answer=$(cred_curl -X DELETE -H "Authorization: Bearer $narrow" "$api/installation/token")
answered 204 'it revokes itself'
not_ok 'and is dead' with_token "$GITHUB_URL/acme/widgets.git" "$narrow"
srv github suspend id=77 >/dev/null
github POST $made
answered 403 'a suspended installation' suspended

# --- faults -----------------------------------------------------------------------------------------------
meta=$OIDC_URL/.well-known/openid-configuration
srv oidc fault kind=status on=openid status=429 header='Retry-After: 7' body='{"error":"x"}' >/dev/null
like '429 with Retry-After' "$(cred_curl -D - "$meta")" '^[Rr]etry-[Aa]fter: 7'
answer=$(cred_curl "$meta")
answered 200 'once only'
srv oidc fault kind=edit on=openid set=issuer=https://evil.example >/dev/null
like 'a wrong issuer' "$(cred_curl "$meta")" '"issuer":"https://evil.example"'
srv oidc fault kind=dup on=openid set=issuer=https://evil.example >/dev/null
is 'the same key twice' "$(cred_curl "$meta" | grep -o '"issuer"' | grep -c .)" 2
srv oidc fault kind=text on=openid body='{"a":' >/dev/null
is 'what is no JSON' "$(cred_curl "$meta" | head -n 1)" '{"a":'
srv oidc fault kind=huge on=openid mb=3 >/dev/null
ok 'a long body' test "$(cred_curl "$meta" | wc -c)" -gt 3000000
for kind in cut lost torn; do
	srv oidc fault kind=$kind on=openid >/dev/null
	not_ok "a connection that ends: $kind" cred_curl "$meta"
done
for kind in hang drip; do
	srv oidc fault kind=$kind on=openid >/dev/null
	exits 28 "an answer that does not end: $kind" cred_curl --max-time 1 "$meta"
done
srv oidc fault kind=slow ms=1 on=openid >/dev/null
answer=$(cred_curl "$meta")
answered 200 'a slow one'
is 'every request is counted' "$(srv_count oidc '^GET /.well-known/openid-configuration')" 12
not_ok 'an unknown fault is refused' srv oidc fault kind=nothing

# --- Secret Service ------------------------------------------------------------------------------------------
keep='printf %s sentinel | secret-tool store --label=t key value'
ok 'an open keyring keeps a secret' cred_keyring unlocked sh -c "$keep"
is 'and gives it back' "$(cred_keyring unlocked secret-tool lookup key value)" sentinel
not_ok 'a locked one keeps nothing' cred_keyring locked sh -c "$keep"
not_ok 'and gives nothing' cred_keyring locked secret-tool lookup key value
not_ok 'no service' cred_keyring none sh -c "$keep"
not_ok 'no bus' cred_keyring nobus sh -c "$keep"
done_testing
