#!/bin/sh
# git-credential-hsm for a person with a browser: authorization code with PKCE, back on loopback, or
# the address pasted as over SSH.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
gh_need expect
cred_repo demo.git
oidc_start 'id=cli grants=authorization_code,refresh_token redirect=http://127.0.0.1/callback' \
	'id=local grants=authorization_code redirect=http://localhost/cb'
git_start --scope read_repository
GIT_TERMINAL_PROMPT=1
export GIT_TERMINAL_PROMPT

# The browser does what $GH_WORLD/act says.
BROWSER=$GH_WORLD/browser
export BROWSER
cat >"$BROWSER" <<-EOF
	#!/bin/sh
	printf '%s\n' "\$1" >"$GH_WORLD/opened"
	exec "$GH_WORLD/act" "\$1" >"$GH_WORLD/browsed" 2>&1
EOF
act() {
	printf '#!/bin/sh\n%s\n' "$1" >"$GH_WORLD/act"
	chmod 700 "$GH_WORLD/act" "$BROWSER"
}
yes="exec node '$CRED_SERVERS/browser.mjs' \"\$1\""
act "$yes"

cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId cli hsmGrant authorization_code \
	hsmScope 'openid offline_access read_repository' hsmStore session

ok 'a clone after a yes in the browser' clone
is 'for one code' "$(requests)" 1
cred_until 'the last page' grep -q 'git goes on' "$GH_WORLD/browsed"
pass 'the browser has a last page'
like 'the request has PKCE' "$(cat "$GH_WORLD/opened")" 'code_challenge_method=S256'
like 'and a state' "$(cat "$GH_WORLD/opened")" '[?&]state=[A-Za-z0-9_-]{43}(&|$)'
form=$(srv oidc last path=/token)
like 'and its verifier' "$form" '"code_verifier":"[A-Za-z0-9_-]{43}"'
unlike 'which the browser did not see' "$(cat "$GH_WORLD/opened")" \
	"$(printf '%s' "$form" | cred_field code_verifier)"
ok 'and another one' clone
is 'for none' "$(requests)" 1

set_to hsmStore none
set_to hsmScope 'openid read_repository'
act "$yes deny"
not_ok 'a no in the browser' clone
like 'is told' "$(cat "$GH_ERR")" "$OIDC_URL says no: access_denied"
act "$yes"
set_to hsmClientId local
set_to hsmRedirect http://localhost/cb
ok 'localhost and another path, for servers that want that' clone
set_to hsmRedirect http://127.0.0.1:1/cb
not_ok 'a port that cannot be had' clone
like 'is named' "$(cat "$GH_ERR")" 'cannot wait for the browser at http://127.0.0.1:1/cb'
set_to hsmClientId cli
git config --global --unset "credential.$GIT_URL.hsmRedirect"

# A browser that does not come back is waited for no longer than is said.
act 'exit 0'
set_to hsmTimeout 5s
not_ok 'nobody comes back from the browser' timeout -k 5 60 git clone -q "$GIT_URL/demo.git" clone
isnt 'git comes back' "$GH_STATUS" 124
like 'with a line' "$(cat "$GH_ERR")" '^git-credential-hsm: no answer came from the browser in time$'
like 'and no question for a password' "$(cat "$GH_ERR")" 'told us to quit'
git config --global --unset "credential.$GIT_URL.hsmTimeout"
act "$yes"
ok 'one that does is' clone

# --- what comes to the port ------------------------------------------------------------------
# Strangers first: a wrong state, another path, no answer at all; then the person.
act "port=\$(printf '%s' \"\$1\" | sed -n 's/.*redirect_uri=http%3A%2F%2F127.0.0.1%3A\\([0-9]*\\).*/\\1/p')
for q in '/callback?code=evil&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' '/favicon.ico' '/callback' '/callback?code=a&code=b' '/'; do
	curl -s -o /dev/null -w '%{http_code}\\n' \"http://127.0.0.1:\$port\$q\" >>'$GH_WORLD/strangers'
done
curl -s -o /dev/null -w '%{http_code}\\n' -X POST \"http://127.0.0.1:\$port/callback\" >>'$GH_WORLD/strangers'
$yes"
ok 'strangers at the port are waited past' clone
is 'each with its answer' "$(tr '\n' ' ' <"$GH_WORLD/strangers")" '400 404 404 400 404 404 '
act "$yes"
srv oidc fault kind=location on='^GET /auth/' times=0 set=iss=https://evil.example >/dev/null
not_ok 'a wrong iss is refused' clone
like 'says so' "$(cat "$GH_ERR")" 'the answer came from another issuer'
srv oidc clear >/dev/null
srv oidc fault kind=location on='^GET /auth/' times=0 unset=iss >/dev/null
not_ok 'none is refused where the issuer sends it' clone
like 'says so' "$(cat "$GH_ERR")" 'the answer came without its issuer'
srv oidc clear >/dev/null
srv oidc fault kind=location on='^GET /auth/' times=0 unset=code >/dev/null
not_ok 'no code is none' clone
srv oidc clear >/dev/null
srv oidc fault kind=location on='^GET /auth/' times=0 set=code=evil >/dev/null
not_ok 'another code is refused' clone
like 'by the issuer' "$(cat "$GH_ERR")" 'says no: invalid_grant'
srv oidc clear >/dev/null

# --- without a browser ---------------------------------------------------------------------------
# The address goes to a browser on another machine; what that ends at is pasted, after WORDS.
unset BROWSER
paste_address() {
	rm -rf clone
	GH_WORDS=$1 GH_URL="$GIT_URL/demo.git" GH_BROWSER="$CRED_SERVERS/browser.mjs" \
		expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
set stty_init "-echo columns 5000"
spawn git clone -q $env(GH_URL) clone
expect {
	-re {open +(https://[^\r\n]+)} { set url $expect_out(1,string) }
	timeout { exit 97 }
	eof { exit 98 }
}
expect "paste that address here"
catch { exec node $env(GH_BROWSER) $url far 2>/dev/null } walked
set end [lindex [split [string trim $walked] "\n"] end]
if {$env(GH_WORDS) ne ""} { send -- "$env(GH_WORDS)\r" }
send -- "$end\r"
expect { timeout { exit 99 } eof {} }
set end [wait]
exit [lindex $end 3]
SCRIPT
}
ok 'the address pasted on the terminal' paste_address ''
ok 'after words that are none' paste_address 'http://127.0.0.1/callback?code=x&state=evil'
srv oidc fault kind=location on='^GET /auth/' times=0 set=iss=https://evil.example >/dev/null
not_ok 'a wrong iss is refused here too' paste_address ''
like 'says so' "$(cat "$GH_WORLD/seen")" 'the answer came from another issuer'

done_testing
