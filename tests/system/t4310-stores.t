#!/bin/sh
# Where git-credential-hsm keeps tokens: the Secret Service in every state that it can be in, the
# session's memory, nowhere. And where secrets are not: in arguments, the environment, attributes, on
# the bus, in traces, in files, in core dumps.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"
[ -x "$CRED_HELPER" ] || skip_all 'git-credential-hsm is not built'
gh_need secret-tool

cred_world
gh_keypair svc EC:prime256v1
cred_repo demo.git
oidc_start --audience strict --ttl 300 'id=cli grants=device_code,refresh_token' \
	"id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository
host=${GIT_URL#https://}
printf 'protocol=https\nhost=%s\n\n' "$host" >"$GH_WORLD/right"

get() {
	"$CRED_HELPER" get <"$GH_WORLD/right"
}
# erase TOKEN
erase() {
	printf 'protocol=https\nhost=%s\nusername=oauth2\npassword=%s\n\n' "$host" "$1" | "$CRED_HELPER" erase
}
password() {
	sed -n 's/^password=//p' "$GH_OUT"
}
set_to() {
	git config --global "credential.$GIT_URL.$1" "$2"
}
requests() {
	srv_count oidc '^POST /token'
}
# in_keyring STATE 'COMMANDS': in one session, with $CRED_HELPER and $GH_WORLD at hand.
in_keyring() {
	local state
	state=$1
	shift
	cred_keyring "$state" sh -c '
		get() { "$CRED_HELPER" get <"$GH_WORLD/right"; }
		erase() { printf "protocol=https\nhost=$host\npassword=%s\n\n" "$1" | "$CRED_HELPER" erase; }
		password() { sed -n "s/^password=//p"; }
		'"$1"
}
export CRED_HELPER GH_WORLD host

# --- none ---------------------------------------------------------------------------------
set_to hsmStore none
ok 'nothing is kept' get
one=$(password)
ok 'and the next one asked for' get
isnt 'it is another one' "$(password)" "$one"
is 'one request for each' "$(requests)" 2
is 'no daemon is started' "$(cred_session_pid)" ''
ok 'to erase is nothing' erase "$(password)"

# --- the session's memory -------------------------------------------------------------------
set_to hsmStore session
srv oidc clear >/dev/null
ok 'kept in memory' get
one=$(password)
ok 'and given again' get
is 'the same one' "$(password)" "$one"
is 'for one request' "$(requests)" 1
ok "erase: another's password" erase another
get >"$GH_OUT"
is 'ours stays' "$(password)" "$one"
ok 'erase: ours' erase "$one"
get >"$GH_OUT"
isnt 'is gone' "$(password)" "$one"
is 'the next one was asked for' "$(requests)" 2
two=$(password)
ok 'the loser of a race erases the old one' erase "$one"
get >"$GH_OUT"
is "the winner's stays" "$(password)" "$two"
ok 'store is nothing to do' sh -c 'printf "protocol=https\nhost=$host\nusername=x\npassword=stranger\n\n" | "$CRED_HELPER" store'
get >"$GH_OUT"
is 'what git stores is not given out' "$(password)" "$two"
daemon=$(cred_session_pid)
kill -STOP "$daemon"
gh_at_exit "kill -CONT $daemon 2>/dev/null || :"
ok 'a daemon that does not answer: a token' timeout -k 5 90 "$CRED_HELPER" get <"$GH_WORLD/right"
like 'a new one' "$(cat "$GH_OUT")" '^password=.'
is 'and a line' "$(cat "$GH_ERR")" \
	"git-credential-hsm: the access token is given, but not kept: the session's store does not answer"
kill -CONT "$daemon"
kill "$daemon"
cred_until 'the end of the daemon' test ! -S "$XDG_RUNTIME_DIR/gitsign-hsm/credential"
get >"$GH_OUT"
isnt 'with the daemon all is gone' "$(password)" "$two"
cred_session_stop

# --- the Secret Service --------------------------------------------------------------------------
set_to hsmStore secretservice
srv oidc clear >/dev/null
ok 'kept in the keyring' in_keyring unlocked 'get'
one=$(password)
is 'in silence' "$(cat "$GH_ERR")" ''
ok 'and given in another session' in_keyring unlocked 'get'
is 'the same one' "$(password)" "$one"
is 'for one request' "$(requests)" 1
is 'nothing is in memory' "$(cred_session_pid)" ''
ok 'erase: the one that is kept' in_keyring unlocked "erase another; get; erase $one; get"
is 'not for another one' "$(password | head -n 1)" "$one"
two=$(password | tail -n 1)
isnt 'but for itself' "$two" "$one"
ok 'erase: the loser of a race' in_keyring unlocked "erase $one; get"
is "the winner's stays" "$(password)" "$two"
printf 'protocol=https\nhost=%s\npassword=%s\n\n' "$host" "$two" >"$GH_WORLD/ours"
# Whoever has the lock is about to put the next one there: nothing is taken away beside it.
is 'this profile has one lock' "$(ls "$XDG_RUNTIME_DIR"/gitsign-hsm/fetch-*.lock | wc -l)" 1
ok 'erase: while another process renews it' in_keyring unlocked \
	"flock \"\$XDG_RUNTIME_DIR\"/gitsign-hsm/fetch-*.lock \"\$CRED_HELPER\" erase <\"\$GH_WORLD/ours\"; get"
is 'it stays' "$(password)" "$two"
in_keyring unlocked 'secret-tool search --all xdg:schema org.gitsign_hsm.Tokens' >items 2>attributes
grep -c '^attribute.profile = [0-9a-f]*$' attributes >>items
is 'there is one item' "$(grep -c '^\[' items)" 1
like 'its label is for people' "$(cat items)" "^label = git-credential-hsm: $GIT_URL\$"
like 'its secret is the token' "$(cat items)" "^access=$two\$"
unlike 'its attributes are not' "$(cat attributes)" "$two|svc|read_repository"

# A keyring that cannot be used: a token all the same, in memory, and a line about it.
for state in locked empty none nobus; do
	srv oidc clear >/dev/null
	ok "$state: a token" in_keyring "$state" 'get'
	one=$(password)
	like "$state: one line says why" "$(cat "$GH_ERR")" '^git-credential-hsm: .*keyring.*kept in memory'
	is "$state: and only one" "$(grep -c . "$GH_ERR")" 1
	ok "$state: again" in_keyring "$state" 'get'
	is "$state: the same one" "$(password)" "$one"
	is "$state: for one request" "$(requests)" 1
	ok "$state: erase" in_keyring "$state" "erase $one"
	in_keyring "$state" 'get' >"$GH_OUT" 2>/dev/null
	isnt "$state: is gone" "$(password)" "$one"
	cred_session_stop
done
like 'a locked one is told as such' "$(in_keyring locked 'get' 2>&1 >/dev/null)" 'keyring is locked'
ok 'status tells it too' in_keyring locked '"$CRED_HELPER" status'
like 'and why' "$(cat "$GH_OUT")" '^ +the keyring is locked'
ok 'so does explain' in_keyring locked '"$CRED_HELPER" explain "https://$host"'
like 'below the token' "$(grep -A1 '^token' "$GH_OUT")" '^ +the keyring is locked'
in_keyring unlocked get >"$GH_OUT"
one=$(password)
not_ok 'logout: what is locked is out of reach' in_keyring locked '"$CRED_HELPER" logout "https://$host"'
like 'which is told' "$(cat "$GH_ERR")" 'neither revoked nor forgotten: the keyring is locked'
is 'once' "$(grep -c . "$GH_ERR")" 1
in_keyring unlocked get >"$GH_OUT"
is 'and true' "$(password)" "$one"
ok 'logout: what is unlocked is not' in_keyring unlocked '"$CRED_HELPER" logout "https://$host"'
like 'revoked' "$(cat "$GH_OUT")" 'revoked at the issuer, and forgotten'
in_keyring unlocked get >"$GH_OUT"
isnt 'and gone' "$(password)" "$one"
cred_session_stop

# A service that takes the name and never answers.
cat >"$GH_WORLD/deaf.pl" <<'EOT'
use IO::Socket::UNIX;
my $path = "$ENV{GH_WORLD}/deaf";
my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => 5) or die $!;
print "listening\n"; close STDOUT;
my @c; while (my $c = $s->accept) { push @c, $c }
EOT
perl "$GH_WORLD/deaf.pl" >"$GH_WORLD/deaf.out" &
deaf=$!
gh_at_exit "kill $deaf 2>/dev/null || :"
cred_until 'the deaf bus' test -s "$GH_WORLD/deaf.out"
ok 'a bus that does not answer: a token' env DBUS_SESSION_BUS_ADDRESS="unix:path=$GH_WORLD/deaf" sh -c '"$CRED_HELPER" get <"$GH_WORLD/right"'
like 'and a line' "$(cat "$GH_ERR")" 'keyring does not answer'
cred_session_stop
mkdir -p "$GH_WORLD/half/bin" "$GH_WORLD/half/libexec/gitsign-hsm"
cp "$CRED_HELPER" "$GH_WORLD/half/bin/"
cp "$GH_LIBEXEC/credential-keyring" "$GH_WORLD/half/libexec/gitsign-hsm/"
not_ok 'the same, installed by half' env DBUS_SESSION_BUS_ADDRESS="unix:path=$GH_WORLD/deaf" sh -c '"$GH_WORLD/half/bin/git-credential-hsm" get <"$GH_WORLD/right"'
is 'git is told to stop' "$(cat "$GH_OUT")" 'quit=1'
like 'and why' "$(cat "$GH_ERR")" 'keyring does not answer, and credential-fetch cannot be run'

# --- what is seen ----------------------------------------------------------------------------------
# A person's tokens, with a refresh token among them, and the PIN of the key. The programs are the
# real ones behind doors that write down what they are given: nobody can trace them, they see to that.
gh_need dbus-monitor
inst=$GH_WORLD/inst
mkdir -p "$inst/bin" "$inst/libexec/gitsign-hsm"
cp "$CRED_HELPER" "$inst/bin/"
for p in "$GH_LIBEXEC"/credential-*; do
	cp "$p" "$inst/libexec/gitsign-hsm/${p##*/}.real"
	cat >"$inst/libexec/gitsign-hsm/${p##*/}" <<-EOT
		#!/bin/sh
		{ tr '\\0' '\\n' </proc/\$\$/cmdline; tr '\\0' '\\n' </proc/\$\$/environ; } >>"$GH_WORLD/given"
		exec "\$0.real" "\$@"
	EOT
	chmod 755 "$inst/libexec/gitsign-hsm/${p##*/}"
done
CRED_HELPER=$inst/bin/git-credential-hsm
srv oidc clear >/dev/null
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
cred_profile "$GIT_URL" hsmStore session
cred_profile "$GIT_URL2" hsmIssuer "$OIDC_URL" hsmClientId cli hsmGrant device_code \
	hsmScope 'openid offline_access read_repository' hsmStore secretservice
person() {
	cred_until 'a code' grep -q 'enter  ' "$1"
	srv oidc device user_code="$(sed -n 's/^  enter  //p' "$1")" >/dev/null
}
: >"$GH_WORLD/words"
person "$GH_WORLD/words" &
seen_by_git() {
	GIT_TERMINAL_PROMPT=1 cred_keyring unlocked sh -c '
		dbus-monitor --session >"$GH_WORLD/bus" 2>&1 &
		monitor=$!
		until grep -q NameAcquired "$GH_WORLD/bus"; do sleep 0.05; done
		export GIT_TRACE=1 GIT_TRACE_CURL=1 GIT_CURL_VERBOSE=1 GIT_TRACE2=1
		git clone -q "$1/demo.git" seen || exit 1
		ask() { printf "protocol=https\nhost=%s\n%s\n" "${1#https://}" "$2"; }
		token=$(ask "$1" "" | "$CRED_HELPER" get | sed -n "s/^password=//p")
		ask "$1" "username=x
password=$token
" | "$CRED_HELPER" erase
		git -C seen fetch -q || exit 1
		"$CRED_HELPER" get <"$GH_WORLD/right" >"$GH_WORLD/answer"
		kill $monitor' seen "$GIT_URL2" 2>>"$GH_WORLD/words"
}
ok 'a clone, a refusal, a fetch by a refreshed token, another one by a key' seen_by_git
srv oidc issued what=access_token >secrets
srv oidc issued what=refresh_token >>secrets
echo "$GH_PIN" >>secrets
is 'two refresh tokens are among the secrets' "$(srv oidc issued what=refresh_token | sort -u | wc -l)" 2
like 'the one by a key was given' "$(cat "$GH_WORLD/answer")" '^password=.'
rm -f "$GH_WORLD/answer" items
for p in credential-fetch credential-keyring credential-session; do
	like "$p was written down" "$(cat "$GH_WORLD/given")" "/$p\$"
done
like 'with its environment' "$(cat "$GH_WORLD/given")" '^GIT_TRACE=1'
like 'the bus was heard' "$(cat "$GH_WORLD/bus")" 'CreateItem|SearchItems'
# nowhere DESCRIPTION FILE...: none of them stands there.
nowhere() {
	local desc
	desc=$1
	shift
	is "$desc" "$(grep -aFlf secrets "$@" 2>/dev/null)" ''
}
grep -aFlf secrets secrets >/dev/null || bail 'the search finds nothing anywhere'
nowhere 'none in arguments and environments' "$GH_WORLD/given"
nowhere 'none on the bus' "$GH_WORLD/bus"
nowhere 'none in what is said and traced' "$GH_WORLD/words"
is 'none in files' "$(find "$HOME" "$XDG_RUNTIME_DIR" -type f -exec grep -aFlf secrets {} +)" ''

# The keyring is gone between two questions: the refresh token that it has kept is used up then, and
# the next one is in the session's memory. Back again, it is not asked for the old one, though by its
# clock, which was ahead and has been set right meanwhile, that is the younger.
cat >"$inst/libexec/gitsign-hsm/credential-keyring" <<-EOT
	#!/bin/sh
	case \$1 in
	store*)
		cat >"$GH_WORLD/asked"
		if [ -e "$GH_WORLD/nosave" ] && grep -aq '^refresh=' "$GH_WORLD/asked"; then exit 1; fi
		exec "\$0.real" "\$@" <"$GH_WORLD/asked"
		;;
	esac
	exec "\$0.real" "\$@"
EOT
: >"$GH_WORLD/words"
away_and_back() {
	GIT_TERMINAL_PROMPT=0 cred_keyring unlocked sh -c '
		ask() { printf "protocol=https\nhost=%s\n%s\n" "${url#https://}" "$1"; }
		get() { ask "" | "$CRED_HELPER" get | sed -n "s/^password=//p"; }
		erase() {
			ask "username=x
password=$1
" | "$CRED_HELPER" erase
		}
		url=$1
		erase "$(get)"
		export GH_CLOCK=3600
		LD_PRELOAD=$clock ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 erase "$(
			LD_PRELOAD=$clock ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 get)"
		unset GH_CLOCK
		touch "$GH_WORLD/nosave"
		two=$(get 2>"$GH_WORLD/note")
		rm "$GH_WORLD/nosave"
		erase "$two"
		three=$(get 2>"$GH_WORLD/back")
		# What is stored from now on stands in both.
		erase "$three"
		four=$(get 2>>"$GH_WORLD/back")
		erase "$four"
		echo "$two $three $four $(get 2>>"$GH_WORLD/back")"' away "$GIT_URL2" 2>>"$GH_WORLD/words"
}
clock=$GH_TOOLS/clock.so
export clock
away_and_back >pair
like 'a keyring that is gone while a token is stored' "$(cat note)" 'kept in memory until the session ends'
like 'and back: the next tokens' "$(cat pair)" '^[^ ]+ [^ ]+ [^ ]+ [^ ]+$'
is 'each is another one' "$(tr ' ' '\n' <pair | sort -u | wc -l | tr -d ' ')" 4
is 'and nothing is asked' "$(cat back)" ''
# What stands in memory, too, is the last one: where the keyring is locked again, it does.
before=$(requests)
in_locked() {
	cred_keyring locked sh -c 'printf "protocol=https\nhost=%s\n\n" "$1" | GIT_TERMINAL_PROMPT=0 "$CRED_HELPER" get' \
		locked "${GIT_URL2#https://}"
}
ok 'a keyring that is locked after all' in_locked
is 'the last one is in memory' "$(password)" "$(cut -d ' ' -f 4 pair)"
is 'and the issuer is not asked' "$(requests)" "$before"
rm -f pair asked

# Killed by a signal that dumps core while it has secrets in hand: what proves who asks, which the
# issuer has, and the answer is slow to come. (prlimit: the shell's ulimit -c.)
cred_session_stop
in_hand() {
	srv oidc last path=/token | sed -n 's/.*"client_assertion":"\([^"]*\)".*/\1/p' >secrets
	[ -s secrets ]
}
# aborted [VARIABLE=VALUE...]: dumps into the directory `cores`.
aborted() {
	local asks
	rm -rf cores
	mkdir cores
	srv oidc clear >/dev/null
	srv oidc fault kind=slow ms=500 on='POST /token' >/dev/null
	(cd cores && exec prlimit --core=unlimited env "$@" "$CRED_HELPER" get <"$GH_WORLD/right" >/dev/null 2>"$GH_ERR") &
	asks=$!
	cred_until 'a process that waits for the issuer' in_hand
	pkill -ABRT -P "$asks"
	wait "$asks"
}
dumps_with_secrets() {
	find cores -type f -exec grep -aFlf secrets {} +
}
# Without its protection: is a core dump written here at all, and is it there?
aborted "LD_PRELOAD=$GH_TOOLS/dumps.so" ASAN_OPTIONS=verify_asan_link_order=0
if [ -z "$(dumps_with_secrets)" ]; then
	skip 'no core dump of an unprotected process can be had here' 3
else
	pass 'a core dump of an unprotected process has it'
	aborted
	like 'a crash is told' "$(cat "$GH_ERR")" 'ended by signal 6'
	is 'and leaves no core' "$(find cores -type f)" ''
fi
done_testing
