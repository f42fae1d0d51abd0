#!/bin/sh
# git-credential-hsm as a GitHub App: a JSON web token made in the token, the installation found
# from the owner of the repository, permissions and repositories narrowed.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo acme/widgets.git
cred_repo acme/gears.git
cred_repo acme/.github.git
cred_repo solo/thing.git
gh_keypair app rsa:2048
gh_keypair ec EC:prime256v1
gh_keypair other rsa:2048
github_start app --client-id Iv1.test --installation '77 Acme widgets,gears,.github contents=write,metadata=read' \
	--installation '78 Solo thing contents=read,metadata=read'

cred_profile "$GITHUB_URL" hsmGrant github_app hsmClientId Iv1.test hsmKey "$(gh_uri app)" \
	hsmStore session useHttpPath true
set_to() {
	git config --global "credential.$GITHUB_URL.$1" "$2"
}
clone() {
	rm -rf clone
	git clone -q "$GITHUB_URL/$1" clone
}
tokens() {
	srv_count github 'POST .*/access_tokens'
}

ok 'a clone with nothing but the helper' clone acme/widgets.git
is 'for one token' "$(tokens)" 1
is 'of the installation that the repository has' \
	"$(srv_count github 'GET /api/v3/repos/acme/widgets/installation 200')" 1
git config --global hsm.pinSource file:/nonexistent
srv github clear >/dev/null
ok 'and another one' clone acme/widgets.git
ok 'and a repository of the same owner' clone acme/gears.git
is 'for none, and no PIN' "$(tokens)" 0
git config --global hsm.pinSource "file:$GH_PIN_FILE"
ok 'another owner' clone solo/thing.git
is 'has an installation of its own' "$(srv_count github 'POST .*/installations/78/access_tokens 201')" 1
not_ok 'an owner without one is refused' clone nobody/thing.git
like 'says so' "$(cat "$GH_ERR")" 'the GitHub App Iv1.test is not installed for nobody'
like 'asked for the owner too' "$(srv github log)" 'GET /api/v3/orgs/nobody/installation 404'
not_ok 'a name that is none never leaves' clone 'acme%2f..%2fx/widgets.git'
not_ok 'nor one that would be more than a name' clone 'acme%3fx/widgets.git'
like 'says so' "$(cat "$GH_ERR")" 'is no owner and repository'
not_ok 'nor one that speaks to the terminal' clone 'acme%c2%9b2J/widgets.git'
like 'which is told without its words' "$(cat "$GH_ERR")" 'acme\\xc2\\x9b2J/widgets.git is no owner'

set_to hsmClientId 42
ok "an App's number does too" clone acme/widgets.git
set_to hsmClientId Iv1.evil
not_ok 'another App is refused' clone acme/widgets.git
like 'in its words' "$(cat "$GH_ERR")" 'HTTP 401: Integration not found'
set_to hsmClientId Iv1.test
set_to hsmKey "$(gh_uri other)"
not_ok 'another key is refused' clone acme/widgets.git
like 'in its words' "$(cat "$GH_ERR")" 'JSON web token could not be decoded'
set_to hsmKey "$(gh_uri ec)"
not_ok 'an EC key is refused' clone acme/widgets.git
like 'before it is asked' "$(cat "$GH_ERR")" 'signs by RS256.*not p256'
set_to hsmKey "$(gh_uri app)"

# --- less than all ------------------------------------------------------------------------
set_to hsmPermissions contents=read,metadata=read
set_to hsmRepositories widgets
ok 'narrowed' clone acme/widgets.git
form=$(srv github last path=/api/v3/app/installations/77/access_tokens)
like 'asks for what was said' "$form" '"form":\{"permissions":\{"contents":"read","metadata":"read"\},"repositories":\["widgets"\]\}'
cd clone || bail clone
gh_setup git commit -q --allow-empty -m x
not_ok 'and cannot push' git push -q origin HEAD:refs/heads/x
cd .. || bail cd
not_ok 'nor read another repository' clone acme/gears.git
set_to hsmRepositories this
ok 'the one that is asked for' clone acme/gears.git
ok 'and the next' clone acme/widgets.git
ok 'and one that begins with a dot' clone acme/.github.git
not_ok 'but none that is a dot' clone acme/..git
like 'says so' "$(cat "$GH_ERR")" 'is no owner and repository'
set_to hsmPermissions administration=write
not_ok 'more than the App has is refused' clone acme/widgets.git
like 'in its words' "$(cat "$GH_ERR")" 'HTTP 422: The permissions requested'
git config --global --unset "credential.$GITHUB_URL.hsmPermissions"
git config --global --unset "credential.$GITHUB_URL.hsmRepositories"

# --- without a path --------------------------------------------------------------------------
set_to useHttpPath false
not_ok 'without a path two installations are one too many' clone acme/widgets.git
like 'with the cure' "$(cat "$GH_ERR")" 'more than one installation.*useHttpPath true.*hsmInstallation'
set_to hsmInstallation 77
ok 'a number says which' clone acme/widgets.git
set_to hsmInstallation 99
not_ok 'another number is refused' clone acme/widgets.git
git config --global --unset "credential.$GITHUB_URL.hsmInstallation"
set_to useHttpPath true

# --- clocks --------------------------------------------------------------------------------------
set_to hsmPermissions contents=read # asked for anew
srv github clock skew=-300 >/dev/null
not_ok 'a server whose clock is behind refuses' clone acme/widgets.git
like 'and the clock is named' "$(cat "$GH_ERR")" "HTTP 401: .*; this clock is (29|30)[0-9] s ahead of the server's"
srv github clock skew=50 >/dev/null
ok 'fifty seconds are no matter' clone acme/widgets.git
left=$("$CRED_HELPER" explain --offline --json "$GITHUB_URL/acme/widgets.git" | sed -n 's/.*"left": \([0-9]*\).*/\1/p')
ok "the token's end is by our own clock" test "$left" -gt 3000 -a "$left" -le 3600
srv github clock skew=0 >/dev/null
srv github suspend id=77 >/dev/null
set_to hsmPermissions metadata=read
not_ok 'a suspended installation' clone acme/widgets.git
like 'in its words' "$(cat "$GH_ERR")" 'HTTP 403: This installation has been suspended'

done_testing
