#!/bin/sh
# git-credential-hsm by mutual TLS: the client certificate's key stays in the token, and access
# tokens can be bound to the certificate (RFC 8705).
# shellcheck disable=SC3043,SC2034 # local: dash, bash and busybox have it; GH_CA is lib.sh's
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo demo.git
cred_repo open.git
gh_keypair svc EC:prime256v1
gh_keypair rsa rsa:2048
gh_keypair bare EC:prime256v1
for key in svc rsa; do
	gh_certificate "$key" "$key@example.com" 'extendedKeyUsage=clientAuth' 'subjectAltName='
	gh_store "$GH_WORLD/keys/$key.pem" "$key"
done
gh_authority other
gh_keypair foreign EC:prime256v1
gh_certificate foreign f@example.com 'extendedKeyUsage=clientAuth' 'subjectAltName='
gh_store "$GH_WORLD/keys/foreign.pem" foreign
oidc_start \
	'id=svc grants=client_credentials auth=tls_client_auth dn=CN=svc' \
	'id=rsa grants=client_credentials auth=tls_client_auth dn=CN=rsa' \
	'id=foreign grants=client_credentials auth=tls_client_auth dn=CN=foreign' \
	'id=bound grants=client_credentials auth=tls_client_auth dn=CN=svc bound'
git_start --scope read_repository

use() {
	cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId "$1" hsmKey "$(gh_uri "$2")" \
		hsmGrant client_credentials hsmClientAuth tls_client_auth hsmScope read_repository \
		hsmStore session
}

use svc svc
ok 'a clone by a P-256 certificate' clone
is 'for one request' "$(requests)" 1
git config --global hsm.pinSource file:/nonexistent
ok 'and another one' clone
is 'for none, and no PIN' "$(requests)" 1
git config --global hsm.pinSource "file:$GH_PIN_FILE"
use rsa rsa
ok 'by an RSA certificate' clone
use svc rsa
not_ok "another client's certificate is refused" clone
like 'by the issuer' "$(cat "$GH_ERR")" '/token says no: invalid_client'
use foreign foreign
not_ok 'one of another authority is refused' clone
like 'by the issuer' "$(cat "$GH_ERR")" '/token says no: invalid_client'
gh_keypair late EC:prime256v1
GH_CA=root
GH_DAYS=-1 gh_certificate late late@example.com 'extendedKeyUsage=clientAuth' 'subjectAltName='
gh_store "$GH_WORLD/keys/late.pem" late
use svc late
not_ok 'one that has expired is refused' clone
like 'before it is sent' "$(cat "$GH_ERR")" 'the certificate of hsmKey has expired on [0-9]{4}-'
use svc bare
not_ok 'a key without a certificate is refused' clone
like 'with the cure' "$(cat "$GH_ERR")" 'wants a certificate.*hsmCertificate'
git config --global "credential.$GIT_URL.hsmCertificate" "$GH_WORLD/keys/svc.pem"
not_ok 'a certificate of another key is refused' clone
like 'says so' "$(cat "$GH_ERR")" 'hsmCertificate is for another key'

# A certificate in a file, the key alone in the token.
GH_CA=root # of gh_certificate
gh_certificate bare bare@example.com 'extendedKeyUsage=clientAuth' 'subjectAltName='
oidc_bare=$(gh_uri bare)
# By an authority between, which the server does not have.
gh_keypair chained EC:prime256v1
gh_authority between root
gh_certificate chained chained@example.com 'extendedKeyUsage=clientAuth' 'subjectAltName='
gh_store "$GH_WORLD/keys/chained.pem" chained
cat "$GH_WORLD/keys/chained.pem" "$GH_WORLD/ca/between.pem" >"$GH_WORLD/keys/chain.pem"
srv_stop oidc
oidc_start 'id=bare grants=client_credentials auth=tls_client_auth dn=CN=bare' \
	'id=chained grants=client_credentials auth=tls_client_auth dn=CN=chained' \
	'id=svc grants=client_credentials auth=tls_client_auth dn=CN=svc' \
	'id=bound grants=client_credentials auth=tls_client_auth dn=CN=svc bound'
use bare bare
git config --global "credential.$GIT_URL.hsmKey" "$oidc_bare"
git config --global "credential.$GIT_URL.hsmCertificate" "$GH_WORLD/keys/bare.pem"
ok 'a certificate in a file' clone
git config --global --unset "credential.$GIT_URL.hsmCertificate"
use chained chained
not_ok 'a certificate whose authority the server does not know' clone
git config --global "credential.$GIT_URL.hsmCertificate" "$GH_WORLD/keys/chain.pem"
ok 'the file brings the authority between' clone
git config --global --unset "credential.$GIT_URL.hsmCertificate"
git config --global hsm.pinSource file:/nonexistent
use svc svc
not_ok 'no PIN, no token' clone
git config --global hsm.pinSource "file:$GH_PIN_FILE"

# --- bound to the certificate -----------------------------------------------------------
# The key of git's own half is in a file here: what counts is that the token alone does not do.
use bound svc
not_ok 'a token that is bound does not do without the certificate' clone
like 'it was given by the issuer' "$(srv_count oidc 'POST /token 200')" '^[1-9]'

# One Ed25519 key hides all others from libp11: that is said.
gh_keypair ed EC:edwards25519
use svc svc
git config --global "credential.$GIT_URL.hsmScope" 'read_repository openid'
not_ok 'an Ed25519 key beside it' clone
like 'is named as the reason' "$(cat "$GH_ERR")" 'one Ed25519 key hides them all'
use svc ed
not_ok 'an Ed25519 key cannot be used for TLS' clone

done_testing
