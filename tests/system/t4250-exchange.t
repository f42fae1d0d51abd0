#!/bin/sh
# git-credential-hsm in a build: what the build server says the job is, exchanged (RFC 8693).
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo demo.git
gh_keypair svc EC:prime256v1
oidc_start --workload-secret s3cret \
	"id=svc grants=token_exchange auth=private_key_jwt key=$(cred_pub svc)" \
	'id=open grants=token_exchange'
git_start --scope read_repository

cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmGrant token_exchange \
	hsmKey "$(gh_uri svc)" hsmScope read_repository hsmStore session \
	hsmSubjectToken "file:$GH_WORLD/identity"

srv oidc workload >identity
ok 'an identity in a file' clone
is 'for one request' "$(requests)" 1
git config --global hsm.pinSource file:/nonexistent
ok 'and another one' clone
is 'for none, and no PIN' "$(requests)" 1
git config --global hsm.pinSource "file:$GH_PIN_FILE"

set_to hsmStore none
srv oidc workload aud=https://evil.example >identity
not_ok 'one for another audience is refused' clone
like 'by the issuer' "$(cat "$GH_ERR")" 'says no: invalid_grant'
srv oidc workload ttl=-10 >identity
not_ok 'an old one is refused' clone
srv oidc workload iss=https://evil.example >identity
not_ok 'one of another build server is refused' clone
printf 'two words\n' >identity
not_ok 'a file that holds none' clone
like 'is named' "$(cat "$GH_ERR")" 'hsmSubjectToken: the file holds no token'
: >identity
not_ok 'an empty file' clone
head -c 20000 /dev/zero | tr '\0' a >identity
not_ok 'a large file' clone
rm identity
not_ok 'no file' clone

set_to hsmSubjectToken env:BUILD_ID_TOKEN
not_ok 'no variable' clone
like 'is named' "$(cat "$GH_ERR")" 'BUILD_ID_TOKEN is not in the environment .GitLab CI: id_tokens'
BUILD_ID_TOKEN=$(srv oidc workload)
export BUILD_ID_TOKEN
ok 'an identity in the environment, as GitLab CI gives it' clone
BUILD_ID_TOKEN=$(srv oidc workload aud=https://evil.example)
not_ok 'a wrong one is refused' clone
unset BUILD_ID_TOKEN

set_to hsmSubjectToken github-actions
not_ok 'no job of GitHub Actions' clone
like 'says what a job needs' "$(cat "$GH_ERR")" 'id-token: write'
ACTIONS_ID_TOKEN_REQUEST_URL="$OIDC_URL/workload?api-version=2.0"
ACTIONS_ID_TOKEN_REQUEST_TOKEN=s3cret
export ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN
ok 'an identity by URL, as GitHub Actions gives it' clone
like 'asked for the issuer as audience' "$(srv oidc last path=/workload)" \
	"workload.api-version=2.0&audience=https%3A%2F%2F127.0.0.1"
ACTIONS_ID_TOKEN_REQUEST_TOKEN=wrong
not_ok 'with another secret it is refused' clone
like 'by whoever gives it' "$(cat "$GH_ERR")" 'ACTIONS_ID_TOKEN_REQUEST_URL: HTTP 401'
ACTIONS_ID_TOKEN_REQUEST_TOKEN=s3cret
ACTIONS_ID_TOKEN_REQUEST_URL=http://127.0.0.1/
not_ok 'http is refused' clone
ACTIONS_ID_TOKEN_REQUEST_URL="$OIDC_URL/workload"
for bad in 'kind=edit unset=value' 'kind=edit set=value=7' 'kind=text body=' 'kind=huge'; do
	srv oidc clear >/dev/null
	# shellcheck disable=SC2086 # words
	srv oidc fault on='GET /workload' $bad >/dev/null
	not_ok "an answer that is none: $bad" clone
done
srv oidc clear >/dev/null

git config --global --unset "credential.$GIT_URL.hsmKey"
set_to hsmClientId open
ok 'a public client' clone
set_to hsmClientId svc
not_ok 'not for one that has to prove itself' clone

done_testing
