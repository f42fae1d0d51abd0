#!/bin/sh
# The words between git and git-credential-hsm, byte by byte, as each version of git writes them; and
# the list of what git's own tests ask of a helper (t/lib-credential.sh), as far as it is one that
# stores nothing that it did not make.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"
[ -x "$CRED_HELPER" ] || skip_all 'git-credential-hsm is not built'

cred_world
gh_keypair svc EC:prime256v1
cred_repo demo.git
cred_repo org/one.git
oidc_start --audience strict --ttl 300 'id=cli grants=device_code,refresh_token' \
	"id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore session
host=${GIT_URL#https://}
nl='
'

# says VERB LINES: the lines as they are, no empty one behind them, as git ends its input.
says() {
	printf '%s' "$2" | "$CRED_HELPER" "$1"
}
of() {
	sed -n "s/^$1=//p" "$GH_OUT"
}
requests() {
	srv_count oidc '^POST /token'
}
# answers DESCRIPTION LINES WANTED: in WANTED T is the token that is kept and E its expiry.
answers() {
	gh_run says get "$2"
	is "$1" "$(cat "$GH_OUT")" "$(printf '%s' "$3" | sed "s/=T\$/=$token/; s/=E\$/=$expiry/; s/=hsm:I\$/=hsm:$issued/")"
}

# --- git 2.39: Debian 12 --------------------------------------------------------------------
old="protocol=https${nl}host=$host$nl"
gh_run says get "$old"
token=$(of password)
expiry=$(of password_expiry_utc)
is 'the first one: the whole answer' "$(cat "$GH_OUT")" "username=oauth2${nl}password=$token${nl}password_expiry_utc=$expiry"
basic="username=oauth2${nl}password=T${nl}password_expiry_utc=E"
answers 'git 2.39' "$old" "$basic"
answers 'git 2.39 with a user in the URL' "${old}username=alice$nl" "$basic"
answers 'git 2.39 with useHttpPath' "${old}path=org/one.git$nl" "$basic"
# --- git 2.41: challenges --------------------------------------------------------------------
answers 'git 2.41' "${old}wwwauth[]=Basic realm=\"git\"${nl}" "$basic"
answers 'git 2.41 with an expired entry of another helper' \
	"${old}username=u${nl}oauth_refresh_token=stranger${nl}password_expiry_utc=1${nl}" "$basic"
# --- git 2.46: capabilities --------------------------------------------------------------------
caps="capability[]=authtype${nl}capability[]=state${nl}"
caps_back="capability[]=authtype${nl}capability[]=state${nl}"
bearer='wwwauth[]=Bearer realm="GitLab", authorization_uri="https://evil.example/"'
kept="ephemeral=1${nl}password_expiry_utc=E${nl}continue=1${nl}state[]=hsm:I"
issued=$(says get "$caps$old$bearer$nl" | sed -n 's/^state..=hsm://p')
like 'what was kept has a time' "$issued" '^[0-9]{10}$'
answers 'git 2.46, a server with Bearer' "$caps$old$bearer$nl" \
	"${caps_back}authtype=Bearer${nl}credential=T${nl}$kept"
answers 'git 2.46, Basic and Bearer' "$caps${old}wwwauth[]=Basic realm=\"g\"${nl}$bearer$nl" \
	"${caps_back}authtype=Bearer${nl}credential=T${nl}$kept"
answers 'git 2.46, a server with Basic' "$caps${old}wwwauth[]=Basic realm=\"g\"${nl}" \
	"${caps_back}username=oauth2${nl}password=T${nl}$kept"
answers 'git 2.46, challenges unknown' "$caps$old" "${caps_back}username=oauth2${nl}password=T${nl}$kept"
answers 'authtype without state' "capability[]=authtype$nl$old$bearer$nl" \
	"capability[]=authtype${nl}authtype=Bearer${nl}credential=T${nl}ephemeral=1${nl}password_expiry_utc=E"
answers 'Bearer without the capability' "$old$bearer$nl" "$basic"
answers 'state without authtype' "capability[]=state$nl$old$bearer$nl" "$basic"
answers 'a capability of the future' "capability[]=future$nl$old" "$basic"
answers 'capabilities that are taken back' "${caps}capability[]=$nl$old$bearer$nl" "$basic"
is 'one request for all of these' "$(requests)" 1
# git 2.46 after a 401: its second get, and then the end. (Bytes of git 2.55; what it writes where it
# is at hand is compared with them below.)
basic_only='wwwauth[]=Basic realm="git"'
again() {
	echo "${caps}authtype=Bearer${nl}ephemeral=1$nl${old}password_expiry_utc=$expiry$nl$bearer$nl$1"
}
gh_run says get "$(again "state[]=other:1${nl}state[]=hsm:$issued")$nl"
isnt 'the server refused it: another one' "$(of credential)" "$token"
unlike 'and that is the last one' "$(cat "$GH_OUT")" 'continue|state'
is 'for one request' "$(requests)" 2
token=$(of credential)
expiry=$(of password_expiry_utc)
gh_run says get "$(again "state[]=hsm:$((issued - 1))")$nl"
is 'the loser of a race gets the new one' "$(of credential)" "$token"
is 'without a request' "$(requests)" 2
issued=$(of 'state..' | sed 's/^hsm://')
ok 'erase of git 2.46' says erase "${caps}authtype=Bearer${nl}credential=$token${nl}ephemeral=1$nl${old}password_expiry_utc=$expiry$nl$bearer$nl"
is 'in silence' "$(cat "$GH_OUT" "$GH_ERR")" ''
gh_run says get "$old"
isnt 'erases the credential' "$(of password)" "$token"
token=$(of password)
expiry=$(of password_expiry_utc)
ok 'store of git 2.46' says store "${caps}authtype=Bearer${nl}credential=stranger${nl}ephemeral=1$nl${old}password_expiry_utc=$expiry${nl}continue=1${nl}state[]=hsm:$issued$nl"
answers 'stores nothing' "$old" "$basic"
# Basic: what comes back has the user of the answer.
issued=$(says get "$caps$old$basic_only$nl" | sed -n 's/^state..=hsm://p')
gh_run says get "${caps}ephemeral=1$nl${old}username=oauth2${nl}password_expiry_utc=$expiry$nl$basic_only${nl}state[]=hsm:$issued$nl"
isnt 'Basic: the server refused it: another one' "$(of password)" "$token"
is 'for one request' "$(requests)" 4
token=$(of password)
expiry=$(of password_expiry_utc)
ok 'erase after Basic' says erase "${caps}ephemeral=1$nl${old}username=oauth2${nl}password=$token${nl}password_expiry_utc=$expiry$nl$basic_only$nl"
gh_run says get "$old"
isnt 'erases it' "$(of password)" "$token"
token=$(of password)
expiry=$(of password_expiry_utc)
# A user in the URL: the state brings that one back.
gh_run says get "$caps${old}username=alice$nl$basic_only$nl"
like 'the state has the user' "$(of 'state..')" '^hsm:[0-9]{10}:alice$'
state=$(of 'state..')
gh_run says get "${caps}ephemeral=1$nl${old}username=oauth2${nl}password_expiry_utc=$expiry$nl$basic_only${nl}state[]=$state$nl"
isnt 'and comes back with it: refused, another one' "$(of password)" "$token"
gh_run says get "${caps}${old}state[]=hsm:1:a$(printf '\033')b$nl"
is 'a state of ours with a control byte is refused' "$(cat "$GH_OUT")" 'quit=1'
gh_run says get "${caps}${old}state[]=other:a$(printf '\033')b$nl"
like "another helper's is its own" "$(cat "$GH_OUT")" '^password=.'
gh_setup says erase "$old" # all, so that the next one is nobody's in particular
gh_run says get "$old"
token=$(of password)
expiry=$(of password_expiry_utc)
is 'git credential capability' "$("$CRED_HELPER" capability </dev/null)" "version 0${nl}capability authtype${nl}capability state"

# --- what git's own tests ask ----------------------------------------------------------------------
gh_run says get ''
is 'no data for nothing' "$GH_STATUS $(cat "$GH_OUT" "$GH_ERR")" '0 '
gh_run says get "protocol=ftp${nl}host=$host$nl"
is 'requires matching protocol' "$GH_STATUS $(cat "$GH_OUT" "$GH_ERR")" '0 '
gh_run says get "protocol=https${nl}host=other.example$nl"
is 'requires matching host' "$GH_STATUS $(cat "$GH_OUT" "$GH_ERR")" '0 '
gh_run says get "protocol=cert${nl}host=${nl}path=/file.pem$nl"
is 'nothing to say about certificates' "$GH_STATUS $(cat "$GH_OUT" "$GH_ERR")" '0 '
answers 'an empty user' "${old}username=$nl" "$basic"
ok 'does not erase a password distinct from input' says erase "${old}username=oauth2${nl}password=distinct$nl"
answers 'it stays' "$old" "$basic"
awk -v "host=$host" 'BEGIN { printf "protocol=https\nhost=%s\nwwwauth[]=Basic realm=", host; for (i = 0; i < 65000; i++) printf "a"; print "" }' >long
gh_run "$CRED_HELPER" get <long
is 'not confused by a long header' "$(of password)" "$token"
awk -v "host=$host" 'BEGIN { printf "protocol=https\nwwwauth[]="; for (i = 0; i < 66000; i++) printf "a"; print "host=evil"; print "host=" host }' >long
gh_run "$CRED_HELPER" get <long
unlike 'a line beyond the limit is no answer' "$(cat "$GH_OUT")" '^password='
ok 'erases all matching credentials' says erase "$old"
gh_run says get "$old"
isnt 'all are gone' "$(of password)" "$token"
token=$(of password)
ok 'erase with a user and no password is nothing' says erase "${old}username=oauth2$nl"
gh_run says get "$old"
is 'it stays' "$(of password)" "$token"

# Paths: each has its own profile.
git config --global "credential.$GIT_URL/org.hsmScope" 'read_repository write_repository'
before=$(requests)
gh_run says get "${old}path=org/one.git$nl"
isnt 'requires matching path' "$(of password)" "$token"
is 'another profile, another token' "$(requests)" "$((before + 1))"
gh_run says get "${old}path=org2/one.git$nl"
is 'a path that only begins the same' "$(of password)" "$token"
gh_run says get "${old}path=a//b$nl"
is 'a path of odd form' "$GH_STATUS $(cat "$GH_OUT")" '8 quit=1'
gh_run says get "protocol=https${nl}host=other.example${nl}path=a//b$nl"
is 'somewhere else' "$GH_STATUS $(cat "$GH_OUT" "$GH_ERR")" '0 '
git config --global --unset "credential.$GIT_URL/org.hsmScope"

# Users: each has tokens of their own where a person says yes.
cred_profile "$GIT_URL2" hsmIssuer "$OIDC_URL" hsmClientId cli hsmGrant device_code \
	hsmScope 'openid offline_access read_repository' hsmStore session
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
person() {
	cred_until 'a code' grep -q 'enter  ' words
	srv oidc device user_code="$(sed -n 's/^  enter  //p' words)" >/dev/null
}
as_user() {
	says get "protocol=https${nl}host=${GIT_URL2#https://}${nl}${1:+username=$1$nl}"
}
: >words
person &
GIT_TERMINAL_PROMPT=1 as_user alice >"$GH_OUT" 2>words
alice=$(of password)
isnt 'alice says yes' "$alice" ''
gh_run as_user bob
is 'requires matching username' "$(cat "$GH_OUT")" 'quit=1'
like 'bob has to log in' "$(cat "$GH_ERR")" 'git-credential-hsm login'
: >words
person &
GIT_TERMINAL_PROMPT=1 as_user bob >"$GH_OUT" 2>words
isnt 'can store multiple users' "$(of password)" "$alice"
ok "bob's is forgotten" says erase "protocol=https${nl}host=${GIT_URL2#https://}${nl}username=x${nl}password=$(of password)$nl"
gh_run as_user alice
is 'remembers other user' "$(of password)" "$alice"

# git 2.46 asks a second time: the user is that of our answer, and the account the one of before.
srv oidc clear >/dev/null
gh_run says get "${caps}protocol=https${nl}host=${GIT_URL2#https://}${nl}username=alice${nl}wwwauth[]=Basic realm=\"git\"$nl"
is 'alice: what is kept' "$(of password)" "$alice"
state=$(of 'state..')
user=$(of username)
gh_run says get "${caps}ephemeral=1${nl}protocol=https${nl}host=${GIT_URL2#https://}${nl}username=$user${nl}wwwauth[]=Basic realm=\"git\"${nl}state[]=$state$nl"
isnt 'alice: refused, the next one' "$(of password)" "$alice"
like 'nobody is asked' "$(srv oidc last path=/token)" '"grant_type":"refresh_token"'
is 'for one request' "$(requests)" 1
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
: >words
person &
GIT_TERMINAL_PROMPT=1 as_user '' >"$GH_OUT" 2>words
nobody=$(of password)
is 'nobody in the URL: the issuer is told of none' "$(of username)" oauth2
srv oidc clear >/dev/null
gh_run says get "${caps}protocol=https${nl}host=${GIT_URL2#https://}${nl}wwwauth[]=Basic realm=\"git\"$nl"
is 'what is kept' "$(of password)" "$nobody"
state=$(of 'state..')
gh_run says get "${caps}ephemeral=1${nl}protocol=https${nl}host=${GIT_URL2#https://}${nl}username=oauth2${nl}wwwauth[]=Basic realm=\"git\"${nl}state[]=$state$nl"
isnt 'refused: the next one' "$(of password)" ''
isnt 'by the refresh token' "$(of password)" "$nobody"
is 'and nobody is asked' "$(srv_count oidc '^POST /device')" 0
nobody=$(of password)
gh_run as_user ''
is 'it is kept where it belongs' "$(of password)" "$nobody"

# Nobody may be asked.
for word in false 0 never 00 ''; do
	gh_run env GIT_TERMINAL_PROMPT=1 sh -c 'printf "protocol=https\nhost=%s\nusername=carol\n" "$1" |
		GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.interactive GIT_CONFIG_VALUE_0="$2" "$3" get' \
		x "${GIT_URL2#https://}" "$word" "$CRED_HELPER"
	is "credential.interactive = $word" "$(cat "$GH_OUT")" 'quit=1'
done
for word in false 0 00 off ''; do
	GIT_TERMINAL_PROMPT=$word gh_run as_user carol
	is "GIT_TERMINAL_PROMPT=$word" "$(cat "$GH_OUT")" 'quit=1'
done

# --- the git at hand, where it is 2.46 or newer -----------------------------------------------------
if git credential capability </dev/null >/dev/null 2>&1; then
	git config --global "credential.$GIT_URL.hsmScope" 'read_repository write_repository'
	ok 'a clone' env GIT_TRACE_CURL=1 git clone -q "$GIT_URL/demo.git" bearer
	like 'the token goes as Bearer' "$(cat "$GH_ERR")" '[Aa]uthorization: Bearer'
	before=$(requests)
	ok 'and another one' git clone -q "$GIT_URL/demo.git" bearer-again
	is 'for no request' "$(requests)" "$before"
	srv oidc revoke token="$(srv oidc issued what=access_token | tail -n 1)" >/dev/null
	ok 'a token that the server refuses is replaced meanwhile' git clone -q "$GIT_URL/demo.git" bearer-new
	is 'by one request' "$(requests)" "$((before + 1))"
	git config --global "credential.$GIT_URL.hsmScope" read_repository
else
	skip 'git is older than 2.46' 6
fi

# --- as git finds it -------------------------------------------------------------------------------
srv oidc clear >/dev/null
git config --global --replace-all "credential.$GIT_URL.helper" hsm
ok 'by its name in PATH' env PATH="$GH_BIN:$PATH" git clone -q "$GIT_URL/demo.git" named
git config --global --replace-all "credential.$GIT_URL.helper" 'hsm --future'
not_ok 'with an option that it does not know' env PATH="$GH_BIN:$PATH" git clone -q "$GIT_URL/demo.git" option
like 'it says so' "$(cat "$GH_ERR")" '^git-credential-hsm: --future is not an option'
like 'and no password is asked for' "$(cat "$GH_ERR")" 'told us to quit'
git config --global --replace-all "credential.$GIT_URL.helper" "$CRED_HELPER"
not_ok 'http' git ls-remote "http://$host/demo.git"
# A person whose standard error is thrown away still sees the line.
gh_need script
printf 'protocol=https\nhost=h\rost\n' >bad
script -qec "'$CRED_HELPER' get <bad 2>/dev/null" tty.log >/dev/null </dev/null
like 'the line goes to the terminal when standard error goes nowhere' "$(cat tty.log)" '^git-credential-hsm: refused'

# --- a git that can do all of it ---------------------------------------------------------------------
if ! git credential capability </dev/null >cap 2>/dev/null || ! grep -q '^capability state$' cap; then
	skip 'this git is older than 2.46' 14
	done_testing
	exit 0
fi
fresh() {
	rm -rf clone
	git clone -q "$GIT_URL/demo.git" clone
}
# What it writes is what is replayed above: a door that writes it down.
cat >door <<-EOF
	#!/bin/sh
	cat >"\$0.in"
	{ echo "-- \$1"; sed 's/^\(credential\|password\|password_expiry_utc\)=.*/\1=/; s/hsm:[0-9]*/hsm:/' "\$0.in"; } >>"\$0.log"
	exec "$CRED_HELPER" "\$@" <"\$0.in"
EOF
chmod 755 door
git config --global --replace-all "credential.$GIT_URL.helper" ''
git config --global --add "credential.$GIT_URL.helper" "$PWD/door"
gh_run says get "$old"
token=$(of password)
isnt 'a token is kept' "$token" ''
both="$basic_only${nl}wwwauth[]=Bearer realm=\"git\""
ok 'Bearer' fresh
is 'its get and its store' "$(cat door.log)" "-- get
$caps$old$both
-- store
${caps}authtype=Bearer${nl}credential=${nl}ephemeral=1$nl${old}password_expiry_utc=${nl}continue=1${nl}state[]=hsm:"
srv oidc revoke token="$token" >/dev/null
rm door.log
ok 'a token that was revoked' fresh
is 'its second get, and the store of what is new' "$(cat door.log)" "-- get
$caps$old$both
-- get
${caps}authtype=Bearer${nl}ephemeral=1$nl${old}password_expiry_utc=$nl$both${nl}state[]=hsm:
-- store
${caps}authtype=Bearer${nl}credential=${nl}ephemeral=1$nl${old}password_expiry_utc="
srv git fault kind=status status=401 header='WWW-Authenticate: Basic realm="git"' on='info/refs' times=0 >/dev/null
rm door.log
not_ok 'Basic, and nothing does' fresh
is 'its second get, and the erase of what was new' "$(cat door.log)" "-- get
$caps$old$basic_only
-- get
${caps}ephemeral=1$nl${old}username=oauth2${nl}password_expiry_utc=$nl$basic_only${nl}state[]=hsm:
-- erase
${caps}ephemeral=1$nl${old}username=oauth2${nl}password=${nl}password_expiry_utc=$nl$basic_only"
srv git clear >/dev/null
git config --global --replace-all "credential.$GIT_URL.helper" ''
git config --global --add "credential.$GIT_URL.helper" "$CRED_HELPER"
ok 'Bearer, by the helper itself' fresh
like 'the server saw it' "$(srv git log)" ' 200 '
srv oidc clear >/dev/null
gh_run says get "$old"
token=$(of password)
srv oidc revoke token="$token" >/dev/null
ok 'a token that was revoked: the same git gets the next one' fresh
is 'for one request' "$(requests)" 1
gh_run says get "$old"
isnt 'which is kept' "$(of password)" "$token"
srv git fault kind=status status=401 header='WWW-Authenticate: Bearer realm="x"' on='info/refs' times=0 >/dev/null
not_ok 'a server that refuses all' fresh
is 'two tokens, no more' "$([ "$(requests)" -le 3 ] && echo yes)" yes
done_testing
