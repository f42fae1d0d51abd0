#!/bin/sh
# Many git processes at once, and processes that are killed: one signature and one request for all, the
# next token before the old one has expired, no refresh token lost, no broken store.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"
[ -x "$CRED_HELPER" ] || skip_all 'git-credential-hsm is not built'

cred_world
gh_keypair svc EC:prime256v1
cred_repo demo.git
oidc_start --audience strict --ttl 300 'id=cli grants=device_code,refresh_token' \
	"id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore session
cred_profile "$GIT_URL2" hsmIssuer "$OIDC_URL" hsmClientId cli hsmGrant device_code \
	hsmScope 'openid offline_access read_repository' hsmStore session
printf 'protocol=https\nhost=%s\n\n' "${GIT_URL#https://}" >"$GH_WORLD/right"
printf 'protocol=https\nhost=%s\n\n' "${GIT_URL2#https://}" >"$GH_WORLD/person"
export CRED_HELPER GH_WORLD

get() {
	"$CRED_HELPER" get <"$GH_WORLD/${1:-right}"
}
password() {
	sed -n 's/^password=//p' "$GH_OUT"
}
# erase URL TOKEN
erase() {
	printf 'protocol=https\nhost=%s\nusername=x\npassword=%s\n\n' "${1#https://}" "$2" | "$CRED_HELPER" erase
}
requests() {
	srv_count oidc '^POST /token'
}
# fifty COMMAND...: so many at once; each one's words in many.N, its errors in many.N.err.
fifty() {
	local i
	rm -f many.*
	i=0
	while [ "$i" -lt 50 ]; do
		i=$((i + 1))
		"$@" >"many.$i" 2>"many.$i.err" &
		echo $! >>many.pids
	done
	while read -r i; do wait "$i"; done <many.pids
	rm -f many.pids
}
tokens_of_fifty() {
	sed -n 's/^password=//p' many.* | sort | uniq -c | awk '{ printf "%s ", $1 }'
}

# --- fifty at once ----------------------------------------------------------------------
fifty get
is 'fifty processes get one token' "$(tokens_of_fifty)" '50 '
is 'for one request' "$(requests)" 1
is 'and not a word' "$(cat many.*.err)" ''
fifty get
is 'fifty more cost nothing' "$(tokens_of_fifty) $(requests)" '50  1'
# The server takes none of them: each process erases, the first wins.
get >"$GH_OUT"
one=$(password)
fifty erase "$GIT_URL" "$one"
fifty get
is 'fifty refusals and fifty gets' "$(tokens_of_fifty)" '50 '
is 'cost one request' "$(requests)" 2
is 'in silence' "$(cat many.*.err)" ''
# All at once: whoever erases late does not take the new one away.
get >"$GH_OUT"
one=$(password)
refused_then_get() {
	erase "$GIT_URL" "$one"
	get
}
fifty refused_then_get
is 'fifty that are refused and ask again' "$(tokens_of_fifty)" '50 '
is 'share the next one' "$(requests)" 3
# An issuer that is down: each says so, and not one after the other for minutes.
get >"$GH_OUT"
erase "$GIT_URL" "$(password)"
srv oidc fault kind=status status=500 on='POST /token' times=0 >/dev/null
rm -f many.*
i=0
while [ "$i" -lt 5 ]; do
	i=$((i + 1))
	get >"many.$i" 2>"many.$i.err" &
	echo $! >>many.pids
done
while read -r i; do wait "$i"; done <many.pids
is 'five with an issuer that is down are told to stop' "$(cat many.? | grep -c '^quit=1$')" 5
is 'with a line each' "$(cat many.*.err | grep -c '^git-credential-hsm: ')" 5
srv oidc clear >/dev/null

# Git itself, all at once.
clone() {
	git clone -q "$GIT_URL/demo.git" "$(mktemp -d clone.XXXXXX)"
}
cred_session_stop
i=0
: >many.pids
while [ "$i" -lt 10 ]; do
	i=$((i + 1))
	clone 2>>clones.err &
	echo $! >>many.pids
done
bad=0
while read -r i; do wait "$i" || bad=$((bad + 1)); done <many.pids
is 'ten clones at once' "$bad $(requests)" '0 1'

# --- a person's tokens ----------------------------------------------------------------------
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
: >words
person() {
	cred_until 'a code' grep -q 'enter  ' words
	srv oidc device user_code="$(sed -n 's/^  enter  //p' words)" >/dev/null
}
person &
GIT_TERMINAL_PROMPT=1 get person >"$GH_OUT" 2>words
isnt 'a person says yes' "$(password)" ''
srv oidc clear >/dev/null
# refused_for_person: the access token is gone, the refresh token is what is left.
refused_for_person() {
	get person >"$GH_OUT" 2>"$GH_ERR"
	erase "$GIT_URL2" "$(password)"
}
refused_for_person
fifty get person
is 'fifty with one refresh token get one token' "$(tokens_of_fifty)" '50 '
is 'for one request' "$(requests)" 1

# SIGKILL in a loop, at every moment of a refresh that takes its time: the refresh token is used up
# at the issuer when the answer is on its way, and reusing it would end the grant.
lost=0
broken=0
kills=0
srv oidc fault kind=slow ms=1 on='POST /token' times=0 >/dev/null
for ms in 5 10 20 30 40 60 80 100 130 160 200 250 300 400 500 700 900 1200; do
	refused_for_person
	[ -n "$(password)" ] || lost=$((lost + 1))
	"$CRED_HELPER" get <"$GH_WORLD/person" >killed.out 2>/dev/null &
	victim=$!
	perl -e 'select undef, undef, undef, $ARGV[0] / 1000' "$ms"
	kill -KILL "$victim" 2>/dev/null && kills=$((kills + 1))
	wait "$victim" 2>/dev/null
	grep -vq '^[a-z_]*=[^ ]*$' killed.out && broken=$((broken + 1))
done
srv oidc clear >/dev/null
diag "killed $kills times"
is 'killed at every moment: no refresh token is lost' "$lost" 0
is 'what was written before is whole lines' "$broken" 0
ok 'and it goes on' get person
like 'with a token' "$(cat "$GH_OUT")" '^password=.'

# Ctrl-C reaches the whole process group: what is on its way is still stored.
lost=0
srv oidc fault kind=slow ms=1 on='POST /token' times=0 >/dev/null
for ms in 50 150 300 600; do
	refused_for_person
	[ -n "$(password)" ] || lost=$((lost + 1))
	perl -e 'setpgrp; $SIG{INT} = "DEFAULT"; exec @ARGV' "$CRED_HELPER" get <"$GH_WORLD/person" >killed.out 2>/dev/null &
	victim=$!
	perl -e 'select undef, undef, undef, $ARGV[0] / 1000' "$ms"
	kill -INT "-$victim" 2>/dev/null
	wait "$victim" 2>/dev/null
done
srv oidc clear >/dev/null
get person >"$GH_OUT" 2>"$GH_ERR"
[ -n "$(password)" ] || lost=$((lost + 1))
is 'interrupted at any moment: no refresh token is lost' "$lost" 0

# What comes is stored before it is given: killed while the store does not answer yet, nothing was.
refused_for_person
srv oidc clear >/dev/null
srv oidc fault kind=hold on='POST /token' >/dev/null
asked() {
	[ "$(srv_count oidc hold)" = 1 ]
}
store_sockets() {
	grep -c " $XDG_RUNTIME_DIR/gitsign-hsm/credential\$" /proc/net/unix
}
store_is_asked() {
	[ "$(store_sockets)" -gt "$idle" ]
}
get person >ordered 2>/dev/null &
relay=$!
cred_until 'the request' asked
daemon=$(cred_session_pid)
gh_at_exit "kill -CONT $daemon 2>/dev/null || :"
kill -STOP "$daemon"
idle=$(store_sockets)
srv oidc release >/dev/null
cred_until 'the next refresh token on its way into the store' store_is_asked
pkill -KILL -P "$relay"
wait "$relay"
kill -CONT "$daemon"
is 'nothing is given out before it is stored' "$(grep -c '^password=' ordered)" 0
srv oidc clear >/dev/null
get person >"$GH_OUT" 2>"$GH_ERR"
isnt 'and stored it is' "$(password)" ''
is 'without another request' "$(requests)" 0

# The keyring: the same, whoever is killed.
git config --global "credential.$GIT_URL2.hsmStore" secretservice
: >words
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
person &
cred_keyring unlocked sh -c 'GIT_TERMINAL_PROMPT=1 "$CRED_HELPER" get <"$GH_WORLD/person"' >"$GH_OUT" 2>words
isnt 'a person says yes again' "$(password)" ''
srv oidc clear >/dev/null
srv oidc fault kind=slow ms=1 on='POST /token' times=0 >/dev/null
in_keyring() {
	cred_keyring unlocked sh -c '
		for ms in 5 15 30 60 100 150 200 300 400 600 900; do
			token=$("$CRED_HELPER" get <"$GH_WORLD/person" | sed -n "s/^password=//p")
			[ -n "$token" ] || echo lost
			printf "protocol=https\nhost=%s\npassword=%s\n\n" "$1" "$token" | "$CRED_HELPER" erase
			"$CRED_HELPER" get <"$GH_WORLD/person" >/dev/null 2>&1 &
			victim=$!
			perl -e "select undef, undef, undef, \$ARGV[0] / 1000" "$ms"
			kill -KILL "$victim" 2>/dev/null
			wait "$victim"
		done 2>"$GH_WORLD/keyring.err"
		"$CRED_HELPER" get <"$GH_WORLD/person"' loop "${GIT_URL2#https://}"
}
in_keyring >"$GH_OUT" 2>"$GH_ERR"
unlike 'killed beside the keyring: no refresh token is lost' "$(cat "$GH_OUT")" lost
isnt 'and it goes on' "$(password)" ''
srv oidc clear >/dev/null

# --- ahead of expiry ----------------------------------------------------------------------------
# aged EXPIRES: what is in the keyring is given another age, by another program.
aged() {
	cred_keyring unlocked sh -c '
		secret-tool search --all xdg:schema org.gitsign_hsm.Tokens >item 2>attributes
		of() { sed -n "s/^attribute.$1 = //p" attributes item | head -n 1; }
		now=$(date +%s)
		sed -n "/^secret = /,/^end$/p" item | sed "s/^secret = //; s/^issued=.*/issued=$((now - 3400))/; s/^expires=.*/expires=$((now + $1))/" |
			secret-tool store --label aged xdg:schema org.gitsign_hsm.Tokens \
				url "$(of url)" profile "$(of profile)" request "$(of request)"
		shift
		eval "$1"' aged "$@" 2>>aged.err
}
cred_session_stop # what stands there from above is newer
first='"$CRED_HELPER" get <"$GH_WORLD/person" >first 2>first.err'
git config --global --unset-all "credential.$GIT_URL.hsmIssuer"
aged 1000 "$first"
is 'a token with life in it is given' "$(requests)" 0
one=$(sed -n 's/^password=//p' first)
aged 200 "$first"
is 'one that is about to expire is replaced' "$(requests)" 1
isnt 'by the next one' "$(sed -n 's/^password=//p' first)" "$one"
one=$(sed -n 's/^password=//p' first)
srv oidc clear >/dev/null
srv oidc fault kind=status status=503 on='POST /token' times=0 >/dev/null
aged 200 "$first"
is 'with an issuer that is down it is still good' "$(sed -n 's/^password=//p' first)" "$one"
like 'and a line says so' "$(cat first.err)" 'cannot be renewed yet'
aged 10 "$first"
is 'but not when it is at its end' "$(cat first)" 'quit=1'
srv oidc clear >/dev/null
# While one process renews it, the others have the old one at once.
srv oidc fault kind=hold on='POST /token' >/dev/null
CRED_CTL=$CRED_DIR/oidc.ctl
export CRED_CTL
aged 200 '
	"$CRED_HELPER" get <"$GH_WORLD/person" >slow 2>/dev/null &
	slow=$!
	locked() { for f in "$XDG_RUNTIME_DIR"/gitsign-hsm/fetch-*.lock; do grep -q ":$(stat -c %i "$f") " /proc/locks && return 0; done; return 1; }
	until locked; do kill -0 $slow || break; sleep 0.01; done
	'"$first"'
	kill -0 $slow && echo running >while
	curl -sS --max-time 60 --unix-socket "$CRED_CTL" -X POST http://control/release >release
	wait $slow'
is 'whoever comes meanwhile has the old one' "$(sed -n 's/^password=//p' first)" "$one"
is 'and does not wait' "$(cat while)" running
isnt 'the one that renews has the next one' "$(sed -n 's/^password=//p' slow)" "$one"
is 'for one request' "$(requests)" 1
done_testing
