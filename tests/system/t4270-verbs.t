#!/bin/sh
# git-credential-hsm's verbs for people: configure, login, logout, status, explain, test.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo demo.git
cred_repo acme/widgets.git
gh_keypair svc EC:prime256v1
gh_keypair app rsa:2048
gh_keypair mtls EC:prime256v1
gh_certificate mtls mtls@example.com 'extendedKeyUsage=clientAuth' 'subjectAltName='
gh_store "$GH_WORLD/keys/mtls.pem" mtls
oidc_start "id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)" \
	'id=cli grants=device_code,refresh_token' \
	'id=bound grants=client_credentials auth=tls_client_auth dn=CN=mtls bound'
git_start --scope read_repository
github_start app --client-id Iv1.test --installation '77 Acme widgets contents=write,metadata=read'
GIT_TERMINAL_PROMPT=1
export GIT_TERMINAL_PROMPT GIT_URL

hsm() {
	"$CRED_HELPER" "$@"
}
requests() {
	srv_count oidc 'POST /token 200'
}

# --- configure ----------------------------------------------------------------------
not_ok 'no profile yet' hsm explain "$GIT_URL/demo.git"
like 'says what to type' "$(cat "$GH_ERR")" "git-credential-hsm configure $GIT_URL/demo.git"
before=$(cat "$GIT_CONFIG_GLOBAL")
for bad in "--grant client_credentials" "--grant wrong --issuer $OIDC_URL --client-id svc" \
	"--grant client_credentials --issuer http://x --client-id svc --key $(gh_uri svc)" \
	"--grant client_credentials --issuer $OIDC_URL --client-id svc --key pkcs11:object=gone" \
	"--grant client_credentials --issuer $OIDC_URL --client-id svc --key $(gh_uri svc) --bound"; do
	# shellcheck disable=SC2086 # words
	not_ok "refused: $bad" hsm configure $bad "$GIT_URL"
done
exits 3 'no module' env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.module GIT_CONFIG_VALUE_0= \
	"$CRED_HELPER" configure --issuer "$OIDC_URL" --client-id svc --grant client_credentials \
	--key "$(gh_uri svc)" "$GIT_URL"
like 'what to type stands in one line' "$(cat "$GH_ERR")" \
	"^git-credential-hsm: no PKCS#11 module is configured: type .gitsign-hsm setup', or git config --global hsm.module "
mkdir nowhere
exits 3 'a configuration that cannot be written' env GIT_CONFIG_GLOBAL="$GH_WORLD/nowhere" \
	"$CRED_HELPER" configure --grant device_code --issuer "$OIDC_URL" --client-id cli "$GIT_URL"
unlike 'nothing is called written' "$(cat "$GH_OUT")" 'credential\.'
not_ok 'http is refused' hsm configure --grant device_code http://127.0.0.1
is 'nothing was written' "$(cat "$GIT_CONFIG_GLOBAL")" "$before"
set -- configure --issuer "$OIDC_URL" --client-id svc --key "$(gh_uri svc);object=svc" \
	--grant client_credentials --scope read_repository --store session
ok 'shown' hsm "$@" --dry-run "$GIT_URL"
is 'and not written' "$(cat "$GIT_CONFIG_GLOBAL")" "$before"
ok 'written' hsm "$@" "$GIT_URL"
is 'a URI with its semicolons' "$(git config "credential.$GIT_URL.hsmKey")" "$(gh_uri svc);object=svc"
is 'an empty helper, then this one' "$(git config --get-all "credential.$GIT_URL.helper" | tr '\n' ' ')" \
	" $CRED_HELPER "
ok 'git gets in' git ls-remote "$GIT_URL/demo.git"
ok 'written again' hsm "$@" "$GIT_URL"
is 'is the same' "$(git config --get-all "credential.$GIT_URL.helper" | tr '\n' ' ')" " $CRED_HELPER "
ok 'another profile in its place' hsm configure --issuer "$OIDC_URL" --client-id cli \
	--grant device_code --store session "$GIT_URL"
is 'leaves nothing of the first' "$(git config "credential.$GIT_URL.hsmKey")$(git config "credential.$GIT_URL.hsmScope")" ''
ok 'for this repository only' sh -c 'git init -q here && cd here && "$0" "$@" --local "$GIT_URL" && git config --local --get-regexp hsmClientId' \
	"$CRED_HELPER" "$@"
rm -rf here
ok 'a deadline of its own' hsm "$@" --timeout 20s "$GIT_URL"
is 'is written' "$(git config "credential.$GIT_URL.hsmTimeout")" 20s
hsm "$@" "$GIT_URL" >/dev/null
is 'and goes with the profile that it was for' "$(git config "credential.$GIT_URL.hsmTimeout")" ''
exits 3 'one that is none' hsm "$@" --timeout forever "$GIT_URL"
hsm "$@" --timeout 20s "$GIT_URL" >/dev/null
ok 'taken out' hsm configure --remove "$GIT_URL"
unlike 'whole' "$(git config --global --list)" "^credential\\.$GIT_URL\\."
# What the profile did not need was set by hand: it stays, and that is told.
for value in true false; do
	hsm "$@" "$GIT_URL" >/dev/null
	git config --global "credential.$GIT_URL.useHttpPath" "$value"
	git config --global --add "credential.$GIT_URL.helper" 'cache --timeout 9'
	ok "shown, with useHttpPath $value" hsm configure --remove --dry-run "$GIT_URL"
	is 'and not taken out' "$(git config --get-all "credential.$GIT_URL.helper" | tr '\n' ' ')" \
		" $CRED_HELPER cache --timeout 9 "
	ok "taken out" hsm configure --remove "$GIT_URL"
	is 'but what was set by hand' "$(git config --global --get-regexp "^credential\\.$GIT_URL\\." | sed 's/.*\.//' | tr '\n' ' ')" \
		"usehttppath $value helper  helper cache --timeout 9 "
	like 'which is told' "$(cat "$GH_OUT")" 'useHttpPath stays: it is not what configure writes'
	like 'of each' "$(cat "$GH_OUT")" 'helper = cache --timeout 9 stays'
	ok 'taken out again' hsm configure --remove "$GIT_URL"
	like 'helpers of others are no matter' "$(cat "$GH_OUT")" 'helper stays'
	git config --global --remove-section "credential.$GIT_URL"
done
ok 'a profile for a path' hsm "$@" "$GIT_URL/team"
is 'has git send it' "$(git config "credential.$GIT_URL/team.useHttpPath")" true
ok 'taken out' hsm configure --remove "$GIT_URL/team"
is 'with it' "$(git config --global --get-regexp "^credential\\.$GIT_URL/team")" ''
hsm "$@" "$GIT_URL" >/dev/null

# --- login, status, test, logout ------------------------------------------------------
ok 'login' hsm login "$GIT_URL"
like 'tells what there is' "$(cat "$GH_OUT")" "^$GIT_URL: access token received, good for .* min; kept in the session's memory"
before=$(requests)
git config --global hsm.pinSource file:/nonexistent
ok 'and git needs nothing more' git ls-remote "$GIT_URL/demo.git"
is 'no request' "$(requests)" "$before"
ok 'status' hsm status
like 'names the profile' "$(cat "$GH_OUT")" "^$GIT_URL\$"
like 'and its age' "$(cat "$GH_OUT")" 'token +good for .* min, issued [0-9]+ s ago'
ok 'status by a clock that was set back' env LD_PRELOAD="$GH_TOOLS/clock.so" GH_CLOCK=-7200 \
	ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "$CRED_HELPER" status
like 'tells it' "$(cat "$GH_OUT")" 'issued in the future .is this clock right'
ok 'status for programs' hsm status --json
like 'is JSON' "$(node -e 'for (const p of JSON.parse(require("fs").readFileSync(0))) console.log(p.url, p.token.state, p.token.left > 0)' <"$GH_OUT")" "^$GIT_URL good true\$"
unlike 'without the token' "$(cat "$GH_OUT")" "$(srv oidc issued what=access_token | tail -n 1)"
ok 'test' hsm test "$GIT_URL/demo.git"
like 'git gets in' "$(cat "$GH_OUT")" '^git gets in: [1-9]'
not_ok 'test of what is not there' hsm test "$GIT_URL/gone.git"
like 'git does not' "$(cat "$GH_ERR")" 'git does not get in'
ok 'test without a request' hsm test --offline "$GIT_URL/demo.git"
exits 3 'an address that gets no token' hsm test --offline https://evil.example/x
exits 3 'nor a host that only begins alike' hsm test --offline "https://127.0.0.1.evil.example/x"
exits 8 'nor http' hsm test --offline "http://127.0.0.1/x"
git config --global hsm.pinSource "file:$GH_PIN_FILE"
token=$(srv oidc issued what=access_token | tail -n 1)
ok 'logout' hsm logout "$GIT_URL"
like 'revokes' "$(cat "$GH_OUT")" 'revoked at the issuer, and forgotten'
like 'the token is dead' "$(srv oidc check token="$token")" '"active":false'
ok 'status after it' hsm status
like 'has none' "$(cat "$GH_OUT")" 'token +none kept'
ok 'logout again' hsm logout "$GIT_URL"
like 'finds nothing' "$(cat "$GH_OUT")" 'there was no token'
hsm login "$GIT_URL" >/dev/null
srv oidc fault kind=status status=500 on=revocation >/dev/null
not_ok 'an issuer that does not revoke' hsm logout "$GIT_URL"
like 'is said' "$(cat "$GH_ERR")" 'forgotten here, but not revoked'
hsm status >"$GH_OUT"
like 'and forgotten it is' "$(cat "$GH_OUT")" 'token +none kept'
# Only a good answer is one, whatever its body (RFC 7009 2.2).
for no in 'kind=status status=302 header=Location:https://x.example/' 'kind=status status=400 body={' 'kind=huge'; do
	hsm login "$GIT_URL" >/dev/null
	# shellcheck disable=SC2086 # words
	srv oidc fault on=revocation $no >/dev/null
	not_ok "no revocation: $no" hsm logout "$GIT_URL"
	like 'is said' "$(cat "$GH_ERR")" 'forgotten here, but not revoked'
done
hsm login "$GIT_URL" >/dev/null
srv oidc clear >/dev/null
srv oidc fault kind=text body='{' on=revocation >/dev/null
ok 'a good answer with half a body' hsm logout "$GIT_URL"
hsm login "$GIT_URL" >/dev/null
srv oidc fault kind=status status=204 on=revocation >/dev/null
ok 'and one without any' hsm logout "$GIT_URL"
srv oidc fault kind=status status=500 on='POST /token' >/dev/null
not_ok 'a login that fails' hsm login "$GIT_URL"
like 'says why' "$(cat "$GH_ERR")" 'HTTP 500'

srv oidc clear >/dev/null
hsm configure --issuer "$OIDC_URL" --client-id cli --grant device_code --store session \
	--scope 'openid offline_access' "$GIT_URL" >/dev/null
srv oidc fault kind=edit on='POST /device/auth' set=interval=1 >/dev/null
: >"$GH_ERR"
{ cred_until 'a code' grep -q 'enter  ' "$GH_ERR" && srv oidc device >/dev/null; } &
ok 'login of a person' hsm login "$GIT_URL"
like 'tells of the refresh token' "$(cat "$GH_OUT")" 'with a refresh token'

# Over a session that lives: the refresh token that nobody has any more is ended, the new one never.
refresh_token() {
	srv oidc issued what=refresh_token | sed -n "\$p"
}
# again [ANSWER]: another login over the one that is there.
again() {
	: >"$GH_ERR"
	{ cred_until 'a code' grep -q 'enter  ' "$GH_ERR" && srv oidc device "$@" >/dev/null; } &
	hsm login "$GIT_URL"
}
# dead TOKEN, alive: does the issuer still take it? Does git need a person?
dead() {
	cred_post "$OIDC_URL/token" grant_type=refresh_token client_id=cli "refresh_token=$1" | grep -q invalid_grant
}
alive() {
	cred_ask get protocol=https "host=${GIT_URL#https://}" >"$GH_WORLD/now"
	sed -n 's/^password=/protocol=https\nhost='"${GIT_URL#https://}"'\n&/p' "$GH_WORLD/now" | "$CRED_HELPER" erase
	GIT_TERMINAL_PROMPT=0 cred_ask get protocol=https "host=${GIT_URL#https://}" | grep -q '^password=.'
}
first=$(refresh_token)
ok 'login again' again
is 'revokes the refresh token of the one before' "$(srv_count oidc 'POST /token/revocation 200')" 1
unlike 'without a word' "$(cat "$GH_ERR")" 'login before|once more'
ok 'which the issuer refuses from then on' dead "$first"
ok 'the new login lasts' alive
first=$(refresh_token)
not_ok 'a person who says no' again deny=1
is 'revokes nothing' "$(srv_count oidc 'POST /token/revocation')" 1
ok 'and the login before lasts' alive
srv oidc fault kind=status status=500 on=revocation >/dev/null
ok 'an issuer that does not revoke' again
like 'costs a word' "$(cat "$GH_ERR")" 'the refresh token of the login before is not revoked: .*HTTP 500'
ok 'and no login' alive
# An issuer that ends all that came by the same yes.
srv oidc clear >/dev/null
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
again_and_again() {
	: >"$GH_ERR"
	{
		cred_until 'a code' grep -q 'enter  ' "$GH_ERR" && srv oidc device grant=same >/dev/null
		cred_until 'another one' grep -q 'once more, please' "$GH_ERR"
		cred_until 'its code' sh -c '[ "$(grep -c "enter  " "$1")" = 2 ]' count "$GH_ERR"
		srv oidc device >/dev/null
	} &
	hsm login "$GIT_URL"
}
ok 'an issuer that ends the new login with the old one is asked once more' again_and_again
ok 'which lasts' alive
srv oidc clear >/dev/null
ok 'logout' hsm logout "$GIT_URL"
is 'revokes both tokens' "$(srv_count oidc 'POST /token/revocation 200')" 2
hsm "$@" "$GIT_URL" >/dev/null

set_to hsmStore none
ok 'login where nothing is kept' hsm login "$GIT_URL"
like 'says so' "$(cat "$GH_OUT")" 'good for .* min; kept nowhere$'
ok 'explain does too' hsm explain --offline "$GIT_URL"
like 'alike' "$(cat "$GH_OUT")" '^token +none kept; kept nowhere$'
set_to hsmStore session

# --- explain ----------------------------------------------------------------------------
srv oidc clear >/dev/null
gh_setup git init -q repo
cd repo || bail repo
ok 'explain' env -u GIT_CEILING_DIRECTORIES "$CRED_HELPER" explain "$GIT_URL/demo.git"
out=$(cat "$GH_OUT")
like 'the profile' "$out" "^profile +$GIT_URL\$"
like 'each setting and where it stands' "$out" "hsmclientid = svc +.$GIT_URL, .*gitconfig:[0-9]+"
# Where git has to be asked, it names the file alone.
printf '[credential "%s"]\n\thsmTimeout = 50s\n' "$GIT_URL" >"$GH_WORLD/included"
git config --global include.path "$GH_WORLD/included"
ok 'explain, with an include' env GIT_CONFIG_COUNT=1 "GIT_CONFIG_KEY_0=credential.$GIT_URL.hsmUsername" \
	GIT_CONFIG_VALUE_0=bot "$CRED_HELPER" explain --offline "$GIT_URL/demo.git"
like 'names its file' "$(cat "$GH_OUT")" "hsmtimeout = 50s +.$GIT_URL, $GH_WORLD/included\)\$"
like 'and the one that has it' "$(cat "$GH_OUT")" "hsmclientid = svc +.$GIT_URL, .*gitconfig\)\$"
like 'and what is no file' "$(cat "$GH_OUT")" "hsmusername = bot +.$GIT_URL, command line\)\$"
{ echo '[a]'; seq 100 | sed 's/^/b = /'; } >"$GH_WORLD/another"
ok 'a list that is another one' env GIT_CONFIG="$GH_WORLD/another" "$CRED_HELPER" explain --offline "$GIT_URL/demo.git"
like 'names none' "$(cat "$GH_OUT")" "hsmclientid = svc +.$GIT_URL, git config\)\$"
git config --global --unset include.path
like 'the key' "$out" '^key +"svc" .p256. on token "world", SHA-256 of its public key [0-9a-f]{64}'
like 'the issuer' "$out" "^issuer +$OIDC_URL, tokens from $OIDC_URL/token"
like 'no problem' "$out" 'No problem was found'
is 'no request for a token' "$(srv_count oidc 'POST /token')" 0
ok 'for programs' hsm explain --json "$GIT_URL/demo.git"
like 'is JSON' "$(node -e 'const r = JSON.parse(require("fs").readFileSync(0)); console.log(r.key.algorithm, r.issuer.token, r.problems.length)' <"$GH_OUT")" \
	"^p256 $OIDC_URL/token 0\$"
# problem DESCRIPTION PATTERN: explain ends with 3 and a PROBLEM.
problem() {
	exits 3 "$1" hsm explain "$GIT_URL/demo.git"
	like "$1: the cure" "$(cat "$GH_OUT")" "$2"
}
git config --global --unset-all "credential.$GIT_URL.helper"
problem 'no helper' 'PROBLEM +git does not ask this helper'
hsm configure --remove "$GIT_URL" >/dev/null
git config --global credential.helper store
hsm "$@" "$GIT_URL" >/dev/null
git config --global --replace-all "credential.$GIT_URL.helper" "$CRED_HELPER"
problem 'another one first' 'git asks "store" before this helper'
hsm "$@" "$GIT_URL" >/dev/null
git config --global --add "credential.$GIT_URL.helper" cache
problem 'another one behind' 'hands access tokens to "cache" too'
git config --global --unset-all credential.helper
hsm "$@" "$GIT_URL" >/dev/null
port=${GIT_URL##*:}
git config --global "credential.https://*.0.0.1:$port.helper" store
problem 'another one by a pattern' 'hands access tokens to "store" too'
git config --global --unset "credential.https://*.0.0.1:$port.helper"
git config --global "credential.https://*.0.0.1:$port.helper" 'store a\b'
problem 'one with a backslash in it' 'hands access tokens to "store a\\x5cb" too'
git config --global --unset "credential.https://*.0.0.1:$port.helper"
git config --global 'credential.https://x.example/a\b.hsmGrant' device_code
hsm status >"$GH_OUT"
like 'status tells of a backslash once, too' "$(grep problem "$GH_OUT")" 'x\.example/a\\x5cb'
git config --global --unset 'credential.https://x.example/a\b.hsmGrant'
for other in "*.0.1:$port" "*.0.0.2:$port" "*.*.0.0.1:$port" '*.0.0.1'; do
	git config --global "credential.https://$other.helper" store
	ok "a pattern for others: $other" hsm explain --offline "$GIT_URL/demo.git"
	git config --global --unset "credential.https://$other.helper"
done
git config --global "credential.https://*.0.0.1:$port.hsmScope" x
problem 'a setting by a pattern' 'hsmscope of "https://\*\.0\.0\.1:[0-9]+" counts for nothing'
unlike 'is none' "$(grep '^settings\|^  *hsm' "$GH_OUT")" 'hsmscope = x'
git config --global --unset "credential.https://*.0.0.1:$port.hsmScope"
gh_setup git remote add old "http://127.0.0.1/demo.git"
problem 'a remote by http' 'remote "old" is http'
git config 'remote.a\b.url' http://127.0.0.1/demo.git
problem 'one of an odd name' 'remote "a\\x5cb" is http.* set-url a\\x5cb '
git config --unset 'remote.a\b.url'
cd .. || bail cd
git config --global "http.$GIT_URL.sslVerify" false
problem 'a server that is not verified' 'does not verify'
git config --global --unset "http.$GIT_URL.sslVerify"
srv oidc clock skew=-100 >/dev/null
problem 'a wrong clock' "this clock is (99|10[0-9]) s ahead of the issuer's"
srv oidc clock skew=0 >/dev/null
git config --global "credential.$GIT_URL.hsmKey" pkcs11:object=gone
problem 'no key' 'the key cannot be used: hsmKey names no key'
git config --global "credential.$GIT_URL.hsmKey" "$(gh_uri svc)"
git config --global "credential.$GIT_URL.hsmIssuer" "$OIDC_URL/x"
problem 'no issuer' 'the issuer: no metadata'
ok 'which --offline does not ask' hsm explain --offline "$GIT_URL/demo.git"

# --- a GitHub App -------------------------------------------------------------------------
ok 'a GitHub App' hsm configure --grant github_app --client-id Iv1.test --key "$(gh_uri app)" \
	--store session "$GITHUB_URL"
is 'git sends the path' "$(git config "credential.$GITHUB_URL.useHttpPath")" true
ok 'another profile in its place' hsm "$@" "$GITHUB_URL"
is 'needs none' "$(git config "credential.$GITHUB_URL.useHttpPath")" ''
ok 'the App again' hsm configure --grant github_app --client-id Iv1.test --key "$(gh_uri app)" \
	--store session "$GITHUB_URL"
ok 'login for an owner' hsm login "$GITHUB_URL/acme/widgets.git"
ok 'git gets in' git ls-remote "$GITHUB_URL/acme/widgets.git"
is 'with that token' "$(srv_count github 'POST .*/access_tokens')" 1
ok 'logout' hsm logout "$GITHUB_URL/acme/widgets.git"
is 'gives it back' "$(srv_count github 'DELETE /api/v3/installation/token 204')" 1
ok 'logout again' hsm logout "$GITHUB_URL/acme/widgets.git"
like 'there is none of it' "$(cat "$GH_OUT")" 'there was no token of this address'
hsm login "$GITHUB_URL/acme/widgets.git" >/dev/null
ok 'logout without an owner' hsm logout "$GITHUB_URL"
like 'is no logout of one' "$(cat "$GH_OUT")" "no token of this address; those of its owners' addresses are forgotten, not revoked"
is 'and forgotten they are' "$(hsm explain --offline --json "$GITHUB_URL/acme/widgets.git" | grep -c '"state": "none"')" 1
git config --global "credential.$GITHUB_URL.useHttpPath" false
exits 3 'explain without the path' hsm explain "$GITHUB_URL/acme/widgets.git"
like 'says so' "$(cat "$GH_OUT")" 'needs the path, and git sends none'

# --- both halves of a certificate-bound token --------------------------------------------------
set -- configure --issuer "$OIDC_URL" --client-id bound --grant client_credentials \
	--client-auth tls_client_auth --key "$(gh_uri mtls)" --scope read_repository --store session \
	--bound "$GIT_URL"
ok 'a certificate-bound token' hsm "$@"
like 'a PIN with a newline behind it is warned of' "$(cat "$GH_OUT")" 'ends in a newline'
printf %s "$GH_PIN" >"$GH_WORLD/pin two"
chmod 600 "$GH_WORLD/pin two"
git config --global hsm.pinSource "file:$GH_WORLD/pin two"
ok 'one without' hsm "$@"
unlike 'is not' "$(cat "$GH_OUT")" 'newline'
is "git's own key is the token's" "$(git config "http.$GIT_URL.sslKey")" \
	"$(gh_uri mtls);type=private?pin-source=$GH_WORLD/pin%20two"
unlike 'without the PIN' "$(cat "$GIT_CONFIG_GLOBAL")" "$GH_PIN"
is 'and the certificate is a file' "$(openssl x509 -in "$(git config "http.$GIT_URL.sslCert")" -noout -subject)" \
	'subject=CN = mtls'
ok 'login' hsm login "$GIT_URL"
# Stock git finds the module by p11-kit, and shows the certificate with the token's key.
if [ -e /usr/share/p11-kit/modules/softhsm2.module ]; then
	ok 'git gets in with both halves' git ls-remote "$GIT_URL/demo.git"
	key=$(git config "http.$GIT_URL.sslKey")
	git config --global --unset "http.$GIT_URL.sslKey"
	git config --global --unset "http.$GIT_URL.sslCert"
	not_ok 'and not with one' git ls-remote "$GIT_URL/demo.git"
	hsm "$@" >"$GH_OUT"
	is 'written again, it is the same' "$(git config "http.$GIT_URL.sslKey")" "$key"
	ok 'and git gets in' git ls-remote "$GIT_URL/demo.git"
fi

# The half that git reads goes with the profile that it was for; what was set by hand stays.
halves() {
	git config --global --get-regexp "^http\\.$GIT_URL\\.ssl" | cut -d' ' -f1 | sed 's/.*\.//' | sort | tr '\n' ' '
}
is 'both halves stand there' "$(halves)" 'sslcert sslkey sslkeytype '
hsm configure --issuer "$OIDC_URL" --client-id svc --key "$(gh_uri svc);object=svc" \
	--grant client_credentials --store session "$GIT_URL" >"$GH_OUT"
is 'a profile without --bound takes them out' "$(halves)" ''
like 'and says so' "$(cat "$GH_OUT")" "^  http\\.$GIT_URL\\.sslKey is taken out"
hsm "$@" >"$GH_OUT"
ok 'shown' hsm configure --remove --dry-run "$GIT_URL"
is 'and not taken out' "$(halves)" 'sslcert sslkey sslkeytype '
like 'which is told' "$(cat "$GH_OUT")" 'would be gone'
unlike 'of each' "$(cat "$GH_OUT")" ' is (taken out|gone)'
ok 'taken out' hsm configure --remove "$GIT_URL"
is 'with both halves' "$(halves)" ''
pem=$(echo "$HOME"/.config/gitsign-hsm/*.pem)
like 'the certificate that is left is named' "$(cat "$GH_OUT")" "^  $pem stays"
ok 'where it is' test -f "$pem"
shift
set -- configure --certificate "$GH_WORLD/keys/mtls.pem" "$@"
gh_setup "$CRED_HELPER" "$@"
is 'a certificate of the profile' "$(git config "http.$GIT_URL.sslCert")" "$GH_WORLD/keys/mtls.pem"
gh_setup "$CRED_HELPER" configure --remove "$GIT_URL"
is 'goes with it' "$(halves)" ''
for certificate in "$GH_WORLD/keys/mtls.pem" /elsewhere.pem; do
	gh_setup "$CRED_HELPER" "$@"
	git config --global "http.$GIT_URL.sslCert" "$certificate"
	[ "$certificate" = /elsewhere.pem ] || git config --global "http.$GIT_URL.sslKey" 'pkcs11:token=mine'
	ok "one set by hand: $certificate" hsm configure --remove "$GIT_URL"
	is 'stays' "$(halves)" 'sslcert sslkey sslkeytype '
	like 'which is told' "$(cat "$GH_OUT")" 'not what configure writes'
	git config --global --remove-section "http.$GIT_URL"
done

# --- people ------------------------------------------------------------------------------------
ok 'help' hsm configure --help
for verb in configure login logout status explain test; do
	ok "help for $verb" hsm "$verb" --help
	like 'begins with its use' "$(head -n 1 "$GH_OUT")" "^usage: git-credential-hsm $verb"
	exits 2 "an unknown option of $verb" hsm "$verb" --nonsense
done
exits 2 'no URL' hsm login
exits 2 'a word that is none' hsm login nonsense

done_testing
