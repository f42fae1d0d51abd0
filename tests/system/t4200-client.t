#!/bin/sh
# git-credential-hsm as a service: client credentials by a JSON web token or a certificate whose
# key is in the token. Each clone costs one request; the second one none, and no PIN.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo demo.git
for key in svc:EC:prime256v1 p384:EC:secp384r1 rsa:rsa:2048 ps:rsa:2048 ed:EC:edwards25519 \
	other:EC:prime256v1; do
	gh_keypair "${key%%:*}" "${key#*:}"
done
oidc_start --audience strict --resource https://git.example/ \
	"id=svc grants=client_credentials auth=private_key_jwt alg=ES256 key=$(cred_pub svc)" \
	"id=p384 grants=client_credentials auth=private_key_jwt alg=ES384 key=$(cred_pub p384)" \
	"id=rsa grants=client_credentials auth=private_key_jwt alg=RS256 key=$(cred_pub rsa)" \
	"id=ps grants=client_credentials auth=private_key_jwt alg=PS256 key=$(cred_pub ps)" \
	"id=ed grants=client_credentials auth=private_key_jwt alg=EdDSA key=$(cred_pub ed)"
git_start --scope read_repository
unset XDG_RUNTIME_DIR
TMPDIR=$GH_WORLD
export TMPDIR

# use CLIENT KEY: the profile of $GIT_URL.
use() {
	cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId "$1" hsmKey "$(gh_uri "$2")" \
		hsmGrant client_credentials hsmScope read_repository hsmStore session
}
ask() {
	cred_ask get protocol=https "host=${GIT_URL#https://}"
}

use svc svc
ok 'a clone with nothing but the helper' clone
is 'for one request' "$(requests)" 1
token=$(srv oidc issued what=access_token)
git config --global hsm.pinSource file:/nonexistent
ok 'and another one' clone
is 'for none, and no PIN' "$(requests)" 1
like 'the helper gives that token' "$(ask)" "^password=$token\$"
unlike 'and names no host' "$(ask)" '^(host|protocol)='
git config --global hsm.pinSource "file:$GH_PIN_FILE"

# What the issuer saw.
form=$(srv oidc last path=/token)
decoded() {
	printf '%s' "$form" | cred_field client_assertion | cut -d. -f"$1" |
		perl -MMIME::Base64=decode_base64url -ne 'print decode_base64url($_)'
}
like 'the assertion is RFC 10070' "$(decoded 1)" '"typ":"client-authentication.jwt"'
like 'for the issuer alone' "$(decoded 2)" "\"aud\":\"$OIDC_URL\""
use svc svc
git config --global "credential.$GIT_URL.hsmAssertion" token_endpoint
git config --global "credential.$GIT_URL.hsmScope" 'read_repository offline_access'
not_ok 'the older form is refused by a server that is strict' clone
form=$(srv oidc last path=/token)
like 'it was for the token endpoint' "$(decoded 2)" "\"aud\":\"$OIDC_URL/token\""
like 'and of another type' "$(decoded 1)" '"typ":"JWT"'
git config --global --unset "credential.$GIT_URL.hsmAssertion"

for client in p384 rsa ed; do
	use "$client" "$client"
	ok "a key of another kind: $client" clone
done
# The server takes PS256 only when its metadata names it and not RS256.
use ps ps
not_ok 'RS256 is not what this client may use' clone
srv oidc fault kind=edit times=0 on=openid-configuration \
	'set=token_endpoint_auth_signing_alg_values_supported=["PS256"]' >/dev/null
ok 'PS256 where the metadata asks for it' clone
use svc svc
git config --global "credential.$GIT_URL.hsmScope" 'read_repository openid'
not_ok 'a key of a kind that the metadata does not take' clone
like 'says so' "$(cat "$GH_ERR")" 'takes no signature by a key of this kind .p256.'
srv oidc clear >/dev/null

use svc other
not_ok 'another key is refused' clone
like 'by the issuer, in its words' "$(cat "$GH_ERR")" 'git-credential-hsm: .*/token says no: invalid_client'
use nobody svc
not_ok 'another client is refused' clone
use svc svc
git config --global "credential.$GIT_URL.hsmResource" https://git.example/
ok 'a resource' clone
is 'is asked for' "$(srv oidc check token="$(srv oidc issued what=access_token | tail -n 1)" |
	cred_field aud)" https://git.example/
git config --global "credential.$GIT_URL.hsmResource" https://evil.example/
not_ok 'another resource is refused' clone
like 'by the issuer' "$(cat "$GH_ERR")" 'says no: invalid_target'
git config --global --unset "credential.$GIT_URL.hsmResource"
git config --global "credential.$GIT_URL.hsmAudience" https://git.example/
ok 'an audience, for servers that call it so' clone
git config --global --unset "credential.$GIT_URL.hsmAudience"

# --- the key -----------------------------------------------------------------------
use svc svc
git config --global "credential.$GIT_URL.hsmKeyId" k1 # another name to keep a token under: none
git config --global --unset "credential.$GIT_URL.hsmKeyId"
# fresh: forgets what is kept, so that the next clone asks.
fresh() {
	printf 'protocol=https\nhost=%s\npassword=%s\n\n' "${GIT_URL#https://}" \
		"$(ask | sed -n 's/^password=//p')" | "$CRED_HELPER" erase
}
fresh
git config --global user.signingKey "$(gh_uri svc)"
not_ok 'the key that signs commits is refused' clone
like 'with the cure' "$(cat "$GH_ERR")" 'key that signs commits .user.signingKey.*hsmKeyShared'
git config --global "credential.$GIT_URL.hsmKeyShared" true
ok 'unless that is said' clone
git config --global --unset "credential.$GIT_URL.hsmKeyShared"
git config --global user.signingKey "$(gh_uri other)"
fresh
ok 'another signing key is no matter' clone
git config --global --unset user.signingKey
use svc svc
git config --global "credential.$GIT_URL.hsmKey" 'pkcs11:token=world'
not_ok 'a URI that fits several keys is refused' clone
like 'and lists them' "$(cat "$GH_ERR")" 'hsmKey fits [0-9]+ keys.*"svc" .p256.'
git config --global "credential.$GIT_URL.hsmKey" 'pkcs11:token=world;object=svc'
ok 'a label names one' clone
git config --global "credential.$GIT_URL.hsmKey" 'pkcs11:token=world;object=gone'
not_ok 'one that is not there is refused' clone
like 'and tells what is' "$(cat "$GH_ERR")" 'hsmKey names no key that is there'
git config --global "credential.$GIT_URL.hsmKey" "$(gh_uri svc);object=svc"
git config --global hsm.pinSource file:/nonexistent
not_ok 'no PIN, no token' clone
printf '00000000\n' >"$GH_WORLD/wrong"
chmod 600 "$GH_WORLD/wrong"
git config --global hsm.pinSource "file:$GH_WORLD/wrong"
not_ok 'a wrong PIN, no token' clone
like 'says so' "$(cat "$GH_ERR")" 'git-credential-hsm: .*PIN'
git config --global hsm.pinSource "file:$GH_PIN_FILE"
ok 'the right one' clone
git config --global --unset hsm.pinSource
fresh
not_ok 'nobody can be asked for it' clone
git config --global hsm.pinSource "file:$GH_PIN_FILE"

done_testing
