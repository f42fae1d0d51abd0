#!/bin/sh
# SIGKILL for the process that talks to the issuer, at moments all over a refresh: what is kept is never
# broken, and a login is lost only where the issuer had used up the old refresh token by then.
# shellcheck disable=SC3043,SC2016 # local: dash, bash and busybox have it; $ for another shell
. "${GH_SRC:-tests}/system/cred-lib.sh"
[ -x "$CRED_HELPER" ] || skip_all 'git-credential-hsm is not built'
gh_need secret-tool
"$GH_TOOLS/kill-worker" /dev/null 0 true || skip_all 'no process may be traced here'

cred_world
oidc_start --ttl 300 'id=cli grants=device_code,refresh_token'
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
url=https://git.example.com
cred_profile "$url" hsmIssuer "$OIDC_URL" hsmClientId cli hsmGrant device_code \
	hsmScope 'openid offline_access read_repository'
printf 'protocol=https\nhost=git.example.com\n\n' >request

password() {
	sed -n 's/^password=//p' "$1"
}
# A person logs in. token: what was given last.
login() {
	: >said
	GIT_TERMINAL_PROMPT=1 "$CRED_HELPER" get <request >given 2>said 9>&- &
	cred_until 'a code' grep -q 'enter  ' said
	srv oidc device user_code="$(sed -n 's/^  enter  //p' said)" >/dev/null
	wait $!
	token=$(password given)
	[ -n "$token" ] || bail 'nobody can log in'
}
# The access token is not taken by the server: the refresh token is what is left.
refused() {
	printf 'protocol=https\nhost=git.example.com\npassword=%s\n\n' "$token" | "$CRED_HELPER" erase
}
# How many refresh tokens the issuer made: each used up the one before.
used_up() {
	srv oidc issued what=refresh_token | wc -l
}
not_taken() {
	srv_count oidc '^POST /token 400'
}
wrong() {
	echo "$stop: $*" >>wrongs
}

# to_stop STOP: who asks is killed there. (Nobody looks for leaks in what is traced.)
to_stop() {
	GIT_TERMINAL_PROMPT=0 ASAN_OPTIONS=detect_leaks=0 \
		"$GH_TOOLS/kill-worker" stops "$1" "$CRED_HELPER" get <request
}
# killed STOP: and what it had said to git.
killed() {
	refused
	to_stop "$1" >before 2>words
	read -r _ how <stops
	[ "$how" = killed ] || return 0
	kills=$((kills + 1))
	[ "$(tail -n 1 before)" = quit=1 ] || wrong "git is not told to stop"
	[ "$(wc -l <words) $(grep -c '^git-credential-hsm: the program .* was ended by signal 9$' words)" = '1 1' ] ||
		wrong "said: $(cat words)"
}
# Whoever asks next: nobody is there for a login.
next() {
	GIT_TERMINAL_PROMPT=0 "$CRED_HELPER" get <request >given 2>said
	token=$(password given)
	! grep -vq '^[a-z_]*=[^ ]*$' before given || wrong "broken lines: $(cat before given)"
	[ -z "$(password before)" ] || [ "$(password before)" = "$token" ] || wrong 'given before it was kept'
	if [ -n "$token" ]; then
		[ ! -s said ] || wrong "said: $(cat said)"
		return 0
	fi
	lost=$((lost + 1))
	[ "$(cat given)" = quit=1 ] || wrong "given: $(cat given)"
	[ "$(cat said)" = "git-credential-hsm: $OIDC_URL takes the refresh token of the last login no more, and nobody may be asked here: type  git-credential-hsm login $url" ] ||
		wrong "said: $(cat said)"
}
# What the issuer's log says of a login that is lost: the request of the one that was killed made a
# refresh token, the next one came with the old one, and got none.
account_for() {
	local made refusals
	made=$(used_up)
	refusals=$(not_taken)
	if [ -z "$token" ]; then
		[ $((made - was_made)) = 1 ] || wrong "lost, and $((made - was_made)) refresh tokens were made"
		[ $((refusals - was_refused)) = 1 ] || wrong "lost, and the old one was not tried again"
		login
		made=$(used_up)
	fi
	was_made=$made
	was_refused=$refusals
}
# at STOP...: one moment after the other.
at() {
	for stop; do
		killed "$stop"
		next
		account_for
	done
}
# all_over COUNT [LAST]: so many moments evenly spread over a refresh, and each fourth of the LAST,
# where the answer of the issuer is kept and given.
all_over() {
	local n all moments
	: >wrongs
	kills=0
	lost=0
	refused
	to_stop 0 >given 2>said
	token=$(password given)
	all=$(sed -n 's/ ended$//p' stops)
	[ -n "$token" ] && [ -n "$all" ] || bail "no refresh to be killed in: $(cat stops said)"
	was_made=$(used_up)
	was_refused=$(not_taken)
	moments=
	n=0
	while [ "$n" -lt "$1" ]; do
		moments="$moments $((n * all / $1 + 1))"
		n=$((n + 1))
	done
	n=${2-0}
	while [ "$n" -gt 0 ]; do
		moments="$moments $((all - n + 1))"
		n=$((n - 4))
	done
	# shellcheck disable=SC2086 # numbers
	at $moments
	diag "killed $kills times in $all steps, lost $lost"
}
# both STORE COUNT
both() {
	git config --global "credential.$url.hsmStore" "$1"
	srv oidc tolerate seconds=0 >/dev/null
	login
	all_over "$2"
	is "$1: at an issuer that is strict all is said and done as it should" "$(cat wrongs)" ''
	ok 'it was killed' [ "$kills" -gt $(($2 / 2)) ]
	ok 'and some logins were lost, as they had to be' [ "$lost" -gt 0 ]
	srv oidc tolerate seconds=600 >/dev/null
	all_over "$2" 100
	is "$1: nothing goes wrong at one that tolerates the old refresh token for a while" "$(cat wrongs)" ''
	ok 'where it was killed, too' [ "$kills" -gt $(($2 / 2)) ]
	is 'no login is lost' "$lost" 0
}

both session 40

# The keyring: one for the rest of this script.
cred_session_stop
{
	exec 9>&- # the end of "alive" that says that this script is alive
	cred_keyring unlocked sh -c 'echo "$DBUS_SESSION_BUS_ADDRESS" >bus.new; mv bus.new bus; exec cat "$1"' \
		keyring "$CRED_DIR/alive"
} &
cred_until 'the keyring' test -s bus
DBUS_SESSION_BUS_ADDRESS=$(cat bus)
export DBUS_SESSION_BUS_ADDRESS
both secretservice 20
done_testing
